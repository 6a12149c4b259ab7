/* SPDX-License-Identifier: GPL-2.0 */
/* Control groups of proxies' QEMUs: how much memory, how many processes. */
#ifndef VSB_CAGE_GROUP_H
#define VSB_CAGE_GROUP_H

#include <glib.h>
#include <sys/types.h>

/* Of bubblewrap and QEMU, which are 6 threads and 25 MiB. */
#define CAGE_MEMORY_MAX	(128 << 20)
#define CAGE_TASKS_MAX	64

/*
 * Makes a group for user @uid, and removes those in which nobody is any more. Says once
 * if this host can have none.
 * Return: a descriptor: who writes "0" to it is in the group; -1: there is none.
 */
int cage_group_make(uid_t uid);

/*
 * The same where systemd runs: has it make one for the @n processes @pids of user @uid, 0:
 * none; @name: for people. The QEMU waits for "cont", so it is not too late soon after.
 */
void cage_scope_start(uid_t uid, const char *name, const pid_t *pids, gsize n);

#endif
