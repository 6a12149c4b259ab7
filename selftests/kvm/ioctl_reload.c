// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's modules are unloaded and loaded anew while ours stays, or comes. Nothing that
 * was found in the old ones may be called.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ioctl_cases.h"
#include "ioctl_vm.h"
#include "module.h"
#include "tap.h"
#include "vsb.h"

/* Rounds of a race; VSB_CYCLES in the environment: another number. */
#define ROUNDS	12

static const char *vendor;		/* kvm_intel or kvm_amd */
static char kvm_args[64];

static void find_kvm(void)
{
	char path[] = "/sys/module/kvm/parameters/min_timer_period_us", value[16] = "";
	FILE *f = fopen(path, "r");

	if (!getenv("VSB_KVM_MODULES"))
		tap_skip("VSB_KVM_MODULES does not say where KVM's modules are");
	vendor = access("/sys/module/kvm_amd", F_OK) ? "kvm_intel" : "kvm_amd";
	CHECK(!access("/sys/module/kvm", F_OK));
	/* It stays as the lab has set it. */
	CHECK(f);
	CHECK(fgets(value, sizeof(value), f));
	fclose(f);
	value[strcspn(value, "\n")] = 0;
	snprintf(kvm_args, sizeof(kvm_args), "min_timer_period_us=%s", value);
}

static void load(const char *name, const char *args)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.ko", getenv("VSB_KVM_MODULES"), name);
	fd = OK(open(path, O_RDONLY | O_CLOEXEC));
	OK(syscall(SYS_finit_module, fd, args, 0));
	close(fd);
}

static int try_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

/* The last user may still be on its way out. */
static void unload(const char *name)
{
	WAIT_FOR(!try_unload(name));
}

static void unload_kvm(bool both)
{
	unload(vendor);
	if (both)
		unload("kvm");
}

static void load_kvm(bool both)
{
	if (both)
		load("kvm", kvm_args);
	load(vendor, getenv("VSB_KVM_OPTIONS") ?: "nested=1");
}

static void attach_and_close(void)
{
	struct test_set s = set_new();

	OK(vsb_start(s.cloud));
	OK(close(s.cloud));
	OK(close(s.proxy));
	OK(close(s.dev));
	vm_close(&s.cloud_vm);
	vm_close(&s.proxy_vm);
}

static void attach_foreign(void)
{
	struct foreign f[NR_FOREIGN];
	struct test_vm v = vm_new();
	int dev = OK(vsb_open());

	foreign_open(f, &v, dev, -1);
	for (int i = 0; i < NR_FOREIGN; i++) {
		if (vsb_cloud(dev, f[i].fd, 0, 0) >= 0)
			FAIL("%s was taken for a VM", f[i].what);
		if (errno != f[i].want)
			FAIL("%s: %s, wanted %s", f[i].what, strerror(errno), strerror(f[i].want));
	}
}

/* In a process: what foreign_open() opens ends with it. */
static void in_child(void (*fn)(void))
{
	pid_t pid = OK(fork());
	int status;

	if (!pid) {
		fn();
		_exit(0);
	}
	CHECK_EQ(OK(waitpid(pid, &status, 0)), pid);
	CHECK_EQ(status, 0);
}

/* What is asked first of the new KVM: a VM, a descriptor that is none, a load of ours. */
void reload_vm_first(void)
{
	find_kvm();
	for (int both = 0; both < 2; both++) {
		in_child(attach_and_close);
		unload_kvm(both);
		load_kvm(both);
		in_child(attach_and_close);
	}
	/* As the module has not been asked yet since it was loaded. */
	OK(module_unload());
	OK(module_load());
	unload_kvm(true);
	load_kvm(true);
	in_child(attach_and_close);
}

void reload_foreign_first(void)
{
	find_kvm();
	for (int both = 0; both < 2; both++) {
		unload_kvm(both);
		load_kvm(both);
		in_child(attach_foreign);
		in_child(attach_and_close);
	}
}

void reload_gone(void)
{
	int dev, null = OK(open("/dev/null", O_RDWR));

	find_kvm();
	dev = OK(vsb_open());
	for (int both = 0; both < 2; both++) {
		unload_kvm(both);
		CHECK_ERR(vsb_cloud(dev, null, 0, 0), ENODEV);
		load_kvm(both);
	}
	/* A KVM that has nothing of what we need. */
	unload_kvm(false);
	load(vendor, "nested=0");
	CHECK_ERR(vsb_cloud(dev, null, 0, 0), EOPNOTSUPP);
	unload_kvm(false);
	load_kvm(false);
	in_child(attach_and_close);
}

static void refused(const char *name, const char *when)
{
	if (!try_unload(name))
		FAIL("%s could be unloaded while %s", name, when);
	if (errno != EAGAIN && errno != EBUSY)
		FAIL("%s while %s: %s", name, when, strerror(errno));
}

/* It stays as long as anything is attached, also if its own users have gone. */
void reload_held(void)
{
	struct test_set s;

	find_kvm();
	s = set_new();
	OK(vsb_start(s.cloud));
	vm_close(&s.cloud_vm);
	vm_close(&s.proxy_vm);
	refused(vendor, "a cloud VM is attached");
	refused("kvm", "a cloud VM is attached");
	OK(close(s.cloud));
	refused(vendor, "a proxy fd is open");
	OK(close(s.proxy));
	unload_kvm(true);
	load_kvm(true);
	in_child(attach_and_close);
}

static volatile bool racing;

static void *ask(void *arg)
{
	int dev = OK(vsb_open()), null = OK(open("/dev/null", O_RDWR));

	while (racing) {
		if (vsb_cloud(dev, null, 0, 0) >= 0 || (errno != EINVAL && errno != ENODEV))
			FAIL("no VM: %s", strerror(errno));
		usleep(1000);	/* else KVM is never without us */
	}
	close(null);
	close(dev);
	return arg;
}

static void *load_ours(void *arg)
{
	while (racing) {
		if (!module_load())
			WAIT_FOR(!module_unload());
		else if (errno != ENODEV)
			FAIL("insmod: %s", strerror(errno));
	}
	return arg;
}

static void race(void *(*other)(void *))
{
	const char *cycles = getenv("VSB_CYCLES");
	int rounds = cycles ? atoi(cycles) : ROUNDS;
	pthread_t t;

	find_kvm();
	CHECK(rounds > 0);
	tap_one_cpu_on_tcg();
	racing = true;
	CHECK_EQ(pthread_create(&t, NULL, other, NULL), 0);
	for (int i = 0; i < rounds; i++) {
		unload_kvm(i & 1);
		usleep(i * 1000);
		load_kvm(i & 1);
		usleep(i * 20000);
	}
	racing = false;
	pthread_join(t, NULL);
}

void reload_while_asked(void)
{
	race(ask);
	in_child(attach_and_close);
}

void reload_while_loaded(void)
{
	race(load_ours);
	OK(module_load());
	in_child(attach_and_close);
}
