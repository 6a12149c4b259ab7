// SPDX-License-Identifier: GPL-2.0
/*
 * A debug console, as emulators have for firmware (ports 0xe9, 0x402). What is written goes
 * to the proxy's, which keeps a log; nobody waits for that, and what has no room is lost.
 */
#include <linux/kernel.h>

#include "devices/device.h"
#include "include/uapi/linux/kvm_vsbypass.h"

#define DEBUGCON_THERE	0xe9
#define DEBUGCON_SIZE	1024	/* bytes, a power of two */

struct vsb_debug {
	struct vsb_device dev;
	u32 head, tail, given;	/* count up; so many from @tail on are with the proxy */
	u8 bytes[DEBUGCON_SIZE];
};

static struct vsb_debug *debug_of(struct vsb_device *dev)
{
	return container_of(dev, struct vsb_debug, dev);
}

static void debug_init(struct vsb_device *dev, bool ran)
{
	dev->answers = true;
}

static unsigned int debug_access(struct vsb_device *dev, struct vsb_byte *b)
{
	struct vsb_debug *d = debug_of(dev);

	if (b->in)
		b->value = DEBUGCON_THERE;
	else if (d->head - d->tail < DEBUGCON_SIZE)
		d->bytes[d->head++ % DEBUGCON_SIZE] = b->value;
	return b->in ? 0 : VSB_DO_WORK;
}

static unsigned int debug_next(struct vsb_device *dev, struct vsb_io *io)
{
	struct vsb_debug *d = debug_of(dev);

	if (d->given || d->head == d->tail)
		return 0;
	*io = (struct vsb_io){};
	while (io->count < VSB_IO_SIZE && d->tail + io->count != d->head) {
		io->data[io->count] = d->bytes[(d->tail + io->count) % DEBUGCON_SIZE];
		io->count++;
	}
	d->given = io->count;
	return VSB_DO_WORK;
}

static unsigned int debug_done(struct vsb_device *dev, const u8 *data)
{
	debug_of(dev)->tail += debug_of(dev)->given;
	debug_of(dev)->given = 0;
	return 0;
}

/* A proxy goes, or the user VM has another console: what is not out is lost. */
static void debug_empty(struct vsb_device *dev)
{
	debug_of(dev)->tail = debug_of(dev)->head;
	debug_of(dev)->given = 0;
}

const struct vsb_device_ops vsb_debugcon = {
	.size = sizeof(struct vsb_debug),
	.init = debug_init,
	.access = debug_access,
	.next = debug_next,
	.done = debug_done,
	.detach = debug_empty,
	.clear = debug_empty,
};
