/* SPDX-License-Identifier: GPL-2.0 */
/* All that is attached on this host, and what the commands do to it. */
#ifndef VSB_DAEMON_H
#define VSB_DAEMON_H

#include "command.h"
#include "proxy.h"

struct daemon;

/* The operations; their data is the struct daemon. */
extern const struct command_ops daemon_ops;

/*
 * @device: path of the module's device, opened at each attach. @state: path of the file
 * that tells the next vsbypassd what there is.
 */
struct daemon *daemon_new(const char *device, const char *state, const struct proxy_env *env);

/* Goes on with what an earlier vsbypassd has left. */
void daemon_restore(struct daemon *daemon);

/* What is attached goes on without us; other commands under way are undone. */
void daemon_free(struct daemon *daemon);

#endif
