// SPDX-License-Identifier: GPL-2.0
/*
 * A second view. KVM's page table for L2 is a shadow of the guest hypervisor's. Where it has
 * nothing yet at the level that we need it gets an entry that leads to a table of ours; as all
 * page faults there come to us before KVM sees them, it does not put anything there itself.
 * Entries of ours lack the bit by which KVM knows its own (SPTE_MMU_PRESENT_MASK,
 * arch/x86/kvm/mmu/spte.h), so that it steps over them when it zaps, and over one that it needs
 * for a table of its own it writes: then L2 faults again, and we are one level below.
 *
 * A page of KVM's with an entry of ours is kept by a reference until that is out again: KVM may
 * free it any time, and it is not anybody else's before.
 */
#include <linux/io.h>
#include <linux/kvm_host.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/shown.h"
#include "kvm/vendor.h"
#include "kvm/walk.h"

#define KVM_PRESENT	BIT_ULL(11)	/* SPTE_MMU_PRESENT_MASK */
#define LARGE		BIT_ULL(7)	/* of both vendors */

/* APM vol. 2, 15.25.5: as those of a user process. */
#define NPT_TABLE	(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED)
#define NPT_PAGE	(NPT_TABLE | _PAGE_DIRTY | _PAGE_NX)
/* SDM vol. 3, 29.3.2: read, write, execute; accessed, dirty; write-back, whatever L2 says. */
#define EPT_TABLE	(BIT_ULL(8) | 7)
#define EPT_PAGE	(BIT_ULL(9) | BIT_ULL(8) | BIT_ULL(6) | 6 << 3 | 3)

/* Pages of KVM's with an entry of ours: a few; more only if roots come and go a lot. */
#define MAX_HOOKS	64
#define TABLE_SIZE	((u64)VSB_PTES << PAGE_SHIFT)	/* 2 MiB */
#define MAX_TABLES	8

struct vsb_hooked {
	struct page *page;
	u16 index;
	u64 entry;
};

/**
 * struct vsb_shown - a second view
 * @pt:		its pages, 2 MiB a table,
 * @nr:		so many; both constant
 * @pd:		1 GiB, in which these are where they are now,
 * @at:		from here on
 * @hook:	entries of ours in pages of KVM's, referenced,
 * @nr_hooks:	so many
 */
struct vsb_shown {
	u64 *pt[MAX_TABLES];
	unsigned int nr;
	u64 *pd;
	u64 at;
	struct vsb_hooked hook[MAX_HOOKS];
	unsigned int nr_hooks;
};

static u64 shown_table(const void *table)
{
	return __sme_set(__pa(table)) | (vsb_vendor == &vsb_svm ? NPT_TABLE : EPT_TABLE);
}

static u64 shown_page(struct page *page)
{
	return __sme_set(page_to_phys(page)) |
	       (vsb_vendor == &vsb_svm ? NPT_PAGE : EPT_PAGE);
}

static unsigned int shown_index(u64 gpa, int level)
{
	return gpa >> (PAGE_SHIFT + 9 * (level - 1)) & (VSB_PTES - 1);
}

void vsb_shown_free(struct vsb_shown *shown)
{
	unsigned int i;

	if (!shown)
		return;
	WARN_ON_ONCE(shown->nr_hooks);
	for (i = 0; i < MAX_TABLES; i++)
		free_page((unsigned long)shown->pt[i]);
	free_page((unsigned long)shown->pd);
	kfree(shown);
}

struct vsb_shown *vsb_shown_create(struct page *const *pages, u32 nr)
{
	struct vsb_shown *shown = kzalloc(sizeof(*shown), GFP_KERNEL_ACCOUNT);
	u32 i;

	if (!shown)
		return NULL;
	shown->nr = min_t(u32, nr / VSB_PTES, MAX_TABLES);
	shown->pd = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	for (i = 0; i < shown->nr; i++)
		shown->pt[i] = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	for (i = 0; i < shown->nr && shown->pt[i]; i++)
		;
	if (i < shown->nr || !shown->pd) {
		vsb_shown_free(shown);
		return NULL;
	}
	for (i = 0; i < shown->nr * VSB_PTES; i++)
		shown->pt[i / VSB_PTES][i % VSB_PTES] = shown_page(pages[i]);
	return shown;
}

/*
 * Tables of 2 MiB in one of 1 GiB: a card's address is a multiple of its size, so it is. But a
 * user VM may write any into the card's register.
 */
static bool shown_fits(const struct vsb_shown *shown, u64 at)
{
	u64 last = at + shown->nr * TABLE_SIZE - 1;

	return shown->nr && !(at & (TABLE_SIZE - 1)) && at >> 30 == last >> 30;
}

/* It is hooked nowhere. */
static void shown_move(struct vsb_shown *shown, u64 at)
{
	unsigned int i;

	memset(shown->pd, 0, PAGE_SIZE);
	for (i = 0; i < shown->nr; i++)
		shown->pd[shown_index(at, 2) + i] = shown_table(shown->pt[i]);
	shown->at = at;
}

/* Pages that KVM has freed meanwhile are of no use. */
static void shown_tidy(struct vsb_shown *shown)
{
	unsigned int i, nr = 0;

	for (i = 0; i < shown->nr_hooks; i++) {
		if (page_count(shown->hook[i].page) > 1)
			shown->hook[nr++] = shown->hook[i];
		else
			put_page(shown->hook[i].page);
	}
	shown->nr_hooks = nr;
}

/* Under KVM's mmu_lock, for writing. Return: is it there since now? */
static bool shown_hook(struct vsb_shown *shown, u64 *slot, u64 entry)
{
	struct vsb_hooked *hook;
	unsigned int i;

	shown_tidy(shown);
	if (shown->nr_hooks == MAX_HOOKS || cmpxchg(slot, VSB_KVM_EMPTY, entry) != VSB_KVM_EMPTY)
		return false;
	for (i = 0; i < shown->nr_hooks; i++)
		/* KVM has written over it before */
		if (shown->hook[i].page == virt_to_page(slot) && shown->hook[i].entry == entry)
			return true;
	hook = &shown->hook[shown->nr_hooks++];
	hook->page = virt_to_page(slot);
	hook->index = offset_in_page(slot) / sizeof(*slot);
	hook->entry = entry;
	get_page(hook->page);
	return true;
}

/* Under KVM's mmu_lock, for writing. */
static bool shown_map(struct kvm_vcpu *vcpu, struct vsb_shown *shown, u64 gpa)
{
	unsigned int i = (gpa - shown->at) / TABLE_SIZE;
	int level = vcpu->arch.mmu->root_role.level;
	u64 *table = __va(vcpu->arch.mmu->root.hpa), *slot;

	for (; level >= 2; level--) {
		slot = table + shown_index(gpa, level);
		if (READ_ONCE(*slot) & KVM_PRESENT) {
			if (*slot & LARGE)
				return false;
			table = __va(__sme_clr(*slot & VSB_PTE_ADDR));
		} else if (level == 3) {
			return shown_hook(shown, slot, shown_table(shown->pd));
		} else if (level == 2) {
			return shown_hook(shown, slot, shown_table(shown->pt[i]));
		} else {
			return false;
		}
	}
	return false;
}

bool vsb_shown_map(struct kvm_vcpu *vcpu, struct vsb_shown *shown, u64 at, u64 gpa)
{
	bool mapped = false;

	if (vcpu->arch.mmu->root_role.level < 4 || !VALID_PAGE(vcpu->arch.mmu->root.hpa) ||
	    gpa < at || gpa - at >= shown->nr * TABLE_SIZE || !shown_fits(shown, at))
		return false;
	if (shown->at != at) {
		if (shown->nr_hooks)
			return false;
		shown_move(shown, at);
	}
	write_lock(&vcpu->kvm->mmu_lock);
	mapped = shown_map(vcpu, shown, gpa);
	write_unlock(&vcpu->kvm->mmu_lock);
	return mapped;
}

void vsb_shown_unmap(struct kvm *kvm, struct vsb_shown *shown)
{
	unsigned int i;

	if (!shown->nr_hooks)
		return;
	for (i = 0; i < shown->nr_hooks; i++) {
		struct vsb_hooked *hook = &shown->hook[i];

		cmpxchg((u64 *)page_address(hook->page) + hook->index, hook->entry,
			VSB_KVM_EMPTY);
	}
	vsb_kvm_flush(kvm);
	for (i = 0; i < shown->nr_hooks; i++)
		put_page(shown->hook[i].page);
	shown->nr_hooks = 0;
}
