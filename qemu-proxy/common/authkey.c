// SPDX-License-Identifier: GPL-2.0
/* Lines of authorized_keys, without a library of SSH. */
#include "authkey.h"

#include <string.h>

#include "error.h"

/* RFC 4253 6.6: the key begins with its type, as a string with its length before it. */
static gboolean blob_is_of(const char *base64, const char *type)
{
	g_autofree guchar *blob = NULL;
	gsize len, type_len = strlen(type);
	guint32 first;

	if (!*base64 || strlen(base64) % 4 ||
	    strspn(base64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") !=
	    strlen(base64))
		return FALSE;
	blob = g_base64_decode(base64, &len);
	if (!blob || len <= sizeof(first) + type_len)
		return FALSE;
	memcpy(&first, blob, sizeof(first));
	return GUINT32_FROM_BE(first) == type_len && !memcmp(blob + sizeof(first), type, type_len);
}

gboolean vsb_authkey_check(const char *line, GError **error)
{
	g_auto(GStrv) words = NULL;
	g_autofree char *shown = NULL;
	gboolean text = TRUE;

	for (const char *c = line; *c; c++)
		text = text && !g_ascii_iscntrl(*c);
	if (text && strlen(line) <= VSB_AUTHKEY_MAX && g_utf8_validate(line, -1, NULL)) {
		words = g_strsplit(line, " ", 3);
		if (words[0] && words[1] && blob_is_of(words[1], words[0]))
			return TRUE;
	}
	shown = vsb_error_shown(line, 60);
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
		    "'%s' is no public key; give a line of a .pub file of ssh-keygen: type, key, "
		    "comment", shown);
	return FALSE;
}
