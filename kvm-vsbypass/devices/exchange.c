// SPDX-License-Identifier: GPL-2.0
/*
 * The exchange of a proof as a device.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "devices/exchange.h"

static void vsb_exchange_enter(struct vsb_exchange *x, u8 state)
{
	x->state = state;
	x->pos = 0;
}

/* The nonces are good for nothing from here on. */
void vsb_exchange_end(struct vsb_exchange *x, u8 state)
{
	vsb_exchange_enter(x, state);
	memzero_explicit(&x->message, sizeof(x->message));
	memzero_explicit(&x->buf, sizeof(x->buf));
}

static bool vsb_exchange_begins(u8 reg, u8 value)
{
	return reg == VSB_ID_CONTROL &&
	       (value == VSB_ID_BEGIN || (value >= VSB_ID_BEGIN_FOR &&
					  value <= VSB_ID_BEGIN_FOR + VSB_ID_MOST_FOR));
}

/* Return: bytes of the message that the user VM is to write, 0: none. */
static u8 vsb_exchange_size(const struct vsb_exchange *x)
{
	return x->state == VSB_ID_HELLO ? sizeof(x->buf.hello) :
	       x->state == VSB_ID_ANSWER ? sizeof(x->buf.answer) : 0;
}

static unsigned int vsb_exchange_write(struct vsb_exchange *x, u8 reg, u8 value)
{
	u8 size = vsb_exchange_size(x);

	if (reg == VSB_ID_DATA && x->pos < size) {
		x->buf.bytes[x->pos++] = value;
		return x->pos == size ? VSB_DO_JUDGE : 0;
	}
	vsb_exchange_end(x, vsb_exchange_begins(reg, value) ? VSB_ID_HELLO : VSB_ID_IDLE);
	x->begun = value;
	return 0;
}

static u8 vsb_exchange_read(struct vsb_exchange *x, u8 reg)
{
	u8 value;

	if (reg == VSB_ID_CONTROL)
		return x->state;
	if (x->state != VSB_ID_REPLY) {
		vsb_exchange_end(x, VSB_ID_IDLE);
		return U8_MAX;
	}
	value = x->buf.bytes[x->pos++];
	if (x->pos == sizeof(x->buf.reply))
		vsb_exchange_enter(x, VSB_ID_ANSWER);
	return value;
}

static unsigned int vsb_exchange_access(struct vsb_device *dev, struct vsb_byte *b)
{
	struct vsb_exchange *x = container_of(dev, struct vsb_exchange, dev);

	if (!b->in)
		return vsb_exchange_write(x, b->reg, b->value);
	b->value = vsb_exchange_read(x, b->reg);
	return 0;
}

static unsigned int vsb_exchange_reset(struct vsb_device *dev)
{
	vsb_exchange_end(container_of(dev, struct vsb_exchange, dev), VSB_ID_IDLE);
	return 0;
}

static const struct vsb_device_ops vsb_exchange_ops = {
	.size = sizeof(struct vsb_exchange),
	.access = vsb_exchange_access,
	.reset = vsb_exchange_reset,
};

void vsb_exchange_init(struct vsb_exchange *x)
{
	x->dev.ops = &vsb_exchange_ops;
	x->state = VSB_ID_IDLE;
}

/* Whom a complete message is about, not always NUL-terminated; NULL: none is complete. */
const char *vsb_exchange_name(const struct vsb_exchange *x)
{
	u8 size = vsb_exchange_size(x);

	if (!size || x->pos != size)
		return NULL;
	return x->state == VSB_ID_HELLO ? x->buf.hello.name : x->message.name;
}

/* The hello is complete: x->message becomes that of this exchange, with the host's @nonce. */
void vsb_exchange_hello(struct vsb_exchange *x, const u8 *nonce)
{
	memcpy(x->message.name, x->buf.hello.name, VSB_ID_NAME);
	memcpy(x->message.uservm_nonce, x->buf.hello.nonce, VSB_ID_NONCE);
	memcpy(x->message.host_nonce, nonce, VSB_ID_NONCE);
}

/* The host's proof is there to be read. */
void vsb_exchange_reply(struct vsb_exchange *x, const u8 *proof)
{
	memcpy(x->buf.reply.nonce, x->message.host_nonce, VSB_ID_NONCE);
	memcpy(x->buf.reply.proof, proof, VSB_ID_PROOF);
	vsb_exchange_enter(x, VSB_ID_REPLY);
}
