/* SPDX-License-Identifier: GPL-2.0 */
/* The agent's end of the channel to vsbypassd. */
#ifndef VSB_AGENT_CHANNEL_H
#define VSB_AGENT_CHANNEL_H

#include <glib.h>

#include "agent-wire.h"

struct channel;

/*
 * A message for the agent: AGENT_HELLO once the nonce is back, AGENT_VM,
 * AGENT_FORGET, AGENT_GIVE or AGENT_IRQ; NULL: vsbypassd is gone.
 */
typedef void (*channel_fn)(const struct agent_msg *msg, void *user);

struct channel *channel_new(const char *path, channel_fn fn, void *user);
void channel_free(struct channel *c);
void channel_send(struct channel *c, const struct agent_msg *msg);

#endif
