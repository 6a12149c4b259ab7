// SPDX-License-Identifier: GPL-2.0
/*
 * The user VM's side of a proof of identity.
 *
 * Whoever is at the ports is not trusted until it has proved that it has our key.
 * Before that it gets our name and a random number, after that our own proof, which
 * is good for this one exchange.
 */
#include "identify.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <linux/vsbypass_identity.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>

static_assert(KEY_NAME == VSB_ID_NAME && KEY_BYTES == VSB_ID_KEY, "as the host has it");

static uint8_t state(const struct identify_ports *ports)
{
	return ports->in(VSB_ID_CONTROL, ports->data);
}

static void send(const struct identify_ports *ports, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ports->out(VSB_ID_DATA, ((const uint8_t *)bytes)[i], ports->data);
}

static void receive(const struct identify_ports *ports, void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = ports->in(VSB_ID_DATA, ports->data);
}

static void prove(struct vsb_id_message *message, const char *context, const struct key *key,
		  uint8_t *proof)
{
	struct hmac_sha256_ctx ctx;

	memset(message->context, 0, sizeof(message->context));
	memcpy(message->context, context, strlen(context));
	hmac_sha256_set_key(&ctx, sizeof(key->bytes), key->bytes);
	hmac_sha256_update(&ctx, sizeof(*message), (const uint8_t *)message);
	hmac_sha256_digest(&ctx, VSB_ID_PROOF, proof);
	explicit_bzero(&ctx, sizeof(ctx));
}

/* Return: is the exchange begun? @how_long becomes what it is begun with. */
static bool begin(const struct identify_ports *ports, uint8_t *how_long)
{
	if (*how_long != IDENTIFY_FOR_EVER) {
		ports->out(VSB_ID_CONTROL, (uint8_t)(VSB_ID_BEGIN_FOR + *how_long), ports->data);
		if (state(ports) == VSB_ID_HELLO)
			return true;
		*how_long = IDENTIFY_FOR_EVER;
	}
	ports->out(VSB_ID_CONTROL, VSB_ID_BEGIN, ports->data);
	return state(ports) == VSB_ID_HELLO;
}

static enum identify_result hello(const struct identify_ports *ports,
				  const struct vsb_id_hello *hello, struct vsb_id_reply *reply,
				  uint8_t *how_long)
{
	if (state(ports) == VSB_ID_ABSENT)
		return IDENTIFY_ABSENT;
	if (!begin(ports, how_long))
		return IDENTIFY_CONFUSED;
	send(ports, hello, sizeof(*hello));
	switch (state(ports)) {
	case VSB_ID_REPLY:
		break;
	case VSB_ID_REFUSED:
		return IDENTIFY_UNKNOWN;
	default:
		return IDENTIFY_CONFUSED;
	}
	receive(ports, reply, sizeof(*reply));
	return state(ports) == VSB_ID_ANSWER ? IDENTIFY_PROVED : IDENTIFY_CONFUSED;
}

static enum identify_result answer(const struct identify_ports *ports, const uint8_t *proof)
{
	send(ports, proof, VSB_ID_PROOF);
	switch (state(ports)) {
	case VSB_ID_PROVED:
		return IDENTIFY_PROVED;
	case VSB_ID_REFUSED:
		return IDENTIFY_REFUSED;
	default:
		return IDENTIFY_CONFUSED;
	}
}

enum identify_result identify(const struct identify_ports *ports, const struct key *key,
			      const uint8_t *nonce, uint8_t how_long)
{
	char context[VSB_ID_CONTEXT] = VSB_ID_BY_USERVM;
	struct vsb_id_message message = { 0 };
	struct vsb_id_hello greeting = { 0 };
	uint8_t proof[VSB_ID_PROOF];
	enum identify_result result;
	struct vsb_id_reply reply;

	memcpy(greeting.name, key->name, sizeof(greeting.name));
	memcpy(greeting.nonce, nonce, sizeof(greeting.nonce));
	result = hello(ports, &greeting, &reply, &how_long);
	if (result != IDENTIFY_PROVED)
		return result;
	memcpy(message.name, greeting.name, sizeof(message.name));
	memcpy(message.uservm_nonce, greeting.nonce, sizeof(message.uservm_nonce));
	memcpy(message.host_nonce, reply.nonce, sizeof(message.host_nonce));
	prove(&message, VSB_ID_BY_HOST, key, proof);
	if (!memeql_sec(proof, reply.proof, sizeof(proof))) {
		result = IDENTIFY_WRONG_HOST;
	} else {
		if (how_long != IDENTIFY_FOR_EVER)
			snprintf(context, sizeof(context), VSB_ID_BY_USERVM_FOR, how_long);
		prove(&message, context, key, proof);
		result = answer(ports, proof);
	}
	explicit_bzero(proof, sizeof(proof));
	return result;
}
