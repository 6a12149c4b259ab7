// SPDX-License-Identifier: GPL-2.0
/*
 * Without the module L1 sees everything: if these hold, a case in which L1 sees
 * nothing says something. And with it, attached to another VM: nothing has changed
 * for a VM that is not (others_*).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "proxy.h"
#include "tap.h"

static void check_exit(struct cloud *c, unsigned int i, uint16_t port, unsigned int size,
		       bool in, bool string)
{
	struct l1_exit *e = &c->mbox->exits[i];

	CHECK_EQ(e->port, port);
	CHECK_EQ(e->size, size);
	CHECK_EQ(e->in, in);
	CHECK_EQ(e->string, string);
}

static void all(struct cloud *c)
{
	L2_RUN(c, 0, OUT(COM1, 1, 0x41), OUT(PLAIN, 2, 0x4243), OUT(PLAIN, 4, 0x44454647),
	       IN(COM1, 1), IN(PLAIN, 2), IN(PLAIN, 4));
	CHECK_EQ(L1_EXITS(c), 6);
	check_exit(c, 0, COM1, 1, false, false);
	CHECK_EQ(c->mbox->exits[0].value & 0xff, 0x41);
	check_exit(c, 1, PLAIN, 2, false, false);
	CHECK_EQ(c->mbox->exits[1].value & 0xffff, 0x4243);
	check_exit(c, 2, PLAIN, 4, false, false);
	CHECK_EQ(c->mbox->exits[2].value, 0x44454647);
	check_exit(c, 3, COM1, 1, true, false);
	check_exit(c, 4, PLAIN, 2, true, false);
	check_exit(c, 5, PLAIN, 4, true, false);
	CHECK_EQ(GOT(c, 3), rax_after(1, L1_ANSWER));
	CHECK_EQ(GOT(c, 4), rax_after(2, L1_ANSWER));
	CHECK_EQ(GOT(c, 5), rax_after(4, L1_ANSWER));
	/* Both user VMs, and the first one again. */
	L2_RUN(c, 1, OUT(COM1, 1, 1), IN(COM1, 1));
	CHECK_EQ(L1_EXITS(c), 2);
	L2_RUN(c, 0, OUT(COM1, 1, 1), IN(COM1, 1));
	CHECK_EQ(L1_EXITS(c), 2);
}

void control_l1_sees_all(void)
{
	struct cloud *c = cloud_new();

	all(c);
	/* The other root works, too. */
	c->mbox->root[0] = c->root[0][1];
	all(c);
}

void control_shadow_paging(void)
{
	all(cloud_new_shadow());
}

void control_l1_sees_strings(void)
{
	struct cloud *c = cloud_new();

	L2_RUN(c, 0, OUTS(COM1, 1, 0, REP(5)), INS(PLAIN, 2, 0, REP(3)), OUTS(COM1, 1, 0));
	CHECK_EQ(L1_EXITS(c), 3);
	check_exit(c, 0, COM1, 1, false, true);
	CHECK_EQ(c->mbox->exits[0].rep, 1);
	check_exit(c, 1, PLAIN, 2, true, true);
	check_exit(c, 2, COM1, 1, false, true);
	CHECK_EQ(c->mbox->exits[2].rep, 0);
}

/* A guest hypervisor that gives L2 its ports: they are the cloud VM's then. */
void control_l1_passes_through(void)
{
	struct cloud *c = cloud_new();

	c->mbox->intercept = false;
	L2_RUN(c, 0, OUT(COM1, 1, 0x41), IN(COM1, 1));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 2);
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xc1));
}

/* That L2 can single-step at all, on an instruction that is not ours. */
void control_single_step(void)
{
	struct cloud *c = cloud_new();

	c->mbox->intercept = false;
	L2_RUN(c, 0, { .kind = OP_STEP_OUT, .port = COM1, .size = 1, .value = 0x41 });
	CHECK_EQ(c->l1_io, 1);
	CHECK_EQ(c->mbox->ops[0].steps, 1);
	CHECK_EQ(c->mbox->ops[0].step_off, 0);
}

/* An access that an L1 can answer by itself, drawn from the seed: strings of one element. */
static struct op draw(uint32_t *seed)
{
	static const uint16_t ports[] = { COM1, PLAIN, 0x60, 0x80, 0xfffc };
	struct op o = {
		.kind = OP_OUT + rand_r(seed) % 4,
		.port = ports[rand_r(seed) % 5],
		.size = 1 << rand_r(seed) % 3,
		.value = (uint32_t)rand_r(seed) * 3u,
	};

	if (o.kind == OP_OUTS || o.kind == OP_INS)
		o.offset = rand_r(seed) % 256;
	return o;
}

#define LOOPS		60
#define IN_A_LOOP	24

/* Lists of any accesses in either user VM and under either root, CPUIDs between. */
static void loops(void)
{
	static const uint64_t mask[] = { 0, 0xff, 0xffff, 0, 0xffffffff };
	struct cloud *c = cloud_new();
	uint32_t seed = 1;

	for (int loop = 0; loop < LOOPS; loop++) {
		struct op ops[IN_A_LOOP];
		unsigned int l2 = rand_r(&seed) % 2;

		for (int i = 0; i < IN_A_LOOP; i++)
			ops[i] = draw(&seed);
		ops[loop % IN_A_LOOP] = (struct op){ .kind = OP_CPUID, .count = 4 };
		c->mbox->root[l2] = c->root[l2][rand_r(&seed) % 2];
		l2_run(c, l2, ops, IN_A_LOOP);
		CHECK_EQ(L1_EXITS(c), IN_A_LOOP - 1);
		for (int i = 0, e = 0; i < IN_A_LOOP; i++) {
			struct op *o = &ops[i];

			if (o->kind == OP_CPUID)
				continue;
			CHECK_EQ(c->mbox->exits[e].l2, l2);
			if (o->kind == OP_OUT)
				CHECK_EQ(c->mbox->exits[e].value & mask[o->size],
					 o->value & mask[o->size]);
			check_exit(c, e++, o->port, o->size, o->kind == OP_IN || o->kind == OP_INS,
				   o->kind == OP_OUTS || o->kind == OP_INS);
			if (o->kind == OP_IN)
				CHECK_EQ(GOT(c, i), rax_after(o->size, L1_ANSWER));
		}
	}
}

void control_loops(void)
{
	loops();
}

void others_l1_sees_all(void)
{
	control_l1_sees_all();
}

void others_l1_sees_strings(void)
{
	control_l1_sees_strings();
}

void others_shadow_paging(void)
{
	control_shadow_paging();
}

void others_l1_passes_through(void)
{
	control_l1_passes_through();
}

void others_single_step(void)
{
	control_single_step();
}

void others_loops(void)
{
	loops();
}
