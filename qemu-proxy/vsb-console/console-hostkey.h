/* SPDX-License-Identifier: GPL-2.0 */
/* The host key: made at the first start, checked at each. */
#ifndef CONSOLE_HOSTKEY_H
#define CONSOLE_HOSTKEY_H

#include <glib.h>
#include <libssh/libssh.h>

ssh_key vsb_hostkey_load(const char *path, GError **error);

#endif
