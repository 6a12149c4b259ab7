/* SPDX-License-Identifier: GPL-2.0 */
/* vsbypassd's directory, /run/vsbypass: layout, rights, and who owns it now. */
#ifndef VSB_RUNDIR_H
#define VSB_RUNDIR_H

#include <glib.h>
#include <sys/types.h>

/**
 * struct rundir - paths in it
 * @access_dir:	see access.h
 * @state:	what a vsbypassd leaves to the next one
 * @lock_fd:	held while this vsbypassd runs
 */
struct rundir {
	char *control;
	char *console_dir;
	char *access_dir;
	char *proxy_dir;
	char *state;
	char *rom;
	int lock_fd;
};

/*
 * Makes what is missing. Group @gid may pass to the console sockets.
 * Return: NULL with an error, e.g. if another vsbypassd runs here.
 */
struct rundir *rundir_open(const char *path, gid_t gid, GError **error);

/* Leaves the directories, so that another may start in them. */
void rundir_free(struct rundir *rundir);

#endif
