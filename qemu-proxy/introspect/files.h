/* SPDX-License-Identifier: GPL-2.0 */
/* The open files of the processes of a Linux. */
#ifndef VSB_INTROSPECT_FILES_H
#define VSB_INTROSPECT_FILES_H

#include "processes.h"

/**
 * struct open_file - a descriptor of a process
 * @process:	which, in struct processes
 * @fd:		its number
 * @name:	(transfer full): printable ASCII: a path from the root of all mounts, whatever the
 *		process has for its own, or as /proc has it: "pipe:[1]", "socket:[2]", "anon_inode:x"
 */
struct open_file {
	const struct process *process;
	guint fd;
	char *name;
};

/*
 * Of all @processes, which the result refers to. Return: (transfer full): of struct open_file;
 * NULL: @error.
 */
GArray *files_find(const struct kernel *kernel, const struct processes *processes, GError **error);

#endif
