/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The devices of a user VM, with what they do not know of: locks, lines, proxies, time. They
 * belong to the user VM: a proxy comes and goes, and what the user VM has written to its
 * devices, registers and bytes, is here.
 *
 * slot->lock, a spinlock, is inside of cloud->lock. Inside of it are identity.lock and
 * proxy->lock. A vCPU of the user VM finishes an access that a device answers under it and
 * never sleeps; a vCPU thread of the proxy does what is behind that when it comes for work.
 *
 * Callbacks read the claims under RCU alone. Who sleeps has a reference.
 */
#ifndef VSB_CORE_SLOTS_H
#define VSB_CORE_SLOTS_H

#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "devices/claims.h"
#include "devices/device.h"

struct vsb_l2;
struct vsb_proxy;
struct vsb_uservm;
struct vsb_vram;

/**
 * struct vsb_slot - of a user VM, a device and its lock
 * @lock:	guards all of the slot, and the device
 * @dev:	the device; constant
 * @serial:	of the present proxy; 0: none
 * @required:	what is secret is for a user VM that has proved who it is
 * @booted:	the user VM was seen to boot with it. Read without the lock
 * @due:	VSB_DO_* for which there was no proxy
 */
struct vsb_slot {
	spinlock_t lock;	/* identity.lock and proxy->lock are inside */
	struct vsb_device *dev;
	u64 serial;
	bool required;
	bool booted;
	unsigned int due;
};

/**
 * struct vsb_slots - all devices of a user VM
 * @ref:	its user VM, users that sleep
 * @rcu:	readers of vsb_l2.slots
 * @claims:	the ports; constant
 * @of:		the slot of each of these ranges; constant
 * @vram:	memory of the graphics card of the proxy that it has, or had last; referenced, or
 *		NULL. Written under cloud->lock
 * @keeps:	its proxies may rest (VSB_PROXY_RESTS); constant
 * @nr:		of @slot; constant
 * @slot:	the devices are behind them
 */
struct vsb_slots {
	refcount_t ref;
	struct rcu_head rcu;
	struct vsb_claims claims;
	u8 of[VSB_MAX_RANGES];
	struct vsb_vram *vram;
	bool keeps;
	u32 nr;
	struct vsb_slot slot[];
};

/* What a server of a proxy does for a device: slot number @slot, if that is still @serial. */
struct vsb_job {
	u32 slot;
	u64 serial;
};

struct vsb_slots *vsb_slots_create(const struct vsb_claims *claims, bool ran, bool keeps);
void vsb_slots_inherit(struct vsb_slots *slots, struct vsb_slots *old);
struct vsb_slots *vsb_slots_get(struct vsb_l2 *u);
void vsb_slots_put(struct vsb_slots *slots);

/* Under cloud->lock. */
void vsb_slots_attach(struct vsb_slots *slots, struct vsb_proxy *proxy);
void vsb_slots_attached(struct vsb_l2 *u, struct vsb_slots *slots);
void vsb_slots_detach(struct vsb_slots *slots, struct vsb_proxy *proxy);
void vsb_slots_clear(struct vsb_slots *slots);
void vsb_slots_reset(struct vsb_l2 *u, struct vsb_slots *slots);
u32 vsb_slots_replay(struct vsb_slots *slots, struct vsb_reg_write *out, bool again);
u32 vsb_slots_restore(struct vsb_slots *slots, struct vsb_reg_write *out, u32 max);
bool vsb_slots_drained(struct vsb_slots *slots);
void vsb_slots_info(struct vsb_slots *slots, struct vsb_uservm *info);

/* The user VM's side; under rcu_read_lock(), or with a reference. */
struct vsb_slot *vsb_slots_find(struct vsb_slots *slots, u32 port);
bool vsb_slots_answer(struct vsb_slots *slots, u32 port, u32 size);
void vsb_slots_boot(struct vsb_slots *slots);
unsigned int vsb_slot_access(struct vsb_slots *slots, struct vsb_slot *slot, struct vsb_l2 *u,
			     bool alone, struct vsb_byte *b);
bool vsb_slot_hide(struct vsb_slot *slot, struct vsb_byte *b);
unsigned int vsb_slot_served(struct vsb_slots *slots, struct vsb_slot *slot,
			     struct vsb_proxy *proxy, struct vsb_byte *b, bool done);

/* The proxy's side. */
bool vsb_slots_level(struct vsb_slots *slots, u32 gsi);
bool vsb_slots_take(struct vsb_proxy *proxy, struct vsb_job *job, struct vsb_io *io, u16 *base);
void vsb_slots_complete(struct vsb_proxy *proxy, const struct vsb_job *job, const u8 *data);
bool vsb_slots_irq_line(struct vsb_proxy *proxy, u32 gsi, bool level);
void vsb_slots_poll(struct vsb_proxy *proxy);
void vsb_slots_moment(struct vsb_proxy *proxy);

#endif
