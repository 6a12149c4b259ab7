/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An ELF core of the memory of a user VM, as QEMU's dump-guest-memory makes it without paging:
 * a segment for each run of memory, with physical addresses; notes of registers as QEMU has
 * them, and the note of Linux itself (VMCOREINFO), found in its memory.
 */
#ifndef VSB_VSBCTL_CORE_H
#define VSB_VSBCTL_CORE_H

#include <glib.h>
#include <linux/kvm_vsbypass.h>

/**
 * struct core_source - what is dumped
 * @fd:		its memory: read(2) and lseek(2) as of a memory fd
 * @limit:	bytes of memory that it can have
 * @vcpus:	of struct vsb_vcpu_state
 * @progress:	called now and then with bytes done, and of how many; FALSE, with an error: not
 *		any more. NULL: nobody wants to know
 * @data:	for that
 */
struct core_source {
	int fd;
	guint64 limit;
	GArray *vcpus;
	gboolean (*progress)(guint64 done, guint64 of, gpointer data, GError **error);
	gpointer data;
};

/**
 * struct core_info - what was found
 * @bytes:	of memory
 * @vmcoreinfo:	there is a note of Linux
 * @release:	of that, or empty
 */
struct core_info {
	guint64 bytes;
	gboolean vmcoreinfo;
	char release[65];
};

/*
 * Writes it to @out, an empty file that can be sought in; what is only zeros becomes holes.
 * Return: FALSE with an error: @out has anything.
 */
gboolean core_write(const struct core_source *source, int out, struct core_info *info,
		    GError **error);

#endif
