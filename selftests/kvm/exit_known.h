/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What cases about vectors share that come without the guest hypervisor. L1 injects LINE_VECTOR
 * for each access that raises the line; L2's handler reads IIR and writes EOI_MSR.
 */
#ifndef VSB_EXIT_KNOWN_H
#define VSB_EXIT_KNOWN_H

#include "exit_run.h"

#define KNOWN_DIRECT	(VSB_IRQ_EVENTS | VSB_IRQ_EXITS | VSB_IRQ_DIRECT)
#define KNOWN_EXITS	(VSB_IRQ_EVENTS | VSB_IRQ_EXITS)

/* The line is raised by exits so often before the vector is known. */
#define KNOWN_SEEN	2

/* User VM @l2 begins with work_serves() on this CPU of L1. */
void known_go(struct host *h, unsigned int cpu, unsigned int l2);
/* The same from the beginning; nothing is known. */
void known_serve(struct host *h, uint32_t irq);
/* The vector becomes known: from then on the line does without L1. */
void known_learn(struct host *h);
/* Both */
void known_begin(struct host *h);
/* The line rises @n times, and this many of them come without L1. */
void known_rise(struct host *h, unsigned int n, unsigned int direct);
/* It has risen, and the vector waits for L2 to have interrupts on. */
void known_rise_off(struct host *h, unsigned int l2);
/* L2 has: it comes, once. */
void known_let_in(struct host *h, unsigned int l2);
/* @l2 has taken what L1 has injected and what we have, each once, when it might. */
void known_check_taken(struct host *h, unsigned int l2, struct proxy *p);
/* User VM 0 stops, and all of it is as wanted. */
void known_end(struct host *h);

#endif
