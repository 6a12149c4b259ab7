/* SPDX-License-Identifier: GPL-2.0 */
/* One SSH connection: from the key exchange to the console and its end. */
#ifndef CONSOLE_SESSION_H
#define CONSOLE_SESSION_H

#include "console-server.h"

struct vsb_session;

void vsb_session_new(struct vsb_server *server, int fd, const char *peer);
void vsb_session_tick(struct vsb_session *session);
void vsb_session_recheck(struct vsb_session *session);
void vsb_session_free(struct vsb_session *session);
guint64 vsb_session_id(const struct vsb_session *session);
bool vsb_session_is_stranger(const struct vsb_session *session);

#endif
