// SPDX-License-Identifier: GPL-2.0
/* The commands of the control socket. */
#include "command.h"

#include <string.h>
#include <sys/un.h>

#include "authkey.h"
#include "control-socket.h"
#include "error.h"
#include "identity-store.h"
#include "json-line.h"
#include "keymap.h"
#include "keys.h"

static void attach_uservm_free(struct attach_uservm *uservm)
{
	g_free(uservm->name);
	g_strfreev(uservm->keys);
	g_free(uservm);
}

void attach_args_free(struct attach_args *args)
{
	if (!args)
		return;
	g_free(args->cloud);
	g_free(args->agent);
	g_ptr_array_unref(args->uservms);
	g_free(args);
}

/* One request on its way: what the handlers below need. */
struct call {
	JsonObject *args;
	const struct command_ops *ops;
	gpointer data;
	command_done done;
	gpointer done_data;
};

/* *keys: (transfer full), NULL if there are none. */
static gboolean parse_keys(JsonObject *object, char ***keys, GError **error)
{
	JsonNode *node = json_object_get_member(object, "keys");
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
	JsonArray *array;

	if (!node)
		return TRUE;
	array = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
	for (guint i = 0; array && i < json_array_get_length(array); i++) {
		JsonNode *line = json_array_get_element(array, i);

		if (!JSON_NODE_HOLDS_VALUE(line) ||
		    json_node_get_value_type(line) != G_TYPE_STRING)
			array = NULL;
		else if (!vsb_authkey_check(json_node_get_string(line), error))
			return FALSE;
		else
			g_ptr_array_add(lines, g_strdup(json_node_get_string(line)));
	}
	if (!array || !lines->len) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "argument 'keys' must be an array of strings, not empty");
		return FALSE;
	}
	g_ptr_array_add(lines, NULL);
	*keys = (char **)g_ptr_array_free(g_steal_pointer(&lines), FALSE);
	return TRUE;
}

/*
 * A user VM that had the name of another one's console would have that one's keys as well:
 * who logs in as NAME.com2 is known by those of NAME.
 */
static gboolean check_name(const char *name, GError **error)
{
	g_autofree char *uservm = vsb_console_uservm(name);

	if (!vsb_name_check("user VM", name, error))
		return FALSE;
	if (!strcmp(uservm, name))
		return TRUE;
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
		    "user VM '%s': names that end in .com1 to .com4 are those of consoles; "
		    "'%s' may have one of this name", name, uservm);
	return FALSE;
}

static gboolean parse_uservm(JsonNode *node, GPtrArray *uservms, GError **error)
{
	static const char * const members[] = { "name", "ports", "identity", "keys", NULL };
	const char *name = NULL, *spec = VSB_DEFAULT_PORTS, *identity = "first-seen";
	struct attach_uservm *uservm;
	g_auto(GStrv) keys = NULL;
	gboolean required;
	struct vsb_ports ports;
	JsonObject *object;

	if (!JSON_NODE_HOLDS_OBJECT(node)) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "argument 'uservms' must hold objects");
		return FALSE;
	}
	object = json_node_get_object(node);
	if (!json_line_only(object, members, error) ||
	    !json_line_string(object, "name", TRUE, &name, error) ||
	    !json_line_string(object, "ports", FALSE, &spec, error) ||
	    !json_line_string(object, "identity", FALSE, &identity, error) ||
	    !identity_mode_parse(identity, &required, error) ||
	    !check_name(name, error) ||
	    !vsb_ports_parse(spec, &ports, error) ||
	    !parse_keys(object, &keys, error))
		return FALSE;
	for (guint i = 0; i < uservms->len; i++) {
		uservm = uservms->pdata[i];
		if (strcmp(uservm->name, name))
			continue;
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "user VM '%s' is named twice; each needs a name of its own", name);
		return FALSE;
	}
	uservm = g_new0(struct attach_uservm, 1);
	uservm->name = g_strdup(name);
	uservm->ports = ports;
	uservm->identity_required = required;
	uservm->keys = g_steal_pointer(&keys);
	g_ptr_array_add(uservms, uservm);
	return TRUE;
}

static gboolean parse_uservms(JsonObject *object, GPtrArray *uservms, GError **error)
{
	JsonNode *node = json_object_get_member(object, "uservms");
	JsonArray *array;
	guint n;

	if (!node || !JSON_NODE_HOLDS_ARRAY(node)) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "argument 'uservms' (array of objects) is missing");
		return FALSE;
	}
	array = json_node_get_array(node);
	n = json_array_get_length(array);
	if (n < 1 || n > VSB_MAX_PROXIES) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "'uservms' has %u entries; 1 to %d are possible", n,
			    VSB_MAX_PROXIES);
		return FALSE;
	}
	for (guint i = 0; i < n; i++)
		if (!parse_uservm(json_array_get_element(array, i), uservms, error))
			return FALSE;
	return TRUE;
}

const char *unclaimed_text(guint unclaimed)
{
	return unclaimed == VSB_UNCLAIMED_REFLECT ? "reflect" : "absorb";
}

/*
 * While vsbypassd starts anew a proxy without a process has no place in the pool: a user VM that
 * comes then is new to all.
 */
gboolean attach_uservms_fit(const GPtrArray *uservms, guint unclaimed, GError **error)
{
	for (guint i = 0; i < uservms->len; i++) {
		const struct attach_uservm *uservm = uservms->pdata[i];

		if (!uservm->ports.rests || unclaimed == VSB_UNCLAIMED_ABSORB)
			continue;
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "user VM '%s': 'start=client' goes with unclaimed=absorb only", uservm->name);
		return FALSE;
	}
	return TRUE;
}

static gboolean parse_unclaimed(const char *text, guint *unclaimed, GError **error)
{
	if (!strcmp(text, "absorb")) {
		*unclaimed = VSB_UNCLAIMED_ABSORB;
	} else if (!strcmp(text, "reflect")) {
		*unclaimed = VSB_UNCLAIMED_REFLECT;
	} else {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "argument 'unclaimed' must be 'absorb' or 'reflect'");
		return FALSE;
	}
	return TRUE;
}

/* @whole: "attach", otherwise "check" */
static struct attach_args *parse_attach(JsonObject *object, gboolean whole, GError **error)
{
	static const char * const members[] = {
		"cloud", "pid", "agent", "irq", "unclaimed", "uservms", NULL
	};
	struct attach_args *args = g_new0(struct attach_args, 1);
	const char *cloud = NULL, *agent = NULL, *unclaimed = "absorb", *irq = IRQ_MODE_DEFAULT;
	const gsize path_max = sizeof(((struct sockaddr_un *)0)->sun_path);
	gint64 pid = 0;

	args->uservms = g_ptr_array_new_with_free_func((GDestroyNotify)attach_uservm_free);
	if (!json_line_only(object, members, error) ||
	    !json_line_int(object, "pid", 1, G_MAXINT32, whole, &pid, error) ||
	    !json_line_string(object, "cloud", !whole, &cloud, error) ||
	    !json_line_string(object, "agent", FALSE, &agent, error) ||
	    !json_line_string(object, "irq", FALSE, &irq, error) ||
	    !irq_mode_parse(irq, &args->irq, error) ||
	    !json_line_string(object, "unclaimed", FALSE, &unclaimed, error) ||
	    !parse_unclaimed(unclaimed, &args->unclaimed, error) ||
	    (cloud && !vsb_name_check("cloud VM", cloud, error)) ||
	    !parse_uservms(object, args->uservms, error) ||
	    !attach_uservms_fit(args->uservms, args->unclaimed, error))
		goto fail;
	if (agent && (agent[0] != '/' || strlen(agent) >= path_max)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "argument 'agent' must be the absolute path of a UNIX socket, "
			    "at most %" G_GSIZE_FORMAT " bytes", path_max - 1);
		goto fail;
	}
	/* Before its start a domain's is not known. */
	if (whole && !agent && args->irq == IRQ_MODE_AGENT) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "with irq=agent interrupts come from an agent in the cloud VM: "
				    "give 'agent', the socket of its channel, or irq=auto");
		goto fail;
	}
	args->pid = (pid_t)pid;
	args->cloud = cloud ? g_strdup(cloud) : g_strdup_printf("cloud-%d", args->pid);
	args->agent = g_strdup(agent);
	return args;
fail:
	attach_args_free(args);
	return NULL;
}

struct attach_args *attach_args_parse(JsonObject *object, GError **error)
{
	return parse_attach(object, TRUE, error);
}

JsonObject *attach_args_format(const struct attach_args *args)
{
	JsonObject *object = json_object_new();
	JsonArray *uservms = json_array_new();

	json_object_set_string_member(object, "cloud", args->cloud);
	json_object_set_int_member(object, "pid", args->pid);
	if (args->agent)
		json_object_set_string_member(object, "agent", args->agent);
	json_object_set_string_member(object, "irq", irq_mode_text(args->irq));
	json_object_set_string_member(object, "unclaimed",
				      unclaimed_text(args->unclaimed));
	for (guint i = 0; i < args->uservms->len; i++) {
		const struct attach_uservm *uservm = args->uservms->pdata[i];
		g_autofree char *ports = vsb_ports_format(&uservm->ports);
		JsonObject *entry = json_object_new();

		json_object_set_string_member(entry, "name", uservm->name);
		json_object_set_string_member(entry, "ports", ports);
		json_object_set_string_member(entry, "identity",
					      identity_mode_text(uservm->identity_required));
		json_array_add_object_element(uservms, entry);
	}
	json_object_set_array_member(object, "uservms", uservms);
	return object;
}

static gboolean call_attach(struct call *call, GError **error)
{
	struct attach_args *args = attach_args_parse(call->args, error);

	if (!args)
		return FALSE;
	call->ops->attach(args, call->done, call->done_data, call->data);
	return TRUE;
}

static gboolean call_check(struct call *call, GError **error)
{
	struct attach_args *args = parse_attach(call->args, FALSE, error);

	if (!args)
		return FALSE;
	call->ops->check(args, call->done, call->done_data, call->data);
	return TRUE;
}

static gboolean call_detach(struct call *call, GError **error)
{
	static const char * const members[] = { "cloud", "reflect", NULL };
	const char *cloud = NULL;
	gboolean reflect = FALSE;

	if (!json_line_only(call->args, members, error) ||
	    !json_line_string(call->args, "cloud", TRUE, &cloud, error) ||
	    !vsb_name_check("cloud VM", cloud, error) ||
	    !json_line_boolean(call->args, "reflect", &reflect, error))
		return FALSE;
	call->ops->detach(cloud, reflect, call->done, call->done_data, call->data);
	return TRUE;
}

static gboolean call_status(struct call *call, GError **error)
{
	static const char * const members[] = { NULL };

	if (!json_line_only(call->args, members, error))
		return FALSE;
	call->ops->status(call->done, call->done_data, call->data);
	return TRUE;
}

static gboolean get_uservm(struct call *call, const char **name, GError **error)
{
	static const char * const members[] = { "uservm", NULL };

	return json_line_only(call->args, members, error) &&
	       json_line_string(call->args, "uservm", TRUE, name, error) &&
	       vsb_name_check("user VM", *name, error);
}

static gboolean call_send_break(struct call *call, GError **error)
{
	static const char * const members[] = { "uservm", NULL };
	const char *name = NULL;

	if (!json_line_only(call->args, members, error) ||
	    !json_line_string(call->args, "uservm", TRUE, &name, error) ||
	    !vsb_console_name_check(name, error))
		return FALSE;
	call->ops->send_break(name, call->done, call->done_data, call->data);
	return TRUE;
}

static gboolean call_send_key(struct call *call, GError **error)
{
	static const char * const members[] = { "uservm", "keys", NULL };
	const char *name = NULL, *keys = NULL;
	GArray *strokes;

	if (!json_line_only(call->args, members, error) ||
	    !json_line_string(call->args, "uservm", TRUE, &name, error) ||
	    !json_line_string(call->args, "keys", TRUE, &keys, error) ||
	    !vsb_name_check("user VM", name, error))
		return FALSE;
	strokes = keys_parse(keys, error);
	if (!strokes)
		return FALSE;
	call->ops->type(name, strokes, "keys", call->done, call->done_data, call->data);
	return TRUE;
}

static gboolean call_type(struct call *call, GError **error)
{
	static const char * const members[] = { "uservm", "text", "keymap", NULL };
	const char *name = NULL, *text = NULL, *keymap = KEYMAP_DEFAULT;
	GArray *strokes;

	if (!json_line_only(call->args, members, error) ||
	    !json_line_string(call->args, "uservm", TRUE, &name, error) ||
	    !json_line_string(call->args, "text", TRUE, &text, error) ||
	    !json_line_string(call->args, "keymap", FALSE, &keymap, error) ||
	    !vsb_name_check("user VM", name, error))
		return FALSE;
	strokes = keymap_strokes(keymap, text, error);
	if (!strokes)
		return FALSE;
	call->ops->type(name, strokes, "characters", call->done, call->done_data, call->data);
	return TRUE;
}

/* A command that has a user VM for its only argument. */
static gboolean call_uservm(struct call *call,
			    void (*op)(const char *uservm, command_done done, gpointer done_data,
				       gpointer data), GError **error)
{
	const char *name = NULL;

	if (!get_uservm(call, &name, error))
		return FALSE;
	op(name, call->done, call->done_data, call->data);
	return TRUE;
}

static gboolean call_unbind(struct call *call, GError **error)
{
	return call_uservm(call, call->ops->unbind, error);
}

static gboolean call_memory(struct call *call, GError **error)
{
	return call_uservm(call, call->ops->memory, error);
}

static gboolean call_rest(struct call *call, GError **error)
{
	return call_uservm(call, call->ops->rest, error);
}

static gboolean call_reveals(struct call *call, gboolean reveal, GError **error)
{
	const char *name = NULL;

	if (!get_uservm(call, &name, error))
		return FALSE;
	call->ops->reveal(name, reveal, call->done, call->done_data, call->data);
	return TRUE;
}

static gboolean call_reveal(struct call *call, GError **error)
{
	return call_reveals(call, TRUE, error);
}

static gboolean call_conceal(struct call *call, GError **error)
{
	return call_reveals(call, FALSE, error);
}

static gboolean call_remove(struct call *call, GError **error)
{
	return call_uservm(call, call->ops->remove, error);
}

static gboolean call_serve(struct call *call, GError **error)
{
	static const char * const members[] = { "cloud", "uservm", "domain", "pid", NULL };
	const char *cloud = NULL, *uservm = NULL, *domain = NULL;
	gint64 pid;

	if (!json_line_only(call->args, members, error) ||
	    !json_line_string(call->args, "cloud", TRUE, &cloud, error) ||
	    !json_line_string(call->args, "uservm", TRUE, &uservm, error) ||
	    !json_line_string(call->args, "domain", TRUE, &domain, error) ||
	    !json_line_int(call->args, "pid", 1, G_MAXINT32, TRUE, &pid, error) ||
	    !vsb_name_check("cloud VM", cloud, error) ||
	    !vsb_name_check("user VM", uservm, error) ||
	    !vsb_name_check("domain", domain, error))
		return FALSE;
	call->ops->serve(cloud, uservm, domain, (pid_t)pid, call->done, call->done_data,
			 call->data);
	return TRUE;
}

static gboolean call_add(struct call *call, GError **error)
{
	static const char * const members[] = { "cloud", "uservms", NULL };
	GPtrArray *uservms = g_ptr_array_new_with_free_func((GDestroyNotify)attach_uservm_free);
	const char *cloud = NULL;

	if (!json_line_only(call->args, members, error) ||
	    !json_line_string(call->args, "cloud", TRUE, &cloud, error) ||
	    !vsb_name_check("cloud VM", cloud, error) ||
	    !parse_uservms(call->args, uservms, error)) {
		g_ptr_array_unref(uservms);
		return FALSE;
	}
	call->ops->add(cloud, uservms, call->done, call->done_data, call->data);
	return TRUE;
}

static gboolean call_log(struct call *call, GError **error)
{
	static const char * const members[] = { "lines", NULL };
	gint64 lines = 50;

	if (!json_line_only(call->args, members, error) ||
	    !json_line_int(call->args, "lines", 1, CONTROL_LOG_MAX, FALSE, &lines, error))
		return FALSE;
	call->ops->log((guint)lines, call->done, call->done_data, call->data);
	return TRUE;
}

/* Each checks its arguments and calls its op, or returns FALSE and does nothing. */
static const struct {
	const char *name;
	enum command_peer least;
	gboolean (*run)(struct call *call, GError **error);
} commands[] = {
	{ "attach", COMMAND_PEER_ROOT, call_attach },
	{ "check", COMMAND_PEER_ROOT, call_check },
	{ "detach", COMMAND_PEER_ROOT, call_detach },
	{ "status", COMMAND_PEER_CONSOLE, call_status },
	{ "send-break", COMMAND_PEER_CONSOLE, call_send_break },
	{ "send-key", COMMAND_PEER_CONSOLE, call_send_key },
	{ "type", COMMAND_PEER_ROOT, call_type },
	{ "unbind", COMMAND_PEER_ROOT, call_unbind },
	{ "memory", COMMAND_PEER_ROOT, call_memory },
	{ "reveal", COMMAND_PEER_CONSOLE, call_reveal },
	{ "conceal", COMMAND_PEER_CONSOLE, call_conceal },
	{ "rest", COMMAND_PEER_CONSOLE, call_rest },
	{ "add", COMMAND_PEER_ROOT, call_add },
	{ "remove", COMMAND_PEER_ROOT, call_remove },
	{ "serve", COMMAND_PEER_ROOT, call_serve },
	{ "log", COMMAND_PEER_ROOT, call_log },
};

static gboolean dispatch(JsonObject *request, enum command_peer peer, struct call *call,
			 GError **error)
{
	static const char * const members[] = { "execute", "arguments", NULL };
	g_autoptr(JsonObject) none = json_object_new();
	g_autofree char *shown = NULL;
	const char *name = NULL;
	JsonNode *node;

	if (!json_line_only(request, members, error) ||
	    !json_line_string(request, "execute", TRUE, &name, error))
		return FALSE;
	node = json_object_get_member(request, "arguments");
	if (node && !JSON_NODE_HOLDS_OBJECT(node)) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "'arguments' must be an object");
		return FALSE;
	}
	call->args = node ? json_node_get_object(node) : none;
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
		if (strcmp(commands[i].name, name))
			continue;
		if (peer < commands[i].least) {
			g_set_error(error, VSB_ERROR, VSB_ERROR_DENIED,
				    "'%s' is for root only", name);
			return FALSE;
		}
		return commands[i].run(call, error);
	}
	shown = vsb_error_shown(name, 40);
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
		    "unknown command '%s'; there are attach, check, detach, status, send-break, "
		    "send-key, type, unbind, memory, reveal, conceal, rest, add, remove, serve, log", shown);
	return FALSE;
}

void command_run(const char *line, gsize len, enum command_peer peer,
		 const struct command_ops *ops, gpointer data,
		 command_done done, gpointer done_data)
{
	struct call call = { .ops = ops, .data = data, .done = done, .done_data = done_data };
	g_autoptr(JsonObject) request = NULL;
	g_autoptr(GError) error = NULL;

	/* Nobody's bytes are not even parsed. */
	if (peer == COMMAND_PEER_NOBODY)
		error = g_error_new_literal(VSB_ERROR, VSB_ERROR_DENIED,
					    "only root and the user of vsb-console may ask");
	else
		request = json_line_parse(line, len, JSON_LINE_MAX_OPEN, &error);
	if (!request || !dispatch(request, peer, &call, &error))
		done(done_data, NULL, error);
}

char *command_reply(JsonObject *result, const GError *error, gsize *len)
{
	g_autoptr(JsonObject) reply = json_object_new();

	if (error) {
		JsonObject *object = json_object_new();
		g_autofree char *desc = g_utf8_make_valid(error->message, -1);

		json_object_set_string_member(object, "class", vsb_error_class(error));
		json_object_set_string_member(object, "desc", desc);
		json_object_set_object_member(reply, "error", object);
	} else {
		json_object_set_object_member(reply, "return", result ? result : json_object_new());
	}
	return json_line_format(reply, len);
}
