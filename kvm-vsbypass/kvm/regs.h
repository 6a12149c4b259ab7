/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers of a vCPU where KVM has them: a VMX guest's instruction pointer is read from its
 * VMCS only when somebody wants it, and written back before the next entry.
 */
#ifndef VSB_KVM_REGS_H
#define VSB_KVM_REGS_H

#include <linux/kvm_host.h>

#include "kvm/compat.h"
#include "kvm/calls.h"

/* Is it where KVM has its copy of it? From now on. */
static inline void vsb_cache_reg(struct kvm_vcpu *vcpu, enum kvm_reg reg)
{
	if (!test_bit(reg, (unsigned long *)&vcpu->arch.regs_avail))
		vsb_kvm_cache_reg(vcpu, reg);
}

/* KVM's copy is newer, and is what L2 gets. */
static inline void vsb_reg_dirty(struct kvm_vcpu *vcpu, enum kvm_reg reg)
{
	__set_bit(reg, (unsigned long *)&vcpu->arch.regs_avail);
	__set_bit(reg, (unsigned long *)&vcpu->arch.regs_dirty);
}

static inline unsigned long vsb_cr3(struct kvm_vcpu *vcpu)
{
	vsb_cache_reg(vcpu, VSB_REG_CR3);
	return vcpu->arch.cr3;
}

static inline unsigned long vsb_cr4(struct kvm_vcpu *vcpu)
{
	vsb_cache_reg(vcpu, VSB_REG_CR4);
	return vcpu->arch.cr4;
}

static inline unsigned long vsb_rip(struct kvm_vcpu *vcpu)
{
	vsb_cache_reg(vcpu, VSB_REG_RIP);
	return vsb_arch_rip(vcpu);
}

static inline void vsb_set_rip(struct kvm_vcpu *vcpu, unsigned long rip)
{
	vsb_arch_rip(vcpu) = rip;
	vsb_reg_dirty(vcpu, VSB_REG_RIP);
}

#endif
