/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Nested exits that a user VM never made, and those that it made and its guest hypervisor
 * does not get to see. Which ones: core/raise.h.
 */
#ifndef VSB_KVM_SYNTHETIC_H
#define VSB_KVM_SYNTHETIC_H

#include <linux/types.h>

struct kvm;
struct kvm_vcpu;
struct vsb_vcpu;

/* Callback context. */
bool vsb_synthetic_enters(struct kvm_vcpu *vcpu);
bool vsb_synthetic_checks(struct kvm_vcpu *vcpu);
bool vsb_synthetic_keeps(struct kvm_vcpu *vcpu);
void vsb_synthetic_exits(struct kvm_vcpu *vcpu);
bool vsb_synthetic_wrmsr(struct kvm_vcpu *vcpu);
void vsb_synthetic_irqchip(struct kvm_vcpu *vcpu);
void vsb_synthetic_hosts(struct kvm_vcpu *vcpu);

/* The page of an I/O APIC where all PCs have it (82093AA data sheet, 3.0). */
static inline bool vsb_synthetic_is_irqchip(u64 gpa)
{
	return gpa >> 12 == 0xfec00;
}

/* Interrupt controllers and their level registers (8259A data sheet; 82371SB, 2.5). */
static inline bool vsb_synthetic_is_pic(u16 port)
{
	port &= ~1;
	return port == 0x20 || port == 0xa0 || port == 0x4d0;
}

/* vCPU context. */
void vsb_synthetic_entered(struct kvm_vcpu *vcpu);
int vsb_synthetic_check(struct kvm_vcpu *vcpu);

/* Any context. */
void vsb_synthetic_prod(struct kvm *kvm, struct vsb_vcpu *vcpus, const void *of);

#endif
