/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two ports at which a user VM proves who it is, see
 * include/uapi/linux/vsbypass_identity.h: the messages, byte by byte. What they are worth,
 * keys and time are not in here (core/identity.c).
 */
#ifndef VSB_DEVICES_EXCHANGE_H
#define VSB_DEVICES_EXCHANGE_H

#include <linux/types.h>

#include "devices/device.h"
#include "include/uapi/linux/vsbypass_identity.h"

/**
 * struct vsb_exchange - an exchange in progress
 * @dev:	of ports that no proxy claims
 * @state:	VSB_ID_*
 * @pos:	bytes of @buf that have been written or read
 * @begun:	with this command
 * @buf:	what is written or read byte by byte now
 * @message:	what the proofs of this exchange are made of
 */
struct vsb_exchange {
	struct vsb_device dev;
	u8 state;
	u8 pos;
	u8 begun;
	union {
		u8 bytes[64];
		struct vsb_id_hello hello;
		struct vsb_id_reply reply;
		u8 answer[VSB_ID_PROOF];
	} buf;
	struct vsb_id_message message;
};

void vsb_exchange_init(struct vsb_exchange *x);
const char *vsb_exchange_name(const struct vsb_exchange *x);
void vsb_exchange_hello(struct vsb_exchange *x, const u8 *nonce);
void vsb_exchange_reply(struct vsb_exchange *x, const u8 *proof);
void vsb_exchange_end(struct vsb_exchange *x, u8 state);

#endif
