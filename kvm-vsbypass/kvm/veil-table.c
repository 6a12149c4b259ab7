// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables of a veil. KVM makes the root of a nested page table (4 levels, a slot of it has
 * 512 GiB); the slot of guest-physical addresses with the C-bit is ours, as all faults there
 * come to us before KVM sees them. Entries of ours lack the bit by which KVM knows its own
 * (SPTE_MMU_PRESENT_MASK, arch/x86/kvm/mmu/spte.h), so that it steps over them when it zaps.
 *
 * A root with a hook is kept by a reference to its page until the hook is out again, as KVM
 * may free it any time: then it is not anybody else's before.
 */
#include <linux/io.h>
#include <linux/kvm_host.h>
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/processor.h>

#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/veil-table.h"
#include "kvm/veil-vendor.h"
#include "kvm/vendor.h"
#include "kvm/walk.h"

#define TOP		3	/* level of vsb_table.top; 1: its entries map 4 KiB */
#define KVM_PRESENT	BIT_ULL(11)	/* SPTE_MMU_PRESENT_MASK */

/* Roots of a user VM that KVM has at a time: a few; more only if it comes and goes a lot. */
#define MAX_HOOKS	64

unsigned int vsb_c_bit;

/**
 * struct vsb_table - page tables of a veil
 * @top:	of 512 GiB; constant, stays when all below goes
 * @entry:	of a root that leads there; constant
 * @unpaged:	a root for a vCPU whose paging is off: all is private. Constant
 * @nothing:	a root for a vCPU that is not to execute anything: empty. Constant
 * @roots:	roots of KVM with a hook, referenced,
 * @nr:		so many
 */
struct vsb_table {
	u64 *top;
	u64 entry;
	u64 *unpaged;
	u64 *nothing;
	struct page *roots[MAX_HOOKS];
	unsigned int nr;
};

static u64 vsb_entry(const void *table)
{
	return __sme_set(__pa(table)) | vsb_vendor->veil->table;
}

static u64 *vsb_entry_table(u64 entry)
{
	return __va(__sme_clr(entry & VSB_PTE_ADDR));
}

static u64 *vsb_table_slot(u64 *root)
{
	return root + (VSB_C >> VSB_VEIL_GPA_BITS) % VSB_PTES;
}

/* Return: 0, -EOPNOTSUPP: not this CPU. */
int vsb_table_check(void)
{
	unsigned int bit = min(boot_cpu_data.x86_phys_bits - 1, 47);

	if (bit < VSB_VEIL_GPA_BITS)
		return -EOPNOTSUPP;
	vsb_c_bit = bit;
	return 0;
}

u64 vsb_table_mask(void)
{
	return VSB_C;
}

static u64 *vsb_table_page(void)
{
	return (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

struct vsb_table *vsb_table_create(struct kvm *kvm)
{
	struct vsb_table *table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);

	if (!table)
		return ERR_PTR(-ENOMEM);
	table->top = vsb_table_page();
	table->unpaged = vsb_table_page();
	table->nothing = vsb_table_page();
	if (!table->top || !table->unpaged || !table->nothing) {
		vsb_table_free(table);
		return ERR_PTR(-ENOMEM);
	}
	table->entry = vsb_entry(table->top);
	table->unpaged[0] = table->entry;
	*vsb_table_slot(table->unpaged) = table->entry;
	/* So it is known who has which root (vsb_veil_loads()). */
	vsb_kvm_load_roots(kvm);
	return table;
}

/* It is unhooked, and nobody else has it. */
void vsb_table_free(struct vsb_table *table)
{
	free_page((unsigned long)table->top);
	free_page((unsigned long)table->unpaged);
	free_page((unsigned long)table->nothing);
	kfree(table);
}

/* Return: 0 or -ENOMEM. */
int vsb_table_map(struct vsb_table *table, u64 gfn, struct page *page)
{
	u64 *ptes = table->top, *pte, *below;
	int level;

	for (level = TOP; level > 1; level--) {
		pte = ptes + (gfn >> 9 * (level - 1)) % VSB_PTES;
		if (!*pte) {
			below = vsb_table_page();
			if (!below)
				return -ENOMEM;
			/* It is empty before the CPU sees it. */
			smp_store_release(pte, vsb_entry(below));
		}
		ptes = vsb_entry_table(*pte);
	}
	/* So is the page filled. */
	smp_store_release(&ptes[gfn % VSB_PTES],
			  __sme_set(page_to_phys(page)) | vsb_vendor->veil->page);
	return 0;
}

/* The tables below @ptes, which no CPU has any more. */
static void vsb_table_free_below(u64 *ptes, int level)
{
	int i;

	for (i = 0; level > 1 && i < VSB_PTES; i++) {
		u64 *below;

		if (!ptes[i])
			continue;
		below = vsb_entry_table(ptes[i]);
		vsb_table_free_below(below, level - 1);
		free_page((unsigned long)below);
		cond_resched();
	}
}

/* Nothing is mapped any more, in no TLB either. */
void vsb_table_unmap(struct kvm *kvm, struct vsb_table *table)
{
	u64 was[VSB_PTES / 8];
	int from, i;

	/* A part at a time: the stack is small. Each is free once no CPU has it. */
	for (from = 0; from < VSB_PTES; from += ARRAY_SIZE(was)) {
		if (!memchr_inv(table->top + from, 0, sizeof(was)))
			continue;
		for (i = 0; i < ARRAY_SIZE(was); i++)
			was[i] = xchg(table->top + from + i, 0);
		vsb_kvm_flush(kvm);
		for (i = 0; i < ARRAY_SIZE(was); i++) {
			if (!was[i])
				continue;
			vsb_table_free_below(vsb_entry_table(was[i]), TOP - 1);
			free_page((unsigned long)vsb_entry_table(was[i]));
		}
	}
}

/* ---- roots of KVM ---- */

static u64 *vsb_root_slot(struct page *root)
{
	return vsb_table_slot(page_address(root));
}

/* Roots that KVM has freed meanwhile are of no use. */
static void vsb_table_tidy(struct vsb_table *table)
{
	unsigned int i, nr = 0;

	for (i = 0; i < table->nr; i++) {
		if (page_count(table->roots[i]) > 1)
			table->roots[nr++] = table->roots[i];
		else
			put_page(table->roots[i]);
	}
	table->nr = nr;
}

/**
 * vsb_table_hook - have a root of KVM lead here
 * @table: here
 * @root_hpa: of the root, which is in use by the vCPU whose thread this is
 *
 * Return: 0, -EEXIST: something else is there, -E2BIG: too many have one.
 */
int vsb_table_hook(struct vsb_table *table, u64 root_hpa)
{
	struct page *root = pfn_to_page(root_hpa >> PAGE_SHIFT);
	u64 *slot = vsb_root_slot(root), was;
	unsigned int i;

	vsb_table_tidy(table);
	if (table->nr == MAX_HOOKS)
		return -E2BIG;
	was = cmpxchg(slot, VSB_KVM_EMPTY, table->entry);
	if (was != VSB_KVM_EMPTY)
		return was == table->entry ? 0 : -EEXIST;
	/* It may have been taken out by vsb_table_root_suits(). */
	for (i = 0; i < table->nr; i++)
		if (table->roots[i] == root)
			return 0;
	get_page(root);
	table->roots[table->nr++] = root;
	return 0;
}

/* Does it lead here? */
bool vsb_table_leads(const struct vsb_table *table, u64 root_hpa)
{
	return READ_ONCE(*vsb_table_slot(__va(root_hpa))) == table->entry;
}

/* Not any more. Until the TLBs are flushed a CPU may have what was there. */
void vsb_table_take_out(struct vsb_table *table, u64 root_hpa)
{
	cmpxchg(vsb_table_slot(__va(root_hpa)), table->entry, VSB_KVM_EMPTY);
}

/* No root leads here any more, no CPU has that. @table is not used again. */
void vsb_table_unhook(struct kvm *kvm, struct vsb_table *table)
{
	unsigned int i;

	for (i = 0; i < table->nr; i++)
		cmpxchg(vsb_root_slot(table->roots[i]), table->entry, VSB_KVM_EMPTY);
	vsb_kvm_load_roots(kvm);
	vsb_table_unmap(kvm, table);
	vsb_kvm_flush(kvm);
	for (i = 0; i < table->nr; i++)
		put_page(table->roots[i]);
	table->nr = 0;
}

/*
 * A root that KVM has not loaded as new (kvm_mmu_load() flushes then). With VMX a TLB is tagged by
 * it, and entering L2 flushes nothing of that (SDM vol. 3, 29.4): whoever had the page before, what
 * has led from it goes. KVM does it before it enters L2.
 */
static void vsb_table_new_root(struct kvm_vcpu *vcpu)
{
	kvm_make_request(KVM_REQ_TLB_FLUSH, vcpu);
}

/*
 * A vCPU that runs the user VM of @table (NULL: one without a veil) gets this root. Take out
 * what another one has there: KVM may use a root again for whoever has the page table next.
 * Return: does KVM itself not use the slot?
 */
bool vsb_table_root_suits(struct kvm_vcpu *vcpu, u64 root_hpa, const struct vsb_table *table)
{
	u64 *slot = vsb_table_slot(__va(root_hpa)), was = READ_ONCE(*slot);

	if (was & KVM_PRESENT)
		return false;
	if (was != VSB_KVM_EMPTY && (!table || was != table->entry)) {
		cmpxchg(slot, was, VSB_KVM_EMPTY);
		vsb_table_new_root(vcpu);
	}
	return true;
}

u64 vsb_table_unpaged(struct kvm_vcpu *vcpu, const struct vsb_table *table)
{
	vsb_table_new_root(vcpu);
	return __pa(table->unpaged);
}

u64 vsb_table_nothing(struct kvm_vcpu *vcpu, const struct vsb_table *table)
{
	vsb_table_new_root(vcpu);
	return __pa(table->nothing);
}
