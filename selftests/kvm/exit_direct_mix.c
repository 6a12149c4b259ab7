// SPDX-License-Identifier: GPL-2.0
/*
 * Vectors that come without the guest hypervisor: one that waits in a VMCB when its user VM ends
 * or another one runs, and many at random moments.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exit_cases.h"
#include "exit_known.h"
#include "module.h"
#include "tap.h"

static struct host h;

static uint64_t some(void)
{
	return host_many() / 10 + 1;
}

/* ---- L2 does not go on ---- */

static void end_pair(void)
{
	host_progress(&h, 0);
	host_progress(&h, 1);
	host_interrupt(&h, 0);
	host_end_pair(&h);
	CHECK_EQ(h.x->foreign, 0);
	CHECK_EQ(h.x->spurious, 0);
	CHECK_EQ(h.x->work[0].early, 0);
	CHECK_EQ(h.x->work[1].events, 0);
}

/* Two user VMs in turn on a CPU of L1; 0's vector is known. */
static void begin_pair(void)
{
	host_begin_pair(&h, KNOWN_DIRECT, 1);
	known_go(&h, 0, 0);
	known_learn(&h);
	host_stop(&h, 0);
	h.x->turn[0].both = true;
	known_go(&h, 0, 0);
	host_progress(&h, 1);
}

/* The other one runs meanwhile, with interrupts on, and gets nothing. */
void exit_direct_in_turn(void)
{
	begin_pair();
	for (int i = 0; i < 10; i++) {
		known_rise_off(&h, 0);
		host_progress(&h, 1);
		known_let_in(&h, 0);
	}
	CHECK_EQ(h.x->work[0].events, 10);
	end_pair();
}

/* Its user VM is forgotten: it does not come any more, to nobody. */
static void forgotten(bool pair, void (*forget)(void))
{
	uint64_t events;

	if (pair)
		begin_pair();
	else
		known_begin(&h);
	known_rise_off(&h, 0);
	events = h.x->work[0].events;
	forget();
	/* Out of the VMCB with the next exit. */
	usleep(10 * TICK_US);
	host_progress(&h, 0);
	h.x->off[0] = false;
	host_progress(&h, 0);
	usleep(5 * TICK_US);
	host_progress(&h, 0);
	CHECK_EQ(h.x->work[0].events, events);
	if (pair)
		end_pair();
	else
		host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
	CHECK_EQ(h.x->foreign, 0);
}

static void unbind(void)
{
	OK(ioctl(h.p->fd, VSB_UNBIND, 0));
}

static void close_all(void)
{
	proxy_close(h.p);
	if (h.p2)
		proxy_close(h.p2);
	cloud_close(h.c);
	WAIT_FOR(!module_unload());
}

static void close_cloud_first(void)
{
	cloud_close(h.c);
	proxy_close(h.p);
	if (h.p2)
		proxy_close(h.p2);
	WAIT_FOR(!module_unload());
}

void exit_direct_unbound(void)
{
	forgotten(false, unbind);
}

void exit_direct_unbound_in_turn(void)
{
	forgotten(true, unbind);
}

void exit_direct_closed(void)
{
	forgotten(false, close_all);
}

void exit_direct_closed_in_turn(void)
{
	forgotten(true, close_cloud_first);
}

/* ---- many ---- */

/* At random moments, by whichever way: nothing of L2 differs. */
void exit_direct_mix(void)
{
	known_begin(&h);
	host_storm_direct(&h, h.p, some());
	known_end(&h);
}

/* As it is known: L2 does this instead, with interrupts on. */
static struct work *go_known(void (*work)(uint64_t l2))
{
	known_begin(&h);
	host_stop(&h, 0);
	h.x->turn[0].iflag = true;
	host_go(&h, 0, 0, work);
	return &h.x->work[0];
}

/*
 * STI and MOV SS all the time: not in their shadows. QEMU's TCG loses one that VMRUN begins with
 * (exit_states_shadow_at_entry); if L0 has another interrupt at once nobody knows of it any more.
 */
void exit_direct_shadows(void)
{
	struct work *w = go_known(work_shadows);

	host_storm_mapping(&h, host_direct, some() / 4 + 1, 4096);
	host_progress(&h, 0);
	host_stop(&h, 0);
	CHECK_EQ(w->bad, 0);
	CHECK_EQ(w->early, 0);
	if (!tap_on_tcg())
		CHECK_EQ(w->shadowed, 0);
	CHECK(w->events > 0);
}

/* Single-stepped: each instruction of L2 traps once all the same. */
void exit_direct_single_step(void)
{
	struct work *w = go_known(work_steps);

	host_progress(&h, 0);
	host_storm_direct(&h, h.p, some() / 4 + 1);
	host_progress(&h, 0);
	host_stop(&h, 0);
	CHECK_EQ(w->bad, 0);
	CHECK_EQ(w->early, 0);
	CHECK(w->events > 0);
}

/* Exceptions of L2, on a stack that is mapped anew. */
void exit_direct_exceptions(void)
{
	struct work *w = go_known(work_breaks);

	host_storm_mapping(&h, host_direct, some() / 4 + 1, 16384);
	host_progress(&h, 0);
	host_stop(&h, 0);
	CHECK_EQ(w->bad, 0);
	CHECK_EQ(w->early, 0);
	CHECK(w->events > 0);
	CHECK_EQ(w->traps, w->rounds);
	host_check_mix(&h, 0, 2);
}

/* It halts, which is kept: each ends a HLT, and changes nothing else. */
void exit_direct_mix_halts(void)
{
	struct work *w;
	uint64_t direct;
	uint32_t injected;

	known_begin(&h);
	host_stop(&h, 0);
	direct = host_direct(h.p);
	injected = h.x->injected[0];
	host_go(&h, 0, 0, work_halts);
	host_storm_direct(&h, h.p, some() / 4 + 1);
	usleep(5 * TICK_US);
	host_interrupt(&h, 0);
	w = &h.x->work[0];
	printf("# %llu taken, woke %llu times\n", (unsigned long long)w->events,
	       (unsigned long long)w->rounds);
	CHECK_EQ(w->events, host_direct(h.p) - direct + h.x->injected[0] - injected);
	CHECK(w->rounds > 0 && w->rounds <= w->events);
	CHECK_EQ(w->bad, 0);
	CHECK_EQ(w->early, 0);
	CHECK_EQ(h.x->foreign, 0);
	CHECK_EQ(h.x->spurious, 0);
}

/* At random moments again, and L1's clock with it. */
void exit_direct_mix_clock(void)
{
	known_begin(&h);
	h.x->turn[0].clock = true;
	host_storm_direct(&h, h.p, some() / 4 + 1);
	h.x->turn[0].clock = false;
	usleep(5 * TICK_US);
	CHECK_EQ(h.x->work[0].clocks, h.x->clocks[0]);
	CHECK(h.x->clocks[0] > 0);
	known_end(&h);
}

/* Interrupts are off most of the time. */
void exit_direct_mix_off(void)
{
	known_begin(&h);
	host_storm_on(&h, h.p);
	for (uint64_t end = host_direct(h.p) + some() / 10 + 1; host_direct(h.p) < end;) {
		h.x->off[0] = true;
		host_progress(&h, 0);
		h.x->off[0] = false;
		host_progress(&h, 0);
	}
	h.p->shm->storm_us = 0;
	known_end(&h);
}

/* Forbidden and allowed meanwhile. */
void exit_direct_mix_switched(void)
{
	known_begin(&h);
	host_storm_on(&h, h.p);
	for (int i = 0; i < 100; i++) {
		host_set_irq(&h, i & 1 ? KNOWN_DIRECT : i & 2 ? KNOWN_EXITS : VSB_IRQ_EVENTS);
		usleep(20000);
	}
	host_set_irq(&h, KNOWN_DIRECT);
	host_storm_direct(&h, h.p, 20);
	host_progress(&h, 0);
	host_stop(&h, 0);
	known_check_taken(&h, 0, h.p);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* User VM 1 is the second vCPU of 0, whose the line is: each on a CPU of L1. */
void exit_direct_two(void)
{
	host_begin_two(&h, KNOWN_DIRECT);
	h.x->turn[1].first = true;
	known_go(&h, 0, 0);
	known_go(&h, 1, 1);
	host_storm_direct(&h, h.p, some() / 4 + 1);
	host_progress(&h, 0);
	host_progress(&h, 1);
	/* L1 may still have one for the first. */
	usleep(5 * TICK_US);
	h.x->stop = true;
	host_left(&h, 0);
	host_left(&h, 1);
	known_check_taken(&h, 0, h.p);
	CHECK_EQ(h.x->work[1].events, 0);
	host_check_mix(&h, 0, WORK_TURNS);
	host_check_mix(&h, 1, WORK_TURNS);
}
