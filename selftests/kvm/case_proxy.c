// SPDX-License-Identifier: GPL-2.0
/* Proxies that die, are slow or are replaced; signals for the waiting vCPU. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "proxy.h"
#include "tap.h"

static struct cloud *c;
static struct proxy *p;

static void begin(unsigned int timeout_ms)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_new("vm1");
	if (timeout_ms)
		p->args.timeout_ms = timeout_ms;
	proxy_attach(p, c);
	cloud_start(c);
}

/* A new proxy under the old name serves the user VM. */
static void check_successor(void)
{
	struct proxy *next = proxy_add(c, "vm1");

	next->shm->reg[PLAIN] = 0x99;
	L2_RUN(c, 0, IN(PLAIN, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x99));
	CHECK_EQ(L1_EXITS(c), 0);
}

void proxy_closed_in_access(void)
{
	begin(0);
	proxy_run(p);
	p->shm->hold = true;
	L2_GO(c, 0, IN(PLAIN, 4), IN(COM1, 1), OUT(PLAIN, 1, 1));
	WAIT_FOR(p->shm->held == 1);
	proxy_close(p);
	l2_wait(c);
	CHECK_EQ(GOT(c, 0), rax_after(4, 0xffffffff));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	CHECK_EQ(L1_EXITS(c), 0);
	/* Its next KVM_RUN says that it is over. */
	p->shm->hold = false;
	proxy_wait_over(p);
	check_successor();
}

void proxy_killed_in_access(void)
{
	begin(2000);
	proxy_run(p);
	p->shm->hold = true;
	L2_GO(c, 0, IN(PLAIN, 1), OUT(PLAIN, 1, 1), IN(PLAIN, 2));
	WAIT_FOR(p->shm->held == 1);
	proxy_kill(p);
	l2_wait(c);
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	CHECK_EQ(GOT(c, 2), rax_after(2, 0xffff));
	CHECK_EQ(L1_EXITS(c), 0);
	/* As vsbypassd does when its QEMU dies. */
	close(p->vm_fd);
	proxy_close(p);
	L2_RUN(c, 0, IN(PLAIN, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	CHECK_EQ(L1_EXITS(c), 0);
	check_successor();
}

/* The proxy never calls KVM_RUN. */
void proxy_timeout(void)
{
	struct vsb_uservm u;

	begin(2000);
	L2_RUN(c, 0, IN(PLAIN, 1), OUT(PLAIN, 2, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	CHECK_EQ(L1_EXITS(c), 0);
	u = proxy_uservm(p);
	/* The second did not wait again for one that missed its time. */
	CHECK(u.counters.timeouts >= 1);
	CHECK_EQ(u.counters.absorbed, 2);
	/* Now it does: nothing of the past reaches it. */
	proxy_run(p);
	p->shm->reg[PLAIN] = 0x99;
	WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
	L2_RUN(c, 0, IN(PLAIN, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x99));
	EXPECT(p, RD(PLAIN, 1));
}

/* An answer that comes after the time-out is not the next access's. */
void proxy_late_answer_dropped(void)
{
	begin(3000);
	proxy_run(p);
	p->shm->reg[PLAIN] = 0x77;
	p->shm->reg[PLAIN + 1] = 0x99;
	p->shm->hold = true;
	L2_RUN(c, 0, IN(PLAIN, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	CHECK_EQ(p->shm->held, 1);
	p->shm->hold = false;
	WAIT_FOR(p->shm->nr == 1);
	WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
	EXPECT(p, RD(PLAIN, 1));
	L2_RUN(c, 0, IN(PLAIN + 1, 1), IN(PLAIN, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x99));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0x77));
	CHECK_EQ(L1_EXITS(c), 0);
}

static void check_uart(const struct uart_model *u, unsigned int lcr)
{
	CHECK_EQ(u->dll, 0x0c);
	CHECK_EQ(u->dlm, 0x01);
	CHECK_EQ(u->ier, 0x05);
	CHECK_EQ(u->fcr & 0xc9, 0x81);	/* but for the bits that reset the FIFOs */
	CHECK_EQ(u->lcr, lcr);
	CHECK_EQ(u->mcr, 0x0b);
	CHECK_EQ(u->scr, 0xa5);
}

/* What was written while nobody waited for it is in its UART before the next access. */
void proxy_catches_up(void)
{
	begin(2000);
	proxy_run(p);
	L2_RUN(c, 0, OUT(COM1 + 3, 1, 0x03), OUT(COM1 + 1, 1, 0x05));
	CHECK_EQ(p->shm->uart.ier, 0x05);
	p->shm->hold = true;
	L2_RUN(c, 0, IN(PLAIN, 1), OUT(COM1 + 1, 1, 0x07), OUT(COM1 + 4, 1, 0x0b), OUT(COM1, 1, 0x41));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	CHECK_EQ(proxy_uservm(p).counters.timeouts, 1);
	CHECK_EQ(p->shm->uart.ier, 0x05);
	p->shm->hold = false;
	WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
	L2_RUN(c, 0, IN(COM1 + 5, 1));
	CHECK_EQ(p->shm->uart.ier, 0x07);
	CHECK_EQ(p->shm->uart.mcr, 0x0b);
	CHECK_EQ(p->shm->uart.thr_writes, 0);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* What the user VM had programmed is in the new UART before its next access. */
void proxy_successor_replay(void)
{
	struct proxy *next;

	begin(0);
	proxy_run(p);
	L2_RUN(c, 0, OUT(COM1 + 3, 1, 0x83), OUT(COM1, 1, 0x0c), OUT(COM1 + 1, 1, 0x01),
	       OUT(COM1 + 3, 1, 0x03), OUT(COM1 + 2, 1, 0x87), OUT(COM1 + 4, 1, 0x0b),
	       OUT(COM1 + 1, 1, 0x05), OUT(COM1 + 7, 1, 0xa5), OUT(COM1, 1, 0x41));
	check_uart(&p->shm->uart, 0x03);
	CHECK_EQ(p->shm->uart.thr_writes, 1);
	proxy_kill(p);
	close(p->vm_fd);
	proxy_close(p);

	next = proxy_add(c, "vm1");
	next->shm->reg[COM1 + 5] = 0x60;
	L2_RUN(c, 0, IN(COM1 + 5, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x60));
	check_uart(&next->shm->uart, 0x03);
	CHECK_EQ(next->shm->uart.thr_writes, 0);
	CHECK(proxy_last(next)->in);
	CHECK(proxy_uservm(next).counters.replays > 0);

	/* With the divisor latch left open, and OUT as the next access. */
	L2_RUN(c, 0, OUT(COM1 + 3, 1, 0x83));
	proxy_close(next);
	p = proxy_add(c, "vm1");
	L2_RUN(c, 0, OUT(COM1 + 7, 1, 0xa5));
	check_uart(&p->shm->uart, 0x83);
	CHECK_EQ(p->shm->uart.thr_writes, 0);
	/* A third: once is enough for one that lives. */
	p->seen = p->shm->nr;
	L2_RUN(c, 0, IN(COM1 + 5, 1));
	EXPECT(p, RD(COM1 + 5, 1));
	CHECK_EQ(L1_EXITS(c), 0);
}

/*
 * A user VM that used its UART before it was bound may wait for an interrupt of
 * the guest hypervisor's: it is given the proxy's.
 */
void proxy_uart_in_use(void)
{
	begin(0);
	proxy_run(p);
	L2_RUN(c, 0, IN(COM1 + 2, 1), IN(COM1 + 2, 1), OUT(COM1, 1, 0x41));
	CHECK_EQ(p->shm->nr, 4);
	CHECK_EQ(p->shm->log[0].port, COM1 + 1);
	CHECK(!p->shm->log[0].in);
	CHECK_EQ(p->shm->uart.ier, 0x07);
	EXPECT(p, RD(COM1 + 2, 1), RD(COM1 + 2, 1), WR(COM1, 1, 0x41));
}

/* Its driver looked and has nothing to send: as it believes IER to be. */
void proxy_uart_idle(void)
{
	begin(0);
	proxy_run(p);
	p->shm->reg[COM1 + 2] = 0xc1;
	L2_RUN(c, 0, IN(COM1 + 2, 1));
	CHECK_EQ(p->shm->nr, 3);
	CHECK_EQ(p->shm->uart.ier, 0x05);
	CHECK_EQ(proxy_uservm(p).ier, 0x05);
	/* Once. */
	L2_RUN(c, 0, OUT(COM1 + 1, 1, 0x07), IN(COM1 + 2, 1));
	CHECK_EQ(p->shm->uart.ier, 0x07);
	CHECK_EQ(proxy_uservm(p).ier, 0x07);
}

/* One that programs it first does not. */
void proxy_uart_fresh(void)
{
	begin(0);
	proxy_run(p);
	L2_RUN(c, 0, OUT(COM1 + 1, 1, 0x02), IN(COM1 + 2, 1), OUT(COM1, 1, 0x41));
	CHECK_EQ(p->shm->nr, 3);
	CHECK_EQ(p->shm->uart.ier, 0x02);
}

/* Events without waiting for any, at most @n. */
static int take_events(struct vsb_event *e, int n)
{
	ssize_t got = read(p->fd, e, n * sizeof(*e));

	if (got < 0) {
		CHECK_EQ(errno, EAGAIN);
		return 0;
	}
	return got / sizeof(*e);
}

/*
 * While the user VM's handler works, edges of its line are held and merged;
 * its last look at IIR lets them go, and so does time. A fall comes alone only if
 * nothing follows for a moment.
 */
void proxy_irq_held(void)
{
	struct pollfd pfd = { .events = POLLIN };
	struct vsb_event e[8];
	bool held = false;

	begin(0);
	proxy_run(p);
	pfd.fd = p->fd;
	OK(fcntl(p->fd, F_SETFL, O_NONBLOCK));
	L2_RUN(c, 0, OUT(COM1 + 1, 1, 0x05));
	while (take_events(e, 8))
		;
	/* Whether they are still held when we look depends on the machine. */
	for (int i = 0; i < 50 && !held; i++) {
		p->shm->reg[COM1 + 2] = 0xc4;
		L2_RUN(c, 0, IN(COM1 + 2, 1));
		p->shm->edges = 4;
		L2_RUN(c, 0, IN(COM1 + 5, 1));
		held = !take_events(e, 8);
		p->shm->reg[COM1 + 2] = 0xc1;
		L2_RUN(c, 0, IN(COM1 + 2, 1));
		if (held) {
			CHECK_EQ(take_events(e, 8), 1);
			CHECK_EQ(e[0].level, 1);
			WAIT_FOR(take_events(e, 8));
			CHECK_EQ(e[0].level, 0);
		} else {
			while (take_events(e, 8))
				;
		}
	}
	CHECK(held);
	/* Nobody looks any more. */
	p->shm->reg[COM1 + 2] = 0xc4;
	L2_RUN(c, 0, IN(COM1 + 2, 1));
	p->shm->edges = 1;
	L2_RUN(c, 0, IN(COM1 + 5, 1));
	CHECK_EQ(OK(poll(&pfd, 1, 60000)), 1);
	CHECK_EQ(take_events(e, 8), 1);
	CHECK_EQ(e[0].level, 1);
	/* Nor when the edge was there before the handler. */
	p->shm->edges = 2;
	L2_RUN(c, 0, IN(COM1 + 5, 1));
	L2_RUN(c, 0, IN(COM1 + 2, 1));
	CHECK_EQ(OK(poll(&pfd, 1, 60000)), 1);
	CHECK_EQ(take_events(e, 8), 1);
	CHECK_EQ(e[0].level, 0);
	CHECK_EQ(p->shm->error, 0);
}

/*
 * Nobody has taken the access when a signal comes: KVM_RUN returns EINTR and
 * the instruction is executed again later, once.
 */
void proxy_signal_while_waiting(void)
{
	struct vsb_uservm u;

	begin(60000);
	p->shm->reg[PLAIN + 1] = 0x99;
	L2_GO(c, 0, OUT(PLAIN, 1, 0x41), IN(PLAIN + 1, 1), OUTS(PLAIN, 1, 0x10, REP(3)));
	WAIT_FOR(pthread_kill(c->thread, SIGUSR1) ||
		 (!vsb_uservm(c->fd, 0, &u) && u.counters.retries >= 3 && c->interrupted >= 3));
	EXPECT_NOTHING(p);
	CHECK(c->running);
	proxy_run(p);
	l2_wait(c);
	EXPECT(p, WR(PLAIN, 1, 0x41), RD(PLAIN + 1, 1), WR(PLAIN, 1, c->mbox->buf[0x10]),
	       WR(PLAIN, 1, c->mbox->buf[0x11]), WR(PLAIN, 1, c->mbox->buf[0x12]));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0x99));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(proxy_uservm(p).counters.timeouts, 0);
}

/* The proxy has it: signals that do not kill change nothing. */
void proxy_signal_while_held(void)
{
	begin(60000);
	proxy_run(p);
	p->shm->hold = true;
	p->shm->reg[PLAIN] = 0x99;
	L2_GO(c, 0, IN(PLAIN, 1), OUT(PLAIN, 1, 0x41));
	WAIT_FOR(p->shm->held == 1);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(pthread_kill(c->thread, SIGUSR1), 0);
		usleep(5000);
	}
	CHECK(c->running);
	CHECK_EQ(c->mbox->ops[0].done, 0);
	p->shm->hold = false;
	l2_wait(c);
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x99));
	EXPECT(p, RD(PLAIN, 1), WR(PLAIN, 1, 0x41));
	CHECK_EQ(L1_EXITS(c), 0);
}
