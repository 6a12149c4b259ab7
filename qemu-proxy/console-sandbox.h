/* SPDX-License-Identifier: GPL-2.0 */
/* What vsb-console gives up before it talks to anybody. */
#ifndef CONSOLE_SANDBOX_H
#define CONSOLE_SANDBOX_H

#include <glib.h>

gboolean vsb_sandbox_enter(const char *user, GError **error);

#endif
