// SPDX-License-Identifier: GPL-2.0
/*
 * VSB_GIVE_BACK: by exits the dummies of L1 become again what the user VM believes its UARTs
 * to be, and then they are left alone for as long as accesses are frozen.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exit_cases.h"
#include "exit_run.h"
#include "tap.h"

#define FOR_LONG	VSB_MAX_FREEZE_MS
#define GIVE_S		2	/* <linux/kvm_vsbypass.h>: for a vCPU to run */
#define COM2		0x2f8

static struct host h;

/* A call of it in a thread of its own; it may wait for L2. */
static struct {
	pthread_t thread;
	volatile bool running;
	int result;	/* 0, or errno */
	double took;
} call;

static int give(void)
{
	return ioctl(h.p->fd, VSB_GIVE_BACK, 0);
}

static void freeze(unsigned long ms)
{
	OK(ioctl(h.c->fd, VSB_FREEZE, ms));
}

static void *give_thread(void *arg)
{
	double begun = tap_now();

	call.result = give() ? errno : 0;
	call.took = tap_now() - begun;
	call.running = false;
	return NULL;
}

static void give_begins(void)
{
	call.running = true;
	if (pthread_create(&call.thread, NULL, give_thread, NULL))
		FAIL("pthread_create");
}

static int given(void)
{
	WAIT_FOR(!call.running);
	pthread_join(call.thread, NULL);
	return call.result;
}

/* As a driver does it: a divisor of 1, 8N1, FIFOs, RTS, DTR and OUT2, interrupts. */
static void programs(void)
{
	L2_RUN(h.c, 0,
	       OUT(COM1 + 3, 1, 0x83), OUT(COM1, 1, 1), OUT(COM1 + 1, 1, 0), OUT(COM1 + 3, 1, 3),
	       OUT(COM1 + 2, 1, 0x87), OUT(COM1 + 4, 1, 0xb), OUT(COM1 + 7, 1, 0x5a),
	       OUT(COM1 + 1, 1, 5));
	CHECK_EQ(L1_EXITS(h.c), 0);
}

/* PC16550D data sheet, table II. IER is off before it is on: there is an edge. */
static const struct poke programmed[] = {
	{ COM1 + 3, 3 }, { COM1 + 1, 0 },
	{ COM1 + 3, 0x83 }, { COM1, 1 }, { COM1 + 1, 0 },
	{ COM1 + 2, 0x81 }, { COM1 + 4, 0xb }, { COM1 + 7, 0x5a }, { COM1 + 3, 3 },
	{ COM1 + 1, 5 },
};

/* One that nobody has programmed: as operating systems have it. */
static const struct poke untouched[] = {
	{ COM1 + 3, 3 }, { COM1 + 1, 0 }, { COM1 + 4, 0xb }, { COM1 + 3, 3 },
};

#define NR(a)	(sizeof(a) / sizeof((a)[0]))

static void begin(uint32_t irq)
{
	host_begin(&h, irq);
	programs();
}

static void go(void)
{
	h.x->turn[0].tick_us = TICK_US;
	host_go(&h, 0, 0, work_mixes);
	host_progress(&h, 0);
}

/* L1 is shown nothing, though the line rises. */
static void check_quiet(void)
{
	uint32_t before = h.x->accesses[0];

	for (int i = 0; i < 3; i++) {
		proxy_line(h.p, 4, true);
		host_progress(&h, 0);
		usleep(100000);
		proxy_line(h.p, 4, false);
	}
	CHECK_EQ(h.x->accesses[0], before);
}

static void end(void)
{
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* L1 has no interrupt of its own any more by which somebody would look. */
static void go_alone(void)
{
	host_interrupt(&h, 0);
	h.x->turn[0].tick_us = 0;
	host_go_on(&h, 0);
	host_progress(&h, 0);
}

/* The line rises behind all that gives it back, and L1 is not shown that. */
static void check_waits(void)
{
	proxy_line(h.p, 4, true);
	host_progress(&h, 0);
	usleep(300000);
	CHECK_EQ(h.x->accesses[0], NR(programmed));
}

/* The line that is high is raised after all, to the end. */
static void check_raised(void)
{
	WAIT_FOR(h.x->accesses[0] >= NR(programmed) + 4);
	proxy_line(h.p, 4, false);
	end();
	host_check_first(&h, 0, programmed, NR(programmed));
	CHECK(host_check_seen(&h, 0, 4) >= 1);
}

/* In the right order, with nothing of L2; then no line is raised, until it thaws. */
void exit_give_programmed(void)
{
	begin(VSB_IRQ_EXITS);
	go();
	freeze(FOR_LONG);
	OK(give());
	CHECK_EQ(h.x->accesses[0], NR(programmed));
	check_quiet();
	freeze(0);
	host_pulse(&h, 4, 4);
	host_progress(&h, 0);
	host_pulse(&h, 4, 1);
	end();
	host_check_first(&h, 0, programmed, NR(programmed));
	CHECK(host_check_seen(&h, 0, 4) >= 2);
	CHECK_EQ(h.x->accesses[0], host_shown(h.p));
}

void exit_give_untouched(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	go();
	host_pulse(&h, 4, 4);
	freeze(FOR_LONG);
	h.x->nr_seen = 0;
	OK(give());
	freeze(0);
	end();
	host_check_first(&h, 0, untouched, NR(untouched));
	CHECK_EQ(h.x->nr_seen, 0);
}

/* Two of the module's own, one of them with its divisor latch open. */
void exit_give_fronts(void)
{
	static const struct poke want[] = {
		{ COM1 + 3, 3 }, { COM1 + 1, 0 },
		{ COM1 + 4, 0xb }, { COM1 + 3, 0x1b }, { COM1 + 1, 1 },
		{ COM2 + 3, 3 }, { COM2 + 1, 0 }, { COM2 + 3, 0x83 }, { COM2, 12 },
		{ COM2 + 4, 0xb }, { COM2 + 3, 3 }, { COM2 + 3, 0x83 },
	};

	host_cloud(&h, 1);
	h.p = proxy_add_uarts(h.c, "vm1", COM2, 3);
	host_start(&h, VSB_IRQ_EXITS);
	L2_RUN(h.c, 0, OUT(COM1 + 3, 1, 0x1b), OUT(COM1 + 1, 1, 1),
	       OUT(COM2 + 3, 1, 0x83), OUT(COM2, 1, 12));
	go();
	freeze(FOR_LONG);
	OK(give());
	freeze(0);
	end();
	host_check_first(&h, 0, want, NR(want));
	CHECK_EQ(h.x->nr_seen, 0);
}

/* A line that is high all the while rises again when it thaws. */
void exit_give_high(void)
{
	begin(VSB_IRQ_EXITS);
	go();
	freeze(FOR_LONG);
	OK(give());
	check_waits();
	go_alone();
	freeze(0);
	check_raised();
}

/* The same by itself. */
void exit_give_thaws(void)
{
	begin(VSB_IRQ_EXITS);
	go();
	go_alone();
	freeze(3000);
	OK(give());
	check_waits();
	check_raised();
}

/* Each time all of it, whatever the line has done to the dummy meanwhile. */
void exit_give_again(void)
{
	begin(VSB_IRQ_EXITS);
	go();
	for (int i = 0; i < 5; i++) {
		host_pulse(&h, 4, i ? 1 : 4);
		host_progress(&h, 0);
		h.x->nr_seen = 0;
		freeze(FOR_LONG);
		OK(give());
		OK(give());
		host_progress(&h, 0);
		host_check_first(&h, 0, programmed, NR(programmed));
		host_check_first(&h, 0, programmed, NR(programmed));
		CHECK_EQ(h.x->nr_seen, 0);
		freeze(0);
	}
	end();
}

/* Frozen for longer it stays given back; then for shorter. */
void exit_give_lasts(void)
{
	begin(VSB_IRQ_EXITS);
	go();
	freeze(FOR_LONG);
	OK(give());
	freeze(FOR_LONG);
	check_quiet();
	CHECK_EQ(h.x->accesses[0], NR(programmed));
	proxy_line(h.p, 4, true);
	freeze(300);
	check_raised();
}

/* The reader of events is told of a line that waits when it thaws, and not before. */
void exit_give_events(void)
{
	struct vsb_event e;

	begin(VSB_IRQ_EVENTS | VSB_IRQ_EXITS);
	OK(fcntl(h.p->fd, F_SETFL, O_NONBLOCK));
	while (read(h.p->fd, &e, sizeof(e)) == sizeof(e))
		;
	freeze(FOR_LONG);
	give_begins();
	proxy_line(h.p, 4, true);
	CHECK_EQ(given(), ETIMEDOUT);
	CHECK_ERR(read(h.p->fd, &e, sizeof(e)), EAGAIN);
	freeze(0);
	WAIT_FOR(read(h.p->fd, &e, sizeof(e)) == sizeof(e));
	CHECK_EQ(e.type, VSB_EVENT_IRQ);
	CHECK_EQ(e.gsi, 4);
	CHECK_EQ(e.level, 1);
	proxy_line(h.p, 4, false);
}

/* A HLT that is kept is no obstacle. */
void exit_give_halted(void)
{
	begin(VSB_IRQ_EXITS);
	go();
	host_pulse(&h, 4, 4);
	host_stop(&h, 0);
	host_go(&h, 0, 0, work_halts);
	WAIT_FOR(proxy_uservm(h.p).halts > 0);
	h.x->nr_seen = 0;
	freeze(FOR_LONG);
	OK(give());
	freeze(0);
	host_interrupt(&h, 0);
	for (uint32_t i = 0; i < h.x->nr_seen; i++)
		if (h.x->seen[i].why != WHY_IO)
			FAIL("exit %u is no access", i);
	host_check_first(&h, 0, programmed, NR(programmed));
	CHECK_EQ(h.x->work[0].rounds, 0);
	CHECK_EQ(h.x->work[0].bad, 0);
}

/* L1 has not answered an exit for the line when it begins: that is none of the writes. */
void exit_give_open(void)
{
	begin(VSB_IRQ_EXITS);
	h.x->turn[0].answer = ANSWER_LEAVE;
	h.x->turn[0].times = 1;
	go();
	proxy_line(h.p, 4, true);
	host_left(&h, 0);
	CHECK_EQ(h.x->accesses[0], 1);
	freeze(FOR_LONG);
	give_begins();
	usleep(200000);
	h.x->nr_seen = 0;
	host_go_on(&h, 0);
	CHECK_EQ(given(), 0);
	proxy_line(h.p, 4, false);
	freeze(0);
	end();
	host_check_first(&h, 0, programmed, NR(programmed));
}

/* A vector that is known does not come either. */
void exit_give_direct(void)
{
	uint64_t direct, events;

	begin(VSB_IRQ_EXITS | VSB_IRQ_DIRECT);
	h.x->iir = COM1 + 2;
	h.x->eoi = true;
	h.x->turn[0].inject = true;
	h.x->turn[0].eoi = true;
	h.x->turn[0].tick_us = TICK_US;
	host_go(&h, 0, 0, work_serves);
	host_progress(&h, 0);
	for (int i = 0; i < 4; i++)
		host_rise(&h, 0);
	direct = host_direct(h.p);
	CHECK(direct > 0);
	freeze(FOR_LONG);
	h.x->turn[0].inject = false;
	OK(give());
	h.x->turn[0].inject = true;
	events = h.x->work[0].events;
	check_quiet();
	CHECK_EQ(host_direct(h.p), direct);
	CHECK_EQ(h.x->work[0].events, events);
	freeze(0);
	host_rise(&h, 0);
	end();
}

/* ---- errors ---- */

void exit_give_errors(void)
{
	host_begin(&h, VSB_IRQ_EVENTS);
	go();
	CHECK_ERR(ioctl(h.p->fd, VSB_GIVE_BACK, 1), EINVAL);
	CHECK_ERR(ioctl(h.p->fd, VSB_GIVE_BACK, -1ul), EINVAL);
	CHECK_ERR(give(), EOPNOTSUPP);
	freeze(FOR_LONG);
	CHECK_ERR(give(), EOPNOTSUPP);
	freeze(0);
	host_set_irq(&h, VSB_IRQ_EXITS);
	CHECK_ERR(give(), EBUSY);
	freeze(1);
	usleep(100000);
	CHECK_ERR(give(), EBUSY);
	freeze(FOR_LONG);
	freeze(0);
	CHECK_ERR(give(), EBUSY);
	freeze(FOR_LONG);
	OK(give());
	host_set_irq(&h, VSB_IRQ_EVENTS);
	CHECK_ERR(give(), EOPNOTSUPP);
	host_set_irq(&h, VSB_IRQ_EXITS);
	OK(ioctl(h.p->fd, VSB_UNBIND, 0));
	CHECK_ERR(give(), ENOENT);
	freeze(0);
	end();
}

/* The one whose turn it is to be bound has not come. */
void exit_give_unbound(void)
{
	host_cloud(&h, 1);
	h.p = proxy_add_lines(h.c, "vm1");
	host_start(&h, VSB_IRQ_EXITS);
	freeze(FOR_LONG);
	CHECK_ERR(give(), ENOENT);
	freeze(0);
	host_bind(&h, 0);
	CHECK_ERR(give(), EBUSY);
}

/* Nobody runs: it gives up. What is left of it is not done in the next freeze. */
static void nobody(unsigned long ms)
{
	begin(VSB_IRQ_EXITS);
	freeze(ms);
	give_begins();
	CHECK_EQ(given(), ETIMEDOUT);
	CHECK(call.took >= GIVE_S - 0.1 && call.took < GIVE_S + 8);
	if (ms == FOR_LONG)
		freeze(0);
	else
		sleep(ms / 1000);
	freeze(FOR_LONG);
	go();
	usleep(300000);
	host_progress(&h, 0);
	CHECK_EQ(h.x->accesses[0], 0);
	OK(give());
	freeze(0);
	host_pulse(&h, 4, 4);
	end();
	host_check_first(&h, 0, programmed, NR(programmed));
	CHECK(host_check_seen(&h, 0, 4) >= 1);
}

void exit_give_nobody(void)
{
	nobody(FOR_LONG);
}

/* The same when the freeze is over by itself. */
void exit_give_nobody_thaws(void)
{
	nobody(4000);
}

/* L1 goes away in the middle: the next time all of it is done from the beginning. */
void exit_give_half(void)
{
	begin(VSB_IRQ_EXITS);
	h.x->turn[0].answer = ANSWER_LEAVE;
	h.x->turn[0].times = 1;
	go();
	freeze(FOR_LONG);
	give_begins();
	host_left(&h, 0);
	CHECK_EQ(given(), ETIMEDOUT);
	CHECK_EQ(h.x->accesses[0], 1);
	freeze(0);
	freeze(FOR_LONG);
	host_go_on(&h, 0);
	host_progress(&h, 0);
	usleep(300000);
	CHECK_EQ(h.x->accesses[0], 1);
	host_check_first(&h, 0, programmed, 1);
	OK(give());
	freeze(0);
	end();
	host_check_first(&h, 0, programmed, NR(programmed));
	CHECK_EQ(h.x->nr_seen, 0);
}

/* It thaws while somebody waits: he is not told that it is done. */
void exit_give_thawed(void)
{
	begin(VSB_IRQ_EXITS);
	freeze(FOR_LONG);
	give_begins();
	usleep(300000);
	CHECK(call.running);
	freeze(0);
	CHECK_EQ(given(), ETIMEDOUT);
	go();
	usleep(300000);
	CHECK_EQ(h.x->accesses[0], 0);
	host_pulse(&h, 4, 4);
	end();
}

static void nothing(int sig)
{
}

void exit_give_signal(void)
{
	struct sigaction sa = { .sa_handler = nothing };	/* without SA_RESTART */

	sigaction(SIGUSR1, &sa, NULL);
	begin(VSB_IRQ_EXITS);
	freeze(FOR_LONG);
	give_begins();
	usleep(300000);
	CHECK(call.running);
	CHECK_EQ(pthread_kill(call.thread, SIGUSR1), 0);
	CHECK_EQ(given(), EINTR);
	CHECK(call.took < GIVE_S);
	go();
	freeze(0);
	h.x->nr_seen = 0;
	h.x->accesses[0] = 0;
	freeze(FOR_LONG);
	OK(give());
	freeze(0);
	end();
	host_check_first(&h, 0, programmed, NR(programmed));
}
