// SPDX-License-Identifier: GPL-2.0
/*
 * One frame of a user VM, and the frame of the cloud VM behind it: what the
 * agent needs to find the process of the guest hypervisor. Read from the guest
 * hypervisor's own nested page table, which may be garbage: every read is
 * checked by KVM, and the walk is bounded.
 */
#include <linux/slab.h>

#include "vsb.h"

#define PTE_ADDR	GENMASK_ULL(51, 12)
#define PTE_LARGE	BIT_ULL(7)
#define PTES		512
#define MAX_PAGES	64	/* read in one walk, page 4 KiB */

struct vsb_walk {
	struct kvm_vcpu *vcpu;
	u64 *page;		/* PTES of them for each level */
	unsigned int reads;
	u64 l1_gfn;
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
 * frames from @gfn on. Return: the first one that is mapped, or -1.
 */
static s64 vsb_ept_walk(struct vsb_walk *w, u64 table, int level, u64 gfn)
{
	u64 *ptes = w->page + (level - 1) * PTES;
	int i;

	if (w->reads++ >= MAX_PAGES ||
	    vsb_kvm_read_guest(w->vcpu, table, ptes, PAGE_SIZE))
		return -1;
	for (i = 0; i < PTES; i++) {
		u64 pte = ptes[i], at = gfn + ((u64)i << (9 * (level - 1)));
		s64 found;

		if (!vsb_vendor->present(pte))
			continue;
		if (level > 1 && !(level <= 3 && (pte & PTE_LARGE))) {
			found = vsb_ept_walk(w, pte & PTE_ADDR, level - 1, at);
			if (found >= 0)
				return found;
			if (w->reads >= MAX_PAGES)
				return -1;
			continue;
		}
		w->l1_gfn = (pte & PTE_ADDR) >> PAGE_SHIFT;
		if (level > 1)	/* bit 12 of a large page's entry may be PAT */
			w->l1_gfn &= ~((1ULL << (9 * (level - 1))) - 1);
		if (vsb_ept_is_memory(w, w->l1_gfn))
			return at;
	}
	return -1;
}

/* The levels of the user VM's table, or 0 if it has none that we read. */
static int vsb_ept_levels(struct kvm_vcpu *vcpu)
{
	struct kvm_mmu *mmu = vcpu->arch.mmu;
	int levels = mmu->cpu_role.base.level;

	/* Two-level tables have 32-bit entries; no hypervisor uses them. */
	return mmu == &vcpu->arch.guest_mmu && levels >= 3 && levels <= 5 ? levels : 0;
}

static u64 vsb_ept_root(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.mmu->get_guest_pgd(vcpu) & PTE_ADDR;
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
	struct vsb_walk w = { .vcpu = vcpu };
	int levels = vsb_ept_levels(vcpu);
	s64 found;

	if (!levels)
		return false;
	w.page = kvmalloc_array(levels, PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!w.page)
		return false;
	found = vsb_ept_walk(&w, vsb_ept_root(vcpu), levels, 0);
	kvfree(w.page);
	if (found < 0)
		return false;
	*l2_gfn = found;
	*l1_gfn = w.l1_gfn;
	return true;
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
