/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's copies of the keys with which user VMs prove who they are: a folder
 * with a file for each user VM, named after it. Documentation/identity.rst.
 */
#ifndef VSB_IDENTITY_STORE_H
#define VSB_IDENTITY_STORE_H

#include <glib.h>

#include "key-text.h"

#define IDENTITY_DIR	"/etc/vsbypass/identity"

/**
 * struct identity - how a user VM is known
 * @required:	without a proof no data pass
 * @has_key:	it can prove who it is, with @key
 */
struct identity {
	gboolean required;
	gboolean has_key;
	struct key key;
};

/* "first-seen" or "required". */
gboolean identity_mode_parse(const char *text, gboolean *required, GError **error);
const char *identity_mode_text(gboolean required);

/*
 * Reads the key of user VM @name, if it has one. FALSE: it is required and not there,
 * or a file is there that cannot be trusted or makes no sense.
 */
gboolean identity_load(const char *dir, const char *name, gboolean required,
		       struct identity *identity, GError **error);

/*
 * Makes a key and stores it; the folder is made if it is not there. @replace: an
 * earlier key is lost. Return: (transfer full): the line for the guest.
 */
char *identity_create(const char *dir, const char *name, gboolean replace, GError **error);

#endif
