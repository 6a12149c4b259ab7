// SPDX-License-Identifier: GPL-2.0
/*
 * A monitor of QEMU, which greets as what it is. QMP, as much of it as the agent
 * needs: qmp_capabilities, then human-monitor-command. Or the human monitor itself:
 * QEMU reads monitors byte by byte, with several system calls each, and there the
 * same command has a seventh of the bytes. Replies come in order. What the peer sends
 * is bounded in length and depth; anything odd ends the connection.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib-unix.h>
#include <json-glib/json-glib.h>

#include "json-line.h"
#include "monitor.h"

#define LINE_MAX_BYTES	16384	/* greeting, replies and events are far shorter */
#define OPEN_MAX_BRACKETS	256
#define OUT_MAX_BYTES	65536
#define REPLY_SECONDS	10
/*
 * Its line editor echoes each byte with a write of its own. They are read together, and
 * late: the CPU may be wanted for what the command is about.
 */
#define HUMAN_PAUSE_MS	20
#define HUMAN_GREETING	"QEMU "
#define HUMAN_PROMPT	"(qemu) "

enum monitor_state { GREETING, NEGOTIATING, READY, GONE };

struct pending {
	monitor_reply_fn fn;
	void *data;
};

/**
 * struct monitor - see monitor.h
 * @path:	the socket
 * @fd:		connected, non-blocking
 * @pid:	of the process that listens
 * @state:	greeting, then capabilities, then commands
 * @human:	it is the human monitor
 * @in:		bytes without an end yet: a newline, or the prompt of the human monitor
 * @out:	bytes that the socket has not taken
 * @replies:	struct pending, one for each command that was sent, in order
 * @in_id:	source that reads, or is going to
 * @out_id:	source that writes, 0 if @out is empty
 * @timer_id:	source that fires when a reply is overdue
 * @end_id:	source that tells the owner of the end
 * @why:	reason of the end
 */
struct monitor {
	char *path;
	int fd;
	pid_t pid;
	enum monitor_state state;
	gboolean human;
	GString *in;
	GString *out;
	GQueue replies;
	guint in_id;
	guint out_id;
	guint timer_id;
	guint end_id;
	char *why;
	const struct monitor_ops *ops;
	void *user;
};

static gboolean tell_gone(gpointer p)
{
	struct monitor *m = p;

	m->end_id = 0;
	m->ops->gone(m, m->why, m->user);
	return G_SOURCE_REMOVE;
}

static void drop_source(guint *id)
{
	if (*id)
		g_source_remove(*id);
	*id = 0;
}

static void fail_replies(struct monitor *m)
{
	struct pending *p;

	while ((p = g_queue_pop_head(&m->replies))) {
		if (p->fn)
			p->fn(m, NULL, p->data);
		g_free(p);
	}
}

/*
 * Ends the connection. Replies fail and the owner hears of it from the main
 * loop: the caller may be deep in the owner's own functions.
 */
static void monitor_end(struct monitor *m, const char *why)
{
	if (m->state == GONE)
		return;
	m->state = GONE;
	m->why = g_strdup(why);
	drop_source(&m->in_id);
	drop_source(&m->out_id);
	drop_source(&m->timer_id);
	m->end_id = g_idle_add(tell_gone, m);
}

static gboolean overdue(gpointer p)
{
	struct monitor *m = p;

	m->timer_id = 0;
	monitor_end(m, "it does not answer");
	return G_SOURCE_REMOVE;
}

/* The clock runs while anything is unanswered and restarts at each answer. */
static void watch_clock(struct monitor *m)
{
	drop_source(&m->timer_id);
	if (m->state != GONE && (m->state == NEGOTIATING || m->replies.length))
		m->timer_id = g_timeout_add_seconds(REPLY_SECONDS, overdue, m);
}

static gboolean can_write(gint fd, GIOCondition cond, gpointer p);

static void flush(struct monitor *m)
{
	ssize_t n;

	while (m->out->len) {
		n = send(m->fd, m->out->str, m->out->len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			monitor_end(m, g_strerror(errno));
			return;
		}
		g_string_erase(m->out, 0, n);
	}
	if (m->out->len && !m->out_id)
		m->out_id = g_unix_fd_add(m->fd, G_IO_OUT, can_write, m);
	if (!m->out->len)
		drop_source(&m->out_id);
}

static gboolean can_write(gint fd, GIOCondition cond, gpointer p)
{
	struct monitor *m = p;

	(void)fd;
	(void)cond;
	flush(m);
	return m->out_id ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean can_read(gint fd, GIOCondition cond, gpointer p);

static gboolean read_on(gpointer p)
{
	struct monitor *m = p;

	m->in_id = g_unix_fd_add(m->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, can_read, m);
	return G_SOURCE_REMOVE;
}

/* In a while, if it is not put off again. */
static void read_later(struct monitor *m)
{
	drop_source(&m->in_id);
	m->in_id = g_timeout_add(HUMAN_PAUSE_MS, read_on, m);
}

static void send_line(struct monitor *m, const char *text)
{
	if (m->out->len > OUT_MAX_BYTES) {
		monitor_end(m, "it does not read");
		return;
	}
	g_string_append(m->out, text);
	g_string_append_c(m->out, '\n');
	flush(m);
	if (m->human && m->state != GONE)
		read_later(m);
}

static void send_command(struct monitor *m, const char *name, const char *hmp)
{
	g_autoptr(JsonBuilder) b = json_builder_new();
	g_autoptr(JsonGenerator) gen = json_generator_new();
	g_autoptr(JsonNode) root = NULL;
	g_autofree char *text = NULL;

	json_builder_begin_object(b);
	json_builder_set_member_name(b, "execute");
	json_builder_add_string_value(b, name);
	if (hmp) {
		json_builder_set_member_name(b, "arguments");
		json_builder_begin_object(b);
		json_builder_set_member_name(b, "command-line");
		json_builder_add_string_value(b, hmp);
		json_builder_end_object(b);
	}
	json_builder_end_object(b);
	root = json_builder_get_root(b);
	json_generator_set_root(gen, root);
	text = json_generator_to_data(gen, NULL);
	send_line(m, text);
}

static void got_reply(struct monitor *m, const char *text)
{
	struct pending *p = g_queue_pop_head(&m->replies);

	if (!p) {
		monitor_end(m, "it answers what was not asked");
		return;
	}
	if (p->fn)
		p->fn(m, text, p->data);
	g_free(p);
	watch_clock(m);
}

static void got_object(struct monitor *m, JsonObject *o)
{
	JsonNode *ret;

	if (m->state == GREETING) {
		if (!json_object_has_member(o, "QMP")) {
			monitor_end(m, "it is no QMP monitor");
			return;
		}
		m->state = NEGOTIATING;
		send_command(m, "qmp_capabilities", NULL);
		watch_clock(m);
		return;
	}
	if (json_object_has_member(o, "event"))
		return;
	ret = json_object_get_member(o, "return");
	if (!ret && !json_object_has_member(o, "error")) {
		monitor_end(m, "it sent an object that is not of QMP");
		return;
	}
	if (m->state == NEGOTIATING) {
		if (!ret) {
			monitor_end(m, "it refuses qmp_capabilities");
			return;
		}
		m->state = READY;
		watch_clock(m);
		m->ops->ready(m, m->user);
		return;
	}
	if (ret && JSON_NODE_HOLDS_VALUE(ret) &&
	    json_node_get_value_type(ret) == G_TYPE_STRING)
		got_reply(m, json_node_get_string(ret));
	else
		got_reply(m, NULL);
}

static void got_line(struct monitor *m, const char *line)
{
	g_autoptr(JsonObject) object = NULL;

	if (!line[strspn(line, " \t\r")])	/* an empty one */
		return;
	object = json_line_parse(line, strlen(line), OPEN_MAX_BRACKETS, NULL);
	if (object)
		got_object(m, object);
	else
		monitor_end(m, "it sent a line that is no JSON object");
}

/* What came before a prompt: the command as its line editor echoes it, and the answer. */
static void got_human(struct monitor *m, const char *text)
{
	const char *answer = strchr(text, '\n');

	if (m->state != GREETING) {
		got_reply(m, answer ? answer + 1 : NULL);
		return;
	}
	m->state = READY;
	watch_clock(m);
	m->ops->ready(m, m->user);
}

/* Takes all that is whole out of m->in. */
static void got_bytes(struct monitor *m)
{
	const char *end_mark;
	char *end;

	if (m->state == GREETING)
		m->human = g_str_has_prefix(m->in->str, HUMAN_GREETING);
	end_mark = m->human ? HUMAN_PROMPT : "\n";
	while (m->state != GONE && (end = strstr(m->in->str, end_mark))) {
		*end = 0;
		if (m->human)
			got_human(m, m->in->str);
		else
			got_line(m, m->in->str);
		g_string_erase(m->in, 0, end + strlen(end_mark) - m->in->str);
	}
	if (m->in->len > LINE_MAX_BYTES)
		monitor_end(m, "it sent a line that does not end");
}

static gboolean can_read(gint fd, GIOCondition cond, gpointer p)
{
	struct monitor *m = p;
	guint id = m->in_id;
	char buf[4096];
	ssize_t n;

	(void)cond;
	n = recv(fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		m->in_id = 0;
		monitor_end(m, n ? g_strerror(errno) : "closed by QEMU");
		return G_SOURCE_REMOVE;
	}
	if (memchr(buf, 0, n)) {
		m->in_id = 0;
		monitor_end(m, "it sent a NUL byte");
		return G_SOURCE_REMOVE;
	}
	g_string_append_len(m->in, buf, n);
	got_bytes(m);
	/* monitor_end() has removed this source already. */
	if (m->state == GONE)
		return G_SOURCE_REMOVE;
	if (m->human && m->in->len)
		read_later(m);
	return m->in_id == id ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/*
 * Connects to the monitor at @path.
 * Return: the monitor, or NULL and a negative error code in @err.
 */
struct monitor *monitor_connect(const char *path, const struct monitor_ops *ops,
				void *user, int *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	struct monitor *m;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		*err = -ENAMETOOLONG;
		return NULL;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		*err = -errno;
		return NULL;
	}
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
		*err = -errno;
		close(fd);
		return NULL;
	}

	m = g_new0(struct monitor, 1);
	m->path = g_strdup(path);
	m->fd = fd;
	m->pid = cred.pid;
	m->in = g_string_new(NULL);
	m->out = g_string_new(NULL);
	g_queue_init(&m->replies);
	m->ops = ops;
	m->user = user;
	m->in_id = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, can_read, m);
	return m;
}

/* Commands without an answer fail first. */
void monitor_free(struct monitor *m)
{
	m->state = GONE;
	fail_replies(m);
	drop_source(&m->in_id);
	drop_source(&m->out_id);
	drop_source(&m->timer_id);
	drop_source(&m->end_id);
	close(m->fd);
	g_string_free(m->in, TRUE);
	g_string_free(m->out, TRUE);
	g_free(m->why);
	g_free(m->path);
	g_free(m);
}

const char *monitor_path(const struct monitor *m)
{
	return m->path;
}

/* Return: the pid of the process that listens: QEMU's. */
pid_t monitor_pid(const struct monitor *m)
{
	return m->pid;
}

gboolean monitor_ready(const struct monitor *m)
{
	return m->state == READY;
}

/* Return: whether there are commands without an answer. */
gboolean monitor_busy(const struct monitor *m)
{
	return m->replies.length != 0;
}

/*
 * Runs @cmd in the human monitor; @fn, which may be NULL, hears the answer,
 * exactly once and never before this call has returned.
 */
void monitor_hmp(struct monitor *m, const char *cmd, monitor_reply_fn fn, void *data)
{
	struct pending *p = g_new0(struct pending, 1);

	p->fn = fn;
	p->data = data;
	g_queue_push_tail(&m->replies, p);
	if (m->state == READY && m->human)
		send_line(m, cmd);
	else if (m->state == READY)
		send_command(m, "human-monitor-command", cmd);
	if (m->replies.length == 1)
		watch_clock(m);
}
