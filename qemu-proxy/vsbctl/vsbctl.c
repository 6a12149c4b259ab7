// SPDX-License-Identifier: GPL-2.0
/* vsbctl: one command to vsbypassd, its reply printed. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control-client.h"
#include "error.h"
#include "identity-store.h"
#include "json-line.h"
#include "keymap.h"
#include "vsbctl-args.h"
#include "vsbctl-dump.h"
#include "vsbctl-metrics.h"
#include "vsbctl-show.h"
#include "vsbctl-watch.h"

#define HOOK	"vsb-libvirt-hook"

/* A person who waits for keys to be typed is shown how far that is. */
struct progress {
	const struct vsbctl_args *args;
	gboolean any;
};

static void show_progress(gpointer data)
{
	struct progress *progress = data;
	const struct vsbctl_args *args = progress->args;
	JsonObject *arguments = json_object_get_object_member(args->request, "arguments");
	g_autoptr(JsonObject) request = json_object_new();
	g_autoptr(JsonObject) status = NULL;
	g_autoptr(GString) line = NULL;
	g_autofree char *text = NULL;

	json_object_set_string_member(request, "execute", "status");
	status = control_ask(args->socket, request, NULL, &line, NULL);
	if (status)
		text = vsbctl_show_typing(json_object_get_string_member_with_default(
			arguments, "uservm", ""), status);
	if (text)
		fprintf(stderr, "\r%s", text);
	progress->any |= text != NULL;
}

static JsonObject *ask(const struct vsbctl_args *args, GString **line, GError **error)
{
	struct progress progress = { args, FALSE };
	const struct control_wait wait = {
		.timeout_ms = -1,
		.each_second = (!strcmp(args->command, "type") ||
				!strcmp(args->command, "send-key")) && isatty(STDERR_FILENO) ?
			       show_progress : NULL,
		.data = &progress,
	};
	JsonObject *result = control_ask(args->socket, args->request, &wait, line, error);

	if (progress.any)
		fputc('\n', stderr);
	return result;
}

/* vsbypassd has no part in it: nobody but root needs the key. */
static int make_key(const struct vsbctl_args *args)
{
	JsonObject *arguments = json_object_get_object_member(args->request, "arguments");
	const char *name = json_object_get_string_member(arguments, "uservm");
	g_autoptr(JsonObject) result = json_object_new();
	g_autoptr(JsonObject) reply = json_object_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *json = NULL;
	char *key = identity_create(args->identity_dir, name, args->replace, &error);
	gsize len;

	if (!key) {
		fprintf(stderr, "vsbctl: %s\n", error->message);
		return 1;
	}
	if (args->json) {
		json_object_set_string_member(result, "key", g_strchomp(key));
		json_object_set_object_member(reply, "return", g_steal_pointer(&result));
		json = json_line_format(reply, &len);
		fputs(json, stdout);
	} else {
		fputs(key, stdout);
	}
	explicit_bzero(key, strlen(key));
	g_free(key);
	return 0;
}

/*
 * The hook does it, which reads the same XML: its libraries are larger than all of ours.
 * Beside us, as installed: its folder may not be in a user's PATH.
 */
static int validate(const struct vsbctl_args *args)
{
	JsonArray *files = json_object_get_array_member(
		json_object_get_object_member(args->request, "arguments"), "files");
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *dir = self ? g_path_get_dirname(self) : g_strdup(".");
	g_autofree char *path = g_build_filename(dir, "..", "sbin", HOOK, NULL);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();

	g_ptr_array_add(argv, HOOK);
	g_ptr_array_add(argv, "--validate");
	for (guint i = 0; i < json_array_get_length(files); i++)
		g_ptr_array_add(argv, (char *)json_array_get_string_element(files, i));
	g_ptr_array_add(argv, NULL);
	execv(path, (char **)argv->pdata);
	execvp(HOOK, (char **)argv->pdata);
	fprintf(stderr, "vsbctl: " HOOK ": %s; it is installed with vsbctl\n", g_strerror(errno));
	return 1;
}

/* Return: (transfer full): why what is behind a veil is left out, or NULL. */
static char *concealed(const GString *line)
{
	g_autoptr(JsonObject) reply = line ? json_line_parse(line->str, line->len, 10, NULL) : NULL;
	JsonNode *node = reply ? json_object_get_member(reply, "return") : NULL;

	node = node && JSON_NODE_HOLDS_OBJECT(node) ?
	       json_object_get_member(json_node_get_object(node), "concealed") : NULL;
	return node && json_node_get_value_type(node) == G_TYPE_STRING ?
	       g_strdup(json_node_get_string(node)) : NULL;
}

/* What is printed is what was done with the descriptor. */
static int dump(const struct vsbctl_args *args)
{
	const struct dump_args how = {
		.file = args->file, .live = args->live, .limit_s = args->limit,
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) line = NULL;
	g_autofree char *text = NULL, *why = NULL;
	int fd = control_ask_fd(args->socket, args->request, &line, &error);

	if (fd >= 0) {
		why = concealed(line);
		if (why)
			fprintf(stderr, "vsbctl: what is behind the user VM's veil is left out: %s\n", why);
		text = dump_memory(fd, &how, &error);
		close(fd);
	}
	if (args->json && line)
		puts(line->str);
	if (!text) {
		fprintf(stderr, "vsbctl: %s\n", error->message);
		return 1;
	}
	if (!args->json)
		fputs(text, stdout);
	return 0;
}

static int watch(const struct vsbctl_args *args)
{
	const struct watch_args how = {
		.what = args->watch, .core = args->core, .live = args->live,
		.limit_s = args->limit, .save = args->save, .against = args->against,
		.json = args->json,
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) line = NULL;
	g_autofree char *text = NULL, *why = NULL;
	int fd = args->core ? -1 : control_ask_fd(args->socket, args->request, &line, &error);

	if (fd >= 0 || args->core)
		text = watch_look(fd, &how, &error);
	else if (args->json && line)
		puts(line->str);
	if (fd >= 0)
		close(fd);
	if (!text) {
		why = concealed(line);
		fprintf(stderr, "vsbctl: %s%s%s\n", error->message,
			why ? "; what is behind the user VM's veil is not to be seen: " : "", why ? why : "");
		return 1;
	}
	fputs(text, stdout);
	return 0;
}

/* Adds the text to be typed, from standard input, to the request. */
static gboolean add_text(const struct vsbctl_args *args, GError **error)
{
	JsonObject *arguments = json_object_get_object_member(args->request, "arguments");
	const char *map = KEYMAP_DEFAULT;
	g_autoptr(GArray) strokes = NULL;
	/* UTF-8 has up to 4 bytes a character, and a file perhaps \r\n */
	char text[KEYMAP_TEXT_MAX * 4 + 2];
	gsize len = fread(text, 1, sizeof(text) - 1, stdin);
	const char *cause = NULL;

	text[len] = '\0';
	if (ferror(stdin))
		cause = g_strerror(errno);
	else if (len == sizeof(text) - 1)
		cause = "it is too long";
	else if (strlen(text) != len || !g_utf8_validate(text, (gssize)len, NULL))
		cause = "it is no UTF-8 text";
	if (cause) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST, "standard input: %s", cause);
		return FALSE;
	}
	json_line_string(arguments, "keymap", FALSE, &map, NULL);
	strokes = keymap_strokes(map, text, error);
	json_object_set_string_member(arguments, "text", text);
	explicit_bzero(text, len);
	return strokes != NULL;
}

static int run(const struct vsbctl_args *args)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) line = NULL;
	g_autoptr(JsonObject) result = NULL;
	g_autofree char *text = NULL;

	if (args->help) {
		fputs(args->help, stdout);
		return 0;
	}
	if (!strcmp(args->command, "key"))
		return make_key(args);
	if (!strcmp(args->command, "validate"))
		return validate(args);
	if (!strcmp(args->command, "dump"))
		return dump(args);
	if (!strcmp(args->command, "watch"))
		return watch(args);
	if (strcmp(args->command, "type") || add_text(args, &error))
		result = ask(args, &line, &error);
	if (!result) {
		if (args->json && line)
			puts(line->str);
		fprintf(stderr, "vsbctl: %s\n", error->message);
		return 1;
	}
	if (args->json) {
		puts(line->str);
		return 0;
	}
	if (!strcmp(args->command, "metrics"))
		text = vsbctl_metrics(result);
	else if (!strcmp(args->command, "veil"))
		text = vsbctl_show_veil(args->uservm, result);
	else
		text = vsbctl_show(args->command, result);
	if (!text) {
		fprintf(stderr, "vsbctl: there is no user VM '%s'; see vsbctl status\n", args->uservm);
		return 1;
	}
	fputs(text, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	struct vsbctl_args *args;
	int status;

	setlocale(LC_ALL, "");
	args = vsbctl_args_parse((const char *const *)argv, &error);
	if (!args) {
		fprintf(stderr, "vsbctl: %s\n", error->message);
		return 2;
	}
	status = run(args);
	vsbctl_args_free(args);
	return status;
}
