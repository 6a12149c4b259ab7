// SPDX-License-Identifier: GPL-2.0
/*
 * vsb-agent as a program, between a vsbypassd of pretence at its port and a QEMU of pretence at a
 * monitor: options, a user VM that is searched and not found, and its end.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib/gstdio.h>

#include "listen.h"
#include "unit-program.h"

static void refused(const char *const *arguments, int status, const char *words)
{
	g_autoptr(GSubprocess) process = unit_program_start(AGENT, arguments);
	g_autofree char *out = NULL, *err = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, &out, &err, &error));
	g_assert_nonnull(strstr(status ? err : out, words));
	g_assert_cmpint(g_subprocess_get_exit_status(process), ==, status);
}

static void test_options(void)
{
	refused((const char *[]){ "--help", NULL }, 0, "--monitor");
	refused((const char *[]){ NULL }, 2, "no --monitor");
	refused((const char *[]){ "--monitor", "/nonexistent/*", "x", NULL }, 2, "unexpected argument");
	refused((const char *[]){ "--x", NULL }, 2, "see vsb-agent --help");
}

/* Accepts, if @listener is one, and reads until @words have come. Return: what was said. */
static char *hear(int fd, const char *words)
{
	GString *text = g_string_new(NULL);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char buf[1024];

	while (!strstr(text->str, words) && poll(&poll_fd, 1, -1) > 0) {
		gssize n = recv(fd, buf, sizeof(buf), 0);

		g_assert_cmpint(n, >, 0);
		g_string_append_len(text, buf, n);
	}
	return g_string_free(text, FALSE);
}

static int meet(int listener)
{
	struct pollfd poll_fd = { .fd = listener, .events = POLLIN };

	g_assert_cmpint(poll(&poll_fd, 1, -1), ==, 1);
	return accept(listener, NULL, NULL);
}

static void say(int fd, const char *text)
{
	g_assert_cmpint(send(fd, text, strlen(text), MSG_NOSIGNAL), ==, (gssize)strlen(text));
}

static void test_talk(void)
{
	g_autofree char *dir = g_dir_make_tmp("vsb-unit-XXXXXX", NULL);
	g_autofree char *port = g_build_filename(dir, "port", NULL), *mon = g_build_filename(dir, "1.mon", NULL);
	g_autofree char *glob = g_build_filename(dir, "*.mon", NULL), *log = NULL;
	int ports = listen_unix(port, 0600, getgid(), 1, NULL), monitors = listen_unix(mon, 0600, getgid(), 1, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GSubprocess) process = g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_PIPE, &error, AGENT, "--port", port,
							  "--monitor", glob, NULL);
	int daemon = meet(ports), qemu = meet(monitors);
	g_autofree char *hello = hear(daemon, "\n");

	g_assert_no_error(error);
	g_assert_true(g_str_has_prefix(hello, "hello 1 "));
	say(qemu, "{\"QMP\": {}}\n{\"return\": {}}\n");
	g_free(hear(qemu, "qmp_capabilities"));
	/* Its own words again: then it listens. */
	say(daemon, hello);
	say(daemon, "vm 1 10 20\nirq 1 4 1\n");
	g_free(hear(qemu, "gpa2hva 0x10000"));
	say(qemu, "{\"return\": \"No memory is mapped at address 0x10000\"}\n");
	g_free(hear(daemon, "vm 1 missing\n"));
	say(daemon, "ping 5\n");
	g_free(hear(daemon, "pong 5\n"));
	say(daemon, "give 1 0\nforget 1\nvm 2 11 21\nforget 2\nping 6\n");
	g_free(hear(daemon, "pong 6\n"));
	/* Another vsbypassd: all that was told is forgotten. */
	say(daemon, "hello 1 0\n");
	g_free(hear(daemon, "hello 1 "));
	/* It ends when QEMU has answered what it was told. */
	g_subprocess_send_signal(process, SIGTERM);
	close(qemu);
	close(daemon);
	g_assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, NULL, &log, &error));
	g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 0);
	g_assert_nonnull(strstr(log, "vsb-agent: "));
	close(ports);
	close(monitors);
	g_unlink(port);
	g_unlink(mon);
	g_assert_cmpint(g_rmdir(dir), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/agent-program/options", test_options);
	g_test_add_func("/agent-program/talk", test_talk);
	return g_test_run();
}
