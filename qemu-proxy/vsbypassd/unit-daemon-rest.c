// SPDX-License-Identifier: GPL-2.0
/* The whole daemon, and proxies without a process before somebody needs one. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "error.h"
#include "listen.h"
#include "unit-daemon-rig.h"
#include "unit-fake-module.h"

#define RESTS		"{\"name\":\"vm1\",\"ports\":\"start=client\"}"

static gboolean marked(struct rig *rig, const char *console)
{
	g_autofree char *path = g_strdup_printf("%s/%s.rest", rig->rundir->console_dir, console);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean resting(struct rig *rig, guint index)
{
	return json_object_get_boolean_member(uservm_status(rig, index), "resting");
}

static void wait_rest(struct rig *rig, guint index)
{
	while (!resting(rig, index) || proxy_pid_of(rig, index))
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpint(proxy_pid_of(rig, index), ==, 0);
}

/* Its QEMU has its VM in the module, the @nth that has. */
static void wait_awake(struct rig *rig, guint nth)
{
	while (fake.vms < nth)
		g_main_context_iteration(NULL, TRUE);
	while (resting(rig, 0))
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpint(proxy_pid_of(rig, 0), !=, 0);
	/* Until then it is no other than before for who asks. */
	wait_state(rig, 0, fake.bound ? "bound" : "waiting");
}

static int come(struct rig *rig, const char *console)
{
	g_autofree char *path = g_strdup_printf("%s/%s.sock", rig->rundir->console_dir, console);
	int fd = connect_unix(path);

	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static gboolean is_open(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);

	return n < 0 && errno == EAGAIN;
}

static void wait_closed(int fd)
{
	while (is_open(fd))
		g_main_context_iteration(NULL, FALSE);
	close(fd);
}

/* The time that "cont" and what is behind it take. */
static void wait_ready(struct rig *rig)
{
	g_autoptr(GError) error = NULL;

	do {
		run(rig, "send-break", "\"uservm\":\"vm1\"");
	} while (rig->error && (g_usleep(1000), g_main_context_iteration(NULL, FALSE), TRUE));
}

/* The first client has a QEMU started, which is its own from the start; then it rests again. */
static void test_client(void)
{
	struct rig rig;
	int fd;

	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\",\"ports\":\"0x3f8-0x3ff,0x2f8-0x2ff,start=client\"}");
	g_assert_no_error(rig.error);
	g_assert_cmpuint(fake.spawned, ==, 0);
	g_assert_cmpuint(fake.proxy_flags, ==, VSB_PROXY_RESTS);
	g_assert_cmpuint(fake.started, ==, 1);
	g_assert_true(resting(&rig, 0));
	g_assert_cmpstr(json_object_get_string_member(uservm_status(&rig, 0), "state"), ==, "waiting");
	g_assert_true(marked(&rig, "vm1"));
	g_assert_true(marked(&rig, "vm1.com2"));
	for (guint i = 0; i < 2; i++) {
		fd = come(&rig, i ? "vm1.com2" : "vm1");
		wait_awake(&rig, i + 1);
		wait_ready(&rig);
		g_assert_cmpuint(fake.spawned, ==, i + 1);
		/* It is the one that was there. */
		g_assert_cmpuint(fake.names->len, ==, i + 1);
		g_assert_false(marked(&rig, "vm1"));
		g_assert_false(marked(&rig, "vm1.com2"));
		g_assert_true(is_open(fd));
		run(&rig, "rest", "\"uservm\":\"vm1\"");
		g_assert_no_error(rig.error);
		g_assert_true(marked(&rig, "vm1"));
		wait_closed(fd);
		wait_rest(&rig, 0);
		run(&rig, "rest", "\"uservm\":\"vm1\"");
		g_assert_no_error(rig.error);
		g_assert_cmpuint(fake.names->len, ==, i + 2);
	}
	g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 0), "generation"), ==, 0);
	g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 0), "restarts"), ==, 0);
	teardown(&rig);
}

/* The user VM needs it: who keeps the console's output may come first. */
static void test_wanted(void)
{
	struct rig rig;
	int fd;

	setup(&rig);
	attach(&rig, RESTS);
	fake.bound = TRUE;
	fake.uservm = (struct vsb_uservm){ .flags = VSB_USERVM_BOUND, .com_lost = { 7 } };
	fake_module_event(VSB_EVENT_WANTED, 0, 0);
	while (marked(&rig, "vm1"))
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpuint(fake.spawned, ==, 0);
	/* What is lost is told. */
	g_assert_cmpint(json_array_get_int_element(json_object_get_array_member(
		uservm_status(&rig, 0), "lost"), 0), ==, 7);
	fd = come(&rig, "vm1");
	wait_awake(&rig, 1);
	wait_ready(&rig);
	g_assert_true(is_open(fd));
	close(fd);
	run(&rig, "rest", "\"uservm\":\"vm1\"");
	wait_rest(&rig, 0);
	/* And without. */
	fake_module_event(VSB_EVENT_WANTED, 0, 0);
	fake_module_event(VSB_EVENT_WANTED, 0, 0);
	wait_awake(&rig, 2);
	g_assert_cmpuint(fake.spawned, ==, 2);
	teardown(&rig);
}

/* A break has it started. */
static void test_break(void)
{
	struct rig rig;

	setup(&rig);
	attach(&rig, RESTS);
	run(&rig, "send-break", "\"uservm\":\"vm1\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_FAILED);
	wait_awake(&rig, 1);
	wait_ready(&rig);
	teardown(&rig);
}

/* It dies: it rests behind the pause, for who is there it starts again. */
static void test_dies(void)
{
	struct rig rig;
	int fd;

	setup(&rig);
	attach(&rig, RESTS);
	fd = come(&rig, "vm1");
	wait_awake(&rig, 1);
	kill(proxy_pid_of(&rig, 0), SIGKILL);
	wait_closed(fd);
	wait_rest(&rig, 0);
	g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 0), "restarts"), ==, 1);
	/* The module refuses its VM, once. */
	fake.fail = "set_vm";
	fd = come(&rig, "vm1");
	wait_closed(fd);
	fake.fail = NULL;
	fd = come(&rig, "vm1");
	wait_awake(&rig, 2);
	g_assert_true(is_open(fd));
	close(fd);
	teardown(&rig);
}

/* vsbypassd ends, and another one starts: it rests on, and what is known of it stays. */
static void test_restart(void)
{
	struct rig rig;
	int fd;

	setup(&rig);
	attach(&rig, RESTS "," "{\"name\":\"vm2\"}");
	run(&rig, "unbind", "\"uservm\":\"vm1\"");
	g_assert_no_error(rig.error);
	wait_rest(&rig, 0);
	g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 0), "generation"), ==, 1);
	g_assert_cmpuint(fake.spawned, ==, 1);
	fake.taken = 0;
	/* The only QEMU is that of vm2, whose descriptor is the second one. */
	g_array_remove_index(fake.proxy_fds, 0);
	restart_daemon(&rig);
	wait_rest(&rig, 0);
	g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 0), "generation"), ==, 1);
	g_assert_true(marked(&rig, "vm1"));
	g_assert_cmpuint(fake.spawned, ==, 1);
	fd = come(&rig, "vm1");
	wait_awake(&rig, 1);
	wait_ready(&rig);
	teardown(&rig);
	close(fd);
}

/* What goes with it, and what does not. */
static void test_refused(void)
{
	g_autofree char *log = NULL, *dir = NULL;
	struct rig rig;

	setup(&rig);
	dir = g_build_filename(rig.dir, "logs", NULL);
	log = g_build_filename(dir, "vm2.log", NULL);
	g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
	g_assert_true(g_file_set_contents(log, "", 0, NULL));
	daemon_free(rig.daemon);
	rig.env.log_dir = dir;
	rig.daemon = daemon_new("/dev/null", rig.rundir->state, &rig.env);
	/* A keyboard may start it; a log does. */
	attach(&rig, "{\"name\":\"vm1\",\"ports\":\"ps2,start=client\"},"
	       "{\"name\":\"vm2\",\"ports\":\"start=client\"},{\"name\":\"vm3\"}");
	g_assert_no_error(rig.error);
	g_assert_true(resting(&rig, 0));
	g_assert_false(resting(&rig, 1));
	g_assert_cmpint(proxy_pid_of(&rig, 1), !=, 0);
	g_assert_false(json_object_has_member(uservm_status(&rig, 2), "resting"));
	g_assert_cmpuint(fake.spawned, ==, 2);
	for (guint i = 2; i < 4; i++) {
		g_autofree char *which = g_strdup_printf("\"uservm\":\"vm%u\"", i);

		run(&rig, "rest", which);
		g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_FAILED);
	}
	run(&rig, "rest", "\"uservm\":\"nobody\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);
	/* Keys for one that has none yet have it started. */
	fake.bound = TRUE;
	run(&rig, "send-key", "\"uservm\":\"vm1\",\"keys\":\"a\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_FAILED);
	wait_awake(&rig, 1);
	run(&rig, "rest", "\"uservm\":\"vm1\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_FAILED);
	/* One more that rests, and one that goes. */
	run(&rig, "add", "\"cloud\":\"c\",\"uservms\":[{\"name\":\"vm4\",\"ports\":\"start=client\"}]");
	g_assert_no_error(rig.error);
	g_assert_true(resting(&rig, 3));
	run(&rig, "remove", "\"uservm\":\"vm4\"");
	g_assert_no_error(rig.error);
	g_assert_false(marked(&rig, "vm4"));
	g_unlink(log);
	g_rmdir(dir);
	teardown(&rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rest/client", test_client);
	g_test_add_func("/rest/wanted", test_wanted);
	g_test_add_func("/rest/break", test_break);
	g_test_add_func("/rest/dies", test_dies);
	g_test_add_func("/rest/restart", test_restart);
	g_test_add_func("/rest/refused", test_refused);
	return run_tests();
}
