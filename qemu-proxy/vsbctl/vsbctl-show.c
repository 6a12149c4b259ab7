// SPDX-License-Identifier: GPL-2.0
/* What vsbctl prints of vsbypassd's replies, for people. */
#include "vsbctl-show.h"

#include <string.h>
#include <time.h>

static const char *text_of(JsonObject *object, const char *member)
{
	JsonNode *node = json_object_get_member(object, member);

	return node && JSON_NODE_HOLDS_VALUE(node) &&
	       json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : "-";
}

static gint64 number_of(JsonObject *object, const char *member)
{
	JsonNode *node = json_object_get_member(object, member);

	return node && JSON_NODE_HOLDS_VALUE(node) &&
	       json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : 0;
}

/* Return: the member if it is an object, else NULL. */
static JsonObject *object_of(JsonObject *object, const char *member)
{
	JsonNode *node = json_object_get_member(object, member);

	return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* Return: the objects in array @member, (transfer container). */
static GPtrArray *objects_of(JsonObject *object, const char *member)
{
	JsonNode *node = json_object_get_member(object, member);
	GPtrArray *objects = g_ptr_array_new();
	JsonArray *array;

	if (!node || !JSON_NODE_HOLDS_ARRAY(node))
		return objects;
	array = json_node_get_array(node);
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonNode *element = json_array_get_element(array, i);

		if (JSON_NODE_HOLDS_OBJECT(element))
			g_ptr_array_add(objects, json_node_get_object(element));
	}
	return objects;
}

static gboolean is_true(JsonObject *object, const char *member)
{
	JsonNode *node = json_object_get_member(object, member);

	return node && JSON_NODE_HOLDS_VALUE(node) &&
	       json_node_get_value_type(node) == G_TYPE_BOOLEAN && json_node_get_boolean(node);
}

/* Which mode, and whether it is proved. */
static const char *identity_of(JsonObject *uservm)
{
	gboolean proved = is_true(uservm, "proved");

	if (!strcmp(text_of(uservm, "identity"), "required"))
		return proved ? "required,proved" : "required,unproved";
	return proved ? "first-seen,proved" : text_of(uservm, "identity");
}

/* Of one that has more than that of its own name. */
static void show_consoles(GString *text, JsonObject *uservm)
{
	JsonNode *node = json_object_get_member(uservm, "consoles");
	JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
	guint nr = array ? json_array_get_length(array) : 0;

	for (guint i = 0; nr > 1 && i < nr; i++) {
		JsonNode *name = json_array_get_element(array, i);

		g_string_append_printf(text, "%s%s", i ? ", " : " (consoles: ",
				       JSON_NODE_HOLDS_VALUE(name) &&
				       json_node_get_value_type(name) == G_TYPE_STRING ?
				       json_node_get_string(name) : "-");
	}
	if (nr > 1)
		g_string_append_c(text, ')');
}

/* Seconds in one short word. Return: (transfer full). */
static char *time_of(gint64 s)
{
	if (s < 60)
		return g_strdup_printf("%" G_GINT64_FORMAT "s", s);
	if (s < 60 * 60)
		return g_strdup_printf("%" G_GINT64_FORMAT "min", s / 60);
	if (s < 48 * 60 * 60)
		return g_strdup_printf("%" G_GINT64_FORMAT "h", s / (60 * 60));
	return g_strdup_printf("%" G_GINT64_FORMAT "d", s / (24 * 60 * 60));
}

static void show_uservm(GString *text, JsonObject *uservm)
{
	JsonObject *counters = object_of(uservm, "counters");
	g_autofree char *idle = time_of(number_of(uservm, "idle_s"));

	g_string_append_printf(text, "  %-20s %-9s %-10s %8" G_GINT64_FORMAT " %8" G_GINT64_FORMAT,
			       text_of(uservm, "name"), text_of(uservm, "state"),
			       text_of(uservm, "line"), number_of(uservm, "proxy_pid"),
			       number_of(uservm, "restarts"));
	if (counters)
		g_string_append_printf(text, " %10" G_GINT64_FORMAT " %10" G_GINT64_FORMAT
				       " %9" G_GINT64_FORMAT " %8" G_GINT64_FORMAT
				       " %8" G_GINT64_FORMAT " %8" G_GINT64_FORMAT " %6s",
				       number_of(counters, "reads"), number_of(counters, "writes"),
				       number_of(counters, "absorbed"),
				       number_of(counters, "irq_exits"),
				       number_of(counters, "irq_direct"),
				       number_of(counters, "halts"), idle);
	else
		g_string_append_printf(text, " %10s %10s %9s %8s %8s %8s %6s", "-", "-", "-", "-",
				       "-", "-", "-");
	g_string_append_printf(text, "  %-17s  %s", identity_of(uservm), text_of(uservm, "ports"));
	show_consoles(text, uservm);
	if (is_true(uservm, "resting"))
		g_string_append(text, " (proxy: rests)");
	if (json_object_has_member(uservm, "domain"))
		g_string_append_printf(text, " (proxy: domain %s)", text_of(uservm, "domain"));
	g_string_append_c(text, '\n');
}

static void show_status(GString *text, JsonObject *result)
{
	g_autoptr(GPtrArray) clouds = objects_of(result, "clouds");

	if (!clouds->len)
		g_string_append(text, "No cloud VM is attached.\n");
	for (guint i = 0; i < clouds->len; i++) {
		JsonObject *cloud = clouds->pdata[i];
		g_autoptr(GPtrArray) uservms = objects_of(cloud, "uservms");

		g_string_append_printf(text, "%sCloud VM %s: process %" G_GINT64_FORMAT
				       ", irq %s, agent %s, unclaimed user VMs: %s\n",
				       i ? "\n" : "", text_of(cloud, "name"),
				       number_of(cloud, "pid"), text_of(cloud, "irq"),
				       text_of(cloud, "agent"), text_of(cloud, "unclaimed"));
		g_string_append_printf(text, "  %-20s %-9s %-10s %8s %8s %10s %10s %9s %8s %8s %8s %6s  %-17s  "
				       "%s\n", "USER VM", "STATE", "LINE", "PROXY", "RESTARTS",
				       "READS", "WRITES", "ABSORBED", "EXITS", "DIRECT", "HALTS", "IDLE",
				       "IDENTITY", "PORTS");
		for (guint u = 0; u < uservms->len; u++)
			show_uservm(text, uservms->pdata[u]);
		if (number_of(cloud, "unbound"))
			g_string_append_printf(text, "  (%" G_GINT64_FORMAT " without a proxy; if a user "
					       "VM that is bound has ended: vsbctl unbind NAME)\n",
					       number_of(cloud, "unbound"));
	}
}

/* CLOCK_BOOTTIME in ns, as a local date. Return: (transfer full). */
static char *date_of(gint64 boot_ns)
{
	struct timespec boot;
	g_autoptr(GDateTime) date = NULL;
	gint64 ago;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	ago = boot.tv_sec - boot_ns / 1000000000;
	date = g_date_time_new_from_unix_local(g_get_real_time() / G_USEC_PER_SEC - ago);
	return date ? g_date_time_format(date, "%F %T") : g_strdup("-");
}

static void list_uservm(GString *text, JsonObject *cloud, JsonObject *uservm)
{
	JsonObject *counters = object_of(uservm, "counters");
	g_autofree char *since = counters ? date_of(number_of(uservm, "bound_ns")) : g_strdup("-");

	g_string_append_printf(text, "%-20s %-20s %-14s %5" G_GINT64_FORMAT " %6" G_GINT64_FORMAT
			       " %8" G_GINT64_FORMAT " %-19s %-17s %7" G_GINT64_FORMAT
			       " %10" G_GINT64_FORMAT " %10" G_GINT64_FORMAT "\n",
			       text_of(uservm, "name"), text_of(cloud, "name"),
			       text_of(uservm, "ept_pointer"), number_of(uservm, "roots"),
			       number_of(uservm, "vcpus"), number_of(uservm, "proxy_pid"), since,
			       identity_of(uservm), counters ? number_of(counters, "resets") : 0,
			       counters ? number_of(counters, "reads") : 0,
			       counters ? number_of(counters, "writes") : 0);
}

static void show_list(GString *text, JsonObject *result)
{
	g_autoptr(GPtrArray) clouds = objects_of(result, "clouds");

	g_string_append_printf(text, "%-20s %-20s %-14s %5s %6s %8s %-19s %-17s %7s %10s %10s\n",
			       "USER VM", "CLOUD VM", "EPT POINTER", "ROOTS", "VCPUS", "PROXY",
			       "SINCE", "IDENTITY", "RESETS", "READS", "WRITES");
	for (guint i = 0; i < clouds->len; i++) {
		g_autoptr(GPtrArray) uservms = objects_of(clouds->pdata[i], "uservms");
		gint64 unbound = number_of(clouds->pdata[i], "unbound");

		for (guint u = 0; u < uservms->len; u++)
			list_uservm(text, clouds->pdata[i], uservms->pdata[u]);
		if (unbound)
			g_string_append_printf(text, "(%" G_GINT64_FORMAT " without a proxy) %s\n",
					       unbound, text_of(clouds->pdata[i], "name"));
	}
}

static void show_log(GString *text, JsonObject *result)
{
	JsonNode *node = json_object_get_member(result, "lines");
	JsonArray *lines;

	if (!node || !JSON_NODE_HOLDS_ARRAY(node))
		return;
	lines = json_node_get_array(node);
	for (guint i = 0; i < json_array_get_length(lines); i++) {
		JsonNode *line = json_array_get_element(lines, i);

		if (JSON_NODE_HOLDS_VALUE(line) && json_node_get_value_type(line) == G_TYPE_STRING)
			g_string_append_printf(text, "%s\n", json_node_get_string(line));
	}
}

char *vsbctl_show(const char *command, JsonObject *result)
{
	GString *text = g_string_new(NULL);

	if (!strcmp(command, "status"))
		show_status(text, result);
	else if (!strcmp(command, "list"))
		show_list(text, result);
	else if (!strcmp(command, "log"))
		show_log(text, result);
	/* The others are silent when all went well. */
	return g_string_free(text, FALSE);
}

/* Return: of the one that has this name, or NULL. */
static JsonObject *find_uservm(const char *name, JsonObject *result)
{
	g_autoptr(GPtrArray) clouds = objects_of(result, "clouds");

	for (guint i = 0; i < clouds->len; i++) {
		g_autoptr(GPtrArray) uservms = objects_of(clouds->pdata[i], "uservms");

		for (guint j = 0; j < uservms->len; j++)
			if (!strcmp(text_of(uservms->pdata[j], "name"), name))
				return uservms->pdata[j];
	}
	return NULL;
}

#define PAGES_PER_MIB	256

static const char *veil_state(JsonObject *veil)
{
	if (!veil)
		return "none: it is not bound, or was attached without veil=MIB";
	if (is_true(veil, "stopped"))
		return "stopped: its guest hypervisor has changed its vCPU, the host's kernel log says what; a reset starts it anew";
	return is_true(veil, "used") ? "its memory is private" :
	       "not used: nothing is private until a kernel with AMD SEV support has started";
}

static const char *watch_state(JsonObject *veil)
{
	const char *watch = json_object_get_string_member_with_default(veil, "watch", "");

	if (!strcmp(watch, "none"))
		return "never (watch=none)";
	if (is_true(veil, "revealed"))
		return !strcmp(watch, "host") ? "at any time (watch=host)" : "for now, its owner has revealed it";
	return "not until its owner reveals it (ssh NAME@HOST reveal)";
}

char *vsbctl_show_veil(const char *name, JsonObject *result)
{
	JsonObject *uservm = find_uservm(name, result);
	JsonObject *veil = uservm ? object_of(uservm, "veil") : NULL;
	GString *text;

	if (!uservm)
		return NULL;
	text = g_string_new(NULL);
	g_string_append_printf(text, "User VM %s: veil: %s\n", name, veil_state(veil));
	if (veil)
		g_string_append_printf(text, "  read by the host:   %s\n", watch_state(veil));
	if (veil)
		g_string_append_printf(text,
				       "  private pages:      %" G_GINT64_FORMAT " (%" G_GINT64_FORMAT
				       " of %" G_GINT64_FORMAT " MiB; the most: %" G_GINT64_FORMAT
				       " MiB)\n"
				       "  faults on shared:   %" G_GINT64_FORMAT "\n"
				       "  instructions shown: %" G_GINT64_FORMAT "\n"
				       "  resets:             %" G_GINT64_FORMAT "\n"
				       "  stopped:            %" G_GINT64_FORMAT " times\n",
				       number_of(veil, "pages"),
				       number_of(veil, "pages") / PAGES_PER_MIB,
				       number_of(veil, "limit") / PAGES_PER_MIB,
				       number_of(veil, "most") / PAGES_PER_MIB,
				       number_of(veil, "shared"), number_of(veil, "pushes"),
				       number_of(veil, "resets"), number_of(veil, "stops"));
	return g_string_free(text, FALSE);
}

char *vsbctl_show_typing(const char *name, JsonObject *result)
{
	JsonObject *uservm = find_uservm(name, result);
	JsonObject *typing = uservm ? object_of(uservm, "typing") : NULL;

	return typing ? g_strdup_printf("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " typed",
					number_of(typing, "typed"), number_of(typing, "of")) : NULL;
}
