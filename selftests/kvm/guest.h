/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test (L0's user space), the guest hypervisor (L1) and the user VMs
 * (L2) share: a mailbox in the memory of the cloud VM. L1 and L2 are functions
 * of this program: the library loads it into the cloud VM as it is.
 *
 * L2 executes a list of port accesses. L1 runs it and writes down every exit
 * that is reflected to it, then does what a hypervisor without a device there
 * does: an IN gets L1_ANSWER, and the instruction is skipped.
 */
#ifndef VSB_GUEST_H
#define VSB_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#define OPS_MAX		64
#define EXITS_MAX	64
#define BUF_SIZE	8192
#define STEP_PAGE	4096	/* offset in mbox.buf */
#define TIMES_MAX	(BUF_SIZE / 4)	/* TSC ticks of one each, 32 bits, in mbox.buf */
#define NR_L2		8	/* user VMs of a cloud VM, at most */
#define NR_CPUS		2	/* CPUs of a cloud VM, at most; one runs at a time */
#define NR_ROOTS	3	/* roots that a user VM's page table can have */
#define OTHER_MEMORY	2	/* that one has another frame at frame 0 */

#define L1_ANSWER	0xa1a1a1a1u
#define POISON		0x1122334455667788ull	/* RAX before an IN */

/* Which instruction. */
enum op_kind {
	OP_OUT, OP_IN, OP_OUTS, OP_INS,
	OP_STEP_OUT, OP_STEP_IN,	/* single-stepped with RFLAGS.TF */
	OP_STEP_TOUCH,			/* likewise, a store to STEP_PAGE */
	OP_LOOP,			/* OUT of 0, 1, ... until mbox.stop */
	OP_SEND,			/* to the UART at port: bytes 0 to 250, 0, ... */
	OP_RECEIVE,			/* from it; these are wanted */
	OP_CPUID,			/* round trips to L1, each timed: see mbox.buf */
	OP_TIMED_OUT,			/* OUT, likewise */
	OP_ENTER,			/* VMRUN or VMRESUME: of a VM of its own */
};

/**
 * struct op - one instruction of L2
 * @kind:	OP_*
 * @port:	its port
 * @size:	1, 2 or 4
 * @rep:	with a REP prefix
 * @down:	with RFLAGS.DF set
 * @count:	RCX before; and after, the rest. OP_SEND, OP_RECEIVE: bytes to go;
 *		OP_CPUID, OP_TIMED_OUT: how many, at most TIMES_MAX
 * @offset:	of the string in mbox.buf; and after, what RSI or RDI has become
 * @value:	OUT: RAX; IN: RAX afterwards; OP_LOOP: how many; OP_SEND, OP_RECEIVE:
 *		the first byte; OP_RECEIVE: afterwards, how many were others
 * @steps:	#DB exceptions that L2 got
 * @step_off:	bytes behind the instruction at which the last one came
 * @done:	times that it was executed to the end
 */
struct op {
	uint8_t kind;
	uint8_t size;
	uint16_t port;
	bool rep;
	bool down;
	uint64_t count;
	int64_t offset;
	uint64_t value;
	uint32_t steps;
	int64_t step_off;
	volatile uint32_t done;
};

/* A port access that was reflected to L1. */
struct l1_exit {
	uint16_t port;
	uint8_t size;
	bool in;
	bool string;
	bool rep;
	uint32_t value;		/* OUT: what L1 saw */
	uint64_t count;		/* RCX */
	uint8_t l2;		/* whose */
	int64_t offset;		/* in mbox.buf, of what is to be read or written next */
};

enum l1_request { L1_RUN_L2, L1_BOOT_L2, L1_SMI_L2, L1_OWN_IO, L1_CALL };

struct l1_ops;

/**
 * struct mbox - the mailbox
 * @amd:	SVM, not VMX
 * @nr_l2:	user VMs that it has
 * @nr_cpus:	CPUs that it has; with more than one L1 lets go of a VMCS each time
 * @request:	what L1 does next
 * @call:	that, for L1_CALL, on each CPU
 * @l2:		which user VM
 * @intercept:	L1 asks for exits on all ports, as KVM does
 * @root:	page table root of each user VM, 0: shadow paging
 * @anchor:	what each user VM's vCPU has instead of its own VMCB (SVM) or
 *		virtual-APIC page (VMX), unless 0: virtual and physical address
 * @bare:	a user VM has no virtual-APIC page (VMX), as those of a guest hypervisor
 *		with all of the interrupt controller in user space
 * @clock:	TSC offset of each user VM
 * @boot:	what L1_BOOT_L2 and L1_SMI_L2 run
 * @boot_code:	its physical address
 * @stop:	ends OP_LOOP
 * @inner:	which L2 is run for OP_ENTER, as a VM of that which executes it, with
 * @inner_ops:	these. With itself: L1 skips the instruction
 * @inner_runs:	it does
 * @enters:	times that it was
 * @trouble:	exit code of L2 that L1 did not expect
 */
struct mbox {
	bool amd;
	uint8_t nr_l2;
	uint8_t nr_cpus;
	uint8_t request;
	void (*call)(const struct l1_ops *l1, unsigned int cpu);
	uint8_t l2;
	bool intercept;
	uint64_t root[NR_L2];
	struct {
		uint64_t gva, gpa;
	} anchor[NR_L2];
	bool bare[NR_L2];
	uint64_t clock[NR_L2];
	uint64_t boot_code;
	volatile bool stop;
	uint8_t inner;
	bool inner_runs;
	uint32_t enters;
	uint64_t trouble;
	uint32_t nr_ops;
	uint32_t nr_inner_ops;
	struct op inner_ops[8];
	struct op ops[OPS_MAX];
	volatile uint32_t nr_exits;
	struct l1_exit exits[EXITS_MAX];
	uint8_t buf[BUF_SIZE] __attribute__((aligned(4096)));
	uint8_t boot[16];
};

/* Guest addresses: what the host sees is its own copy. */
extern struct mbox mbox;
void l1_main(uint64_t cpu);
void guest_db_handler(void *regs);

/* Why L2 stopped. */
enum l2_stop { STOP_IO, STOP_CALL, STOP_CPUID, STOP_ENTER, STOP_OTHER };

/**
 * struct l2_state - what L1 holds of a user VM, vendor by vendor
 * @data:	struct vmx_pages or struct svm_test_data
 * @page:	VMX: virtual-APIC page; SVM: I/O permission map (physical)
 */
struct l2_state {
	void *data;
	uint64_t page;
};

extern struct l2_state l2_state[NR_L2];

/* L2's registers besides RSP; the entry code of both vendors knows the order. */
struct gpr {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
};

/* guest_vmx.c, guest_svm.c: what L1 needs of each vendor. */
struct l1_ops {
	void (*cpu)(unsigned int cpu);
	void (*setup)(unsigned int l2, void *entry, void *stack);
	enum l2_stop (*run)(unsigned int l2, struct l1_exit *e, uint64_t *code);
	void (*skip)(unsigned int l2);
	void (*select)(unsigned int l2);	/* after another one */
	void (*unpaged)(unsigned int l2, uint64_t code, bool reset);
	void (*paged)(unsigned int l2);
	void (*release)(unsigned int l2);	/* another CPU may run it next */
	uint64_t *(*rax)(unsigned int l2);
	struct gpr *(*gpr)(unsigned int l2);	/* the others */
};

extern const struct l1_ops l1_vmx, l1_svm;

#endif
