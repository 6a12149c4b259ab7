// SPDX-License-Identifier: GPL-2.0
/* Tests of requests to vsbypassd: every kind of reply, and of none. */
#include "console-control.h"
#include "console-identity.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct reply_case {
	const char *name;
	const char *reply;	/* NULL: close without one */
	gboolean ok;
	const char *words;	/* in the error */
};

static const struct reply_case cases[] = {
	{ "ok", "{\"return\": {}}\n", TRUE, NULL },
	{ "ok-crlf", "{\"return\": {\"x\": 1}}\r\n", TRUE, NULL },
	{ "two-lines", "{\"return\": {}}\n{\"error\": {}}\n", TRUE, NULL },
	{ "error", "{\"error\": {\"class\": \"NotFound\", \"desc\": \"no vm\"}}\n", FALSE, "no vm" },
	{ "closed", NULL, FALSE, "without a reply" },
	{ "cut", "{\"return\": {", FALSE, "without a reply" },
	{ "no-json", "hello\n", FALSE, "no JSON object" },
	{ "empty", "\n", FALSE, "no JSON object" },
	{ "array", "[1, 2]\n", FALSE, "no JSON object" },
	{ "number", "17\n", FALSE, "no JSON object" },
	{ "neither", "{\"x\": {}}\n", FALSE, "neither" },
	{ "return-no-object", "{\"return\": 5}\n", FALSE, "neither" },
	{ "error-no-object", "{\"error\": \"x\"}\n", FALSE, "neither" },
	{ "desc-no-string", "{\"error\": {\"desc\": 5}}\n", FALSE, "neither" },
	{ "desc-null", "{\"error\": {\"desc\": null}}\n", FALSE, "neither" },
	{ "binary", "\xff\xfe\x80\n", FALSE, "no JSON object" },
	{ "too-deep", "{\"return\": {\"a\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		      "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}\n", FALSE, "no JSON object" },
	{ "quotes", "{\"return\": {\"a\": '\"'}}\n", FALSE, "no JSON object" },
	{ "comment", "{\"return\": {/* \" */}}\n", FALSE, "no JSON object" },
	{ "deep", "{\"return\": {\"a\": {\"b\": [[[[{}]]]]}}}\n", TRUE, NULL },
};

struct result {
	GMainLoop *loop;
	guint calls;
	gboolean ok;
	char *error;
	gboolean (*look)(JsonObject *reply);
};

static void on_done(JsonObject *reply, const char *error, gpointer data)
{
	struct result *result = data;

	g_assert_true(!reply != !error);
	result->calls++;
	result->ok = reply != NULL;
	g_free(result->error);
	result->error = g_strdup(error);
	g_main_loop_quit(result->loop);
}

struct daemon {
	char *dir, *path;
	int fd;
	const char *reply;
	gsize reply_len;
	char request[4096];
};

static gboolean on_connection(gint fd, GIOCondition condition, gpointer data)
{
	struct daemon *d = data;
	int peer = accept(fd, NULL, NULL);
	ssize_t n;

	g_assert_cmpint(peer, >=, 0);
	n = read(peer, d->request, sizeof(d->request) - 1);
	g_assert_cmpint(n, >, 0);
	d->request[n] = '\0';
	/* The client may hang up in the middle of a reply that is too long. */
	if (d->reply && send(peer, d->reply, d->reply_len, MSG_NOSIGNAL) < 0)
		g_assert_cmpint(errno, ==, EPIPE);
	close(peer);
	return G_SOURCE_CONTINUE;
}

static gpointer serve_once(gpointer data)
{
	struct daemon *d = data;

	on_connection(d->fd, G_IO_IN, d);
	return NULL;
}

static guint daemon_start(struct daemon *d)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	d->dir = g_dir_make_tmp("unit-console-control-XXXXXX", NULL);
	d->path = g_build_filename(d->dir, "control.sock", NULL);
	g_strlcpy(address.sun_path, d->path, sizeof(address.sun_path));
	d->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	g_assert_cmpint(bind(d->fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	g_assert_cmpint(listen(d->fd, 5), ==, 0);
	return g_unix_fd_add(d->fd, G_IO_IN, on_connection, d);
}

static void daemon_stop(struct daemon *d, guint watch)
{
	g_source_remove(watch);
	close(d->fd);
	g_remove(d->path);
	g_remove(d->dir);
	g_free(d->path);
	g_free(d->dir);
}

static void test_reply(gconstpointer data)
{
	const struct reply_case *c = data;
	struct daemon d = { .reply = c->reply, .reply_len = c->reply ? strlen(c->reply) : 0 };
	struct result result = { .loop = g_main_loop_new(NULL, FALSE) };
	guint watch = daemon_start(&d);

	vsb_control_call(d.path, "send-break", "vm1", NULL, on_done, &result);
	g_main_loop_run(result.loop);
	g_assert_cmpstr(d.request, ==,
			"{\"execute\":\"send-break\",\"arguments\":{\"uservm\":\"vm1\"}}\n");
	g_assert_cmpuint(result.calls, ==, 1);
	g_assert_cmpint(result.ok, ==, c->ok);
	if (c->words)
		g_assert_nonnull(strstr(result.error, c->words));
	g_free(result.error);
	g_main_loop_unref(result.loop);
	daemon_stop(&d, watch);
}

/* A server in another thread, because send() of so much has to block. */
static gpointer endless(gpointer data)
{
	struct daemon *d = data;
	char block[65536];
	int peer = accept(d->fd, NULL, NULL);

	memset(block, 'x', sizeof(block));
	for (guint i = 0; i < 100; i++) {
		if (send(peer, block, sizeof(block), MSG_NOSIGNAL) < 0)
			break;
	}
	close(peer);
	return NULL;
}

static void test_too_long(void)
{
	struct daemon d = { 0 };
	struct result result = { .loop = g_main_loop_new(NULL, FALSE) };
	guint watch = daemon_start(&d);
	GThread *thread;

	g_source_remove(watch);
	thread = g_thread_new("endless", endless, &d);
	vsb_control_call(d.path, "status", NULL, NULL, on_done, &result);
	g_main_loop_run(result.loop);
	g_thread_join(thread);
	g_assert_false(result.ok);
	g_assert_nonnull(strstr(result.error, "too long"));
	g_free(result.error);
	g_main_loop_unref(result.loop);
	watch = g_unix_fd_add(d.fd, G_IO_IN, on_connection, &d);
	daemon_stop(&d, watch);
}

static void test_absent(void)
{
	struct result result = { .loop = g_main_loop_new(NULL, FALSE) };
	g_autofree char *long_path = g_strnfill(300, 'x');

	vsb_control_call("/nonexistent/control.sock", "status", NULL, NULL, on_done, &result);
	g_assert_cmpuint(result.calls, ==, 0);	/* never from inside the call */
	g_main_loop_run(result.loop);
	g_assert_nonnull(strstr(result.error, "is it running?"));
	vsb_control_call(long_path, "status", NULL, NULL, on_done, &result);
	g_main_loop_run(result.loop);
	g_assert_nonnull(strstr(result.error, "too long"));
	g_assert_cmpuint(result.calls, ==, 2);
	g_free(result.error);
	g_main_loop_unref(result.loop);
}

/* Requests for one console that have no answer keep nobody else from asking. */
static void test_stuck(void)
{
	static const char *const others[] = { "vm2", NULL };
	struct daemon d = { 0 };
	struct result stuck = { .loop = g_main_loop_new(NULL, FALSE) };
	struct result more = { .loop = stuck.loop }, free_ones = { .loop = stuck.loop };
	guint watch = daemon_start(&d);

	g_source_remove(watch);		/* it accepts none */
	for (guint i = 0; i < 4; i++)
		vsb_control_call(d.path, "send-break", "vm1", NULL, on_done, &stuck);
	vsb_control_call(d.path, "send-break", "vm1", NULL, on_done, &more);
	g_main_loop_run(stuck.loop);
	g_assert_nonnull(strstr(more.error, "too many requests"));
	g_assert_cmpuint(stuck.calls, ==, 0);
	watch = g_unix_fd_add(d.fd, G_IO_IN, on_connection, &d);
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
		vsb_control_call(d.path, others[i] ? "send-break" : "status", others[i], NULL,
				 on_done, &free_ones);
	while (stuck.calls + free_ones.calls < 6)
		g_main_loop_run(stuck.loop);
	g_assert_cmpuint(more.calls, ==, 1);
	/* They were asked: the hang-up is their answer. */
	g_assert_nonnull(strstr(free_ones.error, "without a reply"));
	g_free(stuck.error);
	g_free(more.error);
	g_free(free_ones.error);
	g_main_loop_unref(stuck.loop);
	daemon_stop(&d, watch);
}

static void expect_state(const char *json, const char *want)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autofree char *state = NULL;

	g_assert_true(json_parser_load_from_data(parser, json, -1, NULL));
	state = vsb_control_uservm_state(json_node_get_object(json_parser_get_root(parser)),
					 "vm1");
	g_assert_cmpstr(state, ==, want);
}

static void test_identity(void)
{
	static const struct {
		const char *json;
		enum vsb_identity want;
	} said[] = {
		{ "", VSB_IDENTITY_UNKNOWN },
		{ "\"identity\": 5, \"proved\": true", VSB_IDENTITY_UNKNOWN },
		{ "\"identity\": null, \"proved\": true", VSB_IDENTITY_UNKNOWN },
		{ "\"identity\": [], \"proved\": true", VSB_IDENTITY_UNKNOWN },
		{ "\"identity\": \"x\", \"proved\": true", VSB_IDENTITY_UNKNOWN },
		{ "\"identity\": \"required\"", VSB_IDENTITY_MISSING },
		{ "\"identity\": \"required\", \"proved\": false", VSB_IDENTITY_MISSING },
		{ "\"identity\": \"required\", \"proved\": 1", VSB_IDENTITY_MISSING },
		{ "\"identity\": \"required\", \"proved\": \"true\"", VSB_IDENTITY_MISSING },
		{ "\"identity\": \"required\", \"proved\": [true]", VSB_IDENTITY_MISSING },
		{ "\"identity\": \"required\", \"proved\": true", VSB_IDENTITY_REQUIRED },
		{ "\"identity\": \"first-seen\"", VSB_IDENTITY_FIRST_SEEN },
		{ "\"identity\": \"first-seen\", \"proved\": true", VSB_IDENTITY_PROVED },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(said); i++) {
		g_autofree char *json = g_strdup_printf(
			"{\"clouds\": [{\"uservms\": [{\"name\": \"vm1\"%s%s}]}]}",
			*said[i].json ? ", " : "", said[i].json);
		g_autoptr(JsonParser) parser = json_parser_new();
		JsonObject *status;

		g_test_message("%s", json);
		g_assert_true(json_parser_load_from_data(parser, json, -1, NULL));
		status = json_node_get_object(json_parser_get_root(parser));
		g_assert_cmpint(vsb_identity_of(status, "vm1"), ==, said[i].want);
		g_assert_cmpint(vsb_identity_of(status, "vm2"), ==, VSB_IDENTITY_UNKNOWN);
	}
	g_assert_cmpint(vsb_identity_of(NULL, "vm1"), ==, VSB_IDENTITY_UNKNOWN);
	g_assert_null(vsb_identity_text(VSB_IDENTITY_UNKNOWN));
}

static void test_state(void)
{
	expect_state("{}", "absent");
	expect_state("{\"clouds\": 5}", "absent");
	expect_state("{\"clouds\": [{\"uservms\": [{\"name\": \"vm1\", \"state\": \"bound\", "
		     "\"domain\": \"d\"}]}]}", "domain");
	expect_state("{\"clouds\": [{\"uservms\": [{\"name\": \"vm1\", \"state\": \"bound\", "
		     "\"domain\": 5}]}]}", "bound");
	expect_state("{\"clouds\": null}", "absent");
	expect_state("{\"clouds\": [5, null, {}, [], {\"uservms\": 3}]}", "absent");
	expect_state("{\"clouds\": [{\"uservms\": [1, {}, {\"name\": 5}]}]}", "absent");
	expect_state("{\"clouds\": [{\"uservms\": [{\"name\": \"vm11\", \"state\": \"bound\"}]}]}",
		     "absent");
	expect_state("{\"clouds\": [{\"uservms\": [{\"name\": \"vm1\", \"state\": 5}]}]}", "");
	expect_state("{\"clouds\": [{\"uservms\": [{\"name\": \"vm1\"}]}]}", "");
	expect_state("{\"clouds\": [{}, {\"uservms\": [{\"name\": \"vm0\", \"state\": \"x\"},"
		     "{\"name\": \"vm1\", \"state\": \"waiting\"}]}]}", "waiting");
}

static void expect_stops(const char *veil, gint64 want)
{
	g_autofree char *json = g_strdup_printf("{\"clouds\": [{\"uservms\": [{\"name\": \"vm1\"%s}]}]}",
						veil);
	g_autoptr(JsonParser) parser = json_parser_new();

	g_assert_true(json_parser_load_from_data(parser, json, -1, NULL));
	g_assert_cmpint(vsb_control_uservm_stops(json_node_get_object(json_parser_get_root(parser)),
						 "vm1"), ==, want);
}

static void test_stops(void)
{
	expect_stops("", 0);
	expect_stops(", \"veil\": 3", 0);
	expect_stops(", \"veil\": {}", 0);
	expect_stops(", \"veil\": {\"stops\": \"3\"}", 0);
	expect_stops(", \"veil\": {\"stops\": [3]}", 0);
	expect_stops(", \"veil\": {\"stops\": 3}", 3);
}

/* Return: (transfer full): a reply to "status" as a host with @n user VMs has it. */
static char *large_reply(guint n)
{
	GString *text = g_string_new("{\"return\": {\"clouds\": [{\"name\": \"c\", \"uservms\": [");

	for (guint i = 0; i < n; i++)
		g_string_append_printf(text, "%s{\"name\": \"vm%u\", \"state\": \"bound\", "
				       "\"generation\": %u, \"identity\": \"first-seen\", "
				       "\"proved\": false, \"ports\": \"%0800d\"}", i ? ", " : "", i, i, 0);
	g_string_append(text, "]}]}}\n");
	return g_string_free(text, FALSE);
}

static gint64 cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

struct many {
	GMainLoop *loop;
	guint n;
	gint64 looked_up_ns;
};

/* All that is asked of a reply, of each name, as the server does. */
static void on_many(JsonObject *reply, const char *error, gpointer data)
{
	struct many *many = data;
	gint64 begin = cpu_ns();

	g_assert_cmpstr(error, ==, NULL);
	for (guint i = 0; i < many->n; i++) {
		g_autofree char *name = g_strdup_printf("vm%u", i);
		g_autofree char *state = vsb_control_uservm_state(reply, name);

		g_assert_cmpstr(state, ==, "bound");
		g_assert_cmpint(vsb_control_uservm_generation(reply, name), ==, i);
		g_assert_cmpint(vsb_identity_of(reply, name), ==, VSB_IDENTITY_FIRST_SEEN);
	}
	many->looked_up_ns = cpu_ns() - begin;
	g_main_loop_quit(many->loop);
}

/* Return: nanoseconds of processor time for each name, the best of some. */
static double cost_of(guint n, double *lookup)
{
	double best = G_MAXDOUBLE;

	*lookup = G_MAXDOUBLE;
	for (guint i = 0; i < 5; i++) {
		struct daemon d = { 0 };
		struct many many = { .n = n };
		g_autofree char *reply = large_reply(n);
		GThread *thread;
		gint64 begin;
		guint watch = daemon_start(&d);

		many.loop = g_main_loop_new(NULL, FALSE);
		d.reply = reply;
		d.reply_len = strlen(reply);
		g_source_remove(watch);
		thread = g_thread_new("daemon", serve_once, &d);
		begin = cpu_ns();
		vsb_control_call(d.path, "status", NULL, NULL, on_many, &many);
		g_main_loop_run(many.loop);
		best = MIN(best, (double)(cpu_ns() - begin) / n);
		*lookup = MIN(*lookup, (double)many.looked_up_ns / n);
		g_thread_join(thread);
		g_main_loop_unref(many.loop);
		watch = g_unix_fd_add(d.fd, G_IO_IN, on_connection, &d);
		daemon_stop(&d, watch);
	}
	return best;
}

/* With ten times as many user VMs a name costs the same, not ten times as much. */
static void test_many(void)
{
	double few_lookup, many_lookup, few = cost_of(300, &few_lookup);
	double many = cost_of(3000, &many_lookup);

	g_test_message("a name costs %.0f ns of 300, %.0f ns of 3000; to look it up %.0f and %.0f",
		       few, many, few_lookup, many_lookup);
	g_assert_cmpfloat(many, <, 4 * few);
	g_assert_cmpfloat(many_lookup, <, 4 * few_lookup);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/console/control/%s", cases[i].name);

		g_test_add_data_func(path, &cases[i], test_reply);
	}
	g_test_add_func("/console/control/too-long", test_too_long);
	g_test_add_func("/console/control/absent", test_absent);
	g_test_add_func("/console/control/stuck", test_stuck);
	g_test_add_func("/console/control/state", test_state);
	g_test_add_func("/console/control/stops", test_stops);
	g_test_add_func("/console/control/many", test_many);
	g_test_add_func("/console/control/identity", test_identity);
	return g_test_run();
}
