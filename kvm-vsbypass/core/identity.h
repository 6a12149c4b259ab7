/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A user VM proves who it is.
 *
 * id->lock is a spinlock; proxy->lock is inside of it, slot->lock outside.
 */
#ifndef VSB_CORE_IDENTITY_H
#define VSB_CORE_IDENTITY_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include "devices/exchange.h"
#include "include/uapi/linux/vsbypass_identity.h"

struct vsb_cloud;
struct vsb_l2;
struct vsb_pio;
struct vsb_proxy;

/**
 * struct vsb_identity - of a user VM: the exchange in progress, and the proof
 * @lock:	see above; guards all
 * @exchange:	the ports
 * @proved:	it has proved who it is, with the key of
 * @key_id:	vsb_proxy.key_id
 * @until:	CLOCK_BOOTTIME after which @proved is over; 0: it has no end
 * @refusals:	exchanges that ended in VSB_ID_REFUSED
 * @expires:	CLOCK_BOOTTIME after which no answer counts
 */
struct vsb_identity {
	spinlock_t lock;	/* proxy->lock is inside */
	struct vsb_exchange exchange;
	bool proved;
	u8 key_id[VSB_ID_PROOF];
	u64 until;
	u32 refusals;
	u64 expires;
};

void vsb_identity_init(struct vsb_identity *id);
bool vsb_identity_is_port(u32 port, u32 size);
long vsb_identity_set_key(struct vsb_proxy *proxy, void __user *argp);
void vsb_identity_free_key(struct vsb_proxy *proxy);
int vsb_identity_access(struct vsb_cloud *cloud, struct vsb_l2 *u, const struct vsb_pio *pio,
			u32 *data);
bool vsb_identity_proved(struct vsb_l2 *u, struct vsb_proxy *proxy);
bool vsb_identity_shuts(struct vsb_l2 *u, struct vsb_proxy *proxy);
bool vsb_identity_holds(struct vsb_l2 *u);
u64 vsb_identity_until(struct vsb_l2 *u);
void vsb_uservm_unprove(struct vsb_l2 *u);
void vsb_uservm_doubt(struct vsb_l2 *u);
void vsb_uservm_expire(struct vsb_l2 *u);

#endif
