// SPDX-License-Identifier: GPL-2.0
/*
 * The keyboard controller as a device: the proxy's answers, what is written is remembered
 * (i8042.c). Its ways to reset the machine are ours: so no access has to be shown to a
 * guest hypervisor, and systems can reboot as they do when all else fails.
 */
#include <linux/kernel.h>

#include "devices/device.h"
#include "devices/i8042.h"
#include "include/uapi/linux/kvm_vsbypass.h"

struct vsb_kbd {
	struct vsb_device dev;
	struct vsb_i8042 i8042;
};

static struct vsb_i8042 *kbd_of(struct vsb_device *dev)
{
	return &container_of(dev, struct vsb_kbd, dev)->i8042;
}

/* Both ports, or none. */
static bool kbd_claim(const struct vsb_range *ranges, u32 nr)
{
	u32 i, ports = 0;

	for (i = 0; i < nr; i++) {
		const struct vsb_range *r = &ranges[i];

		if (r->device != VSB_DEV_I8042)
			continue;
		if (r->first != r->last ||
		    (r->first != VSB_KBD_DATA && r->first != VSB_KBD_COMMAND))
			return false;
		ports++;
	}
	/* No two ranges overlap. */
	return ports != 1;
}

static void kbd_init(struct vsb_device *dev, bool ran)
{
	if (ran)
		vsb_i8042_assume(kbd_of(dev));
	else
		vsb_i8042_init(kbd_of(dev));
}

static void kbd_inherit(struct vsb_device *dev, struct vsb_device *old)
{
	*kbd_of(dev) = *kbd_of(old);
}

static unsigned int kbd_access(struct vsb_device *dev, struct vsb_byte *b)
{
	if (b->in)
		return VSB_DO_PASS;
	switch (vsb_i8042_write(kbd_of(dev), dev->base + b->reg, b->value)) {
	case VSB_KBD_RESET:
		return VSB_DO_RESET;
	case VSB_KBD_NOBODY:
		return 0;
	default:
		return VSB_DO_PASS;
	}
}

static unsigned int kbd_reset(struct vsb_device *dev)
{
	vsb_i8042_reset(kbd_of(dev));
	return 0;
}

static unsigned int kbd_replay(struct vsb_device *dev, struct vsb_reg_write *out, bool again)
{
	return vsb_i8042_replay(kbd_of(dev), out);
}

const struct vsb_device_ops vsb_keyboard = {
	.size = sizeof(struct vsb_kbd),
	.whole = true,
	.replays = VSB_KBD_WRITES,
	.claim = kbd_claim,
	.init = kbd_init,
	.inherit = kbd_inherit,
	.access = kbd_access,
	.reset = kbd_reset,
	.replay = kbd_replay,
};
