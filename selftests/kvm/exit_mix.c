// SPDX-License-Identifier: GPL-2.0
/* Many exits at random moments in a user VM that has something in all of its registers. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exit_cases.h"
#include "exit_run.h"
#include "tap.h"

static struct host h;

void exit_mix_many(void)
{
	unsigned int rises;

	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	host_storm(&h, h.p, host_many());
	host_progress(&h, 0);
	host_stop(&h, 0);
	rises = host_check_seen(&h, 0, 4);
	printf("# %u accesses, rose %u times among the first\n", h.x->nr_seen, rises);
	CHECK(h.x->nr_seen >= host_many());
	CHECK_EQ(h.x->nr_seen, host_shown(h.p));
	host_check_mix(&h, 0, WORK_TURNS);
}

/* However fast the line rises and falls, L2 gets on. */
void exit_mix_progress(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	host_storm(&h, h.p, host_many() / 20 + 50);
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_progress(&h, 0, 4);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* How they come is changed meanwhile. */
void exit_mix_switched(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	host_storm(&h, h.p, 20);
	host_storm_on(&h, h.p);
	for (int i = 0; i < 200; i++) {
		host_set_irq(&h, i & 1 ? VSB_IRQ_EXITS : VSB_IRQ_EVENTS);
		usleep(10000);
	}
	h.p->shm->storm_us = 0;
	host_storm(&h, h.p, 20);
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
}
