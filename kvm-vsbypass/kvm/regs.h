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

static inline unsigned long vsb_rip(struct kvm_vcpu *vcpu)
{
	if (!test_bit(VSB_REG_RIP, (unsigned long *)&vcpu->arch.regs_avail))
		vsb_kvm_cache_reg(vcpu, VSB_REG_RIP);
	return vsb_arch_rip(vcpu);
}

static inline void vsb_set_rip(struct kvm_vcpu *vcpu, unsigned long rip)
{
	vsb_arch_rip(vcpu) = rip;
	__set_bit(VSB_REG_RIP, (unsigned long *)&vcpu->arch.regs_avail);
	__set_bit(VSB_REG_RIP, (unsigned long *)&vcpu->arch.regs_dirty);
}

#endif
