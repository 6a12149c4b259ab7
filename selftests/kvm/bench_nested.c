// SPDX-License-Identifier: GPL-2.0
/*
 * What nested exits cost, in ticks of the TSC; in an emulator that counts
 * instructions: in those. Usage: bench_nested MODULE.ko
 *
 * Of 2000 of a kind the least: of the price itself, all are alike, and some pay for
 * a timer's interrupt, too. Prints "NAME VALUE" lines.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#include "card.h"
#include "module.h"
#include "proxy.h"
#include "tap.h"

#define WARM_UP	200
#define TIMES	2000
#define SENT	16384

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void time_op(struct cloud *c, const char *name, struct op op)
{
	uint32_t *ticks = (uint32_t *)c->mbox->buf;

	op.count = WARM_UP;
	l2_run(c, 0, &op, 1);
	op.count = TIMES;
	l2_run(c, 0, &op, 1);
	qsort(ticks, TIMES, sizeof(*ticks), by_value);
	printf("%s %u\n", name, ticks[0]);
	printf("%s_median %u\n", name, ticks[TIMES / 2]);
	fflush(stdout);
}

/* All of it: the user VM's accesses, and the proxy's until the last byte has gone. */
static void time_send(struct cloud *c, struct proxy *p)
{
	struct op send = { .kind = OP_SEND, .port = COM1, .count = SENT };
	struct model *m = &p->shm->uart16550;
	uint32_t from;
	uint64_t begin;

	L2_RUN(c, 0, OUT(COM1 + 2, 1, 0x07));
	usleep(20000);
	from = m->nr_sent;
	begin = rdtsc();
	l2_run(c, 0, &send, 1);
	WAIT_FOR(*(volatile uint32_t *)&m->nr_sent - from >= SENT);
	printf("send_front %llu\n", (unsigned long long)(rdtsc() - begin) / SENT);
	CHECK_EQ(m->lost, 0);
}

/* Another user VM of the cloud VM has a screen. Return: its proxy. */
static int card_add(struct cloud *c)
{
	int kvm = OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	int vm = OK(ioctl(kvm, KVM_CREATE_VM, 0));
	struct vsb_create_proxy p;

	OK(ioctl(vm, KVM_CREATE_IRQCHIP, 0));
	OK(ioctl(vm, KVM_CREATE_VCPU, 0));
	card_memory(vm, 0);
	p = card_args(vm);
	return OK(vsb_proxy(c->fd, &p));
}

int main(int argc, char **argv)
{
	static const struct op cpuid = { .kind = OP_CPUID };
	static const struct op out = { .kind = OP_TIMED_OUT, .port = COM1 + 7, .value = 0x5a };
	struct cloud *c = cloud_new();
	struct proxy *p;
	int screen;

	module_set_path(argv[argc - 1]);
	CHECK(!module_loaded());
	time_op(c, "cpuid_without", cpuid);
	time_op(c, "out_reflected", out);
	OK(module_load());
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	cloud_start(c);
	time_op(c, "cpuid_no_proxy", cpuid);
	p = proxy_add_uart(c, "vm1", true);
	time_op(c, "out_front", out);
	CHECK_EQ(L1_EXITS(c), 0);
	time_send(c, p);
	time_op(c, "cpuid_with", cpuid);
	screen = card_add(c);
	time_op(c, "cpuid_screen", cpuid);
	OK(close(screen));
	proxy_close(p);
	proxy_kill(p);
	cloud_close(c);
	OK(module_unload());
	return 0;
}
