/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keyboard and mouse: a channel of an SSH connection, and behind it a connection to the
 * VNC server of the user VM's proxy. Bytes pass, nobody looks at them.
 *
 *   channel opened -> connected to the proxy -> "status": whose is it? -> bytes pass
 *
 * What the answer says of the user VM holds for the proxy that was connected to before,
 * or that one has ended: no proxy serves two user VMs. Later answers are compared.
 */
#ifndef CONSOLE_VNC_H
#define CONSOLE_VNC_H

#include "console-server.h"

#include <json-glib/json-glib.h>
#include <libssh/callbacks.h>

#define VSB_VNC_PORT		5900	/* what a client has to ask for */
#define VSB_MAX_VNC_SESSION	4	/* connections of one session */
#define VSB_MAX_VNC		32	/* of all */

struct vsb_vnc;

/* Whether @host and @port, as a client named them, mean the VNC server of @uservm. */
bool vsb_vnc_is_target(const char *uservm, const char *host, int port);

/* Return: a connection to the VNC server of @uservm, or -1 and why not. */
int vsb_vnc_connect(struct vsb_server *server, const char *uservm, GError **error);

/*
 * Takes @fd of vsb_vnc_connect() over. @forwarded: so it does with @channel. @who: for
 * the log. @source: made ready when vsb_vnc_pump() is to be called.
 */
struct vsb_vnc *vsb_vnc_new(struct vsb_server *server, const char *uservm, const char *who,
			    int fd, ssh_channel channel, bool forwarded, GSource *source);

/* Not from a callback of libssh. */
void vsb_vnc_free(struct vsb_vnc *vnc);

/* Passes what it can. Return: false: it is over. */
bool vsb_vnc_pump(struct vsb_vnc *vnc);

/* Return: why it was ended here, or NULL: one side closed it. */
const char *vsb_vnc_why(const struct vsb_vnc *vnc);

/* Ends those whose user VM is another now, or is not proved; @status: of vsbypassd. */
void vsb_vnc_check_all(struct vsb_server *server, JsonObject *status);

#endif
