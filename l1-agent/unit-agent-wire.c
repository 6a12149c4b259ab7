// SPDX-License-Identifier: GPL-2.0
/* The lines of the agent channel: what is a message, what is not, and streams. */
#include "agent-wire.h"

#include <string.h>

static const struct {
	const char *line;
	enum agent_side from;
	struct agent_msg msg;
} good[] = {
	{ "hello 1 0", AGENT_FROM_AGENT, { .type = AGENT_HELLO } },
	{ "hello 1 ffffffffffffffff", AGENT_FROM_DAEMON,
	  { .type = AGENT_HELLO, .nonce = G_MAXUINT64 } },
	{ "vm ffffffff 9f 123456789abcdef0", AGENT_FROM_DAEMON,
	  { .type = AGENT_VM, .id = G_MAXUINT32, .l2_gfn = 0x9f,
	    .l1_gfn = 0x123456789abcdef0ull } },
	{ "give 1 7", AGENT_FROM_DAEMON, { .type = AGENT_GIVE, .id = 1, .ier = 7 } },
	{ "give 1 1fffff", AGENT_FROM_DAEMON,
	  { .type = AGENT_GIVE, .id = 1, .ier = AGENT_IER_MAX } },
	{ "forget 1", AGENT_FROM_DAEMON, { .type = AGENT_FORGET, .id = 1 } },
	{ "irq 2 17 1", AGENT_FROM_DAEMON,
	  { .type = AGENT_IRQ, .id = 2, .gsi = 0x17, .level = 1 } },
	{ "irq 2 4 0", AGENT_FROM_DAEMON, { .type = AGENT_IRQ, .id = 2, .gsi = 4 } },
	{ "ping 1f", AGENT_FROM_DAEMON, { .type = AGENT_PING, .n = 0x1f } },
	{ "pong 1f", AGENT_FROM_AGENT, { .type = AGENT_PONG, .n = 0x1f } },
	{ "vm 7 found", AGENT_FROM_AGENT, { .type = AGENT_FOUND, .id = 7 } },
	{ "vm 7 missing", AGENT_FROM_AGENT, { .type = AGENT_MISSING, .id = 7 } },
	{ "vm 7 ambiguous", AGENT_FROM_AGENT, { .type = AGENT_AMBIGUOUS, .id = 7 } },
};

/* Malformed from either side. */
static const char * const bad[] = {
	"", " ", "hello", "hello 1", "hello 1 ", "hello 2 0", "hello 1 0 ", " hello 1 0",
	"hello  1 0", "hello 1 0x1", "hello 1 -1", "hello 1 +1", "hello 1 10000000000000000",
	"hello 1 00000000000000001", "hello 1 g", "hello 1 A", "HELLO 1 0", "hello 1 0\r",
	"vm", "vm 1", "vm 1 2", "vm 1 2 3 4", "vm 100000000 2 3", "vm 1 2 ", "vm 1  2 3",
	"vm 1 lost", "vm found", "vm 1 found ", "vm 100000000 found", "vm 1 founds",
	"forget", "forget 1 2", "give 1", "give 1 200000", "irq 1 18 0", "irq 1 4 2", "irq 1 4", "irq 1 4 1 1",
	"irq\t1 4 1", "ping", "pong", "ping 1 2", "quit", "vm 1 2 3\v",
};

static void test_good(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		char buf[AGENT_LINE_MAX + 1];
		struct agent_msg msg = { 0 };
		gsize len;

		g_test_message("%s", good[i].line);
		g_assert_true(agent_wire_parse(good[i].line, strlen(good[i].line),
					       good[i].from, &msg));
		g_assert_cmpmem(&msg, sizeof(msg), &good[i].msg, sizeof(msg));

		len = agent_wire_format(&msg, buf);
		g_assert_cmpuint(len, ==, strlen(buf));
		g_assert_cmpuint(len, ==, strlen(good[i].line) + 1);
		g_assert_cmpmem(buf, len - 1, good[i].line, len - 1);
		g_assert_cmpint(buf[len - 1], ==, '\n');
	}
}

static void test_bad(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct agent_msg msg = { .n = 42 };
		/* Exactly as long as it is: a read past its end is seen. */
		g_autofree char *line = g_memdup2(bad[i], strlen(bad[i]));

		g_test_message("'%s'", bad[i]);
		g_assert_false(agent_wire_parse(line, strlen(bad[i]), AGENT_FROM_AGENT, &msg));
		g_assert_false(agent_wire_parse(line, strlen(bad[i]), AGENT_FROM_DAEMON, &msg));
		g_assert_cmpuint(msg.n, ==, 42);
	}
	/* An embedded NUL ends nothing. */
	g_assert_false(agent_wire_parse("ping 1\0", 7, AGENT_FROM_DAEMON, &(struct agent_msg){ 0 }));
}

static void test_wrong_side(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		enum agent_side other = good[i].from == AGENT_FROM_AGENT ? AGENT_FROM_DAEMON :
									   AGENT_FROM_AGENT;
		struct agent_msg msg;

		if (good[i].msg.type == AGENT_HELLO)
			continue;
		g_test_message("%s", good[i].line);
		g_assert_false(agent_wire_parse(good[i].line, strlen(good[i].line), other, &msg));
	}
}

/* Interrupt enable registers, of which ports. */
static void test_ier(void)
{
	static const guint8 ier[] = { 0x7, 0x15, 0xd, 0x1 };

	/* As before there were more. */
	g_assert_cmphex(agent_ier_make(0x1, ier), ==, 0x7);
	g_assert_cmphex(agent_ier_make(0x3, ier), ==, 0x130057);
	g_assert_cmphex(agent_ier_make(0xf, ier), ==, AGENT_IER_LIST | 0xf1d57);
	g_assert_cmphex(agent_ier_make(0x4, ier), ==, 0x140d00);
	g_assert_cmphex(agent_ier_make(0, ier), ==, AGENT_IER_LIST);
	for (guint coms = 0; coms < 16; coms++) {
		guint32 all = agent_ier_make(coms, ier);

		g_assert_cmphex(all, <=, AGENT_IER_MAX);
		g_assert_cmphex(agent_ier_coms(all), ==, coms);
		for (guint com = 0; com < AGENT_IER_COMS; com++)
			g_assert_cmphex(agent_ier_of(all, com), ==,
					coms & 1u << com ? ier[com] & 0xf : 0);
	}
}

/* A stream cut into pieces of each size gives the same messages. */
static void test_stream(void)
{
	g_autoptr(GString) stream = g_string_new(NULL);

	g_string_append(stream, "hello 1 abc\n\nnonsense\n");		/* 2 bad */
	for (int i = 0; i < 126; i++)
		g_string_append_c(stream, 'x');
	g_string_append(stream, "\n");					/* 1 bad, fits */
	for (int i = 0; i < 100000; i++)
		g_string_append_c(stream, "pong 1 "[i % 7]);
	g_string_append(stream, "\npong 2\n");				/* 1 bad, too long */
	g_string_append_len(stream, "pong\0 3\nvm 1 found\nvm 1", 23);	/* 1 bad, a rest */

	for (gsize step = 1; step < 300; step = step < 5 ? step + 1 : step * 2) {
		struct agent_reader reader = { .from = AGENT_FROM_AGENT };
		enum agent_type types[8];
		gsize n = 0;

		for (gsize at = 0; at < stream->len; at += step) {
			gsize len = MIN(step, stream->len - at);
			g_autofree char *piece = g_memdup2(stream->str + at, len);
			const char *p = piece;
			struct agent_msg msg;

			while (agent_reader_next(&reader, &p, &len, &msg)) {
				g_assert_cmpuint(n, <, G_N_ELEMENTS(types));
				types[n++] = msg.type;
			}
			g_assert_cmpuint(len, ==, 0);
		}
		g_assert_cmpuint(n, ==, 3);
		g_assert_cmpint(types[0], ==, AGENT_HELLO);
		g_assert_cmpint(types[1], ==, AGENT_PONG);
		g_assert_cmpint(types[2], ==, AGENT_FOUND);
		g_assert_cmpuint(reader.bad, ==, 5);
		g_assert_cmpuint(reader.len, ==, 4);
	}
}

/* Bytes of no meaning: no crash, and whatever parses has values in range. */
static void test_noise(void)
{
	static const char alphabet[] = "vmirqpongheltfudis 01fF\n\n  ";
	struct agent_reader reader = { .from = AGENT_FROM_DAEMON };
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);

	for (int round = 0; round < 2000; round++) {
		char data[97];
		const char *p = data;
		gsize len = sizeof(data);
		struct agent_msg msg;

		for (gsize i = 0; i < len; i++)
			data[i] = round & 1 ? (char)g_rand_int(rand) :
			  alphabet[g_rand_int_range(rand, 0, sizeof(alphabet) - 1)];
		while (agent_reader_next(&reader, &p, &len, &msg)) {
			g_assert_cmpuint(msg.gsi, <=, AGENT_GSI_MAX);
			g_assert_cmpuint(msg.level, <=, 1);
		}
	}
	g_assert_cmpuint(reader.bad, >, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/agent-wire/good", test_good);
	g_test_add_func("/agent-wire/bad", test_bad);
	g_test_add_func("/agent-wire/wrong-side", test_wrong_side);
	g_test_add_func("/agent-wire/stream", test_stream);
	g_test_add_func("/agent-wire/noise", test_noise);
	g_test_add_func("/agent-wire/ier", test_ier);
	return g_test_run();
}
