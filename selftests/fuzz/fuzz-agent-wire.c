// SPDX-License-Identifier: GPL-2.0
/* agent-wire.c: lines of the agent channel, as either end reads them. The first byte: which. */
#include "fuzz.h"

#include "agent-wire.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	struct agent_reader reader = { .from = take_byte(&in) & 1 };
	const char *p = (const char *)in.data;
	struct agent_msg msg, again;
	gsize len = in.len;

	while (agent_reader_next(&reader, &p, &len, &msg)) {
		char line[AGENT_LINE_MAX + 1], second[AGENT_LINE_MAX + 1];
		gsize n = agent_wire_format(&msg, line);

		/* What is said in its own words is the same message. */
		g_assert_cmpuint(n, <, sizeof(line));
		g_assert_true(agent_wire_parse(line, n - 1, reader.from, &again));
		agent_wire_format(&again, second);
		g_assert_cmpstr(line, ==, second);
	}
	g_assert_cmpuint(len, ==, 0);
	return 0;
}
