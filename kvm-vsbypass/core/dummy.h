/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dummies: devices of the guest hypervisor behind the ports that we claim. Nobody uses
 * them but us, who make them raise their interrupt line. Which accesses do that is all that
 * is known here; a unit test builds it, too. Whoever uses it has the lock.
 */
#ifndef VSB_CORE_DUMMY_H
#define VSB_CORE_DUMMY_H

#include <linux/types.h>

/**
 * struct vsb_poke - an access to a dummy, of a byte
 * @port:	where
 * @value:	to write; never anybody's data
 * @in:		a read; what is read is dropped
 */
struct vsb_poke {
	u16 port;
	u8 value;
	bool in;
};

/**
 * struct vsb_dummies - those of a user VM
 * @ready:	lines whose dummy is in the state that raising it ends in
 * @up:		those that are high. May be read without the lock
 * @levels:	those that interrupt as long as they are high. The same
 * @gsi:	line that is being raised, or -1
 * @falls:	or lowered
 * @step:	of that, the next access
 */
struct vsb_dummies {
	u32 ready;
	u32 up;
	u32 levels;
	int gsi;
	bool falls;
	u8 step;
};

extern const u32 vsb_dummy_lines;

void vsb_dummy_begin(struct vsb_dummies *d, int gsi);
int vsb_dummy_falling(const struct vsb_dummies *d, u32 high);
void vsb_dummy_fall(struct vsb_dummies *d, int gsi);
struct vsb_poke vsb_dummy_poke(const struct vsb_dummies *d);
bool vsb_dummy_poked(struct vsb_dummies *d);
void vsb_dummy_forget(struct vsb_dummies *d, u32 lines);

#endif
