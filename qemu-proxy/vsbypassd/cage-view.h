/* SPDX-License-Identifier: GPL-2.0 */
/* What a proxy's QEMU sees of the host: the arguments of bubblewrap. */
#ifndef VSB_CAGE_VIEW_H
#define VSB_CAGE_VIEW_H

#include <glib.h>
#include <sys/types.h>

/* Descriptors that bubblewrap inherits, beside those of the QEMU; it closes them. */
#define CAGE_INFO_FD	30	/* tells the QEMU's process number */
#define CAGE_FILTER_FD	31	/* program of the filter of system calls */
#define CAGE_FDS	32	/* no descriptor of the QEMU, or of these, is above */

/*
 * @bwrap: program; @qemu, @rom: absolute paths of what @argv uses; @uid: user and group.
 * Return: (transfer full): @argv in its cage.
 */
char **cage_view(const char *bwrap, const char *qemu, const char *rom, uid_t uid,
		 char *const *argv);

#endif
