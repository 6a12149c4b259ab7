// SPDX-License-Identifier: GPL-2.0
/*
 * Control groups of proxies' QEMUs, in the kernel's own file system (cgroup v2), below one
 * of ours. They belong to nobody: whoever is in them outlives vsbypassd.
 */
#include "cage-group.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT	"/sys/fs/cgroup"
#define OURS	ROOT "/vsbypass"

static const struct {
	const char *file;
	guint value;
} limits[] = {
	{ "memory.max", CAGE_MEMORY_MAX },
	{ "pids.max", CAGE_TASKS_MAX },
};

static gboolean put(const char *dir, const char *file, const char *value)
{
	g_autofree char *path = g_build_filename(dir, file, NULL);
	int fd = open(path, O_WRONLY | O_CLOEXEC), saved;
	gboolean done;

	if (fd < 0)
		return FALSE;
	done = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	saved = errno;
	close(fd);
	errno = saved;
	return done;
}

static void sweep(void)
{
	g_autoptr(GDir) dir = g_dir_open(OURS, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (g_str_has_prefix(name, "proxy-")) {
			g_autofree char *path = g_build_filename(OURS, name, NULL);

			rmdir(path);	/* fails while anybody is there */
		}
}

static gboolean make(const char *path)
{
	if ((mkdir(OURS, 0755) < 0 && errno != EEXIST) ||
	    !put(ROOT, "cgroup.subtree_control", "+memory +pids") ||
	    !put(OURS, "cgroup.subtree_control", "+memory +pids") ||
	    (mkdir(path, 0755) < 0 && errno != EEXIST))
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(limits); i++) {
		g_autofree char *value = g_strdup_printf("%u", limits[i].value);

		if (!put(path, limits[i].file, value))
			return FALSE;
	}
	return TRUE;
}

int cage_group_make(uid_t uid)
{
	static gboolean said;
	g_autofree char *path = g_strdup_printf(OURS "/proxy-%u", uid);
	g_autofree char *procs = g_build_filename(path, "cgroup.procs", NULL);
	int fd = -1;

	sweep();
	if (make(path))
		fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && !said)
		g_message("proxies have no control groups: " OURS ": %s; their memory is bounded "
			  "by resource limits alone", g_strerror(errno));
	said |= fd < 0;
	return fd;
}
