// SPDX-License-Identifier: GPL-2.0
/*
 * console-modes.c and console-replay.c: bytes of a user VM. The first two are rows and columns of who
 * attaches, the third how much of the rest has gone by before. What he is shown asks his terminal
 * nothing, which it would answer into the user VM.
 */
#include "fuzz.h"

#include <string.h>

#include "console-replay.h"

/* Only text, and what draws. */
static void assert_harmless(const GByteArray *out)
{
	static GRegex *drawing;
	g_autofree char *text = g_strndup(out->len ? (const char *)out->data : "", out->len);
	g_autofree char *rest = NULL;

	if (!drawing)
		drawing = g_regex_new("\x1b\\[[0-9;]*[mHACr]|\x1b\\[2J|\x1b\\[\\?[0-9]+[hl]|\x1b\\[(4|12|20)[hl]|"
				      "\x1b[()*+][0-9A-Za-z]|\x1b=|\x1b\\[[0-9]+ q|\x0e|\r|\n", G_REGEX_RAW, 0, NULL);
	g_assert_cmpuint(strlen(text), ==, out->len);
	rest = g_regex_replace_literal(drawing, text, -1, 0, "", 0, NULL);
	for (const char *c = rest; *c; c++)
		g_assert_false(g_ascii_iscntrl(*c));
	g_assert_false(g_regex_match_simple("\xc2[\x80-\x9f]", rest, G_REGEX_RAW, 0));
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	guint rows = take_byte(&in), columns = take_byte(&in);
	gsize before = take_byte(&in);
	g_autoptr(GByteArray) out = g_byte_array_new(), described = g_byte_array_new();
	struct vsb_modes modes = { 0 }, copy;
	g_autofree guint8 *rest = NULL;
	gsize len, skip;

	before = MIN(before, in.len);
	len = in.len - before;
	vsb_modes_feed(&modes, in.data, before);
	rest = g_memdup2(in.data + before, len);
	copy = modes;
	skip = vsb_modes_finish(&copy, rest, len);
	g_assert_cmpuint(skip, <=, len);
	vsb_modes_describe(&copy, described);
	vsb_replay(&modes, rest, len, rows, columns, out);
	/* What is not complete stands behind it as it came. */
	if (vsb_modes_between(&modes))
		assert_harmless(out);
	vsb_modes_full_screen(&modes);
	g_byte_array_set_size(out, 0);
	vsb_modes_reset(&modes, out);
	/* Then there is nothing more to set back. */
	g_byte_array_set_size(out, 0);
	vsb_modes_reset(&modes, out);
	g_assert_cmpuint(out->len, ==, 0);
	return 0;
}
