/* SPDX-License-Identifier: GPL-2.0 */
/* Names of VMs and lists of ports: what a person types, checked. */
#ifndef VSB_NAMES_H
#define VSB_NAMES_H

#include <glib.h>
#include <linux/kvm_vsbypass.h>

#define VSB_DEFAULT_PORTS	"0x3f8-0x3ff"

/* Whether it is [A-Za-z0-9][A-Za-z0-9._-]* of at most 31 bytes: safe in paths. */
gboolean vsb_name_valid(const char *name);

/* As above; the error says what @what (e.g. "user VM") may be called. */
gboolean vsb_name_check(const char *what, const char *name, GError **error);

/* Who lets the host read what is behind the veil of a user VM. */
enum vsb_watch {
	VSB_WATCH_OWNER,	/* who has a key for its console, each time for a while */
	VSB_WATCH_HOST,		/* the host's administrator, at any time */
	VSB_WATCH_NONE,		/* nobody */
};

/**
 * struct vsb_ports - claimed ports of one user VM
 * @nr:		1 to VSB_MAX_RANGES
 * @range:	in the order given, not overlapping; a COM port of a PC with its
 *		8 ports is a VSB_DEV_16550, a port of a debug console alone a
 *		VSB_DEV_DEBUGCON; those of "ps2" and "vga" come last
 * @no_front:	the proxy answers each access, also to a 16550
 * @rests:	its proxy has no process before somebody needs one
 * @veil_mib:	memory of the host that the user VM's veil may have; 0: it has none
 * @watch:	who lets the host read what is behind it
 */
struct vsb_ports {
	guint nr;
	struct vsb_range range[VSB_MAX_RANGES];
	gboolean no_front;
	gboolean rests;
	guint veil_mib;
	enum vsb_watch watch;
};

/*
 * "0x3f8-0x3ff,0x80": 0x hexadecimal or decimal, ranges separated by commas. Among
 * them may be "front=off", "veil=MIB", "start=client", "ps2": the keyboard controller, ports
 * 0x60 and 0x64, and VMware's port, where there is no other mouse then; and "vga": the graphics
 * card, which goes without a veil, and from the start. With "veil=MIB" there may be
 * "watch=owner", which is the default, "watch=host" or "watch=none".
 * Without a range these are beside VSB_DEFAULT_PORTS.
 */
gboolean vsb_ports_parse(const char *spec, struct vsb_ports *ports, GError **error);

/* Return: (transfer full): the list in the same notation. */
char *vsb_ports_format(const struct vsb_ports *ports);

/* "owner", "host" or "none". */
const char *vsb_watch_text(enum vsb_watch watch);

/* Whether the keyboard controller is in the list. */
gboolean vsb_ports_ps2(const struct vsb_ports *ports);

/* Whether the graphics card is. */
gboolean vsb_ports_vga(const struct vsb_ports *ports);

#define VSB_MAX_COMS	4	/* of a PC */

/**
 * struct vsb_com_port - a COM port of the list, which has a console
 * @number:	1 to VSB_MAX_COMS: COM1 and so on, by its address
 * @base:	its first port
 * @irq:	its line; COM1 and COM3 share one, and so do COM2 and COM4
 */
struct vsb_com_port {
	guint number;
	guint base;
	guint irq;
};

/* Return: how many there are; they are in @coms, COM1 first. */
guint vsb_ports_coms(const struct vsb_ports *ports, struct vsb_com_port coms[VSB_MAX_COMS]);

/*
 * The console of the first of them, or of a user VM without, has the user VM's name, the
 * others are NAME.com2 and so on, with the number of the port.
 * Return: (transfer full): their names, of user VM @name; at least one.
 */
char **vsb_ports_consoles(const struct vsb_ports *ports, const char *name);

/*
 * Which of these consoles is called @console? That of the first COM port may be called
 * as the others are, too. Return: 0 for the first, or -1: none.
 */
int vsb_ports_find_console(const struct vsb_ports *ports, const char *name,
			   const char *console);

/*
 * Return: (transfer full): the name of the user VM that has a console of this name; any
 * text that can be none is its own.
 */
char *vsb_console_uservm(const char *console);

/* Whether it may be the name of a console, as above; the error says what it may be. */
gboolean vsb_console_name_check(const char *name, GError **error);

#define VSB_MAX_DEBUGS	2

/*
 * Debug consoles of firmware: 0xe9 (Bochs), 0x402 (SeaBIOS, OVMF).
 * Return: how many there are; their ports are in @debugs, in the order given.
 */
guint vsb_ports_debugs(const struct vsb_ports *ports, guint debugs[VSB_MAX_DEBUGS]);

/* Whether a device in the list has this interrupt line. */
gboolean vsb_ports_has_line(const struct vsb_ports *ports, guint gsi);

/*
 * Return: number of the COM port that the range is, COM1 being 0, or -1: it is none.
 */
int vsb_range_com(const struct vsb_range *range);

#endif
