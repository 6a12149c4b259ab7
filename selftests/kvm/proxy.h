/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A proxy VM: a process of its own with a VM of one vCPU, as a QEMU would be,
 * whose device is a scratch register at every port and a log of all accesses.
 */
#ifndef VSB_PROXY_H
#define VSB_PROXY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cloud.h"
#include "model.h"
#include "vsb.h"

#define LOG_MAX		4096
#define COM1		0x3f8
#define PLAIN		0x5c0	/* 8 claimed ports that are no UART */

/* One access of @size bytes; of a string there are as many as elements. */
struct access {
	uint16_t port;
	uint8_t size;
	bool in;
	uint32_t value;
};

/* What a 16550 at COM1 would have been programmed to. */
struct uart_model {
	uint8_t dll, dlm, ier, fcr, lcr, mcr, scr;
	uint32_t thr_writes;
};

/**
 * struct proxy_shm - shared with the proxy's process
 * @run:	it may call KVM_RUN
 * @hold:	it keeps the next access and does not answer
 * @held:	accesses that it kept so far
 * @edges:	so often it changes line 4, from low, while it answers the next access
 * @shutdown:	it is over: KVM_RUN returned KVM_EXIT_SHUTDOWN or, called later, EIO
 * @memory:	of its VM, if that shall run code, see proxy_run_code(); else NULL
 * @vram:	likewise, of its graphics card
 * @has_uart:	@uart16550 is at COM1, not scratch registers
 * @base2:	@uart2 is there, unless 0
 * @gsi2:	with this line
 * @sent_before: bytes of COM1 that were out when the other was written to last
 * @steps:	times that it looked at its line
 * @has_lines:	it sets its interrupt lines to @lines, a bit each, and then @lines_set; IIR of
 *		COM1 says "transmitter empty" once for each time that line 4 rises
 * @storm_us:	if not 0: raises and lowers line 4 all the time, after up to so many us
 * @storms:	times that it rose for that
 * @error:	errno of a KVM_RUN that failed otherwise, or 1000 + exit reason
 * @nr:		accesses in @log, ever
 * @reg:	what an IN reads; a byte each port
 */
struct proxy_shm {
	volatile int vm_fd;
	volatile bool run;
	volatile bool hold;
	volatile uint32_t held;
	volatile uint32_t edges;
	volatile bool shutdown;
	volatile int error;
	volatile uint32_t nr;
	struct access log[LOG_MAX];
	struct uart_model uart;
	volatile uint8_t *memory;
	uint8_t *vram;
	volatile bool has_uart;
	volatile uint32_t steps;
	volatile bool has_lines;
	volatile uint32_t lines;
	volatile uint32_t lines_set;
	volatile uint32_t storm_us;
	volatile uint32_t storms;
	struct model uart16550;
	volatile uint16_t base2;
	volatile uint16_t gsi2;
	struct model uart2;
	volatile uint32_t sent_before;
	uint8_t reg[65536 + 4];
};

/**
 * struct proxy - see above
 * @vm_fd:	its kvm-vm
 * @fd:		of the module, -1: not attached
 * @seen:	accesses of the log that the test has looked at
 * @memory:	for @shm->memory
 * @vram:	the same place as @shm->vram
 * @args:	for VSB_CREATE_PROXY: COM1 as a 16550 without a front, and PLAIN
 */
struct proxy {
	pid_t pid;
	int vm_fd;
	int fd;
	uint32_t seen;
	struct proxy_shm *shm;
	volatile uint8_t *memory;
	uint8_t *vram;
	struct vsb_create_proxy args;
};

struct proxy *proxy_new(const char *name);
/* With a graphics card, and its ports in place of those above. */
struct proxy *proxy_new_card(const char *name);
void proxy_attach(struct proxy *p, struct cloud *c);
void proxy_run(struct proxy *p);
/*
 * In place of proxy_run(), before it is attached: its vCPU executes some instructions and
 * halts, in KVM's own KVM_RUN, where it is until proxy_kick().
 */
void proxy_run_code(struct proxy *p);
void proxy_kick(struct proxy *p);
/* All of it: a proxy that waits in KVM_RUN, attached. */
struct proxy *proxy_add(struct cloud *c, const char *name);
/* The same with a 16550 at COM1, which the module has a front of or not. */
struct proxy *proxy_add_uart(struct cloud *c, const char *name, bool front);
/* The same with two, and fronts of both. */
struct proxy *proxy_add_uarts(struct cloud *c, const char *name, uint16_t base2, uint16_t gsi2);
/* As proxy_add(), and its interrupt lines can be set. */
struct proxy *proxy_add_lines(struct cloud *c, const char *name);
void proxy_line(struct proxy *p, unsigned int gsi, bool level);
/* Has nobody read IIR since the line 4 rose? */
bool proxy_waits(struct proxy *p);
/* Attaches the cloud VM, which absorbs, adds "vm1" and "vm2" in this order, and starts it. */
void proxy_start_pair(struct cloud *c, struct proxy **p1, struct proxy **p2);
void proxy_kill(struct proxy *p);
void proxy_close(struct proxy *p);
struct vsb_uservm proxy_uservm(struct proxy *p);
/* Its descriptor is closed: its KVM_RUN says so, and nothing else. */
void proxy_wait_over(struct proxy *p);

/* The last access. */
const struct access *proxy_last(struct proxy *p);

/* The accesses since the last look are exactly these. */
void proxy_expect(struct proxy *p, const struct access *want, uint32_t n,
		  const char *file, int line);
/* The same, bytes in any width and order: for accesses that straddle. */
void proxy_expect_bytes(struct proxy *p, const struct access *want, uint32_t n,
			const char *file, int line);

#define N_ACC(...)	(sizeof((struct access[]){ __VA_ARGS__ }) / sizeof(struct access))
#define EXPECT(p, ...) \
	proxy_expect(p, (struct access[]){ __VA_ARGS__ }, N_ACC(__VA_ARGS__), __FILE__, __LINE__)
#define EXPECT_BYTES(p, ...) \
	proxy_expect_bytes(p, (struct access[]){ __VA_ARGS__ }, N_ACC(__VA_ARGS__), \
			   __FILE__, __LINE__)
#define EXPECT_NOTHING(p)	proxy_expect(p, NULL, 0, __FILE__, __LINE__)

#define WR(p, s, v)	{ .port = (p), .size = (s), .value = (v) }
#define RD(p, s)	{ .port = (p), .size = (s), .in = true }

#endif
