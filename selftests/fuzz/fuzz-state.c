// SPDX-License-Identifier: GPL-2.0
/*
 * vsbypassd's saved state, a file of an earlier one, and what is asked of a daemon that has read it.
 * The module, the service manager and all processes are made up: it would end those that the file
 * names. Each QEMU is one that has just ended, none can be started.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cage.h"
#include "daemon.h"
#include "error.h"
#include "fdstore.h"
#include "module.h"
#include "procfd.h"
#include "rundir.h"

/* ---- what is made up ---- */

static gboolean fails(GError **error)
{
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, "made up");
	return FALSE;
}

static int some_fd(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

int module_open(const char *device, GError **error)
{
	return some_fd();
}

int module_create_cloud(int device_fd, int vm_fd, guint32 flags, guint32 unclaimed, GError **error)
{
	return some_fd();
}

int module_create_proxy(int cloud_fd, int vm_fd, const char *name, const struct vsb_ports *ports,
			guint32 flags, GError **error)
{
	int fds[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
	close(fds[1]);
	return fds[0];
}

gboolean module_set_key(int proxy_fd, const guint8 *key, GError **error)
{
	return TRUE;
}

gboolean module_set_vm(int proxy_fd, int vm_fd, GError **error)
{
	return TRUE;
}

gboolean module_start(int cloud_fd, GError **error)
{
	return TRUE;
}

gboolean module_set_irq(int cloud_fd, guint32 mask, GError **error)
{
	return TRUE;
}

gboolean module_set_on_close(int cloud_fd, guint32 flags, GError **error)
{
	return TRUE;
}

gboolean module_freeze(int cloud_fd, guint ms, GError **error)
{
	return fails(error);
}

gboolean module_get_uservm(int proxy_fd, struct vsb_uservm *uservm)
{
	return FALSE;
}

guint module_count_unbound(int cloud_fd)
{
	return 0;
}

gboolean module_unbind(int proxy_fd, GError **error)
{
	return fails(error);
}

int module_get_memory(int proxy_fd, gboolean private, GError **error)
{
	fails(error);
	return -1;
}

gboolean module_give_back(int proxy_fd, GError **error)
{
	return fails(error);
}

gboolean module_report_all(int proxy_fd, GError **error)
{
	return TRUE;
}

int module_read_events(int proxy_fd, struct vsb_event *events, guint max)
{
	return -1;
}

/* A child that has ended and is never waited for: a signal does not harm it, or anybody else. */
static int ended_process(void)
{
	static pid_t pid;

	if (!pid) {
		pid = fork();
		if (!pid)
			_exit(0);
	}
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int procfd_open(pid_t pid, GError **error)
{
	return ended_process();
}

guint64 procfd_start_time(pid_t pid)
{
	return 77;
}

int procfd_open_same(pid_t pid, guint64 start_time, GError **error)
{
	if (start_time == 77)
		return ended_process();
	fails(error);
	return -1;
}

int procfd_take_vm(int pidfd, pid_t pid, GError **error)
{
	return some_fd();
}

int procfd_take_proxy(int pidfd, pid_t pid, GError **error)
{
	if (pid % 2)
		return module_create_proxy(-1, -1, NULL, NULL, 0, error);
	fails(error);
	return -1;
}

gboolean procfd_kick_vcpus(pid_t pid, GError **error)
{
	return TRUE;
}

gboolean cage_spawn(struct cage *cage, GSubprocessLauncher *launcher, const char *name,
		    gboolean screen, char **argv, struct caged *caged, GError **error)
{
	return fails(error);
}

gboolean fdstore_keep(const char *name, int fd)
{
	return FALSE;
}

void fdstore_forget(const char *name)
{
}

int fdstore_take(const char *name)
{
	return some_fd();
}

void fdstore_close_rest(void)
{
}

/* ---- the daemon ---- */

static void on_done(gpointer data, JsonObject *result, const GError *error)
{
	if (result)
		json_object_unref(result);
}

static void ask(struct daemon *daemon, const char *line)
{
	command_run(line, strlen(line), COMMAND_PEER_ROOT, &daemon_ops, daemon, on_done, NULL);
	settle();
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static struct rundir *rundir;
	struct proxy_env env = { .qemu = "/nonexistent/qemu", .accel = "tcg", .identity_dir = "/nonexistent/id",
				 .log_dir = "/nonexistent/logs", .key_wait_ms = KEYBOARD_WAIT_MS,
				 .console_gid = getgid() };
	struct daemon *daemon;

	if (!rundir)
		rundir = rundir_open(fuzz_dir(), getgid(), NULL);
	env.rom = rundir->rom;
	env.console_dir = rundir->console_dir;
	env.qmp_dir = rundir->proxy_dir;
	env.access_dir = rundir->access_dir;
	fuzz_put("state", data, size);
	daemon = daemon_new("/dev/null", rundir->state, &env);
	daemon_restore(daemon);
	settle();
	ask(daemon, "{\"execute\":\"status\"}");
	ask(daemon, "{\"execute\":\"send-break\",\"arguments\":{\"uservm\":\"vm1.com2\"}}");
	ask(daemon, "{\"execute\":\"rest\",\"arguments\":{\"uservm\":\"vm1\"}}");
	ask(daemon, "{\"execute\":\"remove\",\"arguments\":{\"uservm\":\"vm1\"}}");
	ask(daemon, "{\"execute\":\"detach\",\"arguments\":{\"cloud\":\"c\"}}");
	daemon_free(daemon);
	settle();
	/* What it has written is what the next one reads. */
	daemon = daemon_new("/dev/null", rundir->state, &env);
	daemon_restore(daemon);
	daemon_free(daemon);
	settle();
	return 0;
}
