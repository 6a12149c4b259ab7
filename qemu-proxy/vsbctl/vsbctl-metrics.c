// SPDX-License-Identifier: GPL-2.0
/*
 * The status as metrics. Names end in their unit, those that only grow in _total; none has
 * a label that a user VM or cloud VM could choose.
 */
#include "vsbctl-metrics.h"

#include <string.h>

#include "names.h"

/**
 * struct metric - one of them
 * @name:	in Prometheus
 * @type:	"gauge" or "counter"
 * @help:	one line
 * @group:	object of the status that has it: "cloud", "uservm" or "counters", which is
 *		there for a user VM that is bound
 * @member:	of that: a number, or a truth
 * @is:		NULL, or the metric is 1 if @member is that text, or one of them: "this|that";
 *		behind "!": if it is not
 */
struct metric {
	const char *name;
	const char *type;
	const char *help;
	const char *group;
	const char *member;
	const char *is;
};

static const struct metric metrics[] = {
	{ "vsbypass_cloud_agent_connected", "gauge",
	  "1 if an agent in the cloud VM answers; with irq=agent interrupts wait without.", "cloud", "agent", "connected" },
	{ "vsbypass_cloud_unbound_uservms", "gauge",
	  "User VMs that found no proxy free.", "cloud", "unbound", NULL },
	{ "vsbypass_uservm_ready", "gauge",
	  "0 while the proxy of the user VM is being started.", "uservm", "state", "!starting" },
	{ "vsbypass_uservm_bound", "gauge",
	  "1 if a user VM has the proxy.", "uservm", "state", "bound|stopped" },
	{ "vsbypass_uservm_proved", "gauge",
	  "1 if the user VM has proved who it is.", "uservm", "proved", NULL },
	{ "vsbypass_uservm_line_found", "gauge",
	  "1 if the agent can raise its interrupts.", "uservm", "line", "found" },
	{ "vsbypass_uservm_idle_seconds", "gauge",
	  "For how long the user VM has made no access.", "uservm", "idle_s", NULL },
	{ "vsbypass_uservm_refusals_total", "counter",
	  "Times that the user VM failed to prove who it is.", "uservm", "refusals", NULL },
	{ "vsbypass_proxy_restarts_total", "counter",
	  "Times that the QEMU of the proxy was started again.", "uservm", "restarts", NULL },
	{ "vsbypass_port_reads_total", "counter",
	  "Port reads of the user VM that were served.", "counters", "reads", NULL },
	{ "vsbypass_port_writes_total", "counter",
	  "Port writes of the user VM that were served.", "counters", "writes", NULL },
	{ "vsbypass_port_absorbed_total", "counter",
	  "Port accesses answered as by an unplugged device.", "counters", "absorbed", NULL },
	{ "vsbypass_port_timeouts_total", "counter",
	  "Port accesses that the proxy did not answer in time.", "counters", "timeouts", NULL },
	{ "vsbypass_port_retries_total", "counter",
	  "Port accesses that were withdrawn and came again.", "counters", "retries", NULL },
	{ "vsbypass_irq_edges_total", "counter",
	  "Edges of interrupt lines of the proxy.", "counters", "irq_edges", NULL },
	{ "vsbypass_irq_exits_total", "counter",
	  "Synthetic exits shown to the guest hypervisor.", "counters", "irq_exits", NULL },
	{ "vsbypass_irq_direct_total", "counter",
	  "Interrupts injected without the guest hypervisor.", "counters", "irq_direct", NULL },
	{ "vsbypass_uservm_halts_total", "counter",
	  "Times that a halt of the user VM was kept from the guest hypervisor.", "counters", "halts", NULL },
	{ "vsbypass_uservm_root_changes_total", "counter",
	  "Times that the page table of the user VM got another root.", "counters", "root_changes", NULL },
	{ "vsbypass_proxy_replays_total", "counter",
	  "Times that registers were written into a new proxy.", "counters", "replays", NULL },
	{ "vsbypass_uservm_resets_total", "counter",
	  "Times that the user VM was seen to boot again.", "counters", "resets", NULL },
};

static JsonArray *array_of(JsonObject *object, const char *member)
{
	JsonNode *node = json_object_get_member(object, member);

	return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static JsonObject *element_of(JsonArray *array, guint index)
{
	JsonNode *node = json_array_get_element(array, index);

	return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* A name is fit for a label; anything else is not vsbypassd's. */
static const char *name_of(JsonObject *object)
{
	JsonNode *node = json_object_get_member(object, "name");
	const char *name = node && JSON_NODE_HOLDS_VALUE(node) &&
			   json_node_get_value_type(node) == G_TYPE_STRING ?
			   json_node_get_string(node) : "";

	return vsb_name_valid(name) ? name : NULL;
}

static gboolean is_text(const char *text, const char *is)
{
	gboolean not = is[0] == '!';
	g_auto(GStrv) texts = g_strsplit(is + not, "|", -1);

	return g_strv_contains((const char *const *)texts, text) != not;
}

/* Return: FALSE: the object does not have it. */
static gboolean value_of(JsonObject *object, const struct metric *metric, gint64 *value)
{
	JsonNode *node = json_object_get_member(object, metric->member);
	GType type = node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) :
							   G_TYPE_INVALID;

	if (metric->is && type == G_TYPE_STRING)
		*value = is_text(json_node_get_string(node), metric->is);
	else if (!metric->is && type == G_TYPE_INT64)
		*value = json_node_get_int(node);
	else if (!metric->is && type == G_TYPE_BOOLEAN)
		*value = json_node_get_boolean(node);
	else
		return FALSE;
	return TRUE;
}

static void add_uservms(GString *samples, const struct metric *metric, JsonObject *cloud,
			const char *cloud_name)
{
	JsonArray *uservms = array_of(cloud, "uservms");

	for (guint i = 0; uservms && i < json_array_get_length(uservms); i++) {
		JsonObject *uservm = element_of(uservms, i), *object = uservm;
		const char *name = uservm ? name_of(uservm) : NULL;
		gint64 value;

		if (uservm && !strcmp(metric->group, "counters")) {
			JsonNode *node = json_object_get_member(uservm, "counters");

			object = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
		}
		if (name && object && value_of(object, metric, &value))
			g_string_append_printf(samples, "%s{cloud=\"%s\",uservm=\"%s\"} %"
					       G_GINT64_FORMAT "\n", metric->name, cloud_name, name,
					       value);
	}
}

char *vsbctl_metrics(JsonObject *status)
{
	GString *text = g_string_new(NULL);
	JsonArray *clouds = array_of(status, "clouds");
	guint nr = clouds ? json_array_get_length(clouds) : 0;

	g_string_append_printf(text, "# HELP vsbypass_clouds Cloud VMs that are attached.\n"
			       "# TYPE vsbypass_clouds gauge\nvsbypass_clouds %u\n", nr);
	for (gsize m = 0; m < G_N_ELEMENTS(metrics); m++) {
		const struct metric *metric = &metrics[m];
		g_autoptr(GString) samples = g_string_new(NULL);

		for (guint i = 0; i < nr; i++) {
			JsonObject *cloud = element_of(clouds, i);
			const char *name = cloud ? name_of(cloud) : NULL;
			gint64 value;

			if (name && strcmp(metric->group, "cloud"))
				add_uservms(samples, metric, cloud, name);
			else if (name && value_of(cloud, metric, &value))
				g_string_append_printf(samples, "%s{cloud=\"%s\"} %" G_GINT64_FORMAT "\n",
						       metric->name, name, value);
		}
		if (samples->len)
			g_string_append_printf(text, "# HELP %s %s\n# TYPE %s %s\n%s", metric->name,
					       metric->help, metric->name, metric->type, samples->str);
	}
	return g_string_free(text, FALSE);
}
