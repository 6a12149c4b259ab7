/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Starts the process of each connection. It is forked from vsb-console before that
 * knows anything of a tenant, and has no listening socket: what a session process gets of
 * it is the program, started anew (so with addresses of its own), the connection, its end
 * of the link, and, if it speaks SSH, the host key.
 */
#ifndef CONSOLE_SPAWNER_H
#define CONSOLE_SPAWNER_H

#include <glib.h>
#include <stdbool.h>

/* The session's descriptors. */
#define VSB_SESSION_LINK	3
#define VSB_SESSION_SOCKET	4
#define VSB_SESSION_KEY		5	/* a pipe */

/*
 * Forks it. @host_key: text of the private key. @listen_fds: not for it, -1: none. Return: the
 * socket to it, or -1.
 */
int vsb_spawner_start(const char *user, const char *host_key, const int listen_fds[2],
		      GError **error);

/* Who is at the other end, so what the session is. */
enum vsb_session_kind {
	VSB_SESSION_SSH,	/* an SSH client: console-session.c */
	VSB_SESSION_WEB,	/* the web gateway: console-webend.c */
};

/* Return: whether it takes @connection and @link, which stay the caller's. */
bool vsb_spawner_spawn(int spawner, enum vsb_session_kind kind, int connection, int link);

#endif
