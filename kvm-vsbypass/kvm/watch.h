/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vCPUs of a user VM whose memory is read: what they are, and how they are made to stand.
 */
#ifndef VSB_KVM_WATCH_H
#define VSB_KVM_WATCH_H

#include <linux/types.h>

struct kvm;
struct kvm_vcpu;

/* Callback context: a nested exit. */
void vsb_watch_exits(struct kvm_vcpu *vcpu);
/* Callback context: KVM looks for events of L2. Shall vsb_watch_check() do so? */
bool vsb_watch_checks(struct kvm_vcpu *vcpu);

/* vCPU context. For check_events of struct kvm_x86_nested_ops. */
int vsb_watch_check(struct kvm_vcpu *vcpu);

/* Ioctl context. */
int vsb_watch_summon(struct kvm *kvm);

#endif
