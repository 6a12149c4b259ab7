// SPDX-License-Identifier: GPL-2.0
/* vsbctl's command line: one table of commands, each with its own options. */
#include "vsbctl-args.h"

#include <string.h>

#include "control-socket.h"
#include "error.h"
#include "identity-store.h"
#include "irq-mode.h"
#include "keymap.h"
#include "keys.h"
#include "names.h"
#include "vsbctl-watch.h"

/* Every value that an option can set; each command uses its own. */
struct values {
	char *socket;
	gboolean json;
	gboolean reflect;
	gboolean replace;
	char *identity;
	char *cloud;
	int pid;
	char *agent;
	char *irq;
	char *unclaimed;
	char *keymap;
	int lines;
	gboolean live;
	int limit;
	char *core;
	char *save;
	char *against;
};

struct command {
	const char *name;
	const char *usage;	/* after the options */
	const char *summary;
	/* Fills in the arguments of the request, from options and words. */
	gboolean (*build)(const struct values *values, char **words, JsonObject *arguments,
			  GError **error);
	const char *options;	/* letters of the entries below that it has */
};

static gboolean usage_error(GError **error, const char *text)
{
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST, text);
	return FALSE;
}

static gboolean one_word(char **words, const char *what, GError **error)
{
	if (g_strv_length(words) == 1)
		return vsb_name_check(what, words[0], error);
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST, "give the name of one %s", what);
	return FALSE;
}

static gboolean build_status(const struct values *values, char **words, JsonObject *arguments,
			     GError **error)
{
	return words[0] ? usage_error(error, "it takes no names") : TRUE;
}

/*
 * What is behind NAME=: ranges of ports and identity=MODE, separated by commas.
 * *ports and *mode are (transfer full), NULL if they are not given.
 */
static gboolean split_uservm(const char *text, char **ports, char **mode, GError **error)
{
	g_auto(GStrv) items = g_strsplit(text, ",", -1);
	g_autoptr(GString) ranges = g_string_new(NULL);
	struct vsb_ports parsed;
	gboolean required, any = FALSE;

	for (char **item = items; *item; item++) {
		if (g_str_has_prefix(*item, "identity=")) {
			if (*mode)
				return usage_error(error, "identity= is given twice");
			*mode = g_strdup(*item + strlen("identity="));
			continue;
		}
		g_string_append_printf(ranges, "%s%s", any ? "," : "", *item);
		any = TRUE;
	}
	if (*mode && !identity_mode_parse(*mode, &required, error))
		return FALSE;
	if (*mode && !any)
		return TRUE;
	*ports = g_strdup(ranges->str);
	return vsb_ports_parse(*ports, &parsed, error);
}

static gboolean add_uservm(JsonArray *uservms, const char *word, GError **error)
{
	const char *equal = strchr(word, '=');
	g_autofree char *name = equal ? g_strndup(word, (gsize)(equal - word)) : g_strdup(word);
	g_autofree char *ports = NULL, *mode = NULL;
	JsonObject *uservm;

	if (!vsb_name_check("user VM", name, error) ||
	    (equal && !split_uservm(equal + 1, &ports, &mode, error)))
		return FALSE;
	uservm = json_object_new();
	json_object_set_string_member(uservm, "name", name);
	if (ports)
		json_object_set_string_member(uservm, "ports", ports);
	if (mode)
		json_object_set_string_member(uservm, "identity", mode);
	json_array_add_object_element(uservms, uservm);
	return TRUE;
}

static gboolean build_attach(const struct values *values, char **words, JsonObject *arguments,
			     GError **error)
{
	g_autoptr(JsonArray) uservms = json_array_new();
	g_autofree char *agent = NULL;
	enum irq_mode irq;

	if (values->pid <= 0)
		return usage_error(error, "give --pid, the process of the cloud VM's QEMU");
	if (!words[0])
		return usage_error(error, "name at least one user VM");
	if (!irq_mode_parse(values->irq ? values->irq : IRQ_MODE_DEFAULT, &irq, error))
		return FALSE;
	if (irq == IRQ_MODE_AGENT && !values->agent)
		return usage_error(error, "with --irq agent give --agent, the UNIX socket of the "
				   "agent's virtio-serial port; or --irq auto");
	if (values->cloud && !vsb_name_check("cloud VM", values->cloud, error))
		return FALSE;
	if (values->unclaimed && strcmp(values->unclaimed, "absorb") &&
	    strcmp(values->unclaimed, "reflect"))
		return usage_error(error, "--unclaimed is 'absorb' or 'reflect'");
	for (char **word = words; *word; word++)
		if (!add_uservm(uservms, *word, error))
			return FALSE;
	if (values->cloud)
		json_object_set_string_member(arguments, "cloud", values->cloud);
	json_object_set_int_member(arguments, "pid", values->pid);
	/* vsbypassd runs elsewhere: give it an absolute path. */
	if (values->agent) {
		agent = g_path_is_absolute(values->agent) ? g_strdup(values->agent) :
			g_canonicalize_filename(values->agent, NULL);
		json_object_set_string_member(arguments, "agent", agent);
	}
	if (values->irq)
		json_object_set_string_member(arguments, "irq", values->irq);
	if (values->unclaimed)
		json_object_set_string_member(arguments, "unclaimed", values->unclaimed);
	json_object_set_array_member(arguments, "uservms", g_steal_pointer(&uservms));
	return TRUE;
}

static gboolean build_add(const struct values *values, char **words, JsonObject *arguments,
			  GError **error)
{
	g_autoptr(JsonArray) uservms = json_array_new();

	if (!words[0] || !words[1])
		return usage_error(error, "give a cloud VM and at least one user VM");
	if (!vsb_name_check("cloud VM", words[0], error))
		return FALSE;
	for (char **word = words + 1; *word; word++)
		if (!add_uservm(uservms, *word, error))
			return FALSE;
	json_object_set_string_member(arguments, "cloud", words[0]);
	json_object_set_array_member(arguments, "uservms", g_steal_pointer(&uservms));
	return TRUE;
}

static gboolean build_detach(const struct values *values, char **words, JsonObject *arguments,
			     GError **error)
{
	if (!one_word(words, "cloud VM", error))
		return FALSE;
	json_object_set_string_member(arguments, "cloud", words[0]);
	if (values->reflect)
		json_object_set_boolean_member(arguments, "reflect", TRUE);
	return TRUE;
}

static gboolean build_uservm(const struct values *values, char **words, JsonObject *arguments,
			     GError **error)
{
	if (!one_word(words, "user VM", error))
		return FALSE;
	json_object_set_string_member(arguments, "uservm", words[0]);
	return TRUE;
}

static gboolean check_limit(const struct values *values, GError **error)
{
	if (values->limit >= 1 && values->limit <= VSB_MAX_STOP_MS / 1000)
		return TRUE;
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
		    "--limit is from 1 to %d seconds", VSB_MAX_STOP_MS / 1000);
	return FALSE;
}

/* The file is for vsbctl itself. */
static gboolean build_dump(const struct values *values, char **words, JsonObject *arguments,
			   GError **error)
{
	if (g_strv_length(words) != 2 || !words[1][0])
		return usage_error(error, "give a user VM and a file");
	if (!vsb_name_check("user VM", words[0], error))
		return FALSE;
	if (!check_limit(values, error))
		return FALSE;
	json_object_set_string_member(arguments, "uservm", words[0]);
	return TRUE;
}

/* What to look at is for vsbctl itself. */
static gboolean build_watch(const struct values *values, char **words, JsonObject *arguments,
			    GError **error)
{
	guint nr = g_strv_length(words);
	const char *what = nr ? words[nr - 1] : "";

	if (nr != (values->core ? 1 : 2))
		return usage_error(error, values->core ?
				   "with --core give only what to look at" :
				   "give a user VM and what to look at, or --core FILE");
	if (!watch_is_known(what))
		return usage_error(error, WATCH_LOOKS);
	if ((values->save || values->against) && strcmp(what, "text"))
		return usage_error(error, "--save and --against are of 'text'");
	if (!check_limit(values, error))
		return FALSE;
	if (values->core)
		return TRUE;
	if (!vsb_name_check("user VM", words[0], error))
		return FALSE;
	json_object_set_string_member(arguments, "uservm", words[0]);
	return TRUE;
}

static gboolean build_serve(const struct values *values, char **words, JsonObject *arguments,
			    GError **error)
{
	if (values->pid <= 0)
		return usage_error(error, "give --pid, the process of the domain's QEMU");
	if (g_strv_length(words) != 3)
		return usage_error(error, "give a cloud VM, a user VM and a domain");
	if (!vsb_name_check("cloud VM", words[0], error) ||
	    !vsb_name_check("user VM", words[1], error) ||
	    !vsb_name_check("domain", words[2], error))
		return FALSE;
	json_object_set_string_member(arguments, "cloud", words[0]);
	json_object_set_string_member(arguments, "uservm", words[1]);
	json_object_set_string_member(arguments, "domain", words[2]);
	json_object_set_int_member(arguments, "pid", values->pid);
	return TRUE;
}

static gboolean build_send_break(const struct values *values, char **words,
				 JsonObject *arguments, GError **error)
{
	if (!words[0] || words[1])
		return usage_error(error, "give one console");
	if (!vsb_console_name_check(words[0], error))
		return FALSE;
	json_object_set_string_member(arguments, "uservm", words[0]);
	return TRUE;
}

static gboolean build_send_key(const struct values *values, char **words,
			       JsonObject *arguments, GError **error)
{
	g_autofree char *keys = NULL;
	g_autoptr(GArray) strokes = NULL;

	if (!words[0] || !words[1])
		return usage_error(error, "give a user VM and at least one key");
	if (!vsb_name_check("user VM", words[0], error))
		return FALSE;
	keys = g_strjoinv(" ", words + 1);
	strokes = keys_parse(keys, error);
	if (!strokes)
		return FALSE;
	json_object_set_string_member(arguments, "uservm", words[0]);
	json_object_set_string_member(arguments, "keys", keys);
	return TRUE;
}

/* The text comes later, from standard input. */
static gboolean build_type(const struct values *values, char **words, JsonObject *arguments,
			   GError **error)
{
	if (!one_word(words, "user VM", error))
		return FALSE;
	json_object_set_string_member(arguments, "uservm", words[0]);
	if (values->keymap)
		json_object_set_string_member(arguments, "keymap", values->keymap);
	return TRUE;
}

static gboolean build_log(const struct values *values, char **words, JsonObject *arguments,
			  GError **error)
{
	if (words[0])
		return usage_error(error, "'log' takes no names");
	if (values->lines < 1 || values->lines > CONTROL_LOG_MAX) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "-n is from 1 to %d", CONTROL_LOG_MAX);
		return FALSE;
	}
	json_object_set_int_member(arguments, "lines", values->lines);
	return TRUE;
}

/* Not sent: the files are for vsbctl itself. */
static gboolean build_files(const struct values *values, char **words, JsonObject *arguments,
			    GError **error)
{
	g_autoptr(JsonArray) files = json_array_new();

	if (!words[0])
		return usage_error(error, "give the XML of a domain: a file, or - for standard input");
	for (char **word = words; *word; word++)
		json_array_add_string_element(files, *word);
	json_object_set_array_member(arguments, "files", g_steal_pointer(&files));
	return TRUE;
}

static const struct command commands[] = {
	{ "status", "", "Shows cloud VMs, their user VMs and proxies", build_status, "" },
	{ "list", "", "Shows who the user VMs are: page tables, vCPUs, how and since when bound",
	  build_status, "" },
	{ "veil", "NAME", "Shows the veil of a user VM: pages that the cloud VM does not have",
	  build_uservm, "" },
	{ "metrics", "", "Prints the status as metrics for Prometheus", build_status, "" },
	{ "attach", "NAME[=[PORTS][,veil=MIB][,watch=WHO][,identity=MODE]]...",
	  "Attaches a cloud VM, with a proxy for each user VM\n"
	  "NAMEs are in the order in which the user VMs will start. PORTS are ranges such as\n"
	  "0x3f8-0x3ff (the default), separated by commas; with front=off among them the\n"
	  "module hands each access to the proxy, ps2 adds keyboard and mouse, start=client has the\n"
	  "proxy's process started by the first client of its console. With veil=MIB the\n"
	  "user VM's memory is kept from the cloud VM, up to so much; WHO lets the host read it: owner\n"
	  "(the default), host or none. MODE is first-seen (the default) or\n"
	  "required: nothing passes until the user VM has proved who it is.",
	  build_attach, "cpaIu" },
	{ "add", "CLOUD NAME[=[PORTS][,veil=MIB][,watch=WHO][,identity=MODE]]...",
	  "Adds proxies to the pool of a cloud VM\n"
	  "NAMEs are as for 'attach', behind those that there are.", build_add, "" },
	{ "remove", "NAME", "Takes a user VM's proxy away; its ports stay absorbed",
	  build_uservm, "" },
	{ "serve", "CLOUD NAME DOMAIN",
	  "Has the QEMU of a domain be a user VM's proxy, in place of vsbypassd's\n"
	  "The libvirt hook does so, see vsbypass-domain(5). The QEMU of any other process needs\n"
	  "-name DOMAIN,debug-threads=on, the user VM's devices, and firmware that only halts.",
	  build_serve, "P" },
	{ "detach", "CLOUD", "Detaches a cloud VM and ends its proxies", build_detach, "r" },
	{ "send-break", "CONSOLE", "Sends a break on a serial line of a user VM\n"
	  "A CONSOLE is the NAME of a user VM, or, if it has more, NAME.com2 and so on.",
	  build_send_break, "" },
	{ "send-key", "NAME KEYS...", "Presses keys on the PS/2 keyboard of a user VM\n"
	  "KEYS are e.g. ctrl-alt-delete, alt-sysrq-h or ret; names as in QEMU (QKeyCode). Each\n"
	  "waits until the user VM has read those before.", build_send_key, "" },
	{ "type", "NAME <FILE", "Types text on the PS/2 keyboard of a user VM\n"
	  "The text is what standard input has, UTF-8, at most 4096 characters; a newline is the\n"
	  "Return key. The user VM must have the layout of --keymap, and Caps Lock off.",
	  build_type, "k" },
	{ "dump", "NAME FILE", "Writes the memory of a user VM into a file, an ELF core\n"
	  "crash(8) and drgn(1) open it. It has what the user VM has in memory, passwords too. The\n"
	  "user VM stands meanwhile, unless --live: then the picture may be out of joint.",
	  build_dump, "lL" },
	{ "watch", "NAME ps|files|modules|text", "Shows what goes on in a user VM, from outside\n"
	  "Of a Linux: processes, their files, kernel modules, or whether its code was changed. What is in one of\n"
	  "the kernel's structures and missing in another is marked: somebody hides it. With --core\n"
	  "FILE in place of a NAME a core is looked at, of 'vsbctl dump' or 'virsh dump\n"
	  "--memory-only'; that does not need vsbypassd.", build_watch, "lWCSA" },
	{ "key", "NAME", "Makes the key with which a user VM proves who it is, and prints it\n"
	  "The host's copy is stored. What is printed belongs into a file in the user VM,\n"
	  "see vsb-identify(8). Does not need vsbypassd.", build_uservm, "iR" },
	{ "unbind", "NAME", "Frees a user VM's proxy for the next user VM", build_uservm, "" },
	{ "log", "", "Prints the last messages of vsbypassd", build_log, "n" },
	{ "validate", "FILE...", "Checks the element of VSBypass in the XML of libvirt domains\n"
	  "FILEs are as 'virsh dumpxml' prints them, - is standard input. Checked is what the\n"
	  "libvirt hook checks before a start, but for what only vsbypassd knows. Does not\n"
	  "need vsbypassd.", build_files, "" },
};

static const struct command *find_command(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* Of what "status" says. */
static gboolean is_view(const struct command *command)
{
	static const char *const views[] = { "list", "metrics", "veil", NULL };

	return g_strv_contains(views, command->name);
}

/* Is done with the memory of the user VM, by vsbctl itself. */
static gboolean reads_memory(const struct command *command)
{
	return !strcmp(command->name, "dump") || !strcmp(command->name, "watch");
}

static char *overview(void)
{
	GString *text = g_string_new(
		"Usage: vsbctl COMMAND [OPTION...] [ARGUMENT...]\n\n"
		"Controls vsbypassd(8). 'vsbctl COMMAND --help' explains a command.\n\nCommands:\n");

	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
		const char *end = strchrnul(commands[i].summary, '\n');

		g_string_append_printf(text, "  %-11s %.*s\n", commands[i].name,
				       (int)(end - commands[i].summary), commands[i].summary);
	}
	g_string_append(text,
		"\nOptions of all commands:\n"
		"  --socket=PATH   vsbypassd's socket (default /run/vsbypass/control.sock)\n"
		"  --json          Print the reply as JSON\n"
		"  -h, --help      Show this\n\n"
		"Exit status: 0 done, 1 refused or failed, 2 usage.\n");
	return g_string_free(text, FALSE);
}

/* Parses the words after the command; argv is (transfer full). */
static gboolean parse_command(const struct command *command, char **argv,
			      struct values *values, struct vsbctl_args *args,
			      char ***words, GError **error)
{
	/* The letter selects an entry; 0: all commands have it. */
	const struct {
		char letter;
		GOptionEntry entry;
	} all[] = {
		{ 0, { "socket", 0, 0, G_OPTION_ARG_FILENAME, &values->socket,
		       "vsbypassd's socket (default /run/vsbypass/control.sock)", "PATH" } },
		{ 0, { "json", 0, 0, G_OPTION_ARG_NONE, &values->json,
		       "Print the reply as JSON", NULL } },
		{ 0, { "help", 'h', 0, G_OPTION_ARG_NONE, NULL, "Show this", NULL } },
		{ 'c', { "cloud", 0, 0, G_OPTION_ARG_STRING, &values->cloud,
			 "Name of the cloud VM (default cloud-PID)", "NAME" } },
		{ 'p', { "pid", 0, 0, G_OPTION_ARG_INT, &values->pid,
			 "Process of the cloud VM's QEMU", "PID" } },
		{ 'P', { "pid", 0, 0, G_OPTION_ARG_INT, &values->pid,
			 "Process of the domain's QEMU", "PID" } },
		{ 'a', { "agent", 0, 0, G_OPTION_ARG_FILENAME, &values->agent,
			 "UNIX socket of its virtio-serial port org.vsbypass.agent.0, if it has "
			 "an agent", "PATH" } },
		{ 'I', { "irq", 0, 0, G_OPTION_ARG_STRING, &values->irq,
			 "How interrupts come to user VMs: by the module, with the help of an agent "
			 "where one is connected (auto), by synthetic exits alone (exit), by an agent "
			 "alone (agent); default " IRQ_MODE_DEFAULT, "auto|exit|agent" } },
		{ 'u', { "unclaimed", 0, 0, G_OPTION_ARG_STRING, &values->unclaimed,
			 "What user VMs without a proxy see: an unplugged device (absorb, "
			 "default) or the guest hypervisor's (reflect)", "absorb|reflect" } },
		{ 'r', { "reflect", 0, 0, G_OPTION_ARG_NONE, &values->reflect,
			 "Give the ports back to the guest hypervisor (else they stay absorbed "
			 "until the cloud VM ends)", NULL } },
		{ 'i', { "identity", 0, 0, G_OPTION_ARG_FILENAME, &values->identity,
			 "Folder of the host's keys (default " IDENTITY_DIR ")", "DIR" } },
		{ 'R', { "replace", 0, 0, G_OPTION_ARG_NONE, &values->replace,
			 "Make a new key in place of an earlier one", NULL } },
		{ 'k', { "keymap", 0, 0, G_OPTION_ARG_STRING, &values->keymap,
			 "Layout of the user VM's keyboard: en-us (default) or de", "NAME" } },
		{ 'l', { "live", 0, 0, G_OPTION_ARG_NONE, &values->live,
			 "Let the user VM run on", NULL } },
		{ 'L', { "limit", 0, 0, G_OPTION_ARG_INT, &values->limit,
			 "Seconds that it may stand, 1 to 60 (default 60); if it takes longer there "
			 "is no file", "SECONDS" } },
		{ 'W', { "limit", 0, 0, G_OPTION_ARG_INT, &values->limit,
			 "Seconds that it may stand, 1 to 60 (default 60); if it takes longer nothing "
			 "is shown", "SECONDS" } },
		{ 'C', { "core", 0, 0, G_OPTION_ARG_FILENAME, &values->core,
			 "Look at a core in place of a user VM", "FILE" } },
		{ 'S', { "save", 0, 0, G_OPTION_ARG_FILENAME, &values->save,
			 "Of 'text': write what was seen into a file, for --against", "FILE" } },
		{ 'A', { "against", 0, 0, G_OPTION_ARG_FILENAME, &values->against,
			 "Of 'text': show what has changed since --save", "FILE" } },
		{ 'n', { "lines", 'n', 0, G_OPTION_ARG_INT, &values->lines,
			 "How many (default 50)", "N" } },
	};
	GOptionEntry entries[G_N_ELEMENTS(all) + 1] = { 0 };
	g_autofree char *usage = g_strdup_printf("%s %s", command->name, command->usage);
	g_autoptr(GOptionContext) context = NULL;
	gboolean help = FALSE;
	guint n = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
		if (all[i].letter && !strchr(command->options, all[i].letter))
			continue;
		entries[n] = all[i].entry;
		if (!entries[n].arg_data)
			entries[n].arg_data = &help;
		n++;
	}
	context = g_option_context_new(usage);
	/* GLib's own --help would end the program. */
	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_set_summary(context, command->summary);
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse_strv(context, &argv, error)) {
		g_strfreev(argv);
		return FALSE;
	}
	if (help)
		args->help = g_option_context_get_help(context, TRUE, NULL);
	/* argv[0] is the program; "--" may be left over. */
	*words = g_strdupv(argv[1] && !strcmp(argv[1], "--") ? argv + 2 : argv + 1);
	g_strfreev(argv);
	return TRUE;
}

/* The command is the first word; options may be before it. */
static const char *take_command(GPtrArray *argv)
{
	for (guint i = 1; i < argv->len; i++) {
		const char *word = argv->pdata[i];

		if (!strcmp(word, "--socket") && i + 1 < argv->len) {
			i++;
			continue;
		}
		if (word[0] == '-')
			continue;
		for (gsize c = 0; c < G_N_ELEMENTS(commands); c++) {
			if (strcmp(commands[c].name, word))
				continue;
			g_ptr_array_remove_index(argv, i);
			return commands[c].name;
		}
		return word;
	}
	return NULL;
}

struct vsbctl_args *vsbctl_args_parse(const char *const *argv, GError **error)
{
	struct vsbctl_args *args = g_new0(struct vsbctl_args, 1);
	GPtrArray *rest = g_ptr_array_new_with_free_func(g_free);
	struct values values = { .lines = 50, .limit = VSB_MAX_STOP_MS / 1000 };
	g_auto(GStrv) words = NULL;
	const struct command *command;
	JsonObject *arguments = NULL;
	gboolean fine = FALSE;
	const char *name;

	for (; *argv; argv++)
		g_ptr_array_add(rest, g_strdup(*argv));
	name = take_command(rest);
	if (!name) {
		for (guint i = 1; i < rest->len && !args->help; i++)
			if (!strcmp(rest->pdata[i], "--help") || !strcmp(rest->pdata[i], "-h"))
				args->help = overview();
		if (!args->help)
			usage_error(error, "which command? see vsbctl --help");
		fine = args->help != NULL;
		goto out;
	}
	command = find_command(name);
	if (!command) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "there is no command '%s'; see vsbctl --help", name);
		goto out;
	}
	args->command = command->name;
	g_ptr_array_add(rest, NULL);
	g_ptr_array_set_free_func(rest, NULL);
	fine = parse_command(command, (char **)g_ptr_array_free(g_steal_pointer(&rest), FALSE),
			     &values, args, &words, error);
	if (!fine || args->help)
		goto out;
	arguments = json_object_new();
	args->request = json_object_new();
	/* Another view of the same. */
	json_object_set_string_member(args->request, "execute",
				      is_view(command) ? "status" :
				      reads_memory(command) ? "memory" : command->name);
	json_object_set_object_member(args->request, "arguments", arguments);
	fine = command->build(&values, words, arguments, error);
	/* That is for us. */
	if (fine && is_view(command) && words[0]) {
		args->uservm = g_strdup(words[0]);
		json_object_remove_member(arguments, "uservm");
	}
	args->json = values.json;
	args->replace = values.replace;
	args->live = values.live;
	args->limit = (guint)values.limit;
	if (fine && !strcmp(command->name, "dump"))
		args->file = g_strdup(words[1]);
	if (fine && !strcmp(command->name, "watch"))
		args->watch = g_strdup(words[g_strv_length(words) - 1]);
	args->core = g_steal_pointer(&values.core);
	args->save = g_steal_pointer(&values.save);
	args->against = g_steal_pointer(&values.against);
	args->identity_dir = g_strdup(values.identity ? values.identity : IDENTITY_DIR);
	args->socket = values.socket ? g_strdup(values.socket) :
		       g_strdup(CONTROL_SOCKET);
out:
	if (rest)
		g_ptr_array_unref(rest);
	g_free(values.socket);
	g_free(values.cloud);
	g_free(values.agent);
	g_free(values.irq);
	g_free(values.unclaimed);
	g_free(values.identity);
	g_free(values.keymap);
	g_free(values.core);
	g_free(values.save);
	g_free(values.against);
	if (fine)
		return args;
	vsbctl_args_free(args);
	return NULL;
}

void vsbctl_args_free(struct vsbctl_args *args)
{
	if (!args)
		return;
	g_free(args->help);
	g_free(args->socket);
	g_free(args->identity_dir);
	g_free(args->file);
	g_free(args->watch);
	g_free(args->core);
	g_free(args->save);
	g_free(args->against);
	g_free(args->uservm);
	if (args->request)
		json_object_unref(args->request);
	g_free(args);
}
