// SPDX-License-Identifier: GPL-2.0
/* Which user VM's accesses go to which proxy, to nobody, or to L1. */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "identity_cases.h"
#include "proxy.h"
#include "tap.h"

void identity_before_start(void)
{
	struct cloud *c = cloud_new();
	struct proxy *p;

	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
	CHECK_EQ(L1_EXITS(c), 1);
	p = proxy_add(c, "vm1");
	L2_RUN(c, 0, OUT(COM1, 1, 0x41), IN(COM1, 1));
	CHECK_EQ(L1_EXITS(c), 2);
	EXPECT_NOTHING(p);
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1, 1, 0x42));
	CHECK_EQ(L1_EXITS(c), 0);
	EXPECT(p, WR(COM1, 1, 0x42));
}

/* Two user VMs, one proxy. */
static struct cloud *one_proxy(uint32_t unclaimed, struct proxy **p)
{
	struct cloud *c = cloud_new();

	cloud_attach(c, 0, unclaimed);
	*p = proxy_add(c, "vm1");
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1, 1, 1));
	EXPECT(*p, WR(COM1, 1, 1));
	return c;
}

void identity_unbound_absorbed(void)
{
	struct proxy *p;
	struct cloud *c = one_proxy(VSB_UNCLAIMED_ABSORB, &p);
	struct vsb_uservm u;

	L2_RUN(c, 1, OUT(COM1, 1, 0x41), IN(COM1, 1), IN(PLAIN, 2), IN(PLAIN, 4),
	       IN(PLAIN - 1, 4), OUT(PLAIN + 7, 4, 0x44434241));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 0);
	EXPECT_NOTHING(p);
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	CHECK_EQ(GOT(c, 2), rax_after(2, 0xffff));
	CHECK_EQ(GOT(c, 3), rax_after(4, 0xffffffff));
	CHECK_EQ(GOT(c, 4), rax_after(4, 0xffffffff));

	OK(vsb_uservm(c->fd, 1, &u));
	CHECK_EQ(u.flags & (VSB_USERVM_BOUND | VSB_USERVM_PROXY), 0);
	CHECK_EQ(u.name[0], 0);
	CHECK(u.counters.absorbed >= 6);
	/* Elsewhere it keeps L1's devices. */
	L2_RUN(c, 1, IN(0x2f8, 1));
	CHECK_EQ(L1_EXITS(c), 1);

	/* A proxy that comes later is for it. */
	p = proxy_add(c, "vm2");
	L2_RUN(c, 1, OUT(COM1, 1, 0x42));
	CHECK_EQ(L1_EXITS(c), 0);
	EXPECT(p, WR(COM1, 1, 0x42));
}

void identity_unbound_reflected(void)
{
	struct proxy *p;
	struct cloud *c = one_proxy(VSB_UNCLAIMED_REFLECT, &p);

	L2_RUN(c, 1, OUT(COM1, 1, 0x41), IN(PLAIN, 2), OUTS(PLAIN, 1, 0, REP(3)));
	CHECK_EQ(L1_EXITS(c), 3);
	CHECK_EQ(GOT(c, 1), rax_after(2, L1_ANSWER));
	EXPECT_NOTHING(p);
	/* The bound one is as before. */
	L2_RUN(c, 0, OUT(COM1, 1, 2));
	CHECK_EQ(L1_EXITS(c), 0);
	EXPECT(p, WR(COM1, 1, 2));
}

void identity_second_vm_next_proxy(void)
{
	struct cloud *c = cloud_new();
	struct proxy *p1, *p2;
	struct vsb_uservm u;

	proxy_start_pair(c, &p1, &p2);
	/* The order of the first access counts, not that of the VMs. */
	L2_RUN(c, 1, OUT(COM1, 1, 0x41));
	EXPECT(p1, WR(COM1, 1, 0x41));
	L2_RUN(c, 0, OUT(COM1, 1, 0x42));
	EXPECT(p2, WR(COM1, 1, 0x42));
	for (unsigned int i = 0; i < 4; i++) {
		L2_RUN(c, 1, OUT(PLAIN, 1, i));
		EXPECT(p1, WR(PLAIN, 1, i));
		EXPECT_NOTHING(p2);
		L2_RUN(c, 0, OUT(PLAIN, 1, i));
		EXPECT(p2, WR(PLAIN, 1, i));
		EXPECT_NOTHING(p1);
	}
	CHECK_EQ(L1_EXITS(c), 0);
	OK(vsb_uservm(c->fd, 0, &u));
	CHECK(!strcmp(u.name, "vm1"));
	OK(vsb_uservm(c->fd, 1, &u));
	CHECK(!strcmp(u.name, "vm2"));
	CHECK_ERR(vsb_uservm(c->fd, 2, &u), ENOENT);
}

/* KVM in L1 makes a new root at every change of the VM's memory slots. */
void identity_root_change(void)
{
	struct cloud *c = cloud_new();
	struct proxy *p1, *p2;
	struct vsb_uservm u;

	proxy_start_pair(c, &p1, &p2);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
	EXPECT(p1, WR(COM1, 1, 0x41));
	for (unsigned int i = 1; i <= 5; i++) {
		c->mbox->root[0] = c->root[0][i & 1];
		L2_RUN(c, 0, OUT(COM1, 1, i), OUT(COM1, 1, i));
		EXPECT(p1, WR(COM1, 1, i), WR(COM1, 1, i));
		EXPECT_NOTHING(p2);
		u = proxy_uservm(p1);
		CHECK(u.counters.root_changes >= 1);
	}
	CHECK_EQ(u.vcpus, 1);
	CHECK_EQ(u.roots, 2);
	L2_RUN(c, 1, OUT(COM1, 1, 0x42));
	EXPECT(p2, WR(COM1, 1, 0x42));
	EXPECT_NOTHING(p1);
}

/* The second vCPU of a user VM has a VMCS or VMCB of its own, but the same root. */
void identity_second_vcpu(void)
{
	struct cloud *c = cloud_new();
	struct proxy *p1, *p2;

	proxy_start_pair(c, &p1, &p2);
	c->mbox->root[1] = c->root[0][0];
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
	L2_RUN(c, 1, OUT(COM1, 1, 0x42));
	EXPECT(p1, WR(COM1, 1, 0x41), WR(COM1, 1, 0x42));
	EXPECT_NOTHING(p2);
	CHECK_EQ(proxy_uservm(p1).vcpus, 2);
	/* Each brings a new root of both to us. */
	c->mbox->root[0] = c->mbox->root[1] = c->root[0][1];
	L2_RUN(c, 1, OUT(COM1, 1, 0x43));
	L2_RUN(c, 0, OUT(COM1, 1, 0x44));
	EXPECT(p1, WR(COM1, 1, 0x43), WR(COM1, 1, 0x44));
	EXPECT_NOTHING(p2);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Our user VMs are mapped onto themselves. */
void identity_frames(void)
{
	struct cloud *c = cloud_new();
	struct proxy *p;
	struct vsb_uservm u;
	struct vsb_event e;

	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_add(c, "vm1");
	cloud_start(c);
	CHECK_ERR(vsb_uservm(p->fd, 0, &u), ENOENT);
	CHECK_ERR(vsb_uservm(c->fd, 0, &u), ENOENT);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
	u = proxy_uservm(p);
	CHECK(!strcmp(u.name, "vm1"));
	CHECK_EQ(u.flags & VSB_USERVM_BOUND, VSB_USERVM_BOUND);
	CHECK_EQ(u.flags & VSB_USERVM_PROXY, VSB_USERVM_PROXY);
	CHECK_EQ(u.flags & VSB_USERVM_FRAMES, VSB_USERVM_FRAMES);
	CHECK_EQ(u.l2_gfn, u.l1_gfn);
	CHECK_EQ(u.ept_pointer & ~0xfffull, c->root[0][0]);
	CHECK(u.bound_ns != 0);
	/* And it is told. */
	CHECK_EQ(OK(read(p->fd, &e, sizeof(e))), sizeof(e));
	CHECK_EQ(e.type, VSB_EVENT_USERVM);
}

void identity_unbind(void)
{
	struct proxy *p, *fresh;
	struct cloud *c;

	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_add(c, "vm1");
	cloud_start(c);
	CHECK_ERR(ioctl(p->fd, VSB_UNBIND, 0), ENOENT);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
	EXPECT(p, WR(COM1, 1, 0x41));
	CHECK_ERR(ioctl(p->fd, VSB_UNBIND, 1), EINVAL);
	OK(ioctl(p->fd, VSB_UNBIND, 0));
	CHECK_ERR(ioctl(p->fd, VSB_UNBIND, 0), ENOENT);
	/* It is for nobody else; a fresh one is. */
	WAIT_FOR(p->shm->shutdown);
	L2_RUN(c, 1, OUT(COM1, 1, 0x42));
	fresh = proxy_add(c, "vm1");
	L2_RUN(c, 1, OUT(COM1, 1, 0x43));
	EXPECT(fresh, WR(COM1, 1, 0x43));
	L2_RUN(c, 0, OUT(COM1, 1, 0x43), IN(COM1, 1));
	EXPECT_NOTHING(fresh);
	EXPECT_NOTHING(p);
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	CHECK_EQ(L1_EXITS(c), 0);
}

/*
 * Once bound, its ports are not the guest hypervisor's again, though it has lost its
 * name, and though that has those of user VMs that never had one.
 */
void identity_unbind_absorbed(void)
{
	struct proxy *p, *fresh;
	struct cloud *c = one_proxy(VSB_UNCLAIMED_REFLECT, &p);
	struct vsb_uservm u;

	L2_RUN(c, 1, IN(COM1, 1));
	CHECK_EQ(L1_EXITS(c), 1);
	OK(ioctl(p->fd, VSB_UNBIND, 0));
	for (unsigned int i = 0; i < 4; i++) {
		c->mbox->root[0] = c->root[0][i & 1];
		L2_RUN(c, 0, OUT(COM1, 1, 0x41), IN(COM1, 1), IN(PLAIN, 2), IN(PLAIN - 1, 4),
		       OUTS(PLAIN, 1, 0, REP(3)));
		CHECK_EQ(L1_EXITS(c), 0);
		CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
		CHECK_EQ(GOT(c, 3), rax_after(4, 0xffffffff));
		L2_RUN(c, 1, IN(COM1, 1));
		CHECK_EQ(L1_EXITS(c), 1);
	}
	CHECK_EQ(c->l1_io, 0);
	EXPECT_NOTHING(p);
	OK(vsb_uservm(c->fd, 0, &u));
	CHECK_EQ(u.flags & (VSB_USERVM_BOUND | VSB_USERVM_PROXY), 0);
	CHECK_EQ(u.name[0], 0);
	CHECK_EQ(u.bound_ns, 0);
	CHECK_EQ(OK(ioctl(c->fd, VSB_COUNT_UNBOUND, 0)), 2);
	/* Ports that nobody claims are as ever. */
	L2_RUN(c, 0, IN(0x2f8, 1));
	CHECK_EQ(L1_EXITS(c), 1);
	/* It counts as new: the next free proxy is for it, or for who comes before. */
	fresh = proxy_add(c, "vm2");
	L2_RUN(c, 0, OUT(COM1, 1, 0x42));
	EXPECT(fresh, WR(COM1, 1, 0x42));
	CHECK_EQ(OK(ioctl(c->fd, VSB_COUNT_UNBOUND, 0)), 1);
	/* What it had under another name stays absorbed, too. */
	OK(ioctl(fresh->fd, VSB_UNBIND, 0));
	fresh = proxy_new("vm3");
	fresh->args.nr_ranges = 1;
	memset(&fresh->args.ranges[1], 0, sizeof(fresh->args.ranges[1]));
	proxy_attach(fresh, c);
	proxy_run(fresh);
	L2_RUN(c, 0, OUT(COM1, 1, 0x43), IN(PLAIN, 1));
	EXPECT(fresh, WR(COM1, 1, 0x43));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	/* Only to let go of the cloud VM gives them back. */
	cloud_close(c);
	L2_RUN(c, 0, OUT(COM1, 1, 0x44), IN(PLAIN, 1));
	CHECK_EQ(L1_EXITS(c), 2);
}

/* Unless another user VM is seen on its vCPU, which never had that name. */
void identity_unbind_replaced(void)
{
	struct proxy *p;
	struct cloud *c = cloud_new();

	c->mbox->clock[0] = -1000000000ull;
	cloud_attach(c, 0, VSB_UNCLAIMED_REFLECT);
	p = proxy_add(c, "vm1");
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1, 1, 1));
	EXPECT(p, WR(COM1, 1, 1));
	OK(ioctl(p->fd, VSB_UNBIND, 0));
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
	CHECK_EQ(L1_EXITS(c), 0);
	c->mbox->clock[0] = -3000000000ull;
	c->mbox->root[0] = c->root[0][OTHER_MEMORY];
	L2_RUN(c, 0, OUT(COM1, 1, 0x42));
	CHECK_EQ(L1_EXITS(c), 1);
	EXPECT_NOTHING(p);
}
