// SPDX-License-Identifier: GPL-2.0
/* How many messages there may be of one cloud VM or user VM. */
#include "log-limit.h"

/* Messages of @name that pass, of @n at @now. */
static guint passed(const char *name, guint n, gint64 now, guint *left_out)
{
	guint count = 0, before;

	for (guint i = 0; i < n; i++)
		if (log_limit_take(name, now, &before)) {
			count++;
			*left_out += before;
		}
	return count;
}

static void test_burst(void)
{
	guint left_out = 0;
	gint64 now = 5;

	log_limit_reset();
	g_assert_cmpuint(passed("vm1", 1000000, now, &left_out), ==, LOG_LIMIT_BURST);
	g_assert_cmpuint(left_out, ==, 0);
	/* Others have theirs. */
	g_assert_cmpuint(passed("vm2", 10, now, &left_out), ==, 10);
	/* The next one that passes knows how many did not. */
	now += LOG_LIMIT_EVERY_US;
	g_assert_cmpuint(passed("vm1", 10, now, &left_out), ==, 1);
	g_assert_cmpuint(left_out, ==, 1000000 - LOG_LIMIT_BURST);
	/* A long silence is no credit for more than a burst. */
	now += (gint64)1000000 * G_USEC_PER_SEC;
	left_out = 0;
	g_assert_cmpuint(passed("vm1", 100000, now, &left_out), ==, LOG_LIMIT_BURST);
	g_assert_cmpuint(left_out, ==, 9);
	log_limit_reset();
}

static void test_rate(void)
{
	guint left_out = 0, count = 0;

	log_limit_reset();
	/* An hour with 1000 messages a second. */
	for (gint64 ms = 0; ms < 3600 * 1000; ms++)
		count += passed("vm1", 1, ms * 1000, &left_out);
	g_assert_cmpuint(count, <=, LOG_LIMIT_BURST + 3600 / (LOG_LIMIT_EVERY_US / G_USEC_PER_SEC));
	log_limit_reset();
}

static void test_names(void)
{
	guint left_out;

	log_limit_reset();
	for (guint i = 0; i < 10 * LOG_LIMIT_NAMES; i++) {
		g_autofree char *name = g_strdup_printf("vm%u", i);

		g_assert_true(log_limit_take(name, 0, &left_out));
	}
	log_limit_reset();
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/log-limit/burst", test_burst);
	g_test_add_func("/log-limit/rate", test_rate);
	g_test_add_func("/log-limit/names", test_names);
	return g_test_run();
}
