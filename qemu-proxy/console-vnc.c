// SPDX-License-Identifier: GPL-2.0
/* VNC connections: between a channel of SSH and a proxy's QEMU. */
#include "console-vnc.h"
#include "console-control.h"
#include "console-log.h"
#include "listen.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK		(16 * 1024)
#define CHUNKS		8	/* in one go; then others have their turn */

/**
 * struct vsb_vnc - see console-vnc.h
 * @id:		never used again
 * @allowed:	bytes may pass
 * @generation:	vsbypassd's number of the user VM, since it is allowed
 * @over:	nothing passes any more; @why: if we ended it
 * @watch:	of @fd, waits for @watched; gone once it came
 * @in:		from the channel, what the proxy did not take yet
 * @out:	from the proxy, what libssh did not take yet: nothing in a key exchange
 * @eof:	the client sends no more
 */
struct vsb_vnc {
	struct vsb_server *server;
	guint64 id;
	char *uservm;
	char *who;
	int fd;
	ssh_channel channel;
	bool forwarded;
	struct ssh_channel_callbacks_struct channel_cb;
	GSource *source;
	bool allowed;
	gint64 generation;
	bool over;
	char *why;
	guint watch;
	GIOCondition watched;
	struct vsb_ring in;
	struct vsb_ring out;
	bool eof;
};

static guint64 last_vnc_id;

bool vsb_vnc_is_target(const char *uservm, const char *host, int port)
{
	return port == VSB_VNC_PORT && (!g_strcmp0(host, uservm) ||
					!g_strcmp0(host, "localhost"));
}

int vsb_vnc_connect(struct vsb_server *server, const char *uservm, GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/console/%s.vnc", server->run_dir, uservm);
	int fd = -1;

	if (g_hash_table_size(server->vncs) >= VSB_MAX_VNC) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_BUSY,
			    "%d VNC connections are open, the most there may be", VSB_MAX_VNC);
		return -1;
	}
	fd = connect_unix(path);
	/* QEMU listens with a backlog of one. */
	if (fd < 0 && errno == EAGAIN)
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_BUSY,
			    "its VNC server has others to greet first; try again");
	else if (fd < 0)
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
			    "no VNC server of a proxy is there: %s; the user VM must be attached "
			    "with 'ps2' among its ports", g_strerror(errno));
	return fd;
}

static void end(struct vsb_vnc *vnc, const char *why)
{
	if (vnc->over)
		return;
	vnc->over = true;
	vnc->why = g_strdup(why);
	g_source_set_ready_time(vnc->source, 0);
}

/* Return: why no byte may pass to or from user VM @name now, or NULL. */
static const char *objection(JsonObject *status, const char *name)
{
	g_autofree char *state = vsb_control_uservm_state(status, name);
	enum vsb_identity identity = vsb_identity_of(status, name);

	if (g_strcmp0(state, "bound"))
		return vsb_hub_state_text(state);
	if (identity == VSB_IDENTITY_MISSING)
		return vsb_identity_text(identity);
	if (identity == VSB_IDENTITY_UNKNOWN ||
	    vsb_control_uservm_generation(status, name) < 0)
		return "vsbypassd does not say who it is";
	return NULL;
}

void vsb_vnc_check_all(struct vsb_server *server, JsonObject *status)
{
	GHashTableIter iter;
	struct vsb_vnc *vnc;

	g_hash_table_iter_init(&iter, server->vncs);
	while (g_hash_table_iter_next(&iter, (gpointer *)&vnc, NULL)) {
		if (!vnc->allowed)
			continue;
		if (objection(status, vnc->uservm))
			end(vnc, objection(status, vnc->uservm));
		else if (vsb_control_uservm_generation(status, vnc->uservm) != vnc->generation)
			end(vnc, "from here on it is another user VM");
	}
}

/* The question whose it is; the connection may be gone when the answer comes. */
struct question {
	struct vsb_server *server;
	struct vsb_vnc *vnc;
	guint64 id;
};

static void on_status(JsonObject *reply, const char *error, gpointer data)
{
	g_autofree struct question *question = data;
	struct vsb_vnc *vnc = question->vnc;
	const char *cause = error;

	if (!g_hash_table_contains(question->server->vncs, vnc) || vnc->id != question->id)
		return;
	if (reply)
		cause = objection(reply, vnc->uservm);
	if (cause) {
		end(vnc, cause);
		return;
	}
	vnc->generation = vsb_control_uservm_generation(reply, vnc->uservm);
	vnc->allowed = true;
	vsb_log("'%s': VNC: %s", vnc->uservm, vnc->who);
	g_source_set_ready_time(vnc->source, 0);
}

static void on_close(ssh_session ssh, ssh_channel channel, void *data)
{
	end(data, NULL);
}

struct vsb_vnc *vsb_vnc_new(struct vsb_server *server, const char *uservm, const char *who,
			    int fd, ssh_channel channel, bool forwarded, GSource *source)
{
	struct question *question = g_new0(struct question, 1);
	struct vsb_vnc *vnc = g_new0(struct vsb_vnc, 1);

	vnc->server = server;
	vnc->id = ++last_vnc_id;
	vnc->uservm = g_strdup(uservm);
	vnc->who = g_strdup(who);
	vnc->fd = fd;
	vsb_ring_init(&vnc->in, CHUNK);
	vsb_ring_init(&vnc->out, CHUNK);
	vnc->channel = channel;
	vnc->forwarded = forwarded;
	vnc->source = source;
	vnc->channel_cb = (struct ssh_channel_callbacks_struct){
		.userdata = vnc,
		.channel_close_function = on_close,
	};
	if (forwarded) {
		ssh_callbacks_init(&vnc->channel_cb);
		ssh_set_channel_callbacks(channel, &vnc->channel_cb);
	}
	g_hash_table_add(server->vncs, vnc);
	*question = (struct question){ server, vnc, vnc->id };
	vsb_control_call(server->control_path, "status", NULL, NULL, on_status, question);
	return vnc;
}

void vsb_vnc_free(struct vsb_vnc *vnc)
{
	vsb_log("'%s': VNC %s: %s%s%s", vnc->uservm, vnc->allowed ? "ended" : "refused",
		vnc->who, vnc->why ? ": " : "", vnc->why ? vnc->why : "");
	g_hash_table_remove(vnc->server->vncs, vnc);
	g_clear_handle_id(&vnc->watch, g_source_remove);
	close(vnc->fd);
	if (vnc->forwarded) {
		ssh_remove_channel_callbacks(vnc->channel, &vnc->channel_cb);
		ssh_channel_send_eof(vnc->channel);
		ssh_channel_free(vnc->channel);
	}
	vsb_ring_clear(&vnc->in);
	vsb_ring_clear(&vnc->out);
	g_free(vnc->uservm);
	g_free(vnc->who);
	g_free(vnc->why);
	g_free(vnc);
}

const char *vsb_vnc_why(const struct vsb_vnc *vnc)
{
	return vnc->why;
}

/* Return: is there something from the channel in vnc->in? */
static bool fetch_input(struct vsb_vnc *vnc)
{
	guint8 buffer[CHUNK];
	int n;

	if (vnc->in.len || vnc->eof)
		return vnc->in.len != 0;
	n = ssh_channel_read_nonblocking(vnc->channel, buffer, CHUNK, 0);
	if (n == SSH_EOF) {
		vnc->eof = true;
		shutdown(vnc->fd, SHUT_WR);
	} else if (n < 0) {
		end(vnc, NULL);
	}
	return vsb_ring_put(&vnc->in, buffer, (gsize)MAX(n, 0)) != 0;
}

/* Return: what to wait for at the socket before more can be done. */
static GIOCondition pass_input(struct vsb_vnc *vnc)
{
	for (guint i = 0; i < CHUNKS; i++) {
		const guint8 *data;
		gsize len;
		ssize_t n;

		if (!fetch_input(vnc))
			return 0;
		data = vsb_ring_peek(&vnc->in, &len);
		n = send(vnc->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return G_IO_OUT;
		if (n < 0) {
			end(vnc, NULL);
			return 0;
		}
		vsb_ring_skip(&vnc->in, (gsize)n);
	}
	g_source_set_ready_time(vnc->source, 0);
	return 0;
}

/* Return: what to wait for before there is something from the proxy in vnc->out, or 0. */
static GIOCondition fetch_output(struct vsb_vnc *vnc)
{
	guint8 buffer[CHUNK];
	ssize_t n;

	if (vnc->out.len)
		return 0;
	n = recv(vnc->fd, buffer, CHUNK, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_IO_IN;
	if (n <= 0)
		end(vnc, NULL);
	vsb_ring_put(&vnc->out, buffer, (gsize)MAX(n, 0));
	return 0;
}

/*
 * Not more than the client's window has room for, and only if the last chunk has left;
 * the session's socket, or a packet that widens the window, brings us back.
 */
static GIOCondition pass_output(struct vsb_vnc *vnc)
{
	ssh_session ssh = ssh_channel_get_session(vnc->channel);

	for (guint i = 0; i < CHUNKS; i++) {
		gsize len = ssh_channel_window_size(vnc->channel), had;
		GIOCondition wanted;
		const guint8 *data;
		int n;

		if (!len || ssh_get_status(ssh) & SSH_WRITE_PENDING)
			return 0;
		wanted = fetch_output(vnc);
		if (wanted || vnc->over)
			return wanted;
		data = vsb_ring_peek(&vnc->out, &had);
		n = ssh_channel_write(vnc->channel, data, (uint32_t)MIN(len, had));
		if (n < 0)
			end(vnc, NULL);
		if (n <= 0)
			return 0;
		vsb_ring_skip(&vnc->out, (gsize)n);
	}
	g_source_set_ready_time(vnc->source, 0);
	return 0;
}

/* One shot: while there is nothing that can be done, a hang-up must not wake us. */
static gboolean on_event(gint fd, GIOCondition condition, gpointer data)
{
	struct vsb_vnc *vnc = data;

	vnc->watch = 0;
	vnc->watched = 0;
	g_source_set_ready_time(vnc->source, 0);
	return G_SOURCE_REMOVE;
}

bool vsb_vnc_pump(struct vsb_vnc *vnc)
{
	GIOCondition wanted = 0;

	if (vnc->allowed && !vnc->over) {
		wanted = pass_input(vnc);
		wanted |= pass_output(vnc);
	}
	if (vnc->over)
		return false;
	if (wanted == vnc->watched)
		return true;
	g_clear_handle_id(&vnc->watch, g_source_remove);
	vnc->watched = wanted;
	if (wanted)
		vnc->watch = g_unix_fd_add(vnc->fd, wanted, on_event, vnc);
	return true;
}
