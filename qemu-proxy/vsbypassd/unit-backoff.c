// SPDX-License-Identifier: GPL-2.0
/* How often something is started that others make end. */
#include "backoff.h"

/* Ends as soon as it is started: starts within @hours. */
static guint starts_in(guint hours, guint least_s, gint64 lives_us)
{
	struct backoff backoff = { 0 };
	gint64 now = 1;
	guint starts = 0;

	while (now < (gint64)hours * 3600 * G_USEC_PER_SEC) {
		backoff_began(&backoff, now);
		starts++;
		now += lives_us;
		now += (gint64)backoff_ended(&backoff, now, least_s) * G_USEC_PER_SEC;
	}
	return starts;
}

static void test_pauses(void)
{
	static const guint renewed[] = { 0, 1, 2, 4, 8, 16, 30, 30 };
	static const guint died[] = { 1, 2, 4, 8, 16, 30, 30 };
	struct backoff a = { 0 }, b = { 0 };

	for (gsize i = 0; i < G_N_ELEMENTS(renewed); i++)
		g_assert_cmpuint(backoff_ended(&a, 0, 0), ==, renewed[i]);
	for (gsize i = 0; i < G_N_ELEMENTS(died); i++)
		g_assert_cmpuint(backoff_ended(&b, 0, 1), ==, died[i]);
	/* whoever ends it in between, it is one count */
	b = (struct backoff){ 0 };
	g_assert_cmpuint(backoff_ended(&b, 0, 0), ==, 0);
	g_assert_cmpuint(backoff_ended(&b, 0, 1), ==, 1);
	g_assert_cmpuint(backoff_ended(&b, 0, 0), ==, 2);
}

static void test_lived_long(void)
{
	struct backoff backoff = { .next_s = 30 };

	backoff_began(&backoff, 1000);
	g_assert_cmpuint(backoff_ended(&backoff, 1000 + LIVED_LONG_US - 1, 0), ==, 30);
	g_assert_cmpuint(backoff_ended(&backoff, 1000 + LIVED_LONG_US, 0), ==, 0);
}

static void test_bound(void)
{
	/* What ends at once, and what ends just before it has lived long. */
	g_assert_cmpuint(starts_in(1, 0, 1), <=, 3600 / BACKOFF_LAST_S + 7);
	g_assert_cmpuint(starts_in(1, 1, 1), <=, 3600 / BACKOFF_LAST_S + 7);
	g_assert_cmpuint(starts_in(1, 0, LIVED_LONG_US - 1), <=, 3600 / BACKOFF_LAST_S + 7);
	g_assert_cmpuint(starts_in(1, 0, LIVED_LONG_US), <=, 61);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/backoff/pauses", test_pauses);
	g_test_add_func("/backoff/lived-long", test_lived_long);
	g_test_add_func("/backoff/bound", test_bound);
	return g_test_run();
}
