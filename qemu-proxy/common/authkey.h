/* SPDX-License-Identifier: GPL-2.0 */
/* A public key as in OpenSSH's authorized_keys: is this line one? */
#ifndef VSB_AUTHKEY_H
#define VSB_AUTHKEY_H

#include <glib.h>

#define VSB_AUTHKEY_MAX		(16 * 1024)	/* bytes of a line */

/*
 * "TYPE BASE64 [COMMENT]", no options before it, no newline in it. The key itself is
 * not judged: vsb-console does that. Return: FALSE with a BadRequest.
 */
gboolean vsb_authkey_check(const char *line, GError **error);

#endif
