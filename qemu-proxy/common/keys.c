// SPDX-License-Identifier: GPL-2.0
/* Keys by name. */
#include "keys.h"

#include <string.h>

#include "error.h"

#define ONE_BYTE	3	/* XX, F0 XX */
#define TWO_BYTES	5	/* E0 XX, E0 F0 XX */

/* What a PS/2 keyboard of QEMU 7.2 sends something for, in scan code set 2. */
static const char one_byte[] =
	"1 2 3 4 5 6 7 8 9 0 a b c d e f g h i j k l m n o p q r s t u v w x y z "
	"shift shift_r alt ctrl esc minus equal backspace tab bracket_left bracket_right ret "
	"semicolon apostrophe grave_accent backslash less comma dot slash spc asterisk "
	"caps_lock num_lock scroll_lock f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 "
	"kp_0 kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8 kp_9 kp_multiply kp_subtract kp_add "
	"kp_decimal kp_comma kp_equals ro yen henkan muhenkan hiragana katakanahiragana";
static const char two_bytes[] =
	"ctrl_r meta_l meta_r compose insert delete home end pgup pgdn up down left right "
	"kp_divide kp_enter stop power sleep wake audionext audioprev audiostop audioplay "
	"audiomute volumeup volumedown mediaselect mail calculator computer ac_home ac_back "
	"ac_forward ac_refresh ac_bookmarks";
static const struct {
	const char *name;
	guint bytes;
} others[] = {
	{ "pause", 8 },
	/* With alt it releases and presses that in between, ps2_keyboard_event(). */
	{ "print", 10 },
	{ "sysrq", 10 },
	/* 5, and 7 with print: these two do not fit. */
	{ "alt_r", 7 },
};

/* Names that people and other programs use. */
static const char * const aliases[][2] = {
	{ "control", "ctrl" }, { "altgr", "alt_r" }, { "super", "meta_l" }, { "win", "meta_l" },
	{ "menu", "compose" }, { "escape", "esc" }, { "enter", "ret" }, { "return", "ret" },
	{ "space", "spc" }, { "del", "delete" }, { "ins", "insert" }, { "pageup", "pgup" },
	{ "pagedown", "pgdn" },
};

/* Whether @name is one of the words of @list. */
static gboolean has_word(const char *list, const char *name)
{
	gsize len = strlen(name);

	for (const char *at = list; (at = strstr(at, name)); at++)
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return TRUE;
	return FALSE;
}

/* Return: how many bytes the queue needs for it, 0: there is no such key. */
static guint bytes_of(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
		if (!strcmp(others[i].name, name))
			return others[i].bytes;
	if (!*name || strchr(name, ' '))
		return 0;
	return has_word(one_byte, name) ? ONE_BYTE : has_word(two_bytes, name) ? TWO_BYTES : 0;
}

gboolean stroke_add(struct stroke *stroke, const char *name, GError **error)
{
	guint bytes;

	for (gsize i = 0; i < G_N_ELEMENTS(aliases); i++)
		if (!strcmp(aliases[i][0], name))
			name = aliases[i][1];
	bytes = bytes_of(name);
	if (!bytes) {
		g_autofree char *shown = g_strescape(name, NULL);

		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "there is no key '%.40s'; keys are called as in QEMU (QKeyCode): a, 1, "
			    "ret, f1, ctrl, alt, shift, delete, sysrq ...", shown);
		return FALSE;
	}
	/* QEMU takes a key that is down for repeated, and it is released only once. */
	for (guint i = 0; i < stroke->nr; i++) {
		if (strcmp(stroke->key[i], name))
			continue;
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "key '%s' is pressed twice at once", name);
		return FALSE;
	}
	if (stroke->nr == STROKE_KEYS || stroke->bytes + bytes > KEYS_QUEUE) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "these are too many keys at once for a PS/2 keyboard, up to '%s'; "
			    "press fewer, and alt instead of alt_r with sysrq", name);
		return FALSE;
	}
	stroke->key[stroke->nr++] = g_intern_string(name);
	stroke->bytes += bytes;
	return TRUE;
}

GArray *keys_parse(const char *text, GError **error)
{
	g_autoptr(GArray) strokes = g_array_new(FALSE, FALSE, sizeof(struct stroke));
	g_autofree char *lower = g_ascii_strdown(text, -1);
	g_auto(GStrv) words = g_strsplit(lower, " ", STROKES_MAX + 2);

	for (char **word = words; *word; word++) {
		g_auto(GStrv) names = g_strsplit(*word, "-", STROKE_KEYS + 2);
		struct stroke stroke = { .ends = 1 };

		if (!**word)
			continue;
		if (strokes->len == STROKES_MAX) {
			g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "at most %d keys can be sent at a time; send the others after "
				    "these", STROKES_MAX);
			return NULL;
		}
		for (char **name = names; *name; name++)
			if (!stroke_add(&stroke, *name, error))
				return NULL;
		g_array_append_val(strokes, stroke);
	}
	if (strokes->len)
		return g_steal_pointer(&strokes);
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "name at least one key, e.g. ctrl-alt-delete");
	return NULL;
}
