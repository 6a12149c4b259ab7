// SPDX-License-Identifier: GPL-2.0
/* A proxy with a graphics card: what VSB_CREATE_PROXY refuses. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "card.h"
#include "ioctl_cases.h"
#include "ioctl_vm.h"
#include "tap.h"
#include "vsb.h"

static void screen_refused(int cloud, struct vsb_create_proxy p, int want, const char *what)
{
	EXPECT_ERR(vsb_proxy(cloud, &p), want, what);
}

void args_proxy_screen(void)
{
	struct test_set s = set_new();
	struct vsb_create_proxy p;
	struct test_vm v = vm_new();
	int fd;

	card_memory(v.vm, 0);
	p = vsb_proxy_args(v.vm, "vm2");
	p.vram_mib = 1;
	screen_refused(s.cloud, p, EINVAL, "memory and no card");
	p.vram_mib = 0;
	p.vram_frame = 1;
	screen_refused(s.cloud, p, EINVAL, "an address and no card");
	p = card_args(v.vm);
	p.vram_mib = 0;
	screen_refused(s.cloud, p, EINVAL, "a card without memory");
	p.vram_mib = VSB_MAX_VRAM_MIB + 1;
	screen_refused(s.cloud, p, EINVAL, "too much memory");
	p = card_args(v.vm);
	p.veil_mib = 1;
	screen_refused(s.cloud, p, EINVAL, "and a veil");
	p = card_args(v.vm);
	p.nr_ranges = 1;
	memset(&p.ranges[1], 0, sizeof(p.ranges[1]));
	screen_refused(s.cloud, p, EINVAL, "half a card");
	for (int i = 0; i < 2; i++) {
		p = card_args(v.vm);
		p.ranges[i].last--;
		screen_refused(s.cloud, p, EINVAL, "less than a card");
	}
	p = card_args(v.vm);
	p.vram_frame++;
	screen_refused(s.cloud, p, ENXIO, "memory that ends before");
	p.vram_frame = 0;
	screen_refused(s.cloud, p, ENXIO, "no memory");
	p = card_args(v.vm);
	p.vram_mib++;
	screen_refused(s.cloud, p, ENXIO, "less memory");
	p = card_args(v.vm);
	fd = OK(vsb_proxy(s.cloud, &p));
	OK(close(fd));
	v = vm_new();
	card_memory(v.vm, KVM_MEM_READONLY);
	screen_refused(s.cloud, card_args(v.vm), ENXIO, "memory to be read");
}
