// SPDX-License-Identifier: GPL-2.0
/*
 * Through a nested page table of the guest hypervisor; see kvm/walk.h. No type of KVM's is in
 * here: a unit test builds it, too.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "kvm/vendor.h"
#include "kvm/walk.h"

/* Frames that an entry of a table of this level is about. */
static u64 vsb_walk_span(int level)
{
	return 1ULL << (9 * (level - 1));
}

u64 vsb_walk_frames(int levels)
{
	return vsb_walk_span(levels + 1);
}

int vsb_walk_begin(struct vsb_walk *w)
{
	if (w->levels < 3 || w->levels > VSB_WALK_LEVELS)
		return -EINVAL;
	w->page = kvmalloc_array(w->levels, PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!w->page)
		return -ENOMEM;
	vsb_walk_again(w);
	return 0;
}

void vsb_walk_end(struct vsb_walk *w)
{
	kvfree(w->page);
	w->page = NULL;
}

void vsb_walk_again(struct vsb_walk *w)
{
	w->has = 0;
	w->steps = 0;
	/* No frame has this number. */
	memset(w->table, 0xff, sizeof(w->table));
}

/* To the table at frame @table, whose entries are about L2's frames from @first on. */
static int vsb_walk_enter(struct vsb_walk *w, int level, u64 table, u64 first)
{
	int ret;

	w->has &= ~(BIT(level + 1) - 1);
	if (w->steps++ >= w->max)
		return -ELOOP;
	if (signal_pending_state(w->state, current))
		return -EINTR;
	cond_resched();
	if (w->table[level] != table) {
		w->table[level] = U64_MAX;
		ret = w->read(w, table, w->page[level - 1]);
		if (ret == -EFAULT)	/* no memory: no entries */
			memset(w->page[level - 1], 0, PAGE_SIZE);
		else if (ret)
			return ret;
		w->table[level] = table;
	}
	w->first[level] = first;
	w->has |= BIT(level);
	return 0;
}

/* The lowest table that it has of those which are about @gfn, or 0. */
static int vsb_walk_have(const struct vsb_walk *w, u64 gfn)
{
	int level;

	for (level = 1; level <= w->levels; level++)
		if (w->has & BIT(level) && gfn - w->first[level] < vsb_walk_span(level + 1))
			return level;
	return 0;
}

/* Entry @i of the table that it has at @level, and those behind it that are as empty. */
static enum vsb_pte vsb_walk_entry(struct vsb_walk *w, int level, int i, struct vsb_mapping *m)
{
	const u64 *ptes = w->page[level - 1];
	enum vsb_pte is = vsb_vendor->pte(ptes[i], level);
	int behind = i + 1;

	m->pte = ptes[i];
	m->level = level;
	m->mapped = is == VSB_PTE_PAGE;
	m->gfn = w->first[level] + i * vsb_walk_span(level);
	/* bit 12 of a large page's entry may be PAT */
	m->l1_gfn = (m->pte & VSB_PTE_ADDR) >> PAGE_SHIFT & ~(vsb_walk_span(level) - 1);
	while (is == VSB_PTE_NONE && behind < VSB_PTES &&
	       vsb_vendor->pte(ptes[behind], level) == VSB_PTE_NONE)
		behind++;
	m->nr = (behind - i) * vsb_walk_span(level);
	return is;
}

int vsb_walk_at(struct vsb_walk *w, u64 gfn, struct vsb_mapping *m)
{
	int level = vsb_walk_have(w, gfn), ret;

	if (gfn >= vsb_walk_frames(w->levels)) {
		*m = (struct vsb_mapping){ .gfn = gfn, .nr = U64_MAX - gfn };
		return 0;
	}
	if (!level) {
		level = w->levels;
		ret = vsb_walk_enter(w, level, (w->root & VSB_PTE_ADDR) >> PAGE_SHIFT, 0);
		if (ret)
			return ret;
	}
	while (vsb_walk_entry(w, level, gfn / vsb_walk_span(level) & (VSB_PTES - 1), m) ==
	       VSB_PTE_TABLE) {
		level--;
		ret = vsb_walk_enter(w, level, (m->pte & VSB_PTE_ADDR) >> PAGE_SHIFT, m->gfn);
		if (ret)
			return ret;
	}
	return 0;
}

int vsb_walk_next(struct vsb_walk *w, u64 gfn, u64 end, struct vsb_mapping *m)
{
	int ret;

	end = min(end, vsb_walk_frames(w->levels));
	while (gfn < end) {
		ret = vsb_walk_at(w, gfn, m);
		if (ret || m->mapped)
			return ret;
		gfn = m->gfn + m->nr;
	}
	return -ENOENT;
}
