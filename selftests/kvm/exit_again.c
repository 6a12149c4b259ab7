// SPDX-License-Identifier: GPL-2.0
/* A line that nobody answers is raised again, with patience. */
#include <string.h>
#include <unistd.h>

#include "exit_cases.h"
#include "exit_run.h"
#include "tap.h"

#define LONG_S	4	/* several times what the first time takes */

static struct host h;

void exit_again_unanswered(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	proxy_line(h.p, 4, true);
	/* From the beginning each time: somebody may have reset the dummy. */
	WAIT_FOR(h.x->accesses[0] >= 12);
	proxy_line(h.p, 4, false);
	host_progress(&h, 0);
	host_stop(&h, 0);
	CHECK(host_check_seen(&h, 0, 4) >= 3);
	for (int i = 0; i < 12; i += 4)
		CHECK_EQ(h.x->seen[i].port, 0x3fb);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* One that fell is not. */
void exit_again_fallen(void)
{
	uint32_t before;

	host_begin(&h, VSB_IRQ_EXITS);
	host_go(&h, 0, 0, work_mixes);
	host_pulse(&h, 4, 4);
	host_progress(&h, 0);
	sleep(1);		/* one may be on its way */
	before = h.x->accesses[0];
	sleep(LONG_S);
	CHECK_EQ(h.x->accesses[0], before);
	host_pulse(&h, 4, 1);
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* Nor is one whose handler has come, though it stays high: what it wants to do is its. */
void exit_again_answered(void)
{
	struct model *m;
	uint32_t before;

	host_cloud(&h, 1);
	h.p = proxy_add_uart(h.c, "vm1", true);
	m = &h.p->shm->uart16550;
	host_start(&h, VSB_IRQ_EXITS);
	host_bind(&h, 0);
	h.x->iir = COM1 + 2;
	h.x->iir_once = true;
	h.x->turn[0].iflag = true;
	h.x->turn[0].inject = true;
	h.x->turn[0].tick_us = TICK_US;
	host_go(&h, 0, 0, work_receives);
	host_progress(&h, 0);
	m->source[0] = 'x';
	__sync_synchronize();
	m->nr_source = 1;
	WAIT_FOR(h.x->work[0].events >= 1);
	sleep(1);
	before = h.x->accesses[0];
	sleep(LONG_S);
	CHECK_EQ(h.x->accesses[0], before);
	host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
}
