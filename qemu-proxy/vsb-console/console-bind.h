/* SPDX-License-Identifier: GPL-2.0 */
/* The algorithms of a session, and its host key. */
#ifndef CONSOLE_BIND_H
#define CONSOLE_BIND_H

#include <glib.h>
#include <libssh/server.h>

/* Reads the host key from VSB_SESSION_KEY. Return: or NULL: libssh does not accept something. */
ssh_bind vsb_bind_new(void);

#endif
