// SPDX-License-Identifier: GPL-2.0
/*
 * qmp.c and lineio.c: what the QEMU of a proxy says, which a user VM may have taken over. The first
 * byte: how much comes at a time.
 */
#include "fuzz.h"

#include <sys/socket.h>

#include "qmp.h"

static struct qmp *qmp;
static guint asked, answered;

static void on_answer(gpointer data, JsonNode *result, const GError *error)
{
	g_assert_true(!result != !error);
	/* An administrator reads it at a terminal. */
	for (const char *c = error ? error->message : ""; *c; c++)
		g_assert_true(g_ascii_isprint(*c));
	answered++;
}

static void on_ready(struct qmp *q, gpointer data)
{
	asked += 3;
	qmp_execute(q, "query-status", NULL, on_answer, NULL);
	qmp_execute(q, "cont", json_object_new(), on_answer, NULL);
	qmp_keep_fd(q, "x", *(int *)data, on_answer, NULL);
}

static void on_closed(struct qmp *q, const char *why, gpointer data)
{
	qmp_free(q);
	qmp = NULL;
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static const struct qmp_ops ops = { on_ready, on_closed };
	struct input in = { data, size };
	gsize step = take_byte(&in);
	int pair[2];

	step = step ? step : 4096;
	asked = answered = 0;
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
	qmp = qmp_new(pair[0], &ops, &pair[1]);
	while (in.len) {
		gsize len = MIN(step, in.len);

		fuzz_send(pair[1], in.data, len);
		in.data += len;
		in.len -= len;
		settle();
		fuzz_drain(pair[1]);
	}
	fuzz_close(&pair[1]);
	settle();
	qmp_free(qmp);
	/* Each question has its answer, if only that there is none. */
	g_assert_cmpuint(asked, ==, answered);
	return 0;
}
