/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest hypervisor's page table for a user VM. No locks: KVM's SRCU is held.
 */
#ifndef VSB_KVM_EPT_H
#define VSB_KVM_EPT_H

#include <linux/types.h>

struct kvm_vcpu;

bool vsb_ept_first_frame(struct kvm_vcpu *vcpu, u64 *l2_gfn, u64 *l1_gfn);
int vsb_ept_has_frame(struct kvm_vcpu *vcpu, u64 l2_gfn, u64 l1_gfn);
void vsb_ept_low(struct kvm_vcpu *vcpu, u32 *low);
s64 vsb_ept_frame(struct kvm_vcpu *vcpu, u64 l2_gfn);
int vsb_ept_levels(struct kvm_vcpu *vcpu);
int vsb_ept_frames(struct kvm_vcpu *vcpu, u64 *gfns, int max, bool writable);
bool vsb_ept_maps(struct kvm_vcpu *vcpu, u64 root, int levels, const u64 *gfns, int nr,
		  bool writable);

#endif
