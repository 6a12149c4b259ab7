// SPDX-License-Identifier: GPL-2.0
/* Whose a connection is, who has to make room, and who may log in. */
#include "console-limits.h"

#include <arpa/inet.h>
#include <string.h>

static void named(int family, const char *address, const char *wanted)
{
	struct sockaddr_storage storage = { .ss_family = (sa_family_t)family };
	char name[VSB_SOURCE_LEN];

	if (family == AF_INET)
		inet_pton(family, address, &((struct sockaddr_in *)&storage)->sin_addr);
	else if (family == AF_INET6)
		inet_pton(family, address, &((struct sockaddr_in6 *)&storage)->sin6_addr);
	vsb_source_name(&storage, name, sizeof(name));
	g_assert_cmpstr(name, ==, wanted);
}

/* An IPv4 address, or what one link of hosts has of IPv6; the longest one fits. */
static void test_names(void)
{
	named(AF_INET, "192.0.2.1", "192.0.2.1");
	named(AF_INET6, "::ffff:192.0.2.1", "192.0.2.1");
	named(AF_INET6, "2001:db8::1", "2001:db8::/64");
	named(AF_INET6, "2001:db8:1111:2222:3333:4444:5555:6666", "2001:db8:1111:2222::/64");
	named(AF_INET6, "::1", "::/64");
	named(AF_UNIX, "", "?");
}

/* Who comes fast waits for what he gets each second; who has nothing open is forgotten then. */
static void test_tokens(void)
{
	g_autoptr(GHashTable) sources = vsb_sources_new();
	struct vsb_source *one = vsb_sources_get(sources, "one"), *two = vsb_sources_get(sources, "two");

	g_assert_cmpint(one->tokens, ==, VSB_SOURCE_BURST);
	g_assert_true(vsb_sources_get(sources, "one") == one);
	one->tokens = 0;
	one->told_fast = one->told_many = true;
	two->strangers = 1;
	vsb_sources_tick(sources);
	g_assert_cmpint(one->tokens, ==, VSB_SOURCE_RATE);
	g_assert_true(one->told_fast);
	g_assert_false(one->told_many);
	one->strangers = VSB_MAX_STRANGERS_SOURCE;
	one->told_many = true;
	for (guint i = 0; i < VSB_SOURCE_BURST / VSB_SOURCE_RATE; i++)
		vsb_sources_tick(sources);
	g_assert_cmpint(one->tokens, ==, VSB_SOURCE_BURST);
	g_assert_false(one->told_fast);
	g_assert_true(one->told_many);
	g_assert_cmpuint(g_hash_table_size(sources), ==, 2);
	g_assert_true(vsb_sources_crowded(sources) == one);
	one->strangers = 0;
	g_assert_true(vsb_sources_crowded(sources) == two);
	vsb_sources_tick(sources);
	g_assert_cmpuint(g_hash_table_size(sources), ==, 1);
	two->strangers = 0;
	vsb_sources_tick(sources);
	g_assert_null(vsb_sources_crowded(sources));
}

static void test_login(void)
{
	static const struct {
		guint uservm, key, all;
		const char *refused;	/* words, or NULL: he may */
	} table[] = {
		{ 0, 0, 0, NULL },
		{ VSB_MAX_USERVM - 1, VSB_MAX_USERVM - 1, VSB_MAX_USERVM, NULL },
		{ VSB_MAX_USERVM, VSB_RESERVE, 20, "the user VM has" },
		/* Another key of it finds room, up to an end. */
		{ VSB_MAX_USERVM, VSB_RESERVE - 1, 20, NULL },
		{ VSB_MAX_USERVM_EVER, 0, 40, "the user VM has" },
		{ 1, VSB_MAX_KEY, 50, "the key has" },
		{ 1, VSB_MAX_KEY - 1, 50, NULL },
		/* When others have all. */
		{ VSB_RESERVE, VSB_RESERVE, VSB_MAX_SESSIONS, "this host has" },
		{ VSB_RESERVE - 1, VSB_RESERVE, VSB_MAX_SESSIONS, NULL },
		{ VSB_RESERVE, VSB_RESERVE - 1, VSB_MAX_SESSIONS, NULL },
		{ VSB_RESERVE, VSB_RESERVE, VSB_MAX_SESSIONS - 1, NULL },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *why = vsb_limit_login(table[i].uservm, table[i].key, table[i].all);

		g_test_message("row %zu: %s", i, why ? why : "may");
		g_assert_true(!why == !table[i].refused);
		g_assert_true(!why || g_str_has_prefix(why, table[i].refused));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/console/limits/names", test_names);
	g_test_add_func("/console/limits/tokens", test_tokens);
	g_test_add_func("/console/limits/login", test_login);
	return g_test_run();
}
