// SPDX-License-Identifier: GPL-2.0
/* For how long a user VM has made no access. */
#include "activity.h"

#define S	G_USEC_PER_SEC

static void test_idle(void)
{
	struct activity activity = { 0 };

	/* The first look says nothing of the time before. */
	g_assert_cmpint(activity_idle_s(&activity, 5, 100 * S), ==, 0);
	g_assert_cmpint(activity_idle_s(&activity, 5, 101 * S - 1), ==, 0);
	g_assert_cmpint(activity_idle_s(&activity, 5, 160 * S), ==, 60);
	g_assert_cmpint(activity_idle_s(&activity, 6, 161 * S), ==, 0);
	g_assert_cmpint(activity_idle_s(&activity, 6, 163 * S), ==, 2);
	/* another user VM: its count begins anew */
	g_assert_cmpint(activity_idle_s(&activity, 0, 170 * S), ==, 0);
	g_assert_cmpint(activity_idle_s(&activity, 0, 190 * S), ==, 20);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/activity/idle", test_idle);
	return g_test_run();
}
