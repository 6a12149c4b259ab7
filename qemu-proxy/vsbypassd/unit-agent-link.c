// SPDX-License-Identifier: GPL-2.0
/* The channel to the agent, with an agent that the test plays. */
#include "agent-link.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "agent-wire.h"
#include "listen.h"

struct rig {
	char *dir;
	char *path;
	int listen_fd;
	int fd;			/* the agent's end */
	struct agent_link *link;
	GString *got;		/* what the agent read and did not check yet */
	guint given;		/* calls of given() */
	guint gone;		/* last ID of gone() */
	gboolean connected;	/* as connected() has said */
	guint turns;		/* calls of that */
};

static void gone(guint32 id, gpointer data)
{
	struct rig *rig = data;

	rig->gone = id;
}

static void given(gpointer data)
{
	struct rig *rig = data;

	g_assert_false(agent_link_giving(rig->link));
	rig->given++;
}

static void connected(gboolean connected, gpointer data)
{
	struct rig *rig = data;

	g_assert_cmpint(connected, !=, rig->connected);
	rig->connected = connected;
	rig->turns++;
}

static void settle(struct rig *rig)
{
	char buf[4096];
	ssize_t n;

	do {
		while (g_main_context_iteration(NULL, FALSE))
			;
		n = recv(rig->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0)
			g_string_append_len(rig->got, buf, n);
	} while (n > 0);
}

static void accept_link(struct rig *rig)
{
	/* The link tries again each second. */
	while ((rig->fd = accept4(rig->listen_fd, NULL, NULL, SOCK_CLOEXEC)) < 0)
		g_main_context_iteration(NULL, TRUE);
}

static void setup(struct rig *rig)
{
	static const struct agent_link_ops ops = { given, gone, connected };
	g_autoptr(GError) error = NULL;

	memset(rig, 0, sizeof(*rig));
	rig->dir = g_dir_make_tmp("vsb-unit-XXXXXX", NULL);
	rig->path = g_build_filename(rig->dir, "agent.sock", NULL);
	rig->listen_fd = listen_unix(rig->path, 0600, getgid(), 4, &error);
	g_assert_no_error(error);
	rig->got = g_string_new(NULL);
	rig->link = agent_link_new(rig->path, "c", &ops, rig);
	accept_link(rig);
}

static void teardown(struct rig *rig)
{
	agent_link_free(rig->link);
	close(rig->fd);
	close(rig->listen_fd);
	g_unlink(rig->path);
	g_rmdir(rig->dir);
	g_string_free(rig->got, TRUE);
	g_free(rig->path);
	g_free(rig->dir);
}

static void say(struct rig *rig, const char *text)
{
	g_assert_cmpint(send(rig->fd, text, strlen(text), MSG_NOSIGNAL), ==, strlen(text));
	settle(rig);
}

static void expect(struct rig *rig, const char *text)
{
	settle(rig);
	g_assert_cmpstr(rig->got->str, ==, text);
	g_string_truncate(rig->got, 0);
}

static void test_hello(void)
{
	struct rig rig;

	setup(&rig);
	g_assert_cmpint(agent_link_get_state(rig.link), ==, AGENT_LINK_WAITING);
	expect(&rig, "hello 1 0\n");
	/* Before the hello nothing goes out and nothing counts. */
	agent_link_set_vm(rig.link, 1, 0x10, 0x20);
	agent_link_irq(rig.link, 1, 4, 1);
	say(&rig, "vm 1 found\npong 1\n");
	expect(&rig, "");
	g_assert_cmpint(agent_link_get_vm(rig.link, 1), ==, AGENT_LINK_VM_UNKNOWN);

	g_assert_false(rig.connected);
	say(&rig, "hello 1 abc\n");
	expect(&rig, "hello 1 abc\nvm 1 10 20\nirq 1 4 1\n");
	g_assert_true(rig.connected);
	g_assert_cmpint(agent_link_get_state(rig.link), ==, AGENT_LINK_CONNECTED);
	say(&rig, "vm 1 missing\n");
	g_assert_cmpint(agent_link_get_vm(rig.link, 1), ==, AGENT_LINK_VM_MISSING);
	say(&rig, "vm 1 found\nvm 2 found\n");
	g_assert_cmpint(agent_link_get_vm(rig.link, 1), ==, AGENT_LINK_VM_FOUND);
	g_assert_cmpint(agent_link_get_vm(rig.link, 2), ==, AGENT_LINK_VM_UNKNOWN);

	/* A new agent in the same cloud VM hears all of it again. */
	say(&rig, "hello 1 def\n");
	expect(&rig, "hello 1 def\nvm 1 10 20\nirq 1 4 1\n");
	g_assert_cmpuint(rig.turns, ==, 1);
	g_assert_cmpint(agent_link_get_vm(rig.link, 1), ==, AGENT_LINK_VM_UNKNOWN);
	teardown(&rig);
}

/* A cloud VM without a channel: all is remembered, nobody is told. */
static void test_none(void)
{
	struct agent_link *link = agent_link_new(NULL, "c", NULL, NULL);

	g_assert_cmpint(agent_link_get_state(link), ==, AGENT_LINK_NONE);
	agent_link_set_vm(link, 1, 0x10, 0x20);
	agent_link_irq(link, 1, 4, 1);
	agent_link_lines_low(link, 1);
	agent_link_forget(link, 1);
	g_assert_false(agent_link_giving(link));
	g_assert_cmpint(agent_link_get_vm(link, 1), ==, AGENT_LINK_VM_UNKNOWN);
	agent_link_free(link);
}

static void test_vms(void)
{
	struct rig rig;

	setup(&rig);
	say(&rig, "hello 1 1\n");
	expect(&rig, "hello 1 0\nhello 1 1\n");
	/* The line is kept until the frames are known. */
	agent_link_irq(rig.link, 7, 4, 1);
	expect(&rig, "");
	agent_link_set_vm(rig.link, 7, 1, 2);
	expect(&rig, "vm 7 1 2\nirq 7 4 1\n");
	agent_link_set_vm(rig.link, 7, 1, 2);
	expect(&rig, "");
	agent_link_set_vm(rig.link, 7, 1, 3);
	expect(&rig, "vm 7 1 3\n");
	agent_link_irq(rig.link, 7, 4, 1);
	expect(&rig, "");
	agent_link_lines_low(rig.link, 7);
	expect(&rig, "irq 7 4 0\n");
	agent_link_irq(rig.link, 7, 0x17, 1);
	expect(&rig, "irq 7 17 1\n");
	agent_link_irq(rig.link, 7, 0x18, 1);
	agent_link_irq(rig.link, 7, G_MAXUINT, 1);
	expect(&rig, "");
	agent_link_forget(rig.link, 7);
	expect(&rig, "forget 7\n");
	agent_link_forget(rig.link, 7);
	agent_link_forget(rig.link, 8);
	expect(&rig, "");
	/* Its line is still high: the next user VM there gets it. */
	agent_link_set_vm(rig.link, 7, 5, 6);
	expect(&rig, "vm 7 5 6\nirq 7 17 1\n");
	say(&rig, "vm 8 gone\n");		/* nobody knows it */
	g_assert_cmpuint(rig.gone, ==, 0);
	say(&rig, "vm 7 gone\n");
	g_assert_cmpuint(rig.gone, ==, 7);
	rig.gone = 0;
	say(&rig, "vm 7 gone\nvm 7 found\n");
	g_assert_cmpuint(rig.gone, ==, 0);
	agent_link_forget(rig.link, 7);
	expect(&rig, "");
	teardown(&rig);
}

/* User VMs go back to their dummies: said once, no line follows, all answer. */
static void test_give(void)
{
	struct rig rig;

	setup(&rig);
	agent_link_set_vm(rig.link, 8, 3, 4);
	say(&rig, "hello 1 1\n");
	expect(&rig, "hello 1 0\nhello 1 1\nvm 8 3 4\n");
	agent_link_set_vm(rig.link, 7, 1, 2);
	agent_link_give(rig.link, 7, 5);
	agent_link_give(rig.link, 7, 1);		/* once */
	agent_link_give(rig.link, 8, 0x130d57);
	agent_link_give(rig.link, 9, 7);		/* no such VM */
	agent_link_irq(rig.link, 7, 4, 1);
	expect(&rig, "vm 7 1 2\ngive 7 5\ngive 8 130d57\n");
	say(&rig, "vm 9 given\nvm 6 given\nvm 7 given\nvm 7 given\n");
	g_assert_true(agent_link_giving(rig.link));
	g_assert_cmpuint(rig.given, ==, 0);
	say(&rig, "vm 8 given\n");
	g_assert_cmpuint(rig.given, ==, 1);

	/* An agent that is started anew, or comes late, has to do it. */
	agent_link_set_vm(rig.link, 7, 1, 2);
	expect(&rig, "vm 7 1 2\nirq 7 4 1\n");
	agent_link_give(rig.link, 7, 5);
	say(&rig, "hello 1 2\n");
	expect(&rig, "give 7 5\nhello 1 2\nvm 7 1 2\ngive 7 5\n");
	close(rig.fd);
	while (agent_link_get_state(rig.link) != AGENT_LINK_LOST)
		g_main_context_iteration(NULL, TRUE);
	g_assert_true(agent_link_giving(rig.link));
	accept_link(&rig);
	say(&rig, "vm 7 given\n");			/* of an agent before */
	say(&rig, "hello 1 3\n");
	expect(&rig, "hello 1 0\nhello 1 3\nvm 7 1 2\ngive 7 5\n");
	g_assert_cmpuint(rig.given, ==, 1);
	say(&rig, "vm 7 given\n");
	g_assert_cmpuint(rig.given, ==, 2);
	/* Forgotten meanwhile: there is nothing to wait for. */
	agent_link_set_vm(rig.link, 7, 1, 2);
	agent_link_give(rig.link, 7, 5);
	agent_link_forget(rig.link, 7);
	g_assert_cmpuint(rig.given, ==, 3);
	teardown(&rig);
}

/* An agent that does not read: bounded, and in the end the truth. */
static void test_slow(void)
{
	struct agent_reader reader = { .from = AGENT_FROM_DAEMON };
	struct agent_msg msg;
	struct rig rig;
	guint edges = 0, level = 0;
	const char *p;
	gsize len;

	setup(&rig);
	say(&rig, "hello 1 1\n");
	agent_link_set_vm(rig.link, 1, 1, 2);
	expect(&rig, "hello 1 0\nhello 1 1\nvm 1 1 2\n");
	for (guint i = 1; i <= 200001; i++)
		agent_link_irq(rig.link, 1, 4, i & 1);
	settle(&rig);
	p = rig.got->str;
	len = rig.got->len;
	while (agent_reader_next(&reader, &p, &len, &msg)) {
		g_assert_cmpint(msg.type, ==, AGENT_IRQ);
		g_assert_cmpuint(msg.level, ==, !level);
		level = msg.level;
		edges++;
	}
	g_test_message("200001 edges became %u", edges);
	g_assert_cmpuint(reader.bad, ==, 0);
	g_assert_cmpuint(level, ==, 1);
	g_assert_cmpuint(edges, <, 200001);
	teardown(&rig);
}

/* QEMU restarts the character device: connected again, all told again. */
static void test_reconnect(void)
{
	struct rig rig;

	setup(&rig);
	say(&rig, "hello 1 1\n");
	agent_link_set_vm(rig.link, 1, 1, 2);
	agent_link_irq(rig.link, 1, 4, 1);
	settle(&rig);
	close(rig.fd);
	while (agent_link_get_state(rig.link) != AGENT_LINK_LOST)
		g_main_context_iteration(NULL, TRUE);
	agent_link_irq(rig.link, 1, 4, 0);
	agent_link_irq(rig.link, 1, 3, 1);
	accept_link(&rig);
	g_string_truncate(rig.got, 0);
	say(&rig, "hello 1 2\n");
	expect(&rig, "hello 1 0\nhello 1 2\nvm 1 1 2\nirq 1 3 1\n");
	teardown(&rig);
}

/* Nonsense is counted, and then the channel opened anew. */
static void test_garbage(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct rig rig;

	setup(&rig);
	for (int i = 0; i < AGENT_BAD_LINES_MAX - 1; i++)
		g_string_append(text, "x\n");
	say(&rig, text->str);
	say(&rig, "hello 1 1\n");
	g_assert_cmpint(agent_link_get_state(rig.link), ==, AGENT_LINK_CONNECTED);
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*nonsense*");
	say(&rig, "ping 1\n");
	g_test_assert_expected_messages();
	g_assert_cmpint(agent_link_get_state(rig.link), ==, AGENT_LINK_LOST);
	close(rig.fd);
	accept_link(&rig);
	g_string_truncate(rig.got, 0);
	say(&rig, "hello 1 3\n");
	expect(&rig, "hello 1 0\nhello 1 3\n");
	teardown(&rig);
}

/* Nonsense again and again does not have the channel opened again and again. */
static void test_nonsense_again(void)
{
	const gint64 until = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
	g_autoptr(GString) text = g_string_new(NULL);
	guint connections = 1;
	struct rig rig;

	setup(&rig);
	for (int i = 0; i < AGENT_BAD_LINES_MAX; i++)
		g_string_append(text, "nonsense\n");
	while (g_get_monotonic_time() < until && connections < 20) {
		int fd;

		if (agent_link_get_state(rig.link) != AGENT_LINK_LOST) {
			g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*nonsense*");
			say(&rig, text->str);
			while (agent_link_get_state(rig.link) != AGENT_LINK_LOST)
				g_main_context_iteration(NULL, TRUE);
			g_test_assert_expected_messages();
		}
		g_main_context_iteration(NULL, FALSE);
		fd = accept4(rig.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			close(rig.fd);
			rig.fd = fd;
			connections++;
		}
		g_usleep(1000);
	}
	/* after 1 s and 2 s more */
	g_assert_cmpuint(connections, >=, 2);
	g_assert_cmpuint(connections, <=, 3);
	teardown(&rig);
}

/* A flood of hellos does not make a flood of answers: they merge. */
static void test_hello_flood(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(GStrv) vms = NULL;
	struct rig rig;

	setup(&rig);
	for (guint id = 0; id < 1000; id++)
		agent_link_set_vm(rig.link, id, id, id);
	for (int i = 0; i < 5000; i++)
		g_string_append(text, "hello 1 5\n");
	say(&rig, text->str);
	settle(&rig);
	/* After the last hello all of them, once. */
	vms = g_strsplit(g_strrstr(rig.got->str, "hello"), "\nvm ", -1);
	g_assert_cmpuint(g_strv_length(vms), ==, 1001);
	g_test_message("%" G_GSIZE_FORMAT " bytes in answer to %" G_GSIZE_FORMAT, rig.got->len,
		       text->len);
	teardown(&rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/agent-link/hello", test_hello);
	g_test_add_func("/agent-link/none", test_none);
	g_test_add_func("/agent-link/vms", test_vms);
	g_test_add_func("/agent-link/give", test_give);
	g_test_add_func("/agent-link/slow", test_slow);
	g_test_add_func("/agent-link/reconnect", test_reconnect);
	g_test_add_func("/agent-link/garbage", test_garbage);
	g_test_add_func("/agent-link/nonsense-again", test_nonsense_again);
	g_test_add_func("/agent-link/hello-flood", test_hello_flood);
	return g_test_run();
}
