// SPDX-License-Identifier: GPL-2.0
/* A user VM in each state that a CPU can be in when its line rises. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exit_cases.h"
#include "exit_run.h"
#include "tap.h"

static struct host h;

static uint64_t some(void)
{
	uint64_t many = host_many();

	return many > 5000 ? 500 : many / 10 + 1;
}

/* Interrupts on in L2, and events that come in between. */
void exit_states_interrupts(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	h.x->turn[0].iflag = true;
	h.x->turn[0].inject = true;
	h.x->turn[0].tick_us = TICK_US;
	host_go(&h, 0, 0, work_mixes);
	host_storm(&h, h.p, some());
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_seen(&h, 0, 4);
	printf("# %llu events\n", (unsigned long long)h.x->work[0].events);
	CHECK(h.x->work[0].events > 0);
	CHECK(h.x->injected[0] - h.x->work[0].events <= 1);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* L1 injects an event at the very entry: L2 takes it, and the exit is behind that. */
void exit_states_event_at_entry(void)
{
	for (int i = 0; i < 20; i++) {
		uint32_t seen;

		if (!i) {
			host_begin(&h, VSB_IRQ_EXITS);
			h.x->turn[0].iflag = true;
			host_go(&h, 0, 0, work_mixes);
		} else {
			host_go_on(&h, 0);
		}
		host_progress(&h, 0);
		host_stop(&h, 0);
		/* L2 does not run, so it waits for the entry. */
		proxy_line(h.p, 4, true);
		seen = h.x->accesses[0];
		h.x->turn[0].strike = true;
		host_go_on(&h, 0);
		WAIT_FOR(h.x->accesses[0] != seen);
		proxy_line(h.p, 4, false);
		host_progress(&h, 0);
		CHECK_EQ(h.x->work[0].events, i + 1);
		host_stop(&h, 0);
	}
	CHECK_EQ(h.x->injected[0], 20);
	host_check_seen(&h, 0, 4);
	host_check_mix(&h, 0, WORK_TURNS);
}

/*
 * The first entry is in a shadow: the instruction behind it is executed in it. As the control
 * L1 waits for the end of that shadow; QEMU's TCG loses one that VMRUN begins with.
 */
void exit_states_shadow_at_entry(void)
{
	uint64_t begin = (uint64_t)work_mixes;

	host_begin(&h, VSB_IRQ_EXITS);
	h.x->turn[0].iflag = true;
	h.x->turn[0].shadow = 1;	/* by STI */
	h.x->turn[0].strike = true;
	host_go(&h, 0, 0, work_mixes);
	host_progress(&h, 0);
	host_stop(&h, 0);
	CHECK_EQ(h.x->seen[0].why, WHY_WINDOW);
	CHECK_EQ(h.x->work[0].events, 1);
	if (h.x->seen[0].rip == begin)
		tap_skip("this CPU has no shadow behind an entry that begins with one");
	h.x->nr_seen = 0;
	proxy_line(h.p, 4, true);
	host_go(&h, 0, 0, work_mixes);
	WAIT_FOR(h.x->accesses[0] >= 4);
	proxy_line(h.p, 4, false);
	host_progress(&h, 0);
	host_stop(&h, 0);
	for (unsigned int i = 0; i < h.x->nr_seen; i++)
		if (h.x->seen[i].next == begin)
			FAIL("access %u is in the shadow, before the first instruction", i);
	CHECK(host_check_seen(&h, 0, 4) >= 1);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* @work on a stack that is mapped anew all the time. */
static struct work *mapped_anew(void (*work)(uint64_t l2), size_t size)
{
	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work);
	host_storm_mapping(&h, host_shown, some(), size);
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_seen(&h, 0, 4);
	CHECK_EQ(h.x->work[0].bad, 0);
	return &h.x->work[0];
}

/* STI and MOV SS all the time, with exits in their shadows. */
void exit_states_shadows(void)
{
	mapped_anew(work_shadows, 4096);
}

/* Each instruction of L2 with TF on traps once, and none is lost. */
void exit_states_single_step(void)
{
	struct work *w;

	host_begin(&h, VSB_IRQ_EXITS);
	w = &h.x->work[0];
	host_go(&h, 0, 0, work_steps);
	host_progress(&h, 0);
	host_storm(&h, h.p, some());
	host_progress(&h, 0);
	host_stop(&h, 0);
	printf("# %llu traps in each of %llu rounds, or bad: %#x\n",
	       (unsigned long long)w->per_round, (unsigned long long)w->rounds, w->bad);
	CHECK_EQ(w->bad, 0);
	host_check_seen(&h, 0, 4);
	for (unsigned int i = 0; i < h.x->nr_seen && i < SEEN_MAX; i++)
		CHECK(!(h.x->seen[i].rflags & 0x100));
}

/* Exceptions of L2, also in flight. */
void exit_states_exceptions(void)
{
	struct work *w = mapped_anew(work_breaks, 16384);

	CHECK_EQ(w->traps, w->rounds);
	host_check_mix(&h, 0, 2);
}

/* Paging off: 32 bits, @real: 16. */
static void unpaged(bool real)
{
	size_t size = real ? work_real_end - work_real : work_32_end - work_32;
	volatile uint32_t *rounds, *stop, *bad;
	uint32_t before;
	uint64_t gpa;
	uint8_t *code = (uint8_t *)cloud_page(h.c, &gpa);

	rounds = (uint32_t *)(code + WORK_ROUNDS);
	stop = (uint32_t *)(code + WORK_STOP);
	bad = (uint32_t *)(code + WORK_BAD);
	memcpy(code, real ? work_real : work_32, size);
	code[size - 1] = h.c->mbox->amd ? 0xd9 : 0xc1;
	h.x->turn[0].unpaged = !real;
	h.x->turn[0].real = real;
	h.x->turn[0].entry = gpa;
	host_go(&h, 0, 0, NULL);
	WAIT_FOR(*rounds);
	host_storm(&h, h.p, some());
	before = *rounds;
	WAIT_FOR(*rounds != before);
	*stop = 1;
	host_left(&h, 0);
	printf("# %u rounds, %u of them with another register\n", *rounds, *bad);
	CHECK_EQ(*bad, 0);
	CHECK(host_check_seen(&h, 0, 4) > 0);
}

void exit_states_real_mode(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	unpaged(true);
}

void exit_states_32_bit(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	unpaged(false);
}

/* As KVM runs it for a guest in system management mode: with a root of its own. */
void exit_states_smm(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	h.c->mbox->root[0] = h.c->root[0][1];
	unpaged(false);
}
