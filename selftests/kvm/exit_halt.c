// SPDX-License-Identifier: GPL-2.0
/* The HLT of a user VM, which L1 does not get to see while the console is in use. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exit_cases.h"
#include "exit_run.h"
#include "tap.h"

#define KEEP_S		10	/* Documentation/design.rst */

static struct host h;

static uint64_t halts(void)
{
	return proxy_uservm(h.p).halts;
}

static unsigned int nr_seen(enum why why)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < h.x->nr_seen && i < SEEN_MAX; i++)
		nr += h.x->seen[i].why == why;
	return nr;
}

/* Where L1 sees L2: behind the HLT, but for the exit of that itself. */
static void check_places(void)
{
	uint64_t behind = (uint64_t)work_behind_hlt;
	uint64_t begun = 0;

	for (unsigned int i = 0; i < h.x->nr_seen && i < SEEN_MAX; i++) {
		const struct seen *s = &h.x->seen[i];

		if (s->next != behind)
			FAIL("exit %u (%u) is at %#llx, goes on at %#llx, wanted %#llx", i, s->why,
			     (unsigned long long)s->rip, (unsigned long long)s->next,
			     (unsigned long long)behind);
		begun += s->why == WHY_IO;
	}
	printf("# %llu accesses, %u ticks, %u HLTs at the HLT; kept %llu times\n",
	       (unsigned long long)begun, nr_seen(WHY_TICK), nr_seen(WHY_HLT),
	       (unsigned long long)halts());
}

static void begin(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	h.x->turn[0].tick_us = TICK_US;
	/* The console is in use; the dummy is ready. */
	host_go(&h, 0, 0, work_mixes);
	host_pulse(&h, 4, 4);
	host_stop(&h, 0);
	h.x->nr_seen = 0;
}

/* The control: of a console that is not in use L1 sees the HLT as ever. */
void exit_halt_control(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	h.x->turn[0].tick_us = TICK_US;
	host_go(&h, 0, 0, work_halts);
	WAIT_FOR(nr_seen(WHY_HLT) >= 10);
	host_interrupt(&h, 0);
	CHECK_EQ(halts(), 0);
	CHECK_EQ(h.x->work[0].rounds, 0);
	check_places();
}

/* It is kept, an exit is shown all the same, and without an event L2 sleeps on. */
void exit_halt_line(void)
{
	begin();
	host_go(&h, 0, 0, work_halts);
	WAIT_FOR(halts() > 0);
	for (int i = 0; i < 20; i++)
		host_pulse(&h, 4, 1);
	host_interrupt(&h, 0);
	CHECK(nr_seen(WHY_IO) >= 20);
	check_places();
	CHECK_EQ(h.x->work[0].rounds, 0);
	CHECK_EQ(h.x->work[0].bad, 0);
}

/* L1's own interrupts come, behind the HLT as on a CPU, and L2 sleeps on. */
void exit_halt_ticks(void)
{
	begin();
	h.x->turn[0].ticks = true;
	host_go(&h, 0, 0, work_halts);
	WAIT_FOR(halts() > 0);
	WAIT_FOR(nr_seen(WHY_TICK) >= 20);
	host_interrupt(&h, 0);
	/* The first ones may be before it. */
	for (unsigned int i = 0; i < h.x->nr_seen && i < SEEN_MAX; i++) {
		if (h.x->seen[i].next == (uint64_t)work_behind_hlt)
			break;
		CHECK(h.x->seen[i].why == WHY_TICK);
		h.x->seen[i].next = (uint64_t)work_behind_hlt;
	}
	check_places();
	CHECK(nr_seen(WHY_TICK) > nr_seen(WHY_HLT));
	CHECK_EQ(h.x->work[0].rounds, 0);
}

/* HLTs that L2 has executed, kept or not. */
static uint64_t executed(void)
{
	return halts() + nr_seen(WHY_HLT);
}

/*
 * An event that L1 injects ends it, and nothing else does. One that comes before L2 halts, or
 * before its CLI behind that, ends none.
 */
void exit_halt_events(void)
{
	struct work *w;

	begin();
	h.x->turn[0].inject = true;
	host_go(&h, 0, 0, work_halts);
	w = &h.x->work[0];
	for (int i = 0; i < 100; i++) {
		uint64_t before = w->rounds, were = executed();

		WAIT_FOR(executed() > were);
		host_pulse(&h, 4, 1);
		WAIT_FOR(w->rounds > before);
	}
	usleep(200000);
	host_interrupt(&h, 0);
	printf("# %llu events injected, %llu taken, woke %llu times, kept %llu times\n",
	       (unsigned long long)h.x->injected[0], (unsigned long long)w->events,
	       (unsigned long long)w->rounds, (unsigned long long)halts());
	CHECK_EQ(w->events, h.x->injected[0]);
	CHECK(w->rounds <= w->events);
	CHECK_EQ(w->bad, 0);
	CHECK(halts() > 0);
}

/* When the console has not been in use for a while L1 gets to see it, late. */
void exit_halt_ends(void)
{
	unsigned int before;

	begin();
	host_go(&h, 0, 0, work_halts);
	WAIT_FOR(halts() > 0);
	sleep(KEEP_S + 1);
	before = nr_seen(WHY_HLT);
	WAIT_FOR(nr_seen(WHY_HLT) >= before + 3);
	host_interrupt(&h, 0);
	check_places();
	CHECK_EQ(h.x->work[0].rounds, 0);
}

/* With VSB_IRQ_EVENTS instead it is L1's again, too. */
void exit_halt_switched(void)
{
	unsigned int before;

	begin();
	host_go(&h, 0, 0, work_halts);
	WAIT_FOR(halts() > 0);
	host_set_irq(&h, VSB_IRQ_EVENTS);
	before = nr_seen(WHY_HLT);
	WAIT_FOR(nr_seen(WHY_HLT) >= before + 3);
	host_interrupt(&h, 0);
	check_places();
	CHECK_EQ(h.x->work[0].rounds, 0);
}

/*
 * Others want the CPU: L1 gets to see the HLT though the console is in use. But when a line had to
 * wait for that, who types does not wait with the next ones.
 */
void exit_halt_shared(void)
{
	unsigned int seen;
	uint64_t kept;

	begin();
	h.x->turn[0].tick_us = 5 * TICK_US;
	h.x->turn[0].away = 1;
	host_go(&h, 0, 0, work_halts);
	WAIT_FOR(nr_seen(WHY_HLT) >= 10);
	/* A line that rises while L1 waits for its timer; until one has waited for long enough. */
	for (;;) {
		seen = nr_seen(WHY_HLT);
		kept = halts();
		WAIT_FOR(nr_seen(WHY_HLT) > seen || halts() >= kept + 20);
		if (nr_seen(WHY_HLT) == seen)
			break;
		host_pulse(&h, 4, 1);
	}
	host_interrupt(&h, 0);
	CHECK_EQ(h.x->work[0].rounds, 0);
}

/* With interrupts off it is no use, and L1 sees it at once. */
void exit_halt_parked(void)
{
	begin();
	host_go(&h, 0, 0, work_parks);
	WAIT_FOR(nr_seen(WHY_HLT) >= 10);
	host_interrupt(&h, 0);
	CHECK_EQ(halts(), 0);
	CHECK_EQ(h.x->work[0].rounds, 0);
}
