// SPDX-License-Identifier: GPL-2.0
/* The command line of a proxy: what must be in it, what must not. */
#include "proxy-cmd.h"

#include <string.h>

static char *joined(const char *spec)
{
	struct vsb_ports ports;
	g_auto(GStrv) argv = NULL;

	g_assert_true(vsb_ports_parse(spec, &ports, NULL));
	argv = proxy_cmd("/usr/bin/qemu", "kvm", "/run/x/halt.rom", "vm-1.x", &ports);
	g_assert_cmpstr(argv[0], ==, "/usr/bin/qemu");
	return g_strjoinv(" ", argv);
}

static void has(const char *text, const char *part)
{
	g_test_message("'%s' in '%s'", part, text);
	g_assert_nonnull(strstr(text, part));
}

static void test_com1(void)
{
	g_autofree char *text = joined("0x3f8-0x3ff");

	has(text, "-name vsbypass-vm-1.x ");
	has(text, "accel=kvm");
	has(text, " -S ");
	has(text, " -nodefaults ");
	has(text, " -no-user-config ");
	has(text, " -no-reboot ");
	has(text, " -display none ");
	has(text, "-bios /run/x/halt.rom");
	has(text, "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
	    "resourcecontrol=deny");
	has(text, "socket,id=console,fd=3,server=on,wait=off");
	has(text, "socket,id=qmp,fd=4");
	has(text, "isa-serial,iobase=0x3f8,irq=4,chardev=console");
	g_assert_null(strstr(text, "i8042"));
	g_assert_null(strstr(text, "vnc"));
}

static void test_ps2(void)
{
	g_autofree char *both = joined("ps2");
	g_autofree char *plain = joined("0x60,0x64");

	has(both, "isa-serial,iobase=0x3f8,irq=4,chardev=console");
	has(both, "-device i8042 -device ramfb -audiodev none,id=none "
	    "-vnc none,audiodev=none");
	g_assert_null(strstr(plain, "i8042"));
	g_assert_null(strstr(plain, "vnc"));
}

static void test_vga(void)
{
	g_autofree char *alone = joined("vga");
	g_autofree char *both = joined("vga,ps2");

	has(alone, "-device isa-vga,vgamem_mb=8 -audiodev none,id=none -vnc none,audiodev=none");
	g_assert_null(strstr(alone, "i8042"));
	has(both, "-device i8042 -device isa-vga,vgamem_mb=8 ");
	g_assert_null(strstr(both, "ramfb"));
}

static void test_others(void)
{
	g_autofree char *com2 = joined("0x60,0x2f8-0x2ff");
	g_autofree char *none = joined("0x60");

	has(com2, "isa-serial,iobase=0x2f8,irq=3,chardev=console");
	g_assert_null(strstr(com2, "console."));
	g_assert_null(strstr(none, "isa-serial,"));
	has(none, "socket,id=console,fd=3,");
}

/* Each has a chardev and descriptors of its own, whatever the order of the ports. */
static void test_coms(void)
{
	g_autofree char *two = joined("0x3f8-0x3ff,0x2f8-0x2ff");
	g_autofree char *turned = joined("0x2f8-0x2ff,0x3f8-0x3ff");
	g_autofree char *gap = joined("0x2e8-0x2ef,0x2f8-0x2ff");
	g_autofree char *four = joined("0x2e8-0x2ef,0x3e8-0x3ef,0x2f8-0x2ff,0x3f8-0x3ff");

	has(two, "socket,id=console,fd=3,server=on,wait=off -device "
	    "isa-serial,iobase=0x3f8,irq=4,chardev=console -chardev "
	    "socket,id=console.com2,fd=6,server=on,wait=off -device "
	    "isa-serial,iobase=0x2f8,irq=3,chardev=console.com2");
	g_assert_cmpstr(two, ==, turned);
	has(gap, "isa-serial,iobase=0x2f8,irq=3,chardev=console -chardev");
	has(gap, "isa-serial,iobase=0x2e8,irq=3,chardev=console.com4");
	has(four, "socket,id=console.com3,fd=8,");
	has(four, "isa-serial,iobase=0x3e8,irq=4,chardev=console.com3");
	has(four, "socket,id=console.com4,fd=10,");
	has(four, "isa-serial,iobase=0x2e8,irq=3,chardev=console.com4");
	for (guint i = 0; i < VSB_MAX_COMS; i++)
		for (guint j = 0; j < VSB_MAX_COMS; j++) {
			g_assert_cmpint(PROXY_LOG_FD(i), !=, PROXY_CONSOLE_FD(j));
			g_assert_true(i == j || PROXY_LOG_FD(i) != PROXY_LOG_FD(j));
			g_assert_cmpint(PROXY_LOG_FD(i), !=, PROXY_QMP_FD);
			g_assert_cmpint(PROXY_CONSOLE_FD(i), !=, PROXY_QMP_FD);
		}
}

static void test_debugs(void)
{
	g_autofree char *both = joined("0x402,0x3f8-0x3ff,0xe9");
	g_autofree char *none = joined("0x400-0x403,0xe8-0xe9");

	has(both, "-chardev null,id=debug-0x402 -device isa-debugcon,iobase=0x402,chardev=debug-0x402 "
	    "-chardev null,id=debug-0xe9 -device isa-debugcon,iobase=0xe9,chardev=debug-0xe9");
	g_assert_null(strstr(none, "debug"));
	for (guint i = 0; i < VSB_MAX_DEBUGS; i++)
		for (guint j = 0; j < VSB_MAX_COMS; j++) {
			g_assert_cmpint(PROXY_DEBUG_FD(i), >, PROXY_LOG_FD(j));
			g_assert_cmpint(PROXY_DEBUG_FD(i), >, PROXY_CONSOLE_FD(j));
			g_assert_cmpint(PROXY_DEBUG_FD(i), <, PROXY_FDS_END);
		}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/proxy-cmd/com1", test_com1);
	g_test_add_func("/proxy-cmd/ps2", test_ps2);
	g_test_add_func("/proxy-cmd/vga", test_vga);
	g_test_add_func("/proxy-cmd/others", test_others);
	g_test_add_func("/proxy-cmd/coms", test_coms);
	g_test_add_func("/proxy-cmd/debugs", test_debugs);
	return g_test_run();
}
