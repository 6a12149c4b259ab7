// SPDX-License-Identifier: GPL-2.0
/* Tests of a user VM's hub: who writes, who watches, what is lost by whom. */
#include "console-hub.h"

#include <gio/gio.h>
#include <string.h>

struct person {
	struct vsb_client client;
	int finished;		/* times */
	int status;
	char *text;
};

static guint breaks;
static guint64 break_id;
static char sysrq_key;

static void on_wake(struct vsb_client *client)
{
}

static void on_finish(struct vsb_client *client, int status, const char *text)
{
	struct person *person = (struct person *)client;

	person->finished++;
	person->status = status;
	g_free(person->text);
	person->text = g_strdup(text);
}

static const struct vsb_client_ops client_ops = {
	.wake_output = on_wake, .wake_input = on_wake, .finish = on_finish,
};

static void on_update(struct vsb_hub *hub)
{
}

static void on_break(struct vsb_hub *hub, guint64 id)
{
	breaks++;
	break_id = id;
}

static void on_sysrq(struct vsb_hub *hub, guint64 id, char key)
{
	break_id = id;
	sysrq_key = key;
}

static guint asked;

static void on_ask(struct vsb_hub *hub)
{
	asked++;
}

static const struct vsb_hub_ops hub_ops = {
	.update = on_update, .send_break = on_break, .send_sysrq = on_sysrq,
	.ask_identity = on_ask,
};

static struct person *person_new(const char *who, enum vsb_client_mode mode)
{
	struct person *person = g_new0(struct person, 1);

	person->client.ops = &client_ops;
	person->client.who = who;
	person->client.mode = mode;
	return person;
}

static struct person *attach(struct vsb_hub *hub, const char *who, enum vsb_client_mode mode)
{
	struct person *person = person_new(who, mode);
	g_autoptr(GError) error = NULL;

	g_assert_true(vsb_hub_attach(hub, &person->client, &error));
	g_assert_no_error(error);
	return person;
}

static void leave(struct person *person)
{
	vsb_hub_detach(&person->client);
	g_free(person->text);
	g_free(person);
}

static void refused(struct vsb_hub *hub, enum vsb_client_mode mode, const char *words)
{
	struct person *person = person_new("late", mode);
	g_autoptr(GError) error = NULL;

	g_assert_false(vsb_hub_attach(hub, &person->client, &error));
	g_assert_nonnull(strstr(error->message, words));
	g_free(person);
}

/* As a string: a NUL byte is shown as a space. */
static char *ring_text(struct vsb_ring *ring)
{
	GString *text = g_string_new(NULL);
	const guint8 *data;
	gsize len;

	while ((data = vsb_ring_peek(ring, &len))) {
		g_string_append_len(text, (const char *)data, len);
		vsb_ring_skip(ring, len);
	}
	for (gsize i = 0; i < text->len; i++) {
		if (!text->str[i])
			text->str[i] = ' ';
	}
	return g_string_free(text, FALSE);
}

/* Takes what was queued for the client, as its session would. A notice is in brackets. */
static char *shown(struct person *person)
{
	GString *text = g_string_new(NULL);
	static char data[VSB_QUEUE_SIZE];
	enum vsb_show what;
	gsize len, left;

	while ((len = vsb_hub_take(&person->client, &what, data, sizeof(data), &left))) {
		for (gsize i = 0; i < len; i++)
			data[i] = data[i] ? data[i] : ' ';
		if (what == VSB_SHOW_NOTICE)
			g_string_append_c(text, '[');
		g_string_append_len(text, data, (gssize)len);
		if (what == VSB_SHOW_NOTICE)
			g_string_append_c(text, ']');
	}
	g_assert_false(vsb_hub_has_output(&person->client));
	vsb_hub_drained(&person->client);
	return g_string_free(text, FALSE);
}

static void expect_shown(struct person *person, const char *words)
{
	g_autofree char *text = shown(person);

	if (words ? !strstr(text, words) : *text)
		g_error("client '%s' was shown '%s', expected '%s'", person->client.who, text,
			words ? words : "nothing");
}

static void type(struct person *person, const char *text)
{
	g_assert_cmpuint(vsb_hub_input(&person->client, (const guint8 *)text, strlen(text)),
			 ==, strlen(text));
}

/* As the session finds it in what is typed. */
static void command(struct person *person, enum vsb_command what)
{
	vsb_hub_command(&person->client, what, 'h');
}

static void expect_tx(struct vsb_hub *hub, const char *want)
{
	g_autofree char *text = ring_text(&hub->tx);

	g_assert_cmpstr(text, ==, want);
}

/* So many notices, @words in one of them. */
static void expect_lines(struct person *person, guint lines, const char *words)
{
	g_autofree char *text = shown(person);
	guint seen = 0;

	for (const char *p = text; *p; p++)
		seen += *p == ']';
	if (seen != lines || !strstr(text, words))
		g_error("client was shown '%s', expected %u lines with '%s'", text, lines, words);
}

static void link_up(struct vsb_hub *hub)
{
	vsb_hub_link(hub, true);
	vsb_hub_set_state(hub, "bound", 1);
}

static struct vsb_hub *hub_up(void)
{
	struct vsb_hub *hub = vsb_hub_new("vm1", &hub_ops, NULL);

	link_up(hub);
	return hub;
}

static void say(struct vsb_hub *hub, const char *text)
{
	vsb_hub_output(hub, (const guint8 *)text, strlen(text));
}

static void test_writer_and_watcher(void)
{
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE), *b;

	expect_shown(a, NULL);
	say(hub, "login: ");
	expect_shown(a, "login: ");
	b = attach(hub, "bert", VSB_MODE_CONSOLE);
	expect_shown(b, "console busy: anna writes");
	type(a, "root\r");
	expect_tx(hub, "root\r");
	type(b, "no");
	type(b, "no");
	expect_tx(hub, "");
	expect_shown(b, "you watch");
	type(b, "no");
	expect_shown(b, NULL);		/* told once */

	command(b, VSB_CMD_ATTACH);
	expect_shown(b, "console busy: anna writes");
	command(b, VSB_CMD_BREAK);
	expect_shown(b, "no break sent");
	command(b, VSB_CMD_SYSRQ);
	expect_shown(b, "no SysRq sent");
	g_assert_cmpint(sysrq_key, ==, 0);
	command(a, VSB_CMD_SYSRQ);
	g_assert_cmpint(sysrq_key, ==, 'h');
	vsb_hub_notice_to(hub, break_id, "SysRq sent");
	expect_shown(a, "SysRq sent");
	command(b, VSB_CMD_FORCE);
	expect_shown(b, "you write");
	expect_shown(a, "bert has taken over");
	type(b, "yes");
	type(a, "no");
	expect_tx(hub, "yes");
	command(b, VSB_CMD_SPY);
	expect_shown(b, "you watch");
	expect_shown(a, "nobody writes now");
	command(a, VSB_CMD_ATTACH);
	expect_shown(a, "you write");
	command(a, VSB_CMD_WHO);
	expect_shown(a, "writes  anna\r\nwatches bert");
	leave(a);
	expect_shown(b, "nobody writes now");
	type(b, "no");			/* nobody writes unasked */
	expect_tx(hub, "");
	leave(b);
	vsb_hub_free(hub);
}

static void test_replay(void)
{
	g_autofree char *big = g_malloc(VSB_BACKLOG_SIZE);
	struct vsb_hub *hub = hub_up();
	struct person *a;
	g_autofree char *text = NULL;

	say(hub, "FIRST");
	memset(big, 'x', VSB_BACKLOG_SIZE);
	vsb_hub_output(hub, (guint8 *)big, VSB_BACKLOG_SIZE - 4);
	say(hub, "LAST");
	a = attach(hub, "anna", VSB_MODE_CONSOLE);
	text = shown(a);
	g_assert_null(strstr(text, "FIRST"));
	g_assert_true(g_str_has_suffix(text, "xLAST"));
	g_assert_cmpuint(strlen(text), ==, VSB_BACKLOG_SIZE);
	command(a, VSB_CMD_REPLAY);
	expect_shown(a, "xLAST");
	leave(a);
	vsb_hub_free(hub);
}

/* The writer's queue pushes back; nothing is lost and no byte is too many. */
static void test_pushback(void)
{
	g_autofree guint8 *block = g_malloc0(VSB_BACKLOG_SIZE);
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_RAW);
	gsize room, total = 0, before;
	enum vsb_show what;
	gsize left;
	guint8 taken[10];

	while ((room = vsb_hub_output_room(hub))) {
		room = MIN(room, VSB_BACKLOG_SIZE);
		vsb_hub_output(hub, block, room);
		total += room;
	}
	g_assert_cmpuint(total, >=, VSB_QUEUE_SIZE - VSB_NOTICE_RESERVE - 64);
	g_assert_cmpuint(a->client.skipped, ==, 0);
	before = a->client.out.len;
	do {
		g_assert_cmpuint(vsb_hub_take(&a->client, &what, taken, 10, &left), ==, 10);
		g_assert_cmpint(what, ==, VSB_SHOW_OUTPUT);
	} while (!vsb_hub_output_room(hub));
	g_assert_cmpuint(before - a->client.out.len, <, 64);

	/* A person who never comes back does not hold the user VM up for ever. */
	vsb_hub_stalled(&a->client);
	g_assert_cmpint(a->finished, ==, 1);
	g_assert_cmpuint(vsb_hub_output_room(hub), ==, VSB_BACKLOG_SIZE);
	leave(a);
	vsb_hub_free(hub);
}

static void test_stalled_console(void)
{
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE);

	vsb_hub_stalled(&a->client);
	g_assert_cmpint(a->finished, ==, 0);
	g_assert_null(hub->writer);
	expect_shown(a, "writing was taken away");
	leave(a);
	vsb_hub_free(hub);
}

/* A watcher that does not read is skipped and told; a program is ended. */
static void test_slow_watcher(void)
{
	g_autofree guint8 *block = g_malloc(1000);
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE);
	struct person *b = attach(hub, "bert", VSB_MODE_CONSOLE);
	struct person *c = attach(hub, "prog", VSB_MODE_WATCH);
	g_autofree char *text = NULL;

	memset(block, 'x', 1000);
	for (guint i = 0; i < 200; i++) {
		g_assert_cmpuint(vsb_hub_output_room(hub), >, 1000);
		vsb_hub_output(hub, block, 1000);
		g_free(shown(a));
	}
	g_assert_cmpuint(b->client.skipped, >, 0);
	g_assert_cmpint(c->finished, ==, 1);
	g_assert_cmpint(c->status, ==, 1);
	g_free(shown(b));
	expect_shown(b, "bytes were skipped");
	say(hub, "again");
	expect_shown(b, "again");
	g_assert_cmpuint(b->client.skipped, ==, 0);
	leave(a);
	leave(b);
	leave(c);
	vsb_hub_free(hub);
}

/* hub->tx full: the rest is offered again, nothing is dropped. */
static void test_input_pushback(void)
{
	g_autofree guint8 *block = g_malloc(VSB_TX_SIZE);
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_RAW);
	gsize used;

	memset(block, VSB_ESCAPE_CHAR, VSB_TX_SIZE);
	used = vsb_hub_input(&a->client, block, VSB_TX_SIZE);
	g_assert_cmpuint(used, ==, VSB_TX_SIZE);
	g_assert_cmpuint(vsb_hub_input(&a->client, block, 1), ==, 0);
	vsb_hub_tx_done(hub, 5);
	g_assert_cmpuint(vsb_hub_input(&a->client, block, VSB_TX_SIZE), ==, 5);
	leave(a);
	vsb_hub_free(hub);
}

static void test_raw(void)
{
	struct vsb_hub *hub = vsb_hub_new("vm1", &hub_ops, NULL);
	guint8 all[256], shown_bytes[300];
	struct person *a, *b;
	enum vsb_show what;
	gsize left;

	for (guint i = 0; i < 256; i++)
		all[i] = i;
	refused(hub, VSB_MODE_RAW, "no proxy");
	link_up(hub);
	vsb_hub_output(hub, all, sizeof(all));
	a = attach(hub, "prog", VSB_MODE_RAW);
	expect_shown(a, NULL);		/* no greeting, no backlog */
	refused(hub, VSB_MODE_RAW, "console busy");
	g_assert_cmpuint(vsb_hub_input(&a->client, all, 256), ==, 256);
	g_assert_cmpuint(hub->tx.len, ==, 256);
	g_assert_cmpmem(hub->tx.data, 256, all, 256);
	vsb_hub_output(hub, all, sizeof(all));
	g_assert_cmpuint(vsb_hub_take(&a->client, &what, shown_bytes, 300, &left), ==, 256);
	g_assert_cmpmem(shown_bytes, 256, all, 256);
	b = attach(hub, "bert", VSB_MODE_CONSOLE);
	expect_shown(b, "console busy: prog writes");
	command(b, VSB_CMD_FORCE);
	g_assert_cmpint(a->finished, ==, 1);
	g_assert_cmpint(a->status, ==, 1);
	leave(a);
	leave(b);
	vsb_hub_free(hub);
}

static void test_link(void)
{
	struct vsb_hub *hub = vsb_hub_new("vm1", &hub_ops, NULL);
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE);

	expect_shown(a, "no proxy has been here yet");
	type(a, "lost");
	expect_shown(a, "what you type is dropped");
	link_up(hub);
	expect_tx(hub, "");
	expect_shown(a, "the proxy is here");
	type(a, "abc");
	vsb_hub_link(hub, false);
	expect_shown(a, "3 typed bytes were not delivered");
	link_up(hub);
	expect_tx(hub, "");
	expect_shown(a, "the proxy is back");
	type(a, "abc");
	expect_tx(hub, "abc");
	leave(a);
	a = attach(hub, "prog", VSB_MODE_RAW);
	vsb_hub_link(hub, false);
	g_assert_cmpint(a->finished, ==, 1);
	g_assert_cmpint(a->status, ==, 1);
	leave(a);
	vsb_hub_free(hub);
}

static void test_state(void)
{
	static const char * const states[] = { "starting", "waiting", "bound", "domain", "absent",
					     "stopped", "?" };
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE);

	for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
		g_free(shown(a));
		vsb_hub_set_state(hub, states[i], 1);
		expect_shown(a, vsb_hub_state_text(states[i]));
		vsb_hub_set_state(hub, states[i], 1);
		expect_shown(a, NULL);
	}
	vsb_hub_set_state(hub, NULL, -1);
	expect_shown(a, "vsbypassd does not answer");
	leave(a);
	vsb_hub_free(hub);
}

/* What was not kept is told once, before the rest is read. */
static void test_stops(void)
{
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE);

	g_free(shown(a));
	/* What was before it looked is not news. */
	vsb_hub_set_stops(hub, 3);
	vsb_hub_set_stops(hub, 3);
	expect_shown(a, NULL);
	vsb_hub_set_stops(hub, 4);
	expect_shown(a, "has changed its registers");
	vsb_hub_set_stops(hub, 0);
	expect_shown(a, NULL);
	vsb_hub_set_stops(hub, 1);
	expect_shown(a, "it was stopped");
	leave(a);
	vsb_hub_free(hub);
}

static void test_lost(void)
{
	struct vsb_hub *hub = vsb_hub_new("vm1", &hub_ops, NULL);
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE);

	/* Nobody's yet. */
	vsb_hub_set_lost(hub, 5);
	link_up(hub);
	vsb_hub_set_lost(hub, 0);
	g_free(shown(a));
	vsb_hub_set_lost(hub, 1000);
	say(hub, "kept");
	expect_shown(a, "1000 bytes from before that are missing here");
	vsb_hub_set_lost(hub, 1000);
	vsb_hub_set_lost(hub, 0);
	expect_shown(a, NULL);
	vsb_hub_set_lost(hub, 1007);
	expect_shown(a, "7 bytes from before");
	/* Another one's count begins anew. */
	vsb_hub_set_state(hub, "bound", 2);
	g_free(shown(a));
	vsb_hub_set_lost(hub, 3);
	expect_shown(a, "3 bytes from before");
	leave(a);
	vsb_hub_free(hub);
}

/* Another user VM of the same name: what the first one wrote is not shown. */
static void test_generation(void)
{
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE);

	say(hub, "secret");
	type(a, "abc");
	g_free(shown(a));
	vsb_hub_link(hub, false);
	vsb_hub_link(hub, true);
	/* Whose it is is not known yet: nothing is read, nothing sent. */
	g_assert_cmpuint(vsb_hub_output_room(hub), ==, 0);
	type(a, "password");
	expect_tx(hub, "");
	vsb_hub_set_state(hub, NULL, -1);
	g_assert_cmpuint(vsb_hub_output_room(hub), ==, 0);
	g_assert_cmpuint(hub->backlog.len, ==, 6);
	/* The same one: a proxy that crashed. */
	vsb_hub_set_state(hub, "starting", 1);
	g_assert_cmpuint(vsb_hub_output_room(hub), >, 0);
	g_assert_cmpuint(hub->backlog.len, ==, 6);
	type(a, "abc");
	expect_tx(hub, "abc");

	g_free(shown(a));
	vsb_hub_link(hub, false);
	vsb_hub_link(hub, true);
	expect_lines(a, 1, "the proxy is away");
	/* One line for one event, and true: nobody is there yet. */
	vsb_hub_set_state(hub, "waiting", 2);
	expect_lines(a, 1, "the user VM of before has ended");
	g_assert_cmpuint(hub->backlog.len, ==, 0);
	say(hub, "new");
	vsb_hub_set_state(hub, "bound", 2);
	g_assert_cmpuint(hub->backlog.len, ==, 3);
	g_free(shown(a));
	vsb_hub_link(hub, false);
	vsb_hub_set_state(hub, "starting", 2);
	vsb_hub_link(hub, true);
	vsb_hub_set_state(hub, "bound", 3);
	expect_lines(a, 2, "from here on it is another user VM");
	leave(a);
	vsb_hub_free(hub);
}

/* Who has not proved who it is gets nothing, and the person is told. */
static void test_identity(void)
{
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE), *b, *prog;

	asked = 0;
	type(a, "secret");
	vsb_hub_set_identity(hub, VSB_IDENTITY_MISSING);
	expect_shown(a, "identity: not proved");
	/* What was typed before and not sent yet is not sent. */
	expect_tx(hub, "");
	type(a, "pass");
	expect_shown(a, "what you type is dropped");
	type(a, "word");
	expect_shown(a, NULL);		/* told once */
	expect_tx(hub, "");
	/* The escape sequence works. */
	command(a, VSB_CMD_WHO);
	expect_shown(a, "writes  anna");
	b = attach(hub, "bert", VSB_MODE_CONSOLE);
	expect_shown(b, "identity: not proved");

	/* NULs are what an unproved VM sends; anything else is news. */
	vsb_hub_output(hub, (const guint8 *)"\0\0\0", 3);
	g_assert_cmpuint(asked, ==, 0);
	g_assert_cmpuint(hub->backlog.len, ==, 0);
	vsb_hub_output(hub, (const guint8 *)"\0Pass\0:\0", 8);
	g_assert_cmpuint(asked, ==, 1);
	expect_shown(b, "Pass");
	leave(b);
	vsb_hub_set_identity(hub, VSB_IDENTITY_REQUIRED);
	expect_shown(a, "identity: proved");
	/* And the other way; but NULs may be what a proved one sends. */
	vsb_hub_output(hub, (const guint8 *)"x\0", 2);
	g_assert_cmpuint(asked, ==, 1);
	vsb_hub_output(hub, (const guint8 *)"\0\0", 2);
	g_assert_cmpuint(asked, ==, 2);
	g_assert_cmpuint(hub->backlog.len, ==, 9);
	type(a, "word");
	expect_tx(hub, "word");
	b = attach(hub, "bert", VSB_MODE_CONSOLE);
	expect_shown(b, "Pass:x");
	leave(b);
	leave(a);

	prog = attach(hub, "prog", VSB_MODE_RAW);
	vsb_hub_set_identity(hub, VSB_IDENTITY_REQUIRED);
	g_assert_cmpint(prog->finished, ==, 0);
	vsb_hub_set_identity(hub, VSB_IDENTITY_MISSING);
	g_assert_cmpint(prog->finished, ==, 1);
	g_assert_cmpint(prog->status, ==, 1);
	type(prog, "x");
	expect_tx(hub, "");
	leave(prog);
	refused(hub, VSB_MODE_RAW, "not proved");
	vsb_hub_set_identity(hub, VSB_IDENTITY_FIRST_SEEN);
	a = attach(hub, "anna", VSB_MODE_CONSOLE);
	expect_shown(a, "identity: first seen");
	vsb_hub_output(hub, (const guint8 *)"\0", 1);
	g_assert_cmpuint(asked, ==, 2);
	g_free(shown(a));
	vsb_hub_set_identity(hub, VSB_IDENTITY_UNKNOWN);
	expect_shown(a, NULL);
	vsb_hub_output(hub, (const guint8 *)"\0", 1);
	g_assert_cmpuint(asked, ==, 3);
	leave(a);
	vsb_hub_free(hub);
}

static void test_break(void)
{
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE);

	breaks = 0;
	g_free(shown(a));
	command(a, VSB_CMD_BREAK);
	g_assert_cmpuint(breaks, ==, 1);
	vsb_hub_notice_to(hub, break_id, "break sent");
	expect_shown(a, "break sent");
	vsb_hub_notice_to(hub, break_id + 1000, "nobody");
	expect_shown(a, NULL);
	leave(a);
	vsb_hub_notice_to(hub, break_id, "gone");
	vsb_hub_free(hub);
}

/* What comes after the command to disconnect goes nowhere. */
static void test_disconnect(void)
{
	struct vsb_hub *hub = hub_up();
	struct person *a = attach(hub, "anna", VSB_MODE_CONSOLE);

	type(a, "ab");
	command(a, VSB_CMD_DISCONNECT);
	type(a, "cd");
	expect_tx(hub, "ab");
	g_assert_cmpint(a->finished, ==, 1);
	g_assert_cmpint(a->status, ==, 0);
	g_assert_null(hub->writer);
	leave(a);
	vsb_hub_free(hub);
}

static void test_limit(void)
{
	struct vsb_hub *hub = hub_up();
	struct person *all[VSB_HUB_MAX_CLIENTS];

	for (guint i = 0; i < VSB_HUB_MAX_CLIENTS; i++)
		all[i] = attach(hub, "one", VSB_MODE_CONSOLE);
	refused(hub, VSB_MODE_CONSOLE, "console busy");
	for (guint i = 0; i < VSB_HUB_MAX_CLIENTS; i++)
		leave(all[i]);
	vsb_hub_free(hub);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/console/hub/writer-and-watcher", test_writer_and_watcher);
	g_test_add_func("/console/hub/replay", test_replay);
	g_test_add_func("/console/hub/pushback", test_pushback);
	g_test_add_func("/console/hub/stalled-console", test_stalled_console);
	g_test_add_func("/console/hub/slow-watcher", test_slow_watcher);
	g_test_add_func("/console/hub/input-pushback", test_input_pushback);
	g_test_add_func("/console/hub/raw", test_raw);
	g_test_add_func("/console/hub/link", test_link);
	g_test_add_func("/console/hub/state", test_state);
	g_test_add_func("/console/hub/generation", test_generation);
	g_test_add_func("/console/hub/identity", test_identity);
	g_test_add_func("/console/hub/break", test_break);
	g_test_add_func("/console/hub/lost", test_lost);
	g_test_add_func("/console/hub/stops", test_stops);
	g_test_add_func("/console/hub/disconnect", test_disconnect);
	g_test_add_func("/console/hub/limit", test_limit);
	return g_test_run();
}
