// SPDX-License-Identifier: GPL-2.0
/* Bytes between a channel of SSH and a VNC server. */
#include "console-forward.h"
#include "console-put.h"
#include "console-ring.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK		(16 * 1024)
#define CHUNKS		8	/* in one go; then others have their turn */

/**
 * struct vsb_forward - see console-forward.h
 * @over:	nothing passes any more
 * @watch:	of @fd, waits for @watched; gone once it came
 * @in:		from the channel, what the proxy did not take yet
 * @out:	from the proxy, what libssh did not take yet: nothing in a key exchange
 * @eof:	the client sends no more
 */
struct vsb_forward {
	int fd;
	ssh_channel channel;
	GSource *source;
	bool over;
	guint watch;
	GIOCondition watched;
	struct vsb_ring in;
	struct vsb_ring out;
	bool eof;
};

struct vsb_forward *vsb_forward_new(int fd, ssh_channel channel, GSource *source)
{
	struct vsb_forward *f = g_new0(struct vsb_forward, 1);

	f->fd = fd;
	f->channel = channel;
	f->source = source;
	vsb_ring_init(&f->in, CHUNK);
	vsb_ring_init(&f->out, CHUNK);
	return f;
}

void vsb_forward_free(struct vsb_forward *f)
{
	g_clear_handle_id(&f->watch, g_source_remove);
	close(f->fd);
	vsb_ring_clear(&f->in);
	vsb_ring_clear(&f->out);
	g_free(f);
}

/* Return: is there something from the channel in f->in? */
static bool fetch_input(struct vsb_forward *f)
{
	guint8 buffer[CHUNK];
	int n;

	if (f->in.len || f->eof)
		return f->in.len != 0;
	n = ssh_channel_read_nonblocking(f->channel, buffer, CHUNK, 0);
	if (n == SSH_EOF) {
		f->eof = true;
		shutdown(f->fd, SHUT_WR);
	} else if (n < 0) {
		f->over = true;
	}
	return vsb_ring_put(&f->in, buffer, (gsize)MAX(n, 0)) != 0;
}

/* Return: what to wait for at the socket before more can be done. */
static GIOCondition pass_input(struct vsb_forward *f)
{
	for (guint i = 0; i < CHUNKS; i++) {
		const guint8 *data;
		gsize len;
		ssize_t n;

		if (!fetch_input(f))
			return 0;
		data = vsb_ring_peek(&f->in, &len);
		n = send(f->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return G_IO_OUT;
		if (n < 0) {
			f->over = true;
			return 0;
		}
		vsb_ring_skip(&f->in, (gsize)n);
	}
	g_source_set_ready_time(f->source, 0);
	return 0;
}

/* Return: what to wait for before there is something from the proxy in f->out, or 0. */
static GIOCondition fetch_output(struct vsb_forward *f)
{
	guint8 buffer[CHUNK];
	ssize_t n;

	if (f->out.len)
		return 0;
	n = recv(f->fd, buffer, CHUNK, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_IO_IN;
	if (n <= 0)
		f->over = true;
	vsb_ring_put(&f->out, buffer, (gsize)MAX(n, 0));
	return 0;
}

/*
 * Not more than the client's window has room for, and only if the last chunk has left;
 * the session's socket, or a packet that widens the window, brings us back.
 */
static GIOCondition pass_output(struct vsb_forward *f)
{
	ssh_session ssh = ssh_channel_get_session(f->channel);

	for (guint i = 0; i < CHUNKS; i++) {
		gsize len = ssh_channel_window_size(f->channel), had;
		GIOCondition wanted;
		const guint8 *data;
		int n;

		if (!len || ssh_get_status(ssh) & SSH_WRITE_PENDING)
			return 0;
		wanted = fetch_output(f);
		if (wanted || f->over)
			return wanted;
		data = vsb_ring_peek(&f->out, &had);
		n = vsb_put(f->channel, data, MIN(len, had), false);
		if (n < 0)
			f->over = true;
		if (n <= 0)
			return 0;
		vsb_ring_skip(&f->out, (gsize)n);
	}
	g_source_set_ready_time(f->source, 0);
	return 0;
}

/* One shot: while there is nothing that can be done, a hang-up must not wake us. */
static gboolean on_event(gint fd, GIOCondition condition, gpointer data)
{
	struct vsb_forward *f = data;

	f->watch = 0;
	f->watched = 0;
	g_source_set_ready_time(f->source, 0);
	return G_SOURCE_REMOVE;
}

bool vsb_forward_pump(struct vsb_forward *f)
{
	GIOCondition wanted = pass_input(f);

	wanted |= pass_output(f);
	if (f->over)
		return false;
	if (wanted == f->watched)
		return true;
	g_clear_handle_id(&f->watch, g_source_remove);
	f->watched = wanted;
	if (wanted)
		f->watch = g_unix_fd_add(f->fd, wanted, on_event, f);
	return true;
}
