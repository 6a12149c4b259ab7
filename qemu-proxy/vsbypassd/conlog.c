// SPDX-License-Identifier: GPL-2.0
/* Console logs: vsbypassd's side. */
#include "conlog.h"
#include "conlog-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib-unix.h>

static void on_writer_end(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autofree char *name = data;
	GSubprocess *writer = G_SUBPROCESS(source);

	if (g_subprocess_wait_finish(writer, result, NULL) && !g_subprocess_get_successful(writer))
		g_warning("console log of '%s': its writer has failed; nothing is kept until its "
			  "proxy starts anew", name);
}

static void in_child(gpointer data)
{
	/* The keys of a terminal are for vsbypassd alone. */
	setsid();
}

static GSubprocess *start_writer(const char *dir, const char *name, goffset max, guint keep,
				 int in, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
	g_autofree char *max_text = g_strdup_printf("%" G_GOFFSET_FORMAT, max);
	g_autofree char *keep_text = g_strdup_printf("%u", keep);
	const char *argv[] = { "/proc/self/exe", CONLOG_OPTION, dir, name, max_text, keep_text,
			       NULL };

	g_subprocess_launcher_take_stdin_fd(launcher, in);
	g_subprocess_launcher_set_child_setup(launcher, in_child, NULL, NULL);
	return g_subprocess_launcher_spawnv(launcher, argv, error);
}

gboolean conlog_kept(const char *dir, const char *name)
{
	g_autofree char *path = g_strconcat(dir, "/", name, ".log", NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

int conlog_start(const char *dir, const char *name, goffset max, guint keep)
{
	struct conlog_file file = { .dirfd = -1, .fd = -1 };
	g_autoptr(GSubprocess) writer = NULL;
	g_autoptr(GError) error = NULL;
	int pipes[2];

	/* Who has none has no process. */
	if (!conlog_file_open(&file, dir, name, max, keep))
		return -1;
	conlog_file_close(&file);
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		g_warning("console log of '%s' is not kept: pipe: %s", name, g_strerror(errno));
		return -1;
	}
	writer = start_writer(dir, name, max, keep, pipes[0], &error);
	if (!writer) {
		g_warning("console log of '%s' is not kept: %s", name, error->message);
		close(pipes[1]);
		return -1;
	}
	g_subprocess_wait_async(writer, NULL, on_writer_end, g_strdup(name));
	return pipes[1];
}

/*
 * As one of a set of descriptors: QEMU duplicates it. It would have to open a path of
 * /proc again, and may do that with its own files only.
 */
char **conlog_add(char **argv, const char *chardev, int fd)
{
	guint n = g_strv_length(argv);

	for (char **option = argv; *option; option++) {
		char *old = *option;

		if (!g_str_has_prefix(old, chardev))
			continue;
		*option = g_strdup_printf("%s,logfile=/dev/fdset/%d,logappend=on", old, fd);
		g_free(old);
	}
	argv = g_renew(char *, argv, n + 3);
	argv[n] = g_strdup("-add-fd");
	argv[n + 1] = g_strdup_printf("fd=%d,set=%d", fd, fd);
	argv[n + 2] = NULL;
	return argv;
}

/* The flag is that of QEMU's descriptor as well. Opening it, QEMU had cleared it. */
void conlog_opened(int *fd)
{
	if (*fd < 0)
		return;
	g_unix_set_fd_nonblocking(*fd, TRUE, NULL);
	close(*fd);
	*fd = -1;
}
