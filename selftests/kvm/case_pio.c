// SPDX-License-Identifier: GPL-2.0
/* IN and OUT on claimed ports, at their edges, and beside them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "proxy.h"
#include "tap.h"

static struct cloud *c;
static struct proxy *p;

static void begin(struct cloud *cloud)
{
	c = cloud;
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_add(c, "vm1");
	cloud_start(c);
}

static void set_reg(unsigned int port, uint32_t v)
{
	memcpy(&p->shm->reg[port], &v, 4);
}

void pio_out(void)
{
	begin(cloud_new());
	L2_RUN(c, 0, OUT(PLAIN, 1, 0x1122334455667741), OUT(PLAIN + 1, 2, 0x4243),
	       OUT(PLAIN + 3, 4, 0x44454647), OUT(PLAIN + 7, 1, 0xff));
	EXPECT(p, WR(PLAIN, 1, 0x41), WR(PLAIN + 1, 2, 0x4243), WR(PLAIN + 3, 4, 0x44454647),
	       WR(PLAIN + 7, 1, 0xff));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 0);
	CHECK_EQ(proxy_uservm(p).counters.writes, 4);
	CHECK_EQ(proxy_uservm(p).counters.absorbed, 0);
}

void pio_in(void)
{
	begin(cloud_new());
	set_reg(PLAIN, 0x84838281);
	set_reg(PLAIN + 4, 0x94939291);
	L2_RUN(c, 0, IN(PLAIN, 1), IN(PLAIN, 2), IN(PLAIN, 4), IN(PLAIN + 1, 2),
	       IN(PLAIN + 4, 4), IN(PLAIN + 7, 1));
	EXPECT(p, RD(PLAIN, 1), RD(PLAIN, 2), RD(PLAIN, 4), RD(PLAIN + 1, 2),
	       RD(PLAIN + 4, 4), RD(PLAIN + 7, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x81));
	CHECK_EQ(GOT(c, 1), rax_after(2, 0x8281));
	CHECK_EQ(GOT(c, 2), rax_after(4, 0x84838281));
	CHECK_EQ(GOT(c, 3), rax_after(2, 0x8382));
	CHECK_EQ(GOT(c, 4), rax_after(4, 0x94939291));
	CHECK_EQ(GOT(c, 5), rax_after(1, 0x94));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(proxy_uservm(p).counters.reads, 6);
}

/* Every port of COM1, bytes, as a driver does. */
void pio_com1(void)
{
	begin(cloud_new());
	for (unsigned int i = 0; i < 8; i++) {
		L2_RUN(c, 0, OUT(COM1 + i, 1, 0x10 + i), IN(COM1 + i, 1));
		EXPECT(p, WR(COM1 + i, 1, 0x10 + i), RD(COM1 + i, 1));
		CHECK_EQ(GOT(c, 1), rax_after(1, 0x10 + i));
		CHECK_EQ(L1_EXITS(c), 0);
	}
}

/*
 * Bytes on claimed ports are the proxy's, the others nobody's: reflecting the
 * instruction for their sake would show L1 the claimed bytes.
 */
void pio_straddle_below(void)
{
	begin(cloud_new());
	L2_RUN(c, 0, OUT(PLAIN - 1, 2, 0x4241));
	EXPECT_BYTES(p, WR(PLAIN, 1, 0x42));
	CHECK_EQ(L1_EXITS(c), 0);
	L2_RUN(c, 0, OUT(PLAIN - 2, 4, 0x54535251));
	EXPECT_BYTES(p, WR(PLAIN, 2, 0x5453));
	CHECK_EQ(L1_EXITS(c), 0);
	L2_RUN(c, 0, OUT(PLAIN - 3, 4, 0x64636261));
	EXPECT_BYTES(p, WR(PLAIN, 1, 0x64));
	CHECK_EQ(L1_EXITS(c), 0);

	set_reg(PLAIN, 0x84838281);
	L2_RUN(c, 0, IN(PLAIN - 1, 2), IN(PLAIN - 2, 4), IN(PLAIN - 1, 4));
	EXPECT_BYTES(p, RD(PLAIN, 1), RD(PLAIN, 2), RD(PLAIN, 2), RD(PLAIN + 2, 1));
	CHECK_EQ(GOT(c, 0), rax_after(2, 0x81ff));
	CHECK_EQ(GOT(c, 1), rax_after(4, 0x8281ffff));
	CHECK_EQ(GOT(c, 2), rax_after(4, 0x838281ff));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 0);
}

void pio_straddle_above(void)
{
	begin(cloud_new());
	L2_RUN(c, 0, OUT(PLAIN + 7, 2, 0x4241), OUT(PLAIN + 6, 4, 0x54535251),
	       OUT(PLAIN + 5, 4, 0x64636261));
	EXPECT_BYTES(p, WR(PLAIN + 7, 1, 0x41), WR(PLAIN + 6, 2, 0x5251),
		     WR(PLAIN + 5, 2, 0x6261), WR(PLAIN + 7, 1, 0x63));
	CHECK_EQ(L1_EXITS(c), 0);

	set_reg(PLAIN + 4, 0x84838281);
	L2_RUN(c, 0, IN(PLAIN + 7, 2), IN(PLAIN + 6, 4), IN(PLAIN + 7, 4));
	EXPECT_BYTES(p, RD(PLAIN + 7, 1), RD(PLAIN + 6, 2), RD(PLAIN + 7, 1));
	CHECK_EQ(GOT(c, 0), rax_after(2, 0xff84));
	CHECK_EQ(GOT(c, 1), rax_after(4, 0xffff8483));
	CHECK_EQ(GOT(c, 2), rax_after(4, 0xffffff84));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 0);
}

/* Two ranges with one free port between them, and two that touch. */
void pio_two_ranges(void)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_new("vm1");
	p->args.nr_ranges = 3;
	p->args.ranges[0] = (struct vsb_range){ 0x700, 0x700, VSB_DEV_PLAIN, 0 };
	p->args.ranges[1] = (struct vsb_range){ 0x702, 0x703, VSB_DEV_PLAIN, 0 };
	p->args.ranges[2] = (struct vsb_range){ 0x704, 0x704, VSB_DEV_PLAIN, 0 };
	proxy_attach(p, c);
	proxy_run(p);
	cloud_start(c);

	L2_RUN(c, 0, OUT(0x700, 4, 0x44434241));
	EXPECT_BYTES(p, WR(0x700, 1, 0x41), WR(0x702, 2, 0x4443));
	CHECK_EQ(L1_EXITS(c), 0);
	L2_RUN(c, 0, OUT(0x703, 2, 0x5251));
	EXPECT_BYTES(p, WR(0x703, 2, 0x5251));
	CHECK_EQ(L1_EXITS(c), 0);
	set_reg(0x700, 0x84838281);
	L2_RUN(c, 0, IN(0x700, 4), IN(0x701, 1));
	EXPECT_BYTES(p, RD(0x700, 1), RD(0x702, 2));
	CHECK_EQ(GOT(c, 0), rax_after(4, 0x8483ff81));
	/* The port between them is L1's. */
	CHECK_EQ(GOT(c, 1), rax_after(1, L1_ANSWER));
	CHECK_EQ(L1_EXITS(c), 1);
	CHECK_EQ(c->mbox->exits[0].port, 0x701);
}

/* Port numbers end at 0xffff; an access must not wrap to port 0. */
void pio_last_port(void)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_new("vm1");
	p->args.nr_ranges = 2;
	p->args.ranges[0] = (struct vsb_range){ 0, 3, VSB_DEV_PLAIN, 0 };
	p->args.ranges[1] = (struct vsb_range){ 0xfffc, 0xffff, VSB_DEV_PLAIN, 0 };
	proxy_attach(p, c);
	proxy_run(p);
	cloud_start(c);

	L2_RUN(c, 0, OUT(0xffff, 1, 0x41), OUT(0xfffc, 4, 0x55545352), OUT(0, 4, 0x65646362));
	EXPECT(p, WR(0xffff, 1, 0x41), WR(0xfffc, 4, 0x55545352), WR(0, 4, 0x65646362));
	CHECK_EQ(L1_EXITS(c), 0);
	set_reg(0xfffc, 0x84838281);
	L2_RUN(c, 0, IN(0xffff, 1), IN(0xfffc, 4));
	EXPECT(p, RD(0xffff, 1), RD(0xfffc, 4));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x84));
	CHECK_EQ(GOT(c, 1), rax_after(4, 0x84838281));
	CHECK_EQ(L1_EXITS(c), 0);
}

void pio_unclaimed_reflected(void)
{
	begin(cloud_new());
	/* Bind it first, so that nothing is undecided. */
	L2_RUN(c, 0, OUT(COM1, 1, 1));
	EXPECT(p, WR(COM1, 1, 1));
	L2_RUN(c, 0, OUT(0x80, 1, 0x41), IN(0x2f8, 1), IN(COM1 - 1, 1), IN(COM1 + 8, 1),
	       OUT(COM1 - 4, 4, 0x44434241));
	EXPECT_NOTHING(p);
	CHECK_EQ(L1_EXITS(c), 5);
	CHECK_EQ(c->mbox->exits[0].port, 0x80);
	CHECK_EQ(c->mbox->exits[0].size, 1);
	CHECK_EQ(c->mbox->exits[0].in, 0);
	CHECK_EQ(c->mbox->exits[0].value & 0xff, 0x41);
	CHECK_EQ(c->mbox->exits[1].port, 0x2f8);
	CHECK_EQ(c->mbox->exits[1].in, 1);
	CHECK_EQ(c->mbox->exits[4].value, 0x44434241);
	CHECK_EQ(GOT(c, 1), rax_after(1, L1_ANSWER));
}

/* The same port number in L1 is the cloud VM's own device. */
void pio_l1_own_access(void)
{
	begin(cloud_new());
	L2_RUN(c, 0, OUT(COM1, 1, 1), OUT(PLAIN, 1, 1));
	EXPECT(p, WR(COM1, 1, 1), WR(PLAIN, 1, 1));
	L1_IO(c, OUT(COM1, 1, 0x41), IN(COM1 + 5, 1), IN(PLAIN, 4), OUT(PLAIN - 1, 2, 1));
	EXPECT_NOTHING(p);
	CHECK_EQ(c->l1_io, 4);
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xc1));
	CHECK_EQ(GOT(c, 2), rax_after(4, 0xc1c1c1c1));
}

/* L1 gives L2 the ports: they are still claimed. */
void pio_no_intercept(void)
{
	begin(cloud_new());
	c->mbox->intercept = false;
	set_reg(PLAIN, 0x84838281);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41), IN(PLAIN, 4), OUT(PLAIN - 1, 2, 0x4241));
	EXPECT_BYTES(p, WR(COM1, 1, 0x41), RD(PLAIN, 4), WR(PLAIN, 1, 0x42));
	CHECK_EQ(GOT(c, 1), rax_after(4, 0x84838281));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 0);
	/* And the ports beside them still the cloud VM's. */
	L2_RUN(c, 0, OUT(0x80, 1, 0x41));
	CHECK_EQ(c->l1_io, 1);
	EXPECT_NOTHING(p);
}

void pio_shadow_paging(void)
{
	begin(cloud_new_shadow());
	set_reg(PLAIN, 0x84838281);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41), IN(PLAIN, 4), OUT(PLAIN - 1, 2, 0x4241), IN(0x80, 1));
	EXPECT_BYTES(p, WR(COM1, 1, 0x41), RD(PLAIN, 4), WR(PLAIN, 1, 0x42));
	CHECK_EQ(GOT(c, 1), rax_after(4, 0x84838281));
	CHECK_EQ(L1_EXITS(c), 1);
}

/* A debugger in L2 stops behind the access, which happened once. */
void pio_single_step(void)
{
	begin(cloud_new());
	/* A first access is executed twice, to learn who it is: see the next case. */
	L2_RUN(c, 0, OUT(PLAIN, 1, 1));
	EXPECT(p, WR(PLAIN, 1, 1));
	set_reg(COM1 + 5, 0x60);
	L2_RUN(c, 0, { .kind = OP_STEP_OUT, .port = COM1, .size = 1, .value = 0x41 },
	       { .kind = OP_STEP_IN, .port = COM1 + 5, .size = 1 });
	EXPECT(p, WR(COM1, 1, 0x41), RD(COM1 + 5, 1));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0x60));
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(c->mbox->ops[i].steps, 1);
		CHECK_EQ(c->mbox->ops[i].step_off, 0);
	}
	CHECK_EQ(L1_EXITS(c), 0);
}

/* As the first access it is executed again after who it is was learned. */
void pio_single_step_first(void)
{
	struct cloud *fresh = cloud_new();
	int64_t off = step_off_after_retry(fresh);

	if (off)
		printf("# this CPU, an emulator's, steps wrongly over what is executed again\n");
	begin(fresh);
	L2_RUN(c, 0, { .kind = OP_STEP_OUT, .port = COM1, .size = 1, .value = 0x41 });
	EXPECT(p, WR(COM1, 1, 0x41));
	CHECK_EQ(c->mbox->ops[0].steps, 1);
	if (off)
		CHECK(c->mbox->ops[0].step_off <= 0);
	else
		CHECK_EQ(c->mbox->ops[0].step_off, 0);
	CHECK_EQ(L1_EXITS(c), 0);
}
