// SPDX-License-Identifier: GPL-2.0
/* The process of a proxy: start it in the cage, hear what it says, see it end. */
#include "proxy-object.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <glib-unix.h>

#include "cage.h"
#include "consoles.h"
#include "error.h"
#include "listen.h"
#include "procfd.h"
#include "proxy-cmd.h"

#define START_TIMEOUT_S		120	/* emulated hosts are slow */
#define STDERR_LINES_MAX	100	/* logged of one run */
#define QMP_BACKLOG		1

/* No wrappers in this libc. */
static void kill_pidfd(int pidfd)
{
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

static void wait_pidfd(int pidfd)
{
	struct pollfd pollfd = { .fd = pidfd, .events = POLLIN };

	while (poll(&pollfd, 1, -1) < 0 && errno == EINTR)
		;
}

void proxy_signal_process(struct proxy *proxy)
{
	/* bubblewrap ends with it, and GLib reaps that. */
	if (proxy->pidfd >= 0)
		kill_pidfd(proxy->pidfd);
}

void proxy_forget_process(struct proxy *proxy)
{
	proxy->life.domain[0] = '\0';
	g_clear_object(&proxy->process);
	if (proxy->pidfd >= 0)
		close(proxy->pidfd);
	proxy->pidfd = -1;
	proxy->life.pid = 0;
}

static void on_exit_status(GObject *source, GAsyncResult *result, gpointer data)
{
	GSubprocess *process = G_SUBPROCESS(source);
	g_autoptr(GError) error = NULL;
	g_autofree char *why = NULL;
	struct proxy *proxy = data;
	int status;

	/* After a cancellation the proxy may be gone. */
	if (!g_subprocess_wait_finish(process, result, &error) &&
	    g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	status = error || g_subprocess_get_if_signaled(process) ? -1 :
		 g_subprocess_get_exit_status(process);
	if (error)
		why = g_strdup_printf("waiting for its QEMU failed: %s", error->message);
	else if (status < 0)
		why = g_strdup_printf("its bubblewrap was killed by signal %d",
				      g_subprocess_get_term_sig(process));
	else if (status == CAGED_BY_SIGNAL + SIGSYS)
		why = g_strdup("its QEMU has given up (abort)");
	else if (status > CAGED_BY_SIGNAL)
		why = g_strdup_printf("its QEMU was killed by signal %d",
				      status - CAGED_BY_SIGNAL);
	else
		why = g_strdup_printf("its QEMU ended with status %d", status);
	proxy_died(proxy, why);
}

static gboolean on_pidfd(int fd, GIOCondition condition, gpointer data)
{
	struct proxy *proxy = data;

	proxy->pidfd_id = 0;
	proxy_died(proxy, "its QEMU ended");
	return G_SOURCE_REMOVE;
}

void proxy_watch_process(struct proxy *proxy, int pidfd)
{
	proxy->pidfd = pidfd;
	proxy->pidfd_id = g_unix_fd_add(pidfd, G_IO_IN, on_pidfd, proxy);
}

void proxy_wait_process(struct proxy *proxy)
{
	if (proxy->pidfd >= 0)
		wait_pidfd(proxy->pidfd);
	if (proxy->process)
		g_subprocess_wait(proxy->process, NULL, NULL);
}

void proxy_end_left(const struct proxy_life *life)
{
	int pidfd = life->pid ? procfd_open_same(life->pid, life->start_time, NULL) : -1;

	if (pidfd < 0)
		return;
	kill_pidfd(pidfd);
	wait_pidfd(pidfd);
	close(pidfd);
}

static gboolean on_errors(int fd, GIOCondition condition, gpointer data)
{
	struct proxy *proxy = data;
	char buf[1024], *line;
	ssize_t n = read(fd, buf, sizeof(buf));
	gsize len;

	if (n <= 0) {
		proxy->errors_id = 0;
		return G_SOURCE_REMOVE;
	}
	line_reader_push(&proxy->errors, buf, (gsize)n);
	while ((line = line_reader_next(&proxy->errors, &len))) {
		if (proxy->errors_lines++ < STDERR_LINES_MAX)
			g_message("proxy '%s': %s", proxy->name, line);
		g_free(line);
	}
	if (line_reader_overlong(&proxy->errors))
		g_string_truncate(proxy->errors.buf, 0);
	return G_SOURCE_CONTINUE;
}

gboolean proxy_connect_qmp(struct proxy *proxy, GError **error)
{
	int fd = connect_unix(proxy->qmp_path);

	if (fd < 0) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "QMP socket %s: %s",
			    proxy->qmp_path, g_strerror(errno));
		return FALSE;
	}
	proxy->qmp = qmp_new(fd, &proxy_qmp_ops, proxy);
	return TRUE;
}

/* Takes @qmp_fd and @stderr_fd over. */
static gboolean start_process(struct proxy *proxy, int qmp_fd, int stderr_fd,
			      struct caged *caged, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
	g_auto(GStrv) argv = proxy_cmd(proxy->env->qemu, proxy->env->accel, proxy->env->rom,
				       proxy->name, &proxy->ports);

	argv = consoles_give(proxy->consoles, launcher, g_steal_pointer(&argv), error);
	if (!argv) {
		close(qmp_fd);
		close(stderr_fd);
		return FALSE;
	}
	g_subprocess_launcher_take_fd(launcher, qmp_fd, PROXY_QMP_FD);
	g_subprocess_launcher_take_stderr_fd(launcher, stderr_fd);
	return cage_spawn(proxy->env->cage, launcher, proxy->name,
			  proxy_cmd_vnc(&proxy->ports), argv, caged, error);
}

/* Return: QEMU's end of the QMP socket, or -1; ours is proxy->qmp then. */
static int listen_qmp(struct proxy *proxy, GError **error)
{
	int fd = listen_unix(proxy->qmp_path, 0600, (gid_t)-1, QMP_BACKLOG, error);

	if (fd >= 0 && !proxy_connect_qmp(proxy, error)) {
		close(fd);
		return -1;
	}
	return fd;
}

static gboolean start(struct proxy *proxy, GError **error)
{
	struct caged caged;
	int qmp_fd, pipes[2];

	if (!proxy_listen(proxy, error))
		return FALSE;
	qmp_fd = listen_qmp(proxy, error);
	if (qmp_fd < 0)
		return FALSE;
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "pipe: %s", g_strerror(errno));
		close(qmp_fd);
		return FALSE;
	}
	proxy->errors_fd = pipes[0];
	g_unix_set_fd_nonblocking(pipes[0], TRUE, NULL);
	if (!start_process(proxy, qmp_fd, pipes[1], &caged, error)) {
		/* What bubblewrap may have had to say. */
		while (on_errors(proxy->errors_fd, G_IO_IN, proxy))
			;
		return FALSE;
	}
	proxy->process = caged.process;
	proxy->pidfd = caged.pidfd;
	proxy->life.pid = caged.pid;
	return TRUE;
}

static gboolean on_start_timeout(gpointer data)
{
	struct proxy *proxy = data;

	proxy->timeout_id = 0;
	proxy_died(proxy, "its QEMU did not come up in time");
	return G_SOURCE_REMOVE;
}

void proxy_watch_start(struct proxy *proxy)
{
	proxy->timeout_id = g_timeout_add_seconds(START_TIMEOUT_S, on_start_timeout, proxy);
}

void proxy_spawn(struct proxy *proxy)
{
	g_autoptr(GError) error = NULL;

	backoff_began(&proxy->backoff, g_get_monotonic_time());
	proxy_forget_process(proxy);
	proxy->errors_lines = 0;
	g_string_truncate(proxy->errors.buf, 0);
	if (!start(proxy, &error)) {
		proxy_died(proxy, error->message);
		return;
	}
	proxy->state = STARTING;
	proxy->life.start_time = procfd_start_time(proxy->life.pid);
	proxy->errors_id = g_unix_fd_add(proxy->errors_fd, G_IO_IN | G_IO_HUP | G_IO_ERR,
					 on_errors, proxy);
	proxy_watch_start(proxy);
	proxy->cancel = g_cancellable_new();
	g_subprocess_wait_async(proxy->process, proxy->cancel, on_exit_status, proxy);
	proxy->ops->changed(proxy, proxy->data);
}
