// SPDX-License-Identifier: GPL-2.0
/* vsbctl's command lines: the request each makes, and usage errors. */
#include "vsbctl-args.h"
#include "vsbctl-show.h"

#include <string.h>

#include "json-line.h"

#define DEFAULT_SOCKET "/run/vsbypass/control.sock"

static struct vsbctl_args *parse(const char *line, GError **error)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);

	return vsbctl_args_parse((const char *const *)words, error);
}

static void test_good(void)
{
	static const struct {
		const char *line, *request, *socket;
		gboolean json;
	} cases[] = {
		{ "vsbctl status", "{\"execute\":\"status\",\"arguments\":{}}", DEFAULT_SOCKET,
		  FALSE },
		{ "vsbctl --json --socket /s status",
		  "{\"execute\":\"status\",\"arguments\":{}}", "/s", TRUE },
		{ "vsbctl status --socket=/s --json",
		  "{\"execute\":\"status\",\"arguments\":{}}", "/s", TRUE },
		{ "vsbctl attach --pid 12 --agent /a vm1",
		  "{\"execute\":\"attach\",\"arguments\":{\"pid\":12,\"agent\":\"/a\","
		  "\"uservms\":[{\"name\":\"vm1\"}]}}", DEFAULT_SOCKET, FALSE },
		{ "vsbctl attach --pid 12 --irq auto vm1",
		  "{\"execute\":\"attach\",\"arguments\":{\"pid\":12,\"irq\":\"auto\","
		  "\"uservms\":[{\"name\":\"vm1\"}]}}", DEFAULT_SOCKET, FALSE },
		{ "vsbctl attach --pid 12 --agent /a --irq=agent vm1",
		  "{\"execute\":\"attach\",\"arguments\":{\"pid\":12,\"agent\":\"/a\","
		  "\"irq\":\"agent\",\"uservms\":[{\"name\":\"vm1\"}]}}", DEFAULT_SOCKET, FALSE },
		{ "vsbctl attach vm1 --cloud=c --pid=12 --agent=/a --unclaimed reflect "
		  "vm2=0x3f8-0x3ff,0x60",
		  "{\"execute\":\"attach\",\"arguments\":{\"cloud\":\"c\",\"pid\":12,"
		  "\"agent\":\"/a\",\"unclaimed\":\"reflect\",\"uservms\":[{\"name\":\"vm1\"},"
		  "{\"name\":\"vm2\",\"ports\":\"0x3f8-0x3ff,0x60\"}]}}", DEFAULT_SOCKET, FALSE },
		{ "vsbctl attach --pid 12 --agent /a vm1=identity=required "
		  "vm2=0x3f8-0x3ff,identity=first-seen,0x60 vm3=identity=required,0x2f8-0x2ff",
		  "{\"execute\":\"attach\",\"arguments\":{\"pid\":12,\"agent\":\"/a\","
		  "\"uservms\":[{\"name\":\"vm1\",\"identity\":\"required\"},"
		  "{\"name\":\"vm2\",\"ports\":\"0x3f8-0x3ff,0x60\",\"identity\":\"first-seen\"},"
		  "{\"name\":\"vm3\",\"ports\":\"0x2f8-0x2ff\",\"identity\":\"required\"}]}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl key vm1", "{\"execute\":\"key\",\"arguments\":{\"uservm\":\"vm1\"}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl key --replace --identity /i vm1",
		  "{\"execute\":\"key\",\"arguments\":{\"uservm\":\"vm1\"}}", DEFAULT_SOCKET, FALSE },
		{ "vsbctl detach c", "{\"execute\":\"detach\",\"arguments\":{\"cloud\":\"c\"}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl detach --reflect c",
		  "{\"execute\":\"detach\",\"arguments\":{\"cloud\":\"c\",\"reflect\":true}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl send-break vm1",
		  "{\"execute\":\"send-break\",\"arguments\":{\"uservm\":\"vm1\"}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl send-key vm1 ctrl-alt-delete ret",
		  "{\"execute\":\"send-key\",\"arguments\":{\"uservm\":\"vm1\","
		  "\"keys\":\"ctrl-alt-delete ret\"}}", DEFAULT_SOCKET, FALSE },
		{ "vsbctl type vm1", "{\"execute\":\"type\",\"arguments\":{\"uservm\":\"vm1\"}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl type --keymap de vm1",
		  "{\"execute\":\"type\",\"arguments\":{\"uservm\":\"vm1\",\"keymap\":\"de\"}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl attach --pid 12 --agent /a vm1=ps2,identity=required",
		  "{\"execute\":\"attach\",\"arguments\":{\"pid\":12,\"agent\":\"/a\","
		  "\"uservms\":[{\"name\":\"vm1\",\"ports\":\"ps2\",\"identity\":\"required\"}]}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl unbind vm1",
		  "{\"execute\":\"unbind\",\"arguments\":{\"uservm\":\"vm1\"}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl dump vm1 /f", "{\"execute\":\"memory\",\"arguments\":{\"uservm\":\"vm1\"}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl dump --live vm1 f --limit 5",
		  "{\"execute\":\"memory\",\"arguments\":{\"uservm\":\"vm1\"}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl watch vm1 ps", "{\"execute\":\"memory\",\"arguments\":{\"uservm\":\"vm1\"}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl watch --json --save a --against b vm1 text --limit 5 --live",
		  "{\"execute\":\"memory\",\"arguments\":{\"uservm\":\"vm1\"}}", DEFAULT_SOCKET, TRUE },
		{ "vsbctl watch --core c modules", "{\"execute\":\"memory\",\"arguments\":{}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl remove vm1",
		  "{\"execute\":\"remove\",\"arguments\":{\"uservm\":\"vm1\"}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl add c vm1 vm2=0x60",
		  "{\"execute\":\"add\",\"arguments\":{\"cloud\":\"c\","
		  "\"uservms\":[{\"name\":\"vm1\"},{\"name\":\"vm2\",\"ports\":\"0x60\"}]}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl serve c vm1 d1 --pid 5",
		  "{\"execute\":\"serve\",\"arguments\":{\"cloud\":\"c\",\"uservm\":\"vm1\","
		  "\"domain\":\"d1\",\"pid\":5}}", DEFAULT_SOCKET, FALSE },
		{ "vsbctl log", "{\"execute\":\"log\",\"arguments\":{\"lines\":50}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl log -n 7", "{\"execute\":\"log\",\"arguments\":{\"lines\":7}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl metrics", "{\"execute\":\"status\",\"arguments\":{}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl veil vm1", "{\"execute\":\"status\",\"arguments\":{}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl attach --pid 12 vm1=veil=200,identity=required",
		  "{\"execute\":\"attach\",\"arguments\":{\"pid\":12,"
		  "\"uservms\":[{\"name\":\"vm1\",\"ports\":\"veil=200\",\"identity\":\"required\"}]}}",
		  DEFAULT_SOCKET, FALSE },
		{ "vsbctl validate a.xml -", "{\"execute\":\"validate\",\"arguments\":{"
		  "\"files\":[\"a.xml\",\"-\"]}}", DEFAULT_SOCKET, FALSE },
		/* A VM may be called like a command. */
		{ "vsbctl unbind status",
		  "{\"execute\":\"unbind\",\"arguments\":{\"uservm\":\"status\"}}",
		  DEFAULT_SOCKET, FALSE },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *request = NULL;
		struct vsbctl_args *args;
		gsize len;

		g_test_message("%s", cases[i].line);
		args = parse(cases[i].line, &error);
		g_assert_no_error(error);
		g_assert_nonnull(args);
		request = json_line_format(args->request, &len);
		g_strchomp(request);
		g_assert_cmpstr(request, ==, cases[i].request);
		g_assert_cmpstr(args->socket, ==, cases[i].socket);
		g_assert_cmpint(args->json, ==, cases[i].json);
		vsbctl_args_free(args);
	}
}

static void test_bad(void)
{
	static const char * const cases[] = {
		"vsbctl veil", "vsbctl veil a b", "vsbctl veil ../a", "vsbctl attach --pid 1 vm1=veil=x",
		"vsbctl", "vsbctl --json", "vsbctl nosuch", "vsbctl status x",
		"vsbctl status --pid 1", "vsbctl --nosuch status", "vsbctl attach",
		"vsbctl attach vm1", "vsbctl attach --pid 1 --irq agent vm1", "vsbctl attach --agent /a vm1",
		"vsbctl attach --pid 1 --irq exits vm1", "vsbctl attach --pid 1 --irq", "vsbctl add --irq auto c vm1",
		"vsbctl attach --pid 0 --agent /a vm1", "vsbctl attach --pid -4 --agent /a vm1",
		"vsbctl attach --pid x --agent /a vm1", "vsbctl attach --pid 1 --agent /a",
		"vsbctl attach --pid 1 --agent /a vm/1", "vsbctl attach --pid 1 --agent /a vm1=",
		"vsbctl attach --pid 1 --agent /a =0x60", "vsbctl attach --pid 1 --agent /a vm1=x",
		"vsbctl attach --pid 1 --agent /a --unclaimed no vm1",
		"vsbctl attach --pid 1 --agent /a --cloud ../x vm1",
		"vsbctl attach --pid 99999999999999 --agent /a vm1",
		"vsbctl dump", "vsbctl dump vm1", "vsbctl dump ../vm1 f", "vsbctl dump vm1 f g",
		"vsbctl dump vm1 f --limit 0", "vsbctl dump vm1 f --limit 61", "vsbctl dump vm1 ",
		"vsbctl watch", "vsbctl watch vm1", "vsbctl watch ps", "vsbctl watch vm1 nothing", "vsbctl watch ../x ps",
		"vsbctl watch vm1 ps text", "vsbctl watch vm1 ps --limit 0", "vsbctl watch --core f vm1 ps",
		"vsbctl watch --core f", "vsbctl watch --save f vm1 ps", "vsbctl watch --against f vm1 modules",
		"vsbctl dump --save f vm1 g", "vsbctl detach", "vsbctl detach a b", "vsbctl detach /", "vsbctl send-break",
		"vsbctl send-break ..", "vsbctl unbind a b", "vsbctl log x", "vsbctl log -n 0",
		"vsbctl add", "vsbctl add c", "vsbctl add ../c vm1", "vsbctl add c vm1=x",
		"vsbctl serve --pid 1", "vsbctl serve c vm1 d", "vsbctl serve c vm1 --pid 1",
		"vsbctl serve c vm1 d/e --pid 1", "vsbctl serve c vm1 d x --pid 1",
		"vsbctl serve c vm1 d --pid 0", "vsbctl add --cloud c vm1", "vsbctl remove", "vsbctl remove a b",
		"vsbctl log -n 1000000", "vsbctl log -n", "vsbctl status --socket",
		"vsbctl send-key", "vsbctl send-key vm1", "vsbctl send-key vm1 ctrl-", "vsbctl type",
		"vsbctl send-key ../vm1 a", "vsbctl send-key vm1 nosuch", "vsbctl type vm1 text",
		"vsbctl type --keymap", "vsbctl attach --pid 1 --agent /a vm1=ps2,0x60",
		"vsbctl attach --pid 1 --agent /a vm1=identity=", "vsbctl key", "vsbctl key a b",
		"vsbctl validate",
		"vsbctl attach --pid 1 --agent /a vm1=identity=no", "vsbctl key ../a",
		"vsbctl attach --pid 1 --agent /a vm1=identity=required,",
		"vsbctl attach --pid 1 --agent /a vm1=,identity=required",
		"vsbctl attach --pid 1 --agent /a vm1=identity=required,identity=required",
		"vsbctl attach --pid 1 --agent /a vm1=Identity=required", "vsbctl key --lines 3 a",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		g_test_message("%s", cases[i]);
		g_assert_null(parse(cases[i], &error));
		g_assert_nonnull(error);
	}
}

static void test_help(void)
{
	static const char * const cases[] = {
		"vsbctl --help", "vsbctl -h", "vsbctl status --help", "vsbctl attach -h",
		"vsbctl --help attach", "vsbctl detach --help", "vsbctl log --help",
		"vsbctl send-break --help", "vsbctl unbind --help",
		"vsbctl key --help", "vsbctl send-key --help", "vsbctl type -h",
		"vsbctl watch --help",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		struct vsbctl_args *args = parse(cases[i], &error);

		g_test_message("%s", cases[i]);
		g_assert_no_error(error);
		g_assert_nonnull(strstr(args->help, "vsbctl"));
		vsbctl_args_free(args);
	}
}

static void test_show(void)
{
	/* Whatever the reply is: a text and no crash. */
	static const struct {
		const char *command, *result, *part;
	} cases[] = {
		{ "status", "{\"clouds\":[]}", "No cloud VM" },
		{ "status", "{}", "No cloud VM" },
		{ "list", "{}", "USER VM" },
		{ "list", "{\"clouds\":[1,{\"name\":2,\"unbound\":3,\"uservms\":[[],{}]}]}",
		  "(3 without a proxy)" },
		{ "list", "{\"clouds\":[{\"name\":\"c\",\"uservms\":[{\"name\":\"vm1\",\"roots\":2,"
		  "\"vcpus\":4,\"ept_pointer\":\"0x1000\",\"bound_ns\":1,\"counters\":{\"resets\":9}}]}]}",
		  "0x1000             2      4" },
		{ "status", "{\"clouds\":3}", "No cloud VM" },
		{ "status", "{\"clouds\":[1,{\"name\":2,\"uservms\":[[],{\"counters\":1}]}]}",
		  "Cloud VM -" },
		{ "status", "{\"clouds\":[{\"name\":\"c\",\"pid\":7,\"agent\":\"lost\","
		  "\"unclaimed\":\"absorb\",\"uservms\":[{\"name\":\"vm1\",\"state\":\"bound\","
		  "\"counters\":{\"reads\":12345}}]}]}", "12345" },
		{ "status", "{\"clouds\":[{\"irq\":\"auto\",\"agent\":\"none\"}]}",
		  ", irq auto, agent none, " },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"counters\":{\"irq_exits\":11,"
		  "\"irq_direct\":22,\"halts\":33}}]}]}", "      11       22       33" },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"idle_s\":59,\"counters\":{}}]}]}", "    59s " },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"idle_s\":3599,\"counters\":{}}]}]}", "  59min " },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"idle_s\":172799,\"counters\":{}}]}]}", "    47h " },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"idle_s\":172800,\"counters\":{}}]}]}", "     2d " },
		{ "status", "{\"clouds\":[{\"unbound\":1,\"uservms\":[]}]}",
		  "  (1 without a proxy; if a user VM that is bound has ended: vsbctl unbind NAME)" },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"identity\":\"required\"}]}]}",
		  "required,unproved" },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"identity\":\"required\",\"proved\":3}]}]}",
		  "required,unproved" },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"identity\":\"required\",\"proved\":true}]}]}",
		  "required,proved" },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"identity\":\"first-seen\","
		  "\"proved\":true}]}]}", "first-seen,proved" },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"identity\":\"first-seen\"}]}]}",
		  "first-seen  " },
		{ "status", "{\"clouds\":[{\"uservms\":[{\"ports\":\"ps2\",\"domain\":\"d1\"}]}]}",
		  "ps2 (proxy: domain d1)" },
		{ "log", "{\"lines\":[\"one\",2]}", "one\n" },
		{ "log", "{}", "" },
		{ "detach", "{}", "" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(JsonObject) result = json_line_parse(cases[i].result,
			strlen(cases[i].result), 100, NULL);
		g_autofree char *text = vsbctl_show(cases[i].command, result);

		g_test_message("%s -> %s", cases[i].result, text);
		g_assert_nonnull(strstr(text, cases[i].part));
	}
}

static void test_veil(void)
{
	static const struct {
		const char *result, *part;
	} cases[] = {
		{ "{}", NULL }, { "{\"clouds\":[1,{\"uservms\":[{\"name\":\"vm2\"}]}]}", NULL },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm1\"}]}]}", "veil: none" },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm1\",\"veil\":3}]}]}", "veil: none" },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm1\",\"veil\":{}}]}]}", "veil: not used" },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm1\",\"veil\":{\"used\":true,"
		  "\"stopped\":true}}]}]}", "veil: stopped: its guest hypervisor has changed its vCPU" },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm1\",\"veil\":{\"used\":true,\"pages\":512,"
		  "\"limit\":1024,\"most\":768,\"shared\":7}}]}]}",
		  "private\n  read by the host:   not until its owner reveals it (ssh NAME@HOST reveal)\n"
		  "  private pages:      512 (2 of 4 MiB; the most: 3 MiB)\n"
		  "  faults on shared:   7\n" },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm1\",\"veil\":{\"watch\":\"owner\","
		  "\"revealed\":true}}]}]}", "read by the host:   for now, its owner has revealed it\n" },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm1\",\"veil\":{\"watch\":\"host\","
		  "\"revealed\":true}}]}]}", "read by the host:   at any time (watch=host)\n" },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm1\",\"veil\":{\"watch\":\"none\"}}]}]}",
		  "read by the host:   never (watch=none)\n" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(JsonObject) result = json_line_parse(cases[i].result,
			strlen(cases[i].result), 100, NULL);
		g_autofree char *text = vsbctl_show_veil("vm1", result);

		g_assert_cmpint(text != NULL, ==, cases[i].part != NULL);
		g_assert_true(!text || strstr(text, cases[i].part));
	}
}

static void test_typing(void)
{
	static const struct {
		const char *result, *text;
	} cases[] = {
		{ "{}", NULL }, { "{\"clouds\":[1,{}]}", NULL },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm1\"}]}]}", NULL },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm2\",\"typing\":{}}]}]}", NULL },
		{ "{\"clouds\":[{\"uservms\":[{\"name\":\"vm1\",\"typing\":3}]}]}", NULL },
		{ "{\"clouds\":[{},{\"uservms\":[{},{\"name\":\"vm1\",\"typing\":{\"typed\":7,"
		  "\"of\":300}}]}]}", "7 of 300 typed" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(JsonObject) result = json_line_parse(cases[i].result,
			strlen(cases[i].result), 100, NULL);
		g_autofree char *text = vsbctl_show_typing("vm1", result);

		g_assert_cmpstr(text, ==, cases[i].text);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vsbctl-args/good", test_good);
	g_test_add_func("/vsbctl-args/bad", test_bad);
	g_test_add_func("/vsbctl-args/help", test_help);
	g_test_add_func("/vsbctl-args/show", test_show);
	g_test_add_func("/vsbctl-args/typing", test_typing);
	g_test_add_func("/vsbctl-args/veil", test_veil);
	return g_test_run();
}
