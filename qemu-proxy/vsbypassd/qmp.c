// SPDX-License-Identifier: GPL-2.0
/* QMP client: greeting, capabilities, commands in order; events are skipped. */
#include "qmp.h"

#include <string.h>

#include "error.h"
#include "json-line.h"
#include "lineio.h"

#define QMP_LINE_MAX	(1024 * 1024)
#define DESC_MAX	300	/* of an error's words */

struct pending {
	qmp_done done;
	gpointer data;
};

struct qmp {
	struct lineio *io;
	const struct qmp_ops *ops;
	gpointer data;
	gboolean greeted;
	GQueue pending;		/* struct pending, oldest first */
};

/* @fd: to go along, or -1 */
static void send_command(struct qmp *qmp, const char *command, JsonObject *args, int fd,
			 qmp_done done, gpointer data)
{
	g_autoptr(JsonObject) request = json_object_new();
	g_autofree char *line = NULL;
	struct pending *pending = g_new(struct pending, 1);
	gsize len;

	json_object_set_string_member(request, "execute", command);
	if (args)
		json_object_set_object_member(request, "arguments", args);
	line = json_line_format(request, &len);
	pending->done = done;
	pending->data = data;
	g_queue_push_tail(&qmp->pending, pending);
	if (fd >= 0)
		lineio_send_fd(qmp->io, line, len, fd);
	else
		lineio_send(qmp->io, line, len);
}

void qmp_execute(struct qmp *qmp, const char *command, JsonObject *args,
		 qmp_done done, gpointer data)
{
	send_command(qmp, command, args, -1, done, data);
}

void qmp_keep_fd(struct qmp *qmp, const char *name, int fd, qmp_done done, gpointer data)
{
	JsonObject *args = json_object_new();

	json_object_set_string_member(args, "fdname", name);
	send_command(qmp, "getfd", args, fd, done, data);
}

static void on_capabilities(gpointer data, JsonNode *result, const GError *error)
{
	struct qmp *qmp = data;

	if (!error)
		qmp->ops->ready(qmp, qmp->data);
}

static void handle_answer(struct qmp *qmp, JsonNode *result, const GError *error)
{
	g_autofree struct pending *pending = g_queue_pop_head(&qmp->pending);

	if (pending)
		pending->done(pending->data, result, error);
}

static void on_line(struct lineio *io, const char *line, gsize len, gpointer data)
{
	struct qmp *qmp = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonObject) object = json_line_parse(line, len, JSON_LINE_MAX_OPEN, &error);
	JsonNode *node;

	if (!object) {
		qmp->ops->closed(qmp, error->message, qmp->data);
		return;
	}
	if (!qmp->greeted) {
		qmp->greeted = json_object_has_member(object, "QMP");
		if (qmp->greeted)
			send_command(qmp, "qmp_capabilities", NULL, -1, on_capabilities,
				     qmp);
		return;
	}
	node = json_object_get_member(object, "return");
	if (node) {
		handle_answer(qmp, node, NULL);
		return;
	}
	node = json_object_get_member(object, "error");
	if (node && JSON_NODE_HOLDS_OBJECT(node)) {
		const char *desc = json_object_get_string_member_with_default(
			json_node_get_object(node), "desc", "no reason given");
		/* It ends at somebody's terminal. */
		g_autofree char *shown = vsb_error_shown(desc ? desc : "", DESC_MAX);

		g_set_error(&error, VSB_ERROR, VSB_ERROR_FAILED, "QEMU: %s", shown);
		handle_answer(qmp, NULL, error);
	}
}

static void on_closed(struct lineio *io, const char *why, gpointer data)
{
	struct qmp *qmp = data;

	qmp->ops->closed(qmp, why, qmp->data);
}

struct qmp *qmp_new(int fd, const struct qmp_ops *ops, gpointer data)
{
	static const struct lineio_ops line_ops = { on_line, on_closed };
	struct qmp *qmp = g_new0(struct qmp, 1);

	qmp->ops = ops;
	qmp->data = data;
	g_queue_init(&qmp->pending);
	qmp->io = lineio_new(fd, QMP_LINE_MAX, QMP_LINE_MAX, &line_ops, qmp);
	return qmp;
}

void qmp_free(struct qmp *qmp)
{
	g_autoptr(GError) gone = NULL;

	if (!qmp)
		return;
	lineio_free(qmp->io);
	gone = g_error_new_literal(VSB_ERROR, VSB_ERROR_FAILED, "QEMU has ended");
	while (!g_queue_is_empty(&qmp->pending)) {
		g_autofree struct pending *pending = g_queue_pop_head(&qmp->pending);

		if (pending->done != on_capabilities)
			pending->done(pending->data, NULL, gone);
	}
	g_free(qmp);
}
