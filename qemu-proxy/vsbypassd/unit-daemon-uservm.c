// SPDX-License-Identifier: GPL-2.0
/*
 * The whole daemon, and what a user VM has: its agent's word, an identity, keys, several
 * consoles, a domain of libvirt as its proxy.
 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "error.h"
#include "identity-store.h"
#include "listen.h"
#include "unit-daemon-rig.h"
#include "unit-fake-module.h"

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

/* Attached with irq=agent, vm1 is bound, and the agent knows it. Return: the agent's end. */
static int attach_with_agent(struct rig *rig, const char *unclaimed, GString *got)
{
	g_autofree char *path = g_build_filename(rig->dir, "agent.sock", NULL);
	g_autoptr(GError) error = NULL;
	int listen_fd = listen_unix(path, 0600, getgid(), 4, &error);
	g_autofree char *arguments = g_strdup_printf(
		"\"cloud\":\"c\",\"pid\":%d,\"agent\":\"%s\",\"irq\":\"agent\",\"unclaimed\":\"%s\","
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

/* What an administrator has to know of a name that an ended user VM keeps. */
static void test_taken(void)
{
	JsonObject *status;
	struct rig rig;

	setup(&rig);
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_no_error(rig.error);
	fake.bound = TRUE;
	fake.uservm = (struct vsb_uservm){ .counters = { .reads = 1 } };
	g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 0), "idle_s"), ==, 0);
	g_usleep(1100 * 1000);
	g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 0), "idle_s"), >=, 1);
	fake.uservm.counters.writes++;
	g_assert_cmpint(json_object_get_int_member(uservm_status(&rig, 0), "idle_s"), ==, 0);
	/* Said once for each that comes. */
	for (int round = 0; round < 2; round++) {
		fake.nameless++;
		g_test_expect_message(NULL, G_LOG_LEVEL_MESSAGE,
				      "*found no proxy free*vsbctl unbind NAME*'vsbctl add c NAME'*");
		uservm_status(&rig, 0);
		g_test_assert_expected_messages();
		status = json_array_get_object_element(
			json_object_get_array_member(rig.result, "clouds"), 0);
		g_assert_cmpint(json_object_get_int_member(status, "unbound"), ==, round + 1);
		uservm_status(&rig, 0);
	}
	attach(&rig, "{\"name\":\"vm1\"}");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_EXISTS);
	run(&rig, "check", "\"cloud\":\"d\",\"uservms\":[{\"name\":\"vm1\"}]");
	g_assert_nonnull(strstr(rig.error->message, "'vsbctl remove vm1' frees it"));
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
		"{\"name\":\"vm1\",\"ports\":\"ps2\"}",
		"{\"name\":\"o\",\"ports\":\"0x3f8-0x3ff,0x2e8-0x2ef\"}",
	};
	/* whether there is such a port, and such a user VM, or not */
	static const char * const same[] = {
		"{\"name\":\"a\",\"ports\":\"0x3f8-0x3ff,0x2f8-0x2ff\"},{\"name\":\"a.com2\"}",
		"{\"name\":\"a.com4\"},{\"name\":\"a\"}",
		"{\"name\":\"a.com1\"}",
	};
	struct rig rig;
	pid_t pid;

	setup(&rig);
	for (gsize i = 0; i < G_N_ELEMENTS(same); i++) {
		attach(&rig, same[i]);
		g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_BAD_REQUEST);
	}
	attach(&rig, "{\"name\":\"vm1\",\"ports\":\"0x2e8-0x2ef,0x3f8-0x3ff,0x2f8-0x2ff\"},"
	       "{\"name\":\"o\"}");
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

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/daemon-uservm/taken", test_taken);
	g_test_add_func("/daemon/gone", test_gone);
	g_test_add_func("/daemon/gone-again", test_gone_again);
	g_test_add_func("/daemon/reflect", test_reflect);
	g_test_add_func("/daemon/identity", test_identity);
	g_test_add_func("/daemon/access", test_access);
	g_test_add_func("/daemon/coms", test_coms);
	g_test_add_func("/daemon/domain", test_domain);
	return run_tests();
}
