/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The server's view of one SSH connection, or one of the web gateway: the link to the process
 * that has it (console-session.c, console-webend.c), who is at its other end, and its channels.
 *
 * The process faces the network. What it says is checked as if a stranger had said it:
 * he can claim to have proved a key that is listed, once and for one name; no more.
 */
#ifndef CONSOLE_PEER_H
#define CONSOLE_PEER_H

#include "console-server.h"
#include "console-spawner.h"

struct vsb_peer;

/* @link_fd: our end of the link, ours from now on. @name: address and port, for the log. */
struct vsb_peer *vsb_peer_new(struct vsb_server *server, int link_fd, enum vsb_session_kind kind,
			      const char *name, struct vsb_source *source);
/* Ends the process, too. */
void vsb_peer_free(struct vsb_peer *peer);
void vsb_peer_tick(struct vsb_peer *peer);
/* Its channels end with @text. Return: whether it has any. */
bool vsb_peer_expel(struct vsb_peer *peer, const char *text);
/* The keys may have changed. */
void vsb_peer_recheck(struct vsb_peer *peer);
/* Its session of the web page may have ended. */
void vsb_peer_check_web(struct vsb_peer *peer);
/* What its console is may have changed. */
void vsb_peer_check_hubs(struct vsb_peer *peer);
bool vsb_peer_is_stranger(const struct vsb_peer *peer);
const struct vsb_source *vsb_peer_source(const struct vsb_peer *peer);

#endif
