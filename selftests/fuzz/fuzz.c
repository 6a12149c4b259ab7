// SPDX-License-Identifier: GPL-2.0
/* What fuzz targets share. */
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log-sink.h"

/* ---- input ---- */

guint8 take_byte(struct input *in)
{
	if (!in->len)
		return 0;
	in->len--;
	return *in->data++;
}

guint32 take_u32(struct input *in)
{
	guint32 value = 0;

	for (guint i = 0; i < 4; i++)
		value |= (guint32)take_byte(in) << 8 * i;
	return value;
}

const guint8 *take_bytes(struct input *in, gsize *len)
{
	const guint8 *begin;

	*len = take_byte(in);
	*len = MIN(*len, in->len);
	begin = in->data;
	in->data += *len;
	in->len -= *len;
	return begin;
}

char *take_line(struct input *in, gsize *len)
{
	const guint8 *end = in->len ? memchr(in->data, '\n', in->len) : NULL;
	char *line;

	if (!in->len)
		return NULL;
	*len = end ? (gsize)(end - in->data) : in->len;
	/* An allocation of its own: what is read behind it is found. */
	line = g_malloc(*len + 1);
	memcpy(line, in->data, *len);
	line[*len] = '\0';
	in->data += *len + (end != NULL);
	in->len -= *len + (end != NULL);
	return line;
}

char *take_rest(struct input *in)
{
	char *text = g_malloc(in->len + 1);

	if (in->len)
		memcpy(text, in->data, in->len);
	text[in->len] = '\0';
	in->len = 0;
	return text;
}

/* ---- main loop ---- */

/*
 * In the place of GLib's for what is tested: a pause of some ms, which is for others to get their
 * turn, would be most of the time here.
 */
guint g_timeout_add(guint interval, GSourceFunc function, gpointer data)
{
	if (interval < 100)
		return g_idle_add_full(G_PRIORITY_DEFAULT_IDLE + 100, function, data, NULL);
	return g_timeout_add_full(G_PRIORITY_DEFAULT, interval, function, data, NULL);
}

void settle(void)
{
	/* What goes on for ever is found by the limit of time that a run has. */
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static void on_message(const char *domain, GLogLevelFlags level, const char *text, gpointer data)
{
	/* Of what a program must never do. Others it says of what it is sent. */
	if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) {
		fprintf(stderr, "%s: %s\n", domain ? domain : "", text);
		abort();
	}
}

static void __attribute__((constructor)) begin(void)
{
	/* Else GLib has a heap of its own, in which nothing is found. */
	setenv("G_SLICE", "always-malloc", 1);
	signal(SIGPIPE, SIG_IGN);
	g_log_set_default_handler(on_message, NULL);
}

/* ---- the log of a daemon: nobody's, in the place of log-sink.c ---- */

void log_sink_init(void)
{
}

bool log_sink_is_journal(void)
{
	return false;
}

void log_sink_line(const char *prefix, const char *line)
{
	/* One line, whatever a peer has said. */
	g_assert_null(strchr(line, '\n'));
}

bool log_sink_journal(const char *const *fields)
{
	return false;
}

/* ---- files and sockets ---- */

static char *dir;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void remove_dir(void)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	g_clear_pointer(&dir, g_free);
}

const char *fuzz_dir(void)
{
	if (dir)
		return dir;
	dir = g_dir_make_tmp("vsb-fuzz-XXXXXX", NULL);
	g_assert_nonnull(dir);
	atexit(remove_dir);
	return dir;
}

char *fuzz_path(const char *name)
{
	return g_build_filename(fuzz_dir(), name, NULL);
}

static void write_all(int fd, gconstpointer data, gsize len)
{
	g_assert_cmpint(ftruncate(fd, 0), ==, 0);
	g_assert_cmpint(pwrite(fd, data, len, 0), ==, (gssize)len);
}

void fuzz_put(const char *name, gconstpointer data, gsize len)
{
	g_autofree char *path = fuzz_path(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	g_assert_cmpint(fd, >=, 0);
	write_all(fd, data, len);
	close(fd);
}

const char *fuzz_file(gconstpointer data, gsize len)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		g_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	write_all(fd, data, len);
	return path;
}

int fuzz_listen(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fuzz_dir(), name);
	unlink(address.sun_path);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(fd, 64), ==, 0);
	return fd;
}

int fuzz_accept(int fd)
{
	return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

void fuzz_send(int fd, gconstpointer data, gsize len)
{
	if (fd >= 0 && send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

void fuzz_drain(int fd)
{
	char buf[65536];

	while (fd >= 0 && recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

void fuzz_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
