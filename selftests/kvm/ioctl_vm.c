// SPDX-License-Identifier: GPL-2.0
/* Plain VMs and foreign descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ioctl_vm.h"
#include "tap.h"
#include "vsb.h"

struct test_vm vm_new(void)
{
	struct test_vm v;
	long size;

	v.kvm = OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	v.vm = OK(ioctl(v.kvm, KVM_CREATE_VM, 0));
	OK(ioctl(v.vm, KVM_CREATE_IRQCHIP, 0));
	size = OK(ioctl(v.kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	for (int i = 0; i < VM_VCPUS; i++) {
		v.vcpu[i] = OK(ioctl(v.vm, KVM_CREATE_VCPU, i));
		v.run[i] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v.vcpu[i], 0);
		CHECK(v.run[i] != MAP_FAILED);
	}
	return v;
}

void vm_close(struct test_vm *v)
{
	long size = OK(ioctl(v->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));

	for (int i = 0; i < VM_VCPUS; i++) {
		OK(munmap(v->run[i], size));
		OK(close(v->vcpu[i]));
	}
	OK(close(v->vm));
	OK(close(v->kvm));
}

struct test_set set_new(void)
{
	struct test_set s = { .cloud_vm = vm_new(), .proxy_vm = vm_new() };
	struct vsb_create_proxy args = vsb_proxy_args(s.proxy_vm.vm, "vm1");

	s.dev = OK(vsb_open());
	s.cloud = OK(vsb_cloud(s.dev, s.cloud_vm.vm, 0, 0));
	s.proxy = OK(vsb_proxy(s.cloud, &args));
	return s;
}

void foreign_open(struct foreign f[NR_FOREIGN], const struct test_vm *v, int dev, int cloud)
{
	int p[2], s[2], n = 0;

	OK(pipe(p));
	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	f[n++] = (struct foreign){ "-1", -1, EBADF };
	f[n++] = (struct foreign){ "a closed number", 777, EBADF };
	f[n++] = (struct foreign){ "INT_MAX", 0x7fffffff, EBADF };
	f[n++] = (struct foreign){ "a path only", OK(open("/dev/kvm", O_PATH)), EBADF };
	f[n++] = (struct foreign){ "a pipe", p[0], EINVAL };
	f[n++] = (struct foreign){ "a socket", s[0], EINVAL };
	f[n++] = (struct foreign){ "/dev/null", OK(open("/dev/null", O_RDWR)), EINVAL };
	f[n++] = (struct foreign){ "a directory", OK(open("/", O_RDONLY)), EINVAL };
	f[n++] = (struct foreign){ "an eventfd", OK(eventfd(0, 0)), EINVAL };
	f[n++] = (struct foreign){ "/dev/kvm", v->kvm, EINVAL };
	f[n++] = (struct foreign){ "a kvm-vcpu", v->vcpu[0], EINVAL };
	f[n++] = (struct foreign){ "one of the module", cloud >= 0 ? cloud : dev, EINVAL };
}

int next_fd(void)
{
	int fd = OK(dup(0));

	close(fd);
	return fd;
}

void expect_err(long ret, int want, int fd_before, const char *what, const char *file, int line)
{
	int err = errno;

	if (ret >= 0)
		tap_fail(file, line, "%s: succeeded, wanted %s", what, strerror(want));
	if (err != want)
		tap_fail(file, line, "%s: %s, wanted %s", what, strerror(err), strerror(want));
	if (next_fd() != fd_before)
		tap_fail(file, line, "%s: a descriptor is left open", what);
}
