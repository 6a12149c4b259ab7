/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of a user VM's graphics card: its nested page faults there, and how KVM is made to
 * emulate them.
 */
#ifndef VSB_KVM_SCREEN_H
#define VSB_KVM_SCREEN_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

#include "core/bars.h"
#include "kvm/crossing.h"

struct kvm_vcpu;

extern atomic_t vsb_screens;	/* cloud VMs with a screen. Callbacks begin with that */

static inline bool vsb_screen_any(void)
{
	return unlikely(atomic_read(&vsb_screens));
}

/*
 * Callback context. Is a nested page fault, or an address that is translated, one of ours? A
 * fault may be before the card's memory, for an access that goes on there.
 */
bool vsb_screen_faults(struct kvm_vcpu *vcpu, u64 gpa);
bool vsb_screen_traps(struct kvm_vcpu *vcpu, u64 gpa);

/*
 * Callback context: a nested exit for a port of PCI's configuration, which the guest hypervisor
 * gets. Return: true: vsb_screen_meet() first, behind which L2 goes on with the same.
 */
bool vsb_screen_configures(struct kvm_vcpu *vcpu, const struct vsb_pio *pio);
/*
 * vCPU context, L2 has just been entered: has it been told of another place of its card? Then
 * vsb_screen_meet().
 */
bool vsb_screen_follows(struct kvm_vcpu *vcpu);
/* vCPU context. Return: 1. */
int vsb_screen_meet(struct kvm_vcpu *vcpu);

/*
 * Callback context: a nested exit that ends system management mode. Return: true:
 * vsb_screen_meet() first, behind which L2 goes on with the same.
 */
bool vsb_screen_leaves_smm(struct kvm_vcpu *vcpu);

static inline bool vsb_screen_is_pci(u16 port)
{
	return port >= VSB_PCI_ADDRESS && port <= VSB_PCI_LAST;
}

/* vCPU context. For kvm_mmu_page_fault(); KVM's SRCU is held, and dropped while we wait. */
int vsb_screen_fault(struct kvm_vcpu *vcpu, u64 gpa, void *insn, int insn_len);
/* From the bus, at an address with VSB_TRAPPED. The same. */
void vsb_screen_bus(struct kvm_vcpu *vcpu, u64 addr, int size, bool in, void *data);

#endif
