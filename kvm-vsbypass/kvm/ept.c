// SPDX-License-Identifier: GPL-2.0
/*
 * One frame of a user VM, and the frame of the cloud VM behind it: what the
 * agent needs to find the process of the guest hypervisor. And whose memory a
 * VM has. Read from the guest hypervisor's own nested page table, which may be
 * garbage: every read is checked by KVM, and the walk is bounded.
 */
#include <linux/kvm_host.h>

#include "core/host.h"
#include "kvm/compat.h"
#include "kvm/ept.h"
#include "kvm/calls.h"
#include "kvm/vendor.h"
#include "kvm/walk.h"

#define PTE_WRITABLE	BIT_ULL(1)	/* both vendors */
#define MAX_PAGES	64	/* read in one walk, page 4 KiB */
#define MAX_PAGES_SEARCHED	0x20000	/* all of 256 GiB in pages of 4 KiB */

/**
 * struct vsb_search - through a page table
 * @walk:	it; of a vCPU of the cloud VM
 * @visit:	told of each frame or large page that is mapped. True: enough
 * @l2_gfn:	first frame: of the user VM,
 * @l1_gfn:	and what is behind it
 * @gfns:	frames of the cloud VM that are looked for, or found
 * @nr:		of them
 * @max_gfns:	of them, at most
 * @writable:	those alone that the table lets be written to
 * @found:	which of those that are looked for, a bit each
 * @low:	of the first VSB_LOW_FRAMES
 */
struct vsb_search {
	struct vsb_walk walk;
	bool (*visit)(struct vsb_search *s, const struct vsb_mapping *m);
	u64 l2_gfn;
	u64 l1_gfn;
	u64 *gfns;
	int nr;
	int max_gfns;
	bool writable;
	unsigned long found;
	u32 *low;
};

/* Is this a frame of the cloud VM's memory? (KVM's MMIO entries are not.) */
static bool vsb_ept_is_memory(struct kvm_vcpu *vcpu, u64 gfn)
{
	u8 byte;

	return !vsb_kvm_read_guest(vcpu, gfn << PAGE_SHIFT, &byte, 1);
}

/* For struct vsb_walk of a vCPU. */
static int vsb_ept_read(struct vsb_walk *w, u64 gfn, void *page)
{
	return vsb_kvm_read_guest(w->of, gfn << PAGE_SHIFT, page, PAGE_SIZE) ? -EFAULT : 0;
}

/* What L2 frame @gfn is mapped to, or -1. A single one: less is read than for a walk. */
static s64 vsb_ept_lookup(struct kvm_vcpu *vcpu, u64 table, int level, u64 gfn)
{
	enum vsb_pte is = VSB_PTE_TABLE;
	u64 pte, rest;

	for (; level && is == VSB_PTE_TABLE; level--) {
		if (vsb_kvm_read_guest(vcpu, (table & VSB_PTE_ADDR) +
				       (gfn >> (9 * (level - 1)) & (VSB_PTES - 1)) * sizeof(pte),
				       &pte, sizeof(pte)))
			return -1;
		is = vsb_vendor->pte(pte, level);
		table = pte;
	}
	if (is != VSB_PTE_PAGE)
		return -1;
	rest = (1ULL << (9 * level)) - 1;
	return ((table & VSB_PTE_ADDR) >> PAGE_SHIFT & ~rest) | (gfn & rest);
}

/* Return: was it enough? */
static bool vsb_ept_search(struct vsb_search *s, struct kvm_vcpu *vcpu, u64 root, int levels,
			   unsigned int max)
{
	struct vsb_walk *w = &s->walk;
	bool enough = false;
	struct vsb_mapping m;
	u64 gfn = 0;

	w->read = vsb_ept_read;
	w->of = vcpu;
	w->root = root;
	w->levels = levels;
	w->max = max;
	w->state = TASK_KILLABLE;
	if (vsb_walk_begin(w))
		return false;
	while (!enough && !vsb_walk_next(w, gfn, U64_MAX, &m)) {
		enough = s->visit(s, &m);
		gfn = m.gfn + m.nr;
	}
	vsb_walk_end(w);
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
	return vsb_mmu_walk(vcpu->arch.mmu)->get_guest_pgd(vcpu) & VSB_PTE_ADDR;
}

static bool vsb_ept_is_first(struct vsb_search *s, const struct vsb_mapping *m)
{
	if (!vsb_ept_is_memory(s->walk.of, m->l1_gfn))
		return false;
	s->l2_gfn = m->gfn;
	s->l1_gfn = m->l1_gfn;
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
	struct vsb_search s = { .visit = vsb_ept_is_first };

	if (!vsb_ept_search(&s, vcpu, vsb_ept_root(vcpu), vsb_ept_levels(vcpu), MAX_PAGES))
		return false;
	*l2_gfn = s.l2_gfn;
	*l1_gfn = s.l1_gfn;
	return true;
}

/* Is it one of those that are asked for? */
static bool vsb_ept_suits(const struct vsb_search *s, const struct vsb_mapping *m)
{
	return !s->writable || m->pte & PTE_WRITABLE;
}

static bool vsb_ept_takes(struct vsb_search *s, const struct vsb_mapping *m)
{
	if (vsb_ept_suits(s, m) && vsb_ept_is_memory(s->walk.of, m->l1_gfn))
		s->gfns[s->nr++] = m->l1_gfn;
	return s->nr == s->max_gfns;
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
	struct vsb_search s = {
		.visit = vsb_ept_takes, .gfns = gfns, .max_gfns = max, .writable = writable,
	};

	vsb_ept_search(&s, vcpu, vsb_ept_root(vcpu), vsb_ept_levels(vcpu), MAX_PAGES);
	return s.nr;
}

static bool vsb_ept_has_all(struct vsb_search *s, const struct vsb_mapping *m)
{
	int i;

	for (i = 0; i < s->nr && vsb_ept_suits(s, m); i++)
		if (s->gfns[i] - m->l1_gfn < m->nr)
			s->found |= BIT(i);
	return s->found == BIT(s->nr) - 1;
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
	struct vsb_search s = {
		.visit = vsb_ept_has_all, .gfns = (u64 *)gfns, .nr = nr, .writable = writable,
	};

	return vsb_ept_search(&s, vcpu, root, levels, MAX_PAGES_SEARCHED);
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

static bool vsb_ept_is_low(struct vsb_search *s, const struct vsb_mapping *m)
{
	u64 i;

	if (m->gfn < VSB_LOW_FRAMES && m->l1_gfn + VSB_LOW_FRAMES < U32_MAX &&
	    vsb_ept_is_memory(s->walk.of, m->l1_gfn))
		for (i = 0; i < m->nr && m->gfn + i < VSB_LOW_FRAMES; i++)
			s->low[m->gfn + i] = m->l1_gfn + i + 1;
	return m->gfn + m->nr >= VSB_LOW_FRAMES;
}

/**
 * vsb_ept_low - what a user VM has in its first MiB
 * @vcpu: runs it; vCPU context, KVM's SRCU held
 * @low: out: of each of VSB_LOW_FRAMES the cloud VM's frame and 1, or 0
 */
void vsb_ept_low(struct kvm_vcpu *vcpu, u32 *low)
{
	struct vsb_search s = { .visit = vsb_ept_is_low, .low = low };

	memset(low, 0, VSB_LOW_FRAMES * sizeof(*low));
	vsb_ept_search(&s, vcpu, vsb_ept_root(vcpu), vsb_ept_levels(vcpu), MAX_PAGES);
}

/**
 * vsb_ept_frame - the frame of the cloud VM that a user VM has there
 * @vcpu: runs it; vCPU context, KVM's SRCU held
 * @l2_gfn: in the user VM
 *
 * Return: or -1: it has no memory there.
 */
s64 vsb_ept_frame(struct kvm_vcpu *vcpu, u64 l2_gfn)
{
	int levels = vsb_ept_levels(vcpu);
	s64 gfn = levels ? vsb_ept_lookup(vcpu, vsb_ept_root(vcpu), levels, l2_gfn) : -1;

	return gfn >= 0 && vsb_ept_is_memory(vcpu, gfn) ? gfn : -1;
}
