/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an exit of a user VM behind a veil is about: what the guest hypervisor needs to know of the
 * general registers, and what it may change of the vCPU. In words of neither vendor.
 */
#ifndef VSB_KVM_VEIL_EXITS_H
#define VSB_KVM_VEIL_EXITS_H

#include <linux/types.h>

#define VSB_VEIL_INSN	15	/* bytes of an instruction, at most */

enum vsb_exit_kind {
	VSB_EXIT_SILENT,	/* about nothing of L2: an interrupt of the host */
	VSB_EXIT_PLAIN,		/* an instruction without operands: HLT */
	VSB_EXIT_EXCEPTION,
	VSB_EXIT_CPUID,
	VSB_EXIT_RDMSR,
	VSB_EXIT_WRMSR,
	VSB_EXIT_RDTSC,
	VSB_EXIT_RDTSCP,
	VSB_EXIT_RDPMC,
	VSB_EXIT_HYPERCALL,
	VSB_EXIT_XSETBV,
	VSB_EXIT_MWAIT,		/* and MONITOR */
	VSB_EXIT_IO,
	VSB_EXIT_CONTROL,	/* a control or debug register */
	VSB_EXIT_MEMORY,	/* a nested page fault */
	VSB_EXIT_OTHER,		/* an instruction that this user VM may not */
};

/**
 * struct vsb_exit_io - IN or OUT
 * @size:	bytes
 * @in:		IN
 * @string:	of memory
 */
struct vsb_exit_io {
	u8 size;
	bool in, string;
};

/**
 * struct vsb_exit_control - MOV CR, MOV DR, CLTS, LMSW
 * @known:	the CPU has said what follows; else it is in the instruction's bytes
 * @moves:	MOV
 * @to:		to the control or debug register
 * @debug:	a debug register
 * @number:	of it
 * @reg:	the general one
 */
struct vsb_exit_control {
	bool known, moves, to, debug;
	u8 number, reg;
};

/**
 * struct vsb_exit - an exit
 * @kind:	what for
 * @decodes:	the guest hypervisor has to look at the instruction
 * @length:	of the instruction, if that is known, or 0
 * @vector:	of VSB_EXIT_EXCEPTION
 * @io:		of VSB_EXIT_IO
 * @control:	of VSB_EXIT_CONTROL
 * @gpa:	of VSB_EXIT_MEMORY, without C-bit
 * @gpr:	as they were, by KVM's numbers
 * @bits64:	the instruction is of 64-bit mode
 * @paged:	paging is on
 * @bytes:	of the instruction,
 * @nr:		so many
 */
struct vsb_exit {
	enum vsb_exit_kind kind;
	bool decodes;
	u8 length;
	u8 vector;
	struct vsb_exit_io io;
	struct vsb_exit_control control;
	u64 gpa;
	const unsigned long *gpr;
	bool bits64, paged;
	u8 bytes[VSB_VEIL_INSN];
	unsigned int nr;
};

/* A register other than the general ones that the instruction writes. */
enum vsb_exit_writes {
	VSB_WRITES_NONE,
	VSB_WRITES_CR0,
	VSB_WRITES_CR4,
	VSB_WRITES_EFER,
	VSB_WRITES_MSR,		/* another one */
};

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
 * @msr:	which is this MSR,
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
	u32 msr;
	u64 value;
	bool starts;
	u8 vector;
};

struct vsb_exit_regs vsb_exit_regs(const struct vsb_exit *e);

#endif
