// SPDX-License-Identifier: GPL-2.0
/*
 * Vectors that the guest hypervisor was seen to inject, and that come without it from then on:
 * what is learned, when it comes, and what ends it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#include "exit_cases.h"
#include "exit_known.h"
#include "tap.h"

#define IOAPIC		0xfec00000ull

/* Documentation/design.rst: the first time a line rises it takes so many accesses. */
#define FIRST		4
/* A vector that nobody answers so often in a row is given up. */
#define TRIES		3

static struct host h;

/* L2 makes this access, which L1 gets to see. */
static void touch(uint32_t what)
{
	uint32_t before = h.x->touched;

	h.x->ask[0] = what;
	WAIT_FOR(!h.x->ask[0]);
	CHECK_EQ(h.x->touched, before + 1);
}

/* ---- what is learned ---- */

/* Twice L1 is made to raise the line. Then it sees nothing of it any more. */
void exit_direct_learned(void)
{
	known_serve(&h, KNOWN_DIRECT);
	known_rise(&h, 1, 0);
	CHECK_EQ(host_shown(h.p), FIRST);
	known_rise(&h, 1, 0);
	CHECK_EQ(host_shown(h.p), FIRST + 1);
	known_rise(&h, 20, 20);
	CHECK_EQ(host_shown(h.p), FIRST + 1);
	CHECK_EQ(h.x->work[0].events, KNOWN_SEEN + 20);
	CHECK_EQ(h.x->injected[0], KNOWN_SEEN);
	known_end(&h);
}

/* The control: with exits alone all of it comes from L1. */
void exit_direct_control(void)
{
	known_serve(&h, KNOWN_EXITS);
	known_rise(&h, 20, 0);
	CHECK_EQ(host_shown(h.p), FIRST + 19);
	CHECK_EQ(h.x->injected[0], 20);
	known_end(&h);
	CHECK_EQ(host_direct(h.p), 0);
}

/* A front, a byte each time that the line rises. */
void exit_direct_front(void)
{
	struct model *m;

	host_cloud(&h, 1);
	h.p = proxy_add_uart(h.c, "vm1", true);
	m = &h.p->shm->uart16550;
	host_start(&h, KNOWN_DIRECT);
	host_bind(&h, 0);
	L2_RUN(h.c, 0, OUT(COM1 + 3, 1, 3), OUT(COM1 + 1, 1, 1));
	h.x->data = COM1;
	known_go(&h, 0, 0);
	for (unsigned int i = 0; i < 50; i++) {
		m->source[i] = i ^ 0x5a;
		__sync_synchronize();
		m->nr_source = i + 1;
		WAIT_FOR(h.x->work[0].nr_data == i + 1);
		CHECK_EQ(h.x->work[0].data, i ^ 0x5a);
		WAIT_FOR(h.x->work[0].served == h.x->work[0].events);
	}
	CHECK_EQ(host_direct(h.p), 50 - KNOWN_SEEN);
	CHECK_EQ(host_shown(h.p), FIRST + 1);
	known_end(&h);
}

/* A handler that has interrupts on, as a thread of PREEMPT_RT has: nobody knows whose it is. */
void exit_direct_threaded(void)
{
	known_serve(&h, KNOWN_DIRECT);
	h.x->threaded = true;
	known_rise(&h, 6, 0);
	h.x->threaded = false;
	known_learn(&h);
	known_end(&h);
}

/* ---- when it comes ---- */

void exit_direct_off(void)
{
	uint64_t shown;

	known_begin(&h);
	shown = host_shown(h.p);
	for (int i = 0; i < 20; i++) {
		uint64_t direct = host_direct(h.p);

		known_rise_off(&h, 0);
		known_let_in(&h, 0);
		CHECK_EQ(host_direct(h.p), direct + 1);
	}
	CHECK_EQ(host_shown(h.p), shown);
	known_end(&h);
}

static void set_tpr(uint8_t tpr)
{
	h.x->tpr[0] = tpr;
	WAIT_FOR(h.x->work[0].tpr == tpr);
}

/* It takes what L1 has waited with. */
static void lower_tpr(void)
{
	uint64_t events = h.x->work[0].events;

	h.x->tpr[0] = 0;
	WAIT_FOR(h.x->work[0].events == events + 1);
	proxy_line(h.p, 4, false);
	WAIT_FOR(h.x->work[0].served == h.x->work[0].events);
	/* If L1 has waited for too long it was asked twice, and all is to be learned anew. */
	usleep(5 * TICK_US);
	for (int i = 0; i < KNOWN_SEEN; i++)
		host_rise(&h, 0);
	known_rise(&h, 3, 3);
}

/* TPR holds it off: that is L1's to wait for. */
void exit_direct_tpr(void)
{
	static const uint8_t above[] = { LINE_VECTOR >> 4, LINE_VECTOR >> 4 | 1, 15 };

	known_begin(&h);
	for (int i = 0; i < 3; i++) {
		uint64_t direct = host_direct(h.p), shown = host_shown(h.p);
		uint64_t events = h.x->work[0].events;

		set_tpr(above[i]);
		proxy_line(h.p, 4, true);
		WAIT_FOR(host_shown(h.p) > shown);
		host_progress(&h, 0);
		usleep(5 * TICK_US);
		CHECK_EQ(host_direct(h.p), direct);
		CHECK_EQ(h.x->work[0].events, events);
		lower_tpr();
	}
	set_tpr((LINE_VECTOR >> 4) - 1);
	known_rise(&h, 5, 5);
	known_end(&h);
}

/* It waits for interrupts to be on, and when they are TPR is above it. */
void exit_direct_off_tpr(void)
{
	known_begin(&h);
	for (int i = 0; i < 5; i++) {
		uint64_t direct = host_direct(h.p), shown = host_shown(h.p);
		uint64_t events = h.x->work[0].events;

		known_rise_off(&h, 0);
		set_tpr(15);
		h.x->off[0] = false;
		WAIT_FOR(host_shown(h.p) > shown);
		host_progress(&h, 0);
		CHECK_EQ(host_direct(h.p), direct);
		CHECK_EQ(h.x->work[0].events, events);
		lower_tpr();
	}
	known_end(&h);
}

/* It ends a HLT that is kept, as one that L1 injects does. */
void exit_direct_halt(void)
{
	struct work *w;
	uint64_t shown, kept;

	known_begin(&h);
	host_stop(&h, 0);
	shown = host_shown(h.p);
	kept = proxy_uservm(h.p).halts;
	host_go(&h, 0, 0, work_halts);
	w = &h.x->work[0];
	for (int i = 0; i < 50; i++) {
		uint64_t direct = host_direct(h.p), rounds = w->rounds;

		WAIT_FOR(proxy_uservm(h.p).halts > kept);
		kept = proxy_uservm(h.p).halts;
		host_rise(&h, 0);
		WAIT_FOR(w->rounds == rounds + 1);
		CHECK_EQ(host_direct(h.p), direct + 1);
		CHECK_EQ(host_shown(h.p), shown);
	}
	host_interrupt(&h, 0);
	CHECK_EQ(w->rounds, 50);
	CHECK_EQ(w->events, 50);
	CHECK_EQ(w->bad, 0);
	CHECK_EQ(w->early, 0);
}

/* L1's own vector comes on top of ours: each EOI is the right one's. */
void exit_direct_nested(void)
{
	known_begin(&h);
	h.x->nests = true;
	h.x->turn[0].clock = true;
	known_rise(&h, 20, 20);
	h.x->nests = false;
	known_rise(&h, 5, 5);
	h.x->turn[0].clock = false;
	host_progress(&h, 0);
	usleep(5 * TICK_US);
	CHECK(h.x->clocks[0] >= 20);
	CHECK_EQ(h.x->work[0].clocks, h.x->clocks[0]);
	known_end(&h);
}

/* L2's EOI is not L1's to see, but goes to L1's own interrupt controller. */
void exit_direct_eoi_passes(void)
{
	if (!kvm_cpu_has(X86_FEATURE_SVM))
		tap_skip("this L1 has an exit for each access to an MSR on VMX");
	known_begin(&h);
	h.x->turn[0].eoi = false;
	known_rise(&h, 20, 20);
	h.x->turn[0].eoi = true;
	known_rise(&h, 5, 5);
	known_end(&h);
}

/* ---- what ends it ---- */

/* Who talks to an interrupt controller may program another vector. */
static void forgets(uint32_t what)
{
	known_rise(&h, 3, 3);
	touch(what);
	known_learn(&h);
}

void exit_direct_pic(void)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };

	known_begin(&h);
	for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		forgets(ports[i]);
	/* The control: any other access. */
	h.x->ask[0] = PLAIN;
	WAIT_FOR(!h.x->ask[0]);
	known_rise(&h, 3, 3);
	known_end(&h);
}

void exit_direct_ioapic(void)
{
	host_begin(&h, KNOWN_DIRECT);
	h.x->page = vm_vaddr_alloc_page(h.c->vm);
	/* Not in the nested page tables, as there is a device. */
	vm_set_page_table_entry(h.c->vm, h.c->cpus[0], h.x->page, IOAPIC | 3);
	known_go(&h, 0, 0);
	known_learn(&h);
	for (int i = 0; i < 3; i++)
		forgets(ASK_PAGE);
	known_end(&h);
}

/* It comes without L1, and nobody reads IIR: L1 is to raise the line, and then once more. */
static void miss(void)
{
	uint64_t direct = host_direct(h.p), shown = host_shown(h.p);

	h.x->iir = 0;
	proxy_line(h.p, 4, true);
	WAIT_FOR(host_direct(h.p) == direct + 1);
	WAIT_FOR(host_shown(h.p) > shown);
	CHECK(proxy_waits(h.p));
	h.x->iir = COM1 + 2;
	WAIT_FOR(!proxy_waits(h.p));
	proxy_line(h.p, 4, false);
	WAIT_FOR(h.x->work[0].served == h.x->work[0].events);
	CHECK_EQ(host_direct(h.p), direct + 1);
}

/* All is learned anew. If it happens too often in a row it is not tried again. */
void exit_direct_missed(void)
{
	known_begin(&h);
	for (int i = 0; i < 2 * TRIES; i++) {
		miss();
		/* What L1 has injected for the last of these was answered, and now again. */
		known_rise(&h, KNOWN_SEEN - 1, 0);
		if (i < TRIES)
			known_rise(&h, 1, 1);
	}
	known_rise(&h, 10, 0);
	known_end(&h);
}

/* Behind @ask no vector is injected any more, until it is reset. */
static void never_behind(uint32_t ask)
{
	known_begin(&h);
	touch(ask);
	known_rise(&h, 6, 0);
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
	h.x->turn[0].unpaged = true;
	h.x->turn[0].reset = true;
	h.x->turn[0].entry = h.c->mbox->boot_code;
	host_go(&h, 0, 0, NULL);
	host_left(&h, 0);
	h.x->turn[0].unpaged = false;
	CHECK_EQ(proxy_uservm(h.p).counters.resets, 1);
	known_go(&h, 0, 0);
	known_learn(&h);
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* It is a hypervisor: only L1 knows whose registers are loaded. */
void exit_direct_hosts(void)
{
	never_behind(ASK_HOSTS);
}

/* It may end an interrupt in memory, as L1 has told it there. */
void exit_direct_assist(void)
{
	never_behind(ASK_ASSIST);
}

/* Forbidden, and allowed again: what is known has stayed. */
void exit_direct_switched(void)
{
	known_begin(&h);
	host_set_irq(&h, KNOWN_EXITS);
	known_rise(&h, 5, 0);
	host_set_irq(&h, KNOWN_DIRECT);
	known_rise(&h, 5, 5);
	host_set_irq(&h, VSB_IRQ_EXITS | VSB_IRQ_DIRECT);
	known_rise(&h, 5, 5);
	known_end(&h);
}

/* Forbidden while it waits in the VMCB: L1 raises the line, and it comes once. */
void exit_direct_switched_off(void)
{
	known_begin(&h);
	for (int i = 0; i < 5; i++) {
		uint64_t direct = host_direct(h.p), shown = host_shown(h.p);

		known_rise_off(&h, 0);
		host_set_irq(&h, KNOWN_EXITS);
		WAIT_FOR(host_shown(h.p) > shown);
		CHECK_EQ(host_direct(h.p), direct);
		known_let_in(&h, 0);
		host_set_irq(&h, KNOWN_DIRECT);
		WAIT_FOR(h.x->work[0].served == h.x->work[0].events);
		known_rise(&h, 2, 2);
	}
	known_end(&h);
}
