// SPDX-License-Identifier: GPL-2.0
/* Writes to channels, with a look at the packets that they take. */
#include "console-put.h"

#include <libssh/server.h>

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

static gsize sink_room(gpointer channel)
{
	return ssh_channel_window_size(channel);
}

static bool sink_busy(gpointer channel)
{
	return ssh_get_status(ssh_channel_get_session(channel)) & SSH_WRITE_PENDING;
}

static int sink_put(gpointer channel, const void *data, gsize len, bool to_stderr)
{
	return vsb_put(channel, data, len, to_stderr);
}

static void sink_end(gpointer channel, int status)
{
	ssh_channel_request_send_exit_status(channel, status);
	ssh_channel_send_eof(channel);
}

const struct vsb_sink vsb_put_sink = { sink_room, sink_busy, sink_put, sink_end };

bool vsb_put_useless(void)
{
	return useless;
}

const struct ssh_counter_struct *vsb_put_packets(void)
{
	return &packets;
}
