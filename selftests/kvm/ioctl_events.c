// SPDX-License-Identifier: GPL-2.0
/* A proxy's interrupt lines as events: real edges only, and none lost. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ioctl_cases.h"
#include "ioctl_vm.h"
#include "tap.h"
#include "vsb.h"

#define NR_LINES	24

static struct test_set s;

static void begin(void)
{
	s = set_new();
	OK(fcntl(s.proxy, F_SETFL, O_NONBLOCK));
}

static int line(unsigned int gsi, unsigned int level)
{
	struct kvm_irq_level l = { .irq = gsi, .level = level };

	return ioctl(s.proxy_vm.vm, KVM_IRQ_LINE, &l);
}

/* A fall is told with the next rise, or after a while. */
static void expect_event(unsigned int gsi, unsigned int level)
{
	struct pollfd pollfd = { .fd = s.proxy, .events = POLLIN };
	struct vsb_event e;

	CHECK_EQ(OK(poll(&pollfd, 1, TAP_PATIENCE * 1000)), 1);
	memset(&e, 0xee, sizeof(e));
	CHECK_EQ(OK(read(s.proxy, &e, sizeof(e))), sizeof(e));
	CHECK_EQ(e.type, VSB_EVENT_IRQ);
	CHECK_EQ(e.gsi, gsi);
	CHECK_EQ(e.level, level);
	CHECK_EQ(e.pad, 0);
}

static void expect_none(void)
{
	struct vsb_event e;

	CHECK_ERR(read(s.proxy, &e, sizeof(e)), EAGAIN);
}

/* QEMU says everything twice. */
void events_edges(void)
{
	begin();
	expect_none();
	OK(line(4, 0));		/* it is low already */
	expect_none();
	OK(line(4, 1));
	OK(line(4, 1));
	expect_event(4, 1);
	expect_none();
	OK(line(4, 1));
	expect_none();
	OK(line(4, 0));
	OK(line(4, 0));
	expect_event(4, 0);
	expect_none();
	for (int i = 0; i < 10; i++) {
		OK(line(4, 1));
		expect_event(4, 1);
		OK(line(4, 0));
		expect_event(4, 0);
	}
	/* Any level but 0 is high. */
	OK(line(4, 7));
	expect_event(4, 1);
	OK(line(4, 0x80000000));
	expect_none();
}

/* Not read: merged, bounded, and a rise is still one. */
void events_merged(void)
{
	begin();
	OK(line(4, 1));
	OK(line(4, 0));
	expect_event(4, 1);
	expect_event(4, 0);
	expect_none();

	OK(line(4, 1));
	expect_event(4, 1);
	OK(line(4, 0));
	OK(line(4, 1));
	expect_event(4, 0);
	expect_event(4, 1);
	expect_none();

	/* The line is high now. */
	for (int i = 0; i < 5000; i++)
		OK(line(4, i & 1));
	expect_event(4, 0);
	expect_event(4, 1);
	expect_none();
	for (int i = 0; i < 5001; i++)
		OK(line(4, i & 1));
	/* high, low, ..., high, low: a rise was in it */
	expect_event(4, 0);
	expect_event(4, 1);
	expect_event(4, 0);
	expect_none();
}

void events_every_line(void)
{
	struct vsb_event e[2 * NR_LINES];
	unsigned int seen = 0;
	ssize_t n;

	begin();
	for (unsigned int gsi = 0; gsi < NR_LINES; gsi++) {
		OK(line(gsi, 1));
		expect_event(gsi, 1);
		OK(line(gsi, 0));
		expect_event(gsi, 0);
	}
	for (unsigned int gsi = 0; gsi < NR_LINES; gsi++)
		OK(line(gsi, 1));
	n = OK(read(s.proxy, e, sizeof(e)));
	CHECK_EQ(n, NR_LINES * sizeof(e[0]));
	for (unsigned int i = 0; i < NR_LINES; i++) {
		CHECK_EQ(e[i].level, 1);
		CHECK(e[i].gsi < NR_LINES);
		seen |= 1u << e[i].gsi;
	}
	CHECK_EQ(seen, (1u << NR_LINES) - 1);
	expect_none();
	CHECK_ERR(line(24, 1), EINVAL);
	CHECK_ERR(line(0x7fffffff, 1), EINVAL);
	CHECK_ERR(line(0xffffffff, 1), EINVAL);
	expect_none();
}

void events_line_status(void)
{
	struct kvm_irq_level l = { .irq = 4, .level = 1 };

	begin();
	OK(ioctl(s.proxy_vm.vm, KVM_IRQ_LINE_STATUS, &l));
	CHECK((int)l.status > 0);
	expect_event(4, 1);
	l = (struct kvm_irq_level){ .irq = 4, .level = 1 };
	OK(ioctl(s.proxy_vm.vm, KVM_IRQ_LINE_STATUS, &l));
	expect_none();
	l = (struct kvm_irq_level){ .irq = 4, .level = 0 };
	OK(ioctl(s.proxy_vm.vm, KVM_IRQ_LINE_STATUS, &l));
	expect_event(4, 0);
}

void events_read_sizes(void)
{
	void *volatile bad = (void *)8;
	struct vsb_event e[8];

	begin();
	OK(line(4, 1));
	OK(line(5, 1));
	OK(line(6, 1));
	CHECK_ERR(read(s.proxy, e, 0), EINVAL);
	CHECK_ERR(read(s.proxy, e, sizeof(e[0]) - 1), EINVAL);
	/* Whole events alone. */
	CHECK_EQ(OK(read(s.proxy, e, 2 * sizeof(e[0]) - 1)), sizeof(e[0]));
	CHECK_EQ(e[0].gsi, 4);
	CHECK_EQ(OK(read(s.proxy, e, sizeof(e))), 2 * sizeof(e[0]));
	CHECK_ERR(read(s.proxy, e, sizeof(e)), EAGAIN);
	OK(line(7, 1));
	CHECK_ERR(read(s.proxy, bad, sizeof(e)), EFAULT);
	/* What nobody got is told again, as to another reader. */
	CHECK_EQ(OK(read(s.proxy, e, sizeof(e))), 5 * sizeof(e[0]));
	CHECK_EQ(e[0].type, VSB_EVENT_USERVM);
	for (unsigned int i = 1; i < 5; i++)
		CHECK_EQ(e[i].gsi, 3 + i);
	CHECK_ERR(write(s.proxy, e, sizeof(e)), EINVAL);
}

/* Another reader is told what the one before was, and only what is so now. */
void events_report_all(void)
{
	struct vsb_event e;

	begin();
	CHECK_ERR(ioctl(s.proxy, VSB_REPORT_ALL, 1), EINVAL);
	expect_none();
	for (int round = 0; round < 2; round++) {
		OK(line(4, 1));
		OK(line(5, 1));
		expect_event(4, 1);
		expect_event(5, 1);
		OK(line(5, 0));
		expect_event(5, 0);
		/* This one has not been read. */
		OK(line(6, 1));
		OK(ioctl(s.proxy, VSB_REPORT_ALL, 0));
		CHECK_EQ(OK(read(s.proxy, &e, sizeof(e))), sizeof(e));
		CHECK_EQ(e.type, VSB_EVENT_USERVM);
		expect_event(4, 1);
		expect_event(6, 1);
		expect_none();
		/* The fall of a line is no news to somebody who never saw it high. */
		OK(line(6, 0));
		expect_event(6, 0);
		OK(line(4, 0));
		OK(ioctl(s.proxy, VSB_REPORT_ALL, 0));
		CHECK_EQ(OK(read(s.proxy, &e, sizeof(e))), sizeof(e));
		CHECK_EQ(e.type, VSB_EVENT_USERVM);
		expect_none();
	}
}

void events_nonblock(void)
{
	begin();
	expect_none();
	/* Other VMs' lines are not ours. */
	struct test_vm other = vm_new();
	struct kvm_irq_level l = { .irq = 4, .level = 1 };

	OK(ioctl(other.vm, KVM_IRQ_LINE, &l));
	OK(ioctl(s.cloud_vm.vm, KVM_IRQ_LINE, &l));
	expect_none();
}

static volatile ssize_t got;
static volatile int got_errno;
static volatile bool got_done;
static struct vsb_event got_event;

static void *read_one(void *p)
{
	got = read(s.proxy, &got_event, sizeof(got_event));
	got_errno = errno;
	got_done = true;
	return NULL;
}

static void nothing(int sig)
{
	(void)sig;
}

static pthread_t blocked_reader(void)
{
	pthread_t t;

	got_done = false;
	OK(fcntl(s.proxy, F_SETFL, 0));
	CHECK_EQ(pthread_create(&t, NULL, read_one, NULL), 0);
	usleep(50000);
	CHECK(!got_done);
	return t;
}

void events_blocking(void)
{
	struct sigaction sa = { .sa_handler = nothing };
	pthread_t t;

	begin();
	sigaction(SIGUSR1, &sa, NULL);
	t = blocked_reader();
	OK(line(4, 1));
	WAIT_FOR(got_done);
	pthread_join(t, NULL);
	CHECK_EQ(got, sizeof(got_event));
	CHECK_EQ(got_event.gsi, 4);
	CHECK_EQ(got_event.level, 1);

	t = blocked_reader();
	WAIT_FOR(got_done || pthread_kill(t, SIGUSR1));
	pthread_join(t, NULL);
	CHECK_EQ(got, -1);
	CHECK_EQ(got_errno, EINTR);

	/* The end of the cloud VM wakes it, too. */
	t = blocked_reader();
	OK(close(s.cloud));
	WAIT_FOR(got_done);
	pthread_join(t, NULL);
	CHECK_EQ(got, 0);
}

static short poll_now(int ms)
{
	struct pollfd p = { .fd = s.proxy, .events = POLLIN };

	OK(poll(&p, 1, ms));
	return p.revents;
}

static void *raise_later(void *p)
{
	usleep(100000);
	OK(line(4, 1));
	return NULL;
}

void events_poll(void)
{
	pthread_t t;

	begin();
	CHECK_EQ(poll_now(0), 0);
	OK(line(4, 1));
	CHECK_EQ(poll_now(0), POLLIN);
	CHECK_EQ(poll_now(0), POLLIN);
	expect_event(4, 1);
	CHECK_EQ(poll_now(0), 0);
	OK(line(4, 1));
	CHECK_EQ(poll_now(0), 0);
	OK(line(4, 0));
	expect_event(4, 0);
	CHECK_EQ(pthread_create(&t, NULL, raise_later, NULL), 0);
	CHECK_EQ(poll_now(TAP_PATIENCE * 1000), POLLIN);
	pthread_join(t, NULL);
	expect_event(4, 1);
}

/* What was not read yet can still be; then the end. */
void events_hangup(void)
{
	struct vsb_event e;

	begin();
	OK(line(4, 1));
	OK(close(s.cloud));
	CHECK(poll_now(0) & POLLHUP);
	expect_event(4, 1);
	CHECK_EQ(poll_now(0), POLLHUP);
	CHECK_EQ(OK(read(s.proxy, &e, sizeof(e))), 0);
	CHECK_EQ(OK(read(s.proxy, &e, sizeof(e))), 0);
}
