// SPDX-License-Identifier: GPL-2.0
/* Lines to stderr or the journal, without ever waiting for who reads them. */
#include "log-sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define JOURNAL		"/run/systemd/journal/socket"

static int out = STDERR_FILENO;
static bool out_is_socket;
static int journal = -1;
static guint64 lost;	/* lines since the last that was written */
static bool torn;	/* of the last one only a part was written */

/*
 * O_NONBLOCK belongs to the open file description, which others have, too (a shell, the
 * tests): so one of our own, where there can be one. A regular file never makes wait, and
 * would need to know where to write.
 */
static void reopen(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) < 0)
		return;
	out_is_socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		out = fd;
}

static void connect_journal(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL };

	if (!g_log_writer_is_journald(STDERR_FILENO))
		return;
	journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (journal >= 0 &&
	    connect(journal, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(journal);
		journal = -1;
	}
}

void log_sink_init(void)
{
	reopen();
	connect_journal();
}

bool log_sink_is_journal(void)
{
	return journal >= 0;
}

/* Return: whether it was written, all of it or a part. */
static bool put(const char *text, gsize len)
{
	struct pollfd ready = { .fd = out, .events = POLLOUT };
	ssize_t n;

	if (out_is_socket) {
		n = send(out, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		/*
		 * Where stderr could not be opened anew: a pipe that is writable takes
		 * PIPE_BUF bytes, and no line is longer.
		 */
		if (out == STDERR_FILENO && (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT)))
			return false;
		n = write(out, text, len);
	}
	if (n > 0)
		torn = n < (ssize_t)len;
	return n > 0;
}

static bool put_line(const char *prefix, const char *line)
{
	g_autofree char *text = g_strdup_printf("%s%s%.*s\n", torn ? "\n" : "", prefix,
						PIPE_BUF - (int)strlen(prefix) - 2, line);

	return put(text, strlen(text));
}

void log_sink_line(const char *prefix, const char *line)
{
	if (lost) {
		g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT " lines before this one were dropped: nobody took them",
							lost);

		if (!put_line(prefix, text)) {
			lost++;
			return;
		}
		lost = 0;
	}
	if (!put_line(prefix, line))
		lost++;
}

bool log_sink_journal(const char *const *fields)
{
	g_autoptr(GString) text = g_string_new(NULL);

	/* https://systemd.io/JOURNAL_NATIVE_PROTOCOL/: one datagram is one entry. */
	for (; *fields; fields++) {
		g_string_append(text, *fields);
		g_string_append_c(text, '\n');
	}
	if (lost && journal >= 0) {
		g_autofree char *note = g_strdup_printf("MESSAGE=%" G_GUINT64_FORMAT " lines before this one were dropped: nobody took them\nPRIORITY=4\n",
							lost);

		if (send(journal, note, strlen(note), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			lost++;
			return true;
		}
		lost = 0;
	}
	if (journal < 0)
		return false;
	if (send(journal, text->str, text->len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno != EAGAIN && errno != ENOBUFS)
		return false;
	lost++;
	return true;
}
