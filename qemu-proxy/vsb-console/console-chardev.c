// SPDX-License-Identifier: GPL-2.0
/* The UNIX socket between a hub and the proxy's QEMU. */
#include "console-chardev.h"
#include "console-log.h"
#include "listen.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE	4096
/*
 * QEMU's UART writes byte by byte. The first is passed on at once; what follows
 * within PAUSE_MS together, as each passing on costs an SSH packet and a wake-up
 * of everybody on the way. A socket holds a few hundred such writes, so somebody
 * who has FULL together is too fast to be made wait.
 */
#define PAUSE_MS	2
#define FULL		128

struct vsb_chardev {
	struct vsb_hub *hub;
	char *path;
	int fd;			/* -1: not connected */
	guint watch;
	GIOCondition watched;	/* what @watch waits for */
	guint pause;		/* nothing is read until this timer ends */
	int last_errno;		/* of connect(), logged when it changes */
};

struct vsb_chardev *vsb_chardev_new(const char *path, struct vsb_hub *hub)
{
	struct vsb_chardev *chardev = g_new0(struct vsb_chardev, 1);

	chardev->hub = hub;
	chardev->path = g_strdup(path);
	chardev->fd = -1;
	return chardev;
}

static void disconnect(struct vsb_chardev *chardev)
{
	if (chardev->fd < 0)
		return;
	g_clear_handle_id(&chardev->watch, g_source_remove);
	g_clear_handle_id(&chardev->pause, g_source_remove);
	chardev->watched = 0;
	close(chardev->fd);
	chardev->fd = -1;
}

void vsb_chardev_free(struct vsb_chardev *chardev)
{
	disconnect(chardev);
	g_free(chardev->path);
	g_free(chardev);
}

static void lost(struct vsb_chardev *chardev)
{
	vsb_log("'%s': the proxy is away", chardev->hub->name);
	disconnect(chardev);
	vsb_hub_link(chardev->hub, false);
}

/* Return: FALSE if the connection is gone. */
static gboolean send_pending(struct vsb_chardev *chardev)
{
	const guint8 *data;
	ssize_t n;
	gsize len;

	while ((data = vsb_ring_peek(&chardev->hub->tx, &len))) {
		n = send(chardev->fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return TRUE;
		if (n < 0)
			return FALSE;
		vsb_hub_tx_done(chardev->hub, n);
	}
	return TRUE;
}

static gboolean on_pause_end(gpointer data)
{
	struct vsb_chardev *chardev = data;

	chardev->pause = 0;
	vsb_chardev_update(chardev);
	return G_SOURCE_REMOVE;
}

/* Return: FALSE if the connection is gone. */
static gboolean receive(struct vsb_chardev *chardev)
{
	gsize room = vsb_hub_output_room(chardev->hub);
	guint8 buffer[READ_SIZE];
	ssize_t n;

	if (!room)
		return TRUE;
	n = recv(chardev->fd, buffer, MIN(room, sizeof(buffer)), 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		return FALSE;
	vsb_hub_output(chardev->hub, buffer, n);
	/* A hang-up may have been reported though it was not asked for. */
	if (n < FULL && !chardev->pause)
		chardev->pause = g_timeout_add(PAUSE_MS, on_pause_end, chardev);
	return TRUE;
}

static gboolean on_event(gint fd, GIOCondition condition, gpointer data)
{
	struct vsb_chardev *chardev = data;
	gboolean alive = TRUE;

	if (chardev->hub->waits) {
		chardev->hub->waits = false;
		chardev->hub->ops->comes(chardev->hub);
	}
	if (condition & G_IO_OUT)
		alive = send_pending(chardev);
	if (alive && (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)))
		alive = receive(chardev);
	if (!alive) {
		chardev->watch = 0;
		lost(chardev);
		return G_SOURCE_REMOVE;
	}
	vsb_chardev_update(chardev);
	/* update() may have replaced the watch that runs now. */
	return g_source_is_destroyed(g_main_current_source()) ?
	       G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

/*
 * Waits for what can be done now. While the writer's queue is full nothing is
 * read, the socket fills, QEMU stops to take bytes from its UART, and the user
 * VM waits. A hang-up is not looked at then either: first what is in the socket.
 */
void vsb_chardev_update(struct vsb_chardev *chardev)
{
	GIOCondition wanted = 0;

	if (chardev->fd < 0)
		return;
	if (!chardev->pause && vsb_hub_output_room(chardev->hub))
		wanted |= G_IO_IN | G_IO_HUP | G_IO_ERR;
	/* Nothing is read, but that there is something has to be known. */
	if (chardev->hub->waits)
		wanted |= G_IO_IN | G_IO_HUP | G_IO_ERR;
	if (chardev->hub->tx.len)
		wanted |= G_IO_OUT;
	if (wanted == chardev->watched)
		return;
	g_clear_handle_id(&chardev->watch, g_source_remove);
	chardev->watched = wanted;
	if (wanted)
		chardev->watch = g_unix_fd_add(chardev->fd, wanted, on_event, chardev);
}

/* Tries to connect, unless it is connected. */
void vsb_chardev_connect(struct vsb_chardev *chardev)
{
	int fd, error;

	if (chardev->fd >= 0)
		return;
	fd = connect_unix(chardev->path);
	if (fd < 0) {
		error = errno;
		/* No file, or no listener: the proxy is not there yet. Normal. */
		if (error != chardev->last_errno && error != ENOENT && error != ECONNREFUSED)
			vsb_log("'%s': cannot connect to %s: %s", chardev->hub->name,
				chardev->path, g_strerror(error));
		chardev->last_errno = error;
		return;
	}
	chardev->last_errno = 0;
	chardev->fd = fd;
	vsb_log("'%s': connected to its proxy", chardev->hub->name);
	vsb_hub_link(chardev->hub, true);
	vsb_chardev_update(chardev);
}
