// SPDX-License-Identifier: GPL-2.0
/*
 * Every place where a call could find no memory, or a bad pointer, does once: the call fails with
 * an error that is documented, nothing is left of it, and the next one works.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "faults.h"
#include "faults_cases.h"
#include "faults_each.h"
#include "ioctl_vm.h"
#include "tap.h"
#include "vsb.h"

static struct test_set s;

static void close_it(long fd)
{
	OK(close(fd));
}

static void nothing(long ret)
{
}

/* A cloud VM, and what there is of it */

static long create_cloud(void)
{
	return vsb_cloud(s.dev, s.cloud_vm.vm, 0, 0);
}

void faults_cloud(void)
{
	faults_begin();
	s.cloud_vm = vm_new();
	s.dev = OK(vsb_open());
	CHECK(each_place("VSB_CREATE_CLOUD", create_cloud, close_it) > 1);
}

/* For which KVM's functions are redirected, each time: that takes seconds. */
void faults_first_cloud(void)
{
	faults_begin();
	s.cloud_vm = vm_new();
	s.dev = OK(vsb_open());
	CHECK(some_places("VSB_CREATE_CLOUD, the first", create_cloud, close_it, 4) > 1);
}

static long take_over(void)
{
	return vsb_cloud(s.dev, s.cloud_vm.vm, VSB_CLOUD_ABSORB_ON_CLOSE, 0);
}

/* One that goes on absorbing is attached again. */
void faults_take_over(void)
{
	uint32_t flags = VSB_CLOUD_ABSORB_ON_CLOSE;

	faults_begin();
	s = set_new();
	OK(ioctl(s.cloud, VSB_SET_ON_CLOSE, &flags));
	OK(vsb_start(s.cloud));
	OK(close(s.cloud));
	CHECK(each_place("VSB_CREATE_CLOUD again", take_over, close_it) > 1);
	/* Let go of, so that the module can be unloaded. */
	OK(close(OK(vsb_cloud(s.dev, s.cloud_vm.vm, 0, 0))));
}

static long create_proxy(void)
{
	struct vsb_create_proxy p = vsb_proxy_args(s.proxy_vm.vm, "vm2");

	return vsb_proxy(s.cloud, &p);
}

/* A VM is no other's proxy any more: each needs one of its own. */
static void close_proxy(long fd)
{
	OK(close(fd));
	vm_close(&s.proxy_vm);
	s.proxy_vm = vm_new();
}

void faults_proxy(void)
{
	faults_begin();
	s = set_new();
	s.proxy_vm = vm_new();
	CHECK(each_place("VSB_CREATE_PROXY", create_proxy, close_proxy) > 1);
}

static int resting;

static long set_vm(void)
{
	return ioctl(resting, VSB_SET_VM, (long)s.proxy_vm.vm);
}

static void close_resting(long ret)
{
	struct vsb_create_proxy p = vsb_proxy_args(-1, "vm2");

	close_proxy(resting);
	p.flags = VSB_PROXY_RESTS;
	resting = OK(vsb_proxy(s.cloud, &p));
}

/* It has none as before, and takes it the next time. */
void faults_set_vm(void)
{
	struct vsb_create_proxy p = vsb_proxy_args(-1, "vm2");

	faults_begin();
	s = set_new();
	s.proxy_vm = vm_new();
	p.flags = VSB_PROXY_RESTS;
	resting = OK(vsb_proxy(s.cloud, &p));
	CHECK(each_place("VSB_SET_VM", set_vm, close_resting) > 1);
}

static long set_key(void)
{
	struct vsb_key k = { .key = { 1 } };

	return ioctl(s.proxy, VSB_SET_KEY, &k);
}

/* It is had once: the next one is another proxy's. */
static void next_proxy(long ret)
{
	OK(close(s.proxy));
	vm_close(&s.proxy_vm);
	s.proxy_vm = vm_new();
	s.proxy = OK(create_proxy());
}

void faults_key(void)
{
	faults_begin();
	s = set_new();
	CHECK(each_place("VSB_SET_KEY", set_key, next_proxy) > 1);
}

static long start(void)
{
	return vsb_start(s.cloud);
}

static void next_cloud(long ret)
{
	OK(close(s.cloud));
	s.cloud = OK(create_cloud());
}

void faults_start(void)
{
	faults_begin();
	s = set_new();
	each_place("VSB_START", start, next_cloud);
}

/* Calls that need no memory but the caller's */

static long set_irq(void)
{
	uint32_t irq = VSB_IRQ_EVENTS | VSB_IRQ_EXITS;

	return ioctl(s.cloud, VSB_SET_IRQ, &irq);
}

static long set_on_close(void)
{
	uint32_t flags = 0;

	return ioctl(s.cloud, VSB_SET_ON_CLOSE, &flags);
}

static long freeze(void)
{
	return ioctl(s.cloud, VSB_FREEZE, 1);
}

static long count_unbound(void)
{
	return ioctl(s.cloud, VSB_COUNT_UNBOUND, 0);
}

static long report_all(void)
{
	return ioctl(s.proxy, VSB_REPORT_ALL, 0);
}

void faults_calls(void)
{
	faults_begin();
	s = set_new();
	CHECK(each_place("VSB_SET_IRQ", set_irq, nothing) > 1);
	CHECK(each_place("VSB_SET_ON_CLOSE", set_on_close, nothing) > 1);
	each_place("VSB_FREEZE", freeze, nothing);
	each_place("VSB_COUNT_UNBOUND", count_unbound, nothing);
	each_place("VSB_REPORT_ALL", report_all, nothing);
}

/* An event that could not be copied is not lost. */
void faults_events(void)
{
	struct kvm_irq_level line = { .irq = 4, .level = 1 };
	struct vsb_event e[4];
	bool seen = false;
	ssize_t n;

	faults_begin();
	s = set_new();
	OK(fcntl(s.proxy, F_SETFL, O_NONBLOCK));
	CHECK_ERR(read(s.proxy, e, sizeof(e)), EAGAIN);
	OK(ioctl(s.proxy_vm.vm, KVM_IRQ_LINE, &line));
	fault_at(1);
	n = read(s.proxy, e, sizeof(e));
	CHECK(fault_happened());
	CHECK_EQ(n, -1);
	n = OK(read(s.proxy, e, sizeof(e)));
	for (size_t i = 0; i < n / sizeof(e[0]); i++)
		seen |= e[i].type == VSB_EVENT_IRQ && e[i].gsi == 4 && e[i].level;
	CHECK(seen);
}
