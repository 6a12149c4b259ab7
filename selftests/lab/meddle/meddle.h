/* SPDX-License-Identifier: GPL-2.0 */
#ifndef MEDDLE_H
#define MEDDLE_H

#include <linux/types.h>

struct kvm_vcpu;

/**
 * struct vendor - a vCPU that this hypervisor is about to enter, or has just left
 * @run:	KVM's function that does
 * @interrupted: it was left for an interrupt
 * @user:	it is in a program
 * @injects:	something is injected
 * @shut:	it has shut down
 * @rip:	where it is
 * @meddle:	change it, see main.c
 * @after:	it was left: what was changed and is this kernel's, too, is as it was; or NULL
 */
struct vendor {
	const char *run;
	bool (*interrupted)(struct kvm_vcpu *vcpu);
	bool (*user)(struct kvm_vcpu *vcpu);
	bool (*injects)(struct kvm_vcpu *vcpu);
	bool (*shut)(struct kvm_vcpu *vcpu);
	unsigned long (*rip)(struct kvm_vcpu *vcpu);
	void (*meddle)(struct kvm_vcpu *vcpu, const char *change);
	void (*after)(struct kvm_vcpu *vcpu);
};

extern const struct vendor svm, vmx;

#endif
