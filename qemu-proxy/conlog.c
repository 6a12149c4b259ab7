// SPDX-License-Identifier: GPL-2.0
/* Console logs. */
#include "conlog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Return: the file, or -1: there is none, or it is not kept. */
static int open_log(const char *path, int flags, struct stat *st)
{
	/* O_NONBLOCK: not to wait at a FIFO. */
	int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const char *cause = NULL;

	if (fd < 0 && errno == ENOENT)
		return -1;
	if (fd < 0 || fstat(fd, st) < 0)
		cause = g_strerror(errno);
	else if (!S_ISREG(st->st_mode))
		cause = "it is no regular file";
	else if (st->st_uid != 0 && st->st_uid != geteuid())
		cause = "its owner is not root; chown it";
	else if (st->st_mode & 077)
		cause = "others can read or write it; chmod it to 600";
	if (!cause)
		return fd;
	g_warning("console log %s is not kept: %s", path, cause);
	if (fd >= 0)
		close(fd);
	return -1;
}

void conlog_add(char **argv, const char *chardev, const char *dir, const char *name)
{
	g_autofree char *file = g_strconcat(name, ".log", NULL);
	g_autofree char *path = g_build_filename(dir, file, NULL);
	struct stat st;
	int fd = open_log(path, O_WRONLY, &st);

	if (fd < 0)
		return;
	close(fd);
	/* QEMU's options end at a comma. */
	if (strchr(path, ',')) {
		g_warning("console log %s is not kept: use a folder without a comma", path);
		return;
	}
	for (; *argv; argv++) {
		char *option = *argv;

		if (!g_str_has_prefix(option, chardev))
			continue;
		*argv = g_strdup_printf("%s,logfile=%s,logappend=on", option, path);
		g_free(option);
	}
}

static gboolean copy(int from, int to)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0, put; done < n; done += put)
			if ((put = write(to, buf + done, (gsize)(n - done))) <= 0)
				return FALSE;
	return n == 0;
}

static void rotate(const char *path, goffset max)
{
	g_autofree char *old = g_strconcat(path, ".1", NULL);
	struct stat st;
	int fd = open_log(path, O_RDWR, &st), to = -1;

	if (fd >= 0 && st.st_size > max) {
		unlink(old);
		to = open(old, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		/* A disk that is full must not become fuller: the log is cut in any case. */
		if (to < 0 || !copy(fd, to))
			g_warning("console log %s: %s: %s; what it had is lost", path, old,
				  g_strerror(errno));
		if (ftruncate(fd, 0) < 0)
			g_warning("console log %s: %s", path, g_strerror(errno));
	}
	if (to >= 0)
		close(to);
	if (fd >= 0)
		close(fd);
}

void conlog_rotate(const char *dir_path, goffset max)
{
	g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
	const char *file;

	while (dir && (file = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(dir_path, file, NULL);

		if (g_str_has_suffix(file, ".log"))
			rotate(path, max);
	}
}
