// SPDX-License-Identifier: GPL-2.0
/* The other end of control.c, for programs that have nothing else to do meanwhile. */
#include "control-client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control-socket.h"
#include "error.h"
#include "json-line.h"
#include "listen.h"

/* Waits for @events until @deadline, g_get_monotonic_time(), or for ever (-1). */
static gboolean wait_for(int fd, short events, gint64 deadline, GError **error)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	for (;;) {
		gint64 left = (deadline - g_get_monotonic_time()) / 1000;
		int n = poll(&poll_fd, 1, deadline < 0 ? -1 : (int)CLAMP(left, 0, G_MAXINT));

		if (n > 0)
			return TRUE;
		if (n < 0 && errno == EINTR)
			continue;
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "vsbypassd does not answer in time; 'systemctl status vsbypassd' "
				    "says what it does");
		return FALSE;
	}
}

static gboolean send_all(int fd, const char *data, gsize len, gint64 deadline, GError **error)
{
	while (len) {
		ssize_t n;

		if (!wait_for(fd, POLLOUT, deadline, error))
			return FALSE;
		n = send(fd, data, len, MSG_NOSIGNAL);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "sending: %s",
				    g_strerror(errno));
			return FALSE;
		}
		data += n;
		len -= (gsize)n;
	}
	return TRUE;
}

/* As recv(2); a descriptor that comes along goes to *passed, or is closed. */
static ssize_t receive(int fd, char *buf, gsize size, int *passed)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	int got;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(got)))
		return n;
	memcpy(&got, CMSG_DATA(c), sizeof(got));
	if (passed && *passed < 0)
		*passed = got;
	else
		close(got);
	return n;
}

/* Return: (transfer full): the reply line, without newline. */
static GString *receive_line(int fd, int *passed, gint64 deadline, GError **error)
{
	g_autoptr(GString) line = g_string_new(NULL);
	char buf[4096];

	for (;;) {
		const char *end;
		ssize_t n;

		if (!wait_for(fd, POLLIN, deadline, error))
			return NULL;
		n = receive(fd, buf, sizeof(buf), passed);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0) {
			g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
					    "vsbypassd closed the connection without a reply");
			return NULL;
		}
		end = memchr(buf, '\n', (gsize)n);
		g_string_append_len(line, buf, end ? end - buf : n);
		if (end)
			return g_steal_pointer(&line);
		if (line->len > CONTROL_REPLY_MAX) {
			g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
					    "the reply is too long; is that vsbypassd?");
			return NULL;
		}
	}
}

/* Until something can be received, or the time is over. */
static void each_second(int fd, const struct control_wait *wait, gint64 deadline)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	while (wait && wait->each_second &&
	       (deadline < 0 || g_get_monotonic_time() < deadline) && !poll(&poll_fd, 1, 1000))
		wait->each_second(wait->data);
}

static GString *exchange(const char *path, JsonObject *request, const struct control_wait *wait,
			 int *passed, gint64 deadline, GError **error)
{
	g_autofree char *text = NULL;
	GString *line = NULL;
	gsize len;
	int fd = connect_unix(path);

	/* Too many others at once. */
	while (fd < 0 && errno == EAGAIN && (deadline < 0 || g_get_monotonic_time() < deadline)) {
		g_usleep(20 * 1000);
		fd = connect_unix(path);
	}
	if (fd < 0) {
		const char *advice = errno == ENOENT || errno == ECONNREFUSED ?
				     "; is vsbypassd running? 'systemctl start vsbypassd' starts it" :
				     errno == EACCES ? "; are you root?" :
				     errno == EAGAIN ? "; vsbypassd is busy, try again" : "";

		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: %s%s", path,
			    g_strerror(errno), advice);
		return NULL;
	}
	text = json_line_format(request, &len);
	if (!send_all(fd, text, len, deadline, error)) {
		close(fd);
		return NULL;
	}
	each_second(fd, wait, deadline);
	line = receive_line(fd, passed, deadline, error);
	close(fd);
	return line;
}

static JsonObject *ask(const char *path, JsonObject *request, const struct control_wait *wait,
		       GString **line, int *passed, GError **error)
{
	gint64 deadline = !wait || wait->timeout_ms < 0 ? -1 :
			  g_get_monotonic_time() + wait->timeout_ms * 1000LL;
	g_autoptr(JsonObject) reply = NULL;
	JsonNode *node;

	*line = exchange(path, request, wait, passed, deadline, error);
	if (!*line)
		return NULL;
	reply = json_line_parse((*line)->str, (*line)->len, CONTROL_REPLY_MAX_OPEN, error);
	if (!reply)
		return NULL;
	node = json_object_get_member(reply, "return");
	if (node && JSON_NODE_HOLDS_OBJECT(node))
		return json_object_ref(json_node_get_object(node));
	node = json_object_get_member(reply, "error");
	if (node && JSON_NODE_HOLDS_OBJECT(node)) {
		const char *desc = "no reason given", *class = "";

		json_line_string(json_node_get_object(node), "desc", FALSE, &desc, NULL);
		json_line_string(json_node_get_object(node), "class", FALSE, &class, NULL);
		g_set_error_literal(error, VSB_ERROR, (int)vsb_error_of_class(class), desc);
	} else {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "the reply makes no sense; is that vsbypassd?");
	}
	return NULL;
}

JsonObject *control_ask(const char *path, JsonObject *request, const struct control_wait *wait,
			GString **line, GError **error)
{
	return ask(path, request, wait, line, NULL, error);
}

int control_ask_fd(const char *path, JsonObject *request, GString **line, GError **error)
{
	g_autoptr(JsonObject) result = NULL;
	int fd = -1;

	result = ask(path, request, NULL, line, &fd, error);
	if (result && fd >= 0)
		return fd;
	if (result)
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "the reply has no descriptor; is vsbypassd as new as vsbctl?");
	if (fd >= 0)
		close(fd);
	return -1;
}
