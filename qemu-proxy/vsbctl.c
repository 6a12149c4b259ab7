// SPDX-License-Identifier: GPL-2.0
/* vsbctl: one command to vsbypassd, its reply printed. */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"
#include "identity-store.h"
#include "json-line.h"
#include "keymap.h"
#include "command.h"
#include "vsbctl-args.h"
#include "vsbctl-show.h"

/* A reply lists up to some thousand user VMs, with two objects each. */
#define REPLY_MAX_OPEN	100000
#define PROGRESS_MS	1000

static int connect_to(const char *path, GError **error)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path)) >= sizeof(addr.sun_path)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "the path %s is too long", path);
	} else if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		const char *advice = errno == ENOENT || errno == ECONNREFUSED ?
				     "; is vsbypassd running?" :
				     errno == EACCES ? "; are you root?" : "";

		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: %s%s", path,
			    g_strerror(errno), advice);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static gboolean send_all(int fd, const char *data, gsize len, GError **error)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "sending: %s",
				    g_strerror(errno));
			return FALSE;
		}
		data += n;
		len -= (gsize)n;
	}
	return TRUE;
}

/* Return: (transfer full): the reply line, without newline. */
static GString *receive_line(int fd, GError **error)
{
	g_autoptr(GString) line = g_string_new(NULL);
	char buf[4096];

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		const char *end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
					    "vsbypassd closed the connection without a reply");
			return NULL;
		}
		end = memchr(buf, '\n', (gsize)n);
		g_string_append_len(line, buf, end ? end - buf : n);
		if (end)
			return g_steal_pointer(&line);
		if (line->len > COMMAND_REPLY_MAX) {
			g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
					    "the reply is too long; is that vsbypassd?");
			return NULL;
		}
	}
}

/*
 * Until there is something to receive. A person who waits for keys to be typed is shown
 * how far that is.
 */
static void wait_for_reply(const struct vsbctl_args *args, int fd)
{
	static const char status[] = "{\"execute\":\"status\"}\n";
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	JsonObject *arguments = json_object_get_object_member(args->request, "arguments");
	const char *uservm = json_object_get_string_member_with_default(arguments, "uservm", "");
	gboolean any = FALSE;
	JsonNode *node;

	if ((strcmp(args->command, "type") && strcmp(args->command, "send-key")) ||
	    !isatty(STDERR_FILENO))
		return;
	while (!poll(&pollfd, 1, PROGRESS_MS)) {
		g_autoptr(GString) line = NULL;
		g_autoptr(JsonObject) reply = NULL;
		g_autofree char *text = NULL;
		int other = connect_to(args->socket, NULL);

		if (other >= 0 && send_all(other, status, strlen(status), NULL))
			line = receive_line(other, NULL);
		if (other >= 0)
			close(other);
		if (line)
			reply = json_line_parse(line->str, line->len, REPLY_MAX_OPEN, NULL);
		node = reply ? json_object_get_member(reply, "return") : NULL;
		if (node && JSON_NODE_HOLDS_OBJECT(node))
			text = vsbctl_show_typing(uservm, json_node_get_object(node));
		if (text)
			fprintf(stderr, "\r%s", text);
		any |= text != NULL;
	}
	if (any)
		fputc('\n', stderr);
}

/* Return: (transfer full): "return" of the reply, or NULL with its "error". */
static JsonObject *ask(const struct vsbctl_args *args, GString **line, GError **error)
{
	g_autoptr(JsonObject) reply = NULL;
	g_autofree char *request = NULL;
	JsonNode *node;
	gsize len;
	int fd = connect_to(args->socket, error);

	if (fd < 0)
		return NULL;
	request = json_line_format(args->request, &len);
	if (send_all(fd, request, len, error)) {
		wait_for_reply(args, fd);
		*line = receive_line(fd, error);
	}
	close(fd);
	if (!*line)
		return NULL;
	reply = json_line_parse((*line)->str, (*line)->len, REPLY_MAX_OPEN, error);
	if (!reply)
		return NULL;
	node = json_object_get_member(reply, "return");
	if (node && JSON_NODE_HOLDS_OBJECT(node))
		return json_object_ref(json_node_get_object(node));
	node = json_object_get_member(reply, "error");
	if (node && JSON_NODE_HOLDS_OBJECT(node)) {
		const char *desc = "no reason given";

		json_line_string(json_node_get_object(node), "desc", FALSE, &desc, NULL);
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, desc);
	} else {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "the reply makes no sense; is that vsbypassd?");
	}
	return NULL;
}

/* The one command that vsbypassd has no part in: nobody but root needs the key. */
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
	text = vsbctl_show(args->command, result);
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
