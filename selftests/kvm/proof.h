/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The user VM's side of a proof of identity, step by step: what vsb-identify does,
 * and what an attacker would. L2 makes the accesses, the test chooses the bytes.
 */
#ifndef VSB_PROOF_H
#define VSB_PROOF_H

#include <linux/vsbypass_identity.h>

#include "cloud.h"
#include "proxy.h"

#define ID_DATA		(VSB_ID_PORT + VSB_ID_DATA)
#define ID_CONTROL	(VSB_ID_PORT + VSB_ID_CONTROL)

/* What one exchange is about: the hello and the host's reply. */
struct exchange {
	struct vsb_id_hello hello;
	struct vsb_id_reply reply;
};

/* A key of 32 such bytes for the proxy. */
void id_set_key(struct proxy *p, uint8_t byte);

/* The state that user VM @l2 reads. */
uint8_t id_state(struct cloud *c, unsigned int l2);
/* Begins, and says hello as @name; the state then. With VSB_ID_REPLY x->reply is read. */
uint8_t id_hello(struct cloud *c, unsigned int l2, const char *name, struct exchange *x);
/* The same, begun with another command. */
uint8_t id_hello_with(struct cloud *c, unsigned int l2, uint8_t command, const char *name,
		      struct exchange *x);

/* Sends 32 bytes; the state then. */
uint8_t id_answer(struct cloud *c, unsigned int l2, const uint8_t *proof);
/* The proof of @context for this exchange, with a key of 32 times @byte. */
void id_proof(uint8_t byte, const char *context, const struct exchange *x, uint8_t *proof);
/* All of it, as vsb-identify does it: the host's proof is checked. The last state. */
uint8_t id_prove(struct cloud *c, unsigned int l2, const char *name, uint8_t byte);

/* The same, a proof that is good for 2^@n s. */
uint8_t id_prove_for(struct cloud *c, unsigned int l2, const char *name, uint8_t byte,
		     unsigned int n);


#endif
