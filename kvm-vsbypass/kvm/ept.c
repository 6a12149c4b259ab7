// SPDX-License-Identifier: GPL-2.0
/*
 * One frame of a user VM, and the frame of the cloud VM behind it: what the
 * agent needs to find the process of the guest hypervisor. And whose memory a
 * VM has. Read from the guest hypervisor's own nested page table, which may be
 * garbage: every read is checked by KVM, and the walk is bounded.
 */
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "kvm/compat.h"
#include "kvm/ept.h"
#include "kvm/calls.h"
#include "kvm/vendor.h"

#define PTE_ADDR	GENMASK_ULL(51, 12)
#define PTE_LARGE	BIT_ULL(7)
#define PTES		512
#define PTE_WRITABLE	BIT_ULL(1)	/* both vendors */
#define MAX_PAGES	64	/* read in one walk, page 4 KiB */
#define MAX_PAGES_SEARCHED	0x20000	/* all of 256 GiB in pages of 4 KiB */

/**
 * struct vsb_walk - through a page table
 * @vcpu:	of the cloud VM
 * @page:	PTES of them for each level
 * @max:	pages to read, at most
 * @reads:	so far
 * @visit:	told of each frame or large page that is mapped: L2's, of the cloud VM, how
 *		many frames, the entry. True: enough
 * @l2_gfn:	first frame: of the user VM,
 * @l1_gfn:	and what is behind it
 * @gfns:	frames of the cloud VM that are looked for, or found
 * @nr:		of them
 * @max_gfns:	of them, at most
 * @writable:	those alone that the table lets be written to
 * @found:	which of those that are looked for, a bit each
 */
struct vsb_walk {
	struct kvm_vcpu *vcpu;
	u64 *page;
	unsigned int max;
	unsigned int reads;
	bool (*visit)(struct vsb_walk *w, u64 at, u64 l1_gfn, u64 nr, u64 pte);
	u64 l2_gfn;
	u64 l1_gfn;
	u64 *gfns;
	int nr;
	int max_gfns;
	bool writable;
	unsigned long found;
};

/* Is this a frame of the cloud VM's memory? (KVM's MMIO entries are not.) */
static bool vsb_ept_is_memory(struct vsb_walk *w, u64 gfn)
{
	u8 byte;

	return !vsb_kvm_read_guest(w->vcpu, gfn << PAGE_SHIFT, &byte, 1);
}

/* What L2 frame @gfn is mapped to, or -1. */
static s64 vsb_ept_lookup(struct kvm_vcpu *vcpu, u64 table, int level, u64 gfn)
{
	u64 pte, rest;

	for (; level; level--) {
		if (vsb_kvm_read_guest(vcpu, table + (gfn >> (9 * (level - 1)) & (PTES - 1)) *
				       sizeof(pte), &pte, sizeof(pte)) ||
		    !vsb_vendor->present(pte))
			return -1;
		table = pte & PTE_ADDR;
		if (level == 1 || (level <= 3 && (pte & PTE_LARGE)))
			break;
	}
	rest = (1ULL << (9 * (level - 1))) - 1;
	return ((table >> PAGE_SHIFT) & ~rest) | (gfn & rest);
}

/*
 * The table at @table, of level @level (1: its entries map 4 KiB), maps L2
 * frames from @gfn on. Return: true: enough.
 */
static bool vsb_ept_walk(struct vsb_walk *w, u64 table, int level, u64 gfn)
{
	u64 *ptes = w->page + (level - 1) * PTES, nr = 1ULL << (9 * (level - 1));
	int i;

	if (w->reads++ >= w->max || fatal_signal_pending(current) ||
	    vsb_kvm_read_guest(w->vcpu, table, ptes, PAGE_SIZE))
		return false;
	cond_resched();
	for (i = 0; i < PTES; i++) {
		u64 pte = ptes[i], at = gfn + i * nr;

		if (!vsb_vendor->present(pte))
			continue;
		if (level > 1 && !(level <= 3 && (pte & PTE_LARGE))) {
			if (vsb_ept_walk(w, pte & PTE_ADDR, level - 1, at))
				return true;
			if (w->reads >= w->max)
				return false;
			continue;
		}
		/* bit 12 of a large page's entry may be PAT */
		if (w->visit(w, at, (pte & PTE_ADDR) >> PAGE_SHIFT & ~(nr - 1), nr, pte))
			return true;
	}
	return false;
}

/* Return: was it enough? */
static bool vsb_ept_walk_all(struct vsb_walk *w, u64 root, int levels)
{
	bool enough;

	if (!levels)
		return false;
	w->page = kvmalloc_array(levels, PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!w->page)
		return false;
	enough = vsb_ept_walk(w, root & PTE_ADDR, levels, 0);
	kvfree(w->page);
	return enough;
}

/* The levels of the user VM's table, or 0 if it has none that we read. Callback context. */
int vsb_ept_levels(struct kvm_vcpu *vcpu)
{
	struct kvm_mmu *mmu = vcpu->arch.mmu;
	int levels = vsb_mmu_walk(mmu)->cpu_role.base.level;

	/* Two-level tables have 32-bit entries; no hypervisor uses them. */
	return mmu == &vcpu->arch.guest_mmu && levels >= 3 && levels <= 5 ? levels : 0;
}

static u64 vsb_ept_root(struct kvm_vcpu *vcpu)
{
	return vsb_mmu_walk(vcpu->arch.mmu)->get_guest_pgd(vcpu) & PTE_ADDR;
}

static bool vsb_ept_is_first(struct vsb_walk *w, u64 at, u64 l1_gfn, u64 nr, u64 pte)
{
	if (!vsb_ept_is_memory(w, l1_gfn))
		return false;
	w->l2_gfn = at;
	w->l1_gfn = l1_gfn;
	return true;
}

/**
 * vsb_ept_first_frame - the lowest frame that a user VM has mapped
 * @vcpu: runs it; vCPU context, KVM's SRCU held
 * @l2_gfn: out
 * @l1_gfn: out
 *
 * Return: found?
 */
bool vsb_ept_first_frame(struct kvm_vcpu *vcpu, u64 *l2_gfn, u64 *l1_gfn)
{
	struct vsb_walk w = { .vcpu = vcpu, .max = MAX_PAGES, .visit = vsb_ept_is_first };

	if (!vsb_ept_walk_all(&w, vsb_ept_root(vcpu), vsb_ept_levels(vcpu)))
		return false;
	*l2_gfn = w.l2_gfn;
	*l1_gfn = w.l1_gfn;
	return true;
}

/* Is it one of those that are asked for? */
static bool vsb_ept_suits(const struct vsb_walk *w, u64 pte)
{
	return !w->writable || pte & PTE_WRITABLE;
}

static bool vsb_ept_takes(struct vsb_walk *w, u64 at, u64 l1_gfn, u64 nr, u64 pte)
{
	if (vsb_ept_suits(w, pte) && vsb_ept_is_memory(w, l1_gfn))
		w->gfns[w->nr++] = l1_gfn;
	return w->nr == w->max_gfns;
}

/**
 * vsb_ept_frames - the lowest frames that a user VM has
 * @vcpu: runs it; vCPU context, KVM's SRCU held
 * @gfns: out: the frames of the cloud VM
 * @max: of them
 * @writable: those that it may write to
 *
 * Return: how many.
 */
int vsb_ept_frames(struct kvm_vcpu *vcpu, u64 *gfns, int max, bool writable)
{
	struct vsb_walk w = {
		.vcpu = vcpu, .max = MAX_PAGES, .visit = vsb_ept_takes,
		.gfns = gfns, .max_gfns = max, .writable = writable,
	};

	vsb_ept_walk_all(&w, vsb_ept_root(vcpu), vsb_ept_levels(vcpu));
	return w.nr;
}

static bool vsb_ept_has_all(struct vsb_walk *w, u64 at, u64 l1_gfn, u64 nr, u64 pte)
{
	int i;

	for (i = 0; i < w->nr && vsb_ept_suits(w, pte); i++)
		if (w->gfns[i] - l1_gfn < nr)
			w->found |= BIT(i);
	return w->found == BIT(w->nr) - 1;
}

/**
 * vsb_ept_maps - does a page table map all these frames, wherever?
 * @vcpu: of the cloud VM; vCPU context, KVM's SRCU held
 * @root: EPT pointer; may be garbage
 * @levels: of the table
 * @gfns: frames of the cloud VM
 * @nr: of them, less than 32
 * @writable: each to be written to
 */
bool vsb_ept_maps(struct kvm_vcpu *vcpu, u64 root, int levels, const u64 *gfns, int nr,
		  bool writable)
{
	struct vsb_walk w = {
		.vcpu = vcpu, .max = MAX_PAGES_SEARCHED, .visit = vsb_ept_has_all,
		.gfns = (u64 *)gfns, .nr = nr, .writable = writable,
	};

	return vsb_ept_walk_all(&w, root, levels);
}

/**
 * vsb_ept_has_frame - has a user VM this frame of the cloud VM there?
 * @vcpu: runs it; vCPU context, KVM's SRCU held
 * @l2_gfn: in the user VM
 * @l1_gfn: in the cloud VM
 *
 * Return: 1, yes; 0, nothing is there; -1, something else.
 */
int vsb_ept_has_frame(struct kvm_vcpu *vcpu, u64 l2_gfn, u64 l1_gfn)
{
	int levels = vsb_ept_levels(vcpu);
	s64 found = levels ? vsb_ept_lookup(vcpu, vsb_ept_root(vcpu), levels, l2_gfn) : -1;

	return found < 0 ? 0 : found == (s64)l1_gfn ? 1 : -1;
}
