/* SPDX-License-Identifier: GPL-2.0 */
/* vsbctl dump: the memory of a user VM into a file. */
#ifndef VSB_VSBCTL_DUMP_H
#define VSB_VSBCTL_DUMP_H

#include <glib.h>

/**
 * struct dump_args - what is wanted
 * @file:	where to; takes its place when all is written
 * @live:	the user VM runs on meanwhile
 * @limit_s:	seconds that it may stand otherwise
 */
struct dump_args {
	const char *file;
	gboolean live;
	guint limit_s;
};

/*
 * @fd: of its memory. On a terminal standard error shows how far it is.
 * Return: (transfer full): what was done, in words for a person; NULL: @error, no file.
 */
char *dump_memory(int fd, const struct dump_args *args, GError **error);

#endif
