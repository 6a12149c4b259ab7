// SPDX-License-Identifier: GPL-2.0
/* Many user VMs, true and false ones, and more than one cloud VM. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "test_util.h"
#include "kvm_util.h"

#include "identity_cases.h"
#include "proof.h"
#include "tap.h"

#define KEY_OF(l2)	(0x10 + (l2))

static struct proxy *add(struct cloud *c, const char *name, uint8_t key)
{
	struct proxy *p = proxy_new(name);

	proxy_attach(p, c);
	id_set_key(p, key);
	proxy_run(p);
	return p;
}

/* It writes @out and reads @in, and both are between it and its proxy. */
static void exchange(struct cloud *c, unsigned int l2, struct proxy *p, uint8_t out, uint8_t in)
{
	p->shm->reg[PLAIN + 1] = in;
	L2_RUN(c, l2, OUT(PLAIN, 1, out), IN(PLAIN + 1, 1), OUT(COM1, 1, out));
	EXPECT(p, WR(PLAIN, 1, out), RD(PLAIN + 1, 1), WR(COM1, 1, out));
	CHECK_EQ(GOT(c, 1), rax_after(1, in));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Tries to prove that it is @name, with a key that is not that of @name. */
static uint8_t pretend(struct cloud *c, unsigned int l2, const char *name, uint8_t key)
{
	uint8_t proof[VSB_ID_PROOF];
	struct exchange x;

	CHECK_EQ(id_hello(c, l2, name, &x), VSB_ID_REPLY);
	id_proof(key, VSB_ID_BY_USERVM, &x, proof);
	return id_answer(c, l2, proof);
}

/* Eight at once, each with a proxy of its own. */
void identity_eight_vms(void)
{
	struct cloud *c = cloud_new_with(1, NR_L2);
	struct proxy *p[NR_L2];
	char name[NR_L2][8];
	struct vsb_uservm u;

	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	for (unsigned int i = 0; i < NR_L2; i++) {
		snprintf(name[i], sizeof(name[i]), "vm%u", i + 1);
		p[i] = add(c, name[i], KEY_OF(i));
	}
	cloud_start(c);
	for (unsigned int i = 0; i < NR_L2; i++)
		exchange(c, i, p[i], i, ~i);
	for (unsigned int round = 0; round < 16; round++) {
		for (unsigned int i = 0; i < NR_L2; i++) {
			unsigned int l2 = (3 * i + round) % NR_L2;

			exchange(c, l2, p[l2], l2 << 4 | round, round << 4 | l2);
			for (unsigned int other = 0; other < NR_L2; other++)
				EXPECT_NOTHING(p[other]);
		}
	}
	for (unsigned int i = 0; i < NR_L2; i++) {
		OK(vsb_uservm(c->fd, i, &u));
		CHECK(!strcmp(u.name, name[i]));
		CHECK_EQ(u.vcpus, 1);
		CHECK_EQ(u.ept_pointer & ~0xfffull, c->root[i][0]);
		/* Its neighbour's key is not its own. */
		CHECK_EQ(pretend(c, i, name[i], KEY_OF((i + 1) % NR_L2)), VSB_ID_REFUSED);
	}
	for (unsigned int i = 0; i < NR_L2; i++) {
		CHECK(!(proxy_uservm(p[i]).flags & VSB_USERVM_PROVED));
		CHECK_EQ(id_prove(c, i, name[i], KEY_OF(i)), VSB_ID_PROVED);
		CHECK(proxy_uservm(p[i]).flags & VSB_USERVM_PROVED);
	}
	/* One of them ends: nobody has its proxy, and the others do not notice. */
	OK(ioctl(p[3]->fd, VSB_UNBIND, 0));
	L2_RUN(c, 3, OUT(COM1, 1, 'x'), IN(COM1, 1));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	EXPECT_NOTHING(p[3]);
	for (unsigned int i = 0; i < NR_L2; i++)
		if (i != 3)
			exchange(c, i, p[i], i, i);
	CHECK_EQ(c->l1_io, 0);
}

/* Two cloud VMs with the same pages at the same places, and the same names. */
void identity_two_clouds(void)
{
	struct cloud *c[] = { cloud_new(), cloud_new() }, *stranger = cloud_new();
	struct proxy *p[2][2];

	CHECK_EQ(c[0]->root[0][0], c[1]->root[0][0]);
	CHECK_EQ(c[0]->root[1][0], c[1]->root[1][0]);
	for (unsigned int i = 0; i < 2; i++) {
		cloud_attach(c[i], 0, VSB_UNCLAIMED_ABSORB);
		p[i][0] = add(c[i], "vm1", KEY_OF(i));
		p[i][1] = add(c[i], "vm2", KEY_OF(i + 2));
		cloud_start(c[i]);
	}
	for (unsigned int l2 = 0; l2 < 2; l2++)
		for (unsigned int i = 0; i < 2; i++)
			exchange(c[i], l2, p[i][l2], i, l2);
	for (unsigned int n = 0; n < 32; n++) {
		unsigned int i = n & 1, l2 = n >> 1 & 1;

		exchange(c[i], l2, p[i][l2], n, ~n);
		for (unsigned int other = 0; other < 4; other++)
			EXPECT_NOTHING(p[other & 1][other >> 1]);
	}
	/* What is proved in the one is not so in the other. */
	CHECK_EQ(pretend(c[1], 0, "vm1", KEY_OF(0)), VSB_ID_REFUSED);
	CHECK_EQ(id_prove(c[0], 0, "vm1", KEY_OF(0)), VSB_ID_PROVED);
	CHECK(proxy_uservm(p[0][0]).flags & VSB_USERVM_PROVED);
	CHECK(!(proxy_uservm(p[1][0]).flags & VSB_USERVM_PROVED));
	/* One that is not attached has its guest hypervisor's devices. */
	L2_RUN(stranger, 0, OUT(COM1, 1, 1), OUTS(COM1, 1, 0, REP(3)));
	CHECK_EQ(L1_EXITS(stranger), 2);
	/* One goes: the other does not notice. */
	proxy_close(p[0][0]);
	cloud_close(c[0]);
	L2_RUN(c[0], 0, OUT(COM1, 1, 0x43));
	CHECK_EQ(L1_EXITS(c[0]), 1);
	exchange(c[1], 0, p[1][0], 1, 2);
}

/* Pages that user VMs may be made of; a round of them is more than is remembered. */
#define PAGES		512
#define REMEMBERED	256	/* VSB_MAX_UNBOUND */

#define VCPU_PAGE(i)	(0x1000000ull + (i) % PAGES * 4096)
#define ROOT_PAGE(i)	(VCPU_PAGE(i) + PAGES * 4096)

static void make_pages(struct cloud *c)
{
	vm_userspace_mem_region_add(c->vm, VM_MEM_SRC_ANONYMOUS, VCPU_PAGE(0), 1, 2 * PAGES, 0);
	cloud_dont_fork(c, 1);
	virt_map(c->vm, VCPU_PAGE(0), VCPU_PAGE(0), 2 * PAGES);
	for (unsigned int i = 0; i < PAGES; i++)
		memcpy(addr_gpa2hva(c->vm, ROOT_PAGE(i)), addr_gpa2hva(c->vm, c->root[1][0]), 4096);
}

/* User VM 1 looks like number @i of many. */
static void look_like(struct cloud *c, unsigned int i)
{
	c->mbox->anchor[1].gva = c->mbox->anchor[1].gpa = VCPU_PAGE(i);
	c->mbox->root[1] = ROOT_PAGE(i);
}

static void look_like_itself(struct cloud *c)
{
	c->mbox->anchor[1].gva = c->mbox->anchor[1].gpa = 0;
	c->mbox->root[1] = c->root[1][0];
}

/* The last of its user VMs that are remembered begin at @index. */
static void check_newest(struct cloud *c, unsigned int index, unsigned int fakes)
{
	struct vsb_uservm u;

	for (unsigned int i = 0; i < REMEMBERED; i++) {
		OK(vsb_uservm(c->fd, index + i, &u));
		CHECK_EQ(u.flags & VSB_USERVM_BOUND, 0);
		CHECK_EQ(u.ept_pointer & ~0xfffull, ROOT_PAGE(fakes - REMEMBERED + i));
	}
	CHECK_ERR(vsb_uservm(c->fd, index + REMEMBERED, &u), ENOENT);
	CHECK_EQ(OK(ioctl(c->fd, VSB_COUNT_UNBOUND, 0)), REMEMBERED);
}

/* A guest hypervisor that runs thousands of user VMs which are none. */
void identity_thousands(void)
{
	const unsigned int fakes = 6 * PAGES;
	struct cloud *c = cloud_new();
	struct proxy *p, *next;

	make_pages(c);
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = add(c, "vm1", KEY_OF(0));
	cloud_start(c);
	exchange(c, 0, p, 1, 2);
	CHECK_EQ(id_prove(c, 0, "vm1", KEY_OF(0)), VSB_ID_PROVED);
	for (unsigned int i = 0; i < fakes; i++) {
		look_like(c, i);
		L2_RUN(c, 1, OUT(COM1, 1, i), IN(COM1, 1));
		CHECK_EQ(L1_EXITS(c), 0);
		CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
		if (i % 64 == 0)
			exchange(c, 0, p, i, ~i);
	}
	EXPECT_NOTHING(p);
	/* The oldest are forgotten. The one with a name is as it was. */
	check_newest(c, 1, fakes);
	CHECK_EQ(proxy_uservm(p).vcpus, 1);
	CHECK_EQ(proxy_uservm(p).roots, 1);
	CHECK(proxy_uservm(p).flags & VSB_USERVM_PROVED);
	/* A true one that comes behind them is served. */
	look_like_itself(c);
	next = add(c, "vm2", KEY_OF(1));
	exchange(c, 1, next, 3, 4);
	exchange(c, 0, p, 5, 6);
}

/*
 * So many that have had a name that there is no room for user VM 0, which has not:
 * what they had claimed is not the guest hypervisor's, not even if they are forgotten.
 */
void identity_names_in_turn(void)
{
	struct cloud *c = cloud_new();
	struct proxy *p;

	make_pages(c);
	cloud_attach(c, 0, VSB_UNCLAIMED_REFLECT);
	cloud_start(c);
	for (unsigned int i = 0; i < REMEMBERED; i++) {
		p = proxy_add(c, "vm1");
		look_like(c, i);
		L2_RUN(c, 1, OUT(COM1, 1, i));
		CHECK_EQ(L1_EXITS(c), 0);
		EXPECT(p, WR(COM1, 1, i & 0xff));
		OK(ioctl(p->fd, VSB_UNBIND, 0));
		proxy_close(p);
		L2_RUN(c, 1, OUT(COM1, 1, i));
		CHECK_EQ(L1_EXITS(c), 0);
		/* Until the last, who never had one is left to the guest hypervisor. */
		L2_RUN(c, 0, OUT(COM1, 1, i));
		CHECK_EQ(L1_EXITS(c), i < REMEMBERED - 1);
		if (i % 64)
			continue;
		look_like(c, 0);
		L2_RUN(c, 1, OUT(COM1, 1, i));
		CHECK_EQ(L1_EXITS(c), 0);
	}
	look_like(c, 0);
	L2_RUN(c, 1, OUT(COM1, 1, 1), IN(COM1, 1));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
}

/* A user VM that has another root at every entry, */
void identity_many_roots(void)
{
	struct cloud *c = cloud_new();
	struct proxy *p, *other;

	make_pages(c);
	proxy_start_pair(c, &other, &p);
	exchange(c, 0, other, 1, 2);
	exchange(c, 1, p, 1, 2);
	for (unsigned int i = 0; i < 2 * PAGES; i++) {
		c->mbox->root[1] = ROOT_PAGE(i);
		L2_RUN(c, 1, OUT(PLAIN, 1, i));
		EXPECT(p, WR(PLAIN, 1, i & 0xff));
	}
	CHECK_EQ(proxy_uservm(p).vcpus, 1);
	CHECK_EQ(proxy_uservm(p).roots, 16);
	CHECK_EQ(proxy_uservm(p).counters.root_changes, 2 * PAGES);
	exchange(c, 0, other, 3, 4);
}

/* and one with more vCPUs than are remembered. */
void identity_many_vcpus(void)
{
	struct cloud *c = cloud_new();
	struct proxy *p, *other;

	make_pages(c);
	proxy_start_pair(c, &other, &p);
	exchange(c, 0, other, 1, 2);
	exchange(c, 1, p, 1, 2);
	for (unsigned int i = 0; i < 200; i++) {
		look_like(c, i % 100);
		c->mbox->root[1] = c->root[1][0];
		L2_RUN(c, 1, OUT(PLAIN, 1, i));
		EXPECT(p, WR(PLAIN, 1, i));
	}
	CHECK_EQ(proxy_uservm(p).vcpus, 64);
	exchange(c, 0, other, 3, 4);
}
