// SPDX-License-Identifier: GPL-2.0
/*
 * identify.c, in the user VM: who is at the ports is not its host. Each byte is what a port says;
 * the first one is for how long.
 */
#include "fuzz.h"

#include <linux/vsbypass_identity.h>

#include "identify.h"

static guint written;

static uint8_t port_in(unsigned int port, void *data)
{
	return take_byte(data);
}

static void port_out(unsigned int port, uint8_t value, void *data)
{
	written++;
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static const struct key key = { "vm1", { 1, 2, 3 } };
	static const uint8_t nonce[VSB_ID_NONCE] = { 4, 5, 6 };
	struct input in = { data, size };
	const struct identify_ports ports = { port_in, port_out, &in };
	uint8_t how_long = take_byte(&in);
	enum identify_result result;

	written = 0;
	if (how_long > VSB_ID_MOST_FOR)
		how_long = IDENTIFY_FOR_EVER;
	result = identify(&ports, &key, nonce, how_long);
	/* Who does not have the key is told no proof: two commands, and a hello. */
	g_assert_true(result != IDENTIFY_PROVED && result != IDENTIFY_REFUSED);
	g_assert_cmpuint(written, <=, 2 + sizeof(struct vsb_id_hello));
	return 0;
}
