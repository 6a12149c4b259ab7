// SPDX-License-Identifier: GPL-2.0
/* Whom a message is about, also if somebody else wrote a part of it. */
#include "log-names.h"

static void test_names(void)
{
	static const struct {
		const char *message, *cloud, *uservm, *proxy;
	} cases[] = {
		{ "", "", "", "" },
		{ "ready, control socket /run/vsbypass/control.sock", "", "", "" },
		{ "cloud VM 'c1' (process 12) is attached", "c1", "", "" },
		{ "user VM 'vm1' is unbound", "", "vm1", "" },
		{ "proxy 'vm1': serves again", "", "vm1", "vm1" },
		{ "user VM 'vm2' exists already, in cloud VM 'c'; names", "c", "vm2", "" },
		{ "proxy 'a': QEMU: proxy 'b' user VM 'c' cloud VM 'd'", "", "a", "a" },
		{ "cloud VM '", "", "", "" },
		{ "cloud VM 'a", "", "", "" },
		{ "cloud VM ''", "", "", "" },
		{ "cloud VM '../a'", "", "", "" },
		{ "cloud VM 'a b'", "", "", "" },
		{ "cloud VM '1234567890123456789012345678901'", "1234567890123456789012345678901", "", "" },
		{ "cloud VM '12345678901234567890123456789012'", "", "", "" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct log_names names;

		log_names_find(cases[i].message, &names);
		g_assert_cmpstr(names.cloud, ==, cases[i].cloud);
		g_assert_cmpstr(names.uservm, ==, cases[i].uservm);
		g_assert_cmpstr(names.proxy, ==, cases[i].proxy);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/log-names/names", test_names);
	return g_test_run();
}
