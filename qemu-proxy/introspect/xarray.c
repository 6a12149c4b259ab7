// SPDX-License-Identifier: GPL-2.0
/* An array of the kernel; see xarray.h and include/linux/xarray.h. */
#include "xarray.h"

/* Entries end in 00 (a pointer), 10 (a node below, or a mark) or 1 (a number). */
#define KIND		3
#define INTERNAL	2
#define HIGHEST_MARK	4096
#define SLOTS		64
#define SLOT_BITS	6

struct walk {
	const struct kernel *kernel;
	guint32 head, shift, slots;
	guint left;	/* nodes and entries */
	gboolean (*entry)(guint64 index, guint64 pointer, gpointer data);
	gpointer data;
	gboolean enough;
	char *wrong;
};

/* @above: shift of the node that it is in, which this one must be less than. */
static void walk_entry(struct walk *w, guint64 entry, guint64 index, guint above)
{
	guint64 node = entry - INTERNAL;
	guint8 shift;

	if (!entry || w->enough || w->wrong)
		return;
	if (!w->left--) {
		w->wrong = g_strdup("larger than there can be processes");
		return;
	}
	if (!(entry & KIND)) {
		w->enough = !w->entry(index, entry, w->data);
		return;
	}
	if ((entry & KIND) != INTERNAL || entry <= HIGHEST_MARK)
		return;
	if (!guest_u8(w->kernel->guest, node + w->shift, &shift) || shift >= above ||
	    shift % SLOT_BITS) {
		w->wrong = g_strdup("broken");
		return;
	}
	for (guint64 i = 0; i < SLOTS; i++) {
		guint64 below;

		if (!guest_u64(w->kernel->guest, node + w->slots + i * sizeof(below), &below)) {
			w->wrong = g_strdup("broken");
			return;
		}
		walk_entry(w, below, index | i << shift, shift);
	}
}

char *xarray_each(const struct kernel *kernel, guint64 at, guint max,
		  gboolean (*entry)(guint64 index, guint64 pointer, gpointer data), gpointer data)
{
	struct walk w = { .kernel = kernel, .left = max, .entry = entry, .data = data };
	guint32 size;
	guint64 head;

	if (!layout_member(kernel->layout, "xarray", "xa_head", &w.head, NULL) ||
	    !layout_member(kernel->layout, "xa_node", "shift", &w.shift, NULL) ||
	    !layout_member(kernel->layout, "xa_node", "slots", &w.slots, &size) ||
	    size != SLOTS * sizeof(guint64))
		return g_strdup("not of a kind that is known");
	if (!guest_u64(kernel->guest, at + w.head, &head))
		return g_strdup("not there");
	walk_entry(&w, head, 0, 64);
	return w.wrong;
}
