/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VM's memory, read from outside: physical addresses from a source, virtual ones by the VM's
 * own page tables (SDM vol. 3, 4.5). All that is in there is the VM's to write: whatever it
 * says, a call reads what it was asked to read, or fails.
 */
#ifndef VSB_INTROSPECT_GUEST_H
#define VSB_INTROSPECT_GUEST_H

#include <glib.h>

#define GUEST_PAGE	4096

/**
 * struct guest_source - physical memory
 * @read:	up to @len bytes at @at into @buf. Return: how many, at least 1; 0: there is no
 *		memory; negative: an error, and it is not to be read any more
 * @data:	for that
 * @private_mask: bit of page table entries and CR3 that is none of the address (of the C-bit, APM
 *		vol. 2, 15.34), or 0
 */
struct guest_source {
	gssize (*read)(gpointer data, guint64 at, gpointer buf, gsize len);
	gpointer data;
	guint64 private_mask;
};

/**
 * struct guest_vcpu - registers of a vCPU that say where its kernel is
 * @cr3:	root of its page table
 * @cr4:	with bit 12 set that has five levels
 * @idt:	virtual address of the interrupt descriptor table,
 * @idt_limit:	its last byte
 * @rip:	what it executes
 */
struct guest_vcpu {
	guint64 cr3;
	guint64 cr4;
	guint64 idt;
	guint32 idt_limit;
	guint64 rip;
};

struct guest;

/* @source is copied. */
struct guest *guest_new(const struct guest_source *source);
void guest_free(struct guest *guest);

/* Which page table: physical address of the root, 4 or 5 levels. */
void guest_set_table(struct guest *guest, guint64 root, guint levels);

/* What was read is kept until now. */
void guest_forget(struct guest *guest);

/* Has the source had an error? Then nothing is to be had any more. */
gboolean guest_failed(const struct guest *guest);

/*
 * Return: FALSE: it is not mapped, and nothing is up to @run bytes behind @va. Else @pa, and
 * so many bytes from there on are one piece.
 */
gboolean guest_translate(struct guest *guest, guint64 va, guint64 *pa, guint64 *run);

/* All of @len bytes at virtual address @va. Return: FALSE: some of it is not there. */
gboolean guest_read(struct guest *guest, guint64 va, gpointer buf, gsize len);

/* The same for much of it, read once: what is not there is zeros. Return: bytes that are. */
gsize guest_read_image(struct guest *guest, guint64 va, gpointer buf, gsize len);

gboolean guest_u8(struct guest *guest, guint64 va, guint8 *value);
gboolean guest_u32(struct guest *guest, guint64 va, guint32 *value);
gboolean guest_u64(struct guest *guest, guint64 va, guint64 *value);

/*
 * A string of at most @max bytes. Return: (transfer full): printable ASCII, all else escaped,
 * as it is for a terminal or a log; NULL: it is not there.
 */
char *guest_string(struct guest *guest, guint64 va, gsize max);

/* Can @va be a pointer of a kernel: in its half, aligned to 8 bytes? */
gboolean guest_is_pointer(guint64 va);

/**
 * guest_list - walk a list of the kernel (struct list_head)
 * @head:	its address
 * @max:	entries at most
 * @entry:	called with the address of each struct list_head; FALSE: enough
 * @data:	for that
 *
 * Return: NULL, or (transfer full) why it does not come back to its head: broken, or a cycle.
 */
char *guest_list(struct guest *guest, guint64 head, guint max,
		 gboolean (*entry)(guint64 at, gpointer data), gpointer data);

#endif
