// SPDX-License-Identifier: GPL-2.0
/*
 * One user VM for another: resets, page tables and vCPUs that are used again.
 * Which vCPU runs (the VMCB, the virtual-APIC page), its TSC offset, its page
 * table and what that maps can be chosen one by one here.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"

#include "identity_cases.h"
#include "proxy.h"
#include "tap.h"

#define RESET_WRITES	WR(COM1 + 2, 1, 6), WR(COM1 + 4, 1, 0), WR(COM1 + 3, 1, 0), \
			WR(COM1 + 1, 1, 0)
#define BOOT_WRITE	WR(BOOT_PORT, 1, BOOT_BYTE)

static struct cloud *c;
static struct proxy *p1, *p2;

/* User VM 0 is vm1, programmed and writing. */
static void begin(void)
{
	c = cloud_new();
	c->mbox->clock[0] = -1000000000ull;
	c->mbox->clock[1] = -2000000000ull;
	proxy_start_pair(c, &p1, &p2);
	L2_RUN(c, 0, OUT(COM1 + 3, 1, 3), OUT(COM1 + 1, 1, 5), OUT(COM1, 1, 0x41));
	EXPECT(p1, WR(COM1 + 3, 1, 3), WR(COM1 + 1, 1, 5), WR(COM1, 1, 0x41));
}

/* vm1 is another one now: it has nothing of the first. */
static void check_replaced(void)
{
	struct proxy *fresh;
	struct vsb_uservm u;
	unsigned int i;

	EXPECT_NOTHING(p1);
	EXPECT_NOTHING(p2);
	CHECK_EQ(L1_EXITS(c), 0);
	WAIT_FOR(p1->shm->shutdown);
	CHECK_ERR(vsb_uservm(p1->fd, 0, &u), ENOENT);
	for (i = 0; !vsb_uservm(c->fd, i, &u); i++)
		if (!strcmp(u.name, "vm1"))
			break;
	CHECK(!strcmp(u.name, "vm1"));
	CHECK_EQ(u.flags & (VSB_USERVM_BOUND | VSB_USERVM_PROXY), VSB_USERVM_BOUND);
	CHECK_EQ(u.vcpus, 1);
	CHECK_EQ(u.ier, 0);
	/* A fresh proxy takes it over, the old one still being open. */
	fresh = proxy_add(c, "vm1");
	L2_RUN(c, 0, OUT(COM1, 1, 0x43));
	EXPECT_NOTHING(p1);
	EXPECT_NOTHING(p2);
	CHECK_EQ(fresh->shm->uart.lcr, 0);
	CHECK_EQ(fresh->shm->uart.thr_writes, 1);
	CHECK_EQ(proxy_uservm(fresh).counters.writes, 1);
}

/* A reboot: the same user VM, and its UART as after power on. */
void identity_reset(void)
{
	begin();
	for (unsigned int i = 1; i <= 3; i++) {
		L2_BOOT(c, 0, OUT(PLAIN, 1, i));
		EXPECT(p1, RESET_WRITES, BOOT_WRITE, WR(PLAIN, 1, i));
		CHECK_EQ(proxy_uservm(p1).counters.resets, i);
		CHECK_EQ(proxy_uservm(p1).ier, 0);
	}
	EXPECT_NOTHING(p2);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Also one that is seen only between two accesses with paging on. */
void identity_reset_between(void)
{
	begin();
	c->mbox->boot[1] = 0xf8;	/* boots without a claimed port */
	c->mbox->boot[2] = 0x02;
	L2_BOOT(c, 0, OUT(PLAIN, 1, 1));
	EXPECT(p1, RESET_WRITES, WR(PLAIN, 1, 1));
	CHECK_EQ(proxy_uservm(p1).counters.resets, 1);
	L2_RUN(c, 0, OUT(PLAIN, 1, 2));
	EXPECT(p1, WR(PLAIN, 1, 2));
}

/*
 * An SMI: paging is off, and KVM has another root for it. The same exits as above,
 * and one that is ours, but it is no reset.
 */
void identity_smm(void)
{
	begin();
	for (unsigned int i = 1; i <= 3; i++) {
		c->mbox->boot[1] = i == 1 ? BOOT_PORT & 0xff : 0xf8;
		c->mbox->boot[2] = i == 1 ? BOOT_PORT >> 8 : 0x02;
		l2_smi(c, 0, c->root[0][1]);
		CHECK_EQ(L1_EXITS(c), i != 1);
		if (i == 1)
			EXPECT(p1, BOOT_WRITE);
		L2_RUN(c, 0, OUT(PLAIN, 1, i));
		EXPECT(p1, WR(PLAIN, 1, i));
	}
	CHECK_EQ(proxy_uservm(p1).counters.resets, 0);
	CHECK_EQ(proxy_uservm(p1).vcpus, 1);
	CHECK_EQ(proxy_uservm(p1).roots, 2);
	CHECK_EQ(proxy_uservm(p1).ier, 5);
	EXPECT_NOTHING(p2);
	/* Those that come after a reset are seen all the same. */
	L2_BOOT(c, 0, OUT(PLAIN, 1, 9));
	EXPECT(p1, RESET_WRITES, WR(PLAIN, 1, 9));
	CHECK_EQ(proxy_uservm(p1).counters.resets, 1);
}

/* That is how an operating system starts it. */
void identity_second_vcpu_boots(void)
{
	begin();
	c->mbox->root[1] = c->root[0][0];
	c->mbox->clock[1] = c->mbox->clock[0];
	L2_BOOT(c, 1, OUT(PLAIN, 1, 1));
	L2_BOOT(c, 1, OUT(PLAIN, 1, 2));
	EXPECT(p1, BOOT_WRITE, WR(PLAIN, 1, 1), BOOT_WRITE, WR(PLAIN, 1, 2));
	CHECK_EQ(proxy_uservm(p1).counters.resets, 0);
	CHECK_EQ(proxy_uservm(p1).vcpus, 2);
	EXPECT_NOTHING(p2);
}

/* KVM on a host whose TSC it does not trust. */
void identity_clock_moves(void)
{
	begin();
	for (unsigned int i = 1; i <= 5; i++) {
		c->mbox->clock[0] -= 12345678;
		c->mbox->root[0] = c->root[0][i & 1];
		L2_RUN(c, 0, OUT(PLAIN, 1, i));
		EXPECT(p1, WR(PLAIN, 1, i));
	}
	/* And its second vCPU has another offset. */
	c->mbox->root[1] = c->mbox->root[0];
	L2_RUN(c, 1, OUT(PLAIN, 1, 9));
	EXPECT(p1, WR(PLAIN, 1, 9));
	EXPECT_NOTHING(p2);
}

void identity_recycled_vcpu(void)
{
	begin();
	c->mbox->clock[0] = -3000000000ull;
	c->mbox->root[0] = c->root[0][OTHER_MEMORY];
	L2_RUN(c, 0, OUT(COM1, 1, 0x42), IN(COM1 + 3, 1));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	check_replaced();
}

/* QEMU sets the TSC at a reset. */
void identity_reset_sets_clock(void)
{
	begin();
	c->mbox->clock[0] = -3000000000ull;
	L2_BOOT(c, 0, OUT(PLAIN, 1, 1));
	EXPECT(p1, RESET_WRITES, BOOT_WRITE, WR(PLAIN, 1, 1));
	CHECK_EQ(proxy_uservm(p1).counters.resets, 1);
	EXPECT_NOTHING(p2);
}

/* Nobody had proxies left: there is no name to inherit. */
void identity_replaced_unbound(void)
{
	struct vsb_uservm u;

	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p1 = proxy_add(c, "vm1");
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
	L2_RUN(c, 1, OUT(COM1, 1, 0x42));
	c->mbox->clock[1] = -3000000000ull;
	c->mbox->root[1] = c->root[1][OTHER_MEMORY];
	L2_BOOT(c, 1, OUT(COM1, 1, 0x43));
	EXPECT(p1, WR(COM1, 1, 0x41));
	CHECK_EQ(L1_EXITS(c), 0);
	OK(vsb_uservm(c->fd, 1, &u));
	CHECK_EQ(u.flags & VSB_USERVM_BOUND, 0);
	CHECK_ERR(vsb_uservm(c->fd, 2, &u), ENOENT);
}

/* vm1 has a new root; the old one's page is the root of a new user VM. */
void identity_recycled_root(void)
{
	begin();
	c->mbox->root[0] = c->root[0][1];
	memcpy(addr_gpa2hva(c->vm, c->root[0][0]),
	       addr_gpa2hva(c->vm, c->root[0][OTHER_MEMORY]), 4096);
	c->mbox->root[1] = c->root[0][0];
	L2_RUN(c, 1, OUT(COM1, 1, 0x42));
	EXPECT_NOTHING(p1);
	EXPECT(p2, WR(COM1, 1, 0x42));
	L2_RUN(c, 0, OUT(COM1, 1, 0x43));
	EXPECT(p1, WR(COM1, 1, 0x43));
	EXPECT_NOTHING(p2);
	CHECK_EQ(proxy_uservm(p1).vcpus, 1);
	CHECK_EQ(proxy_uservm(p2).vcpus, 1);
}

/* An L1 that changes the clock at every entry: no new user VMs, no harm. */
void identity_clock_flips(void)
{
	struct vsb_uservm u;

	begin();
	for (unsigned int i = 0; i < 200; i++) {
		c->mbox->clock[0] = i * 0x123456789ull;
		L2_RUN(c, 0, OUT(PLAIN, 1, i));
		EXPECT(p1, WR(PLAIN, 1, i));
	}
	CHECK_ERR(vsb_uservm(c->fd, 1, &u), ENOENT);
}

/* The same with the root, of two user VMs in turn. */
void identity_root_flips(void)
{
	begin();
	L2_RUN(c, 1, OUT(PLAIN, 1, 1));
	EXPECT(p2, WR(PLAIN, 1, 1));
	for (unsigned int i = 0; i < 100; i++) {
		c->mbox->root[0] = c->root[i & 1][i >> 1 & 1];
		c->mbox->root[1] = c->root[i >> 1 & 1][i & 1];
		L2_RUN(c, 0, OUT(PLAIN, 1, i));
		EXPECT(p1, WR(PLAIN, 1, i));
		L2_RUN(c, 1, OUT(PLAIN, 1, i));
		EXPECT(p2, WR(PLAIN, 1, i));
	}
	CHECK_EQ(proxy_uservm(p1).vcpus, 1);
	CHECK_EQ(proxy_uservm(p2).vcpus, 1);
}
