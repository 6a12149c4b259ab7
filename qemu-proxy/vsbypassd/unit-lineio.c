// SPDX-License-Identifier: GPL-2.0
/* Lines over sockets: bounds of the reader, pauses, peers that misbehave. */
#include "lineio.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib-unix.h>

static void expect(struct line_reader *reader, const char *text, gsize len)
{
	gsize got;
	g_autofree char *line = line_reader_next(reader, &got);

	g_assert_nonnull(line);
	g_assert_cmpmem(line, got, text, len);
	g_assert_cmpint(line[got], ==, '\0');
}

static void test_reader(void)
{
	struct line_reader reader;
	gsize len;

	line_reader_init(&reader, 4);
	g_assert_null(line_reader_next(&reader, &len));
	line_reader_push(&reader, "ab", 2);
	g_assert_null(line_reader_next(&reader, &len));
	line_reader_push(&reader, "cd\n\nx\0y\n1234", 12);
	expect(&reader, "abcd", 4);
	expect(&reader, "", 0);
	expect(&reader, "x\0y", 3);
	g_assert_null(line_reader_next(&reader, &len));
	g_assert_false(line_reader_overlong(&reader));
	line_reader_push(&reader, "5", 1);
	g_assert_true(line_reader_overlong(&reader));
	line_reader_push(&reader, "\n", 1);
	g_assert_true(line_reader_overlong(&reader));
	g_assert_null(line_reader_next(&reader, &len));
	line_reader_clear(&reader);
}

/* One end is a lineio, the other a plain socket of the test. */
struct rig {
	struct lineio *io;
	int peer;
	GString *got;		/* lines, each with '|' after it */
	char *closed;
	gboolean pause;		/* at each line */
	gboolean free_in_line;
	gboolean free_in_closed;
};

static void on_line(struct lineio *io, const char *line, gsize len, gpointer data)
{
	struct rig *rig = data;

	g_string_append_len(rig->got, line, (gssize)len);
	g_string_append_c(rig->got, '|');
	if (rig->pause)
		lineio_pause(io);
	if (rig->free_in_line)
		g_clear_pointer(&rig->io, lineio_free);
}

static void on_closed(struct lineio *io, const char *why, gpointer data)
{
	struct rig *rig = data;

	g_assert_null(rig->closed);
	rig->closed = g_strdup(why);
	if (rig->free_in_closed)
		g_clear_pointer(&rig->io, lineio_free);
}

static void rig_setup(struct rig *rig)
{
	static const struct lineio_ops ops = { on_line, on_closed };
	int fds[2];

	memset(rig, 0, sizeof(*rig));
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	rig->io = lineio_new(fds[0], 16, 1024, &ops, rig);
	rig->peer = fds[1];
	rig->got = g_string_new(NULL);
}

static void rig_teardown(struct rig *rig)
{
	lineio_free(rig->io);
	close(rig->peer);
	g_string_free(rig->got, TRUE);
	g_free(rig->closed);
}

static void settle(void)
{
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static void say(struct rig *rig, const char *text)
{
	g_assert_cmpint(write(rig->peer, text, strlen(text)), ==, strlen(text));
	settle();
}

static void test_lines(void)
{
	struct rig rig;
	char buf[16];

	rig_setup(&rig);
	say(&rig, "one\ntw");
	say(&rig, "o\n\n");
	g_assert_cmpstr(rig.got->str, ==, "one|two||");
	lineio_send(rig.io, "hello\n", 6);
	g_assert_cmpint(read(rig.peer, buf, sizeof(buf)), ==, 6);
	g_assert_null(rig.closed);
	rig_teardown(&rig);
}

static void test_pause(void)
{
	struct rig rig;

	rig_setup(&rig);
	rig.pause = TRUE;
	say(&rig, "1\n2\n3\n");
	g_assert_cmpstr(rig.got->str, ==, "1|");
	lineio_resume(rig.io);
	settle();
	g_assert_cmpstr(rig.got->str, ==, "1|2|");
	rig.pause = FALSE;
	/* What came before the end is delivered before it. */
	shutdown(rig.peer, SHUT_RDWR);
	settle();
	g_assert_null(rig.closed);
	lineio_resume(rig.io);
	settle();
	g_assert_cmpstr(rig.got->str, ==, "1|2|3|");
	g_assert_nonnull(rig.closed);
	rig_teardown(&rig);
}

static void test_overlong(void)
{
	struct rig rig;

	rig_setup(&rig);
	rig.free_in_closed = TRUE;
	say(&rig, "ok\n12345678901234567");
	g_assert_cmpstr(rig.got->str, ==, "ok|");
	g_assert_cmpstr(rig.closed, ==, "line too long");
	rig_teardown(&rig);
}

static void test_free_in_line(void)
{
	struct rig rig;

	rig_setup(&rig);
	rig.free_in_line = TRUE;
	say(&rig, "1\n2\n");
	g_assert_cmpstr(rig.got->str, ==, "1|");
	rig_teardown(&rig);
}

/* A peer that does not read costs at most the bound. */
static void test_no_reader(void)
{
	g_autofree char *block = g_strnfill(1000, 'x');
	struct rig rig;

	rig_setup(&rig);
	for (int i = 0; i < 10000 && !rig.closed; i++) {
		lineio_send(rig.io, block, 1000);
		settle();
	}
	g_assert_cmpstr(rig.closed, ==, "the other side does not read");
	rig_teardown(&rig);
}

/* Output larger than the socket's buffer arrives, in order. */
static void test_long_output(void)
{
	static const struct lineio_ops ops = { on_line, on_closed };
	const gsize size = 3 * 1024 * 1024;
	g_autofree char *text = g_malloc(size);
	g_autofree char *got = g_malloc(size);
	struct rig rig = { 0 };
	gsize have = 0;
	int fds[2];

	for (gsize i = 0; i < size; i++)
		text[i] = (char)(i * 31 >> 3);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	rig.got = g_string_new(NULL);
	rig.peer = fds[1];
	rig.io = lineio_new(fds[0], 16, size, &ops, &rig);
	lineio_send(rig.io, text, size);
	while (have < size) {
		ssize_t n = recv(rig.peer, got + have, size - have, MSG_DONTWAIT);

		if (n > 0)
			have += (gsize)n;
		g_main_context_iteration(NULL, FALSE);
	}
	g_assert_cmpmem(got, size, text, size);
	rig_teardown(&rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/lineio/reader", test_reader);
	g_test_add_func("/lineio/lines", test_lines);
	g_test_add_func("/lineio/pause", test_pause);
	g_test_add_func("/lineio/overlong", test_overlong);
	g_test_add_func("/lineio/free-in-line", test_free_in_line);
	g_test_add_func("/lineio/no-reader", test_no_reader);
	g_test_add_func("/lineio/long-output", test_long_output);
	return g_test_run();
}
