/* SPDX-License-Identifier: GPL-2.0 */
/* UNIX sockets at a path. */
#ifndef VSB_LISTEN_H
#define VSB_LISTEN_H

#include <glib.h>
#include <sys/types.h>

/*
 * Makes a listening stream socket at @path with @mode and group @gid, in place
 * of a socket that is there. Nobody can connect before mode and group are set.
 *
 * The name that the socket itself knows is not @path: whoever inherits it and
 * removes "its" path when done (QEMU does) removes nothing.
 *
 * Return: descriptor (non-blocking, close-on-exec) or -1.
 */
int listen_unix(const char *path, mode_t mode, gid_t gid, int backlog, GError **error);

/*
 * Removes the sockets NAME.sock and NAME.vnc in folder @dir for which @used says that
 * nobody is there any more.
 */
void listen_sweep(const char *dir, gboolean (*used)(const char *name, gpointer data),
		  gpointer data);

/*
 * A UNIX socket connects at once or not at all (EAGAIN: backlog full).
 *
 * Return: descriptor (non-blocking, close-on-exec) or -1 with errno.
 */
int connect_unix(const char *path);

#endif
