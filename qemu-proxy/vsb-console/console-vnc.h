/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keyboard and mouse, the server's part: a connection to the VNC server of the user VM's
 * proxy, for a channel of a peer. Its process passes the bytes, nobody looks at them.
 *
 *   connected to the proxy -> "status": whose is it? -> the process gets a copy
 *
 * What the answer says of the user VM holds for the proxy that was connected to before,
 * or that one has ended: no proxy serves two user VMs. Later answers are compared, and
 * what we have of the connection is shut down: so its copy is of no use either.
 */
#ifndef CONSOLE_VNC_H
#define CONSOLE_VNC_H

#include "console-server.h"

#include <json-glib/json-glib.h>

#define VSB_MAX_VNC	32

struct vsb_vnc;

struct vsb_vnc_ops {
	/* Bytes may pass; @fd is the connection, stays ours. */
	void (*allowed)(struct vsb_vnc *vnc, int fd, gpointer data);
	/* Not any more. @why: ours, or NULL: the proxy has closed it. */
	void (*ended)(struct vsb_vnc *vnc, const char *why, gpointer data);
};

/* @who: for the log. Return: or NULL and why not. */
struct vsb_vnc *vsb_vnc_new(struct vsb_server *server, const char *uservm, const char *who,
			    const struct vsb_vnc_ops *ops, gpointer data, GError **error);
void vsb_vnc_free(struct vsb_vnc *vnc);

/* Ends those whose user VM is another now, or is not proved; @status: of vsbypassd. */
void vsb_vnc_check_all(struct vsb_server *server, JsonObject *status);

#endif
