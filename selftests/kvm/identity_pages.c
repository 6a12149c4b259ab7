// SPDX-License-Identifier: GPL-2.0
/* Page tables, memory and CPUs that a user VM runs on, by turns and by malice. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"

#include "identity_cases.h"
#include "proxy.h"
#include "tap.h"

#define ADDRESS		0x000ffffffffff000ull
#define BEYOND		(1ull << 38)	/* no memory of the cloud VM is there */

static struct cloud *c;
static struct proxy *p[2];

/* Both user VMs are bound. */
static void begin(unsigned int cpus)
{
	c = cloud_new_with(cpus, 2);
	proxy_start_pair(c, &p[0], &p[1]);
	for (unsigned int l2 = 0; l2 < 2; l2++) {
		L2_RUN(c, l2, OUT(COM1, 1, l2));
		EXPECT(p[l2], WR(COM1, 1, l2));
	}
}

/* Each has its own proxy. */
static void check_both(uint8_t value)
{
	for (unsigned int l2 = 0; l2 < 2; l2++) {
		L2_RUN(c, l2, OUT(PLAIN, 1, value + l2));
		EXPECT(p[l2], WR(PLAIN, 1, (uint8_t)(value + l2)));
		EXPECT_NOTHING(p[!l2]);
		CHECK_EQ(L1_EXITS(c), 0);
	}
}

/* The guest hypervisor gives both the same root: that of the one, of the other, a new one. */
void identity_same_root(void)
{
	begin(1);
	for (unsigned int i = 0; i < 30; i++) {
		c->mbox->root[0] = c->mbox->root[1] = c->root[i % 2][i / 2 % 3];
		check_both(i);
	}
	CHECK_EQ(proxy_uservm(p[0]).vcpus, 1);
	CHECK_EQ(proxy_uservm(p[1]).vcpus, 1);
}

static uint64_t *table(uint64_t entry)
{
	return addr_gpa2hva(c->vm, entry & ADDRESS);
}

/*
 * Garbage wherever the table at @gpa is not needed to run: loops, addresses that are
 * not memory, reserved bits. It has 4 KiB pages below 2 MiB; all memory but the first
 * two pages is used, and ends below 16 MiB.
 */
static void spoil(uint64_t gpa)
{
	uint64_t *root = table(gpa), *pdpt = table(root[0]), *pd = table(pdpt[0]);
	uint64_t *pt = table(pd[0]), flags = root[0] & ~ADDRESS, leaf = pt[1] & ~ADDRESS;

	pt[0] = ~0ull;
	pt[1] = BEYOND | leaf;
	for (unsigned int i = 8; i < 512; i++)
		pd[i] = i & 1 ? (pdpt[0] & ADDRESS) | flags : i & 2 ? ~0ull : BEYOND | flags;
	for (unsigned int i = 1; i < 512; i++)
		pdpt[i] = i & 1 ? (root[0] & ADDRESS) | flags : BEYOND | flags;
	for (unsigned int i = 1; i < 512; i++)
		root[i] = i & 1 ? gpa | flags : ~0ull;
}

void identity_garbage_table(void)
{
	struct vsb_uservm u;

	begin(1);
	spoil(c->root[0][OTHER_MEMORY]);
	for (unsigned int i = 0; i < 10; i++) {
		c->mbox->root[0] = c->root[0][i & 1 ? 0 : OTHER_MEMORY];
		check_both(i);
	}
	/* One that is seen with such a table from the first. */
	c = cloud_new();
	spoil(c->root[0][OTHER_MEMORY]);
	c->mbox->root[0] = c->root[0][OTHER_MEMORY];
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p[0] = proxy_add(c, "vm1");
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1, 1, 1));
	EXPECT(p[0], WR(COM1, 1, 1));
	u = proxy_uservm(p[0]);
	CHECK_EQ(u.flags & VSB_USERVM_FRAMES, VSB_USERVM_FRAMES);
	CHECK_EQ(u.l2_gfn, 2);
	CHECK_EQ(u.l1_gfn, 2);
}

/*
 * Roots with which nothing runs. They are memory: for one that is not, stock KVM 6.1
 * logs a WARNING, with us and without (nested_run_pending in nested_svm_vmexit() and
 * nested_vmx_vmexit()).
 */
void identity_garbage_root(void)
{
	uint64_t bad[3];

	begin(1);
	cloud_page(c, &bad[0]);
	memset(cloud_page(c, &bad[1]), 0xff, 4096);
	/* A page whose first entry is no table. */
	cloud_page(c, &bad[2])[0] = BEYOND | (table(c->root[0][0])[0] & ~ADDRESS);
	for (unsigned int i = 0; i < 6; i++) {
		c->mbox->root[0] = bad[i % 3];
		CHECK(l2_fails(c, 0, NULL, 0) != 0);
		c->mbox->root[0] = c->root[0][i & 1];
		check_both(i);
	}
	CHECK_EQ(proxy_uservm(p[0]).vcpus, 1);
	CHECK_EQ(proxy_uservm(p[0]).roots, 2);
	CHECK_EQ(c->l1_io, 0);
}

/* Memory slots of the cloud VM come and go under a user VM that writes without a pause. */
void identity_hot_plug(void)
{
	const uint64_t size = 64 * 4096;
	uint32_t first;
	void *memory;

	begin(1);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	first = p[0]->shm->nr;
	L2_GO(c, 0, { .kind = OP_LOOP, .port = PLAIN, .size = 1 });
	for (unsigned int i = 0; i < 20; i++) {
		uint32_t before = p[0]->shm->nr;

		vm_set_user_memory_region(c->vm, 9, 0, 0x40000000, size, memory);
		WAIT_FOR(p[0]->shm->nr > before + 1);
		before = p[0]->shm->nr;
		vm_set_user_memory_region(c->vm, 9, 0, 0x40000000, 0, memory);
		WAIT_FOR(p[0]->shm->nr > before + 1);
	}
	c->mbox->stop = true;
	l2_wait(c);
	/* Each write arrived once, in order. */
	CHECK_EQ(p[0]->shm->nr - first, GOT(c, 0));
	for (uint64_t i = 0; i < GOT(c, 0) && i < LOG_MAX; i++) {
		uint64_t n = GOT(c, 0) - 1 - i;

		CHECK_EQ(p[0]->shm->log[(first + n) % LOG_MAX].value, n & 0xff);
	}
	p[0]->seen = p[0]->shm->nr;
	EXPECT_NOTHING(p[1]);
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(proxy_uservm(p[0]).vcpus, 1);
	check_both(1);
}

/* The host puts the page that is the anchor elsewhere, as when it swaps. */
void identity_page_moves(void)
{
	uint64_t gva, gpa;
	uint8_t copy[4096];
	void *page;

	begin(1);
	/* A page of its own: the anchor of user VM 0 is there from now on. */
	gva = vm_vaddr_alloc_page(c->vm);
	gpa = addr_gva2gpa(c->vm, gva);
	page = addr_gpa2hva(c->vm, gpa);
	c->mbox->anchor[0].gva = gva;
	c->mbox->anchor[0].gpa = gpa;
	for (unsigned int i = 0; i < 5; i++) {
		check_both(i);
		memcpy(copy, page, sizeof(copy));
		OK(madvise(page, sizeof(copy), MADV_DONTNEED));
		memcpy(page, copy, sizeof(copy));
	}
	check_both(9);
}

/*
 * And so that it comes where another user VM had its own before: here the guest
 * hypervisor does it, as on SVM the host can not.
 */
void identity_page_changes_hands(void)
{
	uint64_t gva, gpa;

	c = cloud_new();
	c->mbox->clock[0] = -1000000000ull;
	c->mbox->clock[1] = -2000000000ull;
	proxy_start_pair(c, &p[0], &p[1]);
	c->mbox->root[0] = c->root[0][OTHER_MEMORY];
	check_both(0);
	gva = vm_vaddr_alloc_page(c->vm);
	gpa = addr_gva2gpa(c->vm, gva);
	for (unsigned int i = 1; i < 7; i++) {
		c->mbox->anchor[i & 1].gva = gva;
		c->mbox->anchor[i & 1].gpa = gpa;
		c->mbox->anchor[!(i & 1)].gva = c->mbox->anchor[!(i & 1)].gpa = 0;
		check_both(i);
	}
	/* A user VM that is not known there is another one, and has no part of it. */
	c->mbox->clock[0] = -3000000000ull;
	c->mbox->root[0] = c->root[0][0];
	L2_RUN(c, 0, OUT(PLAIN, 1, 9));
	EXPECT_NOTHING(p[0]);
	EXPECT_NOTHING(p[1]);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* vCPUs of user VMs move between the CPUs of the cloud VM; one has two of them. */
void identity_cpus(void)
{
	begin(2);
	for (unsigned int i = 0; i < 12; i++) {
		cloud_use_cpu(c, i % 3 & 1);
		if (i % 4 == 3)
			c->mbox->root[0] = c->root[0][i >> 2 & 1];
		check_both(i);
	}
	CHECK_EQ(proxy_uservm(p[0]).vcpus, 1);
	CHECK_EQ(proxy_uservm(p[1]).vcpus, 1);

	c = cloud_new_with(2, 2);
	proxy_start_pair(c, &p[0], &p[1]);
	c->mbox->root[1] = c->root[0][0];
	for (unsigned int i = 0; i < 12; i++) {
		cloud_use_cpu(c, (i + i / 4) & 1);
		if (i == 8)
			c->mbox->root[0] = c->mbox->root[1] = c->root[0][1];
		L2_RUN(c, i & 1, OUT(COM1, 1, i));
		EXPECT(p[0], WR(COM1, 1, i));
	}
	CHECK_EQ(proxy_uservm(p[0]).vcpus, 2);
	EXPECT_NOTHING(p[1]);
	CHECK_EQ(L1_EXITS(c), 0);
}

/*
 * On VMX a user VM without a virtual-APIC page shows no anchor, and not the one of who
 * ran before it on this CPU, even with the same clock. (SVM: each has a VMCB.)
 */
void identity_no_anchor(void)
{
	c = cloud_new();
	c->mbox->clock[0] = c->mbox->clock[1] = -1000000000ull;
	c->mbox->bare[1] = true;
	proxy_start_pair(c, &p[0], &p[1]);
	for (unsigned int i = 0; i < 5; i++)
		check_both(i);
	CHECK_EQ(proxy_uservm(p[0]).vcpus, 1);
	CHECK_EQ(proxy_uservm(p[1]).vcpus, c->mbox->amd);
	/* By turns it has one; the other one's is none of it. */
	for (unsigned int i = 0; i < 6; i++) {
		c->mbox->bare[1] = i & 1;
		check_both(i);
	}
	CHECK_EQ(proxy_uservm(p[0]).vcpus, 1);
	CHECK_EQ(proxy_uservm(p[1]).vcpus, 1);
}

static void copy_root(uint64_t to, uint64_t from)
{
	memcpy(addr_gpa2hva(c->vm, to), addr_gpa2hva(c->vm, from), 4096);
}

/* None has one. They are told by root and clock, and have new roots all the same. */
void identity_no_anchors(void)
{
	c = cloud_new();
	c->mbox->clock[0] = -1000000000ull;
	c->mbox->clock[1] = -2000000000ull;
	c->mbox->bare[0] = c->mbox->bare[1] = true;
	copy_root(c->root[1][0], c->root[1][OTHER_MEMORY]);
	proxy_start_pair(c, &p[0], &p[1]);
	for (unsigned int i = 0; i < 6; i++) {
		c->mbox->root[0] = c->root[0][i & 1];
		c->mbox->root[1] = c->root[1][i / 2 & 1 ? OTHER_MEMORY : 0];
		check_both(i);
	}
	/* What was a root of the one becomes a root of the other. */
	c->mbox->root[0] = c->root[0][0];
	check_both(6);
	copy_root(c->root[0][1], c->root[1][OTHER_MEMORY]);
	c->mbox->root[1] = c->root[0][1];
	check_both(7);
	/* KVM that does not trust the TSC changes the clock: same root, same memory. */
	c->mbox->clock[0] -= 12345678;
	check_both(8);
}
