/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM's ioctls on the VM of a proxy.
 */
#ifndef VSB_KVM_RUN_H
#define VSB_KVM_RUN_H

#include <linux/types.h>

struct kvm;
struct kvm_irq_level;
struct kvm_vcpu;

int vsb_proxy_run(struct kvm_vcpu *vcpu);
int vsb_proxy_irq_line(struct kvm *kvm, struct kvm_irq_level *irq, bool line_status);

#endif
