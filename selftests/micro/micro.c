// SPDX-License-Identifier: GPL-2.0
/*
 * A guest hypervisor whose user VMs are micro guests (words.h), each with a page table, a vCPU
 * and a thread of its own, and with no device: what a user VM's port accesses would do is told
 * on standard output. Usage:
 *
 *   micro MS LINES NUMBER...
 *
 * A user VM for each NUMBER; the next one when that has halted, so that first accesses come in
 * this order. A halted one is woken each MS milliseconds. LINES: how many "o" it says. With SIGUSR1
 * all begin to say "o" without an end, as if they had been typed at.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "micro.h"

#define STACK		(64 * 1024)	/* of a thread */
#define VMX_TSS		0xfffbd000	/* three pages that KVM on VMX wants for real mode */

extern const uint8_t micro_guest[], micro_guest_end[];

static int kvm, run_size;
static unsigned int pause_us;
static sem_t halted;		/* for the first time */
static uint8_t **memories;	/* of all, NULL behind the last */

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("micro: ");
	vprintf(fmt, ap);
	printf(": %s\n", strerror(errno));
	exit(1);
}

static uint8_t *memory_for(int number, int lines)
{
	uint8_t *mem = mmap(NULL, MICRO_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint16_t limit = lines;

	if (mem == MAP_FAILED)
		die("memory of %d", number);
	memcpy(mem + MICRO_START, micro_guest, micro_guest_end - micro_guest);
	snprintf((char *)mem + MICRO_NUMBER, 8, "%04u", (unsigned int)number % 10000);
	memcpy(mem + MICRO_LINES, &limit, sizeof(limit));
	return mem;
}

static void on_signal(int signal)
{
	const uint16_t lines = UINT16_MAX;

	(void)signal;
	for (uint8_t **mem = memories; *mem; mem++) {
		memcpy(*mem + MICRO_LINES, &lines, sizeof(lines));
		(*mem)[MICRO_TYPED] = 1;
	}
}

static int vm_with(int number, uint8_t *mem)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = MICRO_SIZE, .userspace_addr = (uintptr_t)mem };
	struct kvm_regs regs = { .rip = MICRO_START, .rsp = MICRO_STACK, .rflags = 2 };
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), vcpu;
	struct kvm_sregs sregs;

	if (vm < 0 || ioctl(vm, KVM_SET_TSS_ADDR, VMX_TSS) || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		die("VM %d", number);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0 || ioctl(vcpu, KVM_GET_SREGS, &sregs))
		die("vCPU of %d", number);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		die("registers of %d", number);
	return vcpu;
}

static void *runs(void *data)
{
	int vcpu = (intptr_t)data;
	bool first = true;
	struct kvm_run *run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	if (run == MAP_FAILED)
		die("kvm_run");
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0) < 0 && errno != EINTR && errno != EAGAIN)
			die("KVM_RUN");
		if (run->exit_reason == KVM_EXIT_HLT) {
			if (first)
				sem_post(&halted);
			first = false;
			usleep(pause_us);
		} else if (run->exit_reason == KVM_EXIT_IO) {
			printf("micro: %s at 0x%x\n", run->io.direction == KVM_EXIT_IO_OUT ? "out" : "in",
			       run->io.port);
			if (run->io.direction == KVM_EXIT_IO_IN)
				memset((uint8_t *)run + run->io.data_offset, 0xff,
				       (size_t)run->io.size * run->io.count);
		} else if (run->exit_reason != KVM_EXIT_INTR) {
			die("exit reason %u", run->exit_reason);
		}
	}
}

int main(int argc, char **argv)
{
	pthread_attr_t attr;
	pthread_t thread;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4) {
		fprintf(stderr, "usage: micro MS LINES NUMBER...\n");
		return 2;
	}
	pause_us = atoi(argv[1]) * 1000;
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	run_size = kvm < 0 ? -1 : ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < 0)
		die("/dev/kvm");
	memories = calloc(argc, sizeof(*memories));
	if (!memories || sem_init(&halted, 0, 0) || signal(SIGUSR1, on_signal) == SIG_ERR)
		die("start");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (int i = 3; i < argc; i++) {
		int number = atoi(argv[i]);
		uint8_t *mem = memory_for(number, atoi(argv[2]));
		int vcpu = vm_with(number, mem);

		memories[i - 3] = mem;
		errno = pthread_create(&thread, &attr, runs, (void *)(intptr_t)vcpu);
		if (errno)
			die("thread of %d", number);
		while (sem_wait(&halted) && errno == EINTR)
			;
	}
	pthread_exit(NULL);
}
