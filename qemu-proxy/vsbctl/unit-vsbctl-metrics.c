// SPDX-License-Identifier: GPL-2.0
/* The status as metrics of Prometheus: exact text, and the rules of the format. */
#include "vsbctl-metrics.h"

#include <string.h>

#include "json-line.h"

static char *metrics_of(const char *json)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonObject) status = json_line_parse(json, strlen(json), JSON_LINE_MAX_OPEN, &error);

	g_assert_no_error(error);
	return vsbctl_metrics(status);
}

#define UNBOUND	"{\"name\":\"vm2\",\"state\":\"starting\",\"restarts\":3,\"proved\":false," \
		"\"line\":\"unknown\"}"
#define BOUND	"{\"name\":\"vm1\",\"state\":\"bound\",\"proxy_pid\":7,\"restarts\":0,\"proved\":true," \
		"\"line\":\"found\",\"refusals\":2,\"idle_s\":14,\"counters\":{\"reads\":10,\"writes\":20,\"absorbed\":0," \
		"\"timeouts\":1,\"retries\":4,\"irq_edges\":5,\"root_changes\":6,\"replays\":7,\"resets\":8," \
		"\"irq_exits\":11,\"irq_direct\":12,\"halts\":13}}"
/* It has a proxy all the same. */
#define STOPPED	"{\"name\":\"vm3\",\"state\":\"stopped\"}"
#define CLOUDS	"{\"clouds\":[{\"name\":\"c1\",\"pid\":4,\"unbound\":9,\"agent\":\"connected\"," \
		"\"uservms\":[" BOUND "," UNBOUND "," STOPPED "]},{\"name\":\"c2\",\"pid\":5,\"unbound\":0," \
		"\"agent\":\"lost\",\"uservms\":[]}]}"

static void has(const char *text, const char *line)
{
	g_autofree char *whole = g_strconcat("\n", line, "\n", NULL);
	g_autofree char *all = g_strconcat("\n", text, NULL);

	if (!strstr(all, whole))
		g_error("wanted: %s\nseen:\n%s", line, text);
}

static void test_values(void)
{
	g_autofree char *text = metrics_of(CLOUDS);

	has(text, "# HELP vsbypass_clouds Cloud VMs that are attached.\n# TYPE vsbypass_clouds gauge\n"
	    "vsbypass_clouds 2");
	has(text, "# TYPE vsbypass_cloud_agent_connected gauge\n"
	    "vsbypass_cloud_agent_connected{cloud=\"c1\"} 1\n"
	    "vsbypass_cloud_agent_connected{cloud=\"c2\"} 0");
	has(text, "vsbypass_cloud_unbound_uservms{cloud=\"c1\"} 9");
	has(text, "vsbypass_uservm_ready{cloud=\"c1\",uservm=\"vm1\"} 1\n"
	    "vsbypass_uservm_ready{cloud=\"c1\",uservm=\"vm2\"} 0\n"
	    "vsbypass_uservm_ready{cloud=\"c1\",uservm=\"vm3\"} 1");
	has(text, "vsbypass_uservm_bound{cloud=\"c1\",uservm=\"vm1\"} 1\n"
	    "vsbypass_uservm_bound{cloud=\"c1\",uservm=\"vm2\"} 0\n"
	    "vsbypass_uservm_bound{cloud=\"c1\",uservm=\"vm3\"} 1");
	has(text, "vsbypass_uservm_proved{cloud=\"c1\",uservm=\"vm1\"} 1");
	has(text, "vsbypass_uservm_refusals_total{cloud=\"c1\",uservm=\"vm1\"} 2");
	has(text, "vsbypass_uservm_idle_seconds{cloud=\"c1\",uservm=\"vm1\"} 14");
	has(text, "vsbypass_proxy_restarts_total{cloud=\"c1\",uservm=\"vm2\"} 3");
	has(text, "# TYPE vsbypass_port_reads_total counter\n"
	    "vsbypass_port_reads_total{cloud=\"c1\",uservm=\"vm1\"} 10");
	has(text, "vsbypass_irq_exits_total{cloud=\"c1\",uservm=\"vm1\"} 11");
	has(text, "vsbypass_irq_direct_total{cloud=\"c1\",uservm=\"vm1\"} 12");
	has(text, "vsbypass_uservm_halts_total{cloud=\"c1\",uservm=\"vm1\"} 13");
	has(text, "vsbypass_uservm_resets_total{cloud=\"c1\",uservm=\"vm1\"} 8");
	/* Not bound: nobody has made an access. */
	g_assert_null(strstr(text, "port_reads_total{cloud=\"c1\",uservm=\"vm2\"}"));
}

/* Each family once, HELP before TYPE before its samples; counters end in _total. */
static void test_format(void)
{
	g_autofree char *text = metrics_of(CLOUDS);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *family = NULL;

	g_assert_true(g_str_has_suffix(text, "\n"));
	for (guint i = 0; lines[i] && *lines[i]; i++) {
		g_auto(GStrv) words = g_strsplit(lines[i], " ", 4);

		if (!strcmp(words[0], "#") && !strcmp(words[1], "HELP")) {
			g_free(family);
			family = g_strdup(words[2]);
			g_assert_true(g_hash_table_add(seen, g_strdup(family)));
			g_assert_true(g_str_has_prefix(lines[i + 1], "# TYPE "));
			continue;
		}
		g_assert_nonnull(family);
		if (!strcmp(words[0], "#")) {
			g_assert_cmpstr(words[2], ==, family);
			g_assert_cmpint(g_str_has_suffix(family, "_total"), ==,
					!strcmp(words[3], "counter"));
			continue;
		}
		g_assert_true(g_str_has_prefix(lines[i], family));
		g_assert_true(strchr("{ ", lines[i][strlen(family)]) != NULL);
	}
	g_assert_cmpuint(g_hash_table_size(seen), >=, 15);
}

/* What is missing or of another type is left out; a name cannot end a label. */
static void test_odd(void)
{
	static const char * const odd[] = {
		"{}", "{\"clouds\":1}", "{\"clouds\":[1,null,[]]}", "{\"clouds\":[{\"name\":\"c\"}]}",
		"{\"clouds\":[{\"name\":\"c\",\"uservms\":[1,{},{\"name\":1},{\"name\":\"v\","
		"\"counters\":[],\"state\":1,\"restarts\":\"x\"}]}]}",
		"{\"clouds\":[{\"name\":\"c\\\"} 1\\nx\",\"unbound\":1}]}",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(odd); i++) {
		g_autofree char *text = metrics_of(odd[i]);

		g_assert_true(g_str_has_prefix(text, "# HELP vsbypass_clouds "));
		g_assert_null(strchr(text, '{'));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vsbctl-metrics/values", test_values);
	g_test_add_func("/vsbctl-metrics/format", test_format);
	g_test_add_func("/vsbctl-metrics/odd", test_odd);
	return g_test_run();
}
