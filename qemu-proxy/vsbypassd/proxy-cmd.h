/* SPDX-License-Identifier: GPL-2.0 */
/* The command line of a proxy's QEMU: the only place that knows its machine. */
#ifndef VSB_PROXY_CMD_H
#define VSB_PROXY_CMD_H

#include <json-glib/json-glib.h>

#include "names.h"

/*
 * Descriptors that the QEMU inherits; console 0 is the first of vsb_ports_consoles(). Each
 * has a listening socket, and a pipe to the writer of its log, if there is one.
 */
#define PROXY_QMP_FD		4	/* listening socket of QMP */
#define PROXY_CONSOLE_FD(n)	((n) ? 4 + 2 * (int)(n) : 3)
#define PROXY_LOG_FD(n)		(5 + 2 * (int)(n))
#define PROXY_DEBUG_FD(n)	(4 + 2 * VSB_MAX_COMS + (int)(n))	/* log of a debug console */
#define PROXY_FDS_END		PROXY_DEBUG_FD(VSB_MAX_DEBUGS)

/* ID of a console's character device in QMP commands. */
#define PROXY_CHARDEV		"console"	/* of the first; */
#define PROXY_CHARDEV_COM	"console.com%u"	/* of others, with the number of the port */

/* Firmware that halts: no code is to run in a proxy, so it gets none. */
#define PROXY_ROM_SIZE		(64 * 1024)
#define PROXY_ROM_BYTE		0xf4	/* HLT */

/* Where the VM has the memory of its graphics card (QEMU's isa-vga), and how much. */
#define PROXY_VRAM_FRAME	0xe0000
#define PROXY_VRAM_MIB		8

/* Whether it has a VNC server. */
gboolean proxy_cmd_vnc(const struct vsb_ports *ports);

/*
 * @qemu: program, @accel: "kvm" (tests: "tcg"), @rom: path of the firmware. If @ports have
 * a keyboard or a graphics card, its VNC server listens nowhere before proxy_vnc_listen().
 * Return: (transfer full): argument vector.
 */
char **proxy_cmd(const char *qemu, const char *accel, const char *rom, const char *name,
		 const struct vsb_ports *ports);

/*
 * Arguments of QMP's display-update: listen at the socket that was given with getfd under
 * the name @fdname. Return: (transfer full)
 */
JsonObject *proxy_vnc_listen(const char *fdname);

/* Return: (transfer full): ID of the character device of console @n. */
char *proxy_cmd_chardev(const struct vsb_ports *ports, guint n);

/* Return: (transfer full): the -chardev argument of the debug console at @port. */
char *proxy_cmd_debug(guint port);

#endif
