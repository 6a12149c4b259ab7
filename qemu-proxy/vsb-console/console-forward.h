/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes between a channel of SSH and a connection to the VNC server of a proxy, in the
 * process of an SSH connection. The server gives the connection when they may pass.
 */
#ifndef CONSOLE_FORWARD_H
#define CONSOLE_FORWARD_H

#include <glib.h>
#include <libssh/libssh.h>
#include <stdbool.h>

struct vsb_forward;

/* Takes @fd over, not @channel. @source: made ready when there may be something to do. */
struct vsb_forward *vsb_forward_new(int fd, ssh_channel channel, GSource *source);
void vsb_forward_free(struct vsb_forward *forward);

/* Passes what it can. Return: false: it is over. Not from a callback of libssh. */
bool vsb_forward_pump(struct vsb_forward *forward);

#endif
