/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Console logs: what user VMs have sent, kept by the QEMUs of their proxies. A user VM has
 * one if its file is there, DIR/NAME.log, which only the administrator can make.
 */
#ifndef VSB_CONLOG_H
#define VSB_CONLOG_H

#include <glib.h>

#define CONLOG_DIR	"/var/log/vsbypass"
#define CONLOG_MAX	(8 * 1024 * 1024)	/* bytes; a larger one is rotated */

/*
 * Adds the log to the options of the chardev whose argument begins with @chardev, in
 * @argv, if user VM @name has one. One that others than its owner, root or the caller,
 * can read or write is not kept: a warning says so.
 */
void conlog_add(char **argv, const char *chardev, const char *dir, const char *name);

/*
 * Each log that is larger than @max becomes NAME.log.1, in place of an earlier one. QEMU
 * goes on with the file that it has: what comes in that moment may be lost.
 */
void conlog_rotate(const char *dir, goffset max);

#endif
