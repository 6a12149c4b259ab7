/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One channel of a peer, as the server has it: a client of a hub, a question to vsbypassd,
 * or a VNC connection.
 */
#ifndef CONSOLE_CHANNEL_H
#define CONSOLE_CHANNEL_H

#include "console-server.h"
#include "console-wire.h"

/* Whose channels these are. */
struct vsb_channel_owner {
	struct vsb_server *server;
	struct vsb_link *link;
	const char *console;	/* name of the console, once the user has logged in */
	const char *uservm;	/* of the user VM that has it */
	const char *who;
	const char *key;	/* that was proved, in base64 */
	void (*wake)(struct vsb_channel_owner *owner);	/* vsb_channel_run() has work */
};

struct vsb_channel;

struct vsb_channel *vsb_channel_new(struct vsb_channel_owner *owner, guint number);
void vsb_channel_free(struct vsb_channel *channel);

/*
 * A message of the process for this channel. @fd: came with it; stays the caller's.
 * Return: NULL, or what is wrong with it.
 */
const char *vsb_channel_message(struct vsb_channel *channel, const struct vsb_wire *wire,
				gsize len);
/* Passes what it can. */
void vsb_channel_run(struct vsb_channel *channel);
void vsb_channel_tick(struct vsb_channel *channel);
/* It is expelled if its console is another one now than it was. */
void vsb_channel_check_hub(struct vsb_channel *channel);
/* Whether it is at a console. */
bool vsb_channel_attached(const struct vsb_channel *channel);
/* Not a byte more in either direction, then @text. */
void vsb_channel_expel(struct vsb_channel *channel, const char *text);

#endif
