// SPDX-License-Identifier: GPL-2.0
/* Requests to vsbypassd, one connection each. */
#include "console-control.h"
#include "control-socket.h"
#include "json-line.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_REPLY	CONTROL_REPLY_MAX
#define READ_SIZE	(64 * 1024)
/*
 * Requests that wait: of all, and of those for one console. Such a one takes as long as the
 * QEMU of its proxy does, and others have to be asked meanwhile.
 */
#define MAX_CALLS	256
#define MAX_CALLS_CONSOLE 4
#define TIMEOUT_S	60	/* an emulated host is slow */

struct call {
	int fd;
	char *console;		/* that it is for, or NULL */
	guint watch;
	guint timer;
	GString *text;
	vsb_control_done done;
	gpointer data;
};

static GList *calls;

static void finish(struct call *call, JsonObject *reply, const char *error)
{
	call->done(reply, error, call->data);
	if (call->fd >= 0)
		close(call->fd);
	g_clear_handle_id(&call->watch, g_source_remove);
	g_clear_handle_id(&call->timer, g_source_remove);
	g_string_free(call->text, TRUE);
	g_free(call->console);
	calls = g_list_remove(calls, call);
	g_free(call);
}

/* Return: whether one more may wait. @console: NULL: for none */
static gboolean may_call(const char *console)
{
	guint same = 0;

	for (GList *l = calls; console && l; l = l->next)
		same += !g_strcmp0(((struct call *)l->data)->console, console);
	return same < MAX_CALLS_CONSOLE && g_list_length(calls) < MAX_CALLS;
}

/* The daemon is trusted, but it may be of another version: check all. */
static void parse(struct call *call)
{
	/* Not json_line_parse(): make_index() adds to it. */
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autofree char *text = NULL;
	JsonObject *object, *error;
	JsonNode *node = NULL;

	if (json_line_fits(call->text->str, call->text->len, CONTROL_REPLY_MAX_OPEN, NULL) &&
	    json_parser_load_from_data(parser, call->text->str, (gssize)call->text->len, NULL))
		node = json_parser_get_root(parser);	/* NULL for an empty line */
	if (!node || !JSON_NODE_HOLDS_OBJECT(node)) {
		finish(call, NULL, "vsbypassd's reply is no JSON object");
		return;
	}
	object = json_node_get_object(node);
	node = json_object_get_member(object, "return");
	if (node && JSON_NODE_HOLDS_OBJECT(node)) {
		finish(call, json_node_get_object(node), NULL);
		return;
	}
	node = json_object_get_member(object, "error");
	if (node && JSON_NODE_HOLDS_OBJECT(node)) {
		error = json_node_get_object(node);
		node = json_object_get_member(error, "desc");
		if (node && json_node_get_value_type(node) == G_TYPE_STRING) {
			text = g_strdup_printf("vsbypassd: %.400s", json_node_get_string(node));
			finish(call, NULL, text);
			return;
		}
	}
	finish(call, NULL, "vsbypassd's reply has neither a result nor an error");
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	struct call *call = data;
	char buffer[READ_SIZE], *newline;
	ssize_t n = read(fd, buffer, sizeof(buffer));
	gsize had = call->text->len;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n > 0) {
		g_string_append_len(call->text, buffer, n);
		newline = memchr(call->text->str + had, '\n', n);
		if (!newline && call->text->len <= MAX_REPLY)
			return G_SOURCE_CONTINUE;
		if (newline)
			g_string_truncate(call->text, newline - call->text->str);
	}
	call->watch = 0;
	if (n <= 0)
		finish(call, NULL, "vsbypassd closed the control socket without a reply");
	else if (call->text->len > MAX_REPLY)
		finish(call, NULL, "vsbypassd's reply is too long");
	else
		parse(call);
	return G_SOURCE_REMOVE;
}

static gboolean on_timeout(gpointer data)
{
	struct call *call = data;

	call->timer = 0;
	finish(call, NULL, "vsbypassd does not answer");
	return G_SOURCE_REMOVE;
}

struct failure {
	char *text;
	vsb_control_done done;
	gpointer data;
};

static gboolean on_failure(gpointer data)
{
	struct failure *failure = data;

	failure->done(NULL, failure->text, failure->data);
	g_free(failure->text);
	g_free(failure);
	return G_SOURCE_REMOVE;
}

/* Reports from the main loop: a callback never runs inside vsb_control_call(). */
static void fail_with(char *text, vsb_control_done done, gpointer data)
{
	struct failure *failure = g_new0(struct failure, 1);

	failure->text = text;
	failure->done = done;
	failure->data = data;
	g_idle_add(on_failure, failure);
}

static void fail(const char *path, const char *cause, vsb_control_done done, gpointer data)
{
	fail_with(g_strdup_printf("cannot ask vsbypassd at %s: %s; is it running?", path, cause),
		  done, data);
}

static char *request_line(const char *execute, const char *uservm, const char *keys)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;
	g_autofree char *text = NULL;

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "execute");
	json_builder_add_string_value(builder, execute);
	if (uservm) {
		json_builder_set_member_name(builder, "arguments");
		json_builder_begin_object(builder);
		json_builder_set_member_name(builder, "uservm");
		json_builder_add_string_value(builder, uservm);
		if (keys) {
			json_builder_set_member_name(builder, "keys");
			json_builder_add_string_value(builder, keys);
		}
		json_builder_end_object(builder);
	}
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	text = json_to_string(root, FALSE);
	return g_strconcat(text, "\n", NULL);
}

void vsb_control_call(const char *path, const char *execute, const char *uservm,
		      const char *keys, vsb_control_done done, gpointer data)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_autofree char *line = request_line(execute, uservm, keys);
	struct call *call;
	int fd;

	if (!may_call(uservm)) {
		fail_with(g_strdup("too many requests wait for vsbypassd's answer already; try again later"),
			  done, data);
		return;
	}
	if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
	    sizeof(address.sun_path)) {
		fail(path, "the path is too long for a socket", done, data);
		return;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		fail(path, g_strerror(errno), done, data);
		return;
	}
	/* A request is a line of some bytes: a new socket takes it in one piece. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    send(fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line)) {
		fail(path, g_strerror(errno), done, data);
		close(fd);
		return;
	}
	call = g_new0(struct call, 1);
	call->fd = fd;
	call->console = g_strdup(uservm);
	call->text = g_string_new(NULL);
	call->done = done;
	call->data = data;
	call->watch = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, call);
	call->timer = g_timeout_add_seconds(TIMEOUT_S, on_timeout, call);
	calls = g_list_prepend(calls, call);
}

static const char *string_member(JsonObject *object, const char *member)
{
	JsonNode *node = json_object_get_member(object, member);

	return node && json_node_get_value_type(node) == G_TYPE_STRING ?
	       json_node_get_string(node) : NULL;
}

static JsonArray *array_member(JsonObject *object, const char *member)
{
	JsonNode *node = json_object_get_member(object, member);

	return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static JsonObject *object_element(JsonArray *array, guint i)
{
	JsonNode *node = json_array_get_element(array, i);

	return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* A member of a reply to "status" that vsbypassd does not send: user VMs by their names. */
#define INDEX	" by name"

/* A reply is asked for hundreds of names: one search for each would be their square. */
static JsonObject *make_index(JsonObject *status)
{
	JsonArray *clouds = array_member(status, "clouds");
	JsonObject *index = json_object_new();

	for (guint i = 0; clouds && i < json_array_get_length(clouds); i++) {
		JsonObject *cloud = object_element(clouds, i);
		JsonArray *vms = cloud ? array_member(cloud, "uservms") : NULL;

		for (guint j = 0; vms && j < json_array_get_length(vms); j++) {
			JsonObject *vm = object_element(vms, j);
			const char *name = vm ? string_member(vm, "name") : NULL;

			if (name && !json_object_has_member(index, name))
				json_object_set_object_member(index, name, json_object_ref(vm));
		}
	}
	json_object_set_object_member(status, INDEX, index);
	return index;
}

/* Return: the entry of user VM @name in a reply to "status", or NULL. */
JsonObject *vsb_control_uservm(JsonObject *status, const char *name)
{
	JsonNode *node = json_object_get_member(status, INDEX);
	JsonObject *index = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) :
			    make_index(status);

	node = json_object_get_member(index, name);
	return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* Return: which user VM of this name it is, counted by vsbypassd, or -1. */
gint64 vsb_control_uservm_generation(JsonObject *status, const char *name)
{
	JsonObject *vm = vsb_control_uservm(status, name);
	JsonNode *node = vm ? json_object_get_member(vm, "generation") : NULL;

	return node && JSON_NODE_HOLDS_VALUE(node) &&
	       json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : -1;
}

const char *vsb_control_uservm_ports(JsonObject *status, const char *name)
{
	JsonObject *vm = vsb_control_uservm(status, name);

	return vm ? string_member(vm, "ports") : NULL;
}

bool vsb_control_uservm_rests(JsonObject *status, const char *name)
{
	JsonObject *vm = vsb_control_uservm(status, name);
	JsonNode *node = vm ? json_object_get_member(vm, "resting") : NULL;

	return node && json_node_get_value_type(node) == G_TYPE_BOOLEAN && json_node_get_boolean(node);
}

gint64 vsb_control_uservm_stops(JsonObject *status, const char *name)
{
	JsonObject *vm = vsb_control_uservm(status, name);
	JsonNode *node = vm ? json_object_get_member(vm, "veil") : NULL;

	if (!node || !JSON_NODE_HOLDS_OBJECT(node))
		return 0;
	node = json_object_get_member(json_node_get_object(node), "stops");
	return node && json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : 0;
}

gint64 vsb_control_console_lost(JsonObject *status, const char *uservm, const char *console)
{
	JsonObject *vm = vsb_control_uservm(status, uservm);
	JsonArray *names = vm ? array_member(vm, "consoles") : NULL;
	JsonArray *lost = vm ? array_member(vm, "lost") : NULL;

	if (!names || !lost || json_array_get_length(names) != json_array_get_length(lost))
		return 0;
	for (guint i = 0; i < json_array_get_length(names); i++) {
		JsonNode *name = json_array_get_element(names, i);
		JsonNode *node = json_array_get_element(lost, i);

		if (json_node_get_value_type(name) == G_TYPE_STRING &&
		    json_node_get_value_type(node) == G_TYPE_INT64 &&
		    !strcmp(json_node_get_string(name), console))
			return json_node_get_int(node);
	}
	return 0;
}

/*
 * Return: its state, or "absent" if vsbypassd knows none of this name, "domain" if the proxy
 * is one of libvirt's.
 */
char *vsb_control_uservm_state(JsonObject *status, const char *name)
{
	JsonObject *vm = vsb_control_uservm(status, name);
	const char *state = vm ? string_member(vm, "state") : NULL;

	if (vm && string_member(vm, "domain"))
		return g_strdup("domain");
	return g_strdup(vm ? (state ? state : "") : "absent");
}
