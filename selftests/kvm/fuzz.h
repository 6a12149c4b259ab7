/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fuzzer for the ioctl interface: steps drawn from a seed, done by several processes that own
 * descriptors, pass them on, fork, stop and are killed. The same seed draws the same steps; what
 * runs at the same time (a user VM, a call that waits) has its own pace.
 */
#ifndef VSB_FUZZ_H
#define VSB_FUZZ_H

#include <stdint.h>

#define FUZZ_WORKERS	4
#define FUZZ_SLOTS	24	/* descriptors of a worker */
#define FUZZ_TICK_US	20000	/* after so long a call that waits is interrupted, */
#define FUZZ_LONG_US	3000000	/* and any other */

/* What a slot holds. */
enum fuzz_kind { KIND_NONE, KIND_DEV, KIND_VM, KIND_VCPU, KIND_CLOUD, KIND_PROXY, KIND_MEMORY,
		 KIND_OTHER };

enum fuzz_op {
	/* by the worker alone */
	OP_OPEN, OP_NEW_VM, OP_CREATE_CLOUD, OP_CREATE_PROXY, OP_CLOUD_CALL, OP_PROXY_CALL,
	OP_MEMORY_CALL, OP_ANY_CALL, OP_READ, OP_RUN, OP_LINE, OP_CLOSE, OP_DUP,
	/* with whoever sends the steps */
	OP_GIVE, OP_TAKE, OP_FORK,
	NR_FUZZ_OPS,
};

/**
 * struct fuzz_step - what a worker is asked to do
 * @op:		OP_*
 * @kind:	with OP_TAKE: what the descriptor is that comes along
 * @rnd:	all that is drawn in the step comes from it
 */
struct fuzz_step {
	uint32_t op;
	uint32_t kind;
	uint64_t rnd;
};

/* Its answer; with OP_GIVE a descriptor comes along. */
struct fuzz_answer {
	uint32_t op;
	uint32_t kind;
	int32_t ret;
	int32_t err;
};

/* The next number; advances @state. */
uint64_t fuzz_rnd(uint64_t *state);

/*
 * The process of a worker: takes steps from @sock until that is closed. @vm: the VM of a cloud VM
 * that has user VMs, or -1.
 */
void fuzz_worker(int sock, int vm) __attribute__((noreturn));

/* A message with perhaps a descriptor, -1: none. 0, or -1 and errno. */
int fuzz_send(int sock, const void *data, uint32_t len, int fd);
int fuzz_recv(int sock, void *data, uint32_t len, int *fd);

#endif
