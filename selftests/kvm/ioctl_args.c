// SPDX-License-Identifier: GPL-2.0
/* Arguments: every call with every kind of wrong one. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ioctl_cases.h"
#include "ioctl_vm.h"
#include "tap.h"
#include "vsb.h"

#include <linux/vsbypass_identity.h>

#define BAD_POINTER	((void *)8)

void args_version(void)
{
	int dev = OK(vsb_open());

	CHECK_EQ(OK(ioctl(dev, VSB_GET_API_VERSION, 0)), VSB_API_VERSION);
	CHECK_ERR(ioctl(dev, VSB_GET_API_VERSION, 1), EINVAL);
	CHECK_ERR(ioctl(dev, VSB_GET_API_VERSION, -1ul), EINVAL);
}

/* Calls on descriptors that they are not for, and calls that there are not. */
void args_wrong_object(void)
{
	static const struct {
		const char *name;
		unsigned long cmd;
		bool dev, cloud, proxy;
	} calls[] = {
		{ "VSB_GET_API_VERSION", VSB_GET_API_VERSION, true, false, false },
		{ "VSB_CREATE_CLOUD", VSB_CREATE_CLOUD, true, false, false },
		{ "VSB_CREATE_PROXY", VSB_CREATE_PROXY, false, true, false },
		{ "VSB_START", VSB_START, false, true, false },
		{ "VSB_SET_ON_CLOSE", VSB_SET_ON_CLOSE, false, true, false },
		{ "VSB_FREEZE", VSB_FREEZE, false, true, false },
		{ "VSB_COUNT_UNBOUND", VSB_COUNT_UNBOUND, false, true, false },
		{ "VSB_SET_IRQ", VSB_SET_IRQ, false, true, false },
		{ "VSB_GET_USERVM", VSB_GET_USERVM, false, true, true },
		{ "VSB_UNBIND", VSB_UNBIND, false, false, true },
		{ "VSB_SET_KEY", VSB_SET_KEY, false, false, true },
		{ "VSB_REPORT_ALL", VSB_REPORT_ALL, false, false, true },
		{ "VSB_GIVE_BACK", VSB_GIVE_BACK, false, false, true },
		{ "VSB_SET_VM", VSB_SET_VM, false, false, true },
		{ "an unknown number", _IO(VSB_IOC, 0x7f), false, false, false },
		{ "another size", _IOW(VSB_IOC, 0x01, __u32), false, false, false },
		{ "another direction", _IOR(VSB_IOC, 0x10, struct vsb_create_proxy),
		  false, false, false },
		{ "one of KVM", KVM_CREATE_VM, false, false, false },
	};
	struct test_set s = set_new();
	char big[4096] = { 0 };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!calls[i].dev)
			EXPECT_ERR(ioctl(s.dev, calls[i].cmd, big), ENOTTY, calls[i].name);
		if (!calls[i].cloud)
			EXPECT_ERR(ioctl(s.cloud, calls[i].cmd, big), ENOTTY, calls[i].name);
		if (!calls[i].proxy)
			EXPECT_ERR(ioctl(s.proxy, calls[i].cmd, big), ENOTTY, calls[i].name);
	}
}

void args_bad_pointer(void)
{
	struct test_set s = set_new();
	void *bad[] = { NULL, BAD_POINTER, (void *)-4096ul };

	for (int i = 0; i < 3; i++) {
		EXPECT_ERR(ioctl(s.dev, VSB_CREATE_CLOUD, bad[i]), EFAULT, "VSB_CREATE_CLOUD");
		EXPECT_ERR(ioctl(s.cloud, VSB_CREATE_PROXY, bad[i]), EFAULT, "VSB_CREATE_PROXY");
		EXPECT_ERR(ioctl(s.cloud, VSB_SET_ON_CLOSE, bad[i]), EFAULT, "VSB_SET_ON_CLOSE");
		EXPECT_ERR(ioctl(s.cloud, VSB_SET_IRQ, bad[i]), EFAULT, "VSB_SET_IRQ");
		EXPECT_ERR(ioctl(s.cloud, VSB_GET_USERVM, bad[i]), EFAULT, "VSB_GET_USERVM");
		EXPECT_ERR(ioctl(s.proxy, VSB_GET_USERVM, bad[i]), EFAULT, "VSB_GET_USERVM");
		EXPECT_ERR(ioctl(s.proxy, VSB_SET_KEY, bad[i]), EFAULT, "VSB_SET_KEY");
	}
}

void args_cloud_fd(void)
{
	struct test_vm v = vm_new();
	int dev = OK(vsb_open());
	struct foreign f[NR_FOREIGN];

	foreign_open(f, &v, dev, -1);
	for (int i = 0; i < NR_FOREIGN; i++)
		EXPECT_ERR(vsb_cloud(dev, f[i].fd, 0, 0), f[i].want, f[i].what);
	OK(vsb_cloud(dev, v.vm, 0, 0));
}

static void nothing(int sig)
{
	(void)sig;
}

/*
 * Signals while it is called: nothing is left of a call that was given up, and the next one works.
 * (The limit of the case is the same timer.)
 */
void args_interrupted(void)
{
	struct itimerval often = { { 0, 100 }, { 0, 100 } };
	struct sigaction sa = { .sa_handler = nothing };
	struct test_set s = set_new();
	struct test_vm v = vm_new();
	unsigned int interrupted = 0;

	OK(sigaction(SIGALRM, &sa, NULL));
	for (int i = 0; i < 60; i++) {
		struct vsb_create_proxy p = vsb_proxy_args(v.vm, "vm2");
		int fd = next_fd(), got, err;

		OK(setitimer(ITIMER_REAL, &often, NULL));
		got = i & 1 ? vsb_proxy(s.cloud, &p) : vsb_cloud(s.dev, v.vm, 0, 0);
		err = errno;
		alarm(TAP_PATIENCE);
		if (got >= 0) {
			OK(close(got));
			/* has been a proxy, and is dead */
			vm_close(&v);
			v = vm_new();
			continue;
		}
		CHECK_EQ(err, EINTR);
		CHECK_EQ(next_fd(), fd);
		interrupted++;
	}
	printf("# interrupted %u of 60\n", interrupted);
	OK(vsb_cloud(s.dev, v.vm, 0, 0));
}

void args_cloud_flags(void)
{
	struct test_vm v = vm_new();
	int dev = OK(vsb_open());
	struct vsb_create_cloud good = { .vm_fd = v.vm }, c;

	for (int bit = 0; bit < 32; bit++) {
		c = good;
		c.flags = 1u << bit;
		if (!(c.flags & VSB_CLOUD_ABSORB_ON_CLOSE))
			EXPECT_ERR(ioctl(dev, VSB_CREATE_CLOUD, &c), EINVAL, "a flag");
	}
	for (uint32_t policy = 2; policy; policy = policy * 2 + 1) {
		c = good;
		c.unclaimed = policy;
		EXPECT_ERR(ioctl(dev, VSB_CREATE_CLOUD, &c), EINVAL, "unclaimed");
		if (policy == ~0u)
			break;
	}
	for (unsigned int i = 0; i < sizeof(c.pad); i++) {
		c = good;
		((char *)c.pad)[i] = 1;
		EXPECT_ERR(ioctl(dev, VSB_CREATE_CLOUD, &c), EINVAL, "pad");
	}
	/* Nothing of it has attached the VM. */
	OK(close(OK(vsb_cloud(dev, v.vm, VSB_CLOUD_ABSORB_ON_CLOSE, VSB_UNCLAIMED_REFLECT))));
	OK(close(OK(vsb_cloud(dev, v.vm, 0, VSB_UNCLAIMED_ABSORB))));
}

void args_proxy_fd(void)
{
	struct test_set s = set_new();
	struct test_vm v = vm_new();
	struct foreign f[NR_FOREIGN];
	struct vsb_create_proxy p;

	foreign_open(f, &v, s.dev, s.cloud);
	for (int i = 0; i < NR_FOREIGN; i++) {
		p = vsb_proxy_args(f[i].fd, "vm2");
		EXPECT_ERR(vsb_proxy(s.cloud, &p), f[i].want, f[i].what);
	}
	p = vsb_proxy_args(v.vm, "vm2");
	OK(vsb_proxy(s.cloud, &p));
}

void args_proxy_flags(void)
{
	struct test_set s = set_new();
	struct test_vm v = vm_new();
	struct vsb_create_proxy good = vsb_proxy_args(v.vm, "vm2"), p;

	for (int bit = 0; bit < 32; bit++) {
		p = good;
		p.flags = 1u << bit;
		if (p.flags & ~(VSB_PROXY_REQUIRED | VSB_PROXY_NO_FRONT))
			EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, "a flag");
	}
	for (unsigned int i = 0; i < sizeof(p.pad); i++) {
		p = good;
		((char *)p.pad)[i] = 1;
		EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, "pad");
	}
	p = good;
	p.flags = VSB_PROXY_REQUIRED | VSB_PROXY_NO_FRONT;
	OK(close(OK(vsb_proxy(s.cloud, &p))));
	p = vsb_proxy_args(vm_new().vm, "vm2");
	OK(vsb_proxy(s.cloud, &p));
}

void args_proxy_timeout(void)
{
	static const uint32_t good[] = { 0, 1, 5000, 60000 };
	static const uint32_t bad[] = { 60001, 0x7fffffff, 0x80000000, 0xffffffff };
	struct test_set s = set_new();
	struct vsb_create_proxy p;
	struct test_vm v = vm_new();

	for (int i = 0; i < 4; i++) {
		p = vsb_proxy_args(v.vm, "vm2");
		p.timeout_ms = bad[i];
		EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, "timeout_ms");
	}
	for (int i = 0; i < 4; i++) {
		v = vm_new();
		p = vsb_proxy_args(v.vm, "vm2");
		p.timeout_ms = good[i];
		OK(close(OK(vsb_proxy(s.cloud, &p))));
	}
}

/* AMD, and a kernel that veils have been tried with. */
static bool host_has_veils(void)
{
	struct utsname u;
	int major, minor;

	OK(uname(&u));
	CHECK(sscanf(u.release, "%d.%d", &major, &minor) == 2);
	return !access("/sys/module/kvm_amd", F_OK) && (major < 6 || (major == 6 && minor < 13));
}

void args_proxy_veil(void)
{
	static const uint32_t good[] = { 1, 200, VSB_MAX_VEIL_MIB };
	static const uint32_t bad[] = { VSB_MAX_VEIL_MIB + 1, 0x80000000, 0xffffffff };
	struct test_set s = set_new();
	struct vsb_create_proxy p;
	struct test_vm v = vm_new();

	for (int i = 0; i < 3; i++) {
		p = vsb_proxy_args(v.vm, "vm2");
		p.veil_mib = bad[i];
		EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, "veil_mib");
	}
	for (int i = 0; i < 3; i++) {
		v = vm_new();
		p = vsb_proxy_args(v.vm, "vm2");
		p.veil_mib = good[i];
		if (host_has_veils())
			OK(close(OK(vsb_proxy(s.cloud, &p))));
		else
			EXPECT_ERR(vsb_proxy(s.cloud, &p), EOPNOTSUPP, "no veils here");
	}
}

void args_proxy_name(void)
{
	static const char *const bad[] = {
		"", ".", "-", "_", ".vm", "-vm", "_vm", "v m", " vm", "vm ", "v/m", "../vm", "vm\n",
		"vm\t", "vm:1", "vm,1", "vm%n", "vm\x7f", "v\x80m", "\xc3\xa4", "\xe4", "vm\x01",
	};
	static const char *const good[] = {
		"v", "0", "A.b-c_9", "vm..", "V--", "abcdefghijklmnopqrstuvwxyz01234",
	};
	struct test_set s = set_new();
	struct test_vm v = vm_new();
	struct vsb_create_proxy p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p = vsb_proxy_args(v.vm, bad[i]);
		EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, bad[i]);
	}
	p = vsb_proxy_args(v.vm, "");
	memset(p.name, 'a', sizeof(p.name));
	EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, "no NUL");
	for (unsigned int i = 4; i < VSB_NAME_LEN; i++) {
		p = vsb_proxy_args(v.vm, "vm2");
		p.name[i] = 'x';
		EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, "not padded with NUL");
	}
	p = vsb_proxy_args(v.vm, "vm1");
	EXPECT_ERR(vsb_proxy(s.cloud, &p), EEXIST, "a name that is taken");
	/* It is free again when its proxy is closed. */
	OK(close(s.proxy));
	OK(vsb_proxy(s.cloud, &p));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		v = vm_new();
		p = vsb_proxy_args(v.vm, good[i]);
		if (vsb_proxy(s.cloud, &p) < 0)
			FAIL("name '%s': %s", good[i], strerror(errno));
	}
}

struct range_case {
	const char *what;
	uint32_t nr;
	struct vsb_range r[4];
	bool ok;
};

#define P	VSB_DEV_PLAIN
#define U	VSB_DEV_16550
#define K	VSB_DEV_I8042
#define D	VSB_DEV_DEBUGCON

static const struct range_case range_cases[] = {
	{ "none: COM1", 0, {}, true },
	{ "one port", 1, { { 0x80, 0x80, P } }, true },
	{ "all ports", 1, { { 0, 0xffff, P } }, true },
	{ "the last port", 1, { { 0xffff, 0xffff, P } }, true },
	{ "neighbours", 2, { { 0x100, 0x10f, P }, { 0x110, 0x11f, P } }, true },
	{ "in falling order", 2, { { 0x110, 0x11f, P }, { 0x100, 0x10f, P } }, true },
	{ "a UART", 1, { { 0x2f8, 0x2ff, U } }, true },
	{ "two UARTs", 2, { { 0x3f8, 0x3ff, U }, { 0x2f8, 0x2ff, U } }, true },
	{ "a UART at the end", 1, { { 0xfff8, 0xffff, U } }, true },
	{ "last below first", 1, { { 0x81, 0x80, P } }, false },
	{ "last 0", 1, { { 0xffff, 0, P } }, false },
	{ "twice the same", 2, { { 0x80, 0x80, P }, { 0x80, 0x80, P } }, false },
	{ "overlap at the end", 2, { { 0x100, 0x110, P }, { 0x110, 0x11f, P } }, false },
	{ "overlap at the start", 2, { { 0x110, 0x11f, P }, { 0x100, 0x110, P } }, false },
	{ "one in another", 2, { { 0x100, 0x1ff, P }, { 0x180, 0x181, P } }, false },
	{ "another around one", 2, { { 0x180, 0x181, P }, { 0x100, 0x1ff, P } }, false },
	{ "first and third", 3, { { 0x80, 0x80, P }, { 0x90, 0x90, P }, { 0x80, 0x8f, P } }, false },
	{ "UART of 7", 1, { { 0x3f8, 0x3fe, U } }, false },
	{ "UART of 9", 1, { { 0x3f8, 0x400, U } }, false },
	{ "UART of 1", 1, { { 0x3f8, 0x3f8, U } }, false },
	{ "a keyboard", 2, { { 0x60, 0x60, K }, { 0x64, 0x64, K } }, true },
	{ "a keyboard, a UART between", 3,
	  { { 0x64, 0x64, K }, { 0x3f8, 0x3ff, U }, { 0x60, 0x60, K } }, true },
	{ "half a keyboard", 1, { { 0x60, 0x60, K } }, false },
	{ "the other half", 2, { { 0x3f8, 0x3ff, U }, { 0x64, 0x64, K } }, false },
	{ "half of it plain", 2, { { 0x60, 0x60, P }, { 0x64, 0x64, K } }, false },
	{ "a keyboard of 5", 1, { { 0x60, 0x64, K } }, false },
	{ "a keyboard elsewhere", 2, { { 0x60, 0x60, K }, { 0x65, 0x65, K } }, false },
	{ "debug consoles", 2, { { 0xe9, 0xe9, D }, { 0x402, 0x402, D } }, true },
	{ "unknown device", 1, { { 0x3f8, 0x3ff, 4 } }, false },
	{ "unknown device, high", 1, { { 0x3f8, 0x3ff, 0x8000 } }, false },
	{ "pad", 1, { { 0x3f8, 0x3ff, P, 1 } }, false },
	{ "pad of the second", 2, { { 0x3f8, 0x3ff, P }, { 0x80, 0x80, P, 0x8000 } }, false },
	{ "unused but set: first", 1, { { 0x80, 0x80, P }, { .first = 1 } }, false },
	{ "unused but set: last", 1, { { 0x80, 0x80, P }, { .last = 1 } }, false },
	{ "unused but set: device", 1, { { 0x80, 0x80, P }, { .device = 1 } }, false },
	{ "unused but set: pad", 1, { { 0x80, 0x80, P }, {}, {}, { .pad = 1 } }, false },
	{ "nr 0 with a range", 0, { { 0x3f8, 0x3ff, U } }, false },
	{ "17 ranges", 17, {}, false },
	{ "0x80000000 ranges", 0x80000000, {}, false },
	{ "0xffffffff ranges", 0xffffffff, {}, false },
};

void args_proxy_ranges(void)
{
	struct test_set s = set_new();
	struct vsb_create_proxy p;
	struct test_vm v = vm_new();

	for (size_t i = 0; i < sizeof(range_cases) / sizeof(range_cases[0]); i++) {
		const struct range_case *r = &range_cases[i];

		p = vsb_proxy_args(v.vm, "vm2");
		p.nr_ranges = r->nr;
		memcpy(p.ranges, r->r, sizeof(r->r));
		if (!r->ok) {
			EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, r->what);
			continue;
		}
		if (close(vsb_proxy(s.cloud, &p)))
			FAIL("%s: %s", r->what, strerror(errno));
		v = vm_new();	/* a proxy's VM is one for good */
	}
	/* Other user VMs may have the same ports; and the most there may be. */
	p = vsb_proxy_args(v.vm, "vm2");
	p.nr_ranges = VSB_MAX_RANGES;
	for (int i = 0; i < VSB_MAX_RANGES; i++)
		p.ranges[i] = (struct vsb_range){ 0x3f8 + 16 * i, 0x3ff + 16 * i, U, 0 };
	OK(vsb_proxy(s.cloud, &p));
}

void args_registered_twice(void)
{
	struct test_set s = set_new();
	struct test_vm other = vm_new();
	struct vsb_create_proxy p;
	int cloud2;

	EXPECT_ERR(vsb_cloud(s.dev, s.cloud_vm.vm, 0, 0), EBUSY, "cloud as cloud");
	EXPECT_ERR(vsb_cloud(s.dev, OK(dup(s.cloud_vm.vm)), 0, 0) < 0 && errno == EBUSY ?
		   (close(next_fd() - 1), errno = EBUSY, -1) : 0, EBUSY, "by another number");
	EXPECT_ERR(vsb_cloud(s.dev, s.proxy_vm.vm, 0, 0), EBUSY, "proxy as cloud");
	p = vsb_proxy_args(s.proxy_vm.vm, "vm2");
	EXPECT_ERR(vsb_proxy(s.cloud, &p), EBUSY, "proxy as proxy");
	p = vsb_proxy_args(s.cloud_vm.vm, "vm2");
	EXPECT_ERR(vsb_proxy(s.cloud, &p), EBUSY, "cloud as its own proxy");
	cloud2 = OK(vsb_cloud(s.dev, other.vm, 0, 0));
	EXPECT_ERR(vsb_proxy(cloud2, &p), EBUSY, "cloud as proxy of another");
	p = vsb_proxy_args(s.proxy_vm.vm, "vm2");
	EXPECT_ERR(vsb_proxy(cloud2, &p), EBUSY, "proxy as proxy of another");
	/* All is as it was. */
	p = vsb_proxy_args(vm_new().vm, "vm2");
	OK(vsb_proxy(s.cloud, &p));
	/* The cloud VM can be attached again once it is closed. */
	OK(close(cloud2));
	OK(vsb_cloud(s.dev, other.vm, 0, 0));
}

void args_start(void)
{
	struct test_set s = set_new();

	CHECK_ERR(ioctl(s.cloud, VSB_START, 1), EINVAL);
	CHECK_ERR(ioctl(s.cloud, VSB_START, -1ul), EINVAL);
	OK(ioctl(s.cloud, VSB_START, 0));
	CHECK_ERR(ioctl(s.cloud, VSB_START, 0), EALREADY);
}

void args_on_close(void)
{
	struct test_set s = set_new();
	uint32_t flags;

	for (int bit = 0; bit < 32; bit++) {
		flags = 1u << bit;
		if (flags & VSB_CLOUD_ABSORB_ON_CLOSE)
			OK(ioctl(s.cloud, VSB_SET_ON_CLOSE, &flags));
		else
			CHECK_ERR(ioctl(s.cloud, VSB_SET_ON_CLOSE, &flags), EINVAL);
	}
	flags = 0;
	OK(ioctl(s.cloud, VSB_SET_ON_CLOSE, &flags));
}

/* Each bit alone, and what goes together. */
void args_set_irq(void)
{
	static const uint32_t good[] = {
		VSB_IRQ_EVENTS, VSB_IRQ_EXITS, VSB_IRQ_EVENTS | VSB_IRQ_EXITS,
		VSB_IRQ_EXITS | VSB_IRQ_DIRECT,
		VSB_IRQ_EVENTS | VSB_IRQ_EXITS | VSB_IRQ_DIRECT,
	};
	struct test_set s = set_new();
	uint32_t irq = 0;

	EXPECT_ERR(ioctl(s.cloud, VSB_SET_IRQ, &irq), EINVAL, "none");
	for (int bit = 0; bit < 32; bit++) {
		irq = 1u << bit;
		if (irq & (VSB_IRQ_EVENTS | VSB_IRQ_EXITS))
			OK(ioctl(s.cloud, VSB_SET_IRQ, &irq));
		else
			EXPECT_ERR(ioctl(s.cloud, VSB_SET_IRQ, &irq), EINVAL, "a bit");
		if (irq & (VSB_IRQ_EVENTS | VSB_IRQ_EXITS | VSB_IRQ_DIRECT))
			continue;
		irq |= VSB_IRQ_EVENTS | VSB_IRQ_EXITS;
		EXPECT_ERR(ioctl(s.cloud, VSB_SET_IRQ, &irq), EINVAL, "a bit beside known ones");
	}
	irq = VSB_IRQ_EVENTS | VSB_IRQ_DIRECT;
	EXPECT_ERR(ioctl(s.cloud, VSB_SET_IRQ, &irq), EINVAL, "VSB_IRQ_DIRECT without exits");
	irq = ~0u;
	EXPECT_ERR(ioctl(s.cloud, VSB_SET_IRQ, &irq), EINVAL, "all");
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
			irq = good[i];
			OK(ioctl(s.cloud, VSB_SET_IRQ, &irq));
			OK(ioctl(s.cloud, VSB_SET_IRQ, &irq));
			CHECK_EQ(irq, good[i]);
		}
		if (!round)
			OK(ioctl(s.cloud, VSB_START, 0));
	}
}

void args_freeze(void)
{
	struct test_set s = set_new();

	CHECK_ERR(ioctl(s.cloud, VSB_FREEZE, VSB_MAX_FREEZE_MS + 1), EINVAL);
	CHECK_ERR(ioctl(s.cloud, VSB_FREEZE, -1ul), EINVAL);
	CHECK_ERR(ioctl(s.cloud, VSB_FREEZE, 1ul << 32), EINVAL);
	OK(ioctl(s.cloud, VSB_FREEZE, VSB_MAX_FREEZE_MS));
	/* Again: longer, shorter, not at all. */
	OK(ioctl(s.cloud, VSB_FREEZE, 1));
	OK(ioctl(s.cloud, VSB_FREEZE, 0));
	OK(ioctl(s.cloud, VSB_FREEZE, 0));
	OK(ioctl(s.cloud, VSB_START, 0));
	OK(ioctl(s.cloud, VSB_FREEZE, VSB_MAX_FREEZE_MS));
}

void args_count_unbound(void)
{
	struct test_set s = set_new();

	CHECK_ERR(ioctl(s.cloud, VSB_COUNT_UNBOUND, 1), EINVAL);
	CHECK_ERR(ioctl(s.cloud, VSB_COUNT_UNBOUND, -1ul), EINVAL);
	CHECK_EQ(OK(ioctl(s.cloud, VSB_COUNT_UNBOUND, 0)), 0);
}

void args_get_uservm(void)
{
	struct test_set s = set_new();
	struct vsb_uservm u;
	unsigned char *b = (unsigned char *)&u;

	CHECK_ERR(vsb_uservm(s.cloud, 0, &u), ENOENT);
	CHECK_ERR(vsb_uservm(s.cloud, 1, &u), ENOENT);
	CHECK_ERR(vsb_uservm(s.cloud, ~0u, &u), ENOENT);
	CHECK_ERR(vsb_uservm(s.proxy, 0, &u), ENOENT);
	CHECK_ERR(vsb_uservm(s.proxy, ~0u, &u), ENOENT);
	for (unsigned int i = sizeof(u.index); i < sizeof(u); i++) {
		memset(&u, 0, sizeof(u));
		b[i] = 1;
		CHECK_ERR(ioctl(s.cloud, VSB_GET_USERVM, &u), EINVAL);
		CHECK_ERR(ioctl(s.proxy, VSB_GET_USERVM, &u), EINVAL);
	}
}

void args_unbind(void)
{
	struct test_set s = set_new();

	CHECK_ERR(ioctl(s.proxy, VSB_UNBIND, 0), ENOENT);
	CHECK_ERR(ioctl(s.proxy, VSB_UNBIND, 1), EINVAL);
}

/* In the order in which it looks; without a user VM. */
void args_give_back(void)
{
	struct test_set s = set_new();
	uint32_t irq = VSB_IRQ_EVENTS | VSB_IRQ_EXITS;

	for (int round = 0; round < 2; round++) {
		CHECK_ERR(ioctl(s.proxy, VSB_GIVE_BACK, 1), EINVAL);
		CHECK_ERR(ioctl(s.proxy, VSB_GIVE_BACK, 1ul << 32), EINVAL);
		CHECK_ERR(ioctl(s.proxy, VSB_GIVE_BACK, -1ul), EINVAL);
		CHECK_ERR(ioctl(s.proxy, VSB_GIVE_BACK, 0), EOPNOTSUPP);
		OK(ioctl(s.cloud, VSB_SET_IRQ, &irq));
		CHECK_ERR(ioctl(s.proxy, VSB_GIVE_BACK, 0), EBUSY);
		OK(ioctl(s.cloud, VSB_FREEZE, VSB_MAX_FREEZE_MS));
		CHECK_ERR(ioctl(s.proxy, VSB_GIVE_BACK, 0), ENOENT);
		CHECK_ERR(ioctl(s.proxy, VSB_GIVE_BACK, 1), EINVAL);
		OK(ioctl(s.cloud, VSB_FREEZE, 0));
		CHECK_ERR(ioctl(s.proxy, VSB_GIVE_BACK, 0), EBUSY);
		irq = VSB_IRQ_EVENTS;
		OK(ioctl(s.cloud, VSB_SET_IRQ, &irq));
		irq |= VSB_IRQ_EXITS;
		if (!round)
			OK(ioctl(s.cloud, VSB_START, 0));
	}
}

/* A proxy without a VM. */
void args_rests(void)
{
	static const int fds[] = { 0, 1, 777, 0x7fffffff, -2, (int)0x80000000 };
	struct test_set s = set_new();
	struct test_vm v = vm_new();
	struct vsb_create_proxy good = vsb_proxy_args(-1, "vm2"), p;
	struct pollfd pollfd = { .events = POLLIN };
	struct vsb_event e;

	EXPECT_ERR(vsb_proxy(s.cloud, &good), EBADF, "without the flag");
	good.flags = VSB_PROXY_RESTS;
	for (int i = 0; i < 6; i++) {
		p = good;
		p.vm_fd = fds[i];
		EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, "a number");
	}
	p = good;
	p.vm_fd = v.vm;
	EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, "a VM");
	/* The memory of its card would be that of a VM. */
	p = good;
	p.nr_ranges = 2;
	p.ranges[0] = (struct vsb_range){ 0x3b0, 0x3df, VSB_DEV_VGA, 0 };
	p.ranges[1] = (struct vsb_range){ 0x1ce, 0x1d1, VSB_DEV_VGA, 0 };
	p.vram_mib = 8;
	EXPECT_ERR(vsb_proxy(s.cloud, &p), EINVAL, "a graphics card");
	p = good;
	strcpy(p.name, "vm1");
	EXPECT_ERR(vsb_proxy(s.cloud, &p), EEXIST, "a name that is taken");

	pollfd.fd = OK(vsb_proxy(s.cloud, &good));
	EXPECT_ERR(vsb_proxy(s.cloud, &good), EEXIST, "its name is, too");
	CHECK_EQ(OK(poll(&pollfd, 1, 0)), 0);
	CHECK_ERR(ioctl(pollfd.fd, VSB_UNBIND, 0), ENOENT);
	CHECK_ERR(ioctl(pollfd.fd, VSB_GET_MEMORY, 0), ENOENT);
	OK(close(pollfd.fd));
	good.flags |= VSB_PROXY_REQUIRED | VSB_PROXY_NO_FRONT;
	pollfd.fd = OK(vsb_proxy(s.cloud, &good));
	OK(close(s.cloud));
	CHECK_EQ(OK(poll(&pollfd, 1, 0)), 1);
	CHECK_EQ(pollfd.revents, POLLHUP);
	CHECK_EQ(OK(read(pollfd.fd, &e, sizeof(e))), 0);
	CHECK_ERR(ioctl(pollfd.fd, VSB_SET_VM, (long)v.vm), ESRCH);
}

/* The VM of one that has none: once, and a wrong one changes nothing. */
void args_set_vm(void)
{
	struct test_set s = set_new();
	struct test_vm v = vm_new(), other = vm_new();
	struct vsb_create_proxy p = vsb_proxy_args(-1, "vm2");
	struct kvm_irq_level l = { .irq = 4, .level = 1 };
	struct foreign f[NR_FOREIGN];
	struct vsb_event e;
	int proxy;

	CHECK_ERR(ioctl(s.proxy, VSB_SET_VM, (long)v.vm), EEXIST);
	p.flags = VSB_PROXY_RESTS;
	proxy = OK(vsb_proxy(s.cloud, &p));
	foreign_open(f, &v, s.dev, s.cloud);
	for (int i = 0; i < NR_FOREIGN; i++)
		EXPECT_ERR(ioctl(proxy, VSB_SET_VM, (long)f[i].fd), f[i].want, f[i].what);
	EXPECT_ERR(ioctl(proxy, VSB_SET_VM, 1ul << 32 | v.vm), EBADF, "more than an int");
	EXPECT_ERR(ioctl(proxy, VSB_SET_VM, (long)s.cloud_vm.vm), EBUSY, "the cloud VM");
	EXPECT_ERR(ioctl(proxy, VSB_SET_VM, (long)s.proxy_vm.vm), EBUSY, "another proxy's");
	/* Neither is one of its lines before. */
	OK(ioctl(v.vm, KVM_IRQ_LINE, &l));
	OK(ioctl(proxy, VSB_SET_VM, (long)v.vm));
	CHECK_ERR(ioctl(proxy, VSB_SET_VM, (long)v.vm), EEXIST);
	CHECK_ERR(ioctl(proxy, VSB_SET_VM, (long)other.vm), EEXIST);
	CHECK_ERR(ioctl(proxy, VSB_SET_VM, -1l), EBADF);
	OK(ioctl(v.vm, KVM_IRQ_LINE, &l));
	CHECK_EQ(OK(read(proxy, &e, sizeof(e))), sizeof(e));
	CHECK_EQ(e.type, VSB_EVENT_IRQ);
	CHECK_EQ(e.gsi, 4);
	OK(close(proxy));
	/* Its VM is one for good, and dead; the name is free. */
	CHECK_ERR(ioctl(v.vm, KVM_IRQ_LINE, &l), EIO);
	proxy = OK(vsb_proxy(s.cloud, &p));
	OK(ioctl(proxy, VSB_SET_VM, (long)other.vm));
	OK(close(s.cloud));
	CHECK_ERR(ioctl(other.vm, KVM_IRQ_LINE, &l), EIO);
}

void args_set_key(void)
{
	struct test_set s = set_new();
	struct vsb_create_proxy p;
	struct vsb_key good, k;
	int proxy;

	memset(&good, 0, sizeof(good));
	EXPECT_ERR(ioctl(s.proxy, VSB_SET_KEY, &good), EINVAL, "a key of 0");
	good.key[31] = 1;
	for (unsigned int i = 0; i < sizeof(k.pad); i++) {
		k = good;
		((char *)k.pad)[i] = 1;
		EXPECT_ERR(ioctl(s.proxy, VSB_SET_KEY, &k), EINVAL, "pad");
	}
	OK(ioctl(s.proxy, VSB_SET_KEY, &good));
	CHECK_ERR(ioctl(s.proxy, VSB_SET_KEY, &good), EEXIST);
	good.key[0] = 1;
	CHECK_ERR(ioctl(s.proxy, VSB_SET_KEY, &good), EEXIST);
	/* One that claims the very ports, or one of them. */
	for (int i = 0; i < 4; i++) {
		static const struct vsb_range ranges[] = {
			{ VSB_ID_PORT, VSB_ID_PORT, P, 0 },
			{ VSB_ID_PORT + VSB_ID_NR_PORTS - 1, 0xffff, P, 0 },
			{ VSB_ID_PORT - 1, VSB_ID_PORT - 1, P, 0 },
			{ VSB_ID_PORT + VSB_ID_NR_PORTS, 0xffff, P, 0 },
		};

		p = vsb_proxy_args(vm_new().vm, "vm2");
		p.nr_ranges = 1;
		p.ranges[0] = ranges[i];
		proxy = OK(vsb_proxy(s.cloud, &p));
		if (i < 2)
			CHECK_ERR(ioctl(proxy, VSB_SET_KEY, &good), EINVAL);
		else
			OK(ioctl(proxy, VSB_SET_KEY, &good));
		OK(close(proxy));
	}
	/* Two user VMs with one key: their owner's affair. */
	p = vsb_proxy_args(vm_new().vm, "vm2");
	p.flags = VSB_PROXY_REQUIRED;
	proxy = OK(vsb_proxy(s.cloud, &p));
	OK(ioctl(proxy, VSB_SET_KEY, &good));
}

/* A pool takes VSB_MAX_PROXIES and not one more. */
void args_pool_full(void)
{
	struct rlimit lim = { 16384, 16384 };
	int dev = OK(vsb_open()), kvm = vm_new().kvm;
	int cloud = OK(vsb_cloud(dev, vm_new().vm, 0, 0)), last = -1;
	struct vsb_create_proxy p;
	char name[VSB_NAME_LEN];

	OK(setrlimit(RLIMIT_NOFILE, &lim));
	for (int i = 0; i < VSB_MAX_PROXIES; i++) {
		snprintf(name, sizeof(name), "vm%d", i);
		p = vsb_proxy_args(OK(ioctl(kvm, KVM_CREATE_VM, 0)), name);
		last = vsb_proxy(cloud, &p);
		if (last < 0)
			FAIL("proxy %d: %s", i, strerror(errno));
	}
	p = vsb_proxy_args(OK(ioctl(kvm, KVM_CREATE_VM, 0)), "onemore");
	CHECK_ERR(vsb_proxy(cloud, &p), ENOSPC);
	OK(close(last));
	OK(vsb_proxy(cloud, &p));
}
