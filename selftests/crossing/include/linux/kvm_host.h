/* SPDX-License-Identifier: GPL-2.0 */
/* Of KVM what kvm/crossing.c sees of it. */
#ifndef VSB_KVM_HOST_H
#define VSB_KVM_HOST_H

#include <linux/kernel.h>
#include <linux/types.h>

typedef u64 gpa_t;

#define INVALID_GPA		(~(gpa_t)0)
#define PFERR_FETCH_MASK	(1ull << 4)

enum { VCPU_REGS_RCX, VCPU_REGS_RDI, NR_REGS };

struct x86_exception {
	gpa_t address;
};

struct kvm_vcpu;

struct kvm_mmu {
	gpa_t (*gva_to_gpa)(struct kvm_vcpu *vcpu, struct kvm_mmu *mmu, gpa_t linear, u64 access,
			    struct x86_exception *exception);
};

struct kvm_vcpu {
	struct {
		struct kvm_mmu nested_mmu;
		unsigned long regs[NR_REGS];
		void *emulate_ctxt;
	} arch;
};

#endif
