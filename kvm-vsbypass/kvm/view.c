// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that a nested page table shows.
 *
 * Of the cloud VM's address space only what its memory slots are about is ever read: the
 * lookup, the pages and their copy are under KVM's SRCU, for the end of which KVM waits before
 * its ioctl that takes a slot away returns. The slots that KVM has for itself do not count.
 */
#include <linux/highmem.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "core/host.h"
#include "kvm/compat.h"
#include "kvm/view.h"
#include "kvm/walk.h"

#define BATCH	16	/* frames read at a time */

/*
 * Tables that one call may come to: twice those that all memory of the cloud VM has, in frames
 * of 4 KiB, and some for memory that lies here and there. 1 GiB of tables are looked at in
 * less than a second.
 */
#define SPARE_TABLES	0x4000

/**
 * struct vsb_view - see above
 * @kvm:	the cloud VM; its owner's file is held by the caller
 * @mm:		of its process; has users, while a call lasts
 * @walk:	through the table
 * @buf:	BATCH frames
 */
struct vsb_view {
	struct kvm *kvm;
	struct mm_struct *mm;
	struct vsb_walk walk;
	void *buf;
};

/* Under KVM's SRCU. Return: or NULL. */
static struct kvm_memory_slot *vsb_view_slot(struct vsb_view *view, u64 gfn)
{
	struct kvm_memory_slot *slot = __gfn_to_memslot(kvm_memslots(view->kvm), gfn);

	return slot && !(slot->flags & KVM_MEMSLOT_INVALID) && slot->id >= 0 &&
	       slot->id < KVM_USER_MEM_SLOTS ? slot : NULL;
}

/*
 * Copy up to @nr frames, at most BATCH, from @gfn on. Under KVM's SRCU. Return: how many, -EFAULT:
 * they are no memory, -EINTR, or another error.
 */
static int vsb_view_copy(struct vsb_view *view, u64 gfn, u64 nr, void *to)
{
	struct kvm_memory_slot *slot = vsb_view_slot(view, gfn);
	struct page *pages[BATCH];
	int locked = 1, i;
	void *from;
	long got;

	if (!slot)
		return -EFAULT;
	nr = min3(nr, slot->base_gfn + slot->npages - gfn, (u64)BATCH);
	if (mmap_read_lock_killable(view->mm))
		return -EINTR;
	got = vsb_get_user_pages(view->mm, __gfn_to_hva_memslot(slot, gfn), nr, 0, pages, &locked);
	if (locked)
		mmap_read_unlock(view->mm);
	for (i = 0; i < got; i++) {
		from = kmap_local_page(pages[i]);
		memcpy(to + i * PAGE_SIZE, from, PAGE_SIZE);
		kunmap_local(from);
		put_page(pages[i]);
	}
	return got ?: -EFAULT;
}

/* For struct vsb_walk. */
static int vsb_view_table(struct vsb_walk *w, u64 gfn, void *page)
{
	struct vsb_view *view = w->of;
	int srcu = srcu_read_lock(&view->kvm->srcu), ret;

	ret = vsb_view_copy(view, gfn, 1, page);
	srcu_read_unlock(&view->kvm->srcu, srcu);
	return min(ret, 0);
}

struct vsb_view *vsb_view_open(struct kvm *kvm, struct mm_struct *mm)
{
	struct vsb_view *view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);

	if (!view)
		return NULL;
	view->buf = kvmalloc(BATCH * PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!view->buf) {
		kfree(view);
		return NULL;
	}
	view->kvm = kvm;
	view->mm = mm;
	view->walk.read = vsb_view_table;
	view->walk.of = view;
	view->walk.state = TASK_INTERRUPTIBLE;
	return view;
}

void vsb_view_close(struct vsb_view *view)
{
	vsb_walk_end(&view->walk);
	kvfree(view->buf);
	kfree(view);
}

/* Frames of memory that a VM has. */
u64 vsb_view_frames(struct kvm *kvm)
{
	int srcu = srcu_read_lock(&kvm->srcu), bkt;
	struct kvm_memory_slot *slot;
	u64 nr = 0;

	kvm_for_each_memslot(slot, bkt, kvm_memslots(kvm))
		if (slot->id >= 0 && slot->id < KVM_USER_MEM_SLOTS)
			nr += slot->npages;
	srcu_read_unlock(&kvm->srcu, srcu);
	return nr;
}

int vsb_view_begin(struct vsb_view *view, u64 root, int levels)
{
	struct vsb_walk *w = &view->walk;

	w->root = root;
	w->max = min_t(u64, vsb_view_frames(view->kvm) / VSB_PTES * 2 + SPARE_TABLES, UINT_MAX);
	if (w->page && w->levels == levels) {
		vsb_walk_again(w);
		return 0;
	}
	vsb_walk_end(w);
	w->levels = levels;
	return vsb_walk_begin(w);
}

/* Of these frames of the cloud VM, how many are like the first one? *@memory: what it is. */
static u64 vsb_view_alike(struct vsb_view *view, u64 gfn, u64 nr, bool *memory)
{
	int srcu = srcu_read_lock(&view->kvm->srcu), bkt;
	struct kvm_memory_slot *slot = vsb_view_slot(view, gfn);

	*memory = slot;
	if (slot) {
		nr = min_t(u64, nr, slot->base_gfn + slot->npages - gfn);
	} else if (nr > 1) {
		kvm_for_each_memslot(slot, bkt, kvm_memslots(view->kvm))
			if (slot->base_gfn > gfn)
				nr = min_t(u64, nr, slot->base_gfn - gfn);
			else if (slot->base_gfn + slot->npages > gfn)
				nr = 1;		/* one that does not count */
	}
	srcu_read_unlock(&view->kvm->srcu, srcu);
	return nr;
}

int vsb_view_span(struct vsb_view *view, u64 gfn, struct vsb_span *span)
{
	struct vsb_mapping m;
	u64 nr, skip;
	int ret;

	ret = vsb_walk_at(&view->walk, gfn, &m);
	if (ret)
		return ret;
	skip = gfn - m.gfn;
	nr = m.nr - skip;
	span->memory = false;
	if (m.mapped)
		nr = vsb_view_alike(view, m.l1_gfn + skip, nr, &span->memory);
	span->gfn = gfn;
	span->end = gfn + nr;
	span->l1_gfn = m.l1_gfn + skip;
	return 0;
}

int vsb_view_read(struct vsb_view *view, const struct vsb_span *span, u64 gfn, const void **data)
{
	int srcu, got;

	if (signal_pending(current))
		return -EINTR;
	cond_resched();
	srcu = srcu_read_lock(&view->kvm->srcu);
	got = vsb_view_copy(view, span->l1_gfn + (gfn - span->gfn), span->end - gfn, view->buf);
	srcu_read_unlock(&view->kvm->srcu, srcu);
	*data = view->buf;
	return got;
}

/* See struct vsb_host_ops. */
int vsb_view_pin(struct kvm *kvm, u64 gfn, u32 nr, struct page **pages)
{
	struct kvm_memory_slot *slot;
	long got = -ENXIO;
	int srcu;

	if (!mmget_not_zero(kvm->mm))
		return -ESRCH;
	srcu = srcu_read_lock(&kvm->srcu);
	slot = __gfn_to_memslot(kvm_memslots(kvm), gfn);
	if (slot && slot->id >= 0 && slot->id < KVM_USER_MEM_SLOTS &&
	    !(slot->flags & (KVM_MEMSLOT_INVALID | KVM_MEM_READONLY)) &&
	    nr <= slot->base_gfn + slot->npages - gfn) {
		mmap_read_lock(kvm->mm);
		got = vsb_pin_user_pages(kvm->mm, __gfn_to_hva_memslot(slot, gfn), nr,
					 FOLL_WRITE | FOLL_LONGTERM, pages, NULL);
		mmap_read_unlock(kvm->mm);
	}
	srcu_read_unlock(&kvm->srcu, srcu);
	mmput(kvm->mm);
	if (got == nr)
		return 0;
	if (got > 0)
		unpin_user_pages(pages, got);
	return got < 0 ? got : -EFAULT;
}
