// SPDX-License-Identifier: GPL-2.0
/* Has vectors learned, and checks what came of it. */
#include <stdio.h>
#include <unistd.h>

#include "exit_known.h"
#include "tap.h"

void known_go(struct host *h, unsigned int cpu, unsigned int l2)
{
	struct turn *t = &h->x->turn[cpu];

	h->x->iir = COM1 + 2;
	h->x->eoi = true;
	t->inject = true;
	t->eoi = true;
	t->tick_us = TICK_US;
	host_go(h, cpu, l2, work_serves);
	host_progress(h, l2);
}

void known_serve(struct host *h, uint32_t irq)
{
	host_begin(h, irq);
	known_go(h, 0, 0);
}

void known_learn(struct host *h)
{
	uint64_t before = host_direct(h->p);

	for (int i = 0; i < KNOWN_SEEN; i++)
		host_rise(h, 0);
	CHECK_EQ(host_direct(h->p), before);
	host_rise(h, 0);
	CHECK_EQ(host_direct(h->p), before + 1);
}

void known_begin(struct host *h)
{
	known_serve(h, KNOWN_DIRECT);
	known_learn(h);
}

void known_rise(struct host *h, unsigned int n, unsigned int direct)
{
	uint64_t before = host_direct(h->p), shown = host_shown(h->p);

	for (unsigned int i = 0; i < n; i++)
		host_rise(h, 0);
	CHECK_EQ(host_direct(h->p) - before, direct);
	if (direct == n)
		CHECK_EQ(host_shown(h->p), shown);
	else
		CHECK(host_shown(h->p) > shown);
}

void known_check_taken(struct host *h, unsigned int l2, struct proxy *p)
{
	struct work *w = &h->x->work[l2];

	printf("# user VM %u: %llu taken; %u injected by L1, %llu without it; %u EOIs seen by L1\n",
	       l2, (unsigned long long)w->events, h->x->injected[l2],
	       (unsigned long long)host_direct(p), h->x->eois[l2]);
	CHECK_EQ(w->events, h->x->injected[l2] + host_direct(p));
	CHECK_EQ(w->early, 0);
	CHECK_EQ(h->x->foreign, 0);
	/* It ends those that it has in service, and no others. */
	CHECK_EQ(h->x->spurious, 0);
	CHECK_EQ(h->x->eois[l2], h->x->injected[l2] + h->x->clocks[l2]);
}

void known_end(struct host *h)
{
	host_progress(h, 0);
	host_stop(h, 0);
	known_check_taken(h, 0, h->p);
	host_check_seen(h, 0, 4);
	host_check_mix(h, 0, WORK_TURNS);
}

void known_rise_off(struct host *h, unsigned int l2)
{
	uint64_t direct = host_direct(h->p), events;
	unsigned int waiting = 0;

	h->x->off[l2] = true;
	host_progress(h, l2);
	events = h->x->work[l2].events;
	proxy_line(h->p, 4, true);
	/* One that is in the VMCB counts; where this program takes the CPU from L2 it is out. */
	for (int i = 0; i < 20; i++) {
		uint64_t now = host_direct(h->p);

		CHECK(now == direct || now == direct + 1);
		waiting += now - direct;
		host_progress(h, l2);
	}
	CHECK_EQ(h->x->work[l2].events, events);
	printf("# %u of 20 times it was in the VMCB\n", waiting);
}

void known_let_in(struct host *h, unsigned int l2)
{
	uint64_t events = h->x->work[l2].events;

	h->x->off[l2] = false;
	WAIT_FOR(h->x->work[l2].events == events + 1);
	proxy_line(h->p, 4, false);
	host_progress(h, l2);
	CHECK_EQ(h->x->work[l2].events, events + 1);
}
