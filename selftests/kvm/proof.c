// SPDX-License-Identifier: GPL-2.0
/* The user VM's side of a proof of identity. */
#include <nettle/hmac.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>

#include "proof.h"
#include "tap.h"

void id_set_key(struct proxy *p, uint8_t byte)
{
	struct vsb_key key = { 0 };

	memset(key.key, byte, sizeof(key.key));
	OK(ioctl(p->fd, VSB_SET_KEY, &key));
}

/* An IN of a byte. */
static uint8_t got(struct cloud *c, unsigned int i)
{
	CHECK_EQ(GOT(c, i), rax_after(1, GOT(c, i) & 0xff));
	return GOT(c, i);
}

uint8_t id_state(struct cloud *c, unsigned int l2)
{
	L2_RUN(c, l2, IN(ID_CONTROL, 1));
	return got(c, 0);
}

uint8_t id_hello(struct cloud *c, unsigned int l2, const char *name, struct exchange *x)
{
	return id_hello_with(c, l2, VSB_ID_BEGIN, name, x);
}

uint8_t id_hello_with(struct cloud *c, unsigned int l2, uint8_t command, const char *name,
		      struct exchange *x)
{
	memset(x, 0, sizeof(*x));
	snprintf(x->hello.name, sizeof(x->hello.name), "%s", name);
	OK(getrandom(x->hello.nonce, sizeof(x->hello.nonce), 0));
	memcpy(c->mbox->buf, &x->hello, sizeof(x->hello));
	L2_RUN(c, l2, OUT(ID_CONTROL, 1, command), IN(ID_CONTROL, 1),
	       OUTS(ID_DATA, 1, 0, REP(sizeof(x->hello))), IN(ID_CONTROL, 1));
	CHECK_EQ(got(c, 1), VSB_ID_HELLO);
	if (got(c, 3) != VSB_ID_REPLY)
		return got(c, 3);
	L2_RUN(c, l2, INS(ID_DATA, 1, 0, REP(sizeof(x->reply))), IN(ID_CONTROL, 1));
	memcpy(&x->reply, c->mbox->buf, sizeof(x->reply));
	CHECK_EQ(got(c, 1), VSB_ID_ANSWER);
	return VSB_ID_REPLY;
}

uint8_t id_answer(struct cloud *c, unsigned int l2, const uint8_t *proof)
{
	memcpy(c->mbox->buf, proof, VSB_ID_PROOF);
	L2_RUN(c, l2, OUTS(ID_DATA, 1, 0, REP(VSB_ID_PROOF)), IN(ID_CONTROL, 1));
	return got(c, 1);
}

void id_proof(uint8_t byte, const char *context, const struct exchange *x, uint8_t *proof)
{
	struct vsb_id_message message = { 0 };
	struct hmac_sha256_ctx ctx;
	uint8_t key[VSB_ID_KEY];

	memset(key, byte, sizeof(key));
	snprintf(message.context, sizeof(message.context), "%s", context);
	memcpy(message.name, x->hello.name, sizeof(message.name));
	memcpy(message.uservm_nonce, x->hello.nonce, VSB_ID_NONCE);
	memcpy(message.host_nonce, x->reply.nonce, VSB_ID_NONCE);
	hmac_sha256_set_key(&ctx, sizeof(key), key);
	hmac_sha256_update(&ctx, sizeof(message), (const uint8_t *)&message);
	hmac_sha256_digest(&ctx, VSB_ID_PROOF, proof);
}

static uint8_t prove(struct cloud *c, unsigned int l2, const char *name, uint8_t byte,
		     uint8_t command, const char *context)
{
	uint8_t proof[VSB_ID_PROOF], state;
	struct exchange x;

	state = id_hello_with(c, l2, command, name, &x);
	if (state != VSB_ID_REPLY)
		return state;
	id_proof(byte, VSB_ID_BY_HOST, &x, proof);
	if (memcmp(proof, x.reply.proof, sizeof(proof)))
		FAIL("the host's proof is wrong");
	id_proof(byte, context, &x, proof);
	return id_answer(c, l2, proof);
}

uint8_t id_prove(struct cloud *c, unsigned int l2, const char *name, uint8_t byte)
{
	return prove(c, l2, name, byte, VSB_ID_BEGIN, VSB_ID_BY_USERVM);
}

uint8_t id_prove_for(struct cloud *c, unsigned int l2, const char *name, uint8_t byte,
		     unsigned int n)
{
	char context[VSB_ID_CONTEXT];

	snprintf(context, sizeof(context), VSB_ID_BY_USERVM_FOR, n);
	return prove(c, l2, name, byte, VSB_ID_BEGIN_FOR + n, context);
}
