/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between VMX and SVM.
 */
#ifndef VSB_KVM_VENDOR_H
#define VSB_KVM_VENDOR_H

#include <linux/types.h>

struct vsb_pio;
struct vsb_vcpu;

/**
 * struct vsb_vendor - what differs between VMX and SVM
 * @name:	for messages
 * @module:	of KVM
 * @exit_pio:	does this exit say a port access? Callback context
 * @exit_enters: or that L2 enters a guest of its own? The same
 * @anchor:	frame that stays with a vCPU of a user VM; @vcpu runs nested
 * @present:	is this entry of its nested page table present?
 */
struct vsb_vendor {
	const char *name;
	const char *module;
	bool (*exit_pio)(u32 reason, u64 info, struct vsb_pio *pio);
	bool (*exit_enters)(u32 reason);
	unsigned long (*anchor)(const struct vsb_vcpu *v);
	bool (*present)(u64 pte);
};

extern const struct vsb_vendor vsb_vmx, vsb_svm;

/* The one whose module is there; as long as that is held, see hook.c. */
extern const struct vsb_vendor *vsb_vendor;

#endif
