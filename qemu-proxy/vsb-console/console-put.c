// SPDX-License-Identifier: GPL-2.0
/* Writes to channels, with a look at the packets that they take. */
#include "console-put.h"

#define MORE_PACKETS	16	/* that libssh may send for other reasons meanwhile */

static struct ssh_counter_struct packets;
static bool useless;

void vsb_put_init(ssh_session ssh)
{
	ssh_set_counters(ssh, NULL, &packets);
}

int vsb_put(ssh_channel channel, const void *data, gsize len, bool to_stderr)
{
	guint64 before = packets.out_packets;
	int n = to_stderr ? ssh_channel_write_stderr(channel, data, (uint32_t)len) :
		ssh_channel_write(channel, data, (uint32_t)len);

	/* Not a byte in each. */
	if (packets.out_packets - before > (guint64)MAX(n, 0) + MORE_PACKETS)
		useless = true;
	return n;
}

bool vsb_put_useless(void)
{
	return useless;
}

const struct ssh_counter_struct *vsb_put_packets(void)
{
	return &packets;
}
