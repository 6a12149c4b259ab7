/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between VMX and SVM for a user VM behind a veil.
 */
#ifndef VSB_KVM_VEIL_VENDOR_H
#define VSB_KVM_VEIL_VENDOR_H

#include <linux/types.h>

struct kvm_vcpu;
struct page;
struct vsb_exit;
struct vsb_exit_regs;

/**
 * struct vsb_left - with what KVM ends L2; SVM has it in its VMCB
 * @reason:	of the exit
 * @intr_info:	the event that it is about
 * @qualification: more about it
 */
struct vsb_left {
	u32 reason;
	u32 intr_info;
	unsigned long qualification;
};

/* What an exit asks the host, instead of the guest hypervisor. */
enum vsb_asks { VSB_ASKS_NOTHING, VSB_ASKS_CPUID, VSB_ASKS_MSR };

/**
 * struct vsb_injected - what an entry injects
 * @is:		of which kind
 * @vector:	of it
 */
struct vsb_injected {
	enum { VSB_NO_EVENT, VSB_INTERRUPT, VSB_NMI, VSB_EXCEPTION, VSB_SOFT, VSB_EVENT } is;
	u8 vector;
};

/**
 * struct vsb_veil_vendor - what differs
 * @vmexit:	name of KVM's function that leaves L2 for L1
 * @table:	bits of an entry of a nested page table that leads to another table,
 * @page:	and of one that maps a page: all may be done there, memory is write-back
 * @kept_size:	bytes that @keep writes
 * @efer_unpaged: is L2's EFER in vcpu->arch.efer also while its paging is off?
 * @free_cr4:	bits of CR4 that are not those of L2
 * @free_efer:	and of EFER, where a vCPU starts
 *
 * Ioctl context:
 * @missing:	NULL, or what this CPU or KVM lacks
 *
 * In the thread of a vCPU that runs L2, callback context:
 * @asks:	what does this nested exit ask? @info: as of KVM's get_exit_info()
 * @set_cr3:	L2 has this one
 * @event:	what the entry injects
 * @open:	NULL, or another way that interrupts may come; @paged: L2's paging is on
 * @keep:	what L2 has in segments and MSRs
 * @put_back:	has it again; @done: NULL, or what was done meanwhile
 * @starts:	page at which L2 starts, that is in real mode, or -1: it does not
 * @start:	the state of INIT (SDM vol. 3, 10.1.1; APM vol. 2, 14.1.3), but for where
 *
 * vCPU context:
 * @faults:	the guest hypervisor is to be told of a page fault there
 * @hold:	keep the anchor where it is: the page, referenced, or NULL; itself NULL: it does not
 *		move
 * @look:	what is this exit? All but vsb_exit.gpr, .paged and .bytes
 * @leave:	L2 for L1. Return: 0; else it still runs
 */
struct vsb_veil_vendor {
	const char *vmexit;
	u64 table;
	u64 page;
	u32 kept_size;
	bool efer_unpaged;
	unsigned long free_cr4;
	u64 free_efer;
	const char *(*missing)(void);
	enum vsb_asks (*asks)(u32 reason, u64 info);
	void (*set_cr3)(struct kvm_vcpu *vcpu, unsigned long cr3);
	struct vsb_injected (*event)(struct kvm_vcpu *vcpu);
	const char *(*open)(struct kvm_vcpu *vcpu, bool paged);
	void (*keep)(struct kvm_vcpu *vcpu, void *kept);
	void (*put_back)(struct kvm_vcpu *vcpu, void *kept, const struct vsb_exit_regs *done);
	int (*starts)(struct kvm_vcpu *vcpu);
	void (*start)(struct kvm_vcpu *vcpu);
	void (*faults)(struct kvm_vcpu *vcpu, u64 gpa);
	struct page *(*hold)(u64 anchor);
	void (*look)(struct kvm_vcpu *vcpu, const struct vsb_left *left, struct vsb_exit *e);
	int (*leave)(struct kvm_vcpu *vcpu, const struct vsb_left *left);
};

extern const struct vsb_veil_vendor vsb_veil_vmx, vsb_veil_svm;

/* An interrupt that a device may have: not an exception, nor INT 80h of Linux */
#define VSB_FIRST_EXTERNAL	0x20
#define VSB_SYSCALL_VECTOR	0x80

static inline bool vsb_veil_device_has(u8 vector)
{
	return vector >= VSB_FIRST_EXTERNAL && vector != VSB_SYSCALL_VECTOR;
}

#endif
