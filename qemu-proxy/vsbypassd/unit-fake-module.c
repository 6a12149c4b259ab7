// SPDX-License-Identifier: GPL-2.0
/* A module and a /proc of pretence; see unit-fake-module.h. */
#include "unit-fake-module.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cage.h"
#include "error.h"
#include "fdstore.h"
#include "module.h"
#include "procfd.h"

struct fake_module fake = { .on_close = -1 };

static void close_event_fd(gpointer fd)
{
	close(*(int *)fd);
}

void fake_module_reset(void)
{
	if (fake.event_fds)
		g_array_unref(fake.event_fds);
	if (fake.proxy_fds)
		g_array_unref(fake.proxy_fds);
	if (fake.names)
		g_ptr_array_unref(fake.names);
	if (fake.kept_fd > 0)
		close(fake.kept_fd);
	memset(&fake, 0, sizeof(fake));
	fake.on_close = -1;
	fake.event_fds = g_array_new(FALSE, FALSE, sizeof(int));
	g_array_set_clear_func(fake.event_fds, close_event_fd);
	fake.proxy_fds = g_array_new(FALSE, FALSE, sizeof(int));
	g_array_set_clear_func(fake.proxy_fds, close_event_fd);
	fake.names = g_ptr_array_new_with_free_func(g_free);
}

void fake_module_event(guint type, guint gsi, guint level)
{
	struct vsb_event event = { .type = type, .gsi = gsi, .level = level };
	int fd = g_array_index(fake.event_fds, int, fake.event_fds->len - 1);

	g_assert_cmpint(write(fd, &event, sizeof(event)), ==, sizeof(event));
}

static gboolean fails(const char *call, GError **error)
{
	if (g_strcmp0(fake.fail, call))
		return FALSE;
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: as told", call);
	return TRUE;
}

static int some_fd(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	g_assert_cmpint(fd, >=, 0);
	return fd;
}

int module_open(const char *device, GError **error)
{
	return fails("open", error) ? -1 : some_fd();
}

int module_create_cloud(int device_fd, int vm_fd, guint32 flags, guint32 unclaimed,
			GError **error)
{
	if (fails("create_cloud", error))
		return -1;
	fake.clouds++;
	fake.cloud_flags = flags;
	fake.cloud_unclaimed = unclaimed;
	return some_fd();
}

int module_create_proxy(int cloud_fd, int vm_fd, const char *name,
			const struct vsb_ports *ports, guint32 flags, GError **error)
{
	int fds[2], kept;

	if (fails("create_proxy", error))
		return -1;
	g_ptr_array_add(fake.names, g_strdup(name));
	fake.proxy_flags = flags | (vm_fd < 0 ? VSB_PROXY_RESTS : 0);
	fake.keyed = FALSE;
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			==, 0);
	g_array_append_val(fake.event_fds, fds[1]);
	kept = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
	g_array_append_val(fake.proxy_fds, kept);
	return fds[0];
}

gboolean module_set_key(int proxy_fd, const guint8 *key, GError **error)
{
	if (fails("set_key", error))
		return FALSE;
	memcpy(fake.key, key, sizeof(fake.key));
	fake.keyed = TRUE;
	return TRUE;
}

gboolean module_set_vm(int proxy_fd, int vm_fd, GError **error)
{
	if (fails("set_vm", error))
		return FALSE;
	fake.vms++;
	return TRUE;
}

gboolean module_start(int cloud_fd, GError **error)
{
	if (fails("start", error))
		return FALSE;
	fake.started++;
	return TRUE;
}

gboolean module_set_irq(int cloud_fd, guint32 mask, GError **error)
{
	if (fails("set_irq", error))
		return FALSE;
	fake.irq = mask;
	fake.irq_when = fake.started;
	return TRUE;
}

gboolean module_set_on_close(int cloud_fd, guint32 flags, GError **error)
{
	if (fails("set_on_close", error))
		return FALSE;
	fake.on_close = (int)flags;
	return TRUE;
}

gboolean module_freeze(int cloud_fd, guint ms, GError **error)
{
	if (fails("freeze", error))
		return FALSE;
	fake.frozen = ms != 0;
	return TRUE;
}

gboolean module_get_uservm(int proxy_fd, struct vsb_uservm *uservm)
{
	if (!fake.bound || proxy_fd < 0)
		return FALSE;
	fake.uservm.counters.reads += fake.reading;
	*uservm = fake.uservm;
	return TRUE;
}

guint module_count_unbound(int cloud_fd)
{
	return fake.nameless;
}

gboolean module_unbind(int proxy_fd, GError **error)
{
	if (fails("unbind", error))
		return FALSE;
	fake.unbound++;
	return TRUE;
}

int module_get_memory(int proxy_fd, gboolean private, GError **error)
{
	fake.private = private;
	return fails("get_memory", error) ? -1 : some_fd();
}

gboolean module_give_back(int proxy_fd, GError **error)
{
	g_assert_true(fake.frozen);
	if (fails("give_back", error))
		return FALSE;
	fake.given++;
	return TRUE;
}

gboolean module_report_all(int proxy_fd, GError **error)
{
	if (fails("report_all", error))
		return FALSE;
	fake.reports++;
	return TRUE;
}

int module_read_events(int proxy_fd, struct vsb_event *events, guint max)
{
	ssize_t n = read(proxy_fd, events, max * sizeof(*events));

	return n <= 0 ? 0 : (int)(n / (ssize_t)sizeof(*events));
}

int procfd_open(pid_t pid, GError **error)
{
	int fd = fails("procfd", error) ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0 && error && !*error)
		g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND, "no process %d", pid);
	return fd;
}

int procfd_take_vm(int pidfd, pid_t pid, GError **error)
{
	return fails("take_vm", error) ? -1 : some_fd();
}

/* No cage: who tests may be nobody who can make one. */
gboolean cage_spawn(struct cage *cage, GSubprocessLauncher *launcher, const char *name,
		    gboolean screen, char **argv, struct caged *caged, GError **error)
{
	const char *pid;

	fake.spawned++;
	caged->process = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv, error);
	if (!caged->process)
		return FALSE;
	pid = g_subprocess_get_identifier(caged->process);
	caged->pid = pid ? (pid_t)g_ascii_strtoll(pid, NULL, 10) : 0;
	caged->pidfd = pid ? (int)syscall(SYS_pidfd_open, caged->pid, 0) : -1;
	return TRUE;
}

guint64 procfd_start_time(pid_t pid)
{
	return 77;
}

int procfd_open_same(pid_t pid, guint64 start_time, GError **error)
{
	if (start_time == 77)
		return procfd_open(pid, error);
	g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND, "process %d has ended", pid);
	return -1;
}

int procfd_take_proxy(int pidfd, pid_t pid, GError **error)
{
	if (fails("take_proxy", error))
		return -1;
	g_assert_cmpuint(fake.taken, <, fake.proxy_fds->len);
	return fcntl(g_array_index(fake.proxy_fds, int, fake.taken++), F_DUPFD_CLOEXEC, 0);
}

gboolean procfd_kick_vcpus(pid_t pid, GError **error)
{
	if (fails("kick_vcpus", error))
		return FALSE;
	fake.kicked = pid;
	return TRUE;
}

gboolean fdstore_keep(const char *name, int fd)
{
	if (fake.kept_fd < 0)
		return FALSE;
	g_assert_cmpint(fake.kept_fd, ==, 0);
	fake.kept_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return TRUE;
}

void fdstore_forget(const char *name)
{
	fdstore_close_rest();
}

int fdstore_take(const char *name)
{
	int fd = fake.kept_fd > 0 ? fake.kept_fd : -1;

	/* The manager has a copy still, as systemd would. */
	return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

void fdstore_close_rest(void)
{
	if (fake.kept_fd <= 0)
		return;
	close(fake.kept_fd);
	fake.kept_fd = 0;
}
