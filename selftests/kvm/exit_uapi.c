// SPDX-License-Identifier: GPL-2.0
/* What the owner of the descriptors sees of it: events and counters. */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exit_cases.h"
#include "exit_run.h"
#include "tap.h"

static struct host h;

/* Return: events of the line that wait. */
static unsigned int events(void)
{
	struct vsb_event e;
	unsigned int nr = 0;

	OK(fcntl(h.p->fd, F_SETFL, O_NONBLOCK));
	while (read(h.p->fd, &e, sizeof(e)) == sizeof(e))
		nr += e.type == VSB_EVENT_IRQ;
	CHECK_EQ(errno, EAGAIN);
	return nr;
}

/* With exits alone there is no event, whether L2 runs or not. */
void exit_uapi_exits_alone(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	host_pulse(&h, 4, 4);
	host_progress(&h, 0);
	host_stop(&h, 0);
	CHECK_EQ(events(), 0);
	proxy_line(h.p, 4, true);
	sleep(2);
	CHECK_EQ(events(), 0);
	/* It waits, and is not lost. */
	host_go_on(&h, 0);
	WAIT_FOR(h.x->accesses[0] >= 5);
	proxy_line(h.p, 4, false);
	host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* With both there is one if no vCPU of L2 runs. */
void exit_uapi_both(void)
{
	unsigned int nr = 0;

	host_begin(&h, VSB_IRQ_EXITS | VSB_IRQ_EVENTS);
	host_go(&h, 0, 0, work_mixes);
	for (int i = 0; i < 20; i++) {
		host_pulse(&h, 4, i ? 1 : 4);
		host_progress(&h, 0);
	}
	host_stop(&h, 0);
	/* A vCPU that did not come by for some milliseconds counts as one that does not run. */
	CHECK(events() < 20);
	CHECK(h.x->accesses[0] >= 20);
	proxy_line(h.p, 4, true);
	WAIT_FOR((nr += events()) > 0);
	proxy_line(h.p, 4, false);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* Each exit that L1 sees is counted, and each HLT that it does not see. */
void exit_uapi_counters(void)
{
	struct vsb_uservm u;

	host_begin(&h, VSB_IRQ_EXITS);
	u = proxy_uservm(h.p);
	CHECK_EQ(u.irq_exits, 0);
	CHECK_EQ(u.irq_direct, 0);
	CHECK_EQ(u.halts, 0);
	h.x->turn[0].tick_us = TICK_US;
	host_go(&h, 0, 0, work_halts);
	host_pulse(&h, 4, 4);
	WAIT_FOR(proxy_uservm(h.p).halts > 0);
	host_interrupt(&h, 0);
	u = proxy_uservm(h.p);
	CHECK_EQ(u.irq_exits, h.x->accesses[0]);
	CHECK_EQ(u.irq_direct, 0);
}
