// SPDX-License-Identifier: GPL-2.0
/*
 * Opens the port, says hello until vsbypassd has answered with our nonce,
 * answers pings, and starts again whenever the other end is gone: the port
 * hangs up, or no ping comes any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib-unix.h>

#include "channel.h"

#define TICK_SECONDS		1
#define HELLO_TICKS		2
#define SILENCE_TICKS		12	/* two pings missed */
#define OUT_MAX_BYTES		65536

/**
 * struct channel - see channel.h
 * @path:	the port: a character device, or a UNIX socket
 * @fd:		open, or -1
 * @up:		the nonce has come back
 * @nonce:	of the hello on its way
 * @ticks:	seconds since the last hello or, if @up, ping
 * @why:	error of the last attempt to open the port that the log has
 */
struct channel {
	char *path;
	int fd;
	gboolean up;
	guint64 nonce;
	unsigned int ticks;
	int why;
	struct agent_reader reader;
	GString *out;
	guint in_id;
	guint out_id;
	guint tick_id;
	channel_fn fn;
	void *user;
};

static void drop_source(guint *id)
{
	if (*id)
		g_source_remove(*id);
	*id = 0;
}

static gboolean can_write(gint fd, GIOCondition cond, gpointer p);

static void flush(struct channel *c)
{
	ssize_t n;

	while (c->out->len) {
		n = write(c->fd, c->out->str, c->out->len);
		if (n < 0 && errno == EINTR)
			continue;
		/* Other errors: the reader sees them too and starts again. */
		if (n <= 0)
			break;
		g_string_erase(c->out, 0, n);
	}
	if (c->out->len && !c->out_id)
		c->out_id = g_unix_fd_add(c->fd, G_IO_OUT, can_write, c);
	if (!c->out->len)
		drop_source(&c->out_id);
}

static gboolean can_write(gint fd, GIOCondition cond, gpointer p)
{
	struct channel *c = p;

	(void)fd;
	if (cond & (G_IO_HUP | G_IO_ERR | G_IO_NVAL)) {
		c->out_id = 0;
		return G_SOURCE_REMOVE;
	}
	flush(c);
	return c->out_id ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void put(struct channel *c, const struct agent_msg *msg)
{
	char buf[AGENT_LINE_MAX + 1];
	gsize len = agent_wire_format(msg, buf);

	if (c->fd < 0 || c->out->len + len > OUT_MAX_BYTES)
		return;
	g_string_append_len(c->out, buf, len);
	flush(c);
}

static void hello(struct channel *c)
{
	struct agent_msg msg = { .type = AGENT_HELLO };

	if (!c->nonce && getrandom(&c->nonce, sizeof(c->nonce), 0) != sizeof(c->nonce))
		c->nonce = (guint64)g_get_real_time();
	msg.nonce = c->nonce;
	c->ticks = 0;
	put(c, &msg);
}

/* Forgets the conversation: what is half written or read goes, too. */
static void start_again(struct channel *c, const char *why)
{
	gboolean was_up = c->up;

	c->up = FALSE;
	c->nonce = 0;
	c->ticks = HELLO_TICKS;
	g_string_truncate(c->out, 0);
	drop_source(&c->out_id);
	if (was_up) {
		g_message("port %s: vsbypassd is gone: %s", c->path, why);
		c->fn(NULL, c->user);
	}
}

static void port_close(struct channel *c)
{
	drop_source(&c->in_id);
	drop_source(&c->out_id);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void got_msg(struct channel *c, const struct agent_msg *msg)
{
	struct agent_msg pong = { .type = AGENT_PONG, .n = msg->n };

	if (msg->type == AGENT_HELLO && msg->nonce == c->nonce) {
		if (!c->up)
			g_message("port %s: vsbypassd answers", c->path);
		c->up = TRUE;
		c->ticks = 0;
		c->fn(msg, c->user);
		return;
	}
	if (!c->up)
		return;
	if (msg->type == AGENT_HELLO) {
		/* Another vsbypassd, which knows nothing of our hello. */
		start_again(c, "another one says hello");
		hello(c);
	} else if (msg->type == AGENT_PING) {
		c->ticks = 0;
		put(c, &pong);
	} else {
		c->fn(msg, c->user);
	}
}

static gboolean can_read(gint fd, GIOCondition cond, gpointer p)
{
	struct channel *c = p;
	struct agent_msg msg;
	char buf[4096];
	const char *data = buf;
	ssize_t n;
	gsize len;

	(void)cond;
	n = read(fd, buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !(cond & G_IO_HUP))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		/*
		 * The host's end is closed. A virtio port polls so for as long
		 * as it is, so look again at the next tick.
		 */
		c->in_id = 0;
		start_again(c, "the port is closed on the host");
		port_close(c);
		return G_SOURCE_REMOVE;
	}
	len = n;
	while (agent_reader_next(&c->reader, &data, &len, &msg))
		got_msg(c, &msg);
	return G_SOURCE_CONTINUE;
}

static int port_open(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, err;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode)) {
		fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static gboolean tick(gpointer p)
{
	struct channel *c = p;
	int fd;

	c->ticks++;
	if (c->fd < 0) {
		fd = port_open(c->path);
		if (fd < 0) {
			if (fd != c->why)
				g_warning("port %s: %s; %s; tried again every second", c->path,
					  g_strerror(-fd), fd == -EBUSY ?
					  "another process has it open" :
					  "the cloud VM needs a virtio-serial port org.vsbypass.agent.0, and the agent to be root");
			c->why = fd;
			return G_SOURCE_CONTINUE;
		}
		c->why = 0;
		c->fd = fd;
		memset(&c->reader, 0, sizeof(c->reader));
		c->reader.from = AGENT_FROM_DAEMON;
		c->in_id = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, can_read, c);
		hello(c);
	} else if (c->up && c->ticks >= SILENCE_TICKS) {
		start_again(c, "no pings");
		hello(c);
	} else if (!c->up && c->ticks >= HELLO_TICKS) {
		hello(c);
	}
	return G_SOURCE_CONTINUE;
}

struct channel *channel_new(const char *path, channel_fn fn, void *user)
{
	struct channel *c = g_new0(struct channel, 1);

	c->path = g_strdup(path);
	c->fd = -1;
	c->out = g_string_new(NULL);
	c->fn = fn;
	c->user = user;
	c->tick_id = g_timeout_add_seconds(TICK_SECONDS, tick, c);
	tick(c);
	return c;
}

void channel_free(struct channel *c)
{
	port_close(c);
	drop_source(&c->tick_id);
	g_string_free(c->out, TRUE);
	g_free(c->path);
	g_free(c);
}

/* Nobody listening: dropped, all is said again after the next hello. */
void channel_send(struct channel *c, const struct agent_msg *msg)
{
	if (c->up)
		put(c, msg);
}
