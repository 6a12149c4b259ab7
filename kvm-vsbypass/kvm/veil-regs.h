/* SPDX-License-Identifier: GPL-2.0 */
/*
 * General registers of a user VM behind a veil, when it is left and entered. Under
 * rcu_read_lock(), in the thread of the vCPU.
 */
#ifndef VSB_KVM_VEIL_REGS_H
#define VSB_KVM_VEIL_REGS_H

#include <linux/types.h>

struct kvm_vcpu;
struct vsb_turn;
struct vsb_veil;

void vsb_regs_hide(struct kvm_vcpu *vcpu, const struct vsb_turn *t, struct vsb_veil *veil,
		   u32 reason, u64 info);
void vsb_regs_show(struct kvm_vcpu *vcpu, const struct vsb_turn *t, struct vsb_veil *veil);
void vsb_regs_forget(const struct vsb_turn *t, struct vsb_veil *veil);

#endif
