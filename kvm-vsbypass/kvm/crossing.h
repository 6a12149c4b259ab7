/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accesses of L2 that cross from the memory of its graphics card to something else, or into it.
 */
#ifndef VSB_KVM_CROSSING_H
#define VSB_KVM_CROSSING_H

#include <linux/bits.h>
#include <linux/types.h>

struct kvm_vcpu;

/*
 * What KVM's emulator takes for the cloud VM's address of such memory: no memory slot is there,
 * as no CPU has so many bits of physical addresses for it, so it asks the bus. With the second bit
 * it is nobody's: what the card's memory ends at, and the guest hypervisor's table does not have.
 */
#define VSB_TRAPPED	BIT_ULL(50)
#define VSB_NOBODY	BIT_ULL(51)

/* No operand of KVM's emulator in memory of devices is longer. */
#define VSB_LONGEST	16

/* Members of struct x86_emulate_ctxt, as hook.c reads them in KVM's BTF; 0: not known. */
struct vsb_emulator {
	unsigned int src;
	unsigned int dst;
	unsigned int bytes;	/* in both of them */
};

extern struct vsb_emulator vsb_emulator;

/* vCPU context: vsb_kvm_emulate(), where what crosses is cut. */
int vsb_crossing_emulate(struct kvm_vcpu *vcpu, u64 gpa, void *insn, int insn_len);

/* In there, callback context: L2's address @gpa is translated. Return: it is nobody's. */
bool vsb_crossing_nobody(struct kvm_vcpu *vcpu, u64 gpa);
/* In there, from the bus: an access at an address with VSB_TRAPPED. */
void vsb_crossing_access(struct kvm_vcpu *vcpu, u64 addr, int size);

#endif
