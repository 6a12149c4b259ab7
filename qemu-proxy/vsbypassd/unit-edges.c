// SPDX-License-Identifier: GPL-2.0
/* Merging of edges: every short history of a line, sent at every moment. */
#include "edges.h"

/*
 * Histories are bit strings: 1 is a level set, 0 is a low; sends happen where
 * @sends has a bit. What the agent sees must alternate, end at the true level,
 * and hold a rise after each rise of the proxy.
 */
static void run(guint levels, guint sends, guint length)
{
	struct edge_line line = { 0 };
	guint agent = 0, now = 0, level;
	gboolean owed = FALSE;

	for (guint i = 0; i <= length; i++) {
		guint burst = 0;

		if (i < length) {
			guint next = levels >> i & 1;

			owed |= next && !now;
			now = next;
			edge_line_set(&line, now != 0);
		}
		if (i < length && !(sends >> i & 1))
			continue;
		while (edge_line_next(&line, &level)) {
			g_assert_cmpuint(level, ==, !agent);
			agent = level;
			owed &= !level;
			g_assert_cmpuint(++burst, <=, 3);
		}
		g_assert_cmpuint(agent, ==, now);
		g_assert_false(owed);
	}
}

static void test_all_histories(void)
{
	for (guint length = 1; length <= 8; length++)
		for (guint levels = 0; levels < 1u << length; levels++)
			for (guint sends = 0; sends < 1u << length; sends++)
				run(levels, sends, length);
}

static void test_forgotten(void)
{
	struct edge_line line = { 0 };
	guint level;

	edge_line_set(&line, TRUE);
	g_assert_true(edge_line_next(&line, &level));
	g_assert_false(edge_line_pending(&line));
	edge_line_forgotten(&line);
	g_assert_true(edge_line_next(&line, &level));
	g_assert_cmpuint(level, ==, 1);
	g_assert_false(edge_line_next(&line, &level));
	edge_line_set(&line, FALSE);
	edge_line_forgotten(&line);
	g_assert_false(edge_line_pending(&line));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/edges/all-histories", test_all_histories);
	g_test_add_func("/edges/forgotten", test_forgotten);
	return g_test_run();
}
