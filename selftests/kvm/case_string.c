// SPDX-License-Identifier: GPL-2.0
/* INS and OUTS, with and without REP, on claimed ports. */
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cases.h"
#include "proxy.h"
#include "tap.h"

static struct cloud *c;
static struct proxy *p;

static void begin(void)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_add(c, "vm1");
	cloud_start(c);
	for (unsigned int i = 0; i < BUF_SIZE; i++)
		c->mbox->buf[i] = i * 7 + (i >> 8);
}

static uint32_t buf(unsigned int offset, unsigned int size)
{
	uint32_t v = 0;

	memcpy(&v, &c->mbox->buf[offset], size);
	return v;
}

/* L2 wrote @n elements from @offset on, upwards or downwards. */
static void expect_outs(unsigned int port, unsigned int size, unsigned int offset,
			unsigned int n, int step)
{
	static struct access want[LOG_MAX];

	for (unsigned int i = 0; i < n; i++)
		want[i] = (struct access)WR(port, size, buf(offset + i * step, size));
	proxy_expect(p, want, n, __FILE__, __LINE__);
}

static void expect_ins(unsigned int port, unsigned int size, unsigned int n)
{
	static struct access want[LOG_MAX];

	for (unsigned int i = 0; i < n; i++)
		want[i] = (struct access)RD(port, size);
	proxy_expect(p, want, n, __FILE__, __LINE__);
}

void string_single(void)
{
	uint32_t v = 0x84838281;

	begin();
	L2_RUN(c, 0, OUTS(PLAIN, 1, 0x10), OUTS(PLAIN, 2, 0x20), OUTS(PLAIN, 4, 0x30));
	EXPECT(p, WR(PLAIN, 1, buf(0x10, 1)), WR(PLAIN, 2, buf(0x20, 2)),
	       WR(PLAIN, 4, buf(0x30, 4)));
	CHECK_EQ(c->mbox->ops[0].offset, 0x11);
	CHECK_EQ(c->mbox->ops[2].offset, 0x34);
	memcpy(&p->shm->reg[PLAIN], &v, 4);
	L2_RUN(c, 0, INS(PLAIN, 1, 0x10), INS(PLAIN, 2, 0x20), INS(PLAIN, 4, 0x30));
	EXPECT(p, RD(PLAIN, 1), RD(PLAIN, 2), RD(PLAIN, 4));
	CHECK_EQ(buf(0x10, 1), 0x81);
	CHECK_EQ(buf(0x20, 2), 0x8281);
	CHECK_EQ(buf(0x30, 4), 0x84838281);
	CHECK_EQ(c->mbox->ops[1].offset, 0x22);
	CHECK_EQ(L1_EXITS(c), 0);
}

void string_rep_outs(void)
{
	begin();
	for (unsigned int size = 1; size <= 4; size *= 2) {
		L2_RUN(c, 0, OUTS(PLAIN, size, 0x100, REP(5)));
		expect_outs(PLAIN, size, 0x100, 5, size);
		CHECK_EQ(c->mbox->ops[0].count, 0);
		CHECK_EQ(c->mbox->ops[0].offset, 0x100 + 5 * size);
		CHECK_EQ(L1_EXITS(c), 0);
	}
	CHECK_EQ(c->l1_io, 0);
}

void string_rep_ins(void)
{
	uint32_t v = 0x84838281;

	begin();
	memcpy(&p->shm->reg[PLAIN], &v, 4);
	for (unsigned int size = 1; size <= 4; size *= 2) {
		memset(c->mbox->buf, 0x55, BUF_SIZE);
		L2_RUN(c, 0, INS(PLAIN, size, 0x100, REP(5)));
		expect_ins(PLAIN, size, 5);
		for (unsigned int i = 0; i < 5; i++)
			CHECK_EQ(buf(0x100 + i * size, size), v & (0xffffffffu >> (32 - 8 * size)));
		CHECK_EQ(buf(0x100 - 4, 4), 0x55555555);
		CHECK_EQ(buf(0x100 + 5 * size, 4), 0x55555555);
		CHECK_EQ(c->mbox->ops[0].count, 0);
		CHECK_EQ(c->mbox->ops[0].offset, 0x100 + 5 * size);
		CHECK_EQ(L1_EXITS(c), 0);
	}
	CHECK_EQ(c->l1_io, 0);
}

void string_count_0(void)
{
	begin();
	memset(c->mbox->buf, 0x55, BUF_SIZE);
	L2_RUN(c, 0, OUTS(PLAIN, 1, 0x100, REP(0)), INS(PLAIN, 4, 0x200, REP(0)));
	EXPECT_NOTHING(p);
	CHECK_EQ(c->mbox->ops[0].offset, 0x100);
	CHECK_EQ(c->mbox->ops[1].offset, 0x200);
	CHECK_EQ(buf(0x200, 4), 0x55555555);
	CHECK_EQ(L1_EXITS(c), 0);
}

void string_down(void)
{
	begin();
	L2_RUN(c, 0, OUTS(PLAIN, 2, 0x108, REP(4), DF));
	expect_outs(PLAIN, 2, 0x108, 4, -2);
	CHECK_EQ(c->mbox->ops[0].offset, 0x100);
	L2_RUN(c, 0, OUTS(PLAIN, 1, 0x50, DF), INS(PLAIN, 1, 0x210, REP(3), DF));
	EXPECT(p, WR(PLAIN, 1, buf(0x50, 1)), RD(PLAIN, 1), RD(PLAIN, 1), RD(PLAIN, 1));
	CHECK_EQ(c->mbox->ops[0].offset, 0x4f);
	CHECK_EQ(c->mbox->ops[1].offset, 0x20d);
	for (unsigned int i = 0x20e; i <= 0x210; i++)
		CHECK_EQ(c->mbox->buf[i], p->shm->reg[PLAIN]);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* More than KVM takes from L2 in one go. */
void string_long(void)
{
	begin();
	L2_RUN(c, 0, OUTS(COM1, 1, 0x100, REP(1500)));
	expect_outs(COM1, 1, 0x100, 1500, 1);
	CHECK_EQ(c->mbox->ops[0].count, 0);
	CHECK_EQ(L1_EXITS(c), 0);
	p->shm->reg[COM1] = 0x77;
	memset(c->mbox->buf, 0x55, BUF_SIZE);
	L2_RUN(c, 0, INS(COM1, 1, 0x100, REP(1500)));
	expect_ins(COM1, 1, 1500);
	for (unsigned int i = 0; i < 1500; i++)
		CHECK_EQ(c->mbox->buf[0x100 + i], 0x77);
	CHECK_EQ(c->mbox->buf[0x100 + 1500], 0x55);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* The string, and one element of it, lie across the edge of a page. */
void string_page_edge(void)
{
	uint32_t v = 0x84838281;

	begin();
	L2_RUN(c, 0, OUTS(PLAIN, 4, 4096 - 6, REP(4)), OUTS(PLAIN, 1, 4096 - 3, REP(9)));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->mbox->ops[0].count, 0);
	CHECK_EQ(c->mbox->ops[1].count, 0);
	EXPECT(p, WR(PLAIN, 4, buf(4090, 4)), WR(PLAIN, 4, buf(4094, 4)),
	       WR(PLAIN, 4, buf(4098, 4)), WR(PLAIN, 4, buf(4102, 4)),
	       WR(PLAIN, 1, buf(4093, 1)), WR(PLAIN, 1, buf(4094, 1)), WR(PLAIN, 1, buf(4095, 1)),
	       WR(PLAIN, 1, buf(4096, 1)), WR(PLAIN, 1, buf(4097, 1)), WR(PLAIN, 1, buf(4098, 1)),
	       WR(PLAIN, 1, buf(4099, 1)), WR(PLAIN, 1, buf(4100, 1)), WR(PLAIN, 1, buf(4101, 1)));
	memcpy(&p->shm->reg[PLAIN], &v, 4);
	L2_RUN(c, 0, INS(PLAIN, 4, 4096 - 6, REP(3)));
	expect_ins(PLAIN, 4, 3);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(buf(4090 + 4 * i, 4), v);
	CHECK_EQ(L1_EXITS(c), 0);
}

void string_straddle(void)
{
	uint32_t v = 0x84838281;

	begin();
	L2_RUN(c, 0, OUTS(PLAIN - 1, 2, 0x100, REP(3)));
	CHECK_EQ(L1_EXITS(c), 0);
	/* In order, though the widths are not said. */
	CHECK_EQ(p->shm->nr - p->seen, 3);
	for (unsigned int i = 0; i < 3; i++) {
		struct access *a = &p->shm->log[p->seen + i];

		CHECK_EQ(a->port, PLAIN);
		CHECK_EQ(a->size, 1);
		CHECK_EQ(a->value, c->mbox->buf[0x100 + 2 * i + 1]);
	}
	p->seen += 3;
	memcpy(&p->shm->reg[PLAIN + 4], &v, 4);
	L2_RUN(c, 0, INS(PLAIN + 6, 4, 0x200, REP(2)));
	CHECK_EQ(buf(0x200, 4), 0xffff8483);
	CHECK_EQ(buf(0x204, 4), 0xffff8483);
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 0);
}

void string_no_intercept(void)
{
	begin();
	c->mbox->intercept = false;
	L2_RUN(c, 0, OUTS(PLAIN, 1, 0x100, REP(5)));
	expect_outs(PLAIN, 1, 0x100, 5, 1);
	L2_RUN(c, 0, INS(PLAIN, 1, 0x100, REP(5)));
	expect_ins(PLAIN, 1, 5);
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 0);
}

/* No proxy for it: ones, nothing to L1, and the cloud VM lives on. */
void string_absorbed(void)
{
	begin();
	L2_RUN(c, 0, OUT(COM1, 1, 1));
	EXPECT(p, WR(COM1, 1, 1));
	memset(c->mbox->buf, 0x55, BUF_SIZE);
	L2_RUN(c, 1, OUTS(PLAIN, 1, 0x100, REP(5)), INS(PLAIN, 2, 0x200, REP(3)),
	       OUTS(COM1, 1, 0x100));
	EXPECT_NOTHING(p);
	CHECK_EQ(buf(0x200, 4), 0xffffffff);
	CHECK_EQ(buf(0x204, 4), 0x5555ffff);
	CHECK_EQ(c->mbox->ops[0].count, 0);
	CHECK_EQ(c->mbox->ops[1].count, 0);
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 0);
}

static void *freeze(void *unused)
{
	OK(ioctl(c->fd, VSB_FREEZE, VSB_MAX_FREEZE_MS));
	return NULL;
}

static void *shut(void *unused)
{
	cloud_close(c);
	return NULL;
}

/*
 * Lets L2 begin with a string of which the proxy keeps the first element, until @then is
 * at work, too.
 */
static void interrupt_string(const struct op *string, void *(*then)(void *))
{
	pthread_t thread;

	p->shm->held = 0;
	p->shm->hold = true;
	l2_go(c, 0, string, 1);
	WAIT_FOR(p->shm->held == 1);
	CHECK_EQ(pthread_create(&thread, NULL, then, NULL), 0);
	usleep(200000);
	p->shm->hold = false;
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* Return: how many elements of @n the proxy has had, some and not all. */
static unsigned int check_stands_still(unsigned int n)
{
	uint32_t nr = p->shm->nr;

	CHECK(nr > p->seen);
	CHECK(nr - p->seen < n);
	for (unsigned int i = 0; i < 50; i++) {
		usleep(10000);
		CHECK_EQ(p->shm->nr, nr);
		CHECK_EQ(c->mbox->ops[0].done, 0);
	}
	return nr - p->seen;
}

/* L1 is told the rest of it, once, and nobody else is told anything. */
static void check_rest(unsigned int port, unsigned int count, int64_t offset)
{
	l2_wait(c);
	CHECK_EQ(L1_EXITS(c), 1);
	CHECK_EQ(c->mbox->exits[0].port, port);
	CHECK_EQ(c->mbox->exits[0].rep, 1);
	CHECK_EQ(c->mbox->exits[0].count, count);
	CHECK_EQ(c->mbox->exits[0].offset, offset);
	CHECK_EQ(c->l1_io, 0);
}

/* KVM does many elements without a nested exit. No one may begin in a freeze. */
void string_frozen_outs(void)
{
	const struct op com1 = OUTS(COM1, 1, 0x100, REP(1500));
	const struct op plain = OUTS(PLAIN, 2, 0x100, REP(1500));
	unsigned int n;

	begin();
	interrupt_string(&com1, freeze);
	check_stands_still(1500);
	OK(ioctl(c->fd, VSB_FREEZE, 0));
	l2_wait(c);
	expect_outs(COM1, 1, 0x100, 1500, 1);
	CHECK_EQ(c->mbox->ops[0].count, 0);
	CHECK_EQ(L1_EXITS(c), 0);
	/* And when the ports go back, what is left is the guest hypervisor's. */
	interrupt_string(&plain, freeze);
	n = check_stands_still(1500);
	cloud_close(c);
	check_rest(PLAIN, 1500 - n, 0x100 + 2 * n);
	expect_outs(PLAIN, 2, 0x100, n, 2);
}

/* What KVM has begun to read ahead it reads, and L2 has all of it. */
void string_frozen_ins(void)
{
	const struct op ins = INS(PLAIN, 1, 0x100, REP(3000));
	unsigned int n;

	begin();
	p->shm->reg[PLAIN] = 0x77;
	memset(c->mbox->buf, 0x55, BUF_SIZE);
	interrupt_string(&ins, freeze);
	n = check_stands_still(3000);
	for (unsigned int i = 0; i < 3000; i++)
		CHECK_EQ(c->mbox->buf[0x100 + i], i < n ? 0x77 : 0x55);
	OK(ioctl(c->fd, VSB_FREEZE, 0));
	l2_wait(c);
	expect_ins(PLAIN, 1, 3000);
	CHECK_EQ(c->mbox->ops[0].count, 0);
	CHECK_EQ(L1_EXITS(c), 0);
	memset(c->mbox->buf, 0x55, BUF_SIZE);
	interrupt_string(&ins, freeze);
	n = check_stands_still(3000);
	cloud_close(c);
	check_rest(PLAIN, 3000 - n, 0x100 + n);
	expect_ins(PLAIN, 1, n);
	for (unsigned int i = 0; i < 3000; i++)
		CHECK_EQ(c->mbox->buf[0x100 + i], i < n ? 0x77 : 0x55);
}

/* Downwards KVM reads ahead as well, but asks again before each element. */
void string_frozen_down(void)
{
	const struct op ins = INS(PLAIN, 1, 4000, REP(3000), DF);
	unsigned int n;

	begin();
	p->shm->reg[PLAIN] = 0x77;
	memset(c->mbox->buf, 0x55, BUF_SIZE);
	interrupt_string(&ins, freeze);
	n = check_stands_still(3000);
	cloud_close(c);
	check_rest(PLAIN, 3000 - n, 4000 - (int64_t)n);
	expect_ins(PLAIN, 1, n);
	for (unsigned int i = 0; i < 3000; i++)
		CHECK_EQ(c->mbox->buf[4000 - i], i < n ? 0x77 : 0x55);
}

/* The ports go back without a word in the middle: no element is the VMM's. */
void string_closed(void)
{
	const struct op outs = OUTS(PLAIN, 1, 0x100, REP(3000));
	const struct op ins = INS(PLAIN, 1, 0x100, REP(3000));

	begin();
	interrupt_string(&outs, shut);
	l2_wait(c);
	CHECK(L1_EXITS(c) <= 1);
	CHECK_EQ(c->l1_io, 0);
	for (uint32_t i = p->seen; i < p->shm->nr; i++)
		CHECK_EQ(p->shm->log[i].value, c->mbox->buf[0x100 + i - p->seen]);
	begin();
	interrupt_string(&ins, shut);
	l2_wait(c);
	CHECK(L1_EXITS(c) <= 1);
	CHECK_EQ(c->l1_io, 0);
}
