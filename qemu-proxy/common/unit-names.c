// SPDX-License-Identifier: GPL-2.0
/* Names of VMs and lists of ports: what is taken and what is refused. */
#include "names.h"

#include <string.h>

static void test_names(void)
{
	static const char * const good[] = {
		"a", "0", "vm1", "A.b_c-d", "1234567890123456789012345678901",
	};
	static const char * const bad[] = {
		"", ".", "..", "-a", "_a", ".a", "a/b", "../a", "a b", "a\n", "a\t", "\xc3\xa4",
		"a\x7f", "a:b", "a,b", "a=b", "12345678901234567890123456789012",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(vsb_name_valid(good[i]));
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		g_test_message("'%s'", bad[i]);
		g_assert_false(vsb_name_valid(bad[i]));
		g_assert_false(vsb_name_check("user VM", bad[i], &error));
		g_assert_nonnull(strstr(error->message, "user VM name"));
	}
}

/* A long hostile name does not make a long message, nor a raw one. */
static void test_message(void)
{
	g_autofree char *name = g_strnfill(60000, '\033');
	g_autoptr(GError) error = NULL;

	g_assert_false(vsb_name_check("user VM", name, &error));
	g_assert_cmpuint(strlen(error->message), <, 200);
	g_assert_null(strchr(error->message, '\033'));
}

static void test_ports(void)
{
	static const struct {
		const char *spec, *formatted;
		guint nr;
		guint serial;	/* base, 0: none */
		guint irq;
	} good[] = {
		{ "0x3f8-0x3ff", "0x3f8-0x3ff", 1, 0x3f8, 4 },
		{ "1016-1023", "0x3f8-0x3ff", 1, 0x3f8, 4 },
		{ "0X2F8-0x2ff", "0x2f8-0x2ff", 1, 0x2f8, 3 },
		{ "0x60,0x64", "0x60,0x64", 2, 0, 0 },
		{ "0x60,0x3e8-0x3ef", "0x60,0x3e8-0x3ef", 2, 0x3e8, 4 },
		{ "0x3f8-0x3fe", "0x3f8-0x3fe", 1, 0, 0 },
		{ "0-65535", "0x0-0xffff", 1, 0, 0 },
		{ "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
		  "0x1,0x2,0x3,0x4,0x5,0x6,0x7,0x8,0x9,0xa,0xb,0xc,0xd,0xe,0xf,0x10", 16, 0, 0 },
		{ "0x3f8-0x3ff,front=off", "0x3f8-0x3ff,front=off", 1, 0x3f8, 4 },
		{ "front=off,0x2f8-0x2ff,0x60", "0x2f8-0x2ff,0x60,front=off", 2, 0x2f8, 3 },
		{ "front=off", "0x3f8-0x3ff,front=off", 1, 0x3f8, 4 },
		{ "veil=9,watch=owner", "0x3f8-0x3ff,veil=9", 1, 0x3f8, 4 },
		{ "watch=host,0x60,veil=9", "0x60,veil=9,watch=host", 1, 0, 0 },
		{ "veil=9,watch=none", "0x3f8-0x3ff,veil=9,watch=none", 1, 0x3f8, 4 },
		{ "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,front=off",
		  "0x1,0x2,0x3,0x4,0x5,0x6,0x7,0x8,0x9,0xa,0xb,0xc,0xd,0xe,0xf,0x10,front=off",
		  16, 0, 0 },
		{ "ps2", "0x3f8-0x3ff,ps2", 4, 0x3f8, 4 },
		{ "start=client", "0x3f8-0x3ff,start=client", 1, 0x3f8, 4 },
		{ "start=client,veil=1,ps2,front=off,0x2f8-0x2ff",
		  "0x2f8-0x2ff,ps2,front=off,start=client,veil=1", 4, 0x2f8, 3 },
		{ "ps2,front=off", "0x3f8-0x3ff,ps2,front=off", 4, 0x3f8, 4 },
		{ "0x2f8-0x2ff,front=off,ps2", "0x2f8-0x2ff,ps2,front=off", 4, 0x2f8, 3 },
		{ "0x61-0x63,ps2,0x80", "0x61-0x63,0x80,ps2", 5, 0, 0 },
		{ "1,2,3,4,5,6,7,8,9,10,11,12,13,ps2,front=off",
		  "0x1,0x2,0x3,0x4,0x5,0x6,0x7,0x8,0x9,0xa,0xb,0xc,0xd,ps2,front=off",
		  16, 0, 0 },
		{ "vga", "0x3f8-0x3ff,vga", 3, 0x3f8, 4 },
		{ "vga,ps2,0x2f8-0x2ff", "0x2f8-0x2ff,ps2,vga", 6, 0x2f8, 3 },
		{ "1,2,3,4,5,6,7,8,9,10,11,ps2,front=off,vga",
		  "0x1,0x2,0x3,0x4,0x5,0x6,0x7,0x8,0x9,0xa,0xb,ps2,vga,front=off", 16, 0, 0 },
		{ "veil=200", "0x3f8-0x3ff,veil=200", 1, 0x3f8, 4 },
		{ "veil=1,ps2,front=off,0x2f8-0x2ff", "0x2f8-0x2ff,ps2,front=off,veil=1", 4, 0x2f8, 3 },
		{ "1,2,3,4,5,6,7,8,9,10,11,12,13,ps2,front=off,veil=524288",
		  "0x1,0x2,0x3,0x4,0x5,0x6,0x7,0x8,0x9,0xa,0xb,0xc,0xd,ps2,front=off,veil=524288",
		  16, 0, 0 },
	};
	static const char * const bad[] = {
		"veil", "veil=", "veil=0", "veil=524289", "veil=-1", "veil=1M", "veil=1,veil=1",
		"0x60,veil=x", "veil=1,", "VEIL=1",
		"start", "start=", "start=now", "start=client,start=client", "start=client,vga",
		"", ",", "0x3f8,", ",0x3f8", "0x3f8-", "-0x3f8", "-1", "0x3ff-0x3f8", "0x",
		"0x0x3f8", "0x10000", "65536", "99999999999999999999", "com1", "3f8", " 1", "1 ",
		"1-2-3", "0x3f8-0x3ff,0x3ff", "1,1", "5-10,1-5", "5-10,6", "1;2", "+1",
		"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
		"ps2,0x60", "0x64,ps2", "0x3f8-0x3ff,ps2,0x5f-0x61", "ps2,ps2", "ps2,", "PS2",
		"1,2,3,4,5,6,7,8,9,10,11,12,13,14,ps2", "ps2,0x565a",
		"vga,0x3c0", "0x1ce,vga", "vga,vga", "vga,", "VGA", "vga,veil=100",
		"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,vga",
		"watch=host", "watch=owner,0x60", "veil=9,watch=", "veil=9,watch=Host", "veil=9,watch=hosts",
		"veil=9,watch=host,watch=none",
		"front=on", "0x60,front=off,front=off", "front=off,", "0x60,front",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *formatted = NULL;
		struct vsb_com_port coms[VSB_MAX_COMS] = { 0 };
		struct vsb_ports ports = { 0 }, again = { 0 };
		guint last;

		g_test_message("'%s'", good[i].spec);
		g_assert_true(vsb_ports_parse(good[i].spec, &ports, &error));
		g_assert_cmpuint(ports.nr, ==, good[i].nr);
		g_assert_cmpint(ports.no_front, ==, strstr(good[i].spec, "front=off") != NULL);
		g_assert_cmpint(ports.rests, ==, strstr(good[i].spec, "start=client") != NULL);
		g_assert_cmpint(ports.veil_mib != 0, ==, strstr(good[i].spec, "veil=") != NULL);
		g_assert_cmpint(vsb_ports_ps2(&ports), ==, strstr(good[i].spec, "ps2") != NULL);
		g_assert_cmpint(vsb_ports_vga(&ports), ==, strstr(good[i].spec, "vga") != NULL);
		last = ports.nr;
		if (vsb_ports_vga(&ports)) {
			last -= 2;
			g_assert_cmpuint(ports.range[last].device, ==, VSB_DEV_VGA);
			g_assert_cmpuint(ports.range[last].first, ==, 0x1ce);
			g_assert_cmpuint(ports.range[last + 1].last, ==, 0x3df);
		}
		for (guint r = last - 2; vsb_ports_ps2(&ports) && r < last; r++) {
			g_assert_cmpuint(ports.range[r].device, ==, VSB_DEV_I8042);
			g_assert_cmpuint(ports.range[r].first, ==, r == last - 1 ? 0x64 : 0x60);
			g_assert_cmpuint(ports.range[r].last, ==, ports.range[r].first);
		}
		formatted = vsb_ports_format(&ports);
		g_assert_cmpstr(formatted, ==, good[i].formatted);
		g_assert_cmpuint(vsb_ports_coms(&ports, coms), ==, good[i].serial != 0);
		g_assert_cmpuint(coms[0].base, ==, good[i].serial);
		g_assert_cmpuint(coms[0].irq, ==, good[i].irq);
		for (guint line = 0; line < 24; line++)
			g_assert_cmpint(vsb_ports_has_line(&ports, line), ==,
					(good[i].irq && line == good[i].irq) ||
					(vsb_ports_ps2(&ports) && (line == 1 || line == 12)));
		g_assert_true(vsb_ports_parse(formatted, &again, NULL));
		g_assert_cmpmem(&ports, sizeof(ports), &again, sizeof(again));
	}
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		struct vsb_ports ports = { .nr = 77 };

		g_test_message("'%s'", bad[i]);
		g_assert_false(vsb_ports_parse(bad[i], &ports, &error));
		g_assert_nonnull(error);
		g_assert_cmpuint(ports.nr, ==, 77);
	}
}

/* Which consoles a user VM "a.b" has; each may be called by the number of its port, too. */
static void test_consoles(void)
{
	static const struct {
		const char *spec;
		const char *consoles;
		const char *ports;	/* of these, in the same order */
	} table[] = {
		{ "0x3f8-0x3ff", "a.b", "1" },
		{ "0x2f8-0x2ff", "a.b", "2" },
		{ "0x60", "a.b", "" },
		{ "0x3f8-0x3ff,0x2f8-0x2ff", "a.b a.b.com2", "12" },
		{ "0x2f8-0x2ff,0x3f8-0x3ff,front=off", "a.b a.b.com2", "12" },
		{ "0x2e8-0x2ef,ps2,0x3e8-0x3ef", "a.b a.b.com4", "34" },
		{ "0x2e8-0x2ef,0x3e8-0x3ef,0x2f8-0x2ff,0x3f8-0x3ff",
		  "a.b a.b.com2 a.b.com3 a.b.com4", "1234" },
		/* More or less than a COM port is none. */
		{ "0x3f8-0x3ff,0x2f8-0x2fe,0x3e0-0x3ef", "a.b", "1" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_auto(GStrv) names = NULL;
		g_autofree char *joined = NULL;
		struct vsb_ports ports;

		g_test_message("'%s'", table[i].spec);
		g_assert_true(vsb_ports_parse(table[i].spec, &ports, NULL));
		names = vsb_ports_consoles(&ports, "a.b");
		joined = g_strjoinv(" ", names);
		g_assert_cmpstr(joined, ==, table[i].consoles);
		for (guint n = 0; names[n]; n++) {
			g_assert_true(vsb_console_name_check(names[n], NULL));
			g_assert_cmpint(vsb_ports_find_console(&ports, "a.b", names[n]), ==, n);
		}
		for (char number = '1'; number <= '4'; number++) {
			g_autofree char *name = g_strdup_printf("a.b.com%c", number);
			const char *at = strchr(table[i].ports, number);

			g_assert_cmpint(vsb_ports_find_console(&ports, "a.b", name), ==,
					at ? at - table[i].ports : -1);
		}
		g_assert_cmpint(vsb_ports_find_console(&ports, "a.b", "a.b.com"), ==, -1);
		g_assert_cmpint(vsb_ports_find_console(&ports, "a.b", "a.b.com11"), ==, -1);
		g_assert_cmpint(vsb_ports_find_console(&ports, "a.b", "a.b."), ==, -1);
		g_assert_cmpint(vsb_ports_find_console(&ports, "a.b", "a"), ==, -1);
		g_assert_cmpint(vsb_ports_find_console(&ports, "a.b", "c.com1"), ==, -1);
	}
}

/* The longest name has consoles, too. */
static void test_console_names(void)
{
#define NAME31 "abcdefghijklmnopqrstuvwxyz01234"
	static const char * const good[] = { "a", "a.com2", NAME31, NAME31 ".com4", "a.com5" };
	static const char * const bad[] = {
		"", ".com2", "a/b.com2", NAME31 ".com5", NAME31 ".com", NAME31 ".com22", NAME31 "x.com2",
		NAME31 ".com2.com2",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_true(vsb_console_name_check(good[i], NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		g_test_message("'%s'", bad[i]);
		g_assert_false(vsb_console_name_check(bad[i], &error));
		g_assert_nonnull(error);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/names/names", test_names);
	g_test_add_func("/names/message", test_message);
	g_test_add_func("/names/ports", test_ports);
	g_test_add_func("/names/consoles", test_consoles);
	g_test_add_func("/names/console-names", test_console_names);
	return g_test_run();
}
