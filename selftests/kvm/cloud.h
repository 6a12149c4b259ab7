/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cloud VM: the VM whose guest is l1_main(), and how a test drives it. All
 * calls end the case when anything goes wrong.
 */
#ifndef VSB_CLOUD_H
#define VSB_CLOUD_H

#include <pthread.h>

#include "guest.h"

/**
 * struct cloud - a cloud VM and its user VMs
 * @cpus:	its CPUs
 * @vcpu:	the one that runs now
 * @mbox:	the mailbox, as we see it
 * @root:	physical addresses of two equal page tables for each user VM
 * @fd:		of the module, -1: not attached
 * @interrupted: times that KVM_RUN returned EINTR
 * @l1_io:	port accesses of L1 itself that came to user space
 * @l1_port:	the last one
 * @calls:	of cloud_call(), CPU by CPU
 */
struct cloud {
	struct kvm_vm *vm;
	struct kvm_vcpu *cpus[NR_CPUS];
	struct kvm_vcpu *vcpu;
	struct mbox *mbox;
	uint64_t root[NR_L2][NR_ROOTS];
	int fd;
	volatile unsigned int interrupted;
	unsigned int l1_io;
	uint16_t l1_port;
	pthread_t thread;
	volatile bool running;
	struct cloud_cpu {
		struct cloud *cloud;
		struct kvm_vcpu *vcpu;
		pthread_t thread;
		volatile bool running;
	} calls[NR_CPUS];
};

/* With one CPU and two user VMs, */
struct cloud *cloud_new(void);
/* or more. */
struct cloud *cloud_new_with(unsigned int cpus, unsigned int l2s);
/* From now on this CPU of it runs. */
void cloud_use_cpu(struct cloud *c, unsigned int cpu);
/* The same without nested paging: L1 shadows L2's page tables with its own. */
struct cloud *cloud_new_shadow(void);
void cloud_attach(struct cloud *c, uint32_t flags, uint32_t unclaimed);
void cloud_start(struct cloud *c);
void cloud_close(struct cloud *c);

/* Runs the list in user VM @l2 to its end; then the results are in mbox.ops. */
void l2_run(struct cloud *c, unsigned int l2, const struct op *ops, size_t n);
/* The same, and first one OUT of BOOT_BYTE to BOOT_PORT with paging off. */
void l2_boot(struct cloud *c, unsigned int l2, const struct op *ops, size_t n);
/* The same without: in system management mode, with the page table root @root. */
void l2_smi(struct cloud *c, unsigned int l2, uint64_t root);
/* As l2_run(), but L2 is not to come to its end: the exit code with which it stopped. */
uint64_t l2_fails(struct cloud *c, unsigned int l2, const struct op *ops, size_t n);
/* The same in a thread of its own. */
void l2_go(struct cloud *c, unsigned int l2, const struct op *ops, size_t n);
void l2_wait(struct cloud *c);
/* On this CPU of it L1 calls @fn, in a thread of its own; several may at a time. */
void cloud_call(struct cloud *c, unsigned int cpu,
		void (*fn)(const struct l1_ops *l1, unsigned int cpu));
void cloud_returned(struct cloud *c, unsigned int cpu);
/*
 * Memory that does not go to processes that are forked, as QEMU has it: else the next
 * write to a page takes it to another frame, and on VMX a frame is an anchor.
 */
void cloud_dont_fork(struct cloud *c, uint32_t slot);
/* A page of the cloud VM's memory, zeroed, as we see it; and its physical address. */
uint64_t *cloud_page(struct cloud *c, uint64_t *gpa);
/* User VM @l2 enters @inner as a VM of its own, which runs the list to its end. */
void l2_enter(struct cloud *c, unsigned int l2, unsigned int inner, const struct op *ops,
	      size_t n);
/* L1 executes the list itself. */
void l1_io(struct cloud *c, const struct op *ops, size_t n);

/*
 * Where this host's CPU reports the single step of an instruction that exits to
 * L0 and is executed again, as KVM has it all the time: 0 is behind it. Bochs
 * reports it before. Measured on a store to a page that L0 has to map first.
 */
int64_t step_off_after_retry(struct cloud *c);

#define BOOT_PORT	0x5c7
#define BOOT_BYTE	0xb0

#define N_OPS(...)	(sizeof((struct op[]){ __VA_ARGS__ }) / sizeof(struct op))
#define L2_RUN(c, l2, ...) \
	l2_run(c, l2, (struct op[]){ __VA_ARGS__ }, N_OPS(__VA_ARGS__))
#define L2_FAILS(c, l2, ...) \
	l2_fails(c, l2, (struct op[]){ __VA_ARGS__ }, N_OPS(__VA_ARGS__))
#define L2_BOOT(c, l2, ...) \
	l2_boot(c, l2, (struct op[]){ __VA_ARGS__ }, N_OPS(__VA_ARGS__))
#define L2_GO(c, l2, ...) \
	l2_go(c, l2, (struct op[]){ __VA_ARGS__ }, N_OPS(__VA_ARGS__))
#define L2_ENTER(c, l2, inner, ...) \
	l2_enter(c, l2, inner, (struct op[]){ __VA_ARGS__ }, N_OPS(__VA_ARGS__))
#define L1_IO(c, ...) \
	l1_io(c, (struct op[]){ __VA_ARGS__ }, N_OPS(__VA_ARGS__))

#define OUT(p, s, v)	{ .kind = OP_OUT, .port = (p), .size = (s), .value = (v) }
#define IN(p, s)	{ .kind = OP_IN, .port = (p), .size = (s) }
#define OUTS(p, s, off, ...) \
	{ .kind = OP_OUTS, .port = (p), .size = (s), .offset = (off), ##__VA_ARGS__ }
#define INS(p, s, off, ...) \
	{ .kind = OP_INS, .port = (p), .size = (s), .offset = (off), ##__VA_ARGS__ }
#define REP(n)		.rep = true, .count = (n)
#define DF		.down = true

/* Result of access number @i: what IN has left in RAX. */
#define GOT(c, i)	((c)->mbox->ops[i].value)
/* RAX after an IN of @size that read @v. */
uint64_t rax_after(unsigned int size, uint32_t v);
/* What L1 was told since the last list began. */
#define L1_EXITS(c)	((c)->mbox->nr_exits)

#endif
