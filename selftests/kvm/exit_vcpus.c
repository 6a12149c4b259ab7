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
static struct proxy *p2;

static uint64_t some(void)
{
	return host_many() / 10 + 1;
}

/* User VM 1 is the second vCPU of 0. */
static void begin_two(void)
{
	host_cloud(&h, 2);
	h.p = proxy_add_lines(h.c, "vm1");
	host_start(&h, VSB_IRQ_EXITS);
	h.c->mbox->root[1] = h.c->root[0][0];
	host_bind(&h, 0);
	host_bind(&h, 1);
	CHECK_EQ(proxy_uservm(h.p).vcpus, 2);
}

/* Each on a CPU of L1. */
void exit_vcpus_two(void)
{
	begin_two();
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
	begin_two();
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

static void begin_pair(unsigned int cpus)
{
	host_cloud(&h, cpus);
	h.p = proxy_add_lines(h.c, "vm1");
	p2 = proxy_add_lines(h.c, "vm2");
	host_start(&h, VSB_IRQ_EXITS);
	host_bind(&h, 0);
	host_bind(&h, 1);
}

/* One CPU of L1 runs both: each sees the exits of its own lines alone. */
void exit_vcpus_in_turn(void)
{
	uint32_t before;

	begin_pair(1);
	h.x->turn[0].both = true;
	h.x->turn[0].tick_us = TICK_US;
	host_go(&h, 0, 0, work_mixes);
	host_progress(&h, 0);
	host_progress(&h, 1);
	host_storm(&h, h.p, some());
	CHECK_EQ(h.x->accesses[1], 0);
	CHECK(h.x->accesses[0] >= some());
	before = h.x->accesses[0];
	host_storm(&h, p2, some());
	CHECK(h.x->accesses[1] >= some());
	/* What was on its way when the first one fell. */
	CHECK(h.x->accesses[0] - before <= 4);
	host_progress(&h, 0);
	host_progress(&h, 1);
	host_interrupt(&h, 0);
	host_check_seen(&h, 0, 4);
	host_check_seen(&h, 1, 4);
	/* Each to the end of its block, alone. */
	h.x->turn[0].both = false;
	for (unsigned int l2 = 0; l2 < 2; l2++) {
		h.x->turn[0].l2 = l2;
		host_go_on(&h, 0);
		host_progress(&h, l2);
		h.x->stop = true;
		host_left(&h, 0);
		host_check_mix(&h, l2, WORK_TURNS);
	}
}

/* L1 has an exit of one, and lets the other, whose line rises, too, run before it answers. */
void exit_vcpus_between(void)
{
	begin_pair(1);
	h.x->turn[0].both = true;
	h.x->turn[0].tick_us = TICK_US;
	h.x->turn[0].answer = ANSWER_OTHERS;
	h.x->turn[0].times = 50;
	host_go(&h, 0, 0, work_mixes);
	host_storm_on(&h, h.p);
	host_storm_on(&h, p2);
	while (h.x->turn[0].times)
		host_progress(&h, 1);
	h.p->shm->storm_us = 0;
	p2->shm->storm_us = 0;
	host_progress(&h, 0);
	host_progress(&h, 1);
	host_interrupt(&h, 0);
	CHECK(h.x->accesses[0] > 0);
	CHECK(h.x->accesses[1] > 0);
	h.x->turn[0].both = false;
	for (unsigned int l2 = 0; l2 < 2; l2++) {
		h.x->turn[0].l2 = l2;
		host_go_on(&h, 0);
		host_progress(&h, l2);
		h.x->stop = true;
		host_left(&h, 0);
		host_check_mix(&h, l2, WORK_TURNS);
	}
}

/* Two user VMs on two CPUs of L1 at the same time. */
void exit_vcpus_beside(void)
{
	begin_pair(2);
	host_go(&h, 0, 0, work_mixes);
	host_go(&h, 1, 1, work_mixes);
	host_storm_on(&h, p2);
	host_storm(&h, h.p, some());
	p2->shm->storm_us = 0;
	host_storm(&h, p2, some());
	host_progress(&h, 0);
	host_progress(&h, 1);
	h.x->stop = true;
	host_left(&h, 0);
	host_left(&h, 1);
	CHECK_EQ(h.x->accesses[0], host_shown(h.p));
	CHECK_EQ(h.x->accesses[1], host_shown(p2));
	host_check_mix(&h, 0, WORK_TURNS);
	host_check_mix(&h, 1, WORK_TURNS);
}
