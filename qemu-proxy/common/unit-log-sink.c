// SPDX-License-Identifier: GPL-2.0
/* Tests of the log's end: whoever reads it, or does not, nobody waits. */
#include "log-sink.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINES	20000

/* A daemon with stderr @fd that says something; @setup: of its own. Dies if it waits. */
static void run(int fd, bool reopen)
{
	pid_t pid = fork();
	int status;

	g_assert_cmpint(pid, >=, 0);
	if (!pid) {
		alarm(60);
		dup2(fd, STDERR_FILENO);
		if (reopen)
			log_sink_init();
		for (guint i = 0; i < LINES; i++)
			log_sink_line("daemon: ", "something has happened");
		_exit(7);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 7);
}

/* Whole lines only, as far as there was room. */
static void expect_lines(int fd)
{
	static char text[1 << 20];
	gsize len = 0, lines = 0;
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (gsize)n;
	text[len] = '\0';
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1, lines++)
		g_assert_true(!strncmp(line, "daemon: something has happened\n", 31));
	g_assert_cmpuint(lines, >, 100);
	g_assert_cmpuint(lines, <, LINES);
}

static void test_pipe(void)
{
	int fds[2];

	for (guint reopen = 0; reopen < 2; reopen++) {
		g_assert_cmpint(pipe(fds), ==, 0);
		run(fds[1], reopen);
		/* What others have of the pipe is as it was. */
		g_assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
		expect_lines(fds[0]);
		close(fds[0]);
		close(fds[1]);
	}
}

static void test_socket(void)
{
	int fds[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	run(fds[1], true);
	g_assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
	close(fds[0]);
	close(fds[1]);
}

/* A terminal that is held (Ctrl-S), or whose window nobody draws. */
static void test_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), fd;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
		g_test_skip("no pseudo terminals here");
		return;
	}
	fd = open(ptsname(master), O_RDWR | O_NOCTTY);
	g_assert_cmpint(fd, >=, 0);
	run(fd, true);
	close(fd);
	close(master);
}

/* A file has it all, behind what was there. */
static void test_file(void)
{
	g_autofree char *path = NULL, *text = NULL;
	int fd = g_file_open_tmp("unit-log-sink-XXXXXX", &path, NULL);
	gsize len;

	g_assert_cmpint(write(fd, "before\n", 7), ==, 7);
	run(fd, true);
	g_assert_true(g_file_get_contents(path, &text, &len, NULL));
	g_assert_true(g_str_has_prefix(text, "before\ndaemon: "));
	g_assert_cmpuint(len, ==, 7 + LINES * strlen("daemon: something has happened\n"));
	close(fd);
	g_remove(path);
}

/* Who reads again is told what he missed. */
static void test_told(void)
{
	char text[65536 + 4096];
	int fds[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	g_assert_cmpint(pipe(fds), ==, 0);
	dup2(fds[1], STDERR_FILENO);
	log_sink_init();
	for (guint i = 0; i < LINES; i++)
		log_sink_line("d: ", "x");
	n = read(fds[0], text, sizeof(text));
	log_sink_line("d: ", "last");
	dup2(saved, STDERR_FILENO);
	g_assert_cmpint(n, >, 0);
	n = read(fds[0], text, sizeof(text) - 1);
	g_assert_cmpint(n, >, 0);
	text[n] = '\0';
	g_assert_nonnull(strstr(text, "lines before this one were dropped"));
	g_assert_true(g_str_has_suffix(text, "d: last\n"));
	close(fds[0]);
	close(fds[1]);
	close(saved);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/log/sink/pipe", test_pipe);
	g_test_add_func("/log/sink/socket", test_socket);
	g_test_add_func("/log/sink/terminal", test_terminal);
	g_test_add_func("/log/sink/file", test_file);
	g_test_add_func("/log/sink/told", test_told);
	return g_test_run();
}
