// SPDX-License-Identifier: GPL-2.0
/* UNIX sockets at a path. */
#include "listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"

static int fail(int fd, const char *path, const char *what, GError **error)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "socket %s: %s: %s", path, what,
		    g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int listen_unix(const char *path, mode_t mode, gid_t gid, int backlog, GError **error)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	g_autofree char *tmp = g_strconcat(path, "~", NULL);
	int fd;

	if (g_strlcpy(addr.sun_path, tmp, sizeof(addr.sun_path)) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return fail(-1, path, "use a shorter --run-dir", error);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(fd, path, "socket", error);
	unlink(tmp);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return fail(fd, path, "bind", error);
	/* Until listen() all connects are refused, so the order is safe. */
	if (chown(tmp, (uid_t)-1, gid) < 0 || chmod(tmp, mode) < 0) {
		unlink(tmp);
		return fail(fd, path, "chown, chmod", error);
	}
	if (listen(fd, backlog) < 0 || rename(tmp, path) < 0) {
		unlink(tmp);
		return fail(fd, path, "listen", error);
	}
	return fd;
}

void listen_sweep(const char *dir_path, gboolean (*used)(const char *name, gpointer data),
		  gpointer data)
{
	g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
	const char *file;

	while (dir && (file = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(dir_path, file, NULL);
		const char *end = strrchr(file, '.');
		g_autofree char *name = end ? g_strndup(file, (gsize)(end - file)) : NULL;

		if (end && (((!strcmp(end, ".sock") || !strncmp(end, ".vnc", 4)) &&
			     !used(name, data)) || !strcmp(end, ".sock~")))
			unlink(path);
	}
}

int connect_unix(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err = ENAMETOOLONG;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path)) < sizeof(addr.sun_path)) {
		if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			return fd;
		err = errno;
	}
	close(fd);
	errno = err;
	return -1;
}
