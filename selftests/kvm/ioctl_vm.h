/* SPDX-License-Identifier: GPL-2.0 */
/* Plain VMs for ioctl_test: an interrupt controller, vCPUs, no memory. */
#ifndef VSB_IOCTL_VM_H
#define VSB_IOCTL_VM_H

#include <linux/kvm.h>

#define VM_VCPUS	2

struct test_vm {
	int kvm;
	int vm;
	int vcpu[VM_VCPUS];
	struct kvm_run *run[VM_VCPUS];
};

struct test_vm vm_new(void);
void vm_close(struct test_vm *v);

/* A cloud VM with its descriptor of the module, and a proxy likewise. */
struct test_set {
	struct test_vm cloud_vm, proxy_vm;
	int dev, cloud, proxy;
};

struct test_set set_new(void);		/* all attached, proxy "vm1" */

/* Descriptors that are no kvm-vm. */
struct foreign {
	const char *what;
	int fd;
	int want;	/* errno */
};

#define NR_FOREIGN	12

/* @cloud: a cloud fd, or -1 */
void foreign_open(struct foreign f[NR_FOREIGN], const struct test_vm *v, int dev, int cloud);

/* The call fails so, and no descriptor is lost. */
void expect_err(long ret, int want, int fd_before, const char *what, const char *file, int line);

#define EXPECT_ERR(call, want, what) do {				\
	int fd_ = next_fd();						\
									\
	expect_err((call), (want), fd_, (what), __FILE__, __LINE__);	\
} while (0)

/* The lowest free descriptor: the same before and after a call that fails. */
int next_fd(void);

#endif
