// SPDX-License-Identifier: GPL-2.0
/* Console logs: the writer's side. */
#include "conlog-file.h"
#include "conlog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Return: the file, or -1: there is none, or it is not kept. */
static int open_log(const struct conlog_file *log, struct stat *st)
{
	/* O_NONBLOCK: not to wait at a FIFO. */
	int fd = openat(log->dirfd, log->file,
			O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
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
	g_warning("console log %s is not kept: %s", log->path, cause);
	if (fd >= 0)
		close(fd);
	return -1;
}

gboolean conlog_file_open(struct conlog_file *log, const char *dir, const char *name,
			  goffset max, guint keep)
{
	struct stat st;

	*log = (struct conlog_file){ .fd = -1, .max = max, .keep = keep };
	log->path = g_strconcat(dir, "/", name, ".log", NULL);
	log->file = strrchr(log->path, '/') + 1;
	log->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (log->dirfd >= 0)
		log->fd = open_log(log, &st);
	if (log->fd >= 0)
		return TRUE;
	conlog_file_close(log);
	return FALSE;
}

void conlog_file_close(struct conlog_file *log)
{
	if (log->fd >= 0)
		close(log->fd);
	if (log->dirfd >= 0)
		close(log->dirfd);
	g_clear_pointer(&log->path, g_free);
	log->fd = log->dirfd = -1;
}

/* Return: whether the name stands for another file now: others may have rotated it. */
static gboolean follow(struct conlog_file *log)
{
	struct stat named, mine;
	int fd;

	if (fstat(log->fd, &mine) < 0)
		return FALSE;
	log->size = mine.st_size;
	if (fstatat(log->dirfd, log->file, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (named.st_dev == mine.st_dev && named.st_ino == mine.st_ino))
		return FALSE;
	fd = open_log(log, &named);
	if (fd < 0)
		return FALSE;
	close(log->fd);
	log->fd = fd;
	return TRUE;
}

/*
 * An earlier QEMU of this user VM may still have something in its pipe: its writer and we
 * take turns. The lock is the file's, so that no other user VM waits for one of this.
 */
static void lock(struct conlog_file *log)
{
	do
		flock(log->fd, LOCK_EX);
	while (follow(log));
}

static char *older(const struct conlog_file *log, guint i)
{
	return g_strdup_printf("%s.%u", log->file, i);
}

/* Return: FALSE with errno. */
static gboolean rotate(struct conlog_file *log)
{
	g_autofree char *first = older(log, 1), *new = g_strconcat(log->file, "~", NULL);
	int fd;

	for (guint i = log->keep; i > 1; i--) {
		g_autofree char *from = older(log, i - 1), *to = older(log, i);

		if (renameat(log->dirfd, from, log->dirfd, to) < 0 && errno != ENOENT)
			return FALSE;
	}
	unlinkat(log->dirfd, new, 0);
	fd = openat(log->dirfd, new, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return FALSE;
	/* Nobody else has it yet. */
	flock(fd, LOCK_EX);
	/* With two names for a moment, and never without one. */
	if ((unlinkat(log->dirfd, first, 0) < 0 && errno != ENOENT) ||
	    linkat(log->dirfd, log->file, log->dirfd, first, 0) < 0 ||
	    renameat(log->dirfd, new, log->dirfd, log->file) < 0) {
		close(fd);
		return FALSE;
	}
	close(log->fd);
	log->fd = fd;
	log->size = 0;
	return TRUE;
}

/* Return: bytes written, 0 with errno if none can be. */
static gsize put_some(struct conlog_file *log, const char *data, gsize len)
{
	ssize_t n;

	/* A disk that is full must not become fuller. */
	if (log->size >= log->max && !rotate(log))
		return 0;
	do
		n = write(log->fd, data, MIN(len, (gsize)(log->max - log->size)));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return 0;
	log->size += n;
	return (gsize)n;
}

/* Of a disk that is full one line is said, and one when it is not any more. */
void conlog_file_put(struct conlog_file *log, const char *data, gsize len)
{
	gsize done = 0, n;

	lock(log);
	while (done < len && (n = put_some(log, data + done, len - done)))
		done += n;
	flock(log->fd, LOCK_UN);
	if (done < len && !log->missed)
		g_warning("console log %s: %s; what comes is not kept until it can be written",
			  log->path, g_strerror(errno));
	if (done == len && log->missed) {
		g_warning("console log %s: it is written again, %" G_GUINT64_FORMAT
			  " bytes are missing", log->path, log->missed);
		log->missed = 0;
	}
	log->missed += len - done;
}

/* Its files are root's, which needs no capability for them. */
static void drop_privileges(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscall(SYS_capset, &header, none);
}

int conlog_main(int argc, char **argv)
{
	struct conlog_file log;
	char buf[65536];
	ssize_t n;

	if (argc != 6)
		return 2;
	close_range(3, ~0U, 0);
	drop_privileges();
	/* The end is that of the pipe: until then nothing is lost. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (!conlog_file_open(&log, argv[2], argv[3], g_ascii_strtoll(argv[4], NULL, 10),
			      (guint)g_ascii_strtoull(argv[5], NULL, 10)))
		return 1;
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			conlog_file_put(&log, buf, (gsize)n);
	conlog_file_close(&log);
	return 0;
}
