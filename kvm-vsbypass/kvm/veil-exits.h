/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an exit of a user VM behind a veil is about: what the guest hypervisor needs to know of the
 * general registers, and what it may change of the vCPU. SVM.
 */
#ifndef VSB_KVM_VEIL_EXITS_H
#define VSB_KVM_VEIL_EXITS_H

#include <linux/types.h>

#define VSB_VEIL_INSN	15	/* bytes of an instruction, at most */

/**
 * struct vsb_exit - an exit
 * @reason:	EXITCODE
 * @info1:	EXITINFO1
 * @info2:	EXITINFO2
 * @rip:	of the instruction
 * @next_rip:	of the one behind it, if the CPU has said so, or 0
 * @gpr:	as they were, by KVM's numbers
 * @bits64:	the instruction is of 64-bit mode
 * @paged:	paging is on
 * @bytes:	of the instruction,
 * @nr:		so many
 */
struct vsb_exit {
	u32 reason;
	u64 info1, info2;
	u64 rip, next_rip;
	const unsigned long *gpr;
	bool bits64, paged;
	u8 bytes[VSB_VEIL_INSN];
	unsigned int nr;
};

/* A register other than the general ones that the instruction writes. */
enum vsb_exit_writes { VSB_WRITES_NONE, VSB_WRITES_CR0, VSB_WRITES_CR4, VSB_WRITES_EFER };

/**
 * struct vsb_exit_regs - what it is about
 * @whole:	registers that the guest hypervisor needs,
 * @shown:	and those of which it needs
 * @bits:	these bits
 * @taken:	registers that it returns,
 * @merged:	these bits of them
 * @never:	bits that RAX does not have then
 * @length:	it may say that the instruction is done, which is so long; 0: it may not
 * @faults:	exceptions that it may say the instruction has
 * @writes:	it may write this one,
 * @value:	with this
 * @starts:	the user VM has another vCPU start at page @vector, by this
 */
struct vsb_exit_regs {
	u32 whole, shown;
	u64 bits;
	u32 taken;
	u64 merged;
	u64 never;
	u8 length;
	u32 faults;
	enum vsb_exit_writes writes;
	u64 value;
	bool starts;
	u8 vector;
};

struct vsb_exit_regs vsb_exit_regs(const struct vsb_exit *e);

#endif
