// SPDX-License-Identifier: GPL-2.0
/* Requests of the control socket: dispatch, rights, and hostile lines. */
#include "command.h"

#include <string.h>

#include "control-socket.h"
#include "error.h"
#include "keys.h"

#define KEY	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8KaigEfVo+XequfWVYnACz/psaaEfmV4uQ8pNLoKQt"

static GString *calls;		/* what the operations were called with */
static char *replied;		/* the reply line */

static void on_done(gpointer data, JsonObject *result, const GError *error)
{
	gsize len;

	g_assert_null(replied);
	replied = command_reply(result, error, &len);
	g_assert_cmpuint(len, ==, strlen(replied));
	g_assert_cmpint(replied[len - 1], ==, '\n');
}

static void op_attach(struct attach_args *args, command_done done, gpointer done_data,
		      gpointer data)
{
	g_string_append_printf(calls, "attach %s %d %s %s %u", args->cloud, args->pid,
			       args->agent ? args->agent : "-", irq_mode_text(args->irq),
			       args->unclaimed);
	for (guint i = 0; i < args->uservms->len; i++) {
		struct attach_uservm *uservm = args->uservms->pdata[i];
		g_autofree char *ports = vsb_ports_format(&uservm->ports);

		g_string_append_printf(calls, " %s=%s%s", uservm->name, ports,
				       uservm->identity_required ? "!" : "");
		for (char **key = uservm->keys; key && *key; key++)
			g_string_append_printf(calls, " %s", *key);
	}
	attach_args_free(args);
	done(done_data, NULL, NULL);
}

static void op_check(struct attach_args *args, command_done done, gpointer done_data,
		     gpointer data)
{
	g_string_append_printf(calls, "check %s %d %s %s %u", args->cloud, args->pid,
			       args->agent ? args->agent : "-", irq_mode_text(args->irq),
			       args->uservms->len);
	attach_args_free(args);
	done(done_data, NULL, NULL);
}

static void op_detach(const char *cloud, gboolean reflect, command_done done,
		      gpointer done_data, gpointer data)
{
	g_string_append_printf(calls, "detach %s %d", cloud, reflect);
	done(done_data, NULL, NULL);
}

static void op_status(command_done done, gpointer done_data, gpointer data)
{
	JsonObject *result = json_object_new();

	g_string_append(calls, "status");
	json_object_set_int_member(result, "x", 1);
	done(done_data, result, NULL);
}

static void op_send_break(const char *uservm, command_done done, gpointer done_data,
			  gpointer data)
{
	g_string_append_printf(calls, "send-break %s", uservm);
	done(done_data, NULL, NULL);
}

static void op_type(const char *uservm, GArray *strokes, const char *unit, command_done done,
		    gpointer done_data, gpointer data)
{
	g_string_append_printf(calls, "type %s %s", uservm, unit);
	for (guint i = 0; i < strokes->len; i++) {
		const struct stroke *stroke = &g_array_index(strokes, struct stroke, i);

		for (guint k = 0; k < stroke->nr; k++)
			g_string_append_printf(calls, "%s%s", k ? "-" : " ", stroke->key[k]);
	}
	g_array_unref(strokes);
	done(done_data, NULL, NULL);
}

static void op_unbind(const char *uservm, command_done done, gpointer done_data, gpointer data)
{
	g_autoptr(GError) error = g_error_new_literal(VSB_ERROR, VSB_ERROR_NOT_FOUND, "no\n\xff");

	g_string_append_printf(calls, "unbind %s", uservm);
	done(done_data, NULL, error);
}

static void op_memory(const char *uservm, command_done done, gpointer done_data, gpointer data)
{
	g_string_append_printf(calls, "memory %s", uservm);
	done(done_data, NULL, NULL);
}

static void op_rest(const char *uservm, command_done done, gpointer done_data, gpointer data)
{
	g_string_append_printf(calls, "rest %s", uservm);
	done(done_data, NULL, NULL);
}

static void op_reveal(const char *uservm, gboolean reveal, command_done done, gpointer done_data,
		      gpointer data)
{
	g_string_append_printf(calls, "%s %s", reveal ? "reveal" : "conceal", uservm);
	done(done_data, NULL, NULL);
}

static void op_add(const char *cloud, GPtrArray *uservms, command_done done,
		   gpointer done_data, gpointer data)
{
	g_string_append_printf(calls, "add %s", cloud);
	for (guint i = 0; i < uservms->len; i++) {
		const struct attach_uservm *uservm = uservms->pdata[i];

		g_string_append_printf(calls, " %s", uservm->name);
	}
	g_ptr_array_unref(uservms);
	done(done_data, NULL, NULL);
}

static void op_remove(const char *uservm, command_done done, gpointer done_data,
		      gpointer data)
{
	g_string_append_printf(calls, "remove %s", uservm);
	done(done_data, NULL, NULL);
}

static void op_serve(const char *cloud, const char *uservm, const char *domain, pid_t pid,
		     command_done done, gpointer done_data, gpointer data)
{
	g_string_append_printf(calls, "serve %s %s %s %d", cloud, uservm, domain, pid);
	done(done_data, NULL, NULL);
}

static void op_log(guint lines, command_done done, gpointer done_data, gpointer data)
{
	g_string_append_printf(calls, "log %u", lines);
	done(done_data, NULL, NULL);
}

static const struct command_ops ops = {
	op_attach, op_check, op_detach, op_status, op_send_break, op_type, op_unbind, op_memory, op_reveal, op_rest,
	op_add, op_remove, op_serve, op_log
};

/* Return: the reply, valid until the next call. */
static const char *ask_len(const char *line, gsize len, enum command_peer peer)
{
	/* A copy of its exact size, but for the NUL that a line has. */
	g_autofree char *copy = g_malloc(len + 1);

	memcpy(copy, line, len);
	copy[len] = '\0';
	g_clear_pointer(&replied, g_free);
	g_string_truncate(calls, 0);
	command_run(copy, len, peer, &ops, NULL, on_done, NULL);
	g_assert_nonnull(replied);
	return replied;
}

static const char *ask(const char *line, enum command_peer peer)
{
	return ask_len(line, strlen(line), peer);
}

static void refused(const char *line, const char *class)
{
	g_autofree char *start = g_strdup_printf("{\"error\":{\"class\":\"%s\"", class);
	const char *reply = ask(line, COMMAND_PEER_ROOT);

	g_test_message("%.200s -> %s", line, reply);
	g_assert_true(g_str_has_prefix(reply, start));
	g_assert_cmpstr(calls->str, ==, "");
	g_assert_cmpuint(strlen(reply), <, 1000);
}

static void test_good(void)
{
	static const struct {
		const char *line, *call;
	} cases[] = {
		{ "{\"execute\":\"status\"}", "status" },
		{ " {\"arguments\" : {}, \"execute\" : \"status\"} ", "status" },
		{ "{\"execute\":\"log\"}", "log 50" },
		{ "{\"execute\":\"log\",\"arguments\":{\"lines\":3}}", "log 3" },
		{ "{\"execute\":\"send-break\",\"arguments\":{\"uservm\":\"v\"}}", "send-break v" },
		{ "{\"execute\":\"send-key\",\"arguments\":{\"uservm\":\"v\","
		  "\"keys\":\"Ctrl-alt-del  enter\"}}", "type v keys ctrl-alt-delete ret" },
		{ "{\"execute\":\"type\",\"arguments\":{\"uservm\":\"v\",\"text\":\"a:\\n\"}}",
		  "type v characters a shift-semicolon ret" },
		{ "{\"execute\":\"type\",\"arguments\":{\"uservm\":\"v\",\"text\":\"@^\","
		  "\"keymap\":\"de\"}}", "type v characters alt_r-q grave_accent spc" },
		{ "{\"execute\":\"detach\",\"arguments\":{\"cloud\":\"c\"}}", "detach c 0" },
		{ "{\"execute\":\"detach\",\"arguments\":{\"cloud\":\"c\",\"reflect\":true}}",
		  "detach c 1" },
		{ "{\"execute\":\"attach\",\"arguments\":{\"pid\":9,\"agent\":\"/a\","
		  "\"uservms\":[{\"name\":\"v\"}]}}", "attach cloud-9 9 /a " IRQ_MODE_DEFAULT " 0 v=0x3f8-0x3ff" },
		{ "{\"execute\":\"attach\",\"arguments\":{\"cloud\":\"c\",\"pid\":9,"
		  "\"agent\":\"/a\",\"irq\":\"exit\",\"unclaimed\":\"reflect\",\"uservms\":[{\"name\":\"v\","
		  "\"ports\":\"0x60,0x64\"},{\"name\":\"w\"}]}}",
		  "attach c 9 /a exit 1 v=0x60,0x64 w=0x3f8-0x3ff" },
		{ "{\"execute\":\"attach\",\"arguments\":{\"pid\":9,\"agent\":\"/a\","
		  "\"uservms\":[{\"name\":\"v\",\"identity\":\"required\"},"
		  "{\"name\":\"w\",\"identity\":\"first-seen\"}]}}",
		  "attach cloud-9 9 /a " IRQ_MODE_DEFAULT " 0 v=0x3f8-0x3ff! w=0x3f8-0x3ff" },
		{ "{\"execute\":\"attach\",\"arguments\":{\"pid\":9,\"agent\":\"/a\","
		  "\"uservms\":[{\"name\":\"v\",\"keys\":[\"" KEY "\",\"" KEY " al\"]}]}}",
		  "attach cloud-9 9 /a " IRQ_MODE_DEFAULT " 0 v=0x3f8-0x3ff " KEY " " KEY " al" },
		{ "{\"execute\":\"check\",\"arguments\":{\"cloud\":\"c\","
		  "\"uservms\":[{\"name\":\"v\"}]}}", "check c 0 - " IRQ_MODE_DEFAULT " 1" },
		/* Without an agent, and with its path known to who starts the cloud VM alone. */
		{ "{\"execute\":\"attach\",\"arguments\":{\"pid\":9,\"irq\":\"auto\","
		  "\"uservms\":[{\"name\":\"v\"}]}}", "attach cloud-9 9 - auto 0 v=0x3f8-0x3ff" },
		{ "{\"execute\":\"check\",\"arguments\":{\"cloud\":\"c\",\"irq\":\"agent\","
		  "\"uservms\":[{\"name\":\"v\"}]}}", "check c 0 - agent 1" },
#define SERVE(args) "{\"execute\":\"serve\",\"arguments\":{\"cloud\":\"c\",\"uservm\":\"v\"" args "}}"
		{ SERVE(",\"domain\":\"d\",\"pid\":9"), "serve c v d 9" },
		{ "{\"execute\":\"memory\",\"arguments\":{\"uservm\":\"v\"}}", "memory v" },
		{ "{\"execute\":\"reveal\",\"arguments\":{\"uservm\":\"v\"}}", "reveal v" },
		{ "{\"execute\":\"conceal\",\"arguments\":{\"uservm\":\"v\"}}", "conceal v" },
		{ "{\"execute\":\"rest\",\"arguments\":{\"uservm\":\"v\"}}", "rest v" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].line);
		g_assert_true(g_str_has_prefix(ask(cases[i].line, COMMAND_PEER_ROOT),
					       "{\"return\":{"));
		g_assert_cmpstr(calls->str, ==, cases[i].call);
	}
	/* An error's text is made fit for a line. */
	g_assert_nonnull(strstr(ask("{\"execute\":\"unbind\",\"arguments\":{\"uservm\":\"v\"}}",
				    COMMAND_PEER_ROOT), "NotFound"));
}

static void test_bad(void)
{
#define ATTACH(args) "{\"execute\":\"attach\",\"arguments\":{" args "}}"
#define FINE "\"pid\":9,\"agent\":\"/a\""
#define VMS "\"uservms\":[{\"name\":\"v\"}]"
	static const char * const cases[] = {
		"", " ", "x", "null", "1", "\"status\"", "[]", "{", "}", "{}", "{\"execute\":1}",
		"{\"execute\":null}", "{\"execute\":[\"status\"]}", "{\"execute\":\"\"}",
		"{\"execute\":\"nosuch\"}", "{\"execute\":\"Status\"}",
		"{\"execute\":\"status\",\"id\":1}", "{\"execute\":\"status\"} x",
		"{\"execute\":\"status\",\"arguments\":[]}",
		"{\"execute\":\"status\",\"arguments\":{\"a\":1}}",
		"{\"execute\":\"status\",\"arguments\":null}",
		"{\"execute\":\"detach\"}", "{\"execute\":\"detach\",\"arguments\":{\"cloud\":1}}",
		"{\"execute\":\"detach\",\"arguments\":{\"cloud\":\"../x\"}}",
		"{\"execute\":\"detach\",\"arguments\":{\"cloud\":\"c\",\"reflect\":1}}",
		"{\"execute\":\"send-break\",\"arguments\":{\"uservm\":\"a b\"}}",
		"{\"execute\":\"send-break\",\"arguments\":{\"uservm\":\"v\",\"x\":\"y\"}}",
#define KEYS(args) "{\"execute\":\"send-key\",\"arguments\":{\"uservm\":\"v\"" args "}}"
#define TYPE(args) "{\"execute\":\"type\",\"arguments\":{\"uservm\":\"v\"" args "}}"
		KEYS(""), KEYS(",\"keys\":\"\""), KEYS(",\"keys\":\"ctrl-\""), KEYS(",\"keys\":[\"a\"]"),
		KEYS(",\"keys\":\"nosuch\""), KEYS(",\"keys\":\"a\",\"text\":\"a\""),
		KEYS(",\"keys\":\"a\\u0000b\""),
		"{\"execute\":\"send-key\",\"arguments\":{\"uservm\":\"../v\",\"keys\":\"a\"}}",
		TYPE(""), TYPE(",\"text\":\"\""), TYPE(",\"text\":5"), TYPE(",\"text\":\"\\u00e4\""),
		TYPE(",\"text\":\"a\",\"keymap\":\"../de\""), TYPE(",\"text\":\"a\",\"keys\":\"a\""),
		TYPE(",\"text\":\"a\\u0000b\""), TYPE(",\"text\":\"a\\u001b\""),
		"{\"execute\":\"memory\"}", "{\"execute\":\"memory\",\"arguments\":{\"uservm\":\"/\"}}",
		"{\"execute\":\"reveal\"}", "{\"execute\":\"conceal\",\"arguments\":{\"uservm\":\"/\"}}",
		"{\"execute\":\"rest\"}", "{\"execute\":\"rest\",\"arguments\":{\"uservm\":\"v.com1/\"}}",
		"{\"execute\":\"unbind\"}", "{\"execute\":\"remove\"}", "{\"execute\":\"add\"}",
		"{\"execute\":\"add\",\"arguments\":{\"cloud\":\"c\"}}",
		"{\"execute\":\"add\",\"arguments\":{\"cloud\":\"c\",\"uservms\":[]}}",
		"{\"execute\":\"add\",\"arguments\":{\"cloud\":\"../c\",\"uservms\":[{\"name\":\"v\"}]}}",
		"{\"execute\":\"add\",\"arguments\":{\"uservms\":[{\"name\":\"v\"}]}}",
		"{\"execute\":\"add\",\"arguments\":{\"cloud\":\"c\",\"pid\":1,"
		"\"uservms\":[{\"name\":\"v\"}]}}",
		SERVE(""), SERVE(",\"domain\":\"d\""), SERVE(",\"pid\":9"),
		SERVE(",\"domain\":\"d/e\",\"pid\":9"), SERVE(",\"domain\":\"d\",\"pid\":0"),
		SERVE(",\"domain\":\"d\",\"pid\":\"9\""), SERVE(",\"domain\":\"d\",\"pid\":9,\"x\":1"),
		"{\"execute\":\"log\",\"arguments\":{\"lines\":0}}",
		"{\"execute\":\"log\",\"arguments\":{\"lines\":-1}}",
		"{\"execute\":\"log\",\"arguments\":{\"lines\":1.5}}",
		"{\"execute\":\"log\",\"arguments\":{\"lines\":99999999999999999999}}",
		"{\"execute\":\"log\",\"arguments\":{\"lines\":\"5\"}}",
		ATTACH(""), ATTACH(FINE), ATTACH(VMS), ATTACH("\"pid\":9,\"irq\":\"agent\"," VMS),
		ATTACH(FINE ",\"irq\":\"\"," VMS), ATTACH(FINE ",\"irq\":1," VMS),
		ATTACH(FINE ",\"irq\":\"exits\"," VMS),
		ATTACH("\"agent\":\"/a\"," VMS), ATTACH("\"pid\":0,\"agent\":\"/a\"," VMS),
		ATTACH("\"pid\":-1,\"agent\":\"/a\"," VMS),
		ATTACH("\"pid\":4294967297,\"agent\":\"/a\"," VMS),
		ATTACH("\"pid\":\"9\",\"agent\":\"/a\"," VMS),
		ATTACH("\"pid\":9,\"agent\":\"relative\"," VMS),
		ATTACH("\"pid\":9,\"agent\":\"\"," VMS),
		ATTACH(FINE ",\"unclaimed\":\"maybe\"," VMS), ATTACH(FINE ",\"uservms\":{}"),
		ATTACH(FINE ",\"uservms\":[]"), ATTACH(FINE ",\"uservms\":[1]"),
		ATTACH(FINE ",\"uservms\":[{}]"), ATTACH(FINE ",\"uservms\":[{\"name\":\"/\"}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\"},{\"name\":\"v\"}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"x\":1}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"ports\":\"\"}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"ports\":[]}]"),
		ATTACH(FINE ",\"unclaimed\":\"reflect\",\"uservms\":[{\"name\":\"w\"},"
		       "{\"name\":\"v\",\"ports\":\"start=client\"}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"ports\":\"1,1\"}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"identity\":\"\"}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"identity\":\"Required\"}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"identity\":true}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"keys\":[]}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"keys\":\"" KEY "\"}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"keys\":[1]}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"keys\":[\"" KEY "\",[]]}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"keys\":[\"x " KEY "\"]}]"),
		ATTACH(FINE ",\"uservms\":[{\"name\":\"v\",\"keys\":[\"" KEY "\\n\"]}]"),
		"{\"execute\":\"check\",\"arguments\":{" VMS "}}",
		"{\"execute\":\"check\",\"arguments\":{\"cloud\":\"c\"}}",
		ATTACH(FINE ",\"cloud\":\"\"," VMS), ATTACH(FINE ",\"extra\":1," VMS),
		"{\"execute\":\"\xff\"}", "\xfe\xff",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		refused(cases[i], "BadRequest");
	/* NUL bytes in a line */
	g_assert_nonnull(strstr(ask_len("{\"execute\":\"status\"}\0", 21, COMMAND_PEER_ROOT),
				"BadRequest"));
	g_assert_nonnull(strstr(ask_len("\0\0", 2, COMMAND_PEER_ROOT), "BadRequest"));
}

static void test_rights(void)
{
	static const struct {
		const char *line;
		gboolean console;
	} cases[] = {
		{ "{\"execute\":\"status\"}", TRUE },
		{ "{\"execute\":\"send-break\",\"arguments\":{\"uservm\":\"v\"}}", TRUE },
		{ KEYS(",\"keys\":\"alt-sysrq-h\""), TRUE },
		{ "{\"execute\":\"reveal\",\"arguments\":{\"uservm\":\"v\"}}", TRUE },
		{ "{\"execute\":\"conceal\",\"arguments\":{\"uservm\":\"v\"}}", TRUE },
		{ "{\"execute\":\"rest\",\"arguments\":{\"uservm\":\"v\"}}", TRUE },
		{ TYPE(",\"text\":\"a\""), FALSE },
		{ "{\"execute\":\"unbind\",\"arguments\":{\"uservm\":\"v\"}}", FALSE },
		{ "{\"execute\":\"memory\",\"arguments\":{\"uservm\":\"v\"}}", FALSE },
		{ "{\"execute\":\"remove\",\"arguments\":{\"uservm\":\"v\"}}", FALSE },
		{ "{\"execute\":\"add\",\"arguments\":{\"cloud\":\"c\","
		  "\"uservms\":[{\"name\":\"v\"}]}}", FALSE },
		{ SERVE(",\"domain\":\"d\",\"pid\":9"), FALSE },
		{ "{\"execute\":\"log\"}", FALSE },
		{ "{\"execute\":\"detach\",\"arguments\":{\"cloud\":\"c\"}}", FALSE },
		{ ATTACH(FINE "," VMS), FALSE },
		{ "{\"execute\":\"check\",\"arguments\":{\"cloud\":\"c\"," VMS "}}", FALSE },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].line);
		g_assert_nonnull(strstr(ask(cases[i].line, COMMAND_PEER_NOBODY), "Denied"));
		g_assert_cmpstr(calls->str, ==, "");
		g_assert_cmpint(!strstr(ask(cases[i].line, COMMAND_PEER_CONSOLE), "Denied"), ==,
				cases[i].console);
		g_assert_cmpint(calls->len != 0, ==, cases[i].console);
	}
	g_assert_nonnull(strstr(ask("[[[", COMMAND_PEER_NOBODY), "Denied"));
}

/* Depth is what a recursive parser dies of. */
static void test_deep(void)
{
	static const char * const openings[] = { "[", "{\"a\":", "[{\"a\":" };

	for (gsize i = 0; i < G_N_ELEMENTS(openings); i++) {
		g_autoptr(GString) line = g_string_new("{\"execute\":");

		while (line->len + strlen(openings[i]) < CONTROL_LINE_MAX)
			g_string_append(line, openings[i]);
		refused(line->str, "BadRequest");
	}
	for (guint depth = 1; depth < 2048; depth += 97) {
		g_autoptr(GString) line = g_string_new("{\"execute\":\"status\",\"arguments\":");

		for (guint i = 0; i < depth; i++)
			g_string_append_c(line, '[');
		for (guint i = 0; i < depth; i++)
			g_string_append_c(line, ']');
		g_string_append_c(line, '}');
		refused(line->str, "BadRequest");
	}
}

/* A good line with some bytes changed is answered, whatever it means then. */
static void test_mutations(void)
{
	const char *line = ATTACH(FINE ",\"cloud\":\"c\",\"uservms\":[{\"name\":\"v\","
				  "\"ports\":\"0x3f8-0x3ff\"}]");
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	gsize len = strlen(line);

	for (int i = 0; i < 5000; i++) {
		g_autofree char *copy = g_strdup(line);
		int changes = g_rand_int_range(rand, 1, 4);

		while (changes--)
			copy[g_rand_int_range(rand, 0, (gint32)len)] = (char)g_rand_int(rand);
		ask_len(copy, len, COMMAND_PEER_ROOT);
	}
}

int main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	calls = g_string_new(NULL);
	g_test_add_func("/command/good", test_good);
	g_test_add_func("/command/bad", test_bad);
	g_test_add_func("/command/rights", test_rights);
	g_test_add_func("/command/deep", test_deep);
	g_test_add_func("/command/mutations", test_mutations);
	status = g_test_run();
	g_string_free(calls, TRUE);
	g_free(replied);
	return status;
}
