/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A QEMU whose devices a test uses: a microvm that halts at once, so nobody but the test
 * touches them, and its monitor, by which the test makes port accesses.
 */
#ifndef VSB_QEMU_H
#define VSB_QEMU_H

#include <gio/gio.h>
#include <stdio.h>

struct qemu {
	GSubprocess *process;
	FILE *monitor;
};

/*
 * With these arguments more, up to NULL, and with @fd as its descriptor 4, unless that
 * is -1; it is taken. It ends with the test at the latest.
 */
struct qemu *qemu_start(int fd, const char *arg, ...) G_GNUC_NULL_TERMINATED;
void qemu_stop(struct qemu *q);
/* A QMP command. Return: the line that answers it; valid until the next. */
char *qemu_monitor(struct qemu *q, const char *format, ...) G_GNUC_PRINTF(2, 3);
void qemu_outb(struct qemu *q, guint16 port, guint8 value);
guint8 qemu_inb(struct qemu *q, guint16 port);

#endif
