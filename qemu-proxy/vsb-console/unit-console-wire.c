// SPDX-License-Identifier: GPL-2.0
/* What a process that a stranger has taken over may send to the server. */
#include "console-wire.h"

#include <dirent.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD	offsetof(struct vsb_wire, data)

struct end {
	struct vsb_link link;
	guint messages;
	guint passed;		/* descriptors */
	gboolean lost;
	int other;
};

static struct end *end_of(struct vsb_link *link)
{
	return (struct end *)((char *)link - offsetof(struct end, link));
}

static void on_message(struct vsb_link *link, const struct vsb_wire *wire, gsize len, int fd)
{
	struct end *end = end_of(link);

	end->messages++;
	g_assert_cmpint(wire->data[len], ==, 0);
	if (fd >= 0) {
		end->passed++;
		close(fd);
	}
}

static void on_lost(struct vsb_link *link, const char *why)
{
	end_of(link)->lost = TRUE;
}

static const struct vsb_link_ops ops = { .message = on_message, .lost = on_lost };

static void setup(struct end *end)
{
	int pair[2];

	*end = (struct end){ 0 };
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
	end->other = pair[1];
	vsb_link_init(&end->link, pair[0], &ops);
}

static void teardown(struct end *end)
{
	vsb_link_clear(&end->link);
	close(end->other);
}

static guint descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	guint n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* @nr of stdin go with it. */
static void send_raw(struct end *end, const void *data, gsize len, guint nr)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(200 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nr) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(nr * sizeof(int));
		memset(CMSG_DATA(&control.head), 0, nr * sizeof(int));
	}
	g_assert_cmpint(sendmsg(end->other, &msg, MSG_NOSIGNAL), ==, (gssize)len);
}

static void run(void)
{
	while (g_main_context_iteration(NULL, FALSE))
		;
}

/* One descriptor is taken, and closed; with more the link ends, and none stays. */
static void test_descriptors(void)
{
	static const guint numbers[] = { 0, 1, 2, 3, 200 };

	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
		struct vsb_wire wire = { .type = VSB_WIRE_PONG };
		struct end end;
		guint before;

		setup(&end);
		before = descriptors();
		send_raw(&end, &wire, HEAD, numbers[i]);
		run();
		g_test_message("%u descriptors", numbers[i]);
		g_assert_cmpuint(descriptors(), ==, before);
		g_assert_cmpuint(end.passed, ==, numbers[i] == 1);
		g_assert_cmpint(end.lost, ==, numbers[i] > 1);
		g_assert_cmpuint(end.messages, ==, numbers[i] <= 1);
		teardown(&end);
	}
}

/* Lengths, types and channels that there are, and those beside them. */
static void test_bounds(void)
{
	static const struct {
		guint16 type, channel;
		gsize len;
		gboolean good;
	} table[] = {
		{ VSB_WIRE_PONG, 0, HEAD, TRUE },
		{ VSB_WIRE_INPUT, VSB_CHANNELS - 1, HEAD + VSB_WIRE_DATA, TRUE },
		{ VSB_WIRE_TYPES - 1, 0, HEAD, TRUE },
		{ VSB_WIRE_PONG, 0, HEAD - 1, FALSE },
		{ VSB_WIRE_PONG, 0, 1, FALSE },
		{ VSB_WIRE_INPUT, 0, HEAD + VSB_WIRE_DATA + 1, FALSE },
		{ 0, 0, HEAD, FALSE },
		{ VSB_WIRE_TYPES, 0, HEAD, FALSE },
		{ 0xffff, 0, HEAD, FALSE },
		{ VSB_WIRE_PONG, VSB_CHANNELS, HEAD, FALSE },
		{ VSB_WIRE_PONG, 0xffff, HEAD, FALSE },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		struct vsb_wire wire = { .type = table[i].type, .channel = table[i].channel };
		struct end end;

		memset(wire.data, 'x', sizeof(wire.data));
		setup(&end);
		send_raw(&end, &wire, table[i].len, 0);
		run();
		g_test_message("row %zu", i);
		g_assert_cmpuint(end.messages, ==, table[i].good);
		g_assert_cmpint(end.lost, ==, !table[i].good);
		teardown(&end);
	}
}

/* Who reads nothing ends, before more waits than there may. */
static void test_unread(void)
{
	guint8 data[VSB_WIRE_DATA] = { 0 };
	struct end end;
	guint sent = 0;

	setup(&end);
	while (!end.lost && sent++ < 10000) {
		vsb_link_send(&end.link, VSB_WIRE_OUTPUT, 0, 0, data, sizeof(data), -1);
		run();
	}
	g_assert_true(end.lost);
	g_assert_cmpuint(end.link.waiting_bytes, <=, VSB_WIRE_QUEUE + VSB_WIRE_DATA);
	teardown(&end);
}

/* Who says why it goes, and is told something at that moment, is heard. */
static void test_last_words(void)
{
	struct vsb_wire wire = { .type = VSB_WIRE_REFUSED };
	struct end end;

	setup(&end);
	send_raw(&end, &wire, HEAD, 0);
	send_raw(&end, &wire, HEAD, 1);
	close(end.other);
	vsb_link_send(&end.link, VSB_WIRE_PING, 0, 0, NULL, 0, -1);
	run();
	g_assert_cmpuint(end.messages, ==, 2);
	g_assert_cmpuint(end.passed, ==, 1);
	g_assert_true(end.lost);
	end.other = dup(0);
	teardown(&end);
}

/* But not for longer: who lives on and cannot be told anything does not go on to speak. */
static void test_no_more_words(void)
{
	struct vsb_wire wire = { .type = VSB_WIRE_PONG };
	struct end end;

	setup(&end);
	shutdown(end.link.fd, SHUT_WR);
	send_raw(&end, &wire, HEAD, 0);
	vsb_link_send(&end.link, VSB_WIRE_PING, 0, 0, NULL, 0, -1);
	g_assert_cmpint(send(end.other, &wire, HEAD, MSG_NOSIGNAL | MSG_DONTWAIT), <, 0);
	run();
	g_assert_cmpuint(end.messages, ==, 1);
	g_assert_true(end.lost);
	teardown(&end);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/console/wire/descriptors", test_descriptors);
	g_test_add_func("/console/wire/bounds", test_bounds);
	g_test_add_func("/console/wire/unread", test_unread);
	g_test_add_func("/console/wire/last-words", test_last_words);
	g_test_add_func("/console/wire/no-more-words", test_no_more_words);
	return g_test_run();
}
