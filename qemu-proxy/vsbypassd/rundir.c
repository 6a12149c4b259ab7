// SPDX-License-Identifier: GPL-2.0
/* vsbypassd's directory: layout, rights, and who owns it now. */
#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "proxy-cmd.h"

static gboolean fail(const char *path, GError **error)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
	return FALSE;
}

static gboolean make_dir(const char *path, mode_t mode, gid_t gid, GError **error)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail(path, error);
	/* Not through a link that somebody laid there. */
	if (lchown(path, (uid_t)-1, gid) < 0)
		return fail(path, error);
	if (chmod(path, mode) < 0)
		return fail(path, error);
	return TRUE;
}

static int take_lock(const char *dir, GError **error)
{
	g_autofree char *path = g_build_filename(dir, "lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		fail(path, error);
		return -1;
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	if (errno == EWOULDBLOCK)
		g_set_error(error, VSB_ERROR, VSB_ERROR_EXISTS,
			    "another vsbypassd runs in %s; end it or use another --run-dir", dir);
	else
		fail(path, error);
	close(fd);
	return -1;
}

static gboolean write_rom(const char *path, GError **error)
{
	g_autofree char *rom = g_malloc(PROXY_ROM_SIZE);

	memset(rom, PROXY_ROM_BYTE, PROXY_ROM_SIZE);
	if (!g_file_set_contents_full(path, rom, PROXY_ROM_SIZE,
				      G_FILE_SET_CONTENTS_CONSISTENT, 0644, error))
		return FALSE;
	/* QEMUs of libvirt's domains read it as well, whatever our umask is. */
	return chmod(path, 0644) ? fail(path, error) : TRUE;
}

struct rundir *rundir_open(const char *path, gid_t gid, GError **error)
{
	struct rundir *rundir = g_new0(struct rundir, 1);

	rundir->lock_fd = -1;
	rundir->control = g_build_filename(path, "control.sock", NULL);
	rundir->console_dir = g_build_filename(path, "console", NULL);
	rundir->access_dir = g_build_filename(path, "keys", NULL);
	rundir->proxy_dir = g_build_filename(path, "proxy", NULL);
	rundir->state = g_build_filename(path, "state", NULL);
	rundir->rom = g_build_filename(rundir->proxy_dir, "halt.rom", NULL);
	if (!make_dir(path, 0755, (gid_t)-1, error))
		goto fail;
	rundir->lock_fd = take_lock(path, error);
	if (rundir->lock_fd < 0 ||
	    !make_dir(rundir->console_dir, 0750, gid, error) ||
	    !make_dir(rundir->access_dir, 0755, (gid_t)-1, error) ||
	    !make_dir(rundir->proxy_dir, 0755, (gid_t)-1, error) ||
	    !write_rom(rundir->rom, error))
		goto fail;
	return rundir;
fail:
	rundir_free(rundir);
	return NULL;
}

void rundir_free(struct rundir *rundir)
{
	if (!rundir)
		return;
	if (rundir->lock_fd >= 0)
		close(rundir->lock_fd);
	g_free(rundir->control);
	g_free(rundir->console_dir);
	g_free(rundir->access_dir);
	g_free(rundir->proxy_dir);
	g_free(rundir->state);
	g_free(rundir->rom);
	g_free(rundir);
}
