// SPDX-License-Identifier: GPL-2.0
/* Names of keys and keyboard layouts: what is pressed, and what is refused. */
#include "keymap.h"
#include "keys.h"

#include <string.h>

/* Return: (transfer full): "ctrl-alt-delete a", and how many units end. */
static char *shown(const GArray *strokes, guint *ends)
{
	GString *text = g_string_new(NULL);

	*ends = 0;
	for (guint i = 0; i < strokes->len; i++) {
		const struct stroke *stroke = &g_array_index(strokes, struct stroke, i);

		g_assert_cmpuint(stroke->nr, >=, 1);
		g_assert_cmpuint(stroke->bytes, >=, 3 * stroke->nr);
		g_assert_cmpuint(stroke->bytes, <=, KEYS_QUEUE);
		for (guint k = 0; k < stroke->nr; k++)
			g_string_append_printf(text, "%s%s", k ? "-" : i ? " " : "",
					       stroke->key[k]);
		*ends += stroke->ends;
	}
	return g_string_free(text, FALSE);
}

static void test_keys(void)
{
	static const struct {
		const char *text, *keys;
		guint ends;
	} cases[] = {
		{ "a", "a", 1 },
		{ "ctrl-alt-delete", "ctrl-alt-delete", 1 },
		{ "Ctrl-Alt-Del", "ctrl-alt-delete", 1 },
		{ "ctrl_r-shift_r-delete", "ctrl_r-shift_r-delete", 1 },
		{ "  esc   enter ", "esc ret", 2 },
		{ "alt-sysrq-h", "alt-sysrq-h", 1 },
		{ "control-shift-alt-super-x", "ctrl-shift-alt-meta_l-x", 0 },
		{ "altgr-q menu win space escape return ins pageup pagedown",
		  "alt_r-q compose meta_l spc esc ret insert pgup pgdn", 9 },
		{ "pause print", "pause print", 2 },
		{ "a-b-c-d-e", "a-b-c-d-e", 1 },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GArray) strokes = keys_parse(cases[i].text, &error);
		g_autofree char *keys = NULL;
		guint ends;

		g_test_message("'%s': %s", cases[i].text, error ? error->message : "-");
		/* 3 + 3 + 3 + 5 + 3 bytes are one too many. */
		if (!cases[i].ends) {
			g_assert_null(strokes);
			g_assert_nonnull(strstr(error->message, "too many keys at once"));
			continue;
		}
		g_assert_no_error(error);
		keys = shown(strokes, &ends);
		g_assert_cmpstr(keys, ==, cases[i].keys);
		g_assert_cmpuint(ends, ==, cases[i].ends);
	}
}

static void test_bad_keys(void)
{
	static const char * const cases[] = {
		"", " ", "-", "a-", "-a", "a--b", "nosuch", "a nosuch", "a-a", "ctrl-control",
		"sh", "shift_", "caps", "f13", "\xc3\xa4", "\n", "a\tb", "menu-compose",
		"a-b-c-d-e-f", "alt_r-sysrq-h", "print-pause", "esc\ndel", "unmapped", "a b\x01",
	};
	g_autofree char *many = g_strnfill(2 * STROKES_MAX + 1, 'a');
	g_autofree char *huge = g_strnfill(60000, '-');
	g_autoptr(GError) error = NULL;
	g_autoptr(GArray) most = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) cause = NULL;
		GArray *strokes = keys_parse(cases[i], &cause);

		g_test_message("'%s': %s", cases[i], cause ? cause->message : "-");
		g_assert_null(strokes);
		g_assert_nonnull(cause);
		g_assert_cmpuint(strlen(cause->message), <, 300);
	}
	for (guint i = 1; many[i]; i += 2)
		many[i] = ' ';
	g_assert_null(keys_parse(many, &error));
	g_assert_nonnull(strstr(error->message, "at most 64"));
	many[2 * STROKES_MAX - 1] = '\0';
	most = keys_parse(many, NULL);
	g_assert_cmpuint(most->len, ==, STROKES_MAX);
	g_assert_null(keys_parse(huge, NULL));
}

static void test_text(void)
{
	static const struct {
		const char *map, *text, *keys;
		guint ends;
	} cases[] = {
		{ "en-us", "aZ", "a shift-z", 2 },
		{ "en-us", "/|\"`~", "slash shift-backslash shift-apostrophe grave_accent "
		  "shift-grave_accent", 5 },
		{ "en-us", "a b\tc\r\n", "a spc b tab c ret", 6 },
		{ "en-us", "0)-_=+", "0 shift-0 minus shift-minus equal shift-equal", 6 },
		{ "de", "zY", "y shift-z", 2 },
		{ "de", "@{[]}\\~|€µ", "alt_r-q alt_r-7 alt_r-8 alt_r-9 alt_r-0 alt_r-minus "
		  "alt_r-bracket_right alt_r-less alt_r-e alt_r-m", 10 },
		{ "de", "äöüß", "apostrophe semicolon bracket_left minus", 4 },
		{ "de", "ÄÖÜ?§", "shift-apostrophe shift-semicolon shift-bracket_left shift-minus "
		  "shift-3", 5 },
		{ "de", "<>-_#'", "less shift-less slash shift-slash backslash shift-backslash", 6 },
		{ "de", "^a´`", "grave_accent spc a equal spc shift-equal spc", 4 },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GArray) strokes = keymap_strokes(cases[i].map, cases[i].text, &error);
		g_autofree char *keys = NULL;
		guint ends;

		g_test_message("%s: '%s'", cases[i].map, cases[i].text);
		g_assert_no_error(error);
		keys = shown(strokes, &ends);
		g_assert_cmpstr(keys, ==, cases[i].keys);
		g_assert_cmpuint(ends, ==, cases[i].ends);
	}
}

/* All that ASCII prints is on both, each with keys of its own. */
static void test_ascii(void)
{
	static const char * const maps[] = { "en-us", "de" };

	for (gsize i = 0; i < G_N_ELEMENTS(maps); i++) {
		g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal,
								   g_free, NULL);

		g_assert_nonnull(strstr(keymap_names(), maps[i]));
		for (char c = ' '; c < 127; c++) {
			char text[] = { c, '\0' };
			g_autoptr(GError) error = NULL;
			g_autoptr(GArray) strokes = keymap_strokes(maps[i], text, &error);
			guint ends;

			g_test_message("%s: '%s'", maps[i], text);
			g_assert_no_error(error);
			g_assert_true(g_hash_table_add(seen, shown(strokes, &ends)));
			g_assert_cmpuint(ends, ==, 1);
		}
	}
}

static void test_bad_text(void)
{
	static const struct {
		const char *map, *text, *words;
	} cases[] = {
		{ "en-us", "abcä", "character 4, 'ä' (U+00E4)" },
		{ "en-us", "a\rb", "character 2, '?' (U+000D)" },
		{ "en-us", "\033[2J", "character 1, '?' (U+001B)" },
		{ "de", "ab\xe2\x80\xae", "character 3, '?' (U+202E)" },
		{ "de", "ñ", "nothing was typed" },
		{ "en-us", "", "no text" },
		{ "", "a", "no key map ''" },
		{ "EN-US", "a", "there are en-us, de" },
		{ "de\033", "a", "no key map 'de\\033'" },
	};
	g_autofree char *many = g_strnfill(KEYMAP_TEXT_MAX + 1, '[');
	g_autoptr(GArray) most = NULL;
	g_autoptr(GError) error = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) cause = NULL;

		g_assert_null(keymap_strokes(cases[i].map, cases[i].text, &cause));
		g_test_message("%s", cause->message);
		g_assert_nonnull(strstr(cause->message, cases[i].words));
	}
	g_assert_null(keymap_strokes("de", many, &error));
	g_assert_nonnull(strstr(error->message, "at most 4096"));
	many[KEYMAP_TEXT_MAX] = '\0';
	most = keymap_strokes("de", many, NULL);
	g_assert_cmpuint(most->len, ==, KEYMAP_TEXT_MAX);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/keys/keys", test_keys);
	g_test_add_func("/keys/bad-keys", test_bad_keys);
	g_test_add_func("/keys/text", test_text);
	g_test_add_func("/keys/ascii", test_ascii);
	g_test_add_func("/keys/bad-text", test_bad_text);
	return g_test_run();
}
