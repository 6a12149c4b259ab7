// SPDX-License-Identifier: GPL-2.0
/*
 * VMs that user VMs run. L1 does what KVM does as a guest hypervisor: it is told of VMRUN,
 * VMLAUNCH or VMRESUME of a user VM, and runs the inner VM with a VMCB or VMCS, a page
 * table and a clock of its own. Memory is one for all here, unless a case says otherwise.
 */
#include <string.h>

#include <linux/vsbypass_identity.h>

#include "test_util.h"
#include "kvm_util.h"

#include "identity_cases.h"
#include "proof.h"
#include "tap.h"

#define ADDRESS		0x000ffffffffff000ull
#define OUTER		0
#define INNER		1	/* of OUTER */
#define OTHER		2	/* a user VM */

static struct cloud *c;
static struct proxy *p1, *p2;

static void make(void)
{
	c = cloud_new_with(1, 4);
	for (unsigned int i = 0; i < 4; i++)
		c->mbox->clock[i] = -(i + 1) * 1000000000ull;
}

static void check_outer(void)
{
	L2_RUN(c, OUTER, OUT(COM1, 1, 0x41), OUT(PLAIN, 2, 0x4242));
	EXPECT(p1, WR(COM1, 1, 0x41), WR(PLAIN, 2, 0x4242));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* All that @inner does is told to L1, and to no proxy. */
static void check_inner(unsigned int inner)
{
	static const uint16_t ports[] = { COM1 + 1, COM1, COM1 + 5, PLAIN, PLAIN + 1 };
	struct l1_exit *e = c->mbox->exits;

	L2_ENTER(c, OUTER, inner, OUT(COM1 + 1, 1, 0x07), OUT(COM1, 1, 0x51), IN(COM1 + 5, 1),
		 OUTS(PLAIN, 1, 0x100, REP(3)), IN(PLAIN + 1, 2));
	CHECK_EQ(L1_EXITS(c), 5);
	for (unsigned int i = 0; i < 5; i++) {
		CHECK_EQ(e[i].port, ports[i]);
		CHECK_EQ(e[i].l2, inner);
	}
	CHECK_EQ(e[1].value & 0xff, 0x51);
	CHECK_EQ(e[3].rep, 1);
	CHECK_EQ(c->mbox->inner_ops[2].value, rax_after(1, L1_ANSWER));
	CHECK_EQ(c->mbox->inner_ops[4].value, rax_after(2, L1_ANSWER));
	CHECK_EQ(c->l1_io, 0);
	if (p1)
		EXPECT_NOTHING(p1);
	if (p2)
		EXPECT_NOTHING(p2);
}

/* vm2's proxy is free still: the next user VM has it. */
static void check_other(void)
{
	L2_RUN(c, OTHER, OUT(COM1, 1, 0x61));
	EXPECT(p2, WR(COM1, 1, 0x61));
	EXPECT_NOTHING(p1);
	CHECK_EQ(L1_EXITS(c), 0);
}

void identity_inner_control(void)
{
	make();
	for (unsigned int i = 0; i < 4; i++)
		check_inner(INNER);
}

void identity_inner(void)
{
	struct vsb_uservm u;

	make();
	proxy_start_pair(c, &p1, &p2);
	check_outer();
	for (unsigned int i = 0; i < 8; i++) {
		/* Another root, another inner VM on the same vCPU. */
		c->mbox->root[INNER] = c->root[INNER][i & 1];
		c->mbox->clock[INNER] -= (i / 2 & 1) * 12345678;
		check_inner(INNER);
		check_outer();
	}
	CHECK_ERR(vsb_uservm(c->fd, 1, &u), ENOENT);
	check_other();
	check_inner(INNER);
	check_other();
	check_outer();
	CHECK_EQ(proxy_uservm(p1).vcpus, 1);
	CHECK_EQ(proxy_uservm(p1).roots, 1);
}

/* Its user VM has never touched a port. */
void identity_inner_first(void)
{
	make();
	proxy_start_pair(c, &p1, &p2);
	check_inner(INNER);
	check_outer();
	check_other();
	check_inner(INNER);
}

/* Without a virtual-APIC page (VMX), and more than are remembered. */
void identity_inner_many(void)
{
	make();
	c->mbox->bare[INNER] = true;
	proxy_start_pair(c, &p1, &p2);
	check_outer();
	for (unsigned int i = 0; i < 300; i++) {
		c->mbox->clock[INNER] = 77777777ull * (i + 1);
		c->mbox->root[INNER] = c->root[INNER][i & 1];
		L2_ENTER(c, OUTER, INNER, OUT(COM1, 1, i));
		CHECK_EQ(L1_EXITS(c), 1);
	}
	check_inner(INNER);
	check_inner(3);
	check_outer();
	check_other();
}

void identity_inner_reflect(void)
{
	make();
	cloud_attach(c, 0, VSB_UNCLAIMED_REFLECT);
	p1 = proxy_add(c, "vm1");
	p2 = proxy_add(c, "vm2");
	cloud_start(c);
	check_outer();
	check_inner(INNER);
	check_other();
	check_inner(INNER);
	check_inner(3);
}

/* The ports for a proof are claimed for all user VMs, but not for theirs. */
void identity_inner_key(void)
{
	make();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p1 = proxy_new("vm1");
	proxy_attach(p1, c);
	id_set_key(p1, 1);
	proxy_run(p1);
	cloud_start(c);
	check_outer();
	L2_ENTER(c, OUTER, INNER, OUT(VSB_ID_PORT, 1, VSB_ID_BEGIN), IN(VSB_ID_PORT, 1));
	CHECK_EQ(L1_EXITS(c), 2);
	CHECK_EQ(c->mbox->inner_ops[1].value, rax_after(1, L1_ANSWER));
	check_inner(INNER);
}

/* L1 lies: what a user VM enters is a user VM that has a name. It keeps it. */
void identity_inner_bound(void)
{
	make();
	proxy_start_pair(c, &p1, &p2);
	check_outer();
	check_other();
	for (unsigned int i = 0; i < 6; i++) {
		c->mbox->clock[OTHER] -= (i & 1) * 12345678;
		c->mbox->root[OTHER] = c->root[OTHER][i / 2 & 1];
		L2_ENTER(c, OUTER, OTHER, OUT(COM1, 1, i), IN(PLAIN, 1));
		EXPECT(p2, WR(COM1, 1, i), RD(PLAIN, 1));
		EXPECT_NOTHING(p1);
		CHECK_EQ(L1_EXITS(c), 0);
	}
	check_other();
	check_outer();
}

/*
 * An inner VM on the vCPU pages of a user VM that had a name: the same lie, or the truth if
 * that has ended. It gets neither the name nor the proxy, and L1 nothing either.
 */
void identity_inner_on_old_pages(void)
{
	make();
	proxy_start_pair(c, &p1, &p2);
	check_outer();
	check_other();
	c->mbox->clock[OTHER] -= 12345678;
	c->mbox->root[OTHER] = c->root[OTHER][OTHER_MEMORY];
	for (unsigned int i = 0; i < 3; i++) {
		L2_ENTER(c, OUTER, OTHER, OUT(COM1, 1, i), IN(PLAIN, 1));
		CHECK_EQ(c->mbox->inner_ops[1].value, rax_after(1, 0xff));
		CHECK_EQ(L1_EXITS(c), 0);
		EXPECT_NOTHING(p1);
		EXPECT_NOTHING(p2);
	}
	WAIT_FOR(p2->shm->shutdown);
	check_outer();
	/* The name is free for who comes next. */
	p2 = proxy_add(c, "vm2");
	L2_RUN(c, OTHER, OUT(COM1, 1, 9));
	EXPECT_NOTHING(p2);
	CHECK_EQ(L1_EXITS(c), 0);
	L2_RUN(c, 3, OUT(COM1, 1, 0x61));
	EXPECT(p2, WR(COM1, 1, 0x61));
	check_inner(INNER);
}

static uint64_t *table(uint64_t entry)
{
	return addr_gpa2hva(c->vm, entry & ADDRESS);
}

/* The page directory under the root that has other memory at frame 0. */
static uint64_t *directory(unsigned int l2)
{
	return table(table(table(c->root[l2][OTHER_MEMORY])[0])[0]);
}

/* L1's scheduler lets a user VM begin right behind VMRUN of another: memory tells. */
void identity_inner_own_memory(void)
{
	uint64_t gpa, pt_gpa, *pt, *pd, leaf, dir;

	make();
	cloud_page(c, &gpa);
	/* The one that enters has all memory but this frame, */
	pd = directory(OUTER);
	dir = pd[0] & ~ADDRESS;
	leaf = table(pd[0])[1] & ~ADDRESS;
	pt = cloud_page(c, &pt_gpa);
	for (uint64_t i = 0; i < 512; i++)
		pt[i] = ((gpa & ~0x1fffffull) + (i << 12)) | leaf;
	pt[gpa >> 12 & 511] = 0;
	pd[gpa >> 21] = pt_gpa | dir;
	c->mbox->root[OUTER] = c->root[OUTER][OTHER_MEMORY];
	/* which the other one has. */
	table(directory(OTHER)[0])[0] = gpa | leaf;
	c->mbox->root[OTHER] = c->root[OTHER][OTHER_MEMORY];
	proxy_start_pair(c, &p1, &p2);
	check_outer();
	L2_ENTER(c, OUTER, OTHER, OUT(COM1, 1, 0x62));
	EXPECT(p2, WR(COM1, 1, 0x62));
	CHECK_EQ(L1_EXITS(c), 0);
	check_other();
	check_inner(INNER);
	check_outer();
}
