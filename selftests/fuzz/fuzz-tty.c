// SPDX-License-Identifier: GPL-2.0
/*
 * console-tty.c, in the process of a connection: bytes of the client, and the server's messages. The
 * first byte is the mode. Then, each with a byte that says which:
 *
 *   i BYTES	the client types		o, b, n BYTES	output, backlog, notice
 *   c N	credit				p N		the client takes N bytes
 *   s C R	its terminal has another size	f BYTES		the end
 *   k		it asks for a break
 */
#include "fuzz.h"

#include <string.h>
#include <sys/socket.h>

#include "console-tty.h"

static gsize room;
static GByteArray *seen;
static gboolean over;

static gsize sink_room(gpointer client)
{
	return room;
}

static bool sink_busy(gpointer client)
{
	return false;
}

static int sink_put(gpointer client, const void *data, gsize len, bool to_stderr)
{
	g_assert_cmpuint(len, <=, room);
	room -= len;
	if (!to_stderr)
		g_byte_array_append(seen, data, (guint)len);
	return (int)len;
}

static void sink_end(gpointer client, int status)
{
}

static void on_message(struct vsb_link *link, const struct vsb_wire *wire, gsize len, int fd)
{
}

static void on_lost(struct vsb_link *link, const char *why)
{
}

static void message(struct vsb_tty *tty, struct input *in, enum vsb_wire_type type)
{
	g_autofree struct vsb_wire *wire = g_new0(struct vsb_wire, 1);
	const guint8 *bytes;
	gsize len;

	wire->type = (guint16)type;
	if (type == VSB_WIRE_CREDIT || type == VSB_WIRE_FINISH)
		wire->number = (gint32)take_u32(in);
	else
		wire->number = take_byte(in) % 2;
	bytes = take_bytes(in, &len);
	memcpy(wire->data, bytes, len);
	vsb_tty_message(tty, wire, len);
}

static void step(struct vsb_tty *tty, struct input *in, enum vsb_client_mode mode, GByteArray *output)
{
	const guint8 *bytes;
	gsize len;

	switch (take_byte(in)) {
	case 'i':
		bytes = take_bytes(in, &len);
		g_assert_cmpuint(vsb_tty_input(tty, bytes, len), <=, len);
		break;
	case 'o':
		/* Its head: number, length. */
		len = in->len > 1 ? MIN(in->data[1], in->len - 2) : 0;
		if (len)
			g_byte_array_append(output, in->data + 2, (guint)len);
		message(tty, in, VSB_WIRE_OUTPUT);
		break;
	case 'b':
		/* A program gets none. */
		if (mode == VSB_MODE_CONSOLE)
			message(tty, in, VSB_WIRE_BACKLOG);
		break;
	case 'n':
		message(tty, in, VSB_WIRE_NOTICE);
		break;
	case 'c':
		message(tty, in, VSB_WIRE_CREDIT);
		break;
	case 'f':
		message(tty, in, VSB_WIRE_FINISH);
		break;
	case 's':
		vsb_tty_size(tty, take_byte(in) * 4 - 4, take_byte(in) * 4 - 4);
		break;
	case 'k':
		vsb_tty_break(tty);
		break;
	case 'p':
		room = take_byte(in) * 64;
		over = !vsb_tty_pump(tty);
		break;
	}
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static const struct vsb_link_ops ops = { .message = on_message, .lost = on_lost };
	static const struct vsb_sink sink = { sink_room, sink_busy, sink_put, sink_end };
	g_autoptr(GByteArray) output = g_byte_array_new();
	struct input in = { data, size };
	enum vsb_client_mode mode = take_byte(&in) % 3;
	struct vsb_link link;
	struct vsb_tty *tty;
	int pair[2];

	seen = g_byte_array_new();
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
	vsb_link_init(&link, pair[0], &ops);
	tty = vsb_tty_new(&link, 0, &sink, NULL, "vm1");
	if (mode != VSB_MODE_CONSOLE || take_byte(&in) % 2)
		vsb_tty_size(tty, 80, 24);
	vsb_tty_attach(tty, mode);
	over = FALSE;
	while (in.len && !over) {
		step(tty, &in, mode, output);
		settle();
		fuzz_drain(pair[1]);
	}
	room = G_MAXINT32;
	if (!over)
		vsb_tty_pump(tty);
	/* A program has each byte, in order, and nothing else. */
	if (mode != VSB_MODE_CONSOLE)
		g_assert_cmpmem(seen->data, seen->len, output->data, output->len);
	vsb_tty_free(tty);
	vsb_link_clear(&link);
	g_byte_array_unref(seen);
	fuzz_close(&pair[1]);
	settle();
	return 0;
}
