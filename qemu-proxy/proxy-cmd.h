/* SPDX-License-Identifier: GPL-2.0 */
/* The command line of a proxy's QEMU: the only place that knows its machine. */
#ifndef VSB_PROXY_CMD_H
#define VSB_PROXY_CMD_H

#include <glib.h>

#include "names.h"

/* Descriptors that the QEMU inherits. */
#define PROXY_CONSOLE_FD	3	/* listening socket of the console */
#define PROXY_QMP_FD		4	/* listening socket of QMP */
#define PROXY_LOG_FD		5	/* pipe to the writer of the console log, if there is one */

/* ID of the console's character device in QMP commands. */
#define PROXY_CHARDEV		"console"

/* Firmware that halts: no code is to run in a proxy, so it gets none. */
#define PROXY_ROM_SIZE		(64 * 1024)
#define PROXY_ROM_BYTE		0xf4	/* HLT */

/*
 * @qemu: program, @accel: "kvm" (tests: "tcg"), @rom: path of the firmware, @vnc: where
 * the VNC server makes its socket, if @ports have a keyboard.
 * Return: (transfer full): argument vector.
 */
char **proxy_cmd(const char *qemu, const char *accel, const char *rom, const char *name,
		 const struct vsb_ports *ports, const char *vnc);

#endif
