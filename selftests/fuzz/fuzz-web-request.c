// SPDX-License-Identifier: GPL-2.0
/*
 * console-webend.c: the process of one connection of the web page. The first byte says how much of the
 * rest is what the server says, each message with a type, a number and its bytes; what follows is the
 * gateway's, a request and what the browser types then.
 */
#include "fuzz.h"

#include "console-webend.c"

#include <fcntl.h>

/* In the place of console-sandbox.c: libFuzzer could not go on. */
gboolean vsb_sandbox_session(GError **error)
{
	return TRUE;
}

/* Numbers 3 to 5 are for it: the main loop has one of its own, which is not to be there. */
static void keep_free(void)
{
	static gboolean done;
	int holders[3];

	if (done)
		return;
	for (int i = 0; i < 3; i++) {
		g_assert_cmpint(fcntl(VSB_SESSION_LINK + i, F_GETFD), <, 0);
		holders[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
	}
	g_main_context_iteration(NULL, FALSE);
	for (int i = 0; i < 3; i++)
		close(holders[i]);
	done = TRUE;
}

/* It has its descriptors at numbers of their own. */
static int put_at(int number, int kind)
{
	int pair[2];

	g_assert_cmpint(socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, pair), ==, 0);
	if (pair[0] != number) {
		/* The other end may have got it. */
		int other = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);

		close(pair[1]);
		pair[1] = other;
		g_assert_cmpint(dup2(pair[0], number), ==, number);
		close(pair[0]);
	}
	return pair[1];
}

static void server_says(int fd, struct input *in)
{
	while (in->len) {
		g_autofree struct vsb_wire *wire = g_new0(struct vsb_wire, 1);
		const guint8 *bytes;
		gsize len;

		wire->type = take_byte(in);
		wire->number = (gint8)take_byte(in);
		bytes = take_bytes(in, &len);
		memcpy(wire->data, bytes, len);
		fuzz_send(fd, wire, offsetof(struct vsb_wire, data) + len);
	}
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size }, server;
	int link, gateway;

	keep_free();
	link = put_at(VSB_SESSION_LINK, SOCK_SEQPACKET);
	gateway = put_at(VSB_SESSION_SOCKET, SOCK_STREAM);
	server.data = take_bytes(&in, &server.len);
	server_says(link, &server);
	shutdown(link, SHUT_WR);
	fuzz_send(gateway, in.data, in.len);
	shutdown(gateway, SHUT_WR);
	vsb_webend_main();
	close(VSB_SESSION_SOCKET);
	close(link);
	close(gateway);
	for (int i = 0; i < 2; i++)
		g_clear_handle_id(&end.watches[i], g_source_remove);
	if (end.vnc_fd >= 0)
		close(end.vnc_fd);
	vsb_ring_clear(&end.out);
	vsb_ring_clear(&end.in);
	g_main_loop_unref(end.loop);
	memset(&end, 0, sizeof(end));
	settle();
	return 0;
}
