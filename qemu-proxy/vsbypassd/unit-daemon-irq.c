// SPDX-License-Identifier: GPL-2.0
/* The whole daemon, and how interrupts come to user VMs: with an agent, and without. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "error.h"
#include "listen.h"
#include "unit-daemon-rig.h"
#include "unit-fake-module.h"

#define OURS	(VSB_IRQ_EXITS | VSB_IRQ_DIRECT)

/* @more: further arguments. Errors are in @rig->error. */
static void attach_irq(struct rig *rig, const char *irq, const char *more)
{
	g_autofree char *arguments = g_strdup_printf(
		"\"cloud\":\"c\",\"pid\":%d,\"irq\":\"%s\"%s,"
		"\"uservms\":[{\"name\":\"vm1\"},{\"name\":\"vm2\"}]", rig->victim, irq, more);

	run(rig, "attach", arguments);
}

static JsonObject *cloud_status_of(struct rig *rig)
{
	run(rig, "status", "");
	return json_array_get_object_element(
		json_object_get_array_member(rig->result, "clouds"), 0);
}

static void expect_cloud(struct rig *rig, const char *irq, const char *agent)
{
	JsonObject *status = cloud_status_of(rig);

	g_assert_cmpstr(json_object_get_string_member(status, "irq"), ==, irq);
	g_assert_cmpstr(json_object_get_string_member(status, "agent"), ==, agent);
}

/* Without an agent nothing is missing, but for the mode that is the agent's. */
static void test_modes(void)
{
	static const struct {
		const char *irq;
		guint32 mask;
		const char *line;
	} cases[] = {
		{ "auto", OURS, "module" },
		{ "exit", VSB_IRQ_EXITS, "module" },
	};
	struct rig rig;

	setup(&rig);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		fake.started = 0;
		attach_irq(&rig, cases[i].irq, "");
		g_assert_no_error(rig.error);
		/* The module knew before the first access. */
		g_assert_cmphex(fake.irq, ==, cases[i].mask);
		g_assert_cmpuint(fake.irq_when, ==, 0);
		g_assert_cmpuint(fake.started, ==, 1);
		expect_cloud(&rig, cases[i].irq, "none");
		g_assert_cmpstr(json_object_get_string_member(uservm_status(&rig, 0), "line"), ==,
				cases[i].line);
		/* and the next vsbypassd does as well */
		fake.irq = 0;
		restart_daemon(&rig);
		wait_state(&rig, 1, "waiting");
		g_assert_cmphex(fake.irq, ==, cases[i].mask);
		expect_cloud(&rig, cases[i].irq, "none");
		run(&rig, "detach", "\"cloud\":\"c\"");
		g_assert_no_error(rig.error);
	}
	attach_irq(&rig, "agent", "");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_BAD_REQUEST);
	g_assert_nonnull(strstr(rig.error->message, "or irq=auto"));
	attach_irq(&rig, "agent", ",\"agent\":\"/nowhere\"");
	g_assert_no_error(rig.error);
	g_assert_cmphex(fake.irq, ==, VSB_IRQ_EVENTS);
	expect_cloud(&rig, "agent", "lost");
	g_assert_cmpstr(json_object_get_string_member(uservm_status(&rig, 0), "line"), ==,
			"unknown");
	teardown(&rig);
}

/* An older module refuses. A cloud VM that is taken over is not given up for that. */
static void test_older_module(void)
{
	struct rig rig;

	setup(&rig);
	fake.fail = "set_irq";
	attach_irq(&rig, "auto", "");
	g_assert_nonnull(strstr(rig.error->message, "as told"));
	g_assert_null(uservm_status(&rig, 0));
	fake.fail = NULL;
	attach_irq(&rig, "auto", "");
	g_assert_no_error(rig.error);
	fake.fail = "set_irq";
	restart_daemon(&rig);
	fake.fail = NULL;
	wait_state(&rig, 1, "waiting");
	teardown(&rig);
}

/* Until the module has been told @mask. */
static void wait_mask(guint32 mask)
{
	while (fake.irq != mask)
		g_main_context_iteration(NULL, TRUE);
}

/* An agent helps while it is connected, and with irq=exit nobody asks for one. */
static void test_agent(void)
{
	g_autofree char *path = NULL, *more = NULL;
	g_autoptr(GError) error = NULL;
	struct rig rig;
	int listen_fd, fd;

	setup(&rig);
	path = g_build_filename(rig.dir, "agent.sock", NULL);
	more = g_strdup_printf(",\"agent\":\"%s\"", path);
	listen_fd = listen_unix(path, 0600, getgid(), 4, &error);
	g_assert_no_error(error);
	attach_irq(&rig, "auto", more);
	g_assert_no_error(rig.error);
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	expect_cloud(&rig, "auto", "waiting");
	g_assert_cmphex(fake.irq, ==, OURS);
	for (int round = 0; round < 2; round++) {
		g_assert_cmpint(send(fd, "hello 1 1\n", 10, MSG_NOSIGNAL), ==, 10);
		wait_mask(OURS | VSB_IRQ_EVENTS);
		expect_cloud(&rig, "auto", "connected");
		close(fd);
		wait_mask(OURS);
		while ((fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC)) < 0)
			g_main_context_iteration(NULL, TRUE);
	}
	close(fd);
	run(&rig, "detach", "\"cloud\":\"c\"");
	g_assert_no_error(rig.error);

	attach_irq(&rig, "exit", more);
	g_assert_no_error(rig.error);
	g_assert_cmpint(accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC), ==, -1);
	expect_cloud(&rig, "exit", "none");
	close(listen_fd);
	g_unlink(path);
	teardown(&rig);
}

/* What the module counts. */
static void test_counters(void)
{
	JsonObject *counters;
	struct rig rig;

	setup(&rig);
	attach_irq(&rig, "auto", "");
	fake.bound = TRUE;
	fake.uservm = (struct vsb_uservm){ .irq_exits = 5, .irq_direct = 6, .halts = 7 };
	counters = json_object_get_object_member(uservm_status(&rig, 0), "counters");
	g_assert_cmpint(json_object_get_int_member(counters, "irq_exits"), ==, 5);
	g_assert_cmpint(json_object_get_int_member(counters, "irq_direct"), ==, 6);
	g_assert_cmpint(json_object_get_int_member(counters, "halts"), ==, 7);
	teardown(&rig);
}

/* The ports go back: the module prepares them; that it cannot is no reason to keep them. */
static void test_reflect(void)
{
	struct rig rig;

	setup(&rig);
	for (int fails = 0; fails < 2; fails++) {
		fake.given = 0;
		fake.frozen = FALSE;
		fake.fail = NULL;
		attach_irq(&rig, fails ? "exit" : "auto", "");
		g_assert_no_error(rig.error);
		fake.bound = TRUE;
		fake.fail = fails ? "give_back" : NULL;
		run(&rig, "detach", "\"cloud\":\"c\",\"reflect\":true");
		g_assert_no_error(rig.error);
		g_assert_cmpuint(fake.given, ==, fails ? 0 : 2);
		g_assert_cmpint(fake.on_close, ==, 0);
		g_assert_null(uservm_status(&rig, 0));
	}
	/* The cloud VM ends in the middle of it. */
	fake.fail = NULL;
	attach_irq(&rig, "auto", "");
	begin(&rig, "detach", "\"cloud\":\"c\",\"reflect\":true");
	daemon_free(rig.daemon);
	rig.daemon = daemon_new("/dev/null", rig.rundir->state, &rig.env);
	teardown(&rig);
}

/* Until the agent's end of its channel has received @line. */
static void wait_heard(int fd, const char *line)
{
	g_autoptr(GString) got = g_string_new(NULL);

	while (!strstr(got->str, line)) {
		char buf[256];
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n > 0)
			g_string_append_len(got, buf, n);
		g_main_context_iteration(NULL, FALSE);
	}
}

/* Where the module cannot, an agent does it for the user VMs that it has found. */
static void test_reflect_agent(void)
{
	g_autofree char *path = NULL, *more = NULL;
	g_autoptr(GError) error = NULL;
	struct rig rig;
	int listen_fd, fd;

	setup(&rig);
	path = g_build_filename(rig.dir, "agent.sock", NULL);
	more = g_strdup_printf(",\"agent\":\"%s\"", path);
	listen_fd = listen_unix(path, 0600, getgid(), 4, &error);
	g_assert_no_error(error);
	attach_irq(&rig, "auto", more);
	g_assert_no_error(rig.error);
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	g_assert_cmpint(send(fd, "hello 1 1\n", 10, MSG_NOSIGNAL), ==, 10);
	fake.bound = TRUE;
	fake.uservm = (struct vsb_uservm){ .flags = VSB_USERVM_FRAMES, .l2_gfn = 1, .l1_gfn = 2,
					   .ier = 7 };
	/* of vm2, which is the last one */
	fake_module_event(VSB_EVENT_USERVM, 0, 0);
	wait_heard(fd, "vm 1 1 2\n");
	g_assert_cmpint(send(fd, "vm 1 found\n", 11, MSG_NOSIGNAL), ==, 11);
	while (strcmp(json_object_get_string_member(uservm_status(&rig, 1), "line"), "found"))
		g_main_context_iteration(NULL, TRUE);
	fake.fail = "give_back";
	begin(&rig, "detach", "\"cloud\":\"c\",\"reflect\":true");
	wait_heard(fd, "give 1 7\n");
	g_assert_false(rig.done);
	g_assert_cmpint(send(fd, "vm 1 given\n", 11, MSG_NOSIGNAL), ==, 11);
	while (!rig.done)
		g_main_context_iteration(NULL, TRUE);
	g_assert_no_error(rig.error);
	close(fd);
	close(listen_fd);
	g_unlink(path);
	teardown(&rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/daemon-irq/modes", test_modes);
	g_test_add_func("/daemon-irq/older-module", test_older_module);
	g_test_add_func("/daemon-irq/agent", test_agent);
	g_test_add_func("/daemon-irq/counters", test_counters);
	g_test_add_func("/daemon-irq/reflect", test_reflect);
	g_test_add_func("/daemon-irq/reflect-agent", test_reflect_agent);
	return run_tests();
}
