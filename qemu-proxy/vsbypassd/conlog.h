/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Console logs: what user VMs have sent. A user VM has one if its file is there,
 * DIR/NAME.log, which only the administrator can make.
 *
 *    QEMU's chardev --> pipe --> writer --> NAME.log, NAME.log.1
 *
 * QEMU cannot be told to go on in another file, so a file of its own could be made
 * smaller only by cutting off what it had just written. It writes into a pipe; behind
 * that is a process for each log, which rotates between two writes. It ends when
 * nobody can write into the pipe any more: with the QEMU, not with vsbypassd.
 */
#ifndef VSB_CONLOG_H
#define VSB_CONLOG_H

#include <glib.h>

#define CONLOG_DIR	"/var/log/vsbypass"
#define CONLOG_MAX	(8 * 1024 * 1024)	/* bytes; what comes then goes to a new file */
#define CONLOG_KEEP	1			/* older files */

/* First argument of a program that is to be a writer. */
#define CONLOG_OPTION	"--write-console-log"

/*
 * Starts the writer of the log of console @name, if it has one. A file that others than
 * its owner, root or the caller, can read or write is not kept: a warning says so.
 * Return: the pipe, -1: there is no log.
 */
int conlog_start(const char *dir, const char *name, goffset max, guint keep);

/* Whether there is one of this name. */
gboolean conlog_kept(const char *dir, const char *name);

/*
 * Adds the log to QEMU's arguments @argv (transfer full), to the chardev whose argument
 * begins with @chardev. @fd: the pipe as QEMU has it, another one for each log.
 * Return: (transfer full).
 */
char **conlog_add(char **argv, const char *chardev, int fd);

/*
 * QEMU has opened the pipe @fd: from now on it waits in a way that no signal ends, when
 * that is full (qemu_chr_write_log() goes on after EAGAIN, not after EINTR). Closes @fd.
 */
void conlog_opened(int *fd);

/* main() of a writer. @argv: CONLOG_OPTION DIR NAME MAX KEEP. Return: exit status. */
int conlog_main(int argc, char **argv);

#endif
