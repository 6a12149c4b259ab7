// SPDX-License-Identifier: GPL-2.0
/* Attach, close, die, load and unload, in any order and under load. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "freed.h"
#include "module.h"
#include "proxy.h"
#include "tap.h"

/* Rounds of life_cycles; VSB_CYCLES in the environment: another number. */
#define CYCLES		20

static struct cloud *c;
static struct proxy *p;

static void begin(uint32_t flags)
{
	c = cloud_new();
	cloud_attach(c, flags, VSB_UNCLAIMED_ABSORB);
	p = proxy_add(c, "vm1");
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
	EXPECT(p, WR(COM1, 1, 0x41));
	CHECK_EQ(L1_EXITS(c), 0);
}

static void check_absorbed(void)
{
	L2_RUN(c, 0, OUT(COM1, 1, 0x42), IN(COM1, 1), IN(PLAIN - 1, 4), OUTS(PLAIN, 1, 0, REP(3)));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 0);
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	CHECK_EQ(GOT(c, 2), rax_after(4, 0xffffffff));
}

static void check_reflected(void)
{
	L2_RUN(c, 0, OUT(COM1, 1, 0x42), IN(PLAIN, 2), OUTS(PLAIN, 1, 0, REP(3)));
	CHECK_EQ(L1_EXITS(c), 3);
	CHECK_EQ(GOT(c, 1), rax_after(2, L1_ANSWER));
}

static void refuses_to_go(const char *doing)
{
	if (!module_unload())
		FAIL("rmmod worked while %s", doing);
	if (errno != EAGAIN && errno != EBUSY)
		FAIL("rmmod while %s: %s", doing, strerror(errno));
}

void life_absorb_on_close(void)
{
	begin(VSB_CLOUD_ABSORB_ON_CLOSE);
	cloud_close(c);
	proxy_close(p);
	check_absorbed();
	EXPECT_NOTHING(p);
	proxy_wait_over(p);
	/* Unclaimed ports are L1's as ever. */
	L2_RUN(c, 0, IN(0x2f8, 1));
	CHECK_EQ(L1_EXITS(c), 1);
	/* It holds the module: else rmmod would give the ports away. */
	refuses_to_go("ports stay absorbed");
	/* Until the cloud VM is attached again, and closed for good. */
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	cloud_close(c);
	OK(module_unload());
	check_reflected();
}

void life_reflect_on_close(void)
{
	begin(0);
	/* Any order: here the proxy outlives the cloud fd. */
	cloud_close(c);
	check_reflected();
	EXPECT_NOTHING(p);
	proxy_close(p);
	check_reflected();
	proxy_wait_over(p);
}

void life_absorb_then_attach(void)
{
	begin(VSB_CLOUD_ABSORB_ON_CLOSE);
	proxy_close(p);
	cloud_close(c);
	check_absorbed();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_add(c, "vm1");
	cloud_start(c);
	L2_RUN(c, 0, OUT(PLAIN, 1, 0x43));
	EXPECT(p, WR(PLAIN, 1, 0x43));
	CHECK_EQ(L1_EXITS(c), 0);
	proxy_close(p);
	cloud_close(c);
	check_reflected();
}

/* A VM that runs when it becomes a proxy: it serves as soon as it has left KVM's KVM_RUN. */
void life_proxy_that_runs(void)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_new("vm1");
	p->args.timeout_ms = 300;
	proxy_run_code(p);
	proxy_attach(p, c);
	cloud_start(c);
	check_absorbed();
	EXPECT_NOTHING(p);
	proxy_kick(p);
	WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41), IN(PLAIN, 1));
	/* It has missed some: its UART is to say once more that it is empty (proxy_catches_up()). */
	EXPECT(p, WR(COM1 + 1, 1, 0x05), WR(COM1, 1, 0x41), RD(PLAIN, 1));
	CHECK_EQ(L1_EXITS(c), 0);
	proxy_close(p);
	proxy_wait_over(p);
}

/* The cloud fd goes and comes while others have the proxies' descriptors: nobody notices. */
void life_owner_replaced(void)
{
	struct vsb_uservm before;
	struct proxy *q;

	begin(VSB_CLOUD_ABSORB_ON_CLOSE);
	q = proxy_add(c, "vm2");
	before = proxy_uservm(p);
	cloud_close(c);
	L2_RUN(c, 0, OUT(COM1, 1, 0x42), IN(COM1 + 7, 1));
	EXPECT(p, WR(COM1, 1, 0x42), RD(COM1 + 7, 1));
	refuses_to_go("proxies serve on");
	cloud_attach(c, VSB_CLOUD_ABSORB_ON_CLOSE, VSB_UNCLAIMED_ABSORB);
	L2_RUN(c, 0, OUT(COM1, 1, 0x43));
	EXPECT(p, WR(COM1, 1, 0x43));
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1, 1, 0x44));
	EXPECT(p, WR(COM1, 1, 0x44));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(proxy_uservm(p).bound_ns, before.bound_ns);
	/* The pool is as it was. */
	L2_RUN(c, 1, OUT(COM1, 1, 0x45));
	EXPECT(q, WR(COM1, 1, 0x45));
	EXPECT_NOTHING(p);
	/* One that goes in between is absorbed, the other one is served. */
	cloud_close(c);
	proxy_close(p);
	check_absorbed();
	L2_RUN(c, 1, OUT(COM1, 1, 0x46));
	EXPECT(q, WR(COM1, 1, 0x46));
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	cloud_close(c);
	proxy_wait_over(q);
	check_reflected();
}

/* A proxy that waits for its user VM is a reason to stay, as long as it is there. */
void life_waiting_proxy(void)
{
	c = cloud_new();
	cloud_attach(c, VSB_CLOUD_ABSORB_ON_CLOSE, VSB_UNCLAIMED_ABSORB);
	p = proxy_add(c, "vm1");
	cloud_close(c);
	refuses_to_go("a proxy waits");
	proxy_close(p);
	OK(module_unload());
	check_reflected();
}

/* Whoever still has the descriptor of a process that ended does not keep its name. */
void life_name_of_dead(void)
{
	struct proxy *q;

	begin(0);
	proxy_kill(p);
	q = proxy_add(c, "vm1");
	L2_RUN(c, 0, OUT(COM1, 1, 0x42));
	EXPECT(q, WR(COM1, 1, 0x42));
	proxy_close(p);
	L2_RUN(c, 0, OUT(COM1, 1, 0x43));
	EXPECT(q, WR(COM1, 1, 0x43));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* The user VM tries an access again and again, and gets nowhere. */
static void check_frozen(void)
{
	unsigned int before = c->interrupted;

	WAIT_FOR(pthread_kill(c->thread, SIGUSR1) || c->interrupted >= before + 3);
	CHECK(c->running);
	CHECK_EQ(c->mbox->ops[0].done, 0);
	EXPECT_NOTHING(p);
}

void life_freeze(void)
{
	begin(0);
	OK(ioctl(c->fd, VSB_FREEZE, VSB_MAX_FREEZE_MS));
	/* Ports that are not claimed are L1's as ever. */
	L2_RUN(c, 0, IN(0x2f8, 1));
	CHECK_EQ(L1_EXITS(c), 1);
	L2_GO(c, 0, OUT(COM1 + 1, 1, 1), OUT(COM1, 1, 0x42));
	check_frozen();
	CHECK_EQ(proxy_uservm(p).ier, 7);	/* begin() sent first */
	OK(ioctl(c->fd, VSB_FREEZE, 0));
	l2_wait(c);
	EXPECT(p, WR(COM1 + 1, 1, 1), WR(COM1, 1, 0x42));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(proxy_uservm(p).ier, 1);
	/* It ends by itself. */
	OK(ioctl(c->fd, VSB_FREEZE, 100));
	L2_RUN(c, 0, OUT(COM1, 1, 0x43));
	EXPECT(p, WR(COM1, 1, 0x43));
	CHECK_EQ(L1_EXITS(c), 0);
}

static void *freeze(void *done)
{
	OK(ioctl(c->fd, VSB_FREEZE, VSB_MAX_FREEZE_MS));
	*(volatile bool *)done = true;
	return NULL;
}

/* Until the access that the proxy has is over. */
void life_freeze_waits(void)
{
	bool done = false;
	pthread_t thread;

	begin(0);
	p->shm->hold = true;
	L2_GO(c, 0, IN(COM1 + 7, 1), OUT(COM1 + 1, 1, 1));
	WAIT_FOR(p->shm->held == 1);
	CHECK_EQ(pthread_create(&thread, NULL, freeze, &done), 0);
	for (int i = 0; i < 20; i++) {
		usleep(5000);
		CHECK(!*(volatile bool *)&done);
	}
	p->shm->hold = false;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	WAIT_FOR(c->mbox->ops[0].done);
	EXPECT(p, RD(COM1 + 7, 1));
	EXPECT_NOTHING(p);
	CHECK_EQ(proxy_uservm(p).ier, 7);
	OK(ioctl(c->fd, VSB_FREEZE, 0));
	l2_wait(c);
	EXPECT(p, WR(COM1 + 1, 1, 1));
}

/* The guest hypervisor's UART gets what the proxy's did not. */
void life_freeze_then_reflect(void)
{
	begin(0);
	OK(ioctl(c->fd, VSB_FREEZE, VSB_MAX_FREEZE_MS));
	L2_GO(c, 0, OUT(COM1 + 1, 1, 1));
	check_frozen();
	cloud_close(c);
	l2_wait(c);
	CHECK_EQ(L1_EXITS(c), 1);
	EXPECT_NOTHING(p);
}

void life_close_proxy_reads_ones(void)
{
	begin(0);
	proxy_close(p);
	check_absorbed();
	CHECK_EQ(vsb_open() >= 0, 1);
}

/* A process that holds all descriptors of the module. */
static pid_t owner(uint32_t flags, uint32_t unclaimed)
{
	int ready[2];
	pid_t pid;
	char b;

	OK(pipe(ready));
	pid = OK(fork());
	if (!pid) {
		cloud_attach(c, flags, unclaimed);
		proxy_attach(p, c);
		proxy_run(p);
		cloud_start(c);
		OK(write(ready[1], "x", 1));
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK_EQ(OK(read(ready[0], &b, 1)), 1);
	return pid;
}

static void kill_owner(pid_t pid)
{
	kill(pid, SIGKILL);
	CHECK_EQ(OK(waitpid(pid, NULL, 0)), pid);
}

void life_owner_killed(void)
{
	pid_t pid;

	c = cloud_new();
	p = proxy_new("vm1");
	pid = owner(0, VSB_UNCLAIMED_ABSORB);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
	EXPECT(p, WR(COM1, 1, 0x41));
	CHECK_EQ(L1_EXITS(c), 0);
	kill_owner(pid);
	check_reflected();
	EXPECT_NOTHING(p);
	proxy_wait_over(p);
	/* Nothing is left of it. */
	OK(module_unload());
}

/* It was to leave nothing to the guest hypervisor: neither who never had a proxy, */
void life_owner_killed_unbound(void)
{
	pid_t pid;

	c = cloud_new();
	p = proxy_new("vm1");
	pid = owner(VSB_CLOUD_ABSORB_ON_CLOSE, VSB_UNCLAIMED_ABSORB);
	L2_RUN(c, 1, OUT(COM1, 1, 0x41));
	EXPECT(p, WR(COM1, 1, 0x41));
	check_absorbed();	/* user VM 0 */
	kill_owner(pid);
	check_absorbed();
	L2_RUN(c, 1, OUT(COM1, 1, 0x42));
	CHECK_EQ(L1_EXITS(c), 0);
	EXPECT_NOTHING(p);
	refuses_to_go("ports stay absorbed");
	/* Attached again it is served like any other. */
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	check_absorbed();
	p = proxy_add(c, "vm2");
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1, 1, 0x43));
	EXPECT(p, WR(COM1, 1, 0x43));
	CHECK_EQ(L1_EXITS(c), 0);
	cloud_close(c);
	check_reflected();
}

/* nor who comes when nobody had one. */
void life_owner_killed_early(void)
{
	pid_t pid;

	c = cloud_new();
	p = proxy_new("vm1");
	pid = owner(VSB_CLOUD_ABSORB_ON_CLOSE, VSB_UNCLAIMED_ABSORB);
	kill_owner(pid);
	for (unsigned int i = 0; i < 4; i++) {
		c->mbox->root[0] = c->root[0][i & 1];
		check_absorbed();
	}
	refuses_to_go("ports stay absorbed");
	/* With the other policy it is left to the guest hypervisor, as before. */
	p = proxy_new("vm1");
	pid = owner(VSB_CLOUD_ABSORB_ON_CLOSE, VSB_UNCLAIMED_REFLECT);
	L2_RUN(c, 1, OUT(COM1, 1, 0x41));
	EXPECT(p, WR(COM1, 1, 0x41));
	check_reflected();
	kill_owner(pid);
	check_reflected();
	L2_RUN(c, 1, OUT(COM1, 1, 0x42));
	CHECK_EQ(L1_EXITS(c), 0);
	EXPECT_NOTHING(p);
	/* One that is never started claims nothing. */
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	cloud_close(c);
	cloud_attach(c, VSB_CLOUD_ABSORB_ON_CLOSE, VSB_UNCLAIMED_ABSORB);
	proxy_attach(proxy_new("vm1"), c);
	cloud_close(c);
	check_reflected();
}

/* The cloud VM is killed while a proxy holds an access of its user VM. */
void life_cloud_killed(void)
{
	pid_t pid;

	p = proxy_new("vm1");
	p->shm->hold = true;
	p->args.timeout_ms = 60000;
	pid = OK(fork());
	if (!pid) {
		alarm(0);
		c = cloud_new();
		cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
		proxy_attach(p, c);
		proxy_run(p);
		cloud_start(c);
		L2_RUN(c, 0, IN(PLAIN, 1));
		_exit(0);
	}
	WAIT_FOR(p->shm->held == 1);
	kill(pid, SIGKILL);
	/* In particular not after the access's time-out alone. */
	for (int ms = 0; waitpid(pid, NULL, WNOHANG) != pid; ms++) {
		if (ms > 20000)
			FAIL("the cloud VM is not dead 20 s after SIGKILL");
		usleep(1000);
	}
	p->shm->hold = false;
	proxy_wait_over(p);
	OK(module_unload());
}

void life_rmmod(void)
{
	int dev;

	tap_one_cpu_on_tcg();
	begin(0);
	L2_GO(c, 0, { .kind = OP_LOOP, .port = PLAIN, .size = 1 });
	WAIT_FOR(p->shm->nr > p->seen + 3);
	refuses_to_go("all is open");
	cloud_close(c);
	refuses_to_go("a proxy fd is open");
	WAIT_FOR(L1_EXITS(c) > 3);
	dev = OK(vsb_open());
	proxy_close(p);
	refuses_to_go("the device is open");
	close(dev);
	OK(module_unload());
	c->mbox->nr_exits = 0;
	WAIT_FOR(L1_EXITS(c) > 3);
	c->mbox->stop = true;
	l2_wait(c);
	check_reflected();
	OK(module_load());
	CHECK_ERR(module_load(), EEXIST);
}

/*
 * Whatever goes while the user VM makes accesses: what their callbacks look into is not
 * freed at once.
 */
void life_freed(void)
{
	tap_one_cpu_on_tcg();
	freed_begin();
	c = cloud_new();
	L2_GO(c, 0, { .kind = OP_LOOP, .port = PLAIN, .size = 1 });
	for (int i = 0; i < 4; i++) {
		cloud_attach(c, i & 1 ? VSB_CLOUD_ABSORB_ON_CLOSE : 0, VSB_UNCLAIMED_ABSORB);
		p = proxy_add(c, "vm1");
		cloud_start(c);
		WAIT_FOR(p->shm->nr > p->seen + 3);
		if (i < 2) {
			OK(ioctl(p->fd, VSB_UNBIND, 0));
			proxy_wait_over(p);
		}
		if (i & 1) {
			cloud_close(c);
			proxy_close(p);
			cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
			cloud_close(c);
		} else {
			proxy_close(p);
			cloud_close(c);
		}
		c->mbox->nr_exits = 0;
		WAIT_FOR(L1_EXITS(c) > 3);
	}
	c->mbox->stop = true;
	l2_wait(c);
	/* The module is still there, and its functions have names. */
	freed_end();
}

/*
 * Loaded, attached, closed, unloaded, while L2 writes to the port without a
 * pause. Each write arrives exactly once, at L1 or at a proxy.
 */
void life_cycles(void)
{
	const char *env = getenv("VSB_CYCLES");
	int cycles = env ? atoi(env) : CYCLES;
	uint64_t seen = 0;

	tap_one_cpu_on_tcg();
	c = cloud_new();
	L2_GO(c, 0, { .kind = OP_LOOP, .port = PLAIN, .size = 1 });
	CHECK(cycles > 0);
	for (int i = 0; i < cycles; i++) {
		uint32_t before;

		OK(module_load());
		cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
		p = proxy_add(c, "vm1");
		cloud_start(c);
		WAIT_FOR(p->shm->nr >= 3);
		/* Without its proxy L2 is absorbed until the cloud fd is closed. */
		if (i & 1)
			proxy_close(p);
		cloud_close(c);
		if (!(i & 1))
			proxy_close(p);
		proxy_wait_over(p);
		seen += p->shm->nr;
		OK(module_unload());
		before = L1_EXITS(c);
		WAIT_FOR(L1_EXITS(c) > before + 3);
	}
	c->mbox->stop = true;
	l2_wait(c);
	seen += L1_EXITS(c);
	/* While a proxy was closing, writes were absorbed: fewer, never more. */
	printf("# %d rounds, %llu writes, %llu seen\n", cycles, (unsigned long long)GOT(c, 0),
	       (unsigned long long)seen);
	CHECK(seen <= GOT(c, 0));
}
