/* SPDX-License-Identifier: GPL-2.0 */
/* All that is attached on this host, and what the commands do to it. */
#ifndef VSB_DAEMON_H
#define VSB_DAEMON_H

#include "command.h"
#include "proxy.h"

struct daemon;

/* The operations; their data is the struct daemon. */
extern const struct command_ops daemon_ops;

/* @device: path of the module's device, opened at each attach. */
struct daemon *daemon_new(const char *device, const struct proxy_env *env);

/* Detaches everything; the proxies are gone when it returns. */
void daemon_free(struct daemon *daemon);

#endif
