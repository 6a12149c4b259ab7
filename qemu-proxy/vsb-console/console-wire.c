// SPDX-License-Identifier: GPL-2.0
/* Packets between vsb-console and the process of one connection. */
#include "console-wire.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEAD	offsetof(struct vsb_wire, data)

/* What waits; @fd is a copy of its own. */
struct packet {
	gsize len;		/* of the data */
	int fd;
	guint8 bytes[];		/* a struct vsb_wire, only as much of it as is used */
};

/* Its data is followed by a NUL. */
static const struct vsb_wire *wire_of(const struct packet *packet)
{
	return (const struct vsb_wire *)packet->bytes;
}

static void packet_free(struct packet *packet)
{
	if (packet->fd >= 0)
		close(packet->fd);
	g_free(packet);
}

static struct packet *packet_new(const struct vsb_wire *wire, gsize len, int fd)
{
	/* Not more memory than there is to say. */
	struct packet *packet = g_malloc(sizeof(*packet) + HEAD + len + 1);

	memcpy(packet->bytes, wire, HEAD + len);
	packet->bytes[HEAD + len] = '\0';
	packet->len = len;
	packet->fd = fd;
	return packet;
}

static gboolean on_broken(gpointer data);

static void broken(struct vsb_link *link, const char *why)
{
	if (link->broken)
		return;
	link->broken = true;
	link->why = why;
	/* What it has said is still read, see on_broken(), but it says nothing more. */
	shutdown(link->fd, SHUT_RD);
	g_clear_handle_id(&link->in, g_source_remove);
	g_clear_handle_id(&link->out, g_source_remove);
	g_clear_handle_id(&link->late, g_source_remove);
	link->idle = g_idle_add_full(G_PRIORITY_DEFAULT, on_broken, link, NULL);
}

/* Return: 1: sent, 0: not now, -1: gone. */
static int send_now(struct vsb_link *link, const struct vsb_wire *wire, gsize len, int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)wire, HEAD + len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
	}
	do {
		n = sendmsg(link->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
	return 1;
}

/* Return: FALSE: something still waits, and can. */
static gboolean flush(struct vsb_link *link)
{
	struct packet *packet;

	while ((packet = g_queue_peek_head(&link->waiting))) {
		int rc = send_now(link, wire_of(packet), packet->len, packet->fd);

		if (!rc)
			return FALSE;
		if (rc < 0) {
			broken(link, NULL);
			return TRUE;
		}
		link->waiting_bytes -= packet->len;
		packet_free(g_queue_pop_head(&link->waiting));
	}
	return TRUE;
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer data)
{
	struct vsb_link *link = data;

	if (!flush(link))
		return G_SOURCE_CONTINUE;
	link->out = 0;
	if (!link->broken && link->ops->drained)
		link->ops->drained(link);
	return G_SOURCE_REMOVE;
}

void vsb_link_send(struct vsb_link *link, enum vsb_wire_type type, guint channel, gint32 number,
		   const void *data, gsize len, int fd)
{
	struct vsb_wire wire;
	int rc = 0;

	if (link->broken)
		return;
	len = MIN(len, VSB_WIRE_DATA);
	memset(&wire, 0, HEAD);
	wire.type = type;
	wire.channel = channel;
	wire.number = number;
	if (len)
		memcpy(wire.data, data, len);
	if (vsb_link_idle(link))
		rc = send_now(link, &wire, len, fd);
	if (rc > 0)
		return;
	if (rc < 0 || link->waiting_bytes > VSB_WIRE_QUEUE ||
	    g_queue_get_length(&link->waiting) > VSB_WIRE_QUEUE / 64) {
		broken(link, rc < 0 ? NULL : "it does not read what it is told");
		return;
	}
	g_queue_push_tail(&link->waiting, packet_new(&wire, len, fd < 0 ? -1 : dup(fd)));
	link->waiting_bytes += len;
	if (!link->out)
		link->out = g_unix_fd_add(link->fd, G_IO_OUT | G_IO_HUP | G_IO_ERR, on_writable,
					  link);
}

void vsb_link_text(struct vsb_link *link, enum vsb_wire_type type, guint channel, gint32 number,
		   const char *text)
{
	vsb_link_send(link, type, channel, number, text, text ? strlen(text) : 0, -1);
}

void vsb_link_hello(struct vsb_link *link)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	vsb_link_send(link, VSB_WIRE_HELLO, 0, 0, NULL, 0, pidfd);
	if (pidfd >= 0)
		close(pidfd);
}

void vsb_link_refused(struct vsb_link *link, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	if (link->refused++ >= VSB_REFUSED)
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	vsb_link_text(link, VSB_WIRE_REFUSED, 0, 0, text);
}

bool vsb_link_idle(const struct vsb_link *link)
{
	return !link->broken && g_queue_is_empty((GQueue *)&link->waiting);
}

/* Return: length of the data; -1: nothing now, or broken. @fd: what came with it. */
static gssize receive(struct vsb_link *link, struct vsb_wire *wire, int *fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { wire, HEAD + VSB_WIRE_DATA };
	/* CMSG_SPACE() has room for a second one, which nobody would close. */
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = CMSG_LEN(sizeof(int)) };
	struct cmsghdr *head;
	ssize_t n;

	*fd = -1;
	n = recvmsg(link->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -1;
	if (n <= 0) {
		broken(link, NULL);
		return -1;
	}
	head = CMSG_FIRSTHDR(&msg);
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(head), sizeof(int));
	if (n < (ssize_t)HEAD || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || !wire->type ||
	    wire->type >= VSB_WIRE_TYPES || wire->channel >= VSB_CHANNELS) {
		if (*fd >= 0)
			close(*fd);
		broken(link, "it sent what is no message");
		return -1;
	}
	wire->data[n - HEAD] = '\0';
	return n - (ssize_t)HEAD;
}

/* Return: was there a message? Who has got it may have ended the link. */
static bool deliver(struct vsb_link *link)
{
	struct packet *packet = g_queue_pop_head(&link->early);
	struct vsb_wire wire;
	gssize len;
	int passed;

	if (packet) {
		link->ops->message(link, wire_of(packet), packet->len, packet->fd);
		packet->fd = -1;
		packet_free(packet);
		return true;
	}
	len = receive(link, &wire, &passed);
	if (len >= 0)
		link->ops->message(link, &wire, (gsize)len, passed);
	return len >= 0;
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	deliver(data);
	return g_source_is_destroyed(g_main_current_source()) ?
	       G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

/* Who cannot be told anything any more may have said something before: why it goes. */
static gboolean on_broken(gpointer data)
{
	struct vsb_link *link = data;

	if (!link->why && deliver(link))
		return g_source_is_destroyed(g_main_current_source()) ?
		       G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
	link->idle = 0;
	link->ops->lost(link, link->why);
	return G_SOURCE_REMOVE;
}

static gboolean on_early(gpointer data)
{
	struct vsb_link *link = data;

	on_readable(link->fd, G_IO_IN, link);
	if (!link->broken && !g_queue_is_empty(&link->early))
		return G_SOURCE_CONTINUE;
	if (!g_source_is_destroyed(g_main_current_source()))
		link->late = 0;
	return G_SOURCE_REMOVE;
}

void vsb_link_pause(struct vsb_link *link, bool pause)
{
	if (pause)
		g_clear_handle_id(&link->in, g_source_remove);
	else if (!link->in && !link->broken)
		link->in = g_unix_fd_add(link->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable,
					 link);
}

char *vsb_link_verdict(struct vsb_link *link, bool *yes)
{
	struct pollfd poll_fd = { .fd = link->fd };
	char *text = NULL;

	*yes = false;
	while (!link->broken && !text) {
		struct vsb_wire wire;
		gssize len;
		int fd;

		/* What was asked may itself still wait. */
		poll_fd.events = POLLIN | (flush(link) ? 0 : POLLOUT);
		if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR)
			break;
		len = receive(link, &wire, &fd);
		if (len < 0)
			continue;
		if (wire.type != VSB_WIRE_VERDICT) {
			g_queue_push_tail(&link->early, packet_new(&wire, (gsize)len, fd));
			continue;
		}
		*yes = wire.number == 1;
		text = g_strndup((const char *)wire.data, (gsize)len);
	}
	if (!g_queue_is_empty(&link->early) && !link->late)
		link->late = g_idle_add_full(G_PRIORITY_DEFAULT, on_early, link, NULL);
	return text;
}

void vsb_link_init(struct vsb_link *link, int fd, const struct vsb_link_ops *ops)
{
	*link = (struct vsb_link){ .ops = ops, .fd = fd };
	g_queue_init(&link->waiting);
	g_queue_init(&link->early);
	vsb_link_pause(link, false);
}

void vsb_link_clear(struct vsb_link *link)
{
	g_clear_handle_id(&link->in, g_source_remove);
	g_clear_handle_id(&link->out, g_source_remove);
	g_clear_handle_id(&link->idle, g_source_remove);
	g_clear_handle_id(&link->late, g_source_remove);
	g_queue_clear_full(&link->waiting, (GDestroyNotify)packet_free);
	g_queue_clear_full(&link->early, (GDestroyNotify)packet_free);
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->broken = true;
}
