/* SPDX-License-Identifier: GPL-2.0 */
/* Which keys make a text: keyboard layouts, as small tables. */
#ifndef VSB_KEYMAP_H
#define VSB_KEYMAP_H

#include <glib.h>

#define KEYMAP_DEFAULT		"en-us"
#define KEYMAP_TEXT_MAX		4096	/* characters */

/* Return: the layouts, for a person: "en-us, de". */
const char *keymap_names(void);

/*
 * The keys that write @text (UTF-8) in a user VM with layout @map and Caps Lock off. A
 * newline is the Return key.
 * Return: (transfer full): of struct stroke, or NULL: no such layout, a character that
 * is not on it, none at all or too many.
 */
GArray *keymap_strokes(const char *map, const char *text, GError **error);

#endif
