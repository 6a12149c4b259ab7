/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A user VM behind its veil: its nested exits, entries and page faults.
 */
#ifndef VSB_KVM_VEIL_H
#define VSB_KVM_VEIL_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/types.h>

#include "kvm/veil-exits.h"

struct kvm_vcpu;
struct vsb_left;
struct vsb_veil;

/* Cloud VMs with a veil. Callbacks begin with that. */
extern atomic_t vsb_veils;

static inline bool vsb_veil_any(void)
{
	return unlikely(atomic_read(&vsb_veils));
}

/* Callback context, L2 is running. */
bool vsb_veil_answers(struct kvm_vcpu *vcpu, u32 reason, u64 info);
bool vsb_veil_faults(struct kvm_vcpu *vcpu, u64 gpa);
bool vsb_veil_leaves(struct kvm_vcpu *vcpu);
bool vsb_veil_loads(struct kvm_vcpu *vcpu, unsigned long *root, int level);

/* vCPU context, for functions of KVM. */
bool vsb_veil_halts(struct kvm_vcpu *vcpu);
int vsb_veil_fault(struct kvm_vcpu *vcpu, u64 gpa, u64 error_code, void *insn, int insn_len);
int vsb_veil_leave(struct kvm_vcpu *vcpu, const struct vsb_left *left);
void vsb_veil_entered(struct kvm_vcpu *vcpu);
void vsb_veil_load(struct kvm_vcpu *vcpu, u64 root, int level);

/* veil-push.c; vCPU context, L2 is running. Under veil->lock. */
unsigned int vsb_veil_push(struct kvm_vcpu *vcpu, struct vsb_veil *veil, bool unpaged,
			   u8 bytes[VSB_VEIL_INSN]);

#endif
