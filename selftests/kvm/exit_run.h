/* SPDX-License-Identifier: GPL-2.0 */
/* What the cases of exit_test share: a cloud VM whose L1 is that of guest_exits.h. */
#ifndef VSB_EXIT_RUN_H
#define VSB_EXIT_RUN_H

#include "cloud.h"
#include "guest_exits.h"
#include "proxy.h"

/**
 * struct host - of a case
 * @c:		the cloud VM
 * @x:		what it shares with us
 * @p:		"vm1", the proxy of user VM 0
 * @p2:		"vm2", that of user VM 1, of a pair
 */
struct host {
	struct cloud *c;
	struct exits_mbox *x;
	struct proxy *p;
	struct proxy *p2;
};

#define TICK_US		20000	/* of L1's timer: emulators are slow */

/* One CPU, two user VMs; 0 is bound to a proxy whose lines can be set. */
void host_begin(struct host *h, uint32_t irq);
/* The same with so many CPUs, and no proxy: */
void host_cloud(struct host *h, unsigned int cpus);
/* VSB_SET_IRQ and VSB_START. */
void host_start(struct host *h, uint32_t irq);
void host_set_irq(struct host *h, uint32_t irq);
/* A user VM makes an access and so is bound. */
void host_bind(struct host *h, unsigned int l2);

/* User VM 1 is the second vCPU of 0, on two CPUs. */
void host_begin_two(struct host *h, uint32_t irq);
/* Two user VMs on so many CPUs. */
void host_begin_pair(struct host *h, uint32_t irq, unsigned int cpus);
/*
 * They have run in turn, and L1 has stopped somewhere: each goes on alone, to the end of its
 * block, and is as host_check_mix() wants it.
 */
void host_end_pair(struct host *h);

/* User VM @l2 begins with @work on this CPU of L1, and does so until host_stop(). */
void host_go(struct host *h, unsigned int cpu, unsigned int l2, void (*work)(uint64_t l2));
/* What is in the turn of that CPU. */
void host_go_on(struct host *h, unsigned int cpu);
/* To the end of what it does, */
void host_stop(struct host *h, unsigned int cpu);
/* or with the next exit. */
void host_interrupt(struct host *h, unsigned int cpu);
/* The L2 of this CPU goes on until L1 has been left. */
void host_left(struct host *h, unsigned int cpu);

/* L2 does something. */
void host_progress(struct host *h, unsigned int l2);
/* The line rises and L1 sees so many accesses more, at least; then it falls. */
void host_pulse(struct host *h, unsigned int gsi, unsigned int accesses);
/* It rises and falls at random from now on, until @storm_us of the proxy is 0, */
void host_storm_on(struct host *h, struct proxy *p);
/* or until @n accesses more were shown. */
void host_storm(struct host *h, struct proxy *p, uint64_t n);
/* or interrupts injected. */
void host_storm_direct(struct host *h, struct proxy *p, uint64_t n);
/*
 * The same of what @count says, and so much of L2's stack is memory that L0 has to map anew all
 * the time: KVM forgets where it is, nothing else happens.
 */
void host_storm_mapping(struct host *h, uint64_t (*count)(struct proxy *p), uint64_t n,
			size_t size);
/* VSB_EXITS in the environment, else 10,000: how many of them are many. */
uint64_t host_many(void);
uint64_t host_shown(struct proxy *p);
uint64_t host_direct(struct proxy *p);
/* The line 4 rises, the handler comes to its end in @l2, and it falls. */
void host_rise(struct host *h, unsigned int l2);

/* Registers, flags and memory of the user VM are those that work_mix() makes. */
void host_check_mix(struct host *h, unsigned int l2, unsigned int turns);
/*
 * All that L1 has seen are accesses that raise the line @gsi of user VM @l2, in their order
 * and without anything of it. Return: how often it rose.
 */
unsigned int host_check_seen(struct host *h, unsigned int l2, unsigned int gsi);
/* The same, and L2 has executed something each time before it rose again. */
void host_check_progress(struct host *h, unsigned int l2, unsigned int gsi);

/* The first accesses that L1 has seen are these, of a byte each; then they are forgotten. */
struct poke {
	uint16_t port;
	uint8_t value;
	bool in;
};

void host_check_first(struct host *h, unsigned int l2, const struct poke *want, unsigned int n);

#endif
