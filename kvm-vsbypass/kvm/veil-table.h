/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page tables of a veil: a subtree of ours in KVM's root of the nested page table, at
 * the slot that the C-bit selects and KVM never uses.
 */
#ifndef VSB_KVM_VEIL_TABLE_H
#define VSB_KVM_VEIL_TABLE_H

#include <linux/types.h>

struct kvm;
struct kvm_vcpu;
struct page;
struct vsb_table;

/* Guest-physical addresses that a veil has are below this: one slot of the root. */
#define VSB_VEIL_GPA_BITS	39

/* The C-bit, constant from vsb_table_check() on; and that a page table entry has of it. */
extern unsigned int vsb_c_bit;
#define VSB_C			BIT_ULL(vsb_c_bit)

int vsb_table_check(void);

u64 vsb_table_mask(void);
struct vsb_table *vsb_table_create(struct kvm *kvm);
void vsb_table_free(struct vsb_table *table);

/* Under veil->lock. */
int vsb_table_map(struct vsb_table *table, u64 gfn, struct page *page);
bool vsb_table_leads(const struct vsb_table *table, u64 root_hpa);
int vsb_table_hook(struct vsb_table *table, u64 root_hpa);
void vsb_table_take_out(struct vsb_table *table, u64 root_hpa);
void vsb_table_unmap(struct kvm *kvm, struct vsb_table *table);
void vsb_table_unhook(struct kvm *kvm, struct vsb_table *table);

/* Callback context. */
bool vsb_table_root_suits(struct kvm_vcpu *vcpu, u64 root_hpa, const struct vsb_table *table);
u64 vsb_table_unpaged(struct kvm_vcpu *vcpu, const struct vsb_table *table);
u64 vsb_table_nothing(struct kvm_vcpu *vcpu, const struct vsb_table *table);

#endif
