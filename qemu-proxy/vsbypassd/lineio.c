// SPDX-License-Identifier: GPL-2.0
/* Lines over a stream socket in the main loop. */
#include "lineio.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib-unix.h>

void line_reader_init(struct line_reader *reader, gsize max)
{
	reader->buf = g_string_new(NULL);
	reader->max = max;
}

void line_reader_clear(struct line_reader *reader)
{
	g_string_free(reader->buf, TRUE);
	reader->buf = NULL;
}

void line_reader_push(struct line_reader *reader, const char *data, gsize len)
{
	g_string_append_len(reader->buf, data, (gssize)len);
}

char *line_reader_next(struct line_reader *reader, gsize *len)
{
	const char *end = memchr(reader->buf->str, '\n', reader->buf->len);
	char *line;

	if (!end || (gsize)(end - reader->buf->str) > reader->max)
		return NULL;
	*len = (gsize)(end - reader->buf->str);
	line = g_malloc(*len + 1);
	memcpy(line, reader->buf->str, *len);
	line[*len] = '\0';
	g_string_erase(reader->buf, 0, (gssize)*len + 1);
	return line;
}

gboolean line_reader_overlong(const struct line_reader *reader)
{
	gsize scan = MIN(reader->buf->len, reader->max + 1);

	return scan > reader->max && !memchr(reader->buf->str, '\n', scan);
}

/**
 * struct lineio - see lineio.h
 * @busy:	callbacks on the stack
 * @freed:	lineio_free() was called in one of them
 * @broken:	why no more can be done with the socket, or NULL
 * @told:	closed() has been called
 * @later:	idle source that goes on after a resume or an overflow
 */
struct lineio {
	int fd;
	struct line_reader in;
	GString *out;
	gsize max_out;
	const struct lineio_ops *ops;
	gpointer data;
	guint in_id;
	guint out_id;
	guint later;
	guint busy;
	gboolean freed;
	gboolean paused;
	gboolean eof;
	gboolean told;
	char *broken;
};

static void remove_source(guint *id)
{
	if (*id)
		g_source_remove(*id);
	*id = 0;
}

static void really_free(struct lineio *io)
{
	remove_source(&io->in_id);
	remove_source(&io->out_id);
	remove_source(&io->later);
	close(io->fd);
	line_reader_clear(&io->in);
	g_string_free(io->out, TRUE);
	g_free(io->broken);
	g_free(io);
}

void lineio_free(struct lineio *io)
{
	if (!io)
		return;
	if (io->busy)
		io->freed = TRUE;
	else
		really_free(io);
}

static void set_broken(struct lineio *io, const char *why)
{
	if (!io->broken)
		io->broken = g_strdup(why);
	remove_source(&io->in_id);
	remove_source(&io->out_id);
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer data);

/* Hands out what there is, then says that the connection ended, if it did. */
static void deliver(struct lineio *io)
{
	io->busy++;
	while (!io->freed && !io->paused && !io->broken) {
		g_autofree char *line = NULL;
		gsize len;

		line = line_reader_next(&io->in, &len);
		if (!line)
			break;
		io->ops->line(io, line, len, io->data);
	}
	if (!io->freed && !io->paused && !io->broken) {
		if (line_reader_overlong(&io->in))
			set_broken(io, "line too long");
		else if (io->eof)
			set_broken(io, "closed by the other side");
	}
	if (!io->freed && io->broken && !io->told) {
		io->told = TRUE;
		io->ops->closed(io, io->broken, io->data);
	}
	if (--io->busy == 0 && io->freed)
		really_free(io);
	else if (!io->freed && !io->paused && !io->broken && !io->in_id)
		io->in_id = g_unix_fd_add(io->fd, G_IO_IN | G_IO_HUP | G_IO_ERR,
					  on_readable, io);
}

static gboolean on_later(gpointer data)
{
	struct lineio *io = data;

	io->later = 0;
	deliver(io);
	return G_SOURCE_REMOVE;
}

static void deliver_later(struct lineio *io)
{
	if (!io->later)
		io->later = g_idle_add(on_later, io);
}

static gboolean on_readable(int fd, GIOCondition condition, gpointer data)
{
	struct lineio *io = data;
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n > 0)
		line_reader_push(&io->in, buf, (gsize)n);
	else
		io->eof = TRUE;
	/* deliver() adds the source again if the connection lives on. */
	io->in_id = 0;
	deliver(io);
	return G_SOURCE_REMOVE;
}

static gboolean on_writable(int fd, GIOCondition condition, gpointer data)
{
	struct lineio *io = data;
	ssize_t n = send(fd, io->out->str, io->out->len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n < 0) {
		io->out_id = 0;
		set_broken(io, g_strerror(errno));
		deliver_later(io);
		return G_SOURCE_REMOVE;
	}
	g_string_erase(io->out, 0, n);
	if (io->out->len)
		return G_SOURCE_CONTINUE;
	io->out_id = 0;
	return G_SOURCE_REMOVE;
}

void lineio_send(struct lineio *io, const char *data, gsize len)
{
	gsize sent = 0;

	if (io->broken || io->freed)
		return;
	/* At once if possible, so that a reply goes out before a close. */
	if (!io->out->len) {
		ssize_t n = send(io->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent = (gsize)n;
	}
	if (sent == len)
		return;
	if (io->out->len + (len - sent) > io->max_out) {
		set_broken(io, "the other side does not read");
		deliver_later(io);
		return;
	}
	g_string_append_len(io->out, data + sent, (gssize)(len - sent));
	if (!io->out_id)
		io->out_id = g_unix_fd_add(io->fd, G_IO_OUT, on_writable, io);
}

void lineio_send_fd(struct lineio *io, const char *data, gsize len, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(fd))];
	} control = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(fd)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = -1;

	if (io->broken || io->freed)
		return;
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (!io->out->len)
		n = sendmsg(io->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		set_broken(io, "the other side does not read");
		deliver_later(io);
		return;
	}
	if ((gsize)n < len)
		lineio_send(io, data + n, len - (gsize)n);
}

void lineio_last_words(struct lineio *io, const char *data, gsize len)
{
	if (send(io->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;		/* it had its chance */
}

void lineio_pause(struct lineio *io)
{
	io->paused = TRUE;
	remove_source(&io->in_id);
}

void lineio_resume(struct lineio *io)
{
	if (!io->paused)
		return;
	io->paused = FALSE;
	deliver_later(io);
}

struct lineio *lineio_new(int fd, gsize max_line, gsize max_out,
			  const struct lineio_ops *ops, gpointer data)
{
	struct lineio *io = g_new0(struct lineio, 1);

	io->fd = fd;
	line_reader_init(&io->in, max_line);
	io->out = g_string_new(NULL);
	io->max_out = max_out;
	io->ops = ops;
	io->data = data;
	io->in_id = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, io);
	return io;
}
