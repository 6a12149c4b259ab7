// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kvm.h>

#include "card.h"
#include "tap.h"

struct vsb_create_proxy card_args(int vm)
{
	static const struct vsb_range ranges[] = {
		{ .first = 0x3b0, .last = 0x3df, .device = VSB_DEV_VGA },
		{ .first = 0x1ce, .last = 0x1d1, .device = VSB_DEV_VGA },
	};
	struct vsb_create_proxy p = vsb_proxy_args(vm, "vm2");

	memcpy(p.ranges, ranges, sizeof(ranges));
	p.nr_ranges = 2;
	p.vram_frame = VRAM_FRAME;
	p.vram_mib = VRAM_MIB;
	return p;
}

void *card_room(void)
{
	void *room = mmap(NULL, VRAM_MIB << 20, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(room != MAP_FAILED);
	return room;
}

int card_give(int vm, void *room, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.flags = flags, .guest_phys_addr = (uint64_t)VRAM_FRAME << 12,
		.memory_size = VRAM_MIB << 20, .userspace_addr = (uintptr_t)room,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

void card_memory(int vm, uint32_t flags)
{
	OK(card_give(vm, card_room(), flags));
}
