// SPDX-License-Identifier: GPL-2.0
/*
 * vsbypassd's control socket: command.c, with all that reads arguments. Each line is a request; one
 * that begins with a blank is vsb-console's, with '!' nobody's.
 */
#include "fuzz.h"

#include <string.h>

#include "command.h"
#include "keys.h"

static guint answers;

static void on_done(gpointer data, JsonObject *result, const GError *error)
{
	gsize len;
	g_autofree char *line = command_reply(result, error, &len);

	/* One line, as text. */
	g_assert_true(line[len - 1] == '\n' && memchr(line, '\n', len) == line + len - 1);
	g_assert_true(g_utf8_validate(line, (gssize)len, NULL));
	answers++;
}

/* Written down and read again it is the same. */
static void same(const struct attach_args *args)
{
	g_autoptr(JsonObject) object = attach_args_format(args), second = NULL;
	g_autoptr(GError) error = NULL;
	struct attach_args *again = attach_args_parse(object, &error);

	g_assert_no_error(error);
	second = attach_args_format(again);
	g_assert_true(json_object_equal(object, second));
	attach_args_free(again);
}

static void on_attach(struct attach_args *args, command_done done, gpointer done_data, gpointer data)
{
	g_assert_cmpint(args->pid, >, 0);
	same(args);
	attach_args_free(args);
	done(done_data, NULL, NULL);
}

static void on_check(struct attach_args *args, command_done done, gpointer done_data, gpointer data)
{
	attach_args_free(args);
	done(done_data, NULL, NULL);
}

static void on_name(const char *name, command_done done, gpointer done_data, gpointer data)
{
	/* It becomes a path. */
	g_assert_true(!strchr(name, '/') && name[0] != '.');
	done(done_data, NULL, NULL);
}

static void on_detach(const char *cloud, gboolean reflect, command_done done, gpointer done_data,
		      gpointer data)
{
	on_name(cloud, done, done_data, data);
}

static void on_status(command_done done, gpointer done_data, gpointer data)
{
	done(done_data, NULL, NULL);
}

static void on_type(const char *uservm, GArray *strokes, const char *unit, command_done done,
		    gpointer done_data, gpointer data)
{
	for (guint i = 0; i < strokes->len; i++) {
		const struct stroke *stroke = &g_array_index(strokes, struct stroke, i);

		g_assert_true(stroke->nr && stroke->nr <= STROKE_KEYS && stroke->bytes <= KEYS_QUEUE);
	}
	g_assert_cmpuint(strokes->len, >, 0);
	g_array_unref(strokes);
	on_name(uservm, done, done_data, data);
}

static void on_reveal(const char *uservm, gboolean reveal, command_done done, gpointer done_data,
		      gpointer data)
{
	on_name(uservm, done, done_data, data);
}

static void on_add(const char *cloud, GPtrArray *uservms, command_done done, gpointer done_data,
		   gpointer data)
{
	g_assert_cmpuint(uservms->len, >, 0);
	g_ptr_array_unref(uservms);
	on_name(cloud, done, done_data, data);
}

static void on_serve(const char *cloud, const char *uservm, const char *domain, pid_t pid,
		     command_done done, gpointer done_data, gpointer data)
{
	g_assert_cmpint(pid, >, 0);
	on_name(domain, done, done_data, data);
}

static void on_log(guint lines, command_done done, gpointer done_data, gpointer data)
{
	g_assert_cmpuint(lines, >, 0);
	done(done_data, NULL, NULL);
}

static const struct command_ops ops = {
	.attach = on_attach, .check = on_check, .detach = on_detach, .status = on_status,
	.send_break = on_name, .type = on_type, .unbind = on_name, .memory = on_name,
	.reveal = on_reveal, .rest = on_name, .add = on_add, .remove = on_name, .serve = on_serve,
	.log = on_log,
};

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };

	while (in.len) {
		gsize len;
		g_autofree char *line = take_line(&in, &len);
		enum command_peer peer = line[0] == ' ' ? COMMAND_PEER_CONSOLE :
					 line[0] == '!' ? COMMAND_PEER_NOBODY : COMMAND_PEER_ROOT;

		answers = 0;
		command_run(line, len, peer, &ops, NULL, on_done, NULL);
		g_assert_cmpuint(answers, ==, 1);
	}
	return 0;
}
