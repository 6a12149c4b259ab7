// SPDX-License-Identifier: GPL-2.0
/*
 * All kinds of devices that may stand behind a claimed range.
 */
#include <linux/kernel.h>

#include "devices/device.h"
#include "include/uapi/linux/kvm_vsbypass.h"

/* Nothing is known about it: each access is the proxy's. */
const struct vsb_device_ops vsb_plain = {
	.size = sizeof(struct vsb_device),
};

const struct vsb_device_ops *const vsb_devices[] = {
	[VSB_DEV_PLAIN] = &vsb_plain,
	[VSB_DEV_16550] = &vsb_com,
	[VSB_DEV_I8042] = &vsb_keyboard,
	[VSB_DEV_DEBUGCON] = &vsb_debugcon,
	[VSB_DEV_VGA] = &vsb_vga_card,
};

const unsigned int vsb_nr_devices = ARRAY_SIZE(vsb_devices);
