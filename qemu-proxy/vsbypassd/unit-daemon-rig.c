// SPDX-License-Identifier: GPL-2.0
/* The daemon, for its unit tests. */
#include "unit-daemon-rig.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "unit-fake-module.h"

/* A test that fails leaves nothing that runs. */
static void in_victim(gpointer data)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

GPid sleeper(void)
{
	static char *argv[] = { "sleep", "1000", NULL };
	GPid pid;

	g_assert_true(g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH |
				    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
				    G_SPAWN_STDERR_TO_DEV_NULL, in_victim, NULL, &pid, NULL));
	return pid;
}

void setup_qemu(struct rig *rig, const char *qemu)
{
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
	rig->victim = sleeper();
}

void setup(struct rig *rig)
{
	setup_qemu(rig, "qemu-system-x86_64");
}

void forget_result(struct rig *rig)
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

void begin(struct rig *rig, const char *command, const char *arguments)
{
	g_autofree char *line = g_strdup_printf("{\"execute\":\"%s\",\"arguments\":{%s}}",
						command, arguments);

	forget_result(rig);
	command_run(line, strlen(line), COMMAND_PEER_ROOT, &daemon_ops, rig->daemon, on_done,
		    rig);
}

void run(struct rig *rig, const char *command, const char *arguments)
{
	begin(rig, command, arguments);
	while (!rig->done)
		g_main_context_iteration(NULL, TRUE);
}

void teardown(struct rig *rig)
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

void attach_begin(struct rig *rig, const char *vms)
{
	g_autofree char *arguments = g_strdup_printf(
		"\"cloud\":\"c\",\"pid\":%d,\"agent\":\"/nowhere\",\"uservms\":[%s]",
		rig->victim, vms);

	begin(rig, "attach", arguments);
}

void attach(struct rig *rig, const char *vms)
{
	attach_begin(rig, vms);
	while (!rig->done)
		g_main_context_iteration(NULL, TRUE);
}

JsonObject *uservm_status(struct rig *rig, guint index)
{
	JsonArray *clouds;

	run(rig, "status", "");
	clouds = json_object_get_array_member(rig->result, "clouds");
	if (!json_array_get_length(clouds))
		return NULL;
	return json_array_get_object_element(json_object_get_array_member(
		json_array_get_object_element(clouds, 0), "uservms"), index);
}

pid_t proxy_pid_of(struct rig *rig, guint index)
{
	return (pid_t)json_object_get_int_member(uservm_status(rig, index), "proxy_pid");
}

void wait_state(struct rig *rig, guint index, const char *state)
{
	while (strcmp(json_object_get_string_member(uservm_status(rig, index), "state"), state))
		g_main_context_iteration(NULL, TRUE);
}

void restart_daemon(struct rig *rig)
{
	daemon_free(rig->daemon);
	fake.taken = 0;
	rig->daemon = daemon_new("/dev/null", rig->rundir->state, &rig->env);
	daemon_restore(rig->daemon);
}

int run_tests(void)
{
	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
	return g_test_run();
}
