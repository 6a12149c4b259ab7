/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cage of a proxy's QEMU. The QEMU answers what a user VM does, who is not trusted:
 * whoever breaks it is to find nothing of the host, of vsbypassd or of a neighbour.
 *
 * Each QEMU is a user of its own without any privilege, in namespaces of its own in which
 * there is what it opens and nothing else, under limits and a filter of system calls.
 * bubblewrap makes the namespaces. It stays as parent of the QEMU, as the first process of
 * a PID namespace cannot be an exec away; neither needs vsbypassd.
 */
#ifndef VSB_CAGE_H
#define VSB_CAGE_H

#include <gio/gio.h>
#include <sys/types.h>

/* User IDs of cages, see --uid-base: above what directories (SSSD) and containers
 * (systemd) give out, below what Linux tools take for negative. */
#define CAGE_UID_BASE	2052259840	/* 0x7a530000 */
#define CAGE_UIDS	0x10000u
/* Where they may begin: not where a host has its own; bubblewrap knows half of all. */
#define CAGE_UID_MIN	0x10000u
#define CAGE_UID_MAX	(0x80000000u - CAGE_UIDS)

/* Exit status of bubblewrap: this and the number of the signal that has ended the QEMU;
 * SIGSYS if it has called abort(), see cage-filter.c. */
#define CAGED_BY_SIGNAL	128

struct cage;

/**
 * struct caged - a QEMU in its cage
 * @process:	bubblewrap: ends when the QEMU does, with its exit status
 * @pid:	of the QEMU, 0: it has ended already
 * @pidfd:	of that
 */
struct caged {
	GSubprocess *process;
	pid_t pid;
	int pidfd;
};

/*
 * @qemu: program, @rom: firmware; with @uid_base begin the user IDs. Looks whether this
 * host can have cages.
 */
struct cage *cage_new(const char *qemu, const char *rom, guint32 uid_base, GError **error);
void cage_free(struct cage *cage);

/*
 * Starts @argv in a cage for user VM @name; @launcher has its descriptors, and is done with then.
 * @screen: it has one, for which QEMU may want a memfd.
 * Return: FALSE: @caged is as it was.
 */
gboolean cage_spawn(struct cage *cage, GSubprocessLauncher *launcher, const char *name,
		    gboolean screen, char **argv, struct caged *caged, GError **error);

#endif
