/* SPDX-License-Identifier: GPL-2.0 */
/* What each process of vsb-console gives up before it faces the network. */
#ifndef CONSOLE_SANDBOX_H
#define CONSOLE_SANDBOX_H

#include <glib.h>

/* Of one session: all that is mapped, libraries too, and what it can write to. */
#define VSB_SESSION_AS		(192UL << 20)
#define VSB_SESSION_DATA	(64UL << 20)

gboolean vsb_sandbox_enter(const char *user, GError **error);
gboolean vsb_sandbox_spawner(const char *user, GError **error);
gboolean vsb_sandbox_session(GError **error);

#endif
