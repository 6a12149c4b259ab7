// SPDX-License-Identifier: GPL-2.0
/* Which keys make a text. */
#include "keymap.h"

#include <string.h>

#include "error.h"
#include "keys.h"

/* Where keys that write something are, in rows from the left; named as on a US keyboard. */
static const char * const places[] = {
	"grave_accent", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "minus", "equal",
	"q", "w", "e", "r", "t", "y", "u", "i", "o", "p", "bracket_left", "bracket_right",
	"backslash",
	"a", "s", "d", "f", "g", "h", "j", "k", "l", "semicolon", "apostrophe",
	"less", "z", "x", "c", "v", "b", "n", "m", "comma", "dot", "slash",
};

/**
 * struct keymap - a layout
 * @plain:	what each of @places writes, a space: nothing
 * @shift:	with Shift
 * @altgr:	with the right Alt key
 * @dead:	of these, those that wait for another key; a space writes them alone
 */
static const struct keymap {
	const char *name;
	const char *plain;
	const char *shift;
	const char *altgr;
	const char *dead;
} keymaps[] = {
	{
		.name = "en-us",
		.plain = "`1234567890-=" "qwertyuiop[]\\" "asdfghjkl;'" " zxcvbnm,./",
		.shift = "~!@#$%^&*()_+" "QWERTYUIOP{}|" "ASDFGHJKL:\"" " ZXCVBNM<>?",
		.altgr = "",
		.dead = "",
	}, {
		.name = "de",
		.plain = "^1234567890ß´" "qwertzuiopü+#" "asdfghjklöä" "<yxcvbnm,.-",
		.shift = "°!\"§$%&/()=?`" "QWERTZUIOPÜ*'" "ASDFGHJKLÖÄ" ">YXCVBNM;:_",
		.altgr = "  ²³   {[]}\\ " "@ €        ~ " "           " "|      µ",
		.dead = "^´`",
	},
};

const char *keymap_names(void)
{
	return "en-us, de";
}

/* Adds the key that is at the place of @c in @row. */
static gboolean add_place(struct stroke *stroke, const char *row, gunichar c)
{
	const char *at = g_utf8_strchr(row, -1, c);

	return at && stroke_add(stroke, places[g_utf8_pointer_to_offset(row, at)], NULL);
}

static gboolean find(const struct keymap *map, gunichar c, struct stroke *stroke)
{
	switch (c) {
	case ' ':
		return stroke_add(stroke, "spc", NULL);
	case '\n':
		return stroke_add(stroke, "ret", NULL);
	case '\t':
		return stroke_add(stroke, "tab", NULL);
	}
	if (add_place(stroke, map->plain, c))
		return TRUE;
	if (g_utf8_strchr(map->shift, -1, c))
		return stroke_add(stroke, "shift", NULL) && add_place(stroke, map->shift, c);
	if (g_utf8_strchr(map->altgr, -1, c))
		return stroke_add(stroke, "alt_r", NULL) && add_place(stroke, map->altgr, c);
	return FALSE;
}

static gboolean add_character(const struct keymap *map, gunichar c, GArray *strokes)
{
	struct stroke stroke = { .ends = 1 }, space = { .ends = 1 };
	gboolean dead = g_utf8_strchr(map->dead, -1, c) != NULL;

	if (!find(map, c, &stroke))
		return FALSE;
	stroke.ends = !dead;
	g_array_append_val(strokes, stroke);
	if (dead && find(map, ' ', &space))
		g_array_append_val(strokes, space);
	return TRUE;
}

static const struct keymap *find_map(const char *name, GError **error)
{
	g_autofree char *shown = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(keymaps); i++)
		if (!strcmp(keymaps[i].name, name))
			return &keymaps[i];
	shown = g_strescape(name, NULL);
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
		    "there is no key map '%.40s'; there are %s", shown, keymap_names());
	return NULL;
}

static void refuse(const struct keymap *map, gunichar c, guint nr, GError **error)
{
	char utf8[7] = "";

	g_unichar_to_utf8(g_unichar_isgraph(c) ? c : '?', utf8);
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
		    "character %u, '%s' (U+%04X), is not on a keyboard with key map '%s'; nothing "
		    "was typed; there are the key maps %s", nr, utf8, c, map->name,
		    keymap_names());
}

GArray *keymap_strokes(const char *name, const char *text, GError **error)
{
	g_autoptr(GArray) strokes = g_array_new(FALSE, FALSE, sizeof(struct stroke));
	const struct keymap *map = find_map(name, error);
	guint nr = 0;

	if (!map)
		return NULL;
	for (const char *p = text; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		/* A file from elsewhere. */
		if (c == '\r' && p[1] == '\n')
			continue;
		if (++nr > KEYMAP_TEXT_MAX) {
			g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "the text is too long; at most %d characters can be typed at a "
				    "time", KEYMAP_TEXT_MAX);
			return NULL;
		}
		if (add_character(map, c, strokes))
			continue;
		refuse(map, c, nr, error);
		return NULL;
	}
	if (strokes->len)
		return g_steal_pointer(&strokes);
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST, "there is no text to type");
	return NULL;
}
