/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vCPU of a user VM behind a veil, when it is left and entered. Under rcu_read_lock(), in the
 * thread of the vCPU.
 */
#ifndef VSB_KVM_VEIL_REGS_H
#define VSB_KVM_VEIL_REGS_H

#include <linux/types.h>

struct kvm_vcpu;
struct vsb_exit_regs;
struct vsb_turn;
struct vsb_veil;
struct vsb_veil_kept;

struct vsb_veil_kept *vsb_regs_new(struct kvm_vcpu *vcpu, u64 anchor);
bool vsb_regs_known(const struct vsb_turn *t, const struct vsb_veil *veil);
void vsb_regs_give(const struct vsb_turn *t, struct vsb_veil *veil, struct vsb_veil_kept **kept);
void vsb_regs_hide(struct kvm_vcpu *vcpu, const struct vsb_turn *t, struct vsb_veil *veil,
		   const struct vsb_exit_regs *exit);
const char *vsb_regs_show(struct kvm_vcpu *vcpu, const struct vsb_turn *t, struct vsb_veil *veil,
			  bool entered);

#endif
