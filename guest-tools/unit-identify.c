// SPDX-License-Identifier: GPL-2.0
/*
 * vsb-identify's exchange, with hosts that behave and hosts that do not. What is
 * looked at most is what each of them gets to know.
 */
#include "identify.h"

#include <string.h>

#include <glib.h>
#include <linux/vsbypass_identity.h>
#include <nettle/hmac.h>

static const struct key key = { "vm1", { [0] = 1, [31] = 2 } };
static const uint8_t nonce[VSB_ID_NONCE] = { [0] = 3, [31] = 4 };

/**
 * struct host - who is at the ports
 * @key:	what it takes for the key of vm1
 * @knows:	it serves the VM under that name
 * @accept:	it accepts a right proof
 * @spoil:	byte of the reply that it changes, -1: none
 * @old:	it knows only proofs without an end
 * @begun:	the last command
 * @stuck:	from that state on it says nothing new, 0xff: never
 * @in:		bytes that it got
 * @answers:	bytes of these that are of an answer
 */
struct host {
	struct key key;
	gboolean knows;
	gboolean accept;
	gboolean old;
	uint8_t begun;
	int spoil;
	uint8_t stuck;
	uint8_t state;
	unsigned int pos;
	unsigned int in, answers, reads;
	struct vsb_id_hello hello;
	struct vsb_id_reply reply;
	uint8_t answer[VSB_ID_PROOF];
};

static const struct host good = {
	.key = { "vm1", { [0] = 1, [31] = 2 } }, .knows = TRUE, .accept = TRUE, .spoil = -1,
	.stuck = 0xff,
};

static void go(struct host *host, uint8_t state)
{
	host->pos = 0;
	if (host->state != host->stuck)
		host->state = state;
}

static void host_proof(struct host *host, const char *context, uint8_t *proof)
{
	struct vsb_id_message message = { 0 };
	struct hmac_sha256_ctx ctx;

	memcpy(message.context, context, strlen(context));
	memcpy(message.name, host->key.name, sizeof(message.name));
	memcpy(message.uservm_nonce, host->hello.nonce, VSB_ID_NONCE);
	memcpy(message.host_nonce, host->reply.nonce, VSB_ID_NONCE);
	hmac_sha256_set_key(&ctx, KEY_BYTES, host->key.bytes);
	hmac_sha256_update(&ctx, sizeof(message), (const uint8_t *)&message);
	hmac_sha256_digest(&ctx, VSB_ID_PROOF, proof);
}

static void got_hello(struct host *host)
{
	g_assert_cmpmem(host->hello.nonce, VSB_ID_NONCE, nonce, sizeof(nonce));
	g_assert_cmpstr(host->hello.name, ==, "vm1");
	if (!host->knows) {
		go(host, VSB_ID_REFUSED);
		return;
	}
	memset(host->reply.nonce, 0x77, VSB_ID_NONCE);
	host_proof(host, VSB_ID_BY_HOST, host->reply.proof);
	if (host->spoil >= 0)
		((uint8_t *)&host->reply)[host->spoil] ^= 1;
	go(host, VSB_ID_REPLY);
}

static void got_answer(struct host *host)
{
	uint8_t proof[VSB_ID_PROOF];

	g_autofree char *limited = g_strdup_printf(VSB_ID_BY_USERVM_FOR,
						   host->begun - VSB_ID_BEGIN_FOR);

	host_proof(host, host->begun == VSB_ID_BEGIN ? VSB_ID_BY_USERVM : limited, proof);
	go(host, host->accept && !memcmp(proof, host->answer, sizeof(proof)) ?
	   VSB_ID_PROVED : VSB_ID_REFUSED);
}

static void host_out(unsigned int port, uint8_t value, void *data)
{
	struct host *host = data;

	host->in++;
	if (port == VSB_ID_CONTROL) {
		host->begun = value;
		if (value != VSB_ID_BEGIN) {
			g_assert_cmpint(value, >=, VSB_ID_BEGIN_FOR);
			g_assert_cmpint(value, <=, VSB_ID_BEGIN_FOR + VSB_ID_MOST_FOR);
		}
		go(host, host->old && value != VSB_ID_BEGIN ? VSB_ID_IDLE : VSB_ID_HELLO);
	} else if (host->state == VSB_ID_HELLO && host->pos < sizeof(host->hello)) {
		((uint8_t *)&host->hello)[host->pos++] = value;
		if (host->pos == sizeof(host->hello))
			got_hello(host);
	} else if (host->state == VSB_ID_ANSWER && host->pos < sizeof(host->answer)) {
		host->answers++;
		host->answer[host->pos++] = value;
		if (host->pos == sizeof(host->answer))
			got_answer(host);
	}
}

static uint8_t host_in(unsigned int port, void *data)
{
	struct host *host = data;
	uint8_t value = 0xff;

	host->reads++;
	if (port == VSB_ID_CONTROL)
		return host->state;
	if (host->state == VSB_ID_REPLY && host->pos < sizeof(host->reply)) {
		value = ((uint8_t *)&host->reply)[host->pos++];
		if (host->pos == sizeof(host->reply))
			go(host, VSB_ID_ANSWER);
	}
	return value;
}

static enum identify_result ask(struct host *host)
{
	const struct identify_ports ports = { host_in, host_out, host };

	return identify(&ports, &key, nonce, IDENTIFY_FOR_EVER);
}

/* A proof says how long it is good for; an old host gets one that is good for ever. */
static void test_limited(void)
{
	for (uint8_t n = 0; n <= VSB_ID_MOST_FOR; n++) {
		struct host host = good;
		const struct identify_ports ports = { host_in, host_out, &host };

		g_assert_cmpint(identify(&ports, &key, nonce, n), ==, IDENTIFY_PROVED);
		g_assert_cmpint(host.begun, ==, VSB_ID_BEGIN_FOR + n);
		host.old = TRUE;
		g_assert_cmpint(identify(&ports, &key, nonce, n), ==, IDENTIFY_PROVED);
		g_assert_cmpint(host.begun, ==, VSB_ID_BEGIN);
	}
}

static void test_right(void)
{
	struct host host = good;

	g_assert_cmpint(ask(&host), ==, IDENTIFY_PROVED);
	g_assert_cmpint(host.answers, ==, VSB_ID_PROOF);
	/* Once more, as after a restart of the program. */
	host.answers = 0;
	g_assert_cmpint(ask(&host), ==, IDENTIFY_PROVED);
}

/* Nobody there: nothing at all has been written. */
static void test_absent(void)
{
	struct host host = good;

	host.state = host.stuck = VSB_ID_ABSENT;
	g_assert_cmpint(ask(&host), ==, IDENTIFY_ABSENT);
	g_assert_cmpint(host.in, ==, 0);
	g_assert_cmpint(host.reads, ==, 1);
}

static void test_unknown(void)
{
	struct host host = good;

	host.knows = FALSE;
	g_assert_cmpint(ask(&host), ==, IDENTIFY_UNKNOWN);
	g_assert_cmpint(host.answers, ==, 0);
}

/* Without our key it gets no answer, which another host could be shown. */
static void test_wrong_host(void)
{
	struct host host = good;

	host.key.bytes[5] ^= 1;
	g_assert_cmpint(ask(&host), ==, IDENTIFY_WRONG_HOST);
	g_assert_cmpint(host.answers, ==, 0);
	host = good;
	strcpy(host.key.name, "vm2");
	g_assert_cmpint(ask(&host), ==, IDENTIFY_WRONG_HOST);
	g_assert_cmpint(host.answers, ==, 0);
	for (int i = 0; i < (int)sizeof(struct vsb_id_reply); i++) {
		host = good;
		host.spoil = i;
		g_assert_cmpint(ask(&host), ==, IDENTIFY_WRONG_HOST);
		g_assert_cmpint(host.answers, ==, 0);
	}
}

static void test_refused(void)
{
	struct host host = good;

	host.accept = FALSE;
	g_assert_cmpint(ask(&host), ==, IDENTIFY_REFUSED);
}

/* Hosts whose state is what it is, and other things at these ports. */
static void test_stuck(void)
{
	for (uint8_t state = 0; state < VSB_ID_PROVED; state++) {
		struct host host = good;

		host.stuck = state;
		g_assert_cmpint(ask(&host), ==, IDENTIFY_CONFUSED);
		g_assert_cmpint(host.answers, ==, state == VSB_ID_ANSWER ? VSB_ID_PROOF : 0);
	}
	/* A port that always reads the same. */
	for (int value = 0; value < 255; value++) {
		struct host host = good;

		host.state = host.stuck = (uint8_t)value;
		g_assert_cmpint(ask(&host), ==, IDENTIFY_CONFUSED);
		g_assert_cmpint(host.answers, ==, 0);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/identify/right", test_right);
	g_test_add_func("/identify/limited", test_limited);
	g_test_add_func("/identify/absent", test_absent);
	g_test_add_func("/identify/unknown", test_unknown);
	g_test_add_func("/identify/wrong-host", test_wrong_host);
	g_test_add_func("/identify/refused", test_refused);
	g_test_add_func("/identify/stuck", test_stuck);
	return g_test_run();
}
