// SPDX-License-Identifier: GPL-2.0
/*
 * The hook that libvirt calls for each QEMU domain, with the domain's XML on standard
 * input: checks the element of VSBypass before a start, has vsbypassd attach the cloud VM
 * when it runs, and detach it when it ended, or has it use the domain as a proxy. What libvirt calls when, and what it does
 * with a failure: libvirt.org/hooks.html, and qemuProcessStartHook() in its source.
 *
 * It must not call libvirt, which waits for it: so the process comes from libvirt's pid
 * file, all else from the XML.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "control-client.h"
#include "control-socket.h"
#include "domain-check.h"
#include "error.h"
#include "json-line.h"
#include "read-all.h"
#include "validate.h"

/*
 * Milliseconds. A start waits that long, and libvirt with it: proxies start within
 * seconds, a few at a time.
 */
#define ATTACH_MS	"120000"
#define ASK_MS		"15000"

/**
 * struct call - one call of the hook
 * @domain:	name as libvirt says it
 * @element:	see element_read(); NULL: it has none
 * @agent:	socket of a cloud VM's agent channel
 */
struct call {
	const char *domain;
	xmlDoc *xml;
	enum element_kind kind;
	JsonObject *element;
	char *agent;
};

/* The variables are for tests; libvirt hands none of its own on. */
static const char *setting(const char *variable, const char *standard)
{
	const char *value = g_getenv(variable);

	return value ? value : standard;
}

/* Return: (transfer full): the reply's "return". @arguments is not taken. */
static JsonObject *ask(const char *command, JsonObject *arguments, const char *limit,
		       GError **error)
{
	const struct control_wait wait = {
		.timeout_ms = (int)g_ascii_strtoll(setting("VSB_HOOK_TIMEOUT_MS", limit), NULL, 10),
	};
	g_autoptr(JsonObject) request = json_object_new();
	g_autoptr(GString) line = NULL;

	json_object_set_string_member(request, "execute", command);
	if (arguments)
		json_object_set_object_member(request, "arguments", json_object_ref(arguments));
	return control_ask(setting("VSB_HOOK_SOCKET", CONTROL_SOCKET), request, &wait, &line,
			   error);
}

static const char *cloud_of(const struct call *call)
{
	return json_object_get_string_member(call->element, "cloud");
}

/* Of a proxy. */
static const char *uservm_of(const struct call *call)
{
	return json_object_get_string_member(call->element, "uservm");
}

/* The process of the domain's QEMU, or -1. */
static int pid_of(const struct call *call, GError **error)
{
	g_autofree char *file = g_strconcat(call->domain, ".pid", NULL);
	g_autofree char *path = g_build_filename(setting("VSB_HOOK_PID_DIR", "/run/libvirt/qemu"),
						 file, NULL);
	g_autoptr(GString) text = read_all(path, 32, error);
	gint64 pid;

	if (!text) {
		g_prefix_error(error, "%s: ", path);
		return -1;
	}
	g_strchomp(text->str);
	if (g_ascii_string_to_signed(text->str, 10, 1, G_MAXINT, &pid, NULL))
		return (int)pid;
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: it holds no process number", path);
	return -1;
}

/* In the array @member of @parent: the object of that name, or NULL. */
static JsonObject *find(JsonObject *parent, const char *member, const char *wanted)
{
	JsonNode *node = parent ? json_object_get_member(parent, member) : NULL;
	JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

	for (guint i = 0; array && i < json_array_get_length(array); i++) {
		const char *name = "";

		node = json_array_get_element(array, i);
		if (JSON_NODE_HOLDS_OBJECT(node) &&
		    json_line_string(json_node_get_object(node), "name", FALSE, &name, NULL) &&
		    !strcmp(name, wanted))
			return json_node_get_object(node);
	}
	return NULL;
}

/* Process of the cloud VM as vsbypassd knows it, 0: not attached, -1: error. */
static int attached_pid(const struct call *call, GError **error)
{
	g_autoptr(JsonObject) status = ask("status", NULL, ASK_MS, error);
	JsonObject *cloud = find(status, "clouds", cloud_of(call));
	gint64 pid = 0;

	if (!status)
		return -1;
	if (cloud && json_line_int(cloud, "pid", 1, G_MAXINT, TRUE, &pid, NULL))
		return (int)pid;
	return 0;
}

static gboolean on_prepare(struct call *call, GError **error)
{
	g_autoptr(JsonObject) result = NULL;

	if (!domain_check(call->xml, element_irq(call->element), &call->agent, error))
		return FALSE;
	result = ask("check", call->element, ASK_MS, error);
	return result != NULL;
}

static gboolean on_started(struct call *call, GError **error)
{
	g_autoptr(JsonObject) result = NULL;
	int pid;

	if (!domain_check(call->xml, element_irq(call->element), &call->agent, error))
		return FALSE;
	if (!call->agent && element_irq(call->element) == IRQ_MODE_AGENT) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "channel " AGENT_CHANNEL " has no "
			    "path; give it one: <source mode='bind' path='/...'/>");
		return FALSE;
	}
	pid = pid_of(call, error);
	if (pid < 0)
		return FALSE;
	json_object_set_int_member(call->element, "pid", pid);
	if (call->agent)
		json_object_set_string_member(call->element, "agent", call->agent);
	result = ask("attach", call->element, ATTACH_MS, error);
	return result != NULL;
}

/*
 * libvirt has ended QEMU. vsbypassd notices by itself, but a new start may come at once.
 * It is called after a start that failed, too: what is attached under this name may be
 * another process then, which lives.
 */
static gboolean on_stopped(struct call *call, GError **error)
{
	g_autoptr(JsonObject) arguments = json_object_new();
	g_autoptr(JsonObject) result = NULL;
	int pid = attached_pid(call, error);

	if (pid <= 0)
		return pid == 0;
	if (!kill(pid, 0) || errno != ESRCH)
		return TRUE;
	json_object_set_string_member(arguments, "cloud", cloud_of(call));
	result = ask("detach", arguments, ASK_MS, error);
	/* It was faster. */
	if (g_error_matches(*error, VSB_ERROR, VSB_ERROR_NOT_FOUND))
		g_clear_error(error);
	return !*error;
}

/*
 * libvirt was started anew. Nothing of ours was touched meanwhile, and somebody may have
 * detached the cloud VM on purpose: so this only looks.
 */
static gboolean on_reconnect(struct call *call, GError **error)
{
	int pid = pid_of(call, error);
	int attached = pid < 0 ? -1 : attached_pid(call, error);

	if (pid < 0 || attached < 0)
		return FALSE;
	if (attached == pid)
		return TRUE;
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "its QEMU (process %d) runs without being "
		    "attached; 'vsbctl attach' does that, or start the domain anew", pid);
	return FALSE;
}

static gboolean on_migrate(struct call *call, GError **error)
{
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, "a cloud VM cannot be migrated "
			    "while it runs: the proxies of its user VMs would stay behind; shut it "
			    "down and start it here");
	return FALSE;
}

/* The user VM of a proxy in @status, and the ports that it has. NULL: @error says why not. */
static JsonObject *find_uservm(const struct call *call, JsonObject *status,
			       struct vsb_ports *ports, GError **error)
{
	const char *name = uservm_of(call);
	JsonObject *cloud = find(status, "clouds", cloud_of(call));
	JsonObject *uservm = find(cloud, "uservms", name);
	const char *spec = "";

	if (!cloud)
		g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND, "<proxy>: cloud VM '%s' is not "
			    "attached; start that first", cloud_of(call));
	else if (!uservm)
		g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND, "<proxy>: cloud VM '%s' has no "
			    "user VM '%s'; name it in <cloud>, or 'vsbctl add' it", cloud_of(call), name);
	else if (json_line_string(uservm, "ports", TRUE, &spec, error) &&
		 vsb_ports_parse(spec, ports, error))
		return uservm;
	return NULL;
}

static gboolean on_proxy_prepare(struct call *call, GError **error)
{
	const char *other = "";
	g_autoptr(JsonObject) status = NULL;
	struct vsb_ports ports;
	JsonObject *uservm;

	if (!vsb_name_check("domain", call->domain, error) ||
	    !domain_check_proxy(call->xml, NULL, error))
		return FALSE;
	status = ask("status", NULL, ASK_MS, error);
	uservm = status ? find_uservm(call, status, &ports, error) : NULL;
	if (!uservm || !json_line_string(uservm, "domain", FALSE, &other, error))
		return FALSE;
	/* Its own end may not have been seen yet. */
	if (*other && strcmp(other, call->domain)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_EXISTS, "<proxy>: domain '%s' is the proxy of "
			    "user VM '%s' already; end that first", other,
			    uservm_of(call));
		return FALSE;
	}
	return domain_check_proxy(call->xml, &ports, error);
}

static gboolean on_proxy_started(struct call *call, GError **error)
{
	g_autoptr(JsonObject) result = NULL;
	int pid;

	if (!domain_check_proxy(call->xml, NULL, error))
		return FALSE;
	pid = pid_of(call, error);
	if (pid < 0)
		return FALSE;
	json_object_set_int_member(call->element, "pid", pid);
	json_object_set_string_member(call->element, "domain", call->domain);
	result = ask("serve", call->element, ASK_MS, error);
	return result != NULL;
}

static gboolean on_proxy_reconnect(struct call *call, GError **error)
{
	int pid = pid_of(call, error);
	g_autoptr(JsonObject) status = pid > 0 ? ask("status", NULL, ASK_MS, error) : NULL;
	struct vsb_ports ports;
	JsonObject *uservm = status ? find_uservm(call, status, &ports, error) : NULL;
	gint64 proxy = 0;

	if (!uservm || !json_line_int(uservm, "proxy_pid", 0, G_MAXINT, TRUE, &proxy, error))
		return FALSE;
	if (proxy == pid)
		return TRUE;
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "its QEMU (process %d) runs without being "
		    "the proxy of user VM '%s'; 'vsbctl serve' does that, or start the domain anew", pid,
		    uservm_of(call));
	return FALSE;
}

static gboolean on_proxy_migrate(struct call *call, GError **error)
{
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, "a proxy cannot be migrated: its "
			    "user VM would stay behind");
	return FALSE;
}

/*
 * @must: a failure refuses the operation. Never for "reconnect": libvirt would kill the
 * domain, with all user VMs in it. What comes after the end cannot be refused.
 * @cloud, @proxy: what to do of such a domain; NULL: nothing, vsbypassd sees its end
 */
static const struct operation {
	const char *name;
	gboolean must;
	gboolean (*cloud)(struct call *call, GError **error);
	gboolean (*proxy)(struct call *call, GError **error);
} operations[] = {
	{ "prepare", TRUE, on_prepare, on_proxy_prepare },
	{ "started", TRUE, on_started, on_proxy_started },
	{ "stopped", FALSE, on_stopped, NULL },
	{ "release", FALSE, on_stopped, NULL },
	{ "reconnect", FALSE, on_reconnect, on_proxy_reconnect },
	{ "migrate", TRUE, on_migrate, on_proxy_migrate },
};

static gboolean run(const struct operation *operation, struct call *call, GError **error)
{
	g_autoptr(GString) text = read_all("-", ELEMENT_XML_MAX, error);
	gboolean (*of_kind)(struct call *call, GError **error);
	const xmlNode *name;
	xmlChar *content;
	gboolean same;

	call->xml = text ? element_parse_domain(text->str, text->len, error) : NULL;
	if (!call->xml)
		return FALSE;
	call->element = element_read(call->xml, &call->kind, error);
	if (!call->element)
		return call->kind == ELEMENT_NONE;
	/* It names a file, see pid_of(). */
	name = element_child(xmlDocGetRootElement(call->xml), "name");
	content = name ? xmlNodeGetContent(name) : NULL;
	same = !g_strcmp0((char *)content, call->domain) && !strchr(call->domain, '/');
	xmlFree(content);
	of_kind = call->kind == ELEMENT_PROXY ? operation->proxy : operation->cloud;
	if (same)
		return !of_kind || of_kind(call, error);
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "the XML is that of another domain");
	return FALSE;
}

static int help(void)
{
	puts("Usage: vsb-libvirt-hook DOMAIN OPERATION [SUB-OPERATION [EXTRA]] <DOMAIN.XML\n"
	     "       vsb-libvirt-hook --validate FILE...\n\n"
	     "Called by libvirt for each QEMU domain, as /etc/libvirt/hooks/qemu.d/vsbypass.\n"
	     "For domains that have an element of VSBypass, see vsbypass-domain(5):\n\n"
	     "  prepare             refuse the start if element, domain or vsbypassd are not ready\n"
	     "  started             have vsbypassd attach it, or use it as a proxy; or end it\n"
	     "  stopped, release    have vsbypassd detach it\n"
	     "  reconnect           warn in the journal if it is not attached, or no proxy\n"
	     "  migrate             refuse\n\n"
	     "All else, and all other domains, are let pass.\n\n"
	     "--validate is 'vsbctl validate', see vsbctl(8).\n\n"
	     "Exit status: 0 go on, 1 refused, 2 usage.");
	return 0;
}

int main(int argc, char **argv)
{
	const struct operation *operation = NULL;
	g_autoptr(GError) error = NULL;
	struct call call = { 0 };
	gboolean fine;

	setlocale(LC_ALL, "C");
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return help();
	if (argc > 2 && !strcmp(argv[1], "--validate"))
		return validate_files(argv + 2);
	if (argc < 3) {
		fputs("vsb-libvirt-hook: give a domain and an operation; see --help\n", stderr);
		return 2;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(operations); i++)
		if (!strcmp(operations[i].name, argv[2]))
			operation = &operations[i];
	if (!operation)
		return 0;
	call.domain = argv[1];
	fine = run(operation, &call, &error);
	if (!fine) {
		g_autofree char *domain = g_strescape(call.domain, NULL);

		/* libvirt shows standard error of a hook that failed, and only of that. */
		fprintf(stderr, "VSBypass: domain '%s': %s\n", domain, error->message);
		openlog("vsb-libvirt-hook", LOG_PID, LOG_DAEMON);
		syslog(operation->must ? LOG_ERR : LOG_WARNING, "%s of domain '%s': %s",
		       operation->name, domain, error->message);
	}
	if (call.element)
		json_object_unref(call.element);
	xmlFreeDoc(call.xml);
	g_free(call.agent);
	return fine || !operation->must ? 0 : 1;
}
