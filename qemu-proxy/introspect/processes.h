/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The processes of a Linux, by more than one of its structures: whoever hides one takes it out
 * of some.
 */
#ifndef VSB_INTROSPECT_PROCESSES_H
#define VSB_INTROSPECT_PROCESSES_H

#include "kernel.h"

/* Where a process was found. */
#define PROCESS_IN_LIST		0x1	/* the list of tasks */
#define PROCESS_IN_PIDS		0x2	/* the table of process IDs, which /proc is made from */
#define PROCESS_IN_FAMILY	0x4	/* its parent's children */
#define PROCESS_IN_ALL		0x7

#define PROCESS_COMM	16

/**
 * struct process - one of them
 * @task:	address of the task_struct of its first thread
 * @pid:	as the kernel's own namespace has it
 * @parent:	pid of its parent
 * @uid:	real, and
 * @euid:	effective
 * @threads:	how many
 * @start:	when it was started, in ns since boot,
 * @date:	in ns since 1970, 0: not known
 * @state:	a letter as of ps(1)
 * @kernel:	it is a thread of the kernel
 * @comm:	its name, (transfer full): printable ASCII, all else escaped
 * @found:	PROCESS_IN_*
 */
struct process {
	guint64 task;
	guint32 pid, parent, uid, euid, threads;
	guint64 start, date;
	char state;
	gboolean kernel;
	char *comm;
	guint found;
};

/**
 * struct processes - a look at them
 * @all:	of struct process, by pid
 * @notes:	of char *: what is wrong with the structures themselves
 */
struct processes {
	GArray *all;
	GPtrArray *notes;
};

/* Return: NULL: @error. */
struct processes *processes_find(const struct kernel *kernel, GError **error);
void processes_free(struct processes *processes);

#endif
