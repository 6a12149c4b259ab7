// SPDX-License-Identifier: GPL-2.0
/* What the guest hypervisor is shown for a line that rises, and that L2 does not notice. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "exit_cases.h"
#include "exit_run.h"
#include "tap.h"

static struct host h;

/* A line rises @n times. */
static void rises(unsigned int gsi, unsigned int nr_first, unsigned int nr_again, unsigned int n)
{
	unsigned int seen;

	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	host_progress(&h, 0);
	CHECK_EQ(h.x->nr_seen, 0);
	for (unsigned int i = 0; i < n; i++) {
		host_pulse(&h, gsi, i ? nr_again : nr_first);
		host_progress(&h, 0);
	}
	host_stop(&h, 0);
	seen = host_check_seen(&h, 0, gsi);
	CHECK(seen >= n);
	CHECK_EQ(h.x->nr_seen, host_shown(h.p));
	host_check_mix(&h, 0, WORK_TURNS);
	CHECK_EQ(L1_EXITS(h.c), 0);
}

void exit_shown_com1(void)
{
	rises(4, 4, 1, 20);
}

void exit_shown_com2(void)
{
	rises(3, 4, 1, 5);
}

void exit_shown_keyboard(void)
{
	rises(1, 5, 3, 5);
}

void exit_shown_mouse(void)
{
	rises(12, 5, 3, 5);
}

/* A line that no dummy has: L1 sees nothing, and another one goes on rising. */
void exit_shown_other_line(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	proxy_line(h.p, 5, true);
	host_progress(&h, 0);
	usleep(500000);
	CHECK_EQ(h.x->nr_seen, 0);
	host_pulse(&h, 4, 4);
	host_stop(&h, 0);
	CHECK(host_check_seen(&h, 0, 4) >= 1);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* The control: with VSB_IRQ_EVENTS alone there is an event, and no exit. */
void exit_shown_control(void)
{
	struct vsb_event e = { 0 };

	host_begin(&h, VSB_IRQ_EVENTS);
	host_go(&h, 0, 0, work_mixes);
	proxy_line(h.p, 4, true);
	do
		CHECK_EQ(OK(read(h.p->fd, &e, sizeof(e))), sizeof(e));
	while (e.type != VSB_EVENT_IRQ);
	CHECK_EQ(e.gsi, 4);
	CHECK_EQ(e.level, 1);
	host_progress(&h, 0);
	usleep(500000);
	host_stop(&h, 0);
	CHECK_EQ(h.x->nr_seen, 0);
	CHECK_EQ(host_shown(h.p), 0);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* L2 makes the line of its front rise itself, gets the interrupt, and answers it. */
void exit_shown_front(void)
{
	host_cloud(&h, 1);
	h.p = proxy_add_uart(h.c, "vm1", true);
	host_start(&h, VSB_IRQ_EXITS);
	host_bind(&h, 0);
	h.x->iir = COM1 + 2;
	h.x->turn[0].iflag = true;
	h.x->turn[0].inject = true;
	h.x->turn[0].tick_us = TICK_US;
	host_go(&h, 0, 0, work_transmits);
	WAIT_FOR(h.x->work[0].events >= 1);
	host_progress(&h, 0);
	host_stop(&h, 0);
	CHECK(host_check_seen(&h, 0, 4) >= 1);
	CHECK_EQ(h.x->work[0].events, h.x->injected[0]);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* L2's handler looks for something to do, so often. */
static void looks(unsigned int n)
{
	while (n--) {
		h.x->ask[0] = COM1 + 2;
		WAIT_FOR(!h.x->ask[0]);
	}
}

/*
 * A handler that is called again and again and finds nothing: the line is no edge, and has to
 * fall. Before that is seen it is left as it is.
 */
void exit_shown_levels(void)
{
	static const struct poke want[] = {
		{ COM1 + 3, 3 }, { COM1 + 4, 0x10 }, { COM1 + 1, 0 }, { COM1 + 1, 2 },
		{ COM1, 0 },
		{ COM1 + 2, 0, true },
		{ COM1, 0 }, { COM1 + 2, 0, true },
	};

	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_serves);
	host_pulse(&h, 4, 4);
	/* The first one finds why it was raised. */
	looks(4);
	host_pulse(&h, 4, 1);
	host_progress(&h, 0);
	CHECK_EQ(h.x->accesses[0], 5);
	looks(20);
	WAIT_FOR(h.x->accesses[0] == 6);
	host_pulse(&h, 4, 1);
	WAIT_FOR(h.x->accesses[0] == 8);
	looks(20);
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_first(&h, 0, want, sizeof(want) / sizeof(want[0]));
	CHECK_EQ(h.x->nr_seen, 0);
	CHECK_EQ(host_shown(h.p), 8);
	host_check_mix(&h, 0, WORK_TURNS);
}
