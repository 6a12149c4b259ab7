// SPDX-License-Identifier: GPL-2.0
/* The whole daemon: attach, undo, restart, detach, and the control socket. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control-client.h"
#include "error.h"
#include "json-line.h"
#include "listen.h"
#include "unit-daemon-rig.h"
#include "unit-fake-module.h"

/* Directory and firmware, with the umask that vsbypassd has. */
static void test_rundir(void)
{
	mode_t before = umask(077);
	struct stat st;
	struct rig rig;

	setup(&rig);
	umask(before);
	/* of QEMUs that are other users' */
	g_assert_cmpint(stat(rig.rundir->rom, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0644);
	g_assert_cmpint(stat(rig.rundir->proxy_dir, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0755);
	g_assert_cmpint(stat(rig.rundir->console_dir, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0750);
	teardown(&rig);
}

static void test_life(void)
{
	g_autofree char *console = NULL;
	struct rig rig;
	struct stat st;
	pid_t pid;
	int fd;

	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\"},{\"name\":\"vm2\"},{\"name\":\"a\"},{\"name\":\"b\"},"
	       "{\"name\":\"z\"},{\"name\":\"y\"}");
	g_assert_no_error(rig.error);
	/* Registered in the order given, then started, once. */
	g_assert_cmpuint(fake.names->len, ==, 6);
	g_assert_cmpstr(fake.names->pdata[0], ==, "vm1");
	g_assert_cmpstr(fake.names->pdata[1], ==, "vm2");
	g_assert_cmpstr(fake.names->pdata[4], ==, "z");
	g_assert_cmpstr(fake.names->pdata[5], ==, "y");
	g_assert_cmpuint(fake.started, ==, 1);
	g_assert_cmpuint(fake.cloud_flags, ==, VSB_CLOUD_ABSORB_ON_CLOSE);
	g_assert_cmpuint(fake.cloud_unclaimed, ==, VSB_UNCLAIMED_ABSORB);
	wait_state(&rig, 0, "waiting");

	console = g_build_filename(rig.rundir->console_dir, "vm1.sock", NULL);
	g_assert_cmpint(stat(console, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 0777, ==, 0660);
	fd = connect_unix(console);
	g_assert_cmpint(fd, >=, 0);
	close(fd);

	run(&rig, "send-break", "\"uservm\":\"vm2\"");
	g_assert_no_error(rig.error);
	run(&rig, "send-break", "\"uservm\":\"nosuch\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);
	run(&rig, "unbind", "\"uservm\":\"vm2\"");
	g_assert_no_error(rig.error);
	g_assert_cmpuint(fake.unbound, ==, 1);

	/* Names are unique, a process is attached once. */
	attach(&rig, "{\"name\":\"other\"}");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_EXISTS);

	pid = proxy_pid_of(&rig, 0);
	run(&rig, "detach", "\"cloud\":\"nosuch\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);
	run(&rig, "detach", "\"cloud\":\"c\"");
	g_assert_no_error(rig.error);
	g_assert_cmpint(fake.on_close, ==, -1);
	g_assert_cmpint(connect_unix(console), ==, -1);
	/* GLib reaps it: the pid is free some time later. */
	while (!kill(pid, 0))
		g_usleep(1000);

	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_no_error(rig.error);
	run(&rig, "detach", "\"cloud\":\"c\",\"reflect\":true");
	g_assert_no_error(rig.error);
	g_assert_cmpint(fake.on_close, ==, 0);
	g_assert_true(fake.frozen);
	teardown(&rig);
}

/* The administrator frees a name as often as he likes: the next user VM does not wait. */
/* A client of the control socket, which waits as vsbctl does. */
struct asker {
	const char *socket;
	const char *uservm;
	int fd;
	GError *error;
	volatile gboolean done;
};

static gpointer ask_memory(gpointer data)
{
	struct asker *asker = data;
	g_autofree char *text = g_strdup_printf("{\"execute\":\"memory\",\"arguments\":{"
						"\"uservm\":\"%s\"}}", asker->uservm);
	g_autoptr(JsonObject) request = json_line_parse(text, strlen(text), 10, NULL);
	g_autoptr(GString) line = NULL;

	asker->fd = control_ask_fd(asker->socket, request, &line, &asker->error);
	asker->done = TRUE;
	g_main_context_wakeup(NULL);
	return NULL;
}

static void ask_for_memory(struct rig *rig, const char *uservm, struct asker *asker)
{
	GThread *thread;

	*asker = (struct asker){ .socket = rig->rundir->control, .uservm = uservm };
	thread = g_thread_new("asker", ask_memory, asker);
	while (!asker->done)
		g_main_context_iteration(NULL, TRUE);
	g_thread_join(thread);
}

static guint count_fds(void)
{
	g_autoptr(GDir) dir = NULL;
	guint n = 0;

	/* The daemon notices that a client has gone. */
	while (g_main_context_iteration(NULL, FALSE))
		;
	dir = g_dir_open("/proc/self/fd", 0, NULL);
	while (g_dir_read_name(dir))
		n++;
	return n;
}

/* Its memory is to be had; @private: that behind its veil as well. */
static void gets_memory(struct rig *rig, const char *uservm, gboolean private)
{
	struct asker asker;

	g_test_message("%s", uservm);
	ask_for_memory(rig, uservm, &asker);
	g_assert_no_error(asker.error);
	close(asker.fd);
	g_assert_cmpint(fake.private, ==, private);
}

/* @fine: or refused. */
static void reveals(struct rig *rig, const char *execute, const char *uservm, gboolean fine)
{
	g_autofree char *arguments = g_strdup_printf("\"uservm\":\"%s\"", uservm);

	g_test_message("%s %s", execute, uservm);
	run(rig, execute, arguments);
	g_assert_cmpint(!rig->error, ==, fine);
}

/* What is behind a veil goes along when the owner says so, or nobody has to. */
static void test_reveal(void)
{
	struct rig rig;

	if (geteuid()) {
		g_test_skip("root alone gets it");
		return;
	}
	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\",\"ports\":\"veil=9\"},"
	       "{\"name\":\"vm2\",\"ports\":\"veil=9,watch=host\"},"
	       "{\"name\":\"vm3\",\"ports\":\"veil=9,watch=none\"},{\"name\":\"vm4\"}");
	g_assert_no_error(rig.error);
	gets_memory(&rig, "vm1", FALSE);
	gets_memory(&rig, "vm2", TRUE);
	gets_memory(&rig, "vm3", FALSE);
	gets_memory(&rig, "vm4", FALSE);
	reveals(&rig, "reveal", "vm1", TRUE);
	gets_memory(&rig, "vm1", TRUE);
	reveals(&rig, "conceal", "vm1", TRUE);
	gets_memory(&rig, "vm1", FALSE);
	reveals(&rig, "conceal", "vm2", FALSE);
	gets_memory(&rig, "vm2", TRUE);
	reveals(&rig, "reveal", "vm3", FALSE);
	gets_memory(&rig, "vm3", FALSE);
	reveals(&rig, "reveal", "vm4", FALSE);
	reveals(&rig, "reveal", "nosuch", FALSE);
	/* Another user VM is not this one. */
	reveals(&rig, "reveal", "vm1", TRUE);
	run(&rig, "unbind", "\"uservm\":\"vm1\"");
	g_assert_no_error(rig.error);
	wait_state(&rig, 0, "starting");
	wait_state(&rig, 0, "waiting");
	gets_memory(&rig, "vm1", FALSE);
	teardown(&rig);
}

/* The descriptor comes with the reply, and the daemon keeps none. */
static void test_memory(void)
{
	guint open_before = 0;
	struct asker asker;
	struct stat st;
	struct rig rig;

	if (geteuid()) {
		g_test_skip("root alone gets it");
		return;
	}
	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_no_error(rig.error);
	for (guint i = 0; i < 3; i++) {
		ask_for_memory(&rig, "vm1", &asker);
		g_assert_no_error(asker.error);
		g_assert_cmpint(fstat(asker.fd, &st), ==, 0);
		g_assert_true(S_ISCHR(st.st_mode));	/* what the fake module has for one */
		g_assert_cmpint(fcntl(asker.fd, F_GETFD), ==, FD_CLOEXEC);
		close(asker.fd);
		if (!i)
			open_before = count_fds();
	}
	g_assert_cmpuint(count_fds(), ==, open_before);
	g_assert_false(fake.private);
	ask_for_memory(&rig, "nosuch", &asker);
	g_assert_error(asker.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);
	g_clear_error(&asker.error);
	fake.fail = "get_memory";
	ask_for_memory(&rig, "vm1", &asker);
	g_assert_error(asker.error, VSB_ERROR, VSB_ERROR_FAILED);
	g_assert_cmpint(asker.fd, ==, -1);
	g_clear_error(&asker.error);
	fake.fail = NULL;
	teardown(&rig);
}

static void test_unbind_often(void)
{
	gint64 begin = g_get_monotonic_time();
	struct rig rig;

	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_no_error(rig.error);
	for (int round = 0; round < 5; round++) {
		wait_state(&rig, 0, "waiting");
		run(&rig, "unbind", "\"uservm\":\"vm1\"");
		g_assert_no_error(rig.error);
		wait_state(&rig, 0, "starting");
	}
	wait_state(&rig, 0, "waiting");
	/* of a user VM's they would be 0, 1, 2, 4 and 8 s */
	g_assert_cmpint(g_get_monotonic_time() - begin, <, 10 * G_USEC_PER_SEC);
	teardown(&rig);
}

/* "check" says what "attach" would, and changes nothing. */
static void test_check(void)
{
	struct rig rig;

	setup(&rig);
	run(&rig, "check", "\"cloud\":\"c\",\"uservms\":[{\"name\":\"vm1\"}]");
	g_assert_no_error(rig.error);
	g_assert_null(uservm_status(&rig, 0));
	run(&rig, "check", "\"cloud\":\"c\",\"uservms\":[{\"name\":\"vm1\","
	    "\"identity\":\"required\"}]");
	g_assert_nonnull(strstr(rig.error->message, "vsbctl key"));
	fake.fail = "open";
	run(&rig, "check", "\"cloud\":\"c\",\"uservms\":[{\"name\":\"vm1\"}]");
	g_assert_nonnull(strstr(rig.error->message, "as told"));
	fake.fail = NULL;
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_no_error(rig.error);
	run(&rig, "check", "\"cloud\":\"c\",\"uservms\":[{\"name\":\"vm9\"}]");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_EXISTS);
	run(&rig, "check", "\"cloud\":\"d\",\"uservms\":[{\"name\":\"vm1\"}]");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_EXISTS);
	run(&rig, "check", "\"cloud\":\"d\",\"uservms\":[{\"name\":\"vm9\"}]");
	g_assert_no_error(rig.error);
	teardown(&rig);
}

/* Any step that fails undoes all before it. */
static void test_undo(void)
{
	static const char * const calls[] = {
		"open", "procfd", "take_vm", "create_cloud", "create_proxy", "start",
	};
	struct rig rig;

	setup(&rig);
	for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
		fake.fail = calls[i];
		attach(&rig, "{\"name\":\"vm1\"},{\"name\":\"vm2\"}");
		g_test_message("%s: %s", calls[i], rig.error ? rig.error->message : "-");
		g_assert_nonnull(rig.error);
		g_assert_nonnull(strstr(rig.error->message, "as told"));
		g_assert_null(uservm_status(&rig, 0));
	}
	fake.fail = NULL;
	attach(&rig, "{\"name\":\"vm1\"},{\"name\":\"vm2\"}");
	g_assert_no_error(rig.error);
	/* Detach with a module that cannot do it changes nothing. */
	for (gsize i = 0; i < 2; i++) {
		fake.fail = i ? "set_on_close" : "freeze";
		run(&rig, "detach", "\"cloud\":\"c\",\"reflect\":true");
		g_assert_nonnull(rig.error);
		g_assert_false(fake.frozen);
		g_assert_nonnull(uservm_status(&rig, 0));
	}
	fake.fail = NULL;
	teardown(&rig);
}

static void test_bad_qemu(void)
{
	static const char * const programs[] = { "/nonexistent/qemu", "/bin/false", "/bin/true" };

	for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
		struct rig rig;

		setup_qemu(&rig, programs[i]);
		attach(&rig, "{\"name\":\"vm1\"}");
		g_test_message("%s", rig.error ? rig.error->message : "-");
		g_assert_nonnull(rig.error);
		g_assert_nonnull(strstr(rig.error->message, "proxy 'vm1'"));
		g_assert_null(uservm_status(&rig, 0));
		teardown(&rig);
	}
}

/* The cloud VM's QEMU ends: all is cleaned up by itself. */
static void test_cloud_ends(void)
{
	struct rig rig;

	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_no_error(rig.error);
	kill(rig.victim, SIGKILL);
	while (uservm_status(&rig, 0))
		g_main_context_iteration(NULL, TRUE);
	teardown(&rig);

	/* Also while the attach is under way. */
	setup(&rig);
	attach_begin(&rig, "{\"name\":\"vm1\"}");
	kill(rig.victim, SIGKILL);
	while (!rig.done)
		g_main_context_iteration(NULL, TRUE);
	g_assert_nonnull(rig.error);
	g_assert_null(uservm_status(&rig, 0));
	teardown(&rig);
}

/* The daemon ends while an attach is under way: the one who waits is told. */
static void test_end_in_attach(void)
{
	struct rig rig;

	setup(&rig);
	attach_begin(&rig, "{\"name\":\"vm1\"},{\"name\":\"vm2\"}");
	g_assert_false(rig.done);
	daemon_free(rig.daemon);
	g_assert_true(rig.done);
	g_assert_nonnull(rig.error);
	rig.daemon = daemon_new("/dev/null", rig.rundir->state, &rig.env);
	teardown(&rig);
}

static void test_restart(void)
{
	g_autofree char *console = NULL;
	struct rig rig;
	pid_t pid;
	int fd;

	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\"},{\"name\":\"vm2\"}");
	g_assert_no_error(rig.error);
	console = g_build_filename(rig.rundir->console_dir, "vm2.sock", NULL);
	for (int round = 1; round <= 2; round++) {
		pid = proxy_pid_of(&rig, 1);
		kill(pid, SIGKILL);
		wait_state(&rig, 1, "starting");
		/* A client that comes in between waits for the next QEMU. */
		fd = connect_unix(console);
		g_assert_cmpint(fd, >=, 0);
		run(&rig, "send-break", "\"uservm\":\"vm2\"");
		g_assert_nonnull(rig.error);
		run(&rig, "unbind", "\"uservm\":\"vm2\"");
		g_assert_nonnull(rig.error);
		wait_state(&rig, 1, "waiting");
		g_assert_cmpint(proxy_pid_of(&rig, 1), !=, pid);
		g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 1), "restarts"),
				==, round);
		g_assert_cmpuint(fake.names->len, ==, 2 + round);
		g_assert_cmpstr(fake.names->pdata[1 + round], ==, "vm2");
		close(fd);
	}
	g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 0), "restarts"), ==, 0);
	g_assert_cmpuint(fake.started, ==, 1);
	teardown(&rig);
}

static void add(struct rig *rig, const char *vms)
{
	g_autofree char *arguments = g_strdup_printf("\"cloud\":\"c\",\"uservms\":[%s]", vms);

	run(rig, "add", arguments);
}

/* Proxies come to the pool and leave it. */
static void test_pool(void)
{
	g_autofree char *console = NULL;
	struct rig rig;
	pid_t pid;

	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_no_error(rig.error);
	run(&rig, "remove", "\"uservm\":\"vm1\"");
	g_assert_nonnull(strstr(rig.error->message, "the only user VM"));
	run(&rig, "remove", "\"uservm\":\"vm2\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);
	run(&rig, "add", "\"cloud\":\"d\",\"uservms\":[{\"name\":\"vm2\"}]");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);
	add(&rig, "{\"name\":\"vm2\"},{\"name\":\"vm1\"}");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_EXISTS);
	add(&rig, "{\"name\":\"vm2\",\"identity\":\"required\"}");
	g_assert_nonnull(strstr(rig.error->message, "vsbctl key"));
	g_assert_null(g_strrstr(rig.error->message, "vm1"));

	add(&rig, "{\"name\":\"vm3\"},{\"name\":\"vm2\"}");
	g_assert_no_error(rig.error);
	g_assert_cmpuint(fake.names->len, ==, 3);
	g_assert_cmpstr(fake.names->pdata[1], ==, "vm3");
	g_assert_cmpstr(fake.names->pdata[2], ==, "vm2");
	wait_state(&rig, 2, "waiting");
	pid = proxy_pid_of(&rig, 0);
	console = g_build_filename(rig.rundir->console_dir, "vm1.sock", NULL);
	run(&rig, "remove", "\"uservm\":\"vm1\"");
	g_assert_no_error(rig.error);
	g_assert_cmpint(kill(pid, 0), ==, -1);
	g_assert_cmpint(connect_unix(console), ==, -1);
	g_assert_cmpstr(json_object_get_string_member(uservm_status(&rig, 0), "name"), ==, "vm3");
	/* All of them are what the next vsbypassd goes on with, and a name is free again. */
	restart_daemon(&rig);
	wait_state(&rig, 1, "waiting");
	add(&rig, "{\"name\":\"vm1\"}");
	g_assert_no_error(rig.error);
	wait_state(&rig, 2, "waiting");

	/* What fails is undone, all of it, and one that dies meanwhile is no reason. */
	fake.fail = "create_proxy";
	add(&rig, "{\"name\":\"a\"},{\"name\":\"b\"}");
	g_assert_nonnull(strstr(rig.error->message, "as told"));
	fake.fail = NULL;
	run(&rig, "remove", "\"uservm\":\"a\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);
	begin(&rig, "add", "\"cloud\":\"c\",\"uservms\":[{\"name\":\"a\"},{\"name\":\"b\"}]");
	{
		struct rig other = { .daemon = rig.daemon };

		add(&other, "{\"name\":\"z\"}");
		g_assert_nonnull(strstr(other.error->message, "another command"));
		run(&other, "detach", "\"cloud\":\"c\",\"reflect\":true");
		g_assert_nonnull(strstr(other.error->message, "another command"));
		run(&other, "remove", "\"uservm\":\"b\"");
		g_assert_nonnull(strstr(other.error->message, "another command"));
		forget_result(&other);
	}
	while (!rig.done)
		g_main_context_iteration(NULL, TRUE);
	g_assert_no_error(rig.error);
	wait_state(&rig, 4, "waiting");
	/* The one who waits is told when the cloud VM is detached. */
	begin(&rig, "add", "\"cloud\":\"c\",\"uservms\":[{\"name\":\"y\"}]");
	{
		struct rig other = { .daemon = rig.daemon };

		run(&other, "detach", "\"cloud\":\"c\"");
		g_assert_no_error(other.error);
		forget_result(&other);
	}
	g_assert_true(rig.done);
	g_assert_nonnull(rig.error);
	teardown(&rig);
}

/* Another vsbypassd goes on with the same proxies, and starts what is not there. */
static void test_resume(void)
{
	struct rig rig;
	pid_t pids[3];

	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\"},{\"name\":\"vm2\"},{\"name\":\"vm3\"}");
	g_assert_no_error(rig.error);
	for (guint i = 0; i < 3; i++)
		pids[i] = proxy_pid_of(&rig, i);
	restart_daemon(&rig);
	for (guint i = 0; i < 3; i++) {
		wait_state(&rig, i, "waiting");
		g_assert_cmpint(proxy_pid_of(&rig, i), ==, pids[i]);
	}
	g_assert_cmpuint(fake.names->len, ==, 3);
	g_assert_cmpuint(fake.reports, ==, 3);
	run(&rig, "send-break", "\"uservm\":\"vm2\"");
	g_assert_no_error(rig.error);

	/* One that ended meanwhile, and one that ends with the new vsbypassd. */
	daemon_free(rig.daemon);
	kill(pids[0], SIGKILL);
	while (!kill(pids[0], 0))
		g_main_context_iteration(NULL, FALSE);
	rig.daemon = daemon_new("/dev/null", rig.rundir->state, &rig.env);
	fake.taken = 1;
	daemon_restore(rig.daemon);
	wait_state(&rig, 0, "waiting");
	wait_state(&rig, 1, "waiting");
	g_assert_cmpint(proxy_pid_of(&rig, 0), !=, pids[0]);
	g_assert_cmpint(proxy_pid_of(&rig, 1), ==, pids[1]);
	kill(pids[1], SIGKILL);
	wait_state(&rig, 1, "starting");
	wait_state(&rig, 1, "waiting");
	g_assert_cmpint(proxy_pid_of(&rig, 1), !=, pids[1]);
	g_assert_cmpint(proxy_pid_of(&rig, 2), ==, pids[2]);

	/* Descriptors that cannot be taken: its process is ended, another one started. */
	fake.fail = "take_proxy";
	restart_daemon(&rig);
	fake.fail = NULL;
	wait_state(&rig, 2, "waiting");
	g_assert_cmpint(proxy_pid_of(&rig, 2), !=, pids[2]);
	while (!kill(pids[2], 0))
		g_main_context_iteration(NULL, FALSE);
	teardown(&rig);
}

/* A state that is not whole, or of another boot: nothing of it is left. */
static void test_bad_state(void)
{
	static const char * const edits[][2] = {
		{ "{", "" }, { "\"attach\"", "\"x\"" }, { "vm1", "../vm1" },
		{ "\"attached\":true", "\"attached\":false" },
		{ "\"start_time\":77", "\"start_time\":78" },
		{ "\"proxies\":[", "\"proxies\":[{}," }, { "\"proxies\":[", "\"proxies\":[1," },
		{ "\"generation\":0", "\"generation\":-1" }, { "\"pid\":", "\"pid\":0" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(edits); i++) {
		g_autofree char *text = NULL;
		g_autoptr(GString) edited = NULL;
		struct rig rig;
		pid_t pid;

		setup(&rig);
		attach(&rig, "{\"name\":\"vm1\"}");
		g_assert_no_error(rig.error);
		pid = proxy_pid_of(&rig, 0);
		daemon_free(rig.daemon);
		g_assert_true(g_file_get_contents(rig.rundir->state, &text, NULL, NULL));
		edited = g_string_new(text);
		g_assert_cmpuint(g_string_replace(edited, edits[i][0], edits[i][1], 0), >, 0);
		g_assert_true(g_file_set_contents(rig.rundir->state, edited->str, -1, NULL));
		rig.daemon = daemon_new("/dev/null", rig.rundir->state, &rig.env);
		daemon_restore(rig.daemon);
		g_assert_null(uservm_status(&rig, 0));
		/* Whose pid cannot be read is not found, but its name can be used. */
		kill(pid, SIGKILL);
		attach(&rig, "{\"name\":\"vm1\"}");
		g_assert_no_error(rig.error);
		teardown(&rig);
	}
}

static void test_events(void)
{
	struct rig rig;
	JsonObject *status;

	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_no_error(rig.error);
	fake.bound = TRUE;
	fake.uservm = (struct vsb_uservm){
		.flags = VSB_USERVM_BOUND | VSB_USERVM_FRAMES, .ept_pointer = 0x639b01e,
		.l2_gfn = 1, .l1_gfn = 2, .vcpus = 3, .roots = 4,
		.counters = { .reads = 5, .irq_edges = 6 },
	};
	fake_module_event(VSB_EVENT_USERVM, 0, 0);
	fake_module_event(VSB_EVENT_IRQ, 4, 1);
	fake_module_event(99, 99, 99);
	while (g_main_context_iteration(NULL, FALSE))
		;
	status = uservm_status(&rig, 0);
	g_assert_cmpstr(json_object_get_string_member(status, "state"), ==, "bound");
	g_assert_cmpstr(json_object_get_string_member(status, "ept_pointer"), ==, "0x639b01e");
	g_assert_cmpint(json_object_get_int_member(status, "vcpus"), ==, 3);
	g_assert_cmpint(json_object_get_int_member(json_object_get_object_member(status,
			"counters"), "irq_edges"), ==, 6);
	fake.uservm.flags |= VSB_USERVM_VEIL | VSB_USERVM_VEILED | VSB_USERVM_STOPPED;
	status = uservm_status(&rig, 0);
	g_assert_cmpstr(json_object_get_string_member(status, "state"), ==, "stopped");
	g_assert_true(json_object_get_boolean_member(json_object_get_object_member(status, "veil"),
						     "stopped"));
	teardown(&rig);
}

/* Return: (transfer full): the reply line, or what came until the end. */
static char *talk(struct rig *rig, const char *text, gsize len)
{
	GString *reply = g_string_new(NULL);
	int fd = connect_unix(rig->rundir->control);
	gsize sent = 0;
	char c;

	g_assert_cmpint(fd, >=, 0);
	for (;;) {
		ssize_t n = 0;

		if (sent < len)
			n = send(fd, text + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			sent += (gsize)n;
		g_main_context_iteration(NULL, FALSE);
		n = recv(fd, &c, 1, MSG_DONTWAIT);
		if (n == 0 || (n == 1 && c == '\n'))
			break;
		if (n == 1)
			g_string_append_c(reply, c);
		else if (n < 0 && errno == ECONNRESET)
			break;
	}
	close(fd);
	return g_string_free(reply, FALSE);
}

static void test_control(void)
{
	g_autofree char *huge = g_strnfill(200000, 'x');
	g_autofree char *fine = NULL, *bad = NULL, *overlong = NULL;
	struct rig rig;
	struct stat st;
	int fds[100];

	setup(&rig);
	g_assert_cmpint(stat(rig.rundir->control, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 0777, ==, 0660);
	fine = talk(&rig, "{\"execute\":\"status\"}\n", 21);
	if (getuid() == 0)
		g_assert_cmpstr(fine, ==, "{\"return\":{\"clouds\":[]}}");
	else
		g_assert_nonnull(strstr(fine, "Denied"));
	bad = talk(&rig, "\n", 1);
	g_assert_nonnull(strstr(bad, "\"error\""));
	overlong = talk(&rig, huge, 200000);
	g_assert_nonnull(strstr(overlong, "line too long"));

	/* More clients than are served: those in excess are closed, the rest live. */
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = connect_unix(rig.rundir->control);
		g_main_context_iteration(NULL, FALSE);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	while (g_main_context_iteration(NULL, FALSE))
		;
	g_free(fine);
	fine = talk(&rig, "{\"execute\":\"status\"}\n", 21);
	g_assert_cmpuint(strlen(fine), >, 0);
	teardown(&rig);
}

static void test_second_instance(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *left = NULL;
	struct rig rig;
	int stale;

	setup(&rig);
	g_assert_null(rundir_open(rig.dir, getgid(), &error));
	g_assert_error(error, VSB_ERROR, VSB_ERROR_EXISTS);
	teardown(&rig);

	/* Sockets that a killed one left are removed, or replaced. */
	setup(&rig);
	left = g_build_filename(rig.rundir->console_dir, "old.sock", NULL);
	g_assert_true(g_file_set_contents(left, "", 0, NULL));
	restart_daemon(&rig);
	g_assert_false(g_file_test(left, G_FILE_TEST_EXISTS));
	control_free(rig.control);
	stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	{
		struct sockaddr_un addr = { .sun_family = AF_UNIX };

		g_strlcpy(addr.sun_path, rig.rundir->control, sizeof(addr.sun_path));
		g_assert_cmpint(bind(stale, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
	}
	close(stale);
	g_clear_error(&error);
	rig.control = control_new(rig.rundir->control, 12345, getgid(), &daemon_ops, rig.daemon,
				  &error);
	g_assert_no_error(error);
	stale = connect_unix(rig.rundir->control);
	g_assert_cmpint(stale, >=, 0);
	close(stale);
	teardown(&rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/daemon/control", test_control);
	g_test_add_func("/daemon/memory", test_memory);
	g_test_add_func("/daemon/reveal", test_reveal);
	g_test_add_func("/daemon/unbind-often", test_unbind_often);
	g_test_add_func("/daemon/second-instance", test_second_instance);
	g_test_add_func("/daemon/rundir", test_rundir);
	g_test_add_func("/daemon/life", test_life);
	g_test_add_func("/daemon/check", test_check);
	g_test_add_func("/daemon/undo", test_undo);
	g_test_add_func("/daemon/bad-qemu", test_bad_qemu);
	g_test_add_func("/daemon/cloud-ends", test_cloud_ends);
	g_test_add_func("/daemon/end-in-attach", test_end_in_attach);
	g_test_add_func("/daemon/restart", test_restart);
	g_test_add_func("/daemon/pool", test_pool);
	g_test_add_func("/daemon/resume", test_resume);
	g_test_add_func("/daemon/bad-state", test_bad_state);
	g_test_add_func("/daemon/events", test_events);
	return run_tests();
}
