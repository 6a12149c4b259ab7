// SPDX-License-Identifier: GPL-2.0
/* Several vCPUs of a user VM, several user VMs on a CPU of L1. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exit_cases.h"
#include "exit_run.h"
#include "tap.h"

static struct host h;

static uint64_t some(void)
{
	return host_many() / 10 + 1;
}

/* Each on a CPU of L1. */
void exit_vcpus_two(void)
{
	host_begin_two(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	host_go(&h, 1, 1, work_mixes);
	host_progress(&h, 0);
	host_progress(&h, 1);
	host_storm(&h, h.p, some());
	host_progress(&h, 0);
	host_progress(&h, 1);
	h.x->stop = true;
	host_left(&h, 0);
	host_left(&h, 1);
	printf("# %u accesses on one, %u on the other\n", h.x->accesses[0], h.x->accesses[1]);
	CHECK_EQ(h.x->accesses[0] + h.x->accesses[1], host_shown(h.p));
	host_check_mix(&h, 0, WORK_TURNS);
	host_check_mix(&h, 1, WORK_TURNS);
}

/* One has halted, which is kept from L1, and the other works: neither notices anything. */
void exit_vcpus_one_halts(void)
{
	host_begin_two(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	host_progress(&h, 0);
	/* The console is in use. */
	host_storm(&h, h.p, 5);
	h.x->turn[1].tick_us = TICK_US;
	host_go(&h, 1, 1, work_halts);
	WAIT_FOR(proxy_uservm(h.p).halts > 0);
	host_storm(&h, h.p, some());
	host_progress(&h, 0);
	host_stop(&h, 0);
	/* Now there is nobody else whom L1 could be shown something of. */
	host_storm(&h, h.p, 20);
	host_interrupt(&h, 1);
	printf("# %u accesses on one, %u on the one that had halted, kept %llu times\n",
	       h.x->accesses[0], h.x->accesses[1],
	       (unsigned long long)proxy_uservm(h.p).halts);
	CHECK(h.x->accesses[1] > 0);
	CHECK_EQ(h.x->accesses[0] + h.x->accesses[1], host_shown(h.p));
	CHECK_EQ(h.x->work[1].rounds, 0);
	CHECK_EQ(h.x->work[1].bad, 0);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* One CPU of L1 runs both: each sees the exits of its own lines alone. */
void exit_vcpus_in_turn(void)
{
	uint32_t before;

	host_begin_pair(&h, VSB_IRQ_EXITS, 1);
	h.x->turn[0].both = true;
	h.x->turn[0].tick_us = TICK_US;
	host_go(&h, 0, 0, work_mixes);
	host_progress(&h, 0);
	host_progress(&h, 1);
	host_storm(&h, h.p, some());
	CHECK_EQ(h.x->accesses[1], 0);
	/* The last one is counted when it is shown; L1 has yet to note it. */
	WAIT_FOR(h.x->accesses[0] >= some());
	before = h.x->accesses[0];
	host_storm(&h, h.p2, some());
	WAIT_FOR(h.x->accesses[1] >= some());
	/* What was on its way when the first one fell. */
	CHECK(h.x->accesses[0] - before <= 4);
	host_progress(&h, 0);
	host_progress(&h, 1);
	host_interrupt(&h, 0);
	host_check_seen(&h, 0, 4);
	host_check_seen(&h, 1, 4);
	host_end_pair(&h);
}

/* L1 has an exit of one, and lets the other, whose line rises, too, run before it answers. */
void exit_vcpus_between(void)
{
	host_begin_pair(&h, VSB_IRQ_EXITS, 1);
	h.x->turn[0].both = true;
	h.x->turn[0].tick_us = TICK_US;
	h.x->turn[0].answer = ANSWER_OTHERS;
	h.x->turn[0].times = 50;
	host_go(&h, 0, 0, work_mixes);
	host_storm_on(&h, h.p);
	host_storm_on(&h, h.p2);
	while (h.x->turn[0].times)
		host_progress(&h, 1);
	h.p->shm->storm_us = 0;
	h.p2->shm->storm_us = 0;
	host_progress(&h, 0);
	host_progress(&h, 1);
	host_interrupt(&h, 0);
	CHECK(h.x->accesses[0] > 0);
	CHECK(h.x->accesses[1] > 0);
	host_end_pair(&h);
}

/* Two user VMs on two CPUs of L1 at the same time. */
void exit_vcpus_beside(void)
{
	host_begin_pair(&h, VSB_IRQ_EXITS, 2);
	host_go(&h, 0, 0, work_mixes);
	host_go(&h, 1, 1, work_mixes);
	host_storm_on(&h, h.p2);
	host_storm(&h, h.p, some());
	h.p2->shm->storm_us = 0;
	host_storm(&h, h.p2, some());
	host_progress(&h, 0);
	host_progress(&h, 1);
	h.x->stop = true;
	host_left(&h, 0);
	host_left(&h, 1);
	CHECK_EQ(h.x->accesses[0], host_shown(h.p));
	CHECK_EQ(h.x->accesses[1], host_shown(h.p2));
	host_check_mix(&h, 0, WORK_TURNS);
	host_check_mix(&h, 1, WORK_TURNS);
}
