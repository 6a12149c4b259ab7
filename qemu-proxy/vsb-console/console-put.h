/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writes to channels of the one SSH connection of this process, and the packets that it
 * takes. libssh makes packets of the size that the client has asked for, less 10 bytes: a
 * client that asks for 10 gets packets with nothing in them, for ever or until memory ends.
 * libssh tells nobody that size; what is left is to count packets and bytes.
 */
#ifndef CONSOLE_PUT_H
#define CONSOLE_PUT_H

#include "console-tty.h"

#include <libssh/libssh.h>
#include <stdbool.h>

/* Before anything else of @ssh. */
void vsb_put_init(ssh_session ssh);
/* Return: as ssh_channel_write() or, if @to_stderr, ssh_channel_write_stderr(). */
int vsb_put(ssh_channel channel, const void *data, gsize len, bool to_stderr);
/* To a channel. */
extern const struct vsb_sink vsb_put_sink;
/* Whether the client has asked for a size with which nothing can be written to it. */
bool vsb_put_useless(void);
/* Packets of the connection so far. */
const struct ssh_counter_struct *vsb_put_packets(void);

#endif
