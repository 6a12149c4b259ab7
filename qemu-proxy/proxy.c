// SPDX-License-Identifier: GPL-2.0
/*
 * One proxy and its QEMU process.
 *
 *   IDLE -> STARTING -> WAITING -> REGISTERED -> READY
 *     ^        |           |           |           |
 *     +--------+-----------+-----------+-----------+   died, then back-off
 *
 * What belongs to one run of the process is made in spawn() and undone in
 * proxy_kill(); the console's listening socket lives as long as the proxy, so
 * clients that come in between wait in its backlog for the next QEMU.
 */
#include "proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib-unix.h>

#include "error.h"
#include "lineio.h"
#include "listen.h"
#include "module.h"
#include "procfd.h"
#include "proxy-cmd.h"

#define BACKOFF_FIRST_S		1
#define BACKOFF_LAST_S		30
#define LIVED_LONG_US		(60 * G_USEC_PER_SEC)
#define START_TIMEOUT_S		120	/* emulated hosts are slow */
#define END_TIMEOUT_S		2	/* for the exit status of a QEMU that hung up */
#define STDERR_LINES_MAX	100	/* logged of one run */
#define STDERR_LINE_MAX		512
#define EVENTS			64
/* QEMU takes one client; the others wait, and so do those of a restart. */
#define CONSOLE_BACKLOG		4

enum proxy_state { IDLE, STARTING, WAITING, REGISTERED, READY };

/**
 * struct proxy - see proxy.h
 * @listen_fd:	console socket, shared with each QEMU
 * @cancel:	of the wait for @process
 * @fd:		proxy descriptor of the module, -1: none
 * @bound:	it has had a user VM
 * @generation:	times that it was renewed
 * @errors:	lines of QEMU's stderr, read from @errors_fd
 * @started_us:	monotonic time of the last spawn
 * @backoff_s:	pause before the next one
 */
struct proxy {
	const struct proxy_env *env;
	const struct proxy_ops *ops;
	gpointer data;
	guint id;
	char *name;
	char *console_path;
	struct vsb_ports ports;
	struct identity identity;
	gboolean proved;
	int listen_fd;
	enum proxy_state state;

	GSubprocess *process;
	GCancellable *cancel;
	struct qmp *qmp;
	int fd;
	gboolean bound;
	guint generation;
	guint fd_id;
	guint timeout_id;
	int errors_fd;
	guint errors_id;
	guint errors_lines;
	struct line_reader errors;

	gint64 started_us;
	guint backoff_s;
	guint restart_id;
	guint restarts;
};

static void spawn(struct proxy *proxy);

static void remove_source(guint *id)
{
	if (*id)
		g_source_remove(*id);
	*id = 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void proxy_kill(struct proxy *proxy)
{
	/* First the module: the user VM shall not wait for a dead process. */
	remove_source(&proxy->fd_id);
	close_fd(&proxy->fd);
	remove_source(&proxy->timeout_id);
	remove_source(&proxy->restart_id);
	remove_source(&proxy->errors_id);
	close_fd(&proxy->errors_fd);
	g_clear_pointer(&proxy->qmp, qmp_free);
	if (proxy->cancel)
		g_cancellable_cancel(proxy->cancel);
	g_clear_object(&proxy->cancel);
	/* GLib reaps it. */
	if (proxy->process)
		g_subprocess_force_exit(proxy->process);
	proxy->state = IDLE;
}

static gboolean on_restart(gpointer data)
{
	struct proxy *proxy = data;

	proxy->restart_id = 0;
	proxy->restarts++;
	g_message("proxy '%s': starting it again (restart %u)", proxy->name, proxy->restarts);
	spawn(proxy);
	return G_SOURCE_REMOVE;
}

/* The run is over. @why is logged and told, then the next one is scheduled. */
static void died(struct proxy *proxy, const char *why)
{
	g_autofree char *reason = g_strdup(why);

	if (proxy->restart_id)
		return;
	proxy_kill(proxy);
	g_clear_object(&proxy->process);
	if (g_get_monotonic_time() - proxy->started_us >= LIVED_LONG_US)
		proxy->backoff_s = BACKOFF_FIRST_S;
	g_warning("proxy '%s': %s; next start in %u s", proxy->name, reason, proxy->backoff_s);
	proxy->restart_id = g_timeout_add_seconds(proxy->backoff_s, on_restart, proxy);
	proxy->backoff_s = MIN(proxy->backoff_s * 2, BACKOFF_LAST_S);
	proxy->ops->died(proxy, reason, proxy->data);
}

static gboolean on_renew(gpointer data)
{
	struct proxy *proxy = data;

	proxy->restart_id = 0;
	spawn(proxy);
	return G_SOURCE_REMOVE;
}

void proxy_renew(struct proxy *proxy, const char *why)
{
	g_autofree char *reason = g_strdup(why);

	proxy->generation++;
	proxy->bound = FALSE;
	if (proxy->restart_id)
		return;
	proxy_kill(proxy);
	g_clear_object(&proxy->process);
	g_message("proxy '%s': %s; starting a fresh one", proxy->name, reason);
	proxy->restart_id = g_idle_add(on_renew, proxy);
	proxy->ops->died(proxy, reason, proxy->data);
}

static void on_exit_status(GObject *source, GAsyncResult *result, gpointer data)
{
	GSubprocess *process = G_SUBPROCESS(source);
	g_autoptr(GError) error = NULL;
	g_autofree char *why = NULL;
	struct proxy *proxy = data;

	/* After a cancellation the proxy may be gone. */
	if (!g_subprocess_wait_finish(process, result, &error) &&
	    g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (error)
		why = g_strdup_printf("waiting for its QEMU failed: %s", error->message);
	else if (g_subprocess_get_if_signaled(process))
		why = g_strdup_printf("its QEMU was killed by signal %d",
				      g_subprocess_get_term_sig(process));
	else
		why = g_strdup_printf("its QEMU ended with status %d",
				      g_subprocess_get_exit_status(process));
	died(proxy, why);
}

static gboolean on_start_timeout(gpointer data)
{
	struct proxy *proxy = data;

	proxy->timeout_id = 0;
	died(proxy, "its QEMU did not come up in time");
	return G_SOURCE_REMOVE;
}

static gboolean on_end_timeout(gpointer data)
{
	struct proxy *proxy = data;

	proxy->timeout_id = 0;
	died(proxy, "its QEMU hung up");
	return G_SOURCE_REMOVE;
}

/*
 * QEMU hung up, on us or on the module. Usually its process has ended and the
 * exit status, which says more, comes in a moment: died() waits for it.
 */
static void hung_up(struct proxy *proxy)
{
	remove_source(&proxy->fd_id);
	close_fd(&proxy->fd);
	g_clear_pointer(&proxy->qmp, qmp_free);
	proxy->state = STARTING;
	remove_source(&proxy->timeout_id);
	proxy->timeout_id = g_timeout_add_seconds(END_TIMEOUT_S, on_end_timeout, proxy);
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

static gboolean on_event(int fd, GIOCondition condition, gpointer data)
{
	struct proxy *proxy = data;
	struct vsb_event events[EVENTS];
	struct vsb_uservm uservm;
	int n = module_read_events(fd, events, EVENTS);

	if (n < 0) {
		proxy->fd_id = 0;
		if (proxy->bound && !module_get_uservm(fd, &uservm))
			proxy_renew(proxy, "its user VM has left it");
		else
			hung_up(proxy);
		return G_SOURCE_REMOVE;
	}
	for (int i = 0; i < n; i++) {
		if (events[i].type == VSB_EVENT_IRQ)
			proxy->ops->irq(proxy, events[i].gsi, events[i].level, proxy->data);
		else if (events[i].type == VSB_EVENT_USERVM) {
			proxy->bound |= module_get_uservm(fd, &uservm);
			proxy->ops->uservm(proxy, proxy->data);
		}
	}
	return G_SOURCE_CONTINUE;
}

static void on_cont(gpointer data, const GError *error)
{
	struct proxy *proxy = data;

	/* No QMP any more: the answer is that of proxy_kill(). */
	if (!proxy->qmp)
		return;
	if (error) {
		died(proxy, error->message);
		return;
	}
	remove_source(&proxy->timeout_id);
	proxy->state = READY;
	proxy->ops->ready(proxy, proxy->data);
}

static int take_own_vm(struct proxy *proxy, GError **error)
{
	pid_t pid = proxy_pid(proxy);
	int pidfd, vm_fd;

	if (!pid) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, "its QEMU has ended");
		return -1;
	}
	pidfd = procfd_open(pid, error);
	if (pidfd < 0)
		return -1;
	vm_fd = procfd_take_vm(pidfd, pid, error);
	close(pidfd);
	return vm_fd;
}

void proxy_register(struct proxy *proxy, int cloud_fd)
{
	g_autoptr(GError) error = NULL;
	int vm_fd;

	g_return_if_fail(proxy->state == WAITING);
	vm_fd = take_own_vm(proxy, &error);
	if (vm_fd >= 0) {
		proxy->fd = module_create_proxy(cloud_fd, vm_fd, proxy->name, &proxy->ports,
						proxy->identity.required ? VSB_PROXY_REQUIRED : 0,
						&error);
		close(vm_fd);
	}
	if (proxy->fd < 0 ||
	    (proxy->identity.has_key &&
	     !module_set_key(proxy->fd, proxy->identity.key.bytes, &error))) {
		died(proxy, error->message);
		return;
	}
	proxy->state = REGISTERED;
	proxy->fd_id = g_unix_fd_add(proxy->fd, G_IO_IN | G_IO_ERR | G_IO_HUP, on_event, proxy);
	qmp_execute(proxy->qmp, "cont", NULL, on_cont, proxy);
}

static void on_qmp_ready(struct qmp *qmp, gpointer data)
{
	struct proxy *proxy = data;

	proxy->state = WAITING;
	proxy->ops->waiting(proxy, proxy->data);
}

static void on_qmp_closed(struct qmp *qmp, const char *why, gpointer data)
{
	hung_up(data);
}

static void in_child(gpointer data)
{
	/* No proxy outlives vsbypassd, however that ends. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != GPOINTER_TO_INT(data))
		_exit(127);
}

static GSubprocess *start_process(struct proxy *proxy, int qmp_fd, int stderr_fd,
				  GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
	g_auto(GStrv) argv = proxy_cmd(proxy->env->qemu, proxy->env->accel, proxy->env->rom,
				       proxy->name, &proxy->ports);
	int listen_fd = fcntl(proxy->listen_fd, F_DUPFD_CLOEXEC, 16);

	if (listen_fd < 0) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "console socket: %s",
			    g_strerror(errno));
		close(qmp_fd);
		close(stderr_fd);
		return NULL;
	}
	g_subprocess_launcher_take_fd(launcher, listen_fd, PROXY_CONSOLE_FD);
	g_subprocess_launcher_take_fd(launcher, qmp_fd, PROXY_QMP_FD);
	g_subprocess_launcher_take_stderr_fd(launcher, stderr_fd);
	g_subprocess_launcher_set_child_setup(launcher, in_child, GINT_TO_POINTER(getpid()),
					      NULL);
	return g_subprocess_launcher_spawnv(launcher, (const char *const *)argv, error);
}

static void spawn(struct proxy *proxy)
{
	static const struct qmp_ops qmp_ops = { on_qmp_ready, on_qmp_closed };
	g_autoptr(GError) error = NULL;
	int qmp[2], pipes[2];

	proxy->started_us = g_get_monotonic_time();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, qmp) < 0) {
		died(proxy, g_strerror(errno));
		return;
	}
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		close(qmp[0]);
		close(qmp[1]);
		died(proxy, g_strerror(errno));
		return;
	}
	g_clear_object(&proxy->process);
	proxy->process = start_process(proxy, qmp[1], pipes[1], &error);
	if (!proxy->process) {
		close(qmp[0]);
		close(pipes[0]);
		died(proxy, error->message);
		return;
	}
	proxy->state = STARTING;
	proxy->errors_fd = pipes[0];
	proxy->errors_lines = 0;
	g_string_truncate(proxy->errors.buf, 0);
	g_unix_set_fd_nonblocking(pipes[0], TRUE, NULL);
	proxy->errors_id = g_unix_fd_add(pipes[0], G_IO_IN | G_IO_HUP | G_IO_ERR, on_errors,
					 proxy);
	proxy->qmp = qmp_new(qmp[0], &qmp_ops, proxy);
	proxy->timeout_id = g_timeout_add_seconds(START_TIMEOUT_S, on_start_timeout, proxy);
	proxy->cancel = g_cancellable_new();
	g_subprocess_wait_async(proxy->process, proxy->cancel, on_exit_status, proxy);
}

void proxy_start(struct proxy *proxy)
{
	spawn(proxy);
}

struct proxy *proxy_new(const struct proxy_env *env, guint id, const char *name,
			const struct vsb_ports *ports, gboolean required,
			const struct proxy_ops *ops, gpointer data, GError **error)
{
	g_autofree char *file = g_strconcat(name, ".sock", NULL);
	g_autofree char *path = g_build_filename(env->console_dir, file, NULL);
	struct identity identity;
	struct proxy *proxy;
	int fd;

	if (!identity_load(env->identity_dir, name, required, &identity, error))
		return NULL;
	fd = listen_unix(path, 0660, env->console_gid, CONSOLE_BACKLOG, error);
	if (fd < 0) {
		explicit_bzero(&identity, sizeof(identity));
		return NULL;
	}
	proxy = g_new0(struct proxy, 1);
	proxy->identity = identity;
	explicit_bzero(&identity, sizeof(identity));
	proxy->env = env;
	proxy->ops = ops;
	proxy->data = data;
	proxy->id = id;
	proxy->name = g_strdup(name);
	proxy->console_path = g_steal_pointer(&path);
	proxy->ports = *ports;
	proxy->listen_fd = fd;
	proxy->fd = -1;
	proxy->errors_fd = -1;
	proxy->backoff_s = BACKOFF_FIRST_S;
	line_reader_init(&proxy->errors, STDERR_LINE_MAX);
	return proxy;
}

void proxy_free(struct proxy *proxy, gboolean wait)
{
	if (!proxy)
		return;
	proxy_kill(proxy);
	unlink(proxy->console_path);
	close_fd(&proxy->listen_fd);
	if (wait && proxy->process)
		g_subprocess_wait(proxy->process, NULL, NULL);
	g_clear_object(&proxy->process);
	line_reader_clear(&proxy->errors);
	explicit_bzero(&proxy->identity, sizeof(proxy->identity));
	g_free(proxy->console_path);
	g_free(proxy->name);
	g_free(proxy);
}

const char *proxy_name(const struct proxy *proxy)
{
	return proxy->name;
}

guint proxy_id(const struct proxy *proxy)
{
	return proxy->id;
}

const struct vsb_ports *proxy_ports(const struct proxy *proxy)
{
	return &proxy->ports;
}

const struct identity *proxy_identity(const struct proxy *proxy)
{
	return &proxy->identity;
}

int proxy_fd(const struct proxy *proxy)
{
	return proxy->fd;
}

pid_t proxy_pid(const struct proxy *proxy)
{
	const char *pid = proxy->process ? g_subprocess_get_identifier(proxy->process) : NULL;

	return pid ? (pid_t)g_ascii_strtoll(pid, NULL, 10) : 0;
}

guint proxy_restarts(const struct proxy *proxy)
{
	return proxy->restarts;
}

guint proxy_generation(const struct proxy *proxy)
{
	return proxy->generation;
}

gboolean proxy_is_waiting(const struct proxy *proxy)
{
	return proxy->state == WAITING;
}

gboolean proxy_is_ready(const struct proxy *proxy)
{
	return proxy->state == READY;
}

gboolean proxy_note_proved(struct proxy *proxy, gboolean proved)
{
	gboolean news = proxy->proved != proved;

	proxy->proved = proved;
	return news;
}

void proxy_send_break(struct proxy *proxy, qmp_done done, gpointer data)
{
	JsonObject *args;
	g_autoptr(GError) error = NULL;

	if (proxy->state != READY) {
		error = g_error_new(VSB_ERROR, VSB_ERROR_FAILED,
				    "the proxy of user VM '%s' is being started; try again",
				    proxy->name);
		done(data, error);
		return;
	}
	args = json_object_new();
	json_object_set_string_member(args, "id", PROXY_CHARDEV);
	qmp_execute(proxy->qmp, "chardev-send-break", args, done, data);
}
