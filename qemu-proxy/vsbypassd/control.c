// SPDX-License-Identifier: GPL-2.0
/*
 * The control socket.
 *
 * A client has one command under way at a time, its later lines wait: so replies
 * come in order and a client can not pile up work. A client that goes away
 * leaves its command running; only the reply is lost.
 */
#include "control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib-unix.h>

#include "control-socket.h"
#include "error.h"
#include "lineio.h"
#include "listen.h"

#define CLIENTS_MAX	64
#define BACKLOG		16

struct control {
	int fd;
	guint fd_id;
	char *path;
	uid_t console_uid;
	const struct command_ops *ops;
	gpointer data;
	GPtrArray *clients;
};

/**
 * struct client - one connection
 * @io:		NULL when the peer is gone
 * @busy:	a command is under way and will call on_done()
 */
struct client {
	struct control *control;
	struct lineio *io;
	enum command_peer peer;
	gboolean busy;
};

static void client_drop(struct client *client)
{
	if (client->control)
		g_ptr_array_remove_fast(client->control->clients, client);
	client->control = NULL;
	g_clear_pointer(&client->io, lineio_free);
	if (!client->busy)
		g_free(client);
}

/* Return: (transfer full): the descriptor that is in @result no longer, or -1. */
static int take_fd(JsonObject *result)
{
	int fd = -1;

	if (result && json_object_has_member(result, COMMAND_FD)) {
		fd = (int)json_object_get_int_member(result, COMMAND_FD);
		json_object_remove_member(result, COMMAND_FD);
	}
	return fd;
}

static void send_reply(struct client *client, JsonObject *result, const GError *error, int fd)
{
	gsize len;
	g_autofree char *line = command_reply(result, error, &len);

	if (fd < 0)
		lineio_send(client->io, line, len);
	else
		lineio_send_fd(client->io, line, len, fd);
}

static void on_done(gpointer data, JsonObject *result, const GError *error)
{
	struct client *client = data;
	int fd = take_fd(result);

	client->busy = FALSE;
	if (client->io) {
		send_reply(client, result, error, fd);
		lineio_resume(client->io);
	} else {
		if (result)
			json_object_unref(result);
		g_free(client);
	}
	if (fd >= 0)
		close(fd);
}

static void on_line(struct lineio *io, const char *line, gsize len, gpointer data)
{
	struct client *client = data;

	client->busy = TRUE;
	lineio_pause(io);
	command_run(line, len, client->peer, client->control->ops, client->control->data,
		    on_done, client);
}

static void on_closed(struct lineio *io, const char *why, gpointer data)
{
	struct client *client = data;
	g_autoptr(GError) error = g_error_new(VSB_ERROR, VSB_ERROR_BAD_REQUEST,
					      "%s; a request may have %d bytes", why,
					      CONTROL_LINE_MAX);
	gsize len;
	g_autofree char *line = command_reply(NULL, error, &len);

	lineio_last_words(io, line, len);
	client_drop(client);
}

static enum command_peer who_is(struct control *control, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || len != sizeof(cred))
		return COMMAND_PEER_NOBODY;
	if (cred.uid == 0)
		return COMMAND_PEER_ROOT;
	return cred.uid == control->console_uid ? COMMAND_PEER_CONSOLE : COMMAND_PEER_NOBODY;
}

static gboolean on_connect(int listen_fd, GIOCondition condition, gpointer data)
{
	static const struct lineio_ops ops = { on_line, on_closed };
	struct control *control = data;
	struct client *client;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return G_SOURCE_CONTINUE;
	if (control->clients->len >= CLIENTS_MAX) {
		close(fd);
		return G_SOURCE_CONTINUE;
	}
	client = g_new0(struct client, 1);
	client->control = control;
	client->peer = who_is(control, fd);
	client->io = lineio_new(fd, CONTROL_LINE_MAX, CONTROL_REPLY_MAX, &ops, client);
	g_ptr_array_add(control->clients, client);
	return G_SOURCE_CONTINUE;
}

struct control *control_new(const char *path, uid_t console_uid, gid_t gid,
			    const struct command_ops *ops, gpointer data, GError **error)
{
	int fd = listen_unix(path, 0660, gid, BACKLOG, error);
	struct control *control;

	if (fd < 0)
		return NULL;
	control = g_new0(struct control, 1);
	control->fd = fd;
	control->path = g_strdup(path);
	control->console_uid = console_uid;
	control->ops = ops;
	control->data = data;
	control->clients = g_ptr_array_new();
	control->fd_id = g_unix_fd_add(fd, G_IO_IN, on_connect, control);
	return control;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	while (control->clients->len)
		client_drop(control->clients->pdata[0]);
	g_ptr_array_unref(control->clients);
	g_source_remove(control->fd_id);
	close(control->fd);
	unlink(control->path);
	g_free(control->path);
	g_free(control);
}
