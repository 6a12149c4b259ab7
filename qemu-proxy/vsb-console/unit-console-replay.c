// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what somebody who attaches is shown, with libvterm in the place of his
 * terminal: it answers nothing, it looks as that of one who was there all the time, and it
 * is as before when he leaves.
 */
#include "console-replay.h"

#include <string.h>
#include <time.h>
#include <vterm.h>

#define BACKLOG	(64 * 1024)

struct terminal {
	VTerm *vt;
	VTermScreen *screen;
	GString *answers;
	int props[VTERM_N_PROPS];
};

static void on_answer(const char *text, size_t len, void *data)
{
	struct terminal *terminal = data;

	g_string_append_len(terminal->answers, text, len);
}

static int on_prop(VTermProp prop, VTermValue *value, void *data)
{
	struct terminal *terminal = data;

	if (vterm_get_prop_type(prop) == VTERM_VALUETYPE_BOOL)
		terminal->props[prop] = value->boolean;
	else if (vterm_get_prop_type(prop) == VTERM_VALUETYPE_INT)
		terminal->props[prop] = value->number;
	return 1;
}

static void terminal_init(struct terminal *terminal)
{
	static const VTermScreenCallbacks callbacks = { .settermprop = on_prop };

	memset(terminal, 0, sizeof(*terminal));
	terminal->answers = g_string_new(NULL);
	terminal->vt = vterm_new(VSB_ROWS, VSB_COLUMNS);
	vterm_set_utf8(terminal->vt, 1);
	vterm_output_set_callback(terminal->vt, on_answer, terminal);
	terminal->screen = vterm_obtain_screen(terminal->vt);
	vterm_screen_enable_altscreen(terminal->screen, 1);
	vterm_screen_set_callbacks(terminal->screen, &callbacks, terminal);
	vterm_screen_reset(terminal->screen, 1);
}

static void terminal_clear(struct terminal *terminal)
{
	vterm_free(terminal->vt);
	g_string_free(terminal->answers, TRUE);
}

static void show(struct terminal *terminal, const void *data, gsize len)
{
	vterm_input_write(terminal->vt, data, len);
	vterm_screen_flush_damage(terminal->screen);
}

/* Return: (transfer full): its lines, without blanks at their ends. */
static char *text_of(struct terminal *terminal)
{
	GString *text = g_string_new(NULL);

	for (int row = 0; row < VSB_ROWS; row++) {
		char line[VSB_COLUMNS * 6 * 6 + 1];
		VTermRect rect = { row, row + 1, 0, VSB_COLUMNS };
		gsize n = vterm_screen_get_text(terminal->screen, line, sizeof(line) - 1, rect);

		line[n] = '\0';
		g_string_append_printf(text, "%s\n", g_strchomp(line));
	}
	return g_string_free(text, FALSE);
}

static VTermPos cursor_of(struct terminal *terminal)
{
	VTermPos pos;

	vterm_state_get_cursorpos(vterm_obtain_state(terminal->vt), &pos);
	return pos;
}

static GByteArray *replay_of(struct vsb_modes *modes, const void *data, gsize len)
{
	GByteArray *out = g_byte_array_new();

	vsb_replay(modes, data, len, VSB_ROWS, VSB_COLUMNS, out);
	return out;
}

/* Only text, lines, and what draws; @len: without an incomplete end. */
static void assert_harmless(const guint8 *data, gsize len)
{
	/* An empty array has no data. */
	g_autofree char *text = g_strndup(len ? (const char *)data : "", len);
	g_autoptr(GRegex) drawing = g_regex_new(
		"\x1b\\[[0-9;]*[mHACr]|\x1b\\[2J|\x1b\\[\\?[0-9]+[hl]|\x1b\\[(4|12|20)[hl]|"
		"\x1b[()*+][0-9A-Za-z]|\x1b=|\x1b\\[[0-9]+ q|\x0e|\r|\n", G_REGEX_RAW, 0, NULL);
	g_autofree char *rest = NULL;

	g_assert_cmpuint(strlen(text), ==, len);
	rest = g_regex_replace_literal(drawing, text, -1, 0, "", 0, NULL);
	for (const char *c = rest; *c; c++)
		if (g_ascii_iscntrl(*c))
			g_error("control character 0x%02x left, %.20s", *c, g_strescape(c, NULL));
	/* U+0080 to U+009F */
	g_assert_null(g_regex_match_simple("\xc2[\x80-\x9f]", rest, G_REGEX_RAW, 0) ? rest : NULL);
}

static void test_queries(void)
{
	static const char * const queries[] = {
		"\x1b[6n", "\x1b[5n", "\x1b[?6n", "\x1b[?15n", "\x1b[c", "\x1b[0c", "\x1b[>c", "\x1b[=c",
		"\x1b[>0q", "\x1bZ", "\x05", "\x1b[?2004$p", "\x1b[4$p", "\x1bP$qm\x1b\\", "\x1bP$q r\x1b\\",
		"\x1bP+q544e\x1b\\", "\x1b]10;?\x07", "\x1b]11;?\x1b\\", "\x1b]52;c;?\x07", "\x1b]4;1;?\x07",
		"\x1b[18t", "\x1b[14t", "\x1b[21t", "\x1b[20t", "\x1b[x", "\x1b[1x", "\x1b[?u", "\x1b[?996n",
		"\x1b[1;1;1;1;1;1*y", "\x1b[?26n", "\x1b[?1$w", "\x1b[2$w", "\x1b_Gi=31,s=1,v=1,a=q;AAAA\x1b\\",
		"\xc2\x9b" "6n", "\xc2\x9b" "c", "\xc2\x9a", "\x9b" "6n", "\x1b[\r6n", "\x1b[6\x05n", "\x1b[?1004h",
		"\x1b[?2048h", "\x1b[?2031h", "\x1b[?1;2;6n", "\x1b[;6n", "\x1b[000006n", "\x1b]l\x07",
		"\x1b[?1000h\x1b[6n", "\x1b[?1049h\x1b[6n",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(queries); i++) {
		g_autofree char *text = g_strdup_printf("one\r\n%stwo\r\nlogin: ", queries[i]);
		g_autofree char *escaped = g_strescape(queries[i], NULL);
		g_autoptr(GByteArray) out = NULL;
		struct vsb_modes modes = { 0 };
		struct terminal terminal;

		g_test_message("%s", escaped);
		terminal_init(&terminal);
		out = replay_of(&modes, text, strlen(text));
		assert_harmless(out->data, out->len);
		show(&terminal, out->data, out->len);
		g_assert_cmpstr(terminal.answers->str, ==, "");
		vsb_modes_reset(&modes, out);
		show(&terminal, out->data, out->len);
		g_assert_cmpstr(terminal.answers->str, ==, "");
		terminal_clear(&terminal);
	}
}

/* Lines stay what they were, to the byte. */
static void test_lines(void)
{
	static const char * const same[] = {
		"", "login: ", "booting\r\nlogin: ", "\r\n", "a\r\n\r\nb\r\n", "r\xc3\xa4" "d \xe6\x97\xa5\xe6\x9c\xac\r\n$ ",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(same); i++) {
		struct vsb_modes modes = { 0 };
		g_autoptr(GByteArray) out = replay_of(&modes, same[i], strlen(same[i]));

		g_assert_cmpmem(out->data, out->len, same[i], strlen(same[i]));
		g_assert_false(vsb_modes_full_screen(&modes));
	}
}

/* A terminal that shows the replay looks as one that has shown everything. */
static void test_screen(void)
{
	static const char * const guests[] = {
		"$ ls\r\n\x1b[1;34mdir\x1b[0m  file\r\n$ echo h\xc3\xa4\x08\x1b[K",
		/* GRUB */
		"\x1b[2J\x1b[H\x1b[1;20HGNU GRUB\x1b[4;3H*Debian\x1b[7m\x1b[5;3H Advanced\x1b[0m\x1b[4;3H",
		/* vi */
		"$ vi\r\n\x1b[?1049h\x1b[22;0;0t\x1b[?1h\x1b=\x1b[?2004h\x1b[1;24r\x1b[?12h\x1b[?12l\x1b[27m\x1b[23m\x1b[29m"
		"\x1b[m\x1b[H\x1b[2J\x1b[?25l\x1b[24;1H\"a\" [New]\x1b[1;1H~\x1b[5;10H\x1b[34mhere\x1b[?25h",
		/* memtest86+, with a region */
		"\x1b[H\x1b[J\x1b[44m\x1b[37mMemtest\x1b[0m\x1b[3;10r\x1b[3;1Ha\nb\n\x1b[12;40Hx",
		"\x1b[2;9r\x1b[?6h\x1b[3;3Hin the region\x1b[?25l",
		"a\r\nb\r\n\x1b[A\x1b[C",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(guests); i++) {
		g_autofree char *want = NULL, *got = NULL;
		g_autoptr(GByteArray) out = NULL;
		struct vsb_modes modes = { 0 };
		struct terminal all, late;

		g_test_message("guest %zu", i);
		terminal_init(&all);
		terminal_init(&late);
		show(&all, guests[i], strlen(guests[i]));
		out = replay_of(&modes, guests[i], strlen(guests[i]));
		assert_harmless(out->data, out->len);
		show(&late, out->data, out->len);
		want = text_of(&all);
		got = text_of(&late);
		g_assert_cmpstr(got, ==, want);
		g_assert_cmpint(cursor_of(&late).row, ==, cursor_of(&all).row);
		g_assert_cmpint(cursor_of(&late).col, ==, cursor_of(&all).col);
		g_assert_cmpint(late.props[VTERM_PROP_ALTSCREEN], ==, all.props[VTERM_PROP_ALTSCREEN]);
		g_assert_cmpint(late.props[VTERM_PROP_CURSORVISIBLE], ==,
				all.props[VTERM_PROP_CURSORVISIBLE]);
		/* It goes on the same way: colours, region, keypad. */
		show(&all, "next\nline", 9);
		show(&late, "next\nline", 9);
		g_clear_pointer(&want, g_free);
		g_clear_pointer(&got, g_free);
		want = text_of(&all);
		got = text_of(&late);
		g_assert_cmpstr(got, ==, want);
		terminal_clear(&all);
		terminal_clear(&late);
	}
}

/* The backlog begins anywhere: what was before it is known, its begin is none of it. */
static void test_cut(void)
{
	static const char whole[] = "\x1b[31mr\xc3\xb6t\x1b[0m\r\n\x1b]0;a title\x07\x1b[?2004h\xe6\x97\xa5\x1bP$qm\x1b\\\r\n"
				    "\x1b(0qqq\x1b(B\x1b[?1000;1006h\xf0\x9f\x98\x80 end\r\n";
	gsize len = sizeof(whole) - 1;

	for (gsize cut = 0; cut < len; cut++) {
		g_autoptr(GByteArray) data = g_byte_array_new();
		g_autofree char *text = NULL, *all = NULL;
		g_autoptr(GByteArray) out = NULL;
		struct vsb_modes before = { 0 }, modes = { 0 }, want = { 0 };
		struct terminal terminal;
		gsize skip;

		vsb_modes_feed(&want, (const guint8 *)whole, len);
		vsb_modes_feed(&before, (const guint8 *)whole, cut);
		skip = vsb_modes_finish(&before, (const guint8 *)whole + cut, len - cut);
		vsb_modes_describe(&before, data);
		g_byte_array_append(data, (const guint8 *)whole + cut + skip, len - cut - skip);
		out = replay_of(&modes, data->data, data->len);
		assert_harmless(out->data, out->len);
		terminal_init(&terminal);
		show(&terminal, whole, len);
		all = text_of(&terminal);
		terminal_clear(&terminal);
		terminal_init(&terminal);
		show(&terminal, out->data, out->len);
		text = text_of(&terminal);
		for (char **line = (char *[]){ "[", "]", ";", "$", "title", "\xef\xbf\xbd", NULL }; *line; line++)
			g_assert_null(strstr(text, *line));
		/* What is there is the end of all. */
		g_assert_true(g_str_has_suffix(g_strstrip(all), g_strstrip(text)));
		g_assert_cmpint(terminal.props[VTERM_PROP_MOUSE], ==, VTERM_PROP_MOUSE_CLICK);
		g_assert_cmpuint(modes.n_modes, ==, want.n_modes);
		terminal_clear(&terminal);
	}
}

static char *reset_text(const char *sent)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	struct vsb_modes modes = { 0 };

	vsb_modes_feed(&modes, (const guint8 *)sent, strlen(sent));
	vsb_modes_reset(&modes, out);
	g_byte_array_append(out, (const guint8 *)"", 1);
	return g_strdup((char *)out->data);
}

/* At the end all is set back that was set, and nothing else. */
static void test_reset(void)
{
	static const struct {
		const char *sent, *reset;
	} cases[] = {
		{ "text \x1b[31mred\x1b[m\r\n\x1b[K\x1b[2D", "" },
		{ "\x1b[?1000h", "\x1b[?1000l" },
		{ "\x1b[?1000h\x1b[?1000l", "" },
		{ "\x1b[?9;1002;1003;1005;1006;1015h", "\x1b[?9l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l" },
		{ "\x1b[?2004h", "\x1b[?2004l" },
		{ "\x1b[?1004h", "\x1b[?1004l" },
		{ "\x1b[?7777h", "\x1b[?7777l" },
		{ "\x1b[?25l", "\x1b[?25h" },
		{ "\x1b[?25l\x1b[?25h", "" },
		{ "\x1b[?7l", "\x1b[?7h" },
		{ "\x1b[?1l", "" },
		{ "\x1b[?1h", "\x1b[?1l" },
		{ "\x1b[4h", "\x1b[4l" },
		{ "\x1b[12l", "\x1b[12h" },
		{ "\x1b=", "\x1b>" },
		{ "\x1b=\x1b>", "" },
		{ "\x1b[?1049h", "\x1b[?1049l" },
		{ "\x1b[?47h", "\x1b[?47l" },
		{ "\x1b[?1047h", "\x1b[?1047l" },
		{ "\x1b[1;31m", "\x1b[m" },
		{ "\x1b[38;5;0m", "\x1b[m" },
		{ "\x1b[38:2::1:2:3m", "\x1b[m" },
		{ "\x1b[31;0m", "" },
		{ "\x1b(0", "\x1b(B" },
		{ "\x1b)0\x0e", "\x0f\x1b)B" },
		{ "\x1b%@", "\x1b%G" },
		{ "\x1b[2;10r", "\x1b[r\x1b[999;1H" },
		{ "\x1b[2;10r\x1b[r", "" },
		{ "\x1b[?6h", "\x1b[?6l\x1b[999;1H" },
		{ "\x1b[3 q", "\x1b[0 q" },
		{ "\x1b[22;2t\x1b[22;2t\x1b[23;2t", "\x1b[23;0t" },
		{ "\x1b[>4;2m", "\x1b[>4m" },
		{ "\x1b[>4;2m\x1b[>4;m", "" },
		{ "\x1b[>1u\x1b[>5u", "\x1b[<2u" },
		{ "\x1b]10;red\x07", "\x1b]110\x1b\\" },
		{ "\x1b]10;?\x07", "" },
		{ "\x1b]4;1;red\x07", "\x1b]104\x1b\\" },
		{ "\x1b]8;;http://x\x1b\\", "\x1b]8;;\x1b\\" },
		{ "\x1b]8;;http://x\x1b\\x\x1b]8;;\x1b\\", "" },
		{ "\x1b G", "\x1b F" },
		{ "\x1b[5i", "\x1b[4i" },
		{ "\x1b[?2l", "\x1b<" },
		{ "\x1b[?1000h\x1b=\x1b[31m\x1b" "c", "" },
		{ "\x1b[?1h\x1b[4h\x1b[31m\x1b[!p", "" },
		/* In the middle of something: that is ended first. */
		{ "\x1b[3", "\x18" },
		{ "\x1b]0;title", "\x18" },
		{ "\xe6\x97", "\x18" },
		{ "\x1b[5;5Hx", "\x1b[999;1H" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *reset = reset_text(cases[i].sent);
		g_autofree char *shown = g_strescape(cases[i].sent, NULL);

		g_test_message("%s", shown);
		g_assert_cmpstr(reset, ==, cases[i].reset);
	}
}

/* Each byte may come alone. */
static void test_live(void)
{
	struct vsb_modes modes = { 0 };
	const char *text = "a\x1b[31mb\xc3\xa4\x1b]0;t\x07";
	const char between[] = "100001101000001";

	for (gsize i = 0; text[i]; i++) {
		vsb_modes_feed(&modes, (const guint8 *)text + i, 1);
		if (i < sizeof(between) - 1)
			g_assert_cmpint(vsb_modes_between(&modes), ==, between[i] == '1');
	}
	g_assert_true(vsb_modes_between(&modes));
	vsb_modes_feed(&modes, (const guint8 *)"\x1b[H", 3);
	g_assert_true(vsb_modes_full_screen(&modes));
	for (guint i = 0; i < 24; i++)
		vsb_modes_feed(&modes, (const guint8 *)"x\r\n", 3);
	g_assert_false(vsb_modes_full_screen(&modes));
}

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* 64 KiB of the worst cost bounded time and memory, whatever the size of the terminal. */
static void test_hostile(void)
{
	static const char * const bad[] = {
		"\x1b[S", "\x1b[99999S", "\x1b[99999T", "\x1b[99999L", "\x1b[99999M", "\x1b[99999@", "\x1b[99999P",
		"x\x1b[99999b", "\x1b[99999X", "\x1b#8", "\x1bM", "\n", "\xcc\x81", "a\xcc\x81", "\x1b[2J", "\x1b[8;9999;9999t",
		"\x1b[2147483647;2147483647H", "\x1b[4294967295b", "\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20m",
		"\x1b[?47h\x1b[?47l", "\x1b[?1049h\x1b[?1049l", "\x1b[?1049h\x1b" "c", "\x1b[999999999999999999999C", "\x1b[31mA\x1b[42mB",
		"\x1b]0;", "\x1bP", "\x1b[", "0;", "\xf0\x9f\x98\x80", "\t", "\x1b[I", "\x1b[99999I", "\x1b[99999Z", "\x1b[3g\x1bH", "\x1b" "c",
		"\x1b[?3h\x1b[?3l", "\x1b[?69h\x1b[5;70s\x1b[S", "\x1b[38;2;1;2;3mA\x1b[48;2;3;2;1mB",
	};
	g_autofree guint8 *data = g_malloc(BACKLOG);

	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *shown = g_strescape(bad[i], NULL);
		g_autoptr(GByteArray) out = g_byte_array_new();
		struct vsb_modes modes = { 0 };
		gsize n = strlen(bad[i]);
		double begin = cpu_s();

		for (gsize k = 0; k < BACKLOG; k++)
			data[k] = bad[i][k % n];
		vsb_replay(&modes, data, BACKLOG, i % 4 ? VSB_ROWS : 100000, i % 4 ? VSB_COLUMNS : 100000,
			   out);
		g_test_message("%s: %.3f s, %u bytes", shown, cpu_s() - begin, out->len);
		g_assert_cmpfloat(cpu_s() - begin, <, 30);
		g_assert_cmpuint(out->len, <, 1024 * 1024);
	}
}

static void fill(guint8 *data, gsize len)
{
	static const char * const words[] = {
		"\x1b[", "\x1b]", "\x1bP", "\x1b\\", ";", "?", "1049", "h", "l", "m", "H", "r", "6n", "c", "\x07", "\x18", "\xc3", "\xa4",
		"\xf0\x9f", "\x1b(", "0", "\r\n", "text", "\x1b", "38;5;1", "$", "\"", ">", "t", "22", "u", "999999", "S", "b", "\x0e", "\x9b",
		"\xc2\x9b", "\x1b#8", "\x1bM", "?6", "?69", "2;10", "\xcc\x81", "\xe6\x97\xa5", "\t", "@", "P", "X", "J", "K", "\x05", "\x1bZ",
	};
	gsize used = 0;

	if (g_test_rand_bit()) {
		for (gsize i = 0; i < len; i++)
			data[i] = g_test_rand_int();
		return;
	}
	while (used < len) {
		const char *word = words[g_test_rand_int_range(0, G_N_ELEMENTS(words))];
		gsize n = MIN(strlen(word), len - used);

		memcpy(data + used, word, n);
		used += n;
	}
}

static void test_fuzz(void)
{
	guint8 data[4096];

	for (guint round = 0; round < 150; round++) {
		gsize len = g_test_rand_int_range(0, sizeof(data)), complete;
		g_autoptr(GByteArray) out = g_byte_array_new();
		struct vsb_modes modes = { 0 }, before = { 0 };
		struct terminal terminal;

		fill(data, len);
		vsb_replay(&modes, data, len, g_test_rand_int_range(0, 200),
			   g_test_rand_int_range(0, 400), out);
		/* Behind it an incomplete end may follow, that it does not judge. */
		for (complete = len; complete; complete--) {
			before = (struct vsb_modes){ 0 };
			vsb_modes_feed(&before, data, complete);
			if (vsb_modes_between(&before))
				break;
		}
		assert_harmless(out->data, out->len - (len - complete));
		terminal_init(&terminal);
		show(&terminal, out->data, out->len - (len - complete));
		g_assert_cmpstr(terminal.answers->str, ==, "");
		show(&terminal, data + complete, len - complete);
		g_byte_array_set_size(out, 0);
		vsb_modes_reset(&modes, out);
		show(&terminal, out->data, out->len);
		g_assert_cmpint(terminal.props[VTERM_PROP_ALTSCREEN], ==, 0);
		g_assert_cmpint(terminal.props[VTERM_PROP_MOUSE], ==, VTERM_PROP_MOUSE_NONE);
		g_assert_cmpint(terminal.props[VTERM_PROP_CURSORVISIBLE], ==, 1);
		terminal_clear(&terminal);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/console/replay/queries", test_queries);
	g_test_add_func("/console/replay/lines", test_lines);
	g_test_add_func("/console/replay/screen", test_screen);
	g_test_add_func("/console/replay/cut", test_cut);
	g_test_add_func("/console/replay/reset", test_reset);
	g_test_add_func("/console/replay/live", test_live);
	g_test_add_func("/console/replay/hostile", test_hostile);
	g_test_add_func("/console/replay/fuzz", test_fuzz);
	return g_test_run();
}
