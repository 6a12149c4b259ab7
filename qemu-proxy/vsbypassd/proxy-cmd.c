// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of a proxy's QEMU.
 *
 * The machine is microvm: in-kernel interrupt controllers (their KVM_IRQ_LINE is
 * what the module listens to; no PIC, for which QEMU makes each such call again), no
 * PCI, no firmware tables, and only the devices whose ports are claimed. A device that
 * microvm cannot have would need another machine here, and nowhere else.
 */
#include "proxy-cmd.h"

char *proxy_cmd_chardev(const struct vsb_ports *ports, guint n)
{
	struct vsb_com_port coms[VSB_MAX_COMS];

	vsb_ports_coms(ports, coms);
	return n ? g_strdup_printf(PROXY_CHARDEV_COM, coms[n].number) : g_strdup(PROXY_CHARDEV);
}

G_GNUC_PRINTF(2, 3)
static void add(GPtrArray *argv, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(argv, g_strdup_vprintf(format, args));
	va_end(args);
}

static void add_screen(GPtrArray *argv, const struct vsb_ports *ports)
{
	if (vsb_ports_ps2(ports)) {
		add(argv, "-device");
		add(argv, "i8042");
	}
	add(argv, "-device");
	/* QEMU drops a VNC client's keys if there is no graphic console, see
	 * qkbd_state_key_event(). ramfb is one without ports; it stays blank. */
	if (vsb_ports_vga(ports))
		add(argv, "isa-vga,vgamem_mb=%d", PROXY_VRAM_MIB);
	else
		add(argv, "ramfb");
	/* A client may ask for sound, and QEMU would open the host's card for it. */
	add(argv, "-audiodev");
	add(argv, "none,id=none");
	add(argv, "-vnc");
	add(argv, "none,audiodev=none");
}

/* One for each COM port, or one that nothing is behind. */
static void add_consoles(GPtrArray *argv, const struct vsb_ports *ports)
{
	struct vsb_com_port coms[VSB_MAX_COMS];
	guint nr = vsb_ports_coms(ports, coms);

	for (guint i = 0; i < MAX(nr, 1); i++) {
		g_autofree char *id = proxy_cmd_chardev(ports, i);

		add(argv, "-chardev");
		add(argv, "socket,id=%s,fd=%d,server=on,wait=off", id, PROXY_CONSOLE_FD(i));
		if (i == nr)
			break;
		add(argv, "-device");
		add(argv, "isa-serial,iobase=0x%x,irq=%u,chardev=%s", coms[i].base, coms[i].irq, id);
	}
}

char *proxy_cmd_debug(guint port)
{
	return g_strdup_printf("null,id=debug-0x%x", port);
}

static void add_debugs(GPtrArray *argv, const struct vsb_ports *ports)
{
	guint debugs[VSB_MAX_DEBUGS];
	guint nr = vsb_ports_debugs(ports, debugs);

	for (guint i = 0; i < nr; i++) {
		add(argv, "-chardev");
		g_ptr_array_add(argv, proxy_cmd_debug(debugs[i]));
		add(argv, "-device");
		add(argv, "isa-debugcon,iobase=0x%x,chardev=debug-0x%x", debugs[i], debugs[i]);
	}
}

char **proxy_cmd(const char *qemu, const char *accel, const char *rom, const char *name,
		 const struct vsb_ports *ports)
{
	GPtrArray *argv = g_ptr_array_new();

	add(argv, "%s", qemu);
	add(argv, "-name");
	add(argv, "vsbypass-%s", name);
	add(argv, "-machine");
	add(argv, "microvm,accel=%s,kernel-irqchip=on,acpi=off,pic=off,pit=off,rtc=off,isa-serial=off,"
	    "auto-kernel-cmdline=off,x-option-roms=off", accel);
	add(argv, "-bios");
	add(argv, "%s", rom);
	add(argv, "-smp");
	add(argv, "1");
	add(argv, "-m");
	add(argv, "64K");
	add(argv, "-nodefaults");
	add(argv, "-no-user-config");
	add(argv, "-no-reboot");
	add(argv, "-display");
	add(argv, "none");
	add(argv, "-sandbox");
	add(argv, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	/* Wait for "cont": the module has to know the VM before KVM_RUN. */
	add(argv, "-S");
	add(argv, "-chardev");
	/* A server: another vsbypassd may come. */
	add(argv, "socket,id=qmp,fd=%d,server=on,wait=off", PROXY_QMP_FD);
	add(argv, "-qmp");
	add(argv, "chardev:qmp");
	add_consoles(argv, ports);
	add_debugs(argv, ports);
	if (proxy_cmd_vnc(ports))
		add_screen(argv, ports);
	g_ptr_array_add(argv, NULL);
	return (char **)g_ptr_array_free(argv, FALSE);
}

gboolean proxy_cmd_vnc(const struct vsb_ports *ports)
{
	return vsb_ports_ps2(ports) || vsb_ports_vga(ports);
}

JsonObject *proxy_vnc_listen(const char *fdname)
{
	JsonObject *args = json_object_new(), *address = json_object_new();
	JsonArray *addresses = json_array_new();

	json_object_set_string_member(address, "type", "fd");
	json_object_set_string_member(address, "str", fdname);
	json_array_add_object_element(addresses, address);
	json_object_set_string_member(args, "type", "vnc");
	json_object_set_array_member(args, "addresses", addresses);
	return args;
}
