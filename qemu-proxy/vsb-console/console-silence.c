// SPDX-License-Identifier: GPL-2.0
/* What libssh drops without an answer or a word. */
#include "console-silence.h"

#include <string.h>

#include "console-put.h"

#define ANSWER_S	10

/*
 * A name with a NUL in it, a wrong signature. Behind the key exchange, which is 3 packets
 * and perhaps one that informs, each is answered.
 */
void vsb_silence_note(struct vsb_silence *silence)
{
	const struct ssh_counter_struct *now = vsb_put_packets();

	if (now->in_packets != silence->packets_in) {
		silence->packets_in = now->in_packets;
		silence->unanswered = silence->packets_in > 4 &&
				      now->out_packets == silence->packets_out;
		silence->came_us = g_get_monotonic_time();
	}
	if (now->out_packets != silence->packets_out)
		silence->unanswered = false;
	silence->packets_out = now->out_packets;
}

const char *vsb_silence_too_long(const struct vsb_silence *silence)
{
	if (!silence->unanswered ||
	    g_get_monotonic_time() - silence->came_us < ANSWER_S * G_USEC_PER_SEC)
		return NULL;
	return "a request that has no answer, such as a name with a NUL or a wrong signature";
}

const char *vsb_silence_dropped(ssh_session ssh)
{
	static const struct {
		const char *error;	/* in 0.10 */
		const char *reason;
	} dropped[] = {
		{ "(ssh-rsa) doesn't match",
		  "signatures with SHA-1 (ssh-rsa) are not accepted; use a newer client, or an ed25519 key" },
		{ "Invalid maximum packet size",
		  "a channel whose maximum packet size has no room for a byte" },
	};
	const char *error = ssh_get_error(ssh);

	for (gsize i = 0; i < G_N_ELEMENTS(dropped); i++) {
		if (strstr(error, dropped[i].error))
			return dropped[i].reason;
	}
	return NULL;
}
