/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The keyboard controller of a PC, with keyboard and mouse, as the user VM has
 * programmed it: what outlives a proxy. No type of KVM's is in here: a unit test
 * builds it, too.
 */
#ifndef VSB_I8042_H
#define VSB_I8042_H

#include <linux/bits.h>
#include <linux/types.h>

#include "devices/device.h"

#define VSB_KBD_DATA	0x60
#define VSB_KBD_COMMAND	0x64

#define VSB_KBD_WRITES	96	/* most accesses that replay it */

/**
 * struct vsb_i8042 - state as written
 * @known:	a new device may be in another
 * @command:	of the controller, which waits for its byte; 0: none
 * @ctr:	command byte: interrupts, translation, what is switched off
 * @keyboard:	@command that waits for its byte, 0: none; the rest as set
 * @mouse:	the same; @knock: how far it is into the rates that make it have a wheel
 */
struct vsb_i8042 {
	bool known;
	u8 command;
	u8 ctr;
	struct {
		u8 command;
		bool scans;
		u8 set, rate, leds;
	} keyboard;
	struct {
		u8 command;
		bool reports, remote, scaled;
		u8 rate, resolution;
		u8 type, knock;
	} mouse;
};

/* Whom a write is for. */
enum vsb_kbd_write {
	VSB_KBD_PROXY,
	VSB_KBD_NOBODY,		/* it has no effect */
	VSB_KBD_RESET,		/* it resets the machine */
};

void vsb_i8042_init(struct vsb_i8042 *kbd);
void vsb_i8042_reset(struct vsb_i8042 *kbd);
void vsb_i8042_assume(struct vsb_i8042 *kbd);
enum vsb_kbd_write vsb_i8042_write(struct vsb_i8042 *kbd, u16 port, u8 value);
unsigned int vsb_i8042_replay(const struct vsb_i8042 *kbd, struct vsb_reg_write *out);

#endif
