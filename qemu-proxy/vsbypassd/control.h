/* SPDX-License-Identifier: GPL-2.0 */
/* The control socket: who is connected, request lines in, reply lines out. */
#ifndef VSB_CONTROL_H
#define VSB_CONTROL_H

#include "command.h"

struct control;

/*
 * Serves @path. Users: root, and @console_uid with the rights of vsb-console;
 * @gid may connect at all. @data is for @ops.
 * Return: NULL with an error if the socket cannot be made.
 */
struct control *control_new(const char *path, uid_t console_uid, gid_t gid,
			    const struct command_ops *ops, gpointer data, GError **error);

/* Closes all connections and removes the socket. No command may be under way. */
void control_free(struct control *control);

#endif
