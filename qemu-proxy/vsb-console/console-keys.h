/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may attach to a user VM: the file KEYS/NAME of authorized_keys lines.
 * It is read anew for each key that a client offers, so a key that is removed
 * is refused from then on.
 */
#ifndef CONSOLE_KEYS_H
#define CONSOLE_KEYS_H

#include <glib.h>

#define VSB_KEYS_MAX_BYTES	(64 * 1024)

#define VSB_KEYS_ERROR		(g_quark_from_static_string("vsb-keys"))
enum vsb_keys_error {
	VSB_KEYS_NO_VM,		/* no such file, or no such name */
	VSB_KEYS_REFUSED,	/* the file or its folder cannot be trusted */
	VSB_KEYS_NOT_LISTED,
};

/* @key: in base64, as it stands in such a file. Nothing looks into it. */
gboolean vsb_keys_allow(const char *dir, const char *name, const char *key, GError **error);

/* The same with two folders; @attached_dir is vsbypassd's, see access.h. */
gboolean vsb_keys_allow_either(const char *dir, const char *attached_dir, const char *name,
			       const char *key, GError **error);

/* How long to wait with the answer, of which @taken_us are over. */
#define VSB_KEYS_ANSWER_US	5000
gint64 vsb_keys_wait_us(gint64 taken_us);

char *vsb_key_fingerprint(const char *key);

#endif
