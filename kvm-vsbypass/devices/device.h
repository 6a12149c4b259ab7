/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a device is: a state, and what a user VM, a proxy and time do to it. Devices know
 * neither KVM nor locks nor time: whoever calls them (core/slots.c) has those, and calls one
 * at a time. What is to be done then they return. A unit test builds them, too.
 *
 * A new one is a file with a struct vsb_device_ops and a line in devices.c. An operation
 * that it has no use for is NULL.
 */
#ifndef VSB_DEVICES_DEVICE_H
#define VSB_DEVICES_DEVICE_H

#include <linux/bits.h>
#include <linux/types.h>

struct vsb_range;
struct vsb_uservm;

/* Most accesses that replay all devices of a proxy. */
#define VSB_MAX_REPLAY	1180

/* Most accesses that restore a device of the guest hypervisor. */
#define VSB_MAX_RESTORE	12

/* Most accesses to one register in a struct vsb_io. */
#define VSB_IO_SIZE	16

/* An access in a proxy, of a byte if @size is 0. What is read (@in) is of no interest. */
struct vsb_reg_write {
	u16 port;
	u16 value;
	bool in;
	u8 size;
};

/* What the VMM of a proxy is asked to do for a device, while nobody waits for it. */
struct vsb_io {
	u8 reg;
	bool in;
	u8 count;			/* accesses to this one register */
	u8 data[VSB_IO_SIZE];
};

/**
 * struct vsb_byte - an access of the user VM to one port of a device
 * @reg:	the port, from the device's first one on
 * @at:		it is this byte of an access,
 * @size:	of so many
 * @in:		a read
 * @value:	to write, or as read
 * @proxy:	there is one that it may be passed to
 * @also:	with VSB_DO_WRITE: to be written to the proxy's device
 */
struct vsb_byte {
	u16 reg;
	u8 at;
	u8 size;
	bool in;
	u8 value;
	bool proxy;
	struct vsb_reg_write also;
};

/* What an operation returns: what is to be done. */
#define VSB_DO_PASS	BIT(0)	/* the access is the proxy's */
#define VSB_DO_WRITE	BIT(1)	/* vsb_byte.also, before that (served(): behind it) */
#define VSB_DO_RESET	BIT(2)	/* reset the user VM */
#define VSB_DO_LINE	BIT(3)	/* vsb_device.level or .rose has changed */
#define VSB_DO_HOLD	BIT(4)	/* the handler of the line's interrupt begins, */
#define VSB_DO_UNHOLD	BIT(5)	/* and ends */
#define VSB_DO_WORK	BIT(6)	/* next() has something for the proxy */
#define VSB_DO_POLL	BIT(7)	/* call poll() in a moment */
#define VSB_DO_MOMENT	BIT(8)	/* call moment() when the pause behind this is over */
#define VSB_DO_JUDGE	BIT(9)	/* a message of the exchange is complete */

struct vsb_device;

/**
 * struct vsb_device_ops - a kind of device
 * @size:	of its state, which begins with struct vsb_device
 * @kept:	that it is larger by with vsb_device.keeps
 * @whole:	one device has all claimed ranges of this kind; else one for each
 * @secret:	registers, a bit each, that may carry what nobody is to have before the
 *		user VM has proved who it is (VSB_PROXY_REQUIRED)
 * @replays:	most accesses of @replay
 * @claim:	may these ranges be claimed? It looks at those of its kind
 * @init:	it is new, all else is 0; @ran: the user VM has programmed another one
 * @inherit:	it goes on where @old was, of the same kind at the same place, which has no proxy
 *		and is not used any more
 * @access:	the user VM makes an access; without: VSB_DO_PASS
 * @served:	one that was passed on is done, or (!@done) nobody was there
 * @hide:	take what is secret out of the value, before a write or after a read;
 *		without: the whole device is unplugged until the proof
 * @boots:	the user VM was seen to boot with it
 * @reset:	the user VM was reset
 * @attach:	a proxy is going to serve the user VM, @front: not VSB_PROXY_NO_FRONT; @rests: but
 *		has no VM yet, with which this is called again
 * @detach:	it has none any more
 * @clear:	the user VM has another console: what the old one had is not for that. It has
 *		no proxy
 * @replay:	the accesses that bring the proxy's device there; returns how many. @again: it was
 *		there before, and has missed some
 * @restore:	the accesses that bring the device of the guest hypervisor there, at most
 *		VSB_MAX_RESTORE
 * @next:	VSB_DO_WORK: @io is to be done in the proxy. Else perhaps VSB_DO_POLL
 * @done:	it is; @data is what was read
 * @line:	the proxy's device has set its interrupt line; @shared: or another one
 * @poll:	see VSB_DO_POLL
 * @moment:	see VSB_DO_MOMENT
 * @drained:	all that was written has left the proxy's device
 * @info:	fill in what user space is told
 */
struct vsb_device_ops {
	size_t size;
	size_t kept;
	bool whole;
	u32 secret;
	u32 replays;
	bool (*claim)(const struct vsb_range *ranges, u32 nr);
	void (*init)(struct vsb_device *dev, bool ran);
	void (*inherit)(struct vsb_device *dev, struct vsb_device *old);
	unsigned int (*access)(struct vsb_device *dev, struct vsb_byte *b);
	unsigned int (*served)(struct vsb_device *dev, struct vsb_byte *b, bool done);
	void (*hide)(struct vsb_device *dev, struct vsb_byte *b);
	void (*boots)(struct vsb_device *dev);
	unsigned int (*reset)(struct vsb_device *dev);
	unsigned int (*attach)(struct vsb_device *dev, bool front, bool rests);
	void (*detach)(struct vsb_device *dev);
	void (*clear)(struct vsb_device *dev);
	unsigned int (*replay)(struct vsb_device *dev, struct vsb_reg_write *out, bool again);
	unsigned int (*restore)(struct vsb_device *dev, struct vsb_reg_write *out);
	unsigned int (*next)(struct vsb_device *dev, struct vsb_io *io);
	unsigned int (*done)(struct vsb_device *dev, const u8 *data);
	unsigned int (*line)(struct vsb_device *dev, bool level, bool shared);
	unsigned int (*poll)(struct vsb_device *dev);
	unsigned int (*moment)(struct vsb_device *dev);
	bool (*drained)(struct vsb_device *dev);
	void (*info)(struct vsb_device *dev, struct vsb_uservm *info);
};

/**
 * struct vsb_device - what all kinds have, at the beginning of their state
 * @ops:	its kind
 * @base:	first port
 * @keeps:	its proxies may rest: it keeps what they would take. Constant
 * @answers:	it does accesses itself, without the proxy. May be read without the lock
 * @gsi:	interrupt line that is its own to set, or -1
 * @level:	of that. May be read without the lock
 * @rose:	it went high since whoever uses this looked; cleared by him
 */
struct vsb_device {
	const struct vsb_device_ops *ops;
	u16 base;
	bool keeps;
	bool answers;
	int gsi;
	bool level;
	bool rose;
};

/* By VSB_DEV_*. */
extern const struct vsb_device_ops *const vsb_devices[];
extern const unsigned int vsb_nr_devices;

/* devices.c has all kinds in a table, each has its file. */
extern const struct vsb_device_ops vsb_plain, vsb_com, vsb_keyboard, vsb_debugcon, vsb_vga_card;

#endif
