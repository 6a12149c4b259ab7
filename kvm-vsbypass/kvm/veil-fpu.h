/* SPDX-License-Identifier: GPL-2.0 */
/* FPU registers (x87, SSE, AVX) of a user VM behind a veil. In the thread of the vCPU. */
#ifndef VSB_KVM_VEIL_FPU_H
#define VSB_KVM_VEIL_FPU_H

#include <linux/types.h>

struct kvm_vcpu;

u32 vsb_fpu_size(struct kvm_vcpu *vcpu);
void vsb_fpu_hide(struct kvm_vcpu *vcpu, void *kept, u32 size);
void vsb_fpu_show(struct kvm_vcpu *vcpu, const void *kept, u32 size);

#endif
