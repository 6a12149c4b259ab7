// SPDX-License-Identifier: GPL-2.0
/* A proxy with a graphics card: what VSB_CREATE_PROXY refuses. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ioctl_cases.h"
#include "ioctl_vm.h"
#include "tap.h"
#include "vsb.h"

/* A kernel that screens have been tried with. */
static bool host_has_screens(void)
{
	struct utsname u;
	int major, minor;

	OK(uname(&u));
	CHECK(sscanf(u.release, "%d.%d", &major, &minor) == 2);
	return major < 6 || (major == 6 && minor < 13);
}

#define VRAM_FRAME	0xe0000
#define VRAM_MIB	2

/* "vm2" with a graphics card, whose memory @v has. */
static struct vsb_create_proxy screen_args(const struct test_vm *v)
{
	static const struct vsb_range ranges[] = {
		{ .first = 0x3b0, .last = 0x3df, .device = VSB_DEV_VGA },
		{ .first = 0x1ce, .last = 0x1d1, .device = VSB_DEV_VGA },
	};
	struct vsb_create_proxy p = vsb_proxy_args(v->vm, "vm2");

	memcpy(p.ranges, ranges, sizeof(ranges));
	p.nr_ranges = 2;
	p.vram_frame = VRAM_FRAME;
	p.vram_mib = VRAM_MIB;
	return p;
}

static void screen_memory(const struct test_vm *v, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.flags = flags, .guest_phys_addr = (uint64_t)VRAM_FRAME << 12,
		.memory_size = VRAM_MIB << 20,
	};
	void *memory = mmap(NULL, region.memory_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	region.userspace_addr = (uintptr_t)memory;
	OK(ioctl(v->vm, KVM_SET_USER_MEMORY_REGION, &region));
}

static void screen_refused(int cloud, struct vsb_create_proxy p, int want, const char *what)
{
	EXPECT_ERR(vsb_proxy(cloud, &p), host_has_screens() || want == EINVAL ? want : EOPNOTSUPP,
		   what);
}

void args_proxy_screen(void)
{
	struct test_set s = set_new();
	struct vsb_create_proxy p;
	struct test_vm v = vm_new();
	int fd;

	screen_memory(&v, 0);
	p = vsb_proxy_args(v.vm, "vm2");
	p.vram_mib = 1;
	screen_refused(s.cloud, p, EINVAL, "memory and no card");
	p.vram_mib = 0;
	p.vram_frame = 1;
	screen_refused(s.cloud, p, EINVAL, "an address and no card");
	p = screen_args(&v);
	p.vram_mib = 0;
	screen_refused(s.cloud, p, EINVAL, "a card without memory");
	p.vram_mib = VSB_MAX_VRAM_MIB + 1;
	screen_refused(s.cloud, p, EINVAL, "too much memory");
	p = screen_args(&v);
	p.veil_mib = 1;
	screen_refused(s.cloud, p, EINVAL, "and a veil");
	p = screen_args(&v);
	p.nr_ranges = 1;
	memset(&p.ranges[1], 0, sizeof(p.ranges[1]));
	screen_refused(s.cloud, p, EINVAL, "half a card");
	for (int i = 0; i < 2; i++) {
		p = screen_args(&v);
		p.ranges[i].last--;
		screen_refused(s.cloud, p, EINVAL, "less than a card");
	}
	p = screen_args(&v);
	p.vram_frame++;
	screen_refused(s.cloud, p, ENXIO, "memory that ends before");
	p.vram_frame = 0;
	screen_refused(s.cloud, p, ENXIO, "no memory");
	p = screen_args(&v);
	p.vram_mib++;
	screen_refused(s.cloud, p, ENXIO, "less memory");
	p = screen_args(&v);
	if (!host_has_screens()) {
		EXPECT_ERR(vsb_proxy(s.cloud, &p), EOPNOTSUPP, "no screens here");
		return;
	}
	fd = OK(vsb_proxy(s.cloud, &p));
	OK(close(fd));
	v = vm_new();
	screen_memory(&v, KVM_MEM_READONLY);
	screen_refused(s.cloud, screen_args(&v), ENXIO, "memory to be read");
}
