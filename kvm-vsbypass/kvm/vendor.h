/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between VMX and SVM.
 */
#ifndef VSB_KVM_VENDOR_H
#define VSB_KVM_VENDOR_H

#include <linux/types.h>

#include "kvm/walk.h"

struct kvm_vcpu;
struct vsb_pio;
struct vsb_poke;
struct vsb_vcpu;
struct vsb_veil_vendor;

#define VSB_POKE_LENGTH	1	/* OUT DX, AL and IN AL, DX */

/**
 * struct vsb_vendor - what differs between VMX and SVM
 * @name:	for messages
 * @module:	of KVM
 * @exit_plain:	is this exit none of the following? Callback context
 * @exit_pio:	does this exit say a port access? Callback context
 * @exit_enters: or that L2 enters a guest of its own? The same
 * @exit_hosts:	or that L2 is, or will be, the hypervisor of others? The same
 * @exit_halts:	or that L2 halts? The same
 * @exit_wrmsr:	or that L2 writes an MSR? The same
 * @resumes:	reason of exits which may be that L2 executes RSM: a question that costs less than
 * @exit_resumes: is it so? The same as @exit_plain. For VMX that is any #UD
 * @exit_pages:	or a nested page fault? The same. Then
 * @exit_gpa:	is where; @info2: as of KVM's get_exit_info()
 * @anchor:	frame that stays with a vCPU of a user VM; @vcpu runs nested
 * @length:	of the instruction that a synthetic exit is said to be of, or 0: there can be none
 *		now; vCPU context, L2 runs
 * @show_io:	end L2 with this access, behind which it is at @rip. Return: 0, or another
 *		value: L2 still runs
 * @event_waits: does L2 take an event before its next instruction, or leave for one?
 * @tpr:	of L2: vectors whose upper half is not above its are held off
 * @injects:	external interrupt that the entry injects into L2, or 0
 * @window:	have KVM look for events when L2 has interrupts on; NULL:
 * @can_arm:	can it be done so:
 * @arm:	have the CPU inject an external interrupt then
 * @disarm:	not any more. Return: it has not
 * @eoi_exits:	is it an exit when L2 is done with an interrupt?
 * @veil:	what differs for a veil
 * @pte:	what is this entry of a nested page table of this level (1: of 4 KiB)?
 */
struct vsb_vendor {
	const char *name;
	const char *module;
	bool (*exit_plain)(u32 reason);
	bool (*exit_pio)(u32 reason, u64 info, struct vsb_pio *pio);
	bool (*exit_enters)(u32 reason);
	bool (*exit_hosts)(u32 reason);
	bool (*exit_halts)(u32 reason);
	bool (*exit_wrmsr)(u32 reason, u64 info);
	u16 resumes;
	bool (*exit_resumes)(u32 reason, u32 intr_info);
	bool (*exit_pages)(u32 reason);
	u64 (*exit_gpa)(u64 info2);
	unsigned long (*anchor)(const struct vsb_vcpu *v);
	unsigned int (*length)(struct kvm_vcpu *vcpu);
	int (*show_io)(struct kvm_vcpu *vcpu, const struct vsb_poke *poke, unsigned long rip);
	bool (*event_waits)(struct kvm_vcpu *vcpu);
	u8 (*tpr)(struct kvm_vcpu *vcpu);
	u8 (*injects)(struct kvm_vcpu *vcpu);
	void (*window)(struct kvm_vcpu *vcpu);
	bool (*can_arm)(struct kvm_vcpu *vcpu);
	void (*arm)(struct kvm_vcpu *vcpu, u8 vector);
	bool (*disarm)(struct kvm_vcpu *vcpu);
	bool (*eoi_exits)(struct kvm_vcpu *vcpu);
	const struct vsb_veil_vendor *veil;
	enum vsb_pte (*pte)(u64 pte, int level);
};

extern const struct vsb_vendor vsb_vmx, vsb_svm;

/* The one whose module is there; as long as that is held, see hook.c. */
extern const struct vsb_vendor *vsb_vendor;

#endif
