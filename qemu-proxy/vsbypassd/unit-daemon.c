// SPDX-License-Identifier: GPL-2.0
/*
 * The whole daemon but its main(), with a module of pretence and real QEMUs
 * that run no KVM: attach, undo, restart, detach, and the control socket.
 */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib-unix.h>
#include <glib/gstdio.h>

#include "control.h"
#include "error.h"
#include "json-line.h"
#include "listen.h"
#include "proxy-cmd.h"
#include "rundir.h"
#include "unit-fake-module.h"

struct rig {
	char *dir;
	char *identity;		/* folder of keys, not there at first */
	struct rundir *rundir;
	struct daemon *daemon;
	struct control *control;
	struct proxy_env env;
	GPid victim;		/* plays the cloud VM's QEMU */
	/* of the last command */
	gboolean done;
	JsonObject *result;
	GError *error;
};

/* A test that fails leaves nothing that runs. */
static void in_victim(gpointer data)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void setup_qemu(struct rig *rig, const char *qemu)
{
	static char *sleeper[] = { "sleep", "1000", NULL };
	g_autoptr(GError) error = NULL;

	fake_module_reset();
	memset(rig, 0, sizeof(*rig));
	rig->dir = g_dir_make_tmp("vsb-unit-XXXXXX", NULL);
	rig->identity = g_build_filename(rig->dir, "identity", NULL);
	rig->rundir = rundir_open(rig->dir, getgid(), &error);
	g_assert_no_error(error);
	rig->env = (struct proxy_env){
		.qemu = qemu, .accel = "tcg", .rom = rig->rundir->rom,
		.console_dir = rig->rundir->console_dir, .console_gid = getgid(),
		.qmp_dir = rig->rundir->proxy_dir,
		.identity_dir = rig->identity,
		.access_dir = rig->rundir->access_dir,
		.log_dir = "/nonexistent/logs",
		.key_wait_ms = KEYBOARD_WAIT_MS,
	};
	rig->daemon = daemon_new("/dev/null", rig->rundir->state, &rig->env);
	rig->control = control_new(rig->rundir->control, 12345, getgid(), &daemon_ops,
				   rig->daemon, &error);
	g_assert_no_error(error);
	g_assert_true(g_spawn_async(NULL, sleeper, NULL, G_SPAWN_SEARCH_PATH |
				    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
				    G_SPAWN_STDERR_TO_DEV_NULL, in_victim, NULL, &rig->victim,
				    NULL));
}

static void setup(struct rig *rig)
{
	setup_qemu(rig, "qemu-system-x86_64");
}

static void forget_result(struct rig *rig)
{
	g_clear_pointer(&rig->result, json_object_unref);
	g_clear_error(&rig->error);
	rig->done = FALSE;
}

static void on_done(gpointer data, JsonObject *result, const GError *error)
{
	struct rig *rig = data;

	g_assert_false(rig->done);
	rig->done = TRUE;
	rig->result = result;
	rig->error = error ? g_error_copy(error) : NULL;
}

static void begin(struct rig *rig, const char *command, const char *arguments)
{
	g_autofree char *line = g_strdup_printf("{\"execute\":\"%s\",\"arguments\":{%s}}",
						command, arguments);

	forget_result(rig);
	command_run(line, strlen(line), COMMAND_PEER_ROOT, &daemon_ops, rig->daemon, on_done,
		    rig);
}

static void run(struct rig *rig, const char *command, const char *arguments)
{
	begin(rig, command, arguments);
	while (!rig->done)
		g_main_context_iteration(NULL, TRUE);
}

static void teardown(struct rig *rig)
{
	g_autofree char *lock = g_build_filename(rig->dir, "lock", NULL);

	control_free(rig->control);
	/* What is attached would go on. */
	run(rig, "detach", "\"cloud\":\"c\"");
	daemon_free(rig->daemon);
	forget_result(rig);
	kill(rig->victim, SIGKILL);
	g_assert_null(g_strrstr(rig->rundir->console_dir, ".."));
	g_unlink(rig->rundir->rom);
	g_unlink(rig->rundir->state);
	g_unlink(lock);
	/* Only succeeds if nothing was left behind. */
	g_assert_cmpint(g_rmdir(rig->rundir->console_dir), ==, 0);
	g_assert_cmpint(g_rmdir(rig->rundir->access_dir), ==, 0);
	g_assert_cmpint(g_rmdir(rig->rundir->proxy_dir), ==, 0);
	g_assert_cmpint(g_rmdir(rig->dir), ==, 0);
	rundir_free(rig->rundir);
	g_free(rig->identity);
	g_free(rig->dir);
	fake_module_reset();
}

static void attach_begin(struct rig *rig, const char *vms)
{
	g_autofree char *arguments = g_strdup_printf(
		"\"cloud\":\"c\",\"pid\":%d,\"agent\":\"/nowhere\",\"uservms\":[%s]",
		rig->victim, vms);

	begin(rig, "attach", arguments);
}

static void attach(struct rig *rig, const char *vms)
{
	attach_begin(rig, vms);
	while (!rig->done)
		g_main_context_iteration(NULL, TRUE);
}

/* Return: (transfer none) status of user VM @index of the only cloud VM, or NULL. */
static JsonObject *uservm_status(struct rig *rig, guint index)
{
	JsonArray *clouds;

	run(rig, "status", "");
	clouds = json_object_get_array_member(rig->result, "clouds");
	if (!json_array_get_length(clouds))
		return NULL;
	return json_array_get_object_element(json_object_get_array_member(
		json_array_get_object_element(clouds, 0), "uservms"), index);
}

static pid_t proxy_pid_of(struct rig *rig, guint index)
{
	return (pid_t)json_object_get_int_member(uservm_status(rig, index), "proxy_pid");
}

static void wait_state(struct rig *rig, guint index, const char *state)
{
	while (strcmp(json_object_get_string_member(uservm_status(rig, index), "state"), state))
		g_main_context_iteration(NULL, TRUE);
}

/* vsbypassd ends, and another one starts. */
static void restart_daemon(struct rig *rig)
{
	daemon_free(rig->daemon);
	fake.taken = 0;
	rig->daemon = daemon_new("/dev/null", rig->rundir->state, &rig->env);
	daemon_restore(rig->daemon);
}

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

/* Until the agent's end of its channel has received @line. */
static void wait_heard(int fd, GString *got, const char *line)
{
	while (!strstr(got->str, line)) {
		char buf[256];
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n > 0)
			g_string_append_len(got, buf, n);
		g_main_context_iteration(NULL, FALSE);
	}
}

/* Attached, vm1 is bound, and the agent knows it. Return: the agent's end. */
static int attach_with_agent(struct rig *rig, const char *unclaimed, GString *got)
{
	g_autofree char *path = g_build_filename(rig->dir, "agent.sock", NULL);
	g_autoptr(GError) error = NULL;
	int listen_fd = listen_unix(path, 0600, getgid(), 4, &error);
	g_autofree char *arguments = g_strdup_printf(
		"\"cloud\":\"c\",\"pid\":%d,\"agent\":\"%s\",\"unclaimed\":\"%s\","
		"\"uservms\":[{\"name\":\"vm1\"}]", rig->victim, path, unclaimed);
	int fd;

	g_assert_no_error(error);
	run(rig, "attach", arguments);
	g_assert_no_error(rig->error);
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	close(listen_fd);
	g_unlink(path);
	g_assert_cmpint(send(fd, "hello 1 1\n", 10, MSG_NOSIGNAL), ==, 10);
	fake.bound = TRUE;
	fake.uservm = (struct vsb_uservm){
		.flags = VSB_USERVM_BOUND | VSB_USERVM_PROXY | VSB_USERVM_FRAMES,
		.l2_gfn = 1, .l1_gfn = 2, .ier = 7,
	};
	fake_module_event(VSB_EVENT_USERVM, 0, 0);
	wait_heard(fd, got, "vm 0 1 2\n");
	return fd;
}

/* A user VM that has ended leaves its proxy, but not where that would reflect. */
static void test_gone(void)
{
	static const char * const unclaimed[] = { "absorb", "reflect" };

	for (gsize i = 0; i < G_N_ELEMENTS(unclaimed); i++) {
		g_autoptr(GString) got = g_string_new(NULL);
		struct rig rig;
		int fd;

		setup(&rig);
		fd = attach_with_agent(&rig, unclaimed[i], got);
		/* The hello behind it is answered: both have been read. */
		g_assert_cmpint(send(fd, "vm 0 gone\nhello 1 2\n", 20, MSG_NOSIGNAL), ==, 20);
		wait_heard(fd, got, "hello 1 2\n");
		g_assert_cmpuint(fake.unbound, ==, !i);
		g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 0), "generation"),
				==, !i);
		close(fd);
		teardown(&rig);
	}
}

/* vm1 is bound, is told, and is gone, as the agent says. */
static void bind_and_say_gone(struct rig *rig, int fd, GString *got)
{
	g_string_truncate(got, 0);
	fake.bound = TRUE;
	fake.uservm.l2_gfn++;
	fake_module_event(VSB_EVENT_USERVM, 0, 0);
	wait_heard(fd, got, "vm 0 ");
	g_assert_cmpint(send(fd, "vm 0 gone\n", 10, MSG_NOSIGNAL), ==, 10);
}

/*
 * The cloud VM cannot have QEMUs started as often as it likes: "gone" all the time. Counted:
 * a machine that is slow starts fewer.
 */
static void test_gone_again(void)
{
	const gint64 until = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
	g_autoptr(GString) got = g_string_new(NULL);
	struct rig rig;
	guint spawned;
	int fd;

	setup(&rig);
	fd = attach_with_agent(&rig, "absorb", got);
	spawned = fake.spawned;
	g_assert_cmpint(send(fd, "vm 0 gone\n", 10, MSG_NOSIGNAL), ==, 10);
	while (g_get_monotonic_time() < until && fake.spawned < spawned + 20) {
		guint n = fake.unbound;

		if (json_object_get_int_member(uservm_status(&rig, 0), "proxy_pid") &&
		    !strcmp(json_object_get_string_member(uservm_status(&rig, 0), "state"),
			    "bound")) {
			bind_and_say_gone(&rig, fd, got);
			while (fake.unbound == n)
				g_main_context_iteration(NULL, TRUE);
		}
		g_main_context_iteration(NULL, FALSE);
		g_usleep(1000);
	}
	/* at once, after 1 s, after 2 s more */
	g_assert_cmpuint(fake.spawned - spawned, >=, 1);
	g_assert_cmpuint(fake.spawned - spawned, <=, 3);
	close(fd);
	teardown(&rig);
}

/* The ports go back once the agent has taken the lines, and not before. */
static void test_reflect(void)
{
	g_autoptr(GString) got = g_string_new(NULL);
	JsonObject *status = NULL;
	struct rig rig, other;
	int fd;
	char c;

	setup(&rig);
	fd = attach_with_agent(&rig, "absorb", got);
	begin(&rig, "detach", "\"cloud\":\"c\",\"reflect\":true");
	wait_heard(fd, got, "give 0 7\n");
	g_assert_true(fake.frozen);
	g_assert_false(rig.done);
	/* It is still there for others, but is not detached twice. */
	other = (struct rig){ .daemon = rig.daemon };
	status = uservm_status(&other, 0);
	g_assert_cmpstr(json_object_get_string_member(status, "name"), ==, "vm1");
	run(&other, "detach", "\"cloud\":\"c\"");
	g_assert_nonnull(strstr(other.error->message, "being detached already"));
	forget_result(&other);
	/* What comes from the module now is not told any more. */
	fake_module_event(VSB_EVENT_USERVM, 0, 0);
	fake_module_event(VSB_EVENT_IRQ, 4, 1);
	while (g_main_context_iteration(NULL, FALSE))
		;
	g_assert_cmpint(recv(fd, &c, 1, MSG_DONTWAIT), ==, -1);
	g_assert_false(rig.done);

	g_assert_cmpint(send(fd, "vm 0 given\n", 11, MSG_NOSIGNAL), ==, 11);
	while (!rig.done)
		g_main_context_iteration(NULL, TRUE);
	g_assert_no_error(rig.error);
	g_assert_null(uservm_status(&rig, 0));
	close(fd);
	teardown(&rig);
}

static void expect_identity(struct rig *rig, guint index, const char *mode, gboolean key,
			    gboolean proved)
{
	JsonObject *status = uservm_status(rig, index);

	g_assert_cmpstr(json_object_get_string_member(status, "identity"), ==, mode);
	g_assert_cmpint(json_object_get_boolean_member(status, "key"), ==, key);
	g_assert_cmpint(json_object_get_boolean_member(status, "proved"), ==, proved);
}

/* Keys go to the module, with each new proxy; what is proved is told. */
static void test_identity(void)
{
	g_autofree char *path = NULL, *line = NULL;
	struct identity identity;
	struct rig rig;

	setup(&rig);
	path = g_build_filename(rig.identity, "vm1", NULL);
	attach(&rig, "{\"name\":\"vm1\",\"identity\":\"required\"}");
	g_assert_nonnull(rig.error);
	g_assert_nonnull(strstr(rig.error->message, "vsbctl key"));
	attach(&rig, "{\"name\":\"vm1\",\"identity\":\"first-seen\"}");
	g_assert_no_error(rig.error);
	g_assert_cmpuint(fake.proxy_flags, ==, 0);
	g_assert_false(fake.keyed);
	expect_identity(&rig, 0, "first-seen", FALSE, FALSE);
	run(&rig, "detach", "\"cloud\":\"c\"");

	line = identity_create(rig.identity, "vm1", FALSE, NULL);
	g_assert_nonnull(line);
	fake.fail = "set_key";
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_nonnull(rig.error);
	g_assert_nonnull(strstr(rig.error->message, "as told"));
	fake.fail = NULL;
	/* A key that others could have read counts for none, whatever the mode. */
	g_assert_cmpint(chmod(path, 0644), ==, 0);
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_nonnull(rig.error);
	g_assert_cmpint(chmod(path, 0600), ==, 0);
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_no_error(rig.error);
	g_assert_cmpuint(fake.proxy_flags, ==, 0);
	g_assert_true(fake.keyed);
	expect_identity(&rig, 0, "first-seen", TRUE, FALSE);
	run(&rig, "send-break", "\"uservm\":\"vm1\"");
	g_assert_no_error(rig.error);
	run(&rig, "detach", "\"cloud\":\"c\"");

	attach(&rig, "{\"name\":\"vm1\",\"identity\":\"required\"}");
	g_assert_no_error(rig.error);
	g_assert_cmpuint(fake.proxy_flags, ==, VSB_PROXY_REQUIRED);
	g_assert_true(identity_load(rig.identity, "vm1", TRUE, &identity, NULL));
	g_assert_cmpmem(fake.key, sizeof(fake.key), identity.key.bytes,
			sizeof(identity.key.bytes));
	expect_identity(&rig, 0, "required", TRUE, FALSE);
	run(&rig, "send-break", "\"uservm\":\"vm1\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_DENIED);
	fake.bound = TRUE;
	fake.uservm = (struct vsb_uservm){ .flags = VSB_USERVM_BOUND | VSB_USERVM_PROXY };
	expect_identity(&rig, 0, "required", TRUE, FALSE);
	fake.uservm.flags |= VSB_USERVM_PROVED;
	expect_identity(&rig, 0, "required", TRUE, TRUE);
	run(&rig, "send-break", "\"uservm\":\"vm1\"");
	g_assert_no_error(rig.error);
	/* The next proxy of the same user VM. */
	fake.keyed = FALSE;
	kill(proxy_pid_of(&rig, 0), SIGKILL);
	wait_state(&rig, 0, "starting");
	expect_identity(&rig, 0, "required", TRUE, FALSE);
	wait_state(&rig, 0, "bound");
	g_assert_true(fake.keyed);
	g_assert_cmpuint(fake.proxy_flags, ==, VSB_PROXY_REQUIRED);
	g_unlink(path);
	g_rmdir(rig.identity);
	teardown(&rig);
}

/* What vsb-console would read of user VM @name. Return: (transfer full), NULL: nothing. */
static char *access_of(struct rig *rig, const char *name)
{
	g_autofree char *path = g_build_filename(rig->rundir->access_dir, name, NULL);
	char *text = NULL;

	g_file_get_contents(path, &text, NULL, NULL);
	return text;
}

/* Keys for consoles come and go with their user VMs, also over a restart. */
static void test_access(void)
{
#define KEY	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8KaigEfVo+XequfWVYnACz/psaaEfmV4uQ8pNLoKQt"
	g_autofree char *stray = NULL, *one = NULL, *two = NULL;
	struct rig rig;
	struct stat st;

	setup(&rig);
	fake.fail = "take_vm";
	attach(&rig, "{\"name\":\"vm1\",\"keys\":[\"" KEY "\"]}");
	g_assert_nonnull(rig.error);
	g_assert_null(access_of(&rig, "vm1"));
	fake.fail = NULL;
	attach(&rig, "{\"name\":\"vm1\",\"keys\":[\"" KEY " a\",\"" KEY " b\"]},{\"name\":\"vm2\"}");
	g_assert_no_error(rig.error);
	one = access_of(&rig, "vm1");
	g_assert_cmpstr(one, ==, KEY " a\n" KEY " b\n");
	g_assert_null(access_of(&rig, "vm2"));
	g_clear_pointer(&one, g_free);
	one = g_build_filename(rig.rundir->access_dir, "vm1", NULL);
	g_assert_cmpint(stat(one, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0644);

	stray = g_build_filename(rig.rundir->access_dir, "stray", NULL);
	g_assert_true(g_file_set_contents(stray, KEY "\n", -1, NULL));
	restart_daemon(&rig);
	g_assert_false(g_file_test(stray, G_FILE_TEST_EXISTS));
	two = access_of(&rig, "vm1");
	g_assert_cmpstr(two, ==, KEY " a\n" KEY " b\n");
	run(&rig, "add", "\"cloud\":\"c\",\"uservms\":[{\"name\":\"vm3\",\"keys\":[\"" KEY "\"]}]");
	g_assert_no_error(rig.error);
	g_clear_pointer(&two, g_free);
	two = access_of(&rig, "vm3");
	g_assert_cmpstr(two, ==, KEY "\n");
	run(&rig, "remove", "\"uservm\":\"vm3\"");
	g_assert_no_error(rig.error);
	g_assert_null(access_of(&rig, "vm3"));
	run(&rig, "detach", "\"cloud\":\"c\"");
	g_assert_null(access_of(&rig, "vm1"));
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

static GPid sleeper(void)
{
	static char *argv[] = { "sleep", "1000", NULL };
	GPid pid;

	g_assert_true(g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH |
				    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
				    G_SPAWN_STDERR_TO_DEV_NULL, in_victim, NULL, &pid, NULL));
	return pid;
}

static void serve(struct rig *rig, const char *uservm, pid_t pid)
{
	g_autofree char *arguments = g_strdup_printf(
		"\"cloud\":\"c\",\"uservm\":\"%s\",\"domain\":\"d1\",\"pid\":%d", uservm, pid);

	run(rig, "serve", arguments);
}

static gboolean is_domain(struct rig *rig, guint index)
{
	return json_object_has_member(uservm_status(rig, index), "domain");
}

/* Was killed; GLib does not reap it. */
static void reap(GPid pid)
{
	int status;

	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Domains of libvirt as proxies. */
static void test_domain(void)
{
	g_autofree char *console = NULL;
	struct rig rig;
	GPid pid;
	pid_t own;

	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\"},{\"name\":\"vm2\",\"ports\":\"ps2\"}");
	g_assert_no_error(rig.error);
	console = g_build_filename(rig.rundir->console_dir, "vm2.sock", NULL);
	own = proxy_pid_of(&rig, 1);
	serve(&rig, "vm3", own);
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);
	pid = sleeper();
	fake.fail = "procfd";
	serve(&rig, "vm2", pid);
	g_assert_nonnull(strstr(rig.error->message, "as told"));
	fake.fail = "take_vm";
	serve(&rig, "vm2", pid);
	g_assert_nonnull(strstr(rig.error->message, "as told"));
	fake.fail = NULL;
	serve(&rig, "vm2", rig.victim);
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_EXISTS);
	serve(&rig, "vm2", proxy_pid_of(&rig, 0));
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_EXISTS);
	g_assert_cmpint(proxy_pid_of(&rig, 1), ==, own);

	/* Ours makes room, before the module gets another one of this name. */
	serve(&rig, "vm2", pid);
	g_assert_no_error(rig.error);
	g_assert_cmpint(kill(own, 0), ==, -1);
	g_assert_cmpint(connect_unix(console), ==, -1);
	g_assert_cmpint(proxy_pid_of(&rig, 1), ==, pid);
	g_assert_cmpint(fake.kicked, ==, pid);
	g_assert_cmpuint(fake.names->len, ==, 3);
	g_assert_cmpstr(json_object_get_string_member(uservm_status(&rig, 1), "domain"), ==, "d1");
	wait_state(&rig, 1, "waiting");
	run(&rig, "send-break", "\"uservm\":\"vm2\"");
	g_assert_nonnull(strstr(rig.error->message, "libvirt's domain 'd1'; use 'virsh "));
	run(&rig, "send-key", "\"uservm\":\"vm2\",\"keys\":\"a\"");
	g_assert_nonnull(strstr(rig.error->message, "libvirt's domain 'd1'; use 'virsh send-key'"));

	/* The service manager has its descriptor for the next vsbypassd. */
	restart_daemon(&rig);
	wait_state(&rig, 1, "waiting");
	g_assert_cmpint(proxy_pid_of(&rig, 1), ==, pid);
	g_assert_true(is_domain(&rig, 1));
	/* It ends; then one of ours serves. */
	kill(pid, SIGKILL);
	reap(pid);
	wait_state(&rig, 1, "starting");
	wait_state(&rig, 1, "waiting");
	g_assert_false(is_domain(&rig, 1));
	run(&rig, "send-break", "\"uservm\":\"vm2\"");
	g_assert_no_error(rig.error);
	own = connect_unix(console);
	g_assert_cmpint(own, >=, 0);
	close(own);

	/* What cannot become one, and one that is unbound, ends. */
	fake.fail = "kick_vcpus";
	pid = sleeper();
	serve(&rig, "vm2", pid);
	g_assert_nonnull(strstr(rig.error->message, "as told"));
	fake.fail = NULL;
	reap(pid);
	wait_state(&rig, 1, "waiting");
	pid = sleeper();
	serve(&rig, "vm2", pid);
	g_assert_no_error(rig.error);
	run(&rig, "unbind", "\"uservm\":\"vm2\"");
	g_assert_no_error(rig.error);
	reap(pid);
	wait_state(&rig, 1, "waiting");
	g_assert_false(is_domain(&rig, 1));

	/* Without a service manager it ends with vsbypassd. */
	fake.kept_fd = -1;
	pid = sleeper();
	serve(&rig, "vm2", pid);
	g_assert_no_error(rig.error);
	restart_daemon(&rig);
	reap(pid);
	wait_state(&rig, 1, "waiting");
	g_assert_false(is_domain(&rig, 1));
	/* One takes the place of another, and ends with the cloud VM. */
	pid = sleeper();
	serve(&rig, "vm1", pid);
	own = sleeper();
	serve(&rig, "vm1", own);
	g_assert_no_error(rig.error);
	reap(pid);
	g_assert_cmpint(proxy_pid_of(&rig, 0), ==, own);
	run(&rig, "detach", "\"cloud\":\"c\"");
	reap(own);
	teardown(&rig);
}

/* A state that is not whole, or of another boot: nothing of it is left. */
/* Of each console: someone is behind it, and that is a chardev of its own. */
static void expect_consoles(struct rig *rig, const char *names)
{
	JsonArray *array = json_object_get_array_member(uservm_status(rig, 0), "consoles");
	g_autofree char *got = NULL;
	g_auto(GStrv) list = g_new0(char *, json_array_get_length(array) + 1);
	int fd[VSB_MAX_COMS];

	for (guint i = 0; i < json_array_get_length(array); i++) {
		g_autofree char *path = NULL;

		list[i] = g_strdup(json_array_get_string_element(array, i));
		path = g_strdup_printf("%s/%s.sock", rig->rundir->console_dir, list[i]);
		fd[i] = connect_unix(path);
		g_assert_cmpint(fd[i], >=, 0);
	}
	got = g_strjoinv(" ", list);
	g_assert_cmpstr(got, ==, names);
	for (guint i = 0; list[i]; i++) {
		g_autofree char *arguments = g_strdup_printf("\"uservm\":\"%s\"", list[i]);

		run(rig, "send-break", arguments);
		g_assert_no_error(rig->error);
		close(fd[i]);
	}
}

/* A user VM with several COM ports has as many consoles, whoever is there now. */
static void test_coms(void)
{
	static const char * const taken[] = {
		"{\"name\":\"vm1.com4\"}",
		"{\"name\":\"vm1\",\"ports\":\"ps2\"}",
		"{\"name\":\"o\",\"ports\":\"0x3f8-0x3ff,0x2e8-0x2ef\"}",
	};
	static const char * const same[] = {
		"{\"name\":\"a\",\"ports\":\"0x3f8-0x3ff,0x2f8-0x2ff\"},{\"name\":\"a.com2\"}",
		"{\"name\":\"a.com2\"},{\"name\":\"a\",\"ports\":\"0x3f8-0x3ff,0x2f8-0x2ff\"}",
	};
	struct rig rig;
	pid_t pid;

	setup(&rig);
	for (gsize i = 0; i < G_N_ELEMENTS(same); i++) {
		attach(&rig, same[i]);
		g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_BAD_REQUEST);
	}
	attach(&rig, "{\"name\":\"vm1\",\"ports\":\"0x2e8-0x2ef,0x3f8-0x3ff,0x2f8-0x2ff\"},"
	       "{\"name\":\"o.com4\"}");
	g_assert_no_error(rig.error);
	wait_state(&rig, 0, "waiting");
	expect_consoles(&rig, "vm1 vm1.com2 vm1.com4");
	for (gsize i = 0; i < G_N_ELEMENTS(taken); i++) {
		g_autofree char *arguments = g_strdup_printf("\"cloud\":\"c\",\"uservms\":[%s]",
							     taken[i]);

		run(&rig, "add", arguments);
		g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_EXISTS);
	}
	run(&rig, "send-break", "\"uservm\":\"vm1.com3\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);

	/* Another vsbypassd: the same QEMU, the same sockets. */
	pid = proxy_pid_of(&rig, 0);
	restart_daemon(&rig);
	wait_state(&rig, 0, "waiting");
	g_assert_cmpint(proxy_pid_of(&rig, 0), ==, pid);
	expect_consoles(&rig, "vm1 vm1.com2 vm1.com4");

	/* Another QEMU, which the first one's vsbypassd has not started. */
	kill(pid, SIGKILL);
	while (proxy_pid_of(&rig, 0) == pid || !proxy_pid_of(&rig, 0))
		g_main_context_iteration(NULL, TRUE);
	wait_state(&rig, 0, "waiting");
	expect_consoles(&rig, "vm1 vm1.com2 vm1.com4");
	teardown(&rig);
}

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
	teardown(&rig);
}

/*
 * These QEMUs run code, unlike proxies: firmware that reads the keyboard and writes what
 * it reads to COM1, in real mode from the end of the address space.
 */
static void write_reader(struct rig *rig)
{
	static const guint8 code[] = {
		0xe4, 0x64,		/* in al, 0x64 */
		0xa8, 0x01,		/* test al, 1 */
		0x74, 0xfa,		/* jz back to the in */
		0xe4, 0x60,		/* in al, 0x60 */
		0x88, 0xc4,		/* mov ah, al */
		0xba, 0xfd, 0x03,	/* mov dx, 0x3fd */
		0xec,			/* in al, dx */
		0xa8, 0x20,		/* test al, 0x20 */
		0x74, 0xfb,		/* jz back to the in */
		0x88, 0xe0,		/* mov al, ah */
		0xba, 0xf8, 0x03,	/* mov dx, 0x3f8 */
		0xee,			/* out dx, al */
		0xeb, 0xe6,		/* jmp to the beginning */
	};
	static const guint8 reset[] = { 0xe9, 0x0d, 0xff };	/* jmp 0xff00 */
	g_autofree guint8 *rom = g_malloc(PROXY_ROM_SIZE);

	memset(rom, PROXY_ROM_BYTE, PROXY_ROM_SIZE);
	memcpy(rom + 0xff00, code, sizeof(code));
	memcpy(rom + 0xfff0, reset, sizeof(reset));
	g_assert_true(g_file_set_contents(rig->rundir->rom, (char *)rom, PROXY_ROM_SIZE, NULL));
}

/* vm1 with keyboard is bound. Return: its console. */
static int attach_keyboard(struct rig *rig, const char *more)
{
	g_autofree char *console = g_build_filename(rig->rundir->console_dir, "vm1.sock", NULL);
	g_autofree char *vms = g_strdup_printf("{\"name\":\"vm1\",\"ports\":\"ps2\"%s}", more);
	int fd;

	attach(rig, vms);
	g_assert_no_error(rig->error);
	fake.bound = TRUE;
	fake.reading = TRUE;
	fake.uservm = (struct vsb_uservm){ .flags = VSB_USERVM_BOUND | VSB_USERVM_PROXY };
	fd = connect_unix(console);
	g_assert_cmpint(fd, >=, 0);
	return fd;
}

/* The scan codes that the firmware has written. It waits when nobody takes them. */
static gboolean on_codes(int fd, GIOCondition condition, gpointer got)
{
	guint8 buf[256];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n <= 0)
		return G_SOURCE_REMOVE;
	g_byte_array_append(got, buf, (guint)n);
	return G_SOURCE_CONTINUE;
}

static void expect_codes(GByteArray *got, const guint8 *codes, gsize len)
{
	while (got->len < len)
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpmem(got->data, got->len, codes, len);
	g_byte_array_set_size(got, 0);
}

#define SEND(keys) "\"uservm\":\"vm1\",\"keys\":\"" keys "\""
#define TEXT(text) "\"uservm\":\"vm1\",\"text\":\"" text "\""

/* Every key arrives, in order, though the queue holds only a few. */
static void test_keyboard(void)
{
	static const guint8 keys[] = {
		0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14,
		0x5a, 0xf0, 0x5a,
		/* alt-sysrq-h: alt is released and pressed in between */
		0x11, 0xf0, 0x11, 0x11, 0x84, 0x33, 0xf0, 0x33, 0xf0, 0x84, 0xf0, 0x11, 0x11,
		0xf0, 0x11,
	};
	static const guint8 text[] = {
		0x1c, 0xf0, 0x1c,			/* a */
		0x12, 0x1c, 0xf0, 0x1c, 0xf0, 0x12,	/* A */
		0x12, 0x4c, 0xf0, 0x4c, 0xf0, 0x12,	/* : */
		0x29, 0xf0, 0x29, 0x5a, 0xf0, 0x5a,	/* space, newline */
	};
	g_autoptr(GByteArray) got = g_byte_array_new();
	g_autofree char *many = g_strnfill(300, 'a');
	g_autofree char *arguments = g_strdup_printf("\"uservm\":\"vm1\",\"text\":\"%s\"", many);
	guint8 codes[906];
	struct rig rig, other;
	guint watch;
	int fd;

	setup(&rig);
	write_reader(&rig);
	fd = attach_keyboard(&rig, "");
	watch = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP, on_codes, got);
	run(&rig, "send-key", SEND("ctrl-alt-del ret alt-sysrq-h"));
	g_assert_no_error(rig.error);
	expect_codes(got, keys, sizeof(keys));
	run(&rig, "type", TEXT("aA: \\n"));
	g_assert_no_error(rig.error);
	expect_codes(got, text, sizeof(text));

	/* The second one waits for the first, and others are served meanwhile. */
	begin(&rig, "type", arguments);
	other = (struct rig){ .daemon = rig.daemon };
	begin(&other, "type", TEXT("A"));
	{
		struct rig third = { .daemon = rig.daemon };

		for (;;) {
			JsonObject *status = uservm_status(&third, 0);
			JsonObject *typing = json_object_get_object_member(status, "typing");

			g_assert_cmpint(json_object_get_int_member(typing, "of"), ==, 300);
			if (json_object_get_int_member(typing, "typed") > 0)
				break;
			g_main_context_iteration(NULL, TRUE);
		}
		forget_result(&third);
	}
	g_assert_false(rig.done);
	while (!other.done)
		g_main_context_iteration(NULL, TRUE);
	g_assert_true(rig.done);
	g_assert_no_error(rig.error);
	g_assert_no_error(other.error);
	for (guint i = 0; i < 900; i++)
		codes[i] = i % 3 == 1 ? 0xf0 : 0x1c;
	g_assert_false(json_object_has_member(uservm_status(&other, 0), "typing"));
	memcpy(codes + 900, text + 3, 6);
	expect_codes(got, codes, sizeof(codes));

	/* Another vsbypassd types on. */
	restart_daemon(&rig);
	wait_state(&rig, 0, "bound");
	run(&rig, "type", TEXT("a"));
	g_assert_no_error(rig.error);
	expect_codes(got, text, 3);
	g_source_remove(watch);
	close(fd);
	forget_result(&other);
	teardown(&rig);
}

static void expect_failure(struct rig *rig, const char *words)
{
	while (!rig->done)
		g_main_context_iteration(NULL, TRUE);
	g_assert_nonnull(rig->error);
	g_test_message("%s", rig->error->message);
	g_assert_nonnull(strstr(rig->error->message, words));
}

/* Nobody reads; and all else that keeps a key from being typed, or from being read. */
static void test_keyboard_refused(void)
{
	g_autofree char *line = NULL, *path = NULL;
	struct rig rig, aside, others[KEYBOARD_MAX_JOBS + 1];

	setup(&rig);
	rig.env.key_wait_ms = 100;
	daemon_free(rig.daemon);
	rig.daemon = daemon_new("/dev/null", rig.rundir->state, &rig.env);
	path = g_build_filename(rig.identity, "vm1", NULL);
	line = identity_create(rig.identity, "vm1", FALSE, NULL);
	attach(&rig, "{\"name\":\"vm1\"}");
	run(&rig, "send-key", SEND("a"));
	expect_failure(&rig, "has no keyboard here; attach it with 'ps2'");
	run(&rig, "send-key", "\"uservm\":\"vm2\",\"keys\":\"a\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);
	run(&rig, "detach", "\"cloud\":\"c\"");

	close(attach_keyboard(&rig, ",\"identity\":\"required\""));
	fake.bound = FALSE;
	run(&rig, "type", TEXT("a"));
	expect_failure(&rig, "is not bound");
	fake.bound = TRUE;
	run(&rig, "type", TEXT("a"));
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_DENIED);
	fake.uservm.flags |= VSB_USERVM_PROVED;
	run(&rig, "type", TEXT("abc"));
	expect_failure(&rig, "does not read its keyboard; 0 of 3 characters typed, the next may yet");
	/* Then it waits in the queue: not even the next one goes in. */
	run(&rig, "send-key", SEND("a b"));
	expect_failure(&rig, "does not read its keyboard; 0 of 2 keys typed");
	g_assert_null(strstr(rig.error->message, "may yet"));
	g_unlink(path);
	g_rmdir(rig.identity);
	teardown(&rig);

	/* What changes in the middle ends it. */
	for (guint i = 0; i < 4; i++) {
		setup(&rig);
		close(attach_keyboard(&rig, ""));
		begin(&rig, "type", TEXT("abc"));
		for (guint n = 0; n < G_N_ELEMENTS(others) && !i; n++) {
			others[n] = (struct rig){ .daemon = rig.daemon };
			begin(&others[n], "send-key", SEND("a"));
		}
		for (guint n = 0; n < 20; n++)
			g_main_context_iteration(NULL, TRUE);
		g_assert_false(rig.done);
		aside = (struct rig){ .daemon = rig.daemon };
		if (i < 2)
			kill(proxy_pid_of(&aside, 0), SIGKILL);
		else if (i == 2)
			fake.bound = FALSE;
		else
			run(&aside, "unbind", "\"uservm\":\"vm1\"");
		forget_result(&aside);
		expect_failure(&rig, "0 of 3 characters typed");
		g_assert_cmpint(strstr(rig.error->message, "may yet") != NULL, ==, i == 2);
		for (guint n = 0; n < G_N_ELEMENTS(others) && !i; n++) {
			expect_failure(&others[n], n < KEYBOARD_MAX_JOBS ? "0 of 1 keys typed" :
				       "16 others wait to type");
			forget_result(&others[n]);
		}
		teardown(&rig);
	}
}

static void expect_greeting(struct rig *rig, const char *path)
{
	char got[12];
	gsize len = 0;
	int fd = -1;

	while (fd < 0) {
		g_main_context_iteration(NULL, FALSE);
		fd = connect_unix(path);
	}
	while (len < sizeof(got)) {
		ssize_t n = recv(fd, got + len, sizeof(got) - len, 0);

		len += n > 0 ? (gsize)n : 0;
		g_assert_cmpint(n, !=, 0);
	}
	g_assert_cmpmem(got, sizeof(got), "RFB 003.008\n", 12);
	close(fd);
}

/* A VNC server for a user VM that has a keyboard, as its console: rights, and life. */
static void test_vnc(void)
{
	g_autofree char *path = NULL, *none = NULL;
	struct rig rig;
	struct stat st;
	pid_t pid;

	setup(&rig);
	path = g_build_filename(rig.rundir->console_dir, "vm1.vnc", NULL);
	none = g_build_filename(rig.rundir->console_dir, "vm2.vnc", NULL);
	attach(&rig, "{\"name\":\"vm1\",\"ports\":\"ps2\"},{\"name\":\"vm2\"}");
	g_assert_no_error(rig.error);
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 0777, ==, 0660);
	g_assert_cmpuint(st.st_gid, ==, getgid());
	g_assert_cmpint(stat(none, &st), ==, -1);
	expect_greeting(&rig, path);
	restart_daemon(&rig);
	wait_state(&rig, 0, "waiting");
	expect_greeting(&rig, path);
	pid = proxy_pid_of(&rig, 0);
	kill(pid, SIGKILL);
	while (!stat(path, &st))
		g_main_context_iteration(NULL, TRUE);
	wait_state(&rig, 0, "waiting");
	expect_greeting(&rig, path);
	/* One that ended while no vsbypassd was there leaves its socket; it is replaced. */
	pid = proxy_pid_of(&rig, 0);
	daemon_free(rig.daemon);
	kill(pid, SIGKILL);
	while (!kill(pid, 0))
		g_main_context_iteration(NULL, FALSE);
	rig.daemon = daemon_new("/dev/null", rig.rundir->state, &rig.env);
	fake.taken = 1;
	daemon_restore(rig.daemon);
	wait_state(&rig, 0, "waiting");
	expect_greeting(&rig, path);
	run(&rig, "remove", "\"uservm\":\"vm1\"");
	g_assert_no_error(rig.error);
	g_assert_cmpint(stat(path, &st), ==, -1);
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
	/* Warnings are part of what is tested here. */
	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
	g_test_add_func("/daemon/control", test_control);
	g_test_add_func("/daemon/second-instance", test_second_instance);
	g_test_add_func("/daemon/rundir", test_rundir);
	g_test_add_func("/daemon/life", test_life);
	g_test_add_func("/daemon/gone", test_gone);
	g_test_add_func("/daemon/gone-again", test_gone_again);
	g_test_add_func("/daemon/reflect", test_reflect);
	g_test_add_func("/daemon/identity", test_identity);
	g_test_add_func("/daemon/access", test_access);
	g_test_add_func("/daemon/check", test_check);
	g_test_add_func("/daemon/undo", test_undo);
	g_test_add_func("/daemon/bad-qemu", test_bad_qemu);
	g_test_add_func("/daemon/cloud-ends", test_cloud_ends);
	g_test_add_func("/daemon/end-in-attach", test_end_in_attach);
	g_test_add_func("/daemon/restart", test_restart);
	g_test_add_func("/daemon/pool", test_pool);
	g_test_add_func("/daemon/coms", test_coms);
	g_test_add_func("/daemon/resume", test_resume);
	g_test_add_func("/daemon/domain", test_domain);
	g_test_add_func("/daemon/bad-state", test_bad_state);
	g_test_add_func("/daemon/events", test_events);
	g_test_add_func("/daemon/keyboard", test_keyboard);
	g_test_add_func("/daemon/keyboard-refused", test_keyboard_refused);
	g_test_add_func("/daemon/vnc", test_vnc);
	return g_test_run();
}
