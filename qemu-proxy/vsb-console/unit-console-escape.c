// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the escape sequence. The parser takes single bytes, so that where a
 * packet ends cannot matter; the hub's test cuts them in all ways.
 */
#include "console-escape.h"

#include <stdbool.h>
#include <string.h>

struct escape_case {
	const char *typed;
	const char *sent;		/* to the user VM */
	enum vsb_command command;	/* the last one, or none */
};

static const struct escape_case cases[] = {
	{ "plain text\r", "plain text\r", VSB_CMD_NONE },
	{ "\x05" "c.", "", VSB_CMD_DISCONNECT },
	{ "\x05" "c?", "", VSB_CMD_HELP },
	{ "\x05" "ca", "", VSB_CMD_ATTACH },
	{ "\x05" "cf", "", VSB_CMD_FORCE },
	{ "\x05" "cs", "", VSB_CMD_SPY },
	{ "\x05" "cw", "", VSB_CMD_WHO },
	{ "\x05" "cr", "", VSB_CMD_REPLAY },
	{ "\x05" "cb", "", VSB_CMD_BREAK },
	{ "\x05" "cl0", "", VSB_CMD_BREAK },
	{ "\x05" "cl1", "", VSB_CMD_BREAK },
	{ "\x05" "cl?", "", VSB_CMD_HELP },
	{ "\x05" "cl2", "", VSB_CMD_UNKNOWN },
	{ "\x05" "ckh", "", VSB_CMD_SYSRQ },
	{ "\x05" "ckHx", "x", VSB_CMD_SYSRQ },
	{ "\x05" "ck9", "", VSB_CMD_SYSRQ },
	{ "\x05" "ck?", "", VSB_CMD_HELP },
	{ "\x05" "ck\x05" "c.", "c.", VSB_CMD_UNKNOWN },
	{ "\x05" "ck\xe4", "", VSB_CMD_UNKNOWN },
	{ "\x05" "cz", "", VSB_CMD_UNKNOWN },
	{ "\x05" "c\x05", "\x05", VSB_CMD_NONE },
	{ "\x05" "x", "\x05x", VSB_CMD_NONE },
	{ "\x05\x05" "c.", "\x05", VSB_CMD_DISCONNECT },
	{ "\x05\x05\x05" "x", "\x05\x05\x05x", VSB_CMD_NONE },
	{ "ab\x05" "c?cd", "abcd", VSB_CMD_HELP },
	{ "\x05" "c\x05" "c.", "\x05" "c.", VSB_CMD_NONE },
	{ "\x05", "", VSB_CMD_NONE },
	{ "\x05\x05", "\x05", VSB_CMD_NONE },
};

static void test_case(gconstpointer data)
{
	const struct escape_case *c = data;
	g_autoptr(GString) sent = g_string_new(NULL);
	enum vsb_command command = VSB_CMD_NONE;
	struct vsb_escape esc = { 0 };
	guint8 out[VSB_ESCAPE_OUT_MAX];
	gsize n;

	for (const char *p = c->typed; *p; p++) {
		enum vsb_command now = vsb_escape_feed(&esc, *p, out, &n);

		g_assert_cmpuint(n, <=, sizeof(out));
		g_string_append_len(sent, (char *)out, n);
		if (now)
			command = now;
		if (now == VSB_CMD_SYSRQ)
			g_assert_cmpint(esc.key, ==, g_ascii_tolower(*p));
	}
	g_assert_cmpmem(sent->str, sent->len, c->sent, strlen(c->sent));
	g_assert_cmpint(command, ==, c->command);
}

/* Every byte but Ctrl-E goes through alone and unchanged. */
static void test_clean(void)
{
	struct vsb_escape esc = { 0 };
	guint8 out[VSB_ESCAPE_OUT_MAX];
	gsize n;

	for (guint byte = 0; byte < 256; byte++) {
		if (byte == VSB_ESCAPE_CHAR)
			continue;
		g_assert_cmpint(vsb_escape_feed(&esc, byte, out, &n), ==, VSB_CMD_NONE);
		g_assert_cmpuint(n, ==, 1);
		g_assert_cmpuint(out[0], ==, byte);
	}
}

/* Return: what "Ctrl-E c" and @keys do. */
static enum vsb_command command_of(const char *keys)
{
	struct vsb_escape esc = { 0 };
	enum vsb_command command;
	guint8 out[VSB_ESCAPE_OUT_MAX];
	gsize n;

	vsb_escape_feed(&esc, VSB_ESCAPE_CHAR, out, &n);
	command = vsb_escape_feed(&esc, 'c', out, &n);
	for (; *keys; keys++)
		command = vsb_escape_feed(&esc, *keys, out, &n);
	return command;
}

static bool in_help(const char *keys)
{
	g_autofree char *line = g_strdup_printf("Ctrl-E c %s ", keys);

	return strstr(vsb_escape_help(), line) != NULL;
}

/* The help shows all that there is, and nothing that there is not. */
static void test_help(void)
{
	g_auto(GStrv) lines = g_strsplit(vsb_escape_help(), "\r\n", -1);

	for (char **line = lines; **line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", -1);
		g_autofree char *keys = NULL;

		g_test_message("%s", *line);
		g_assert_cmpuint(strlen(*line), <, 80);
		g_assert_true(g_str_has_prefix(*line, "Ctrl-E c "));
		if (!strcmp(words[2], "Ctrl-E"))
			continue;
		keys = g_strconcat(words[2], words[3], NULL);
		g_assert_cmpint(command_of(keys), !=, VSB_CMD_UNKNOWN);
		g_assert_cmpint(command_of(keys), !=, VSB_CMD_NONE);
	}
	for (char c = ' '; c < 0x7f; c++) {
		char one[] = { c, '\0' }, line[] = { 'l', c, '\0' };
		char *line_shown = (char []){ 'l', ' ', c, '\0' };

		if (command_of(one) == VSB_CMD_UNKNOWN)
			g_assert_false(in_help(one));
		else if (command_of(one) != VSB_CMD_NONE)
			g_assert_true(in_help(one));
		else
			g_assert_true(c == 'l' || c == 'k');
		if (command_of(line) == VSB_CMD_BREAK)
			g_assert_true(in_help(line_shown));
	}
}

/* The manual has the rows of the help, word for word. */
static void test_manual(void)
{
	g_autofree char *manual = NULL;
	g_autoptr(GString) table = g_string_new(NULL);
	g_auto(GStrv) lines = NULL;

	g_assert_true(g_file_get_contents(MANUAL, &manual, NULL, NULL));
	lines = g_strsplit(manual, "\n", -1);
	for (char **line = lines; *line; line++) {
		char *end = g_str_has_prefix(*line, "``Ctrl-E c ") ? strstr(*line + 2, "``") : NULL;

		if (end)
			g_string_append_printf(table, "%-15.*s  %s\r\n", (int)(end - *line - 2),
					       *line + 2, g_strchug(end + 2));
	}
	g_assert_cmpstr(table->str, ==, vsb_escape_help());
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/console/escape/%02zu", i);

		g_test_add_data_func(path, &cases[i], test_case);
	}
	g_test_add_func("/console/escape/clean", test_clean);
	g_test_add_func("/console/escape/help", test_help);
	g_test_add_func("/console/escape/manual", test_manual);
	return g_test_run();
}
