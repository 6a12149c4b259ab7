// SPDX-License-Identifier: GPL-2.0
/* KVM_RUN of a proxy with no access to serve: it waits, and can be woken. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ioctl_cases.h"
#include "ioctl_vm.h"
#include "tap.h"
#include "vsb.h"

static struct test_set s;

struct runner {
	pthread_t thread;
	int vcpu;
	volatile bool done;
	int ret, err;
};

static void *run(void *p)
{
	struct runner *r = p;

	r->ret = ioctl(r->vcpu, KVM_RUN, 0);
	r->err = errno;
	r->done = true;
	return NULL;
}

static void start(struct runner *r, int vcpu)
{
	memset(r, 0, sizeof(*r));
	r->vcpu = vcpu;
	CHECK_EQ(pthread_create(&r->thread, NULL, run, r), 0);
}

static void join(struct runner *r)
{
	WAIT_FOR(r->done);
	pthread_join(r->thread, NULL);
}

static void nothing(int sig)
{
	(void)sig;
}

void run_immediate_exit(void)
{
	s = set_new();
	s.proxy_vm.run[0]->immediate_exit = 1;
	for (int i = 0; i < 3; i++)
		CHECK_ERR(ioctl(s.proxy_vm.vcpu[0], KVM_RUN, 0), EINTR);
	CHECK_EQ(s.proxy_vm.run[0]->exit_reason, KVM_EXIT_INTR);
}

void run_signal(void)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct runner r;

	s = set_new();
	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < 3; i++) {
		start(&r, s.proxy_vm.vcpu[0]);
		usleep(50000);
		CHECK(!r.done);
		WAIT_FOR(r.done || pthread_kill(r.thread, SIGUSR1));
		join(&r);
		CHECK_EQ(r.ret, -1);
		CHECK_EQ(r.err, EINTR);
		CHECK_EQ(s.proxy_vm.run[0]->exit_reason, KVM_EXIT_INTR);
	}
}

/* All vCPUs that wait are told, and later calls too. */
static void check_over(int fd)
{
	struct runner r[VM_VCPUS];

	for (int i = 0; i < VM_VCPUS; i++)
		start(&r[i], s.proxy_vm.vcpu[i]);
	usleep(100000);
	for (int i = 0; i < VM_VCPUS; i++)
		CHECK(!r[i].done);
	OK(close(fd));
	for (int i = 0; i < VM_VCPUS; i++) {
		join(&r[i]);
		CHECK_EQ(r[i].ret, 0);
		CHECK_EQ(s.proxy_vm.run[i]->exit_reason, KVM_EXIT_SHUTDOWN);
	}
}

void run_closed(void)
{
	struct vsb_create_proxy p;

	s = set_new();
	check_over(s.proxy);
	/* Its guest never runs, and it never becomes a proxy again. */
	CHECK_ERR(ioctl(s.proxy_vm.vcpu[0], KVM_RUN, 0), EIO);
	CHECK_ERR(ioctl(s.proxy_vm.vcpu[1], KVM_RUN, 0), EIO);
	p = vsb_proxy_args(vm_new().vm, "vm1");
	OK(vsb_proxy(s.cloud, &p));
}

void run_cloud_closed(void)
{
	s = set_new();
	check_over(s.cloud);
	/* Its guest does not run now either, though the proxy fd is open. */
	if (ioctl(s.proxy_vm.vcpu[0], KVM_RUN, 0) < 0)
		CHECK_EQ(errno, EIO);
	else
		CHECK_EQ(s.proxy_vm.run[0]->exit_reason, KVM_EXIT_SHUTDOWN);
	OK(close(s.proxy));
	CHECK_ERR(ioctl(s.proxy_vm.vcpu[0], KVM_RUN, 0), EIO);
}

/* The registers of the vCPU are those of reset, whatever KVM_RUN did. */
void run_guest_untouched(void)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct kvm_regs before, after;
	struct kvm_sregs sregs;
	struct runner r;

	s = set_new();
	sigaction(SIGUSR1, &sa, NULL);
	OK(ioctl(s.proxy_vm.vcpu[0], KVM_GET_REGS, &before));
	start(&r, s.proxy_vm.vcpu[0]);
	WAIT_FOR(r.done || (usleep(20000), pthread_kill(r.thread, SIGUSR1)));
	join(&r);
	s.proxy_vm.run[0]->immediate_exit = 1;
	CHECK_ERR(ioctl(s.proxy_vm.vcpu[0], KVM_RUN, 0), EINTR);
	OK(ioctl(s.proxy_vm.vcpu[0], KVM_GET_REGS, &after));
	CHECK(!memcmp(&before, &after, sizeof(before)));
	OK(ioctl(s.proxy_vm.vcpu[0], KVM_GET_SREGS, &sregs));
	CHECK_EQ(sregs.cs.base, 0xffff0000);
}

/* A VM that is no proxy runs its guest: HLT, and an OUT to a claimed port. */
void run_other_vms(void)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));
	static const uint8_t code[] = {
		0xba, 0xf8, 0x03,	/* mov $0x3f8, %dx */
		0xb0, 0x41,		/* mov $0x41, %al */
		0xee,			/* out %al, %dx */
		0xf4,			/* hlt */
	};
	struct kvm_userspace_memory_region mem = {
		.guest_phys_addr = 0x1000, .memory_size = 4096, .userspace_addr = (uintptr_t)page,
	};
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	struct kvm_run *run;
	int kvm, vm, vcpu;

	s = set_new();
	OK(ioctl(s.cloud, VSB_START, 0));
	memcpy(page, code, sizeof(code));
	kvm = s.cloud_vm.kvm;
	vm = OK(ioctl(kvm, KVM_CREATE_VM, 0));
	OK(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &mem));
	vcpu = OK(ioctl(vm, KVM_CREATE_VCPU, 0));
	run = mmap(NULL, OK(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0)), PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu, 0);
	CHECK(run != MAP_FAILED);
	OK(ioctl(vcpu, KVM_GET_SREGS, &sregs));
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	OK(ioctl(vcpu, KVM_SET_SREGS, &sregs));
	OK(ioctl(vcpu, KVM_SET_REGS, &regs));
	OK(ioctl(vcpu, KVM_RUN, 0));
	CHECK_EQ(run->exit_reason, KVM_EXIT_IO);
	CHECK_EQ(run->io.port, 0x3f8);
	CHECK_EQ(((uint8_t *)run)[run->io.data_offset], 0x41);
	OK(ioctl(vcpu, KVM_RUN, 0));
	CHECK_EQ(run->exit_reason, KVM_EXIT_HLT);
}
