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
 * clients that come in between wait in its backlog for the next QEMU. The process is in a
 * cage (cage.h): all that it talks through are descriptors that it gets from here.
 *
 * QEMU keeps a copy of the proxy's descriptor, so the process goes on, serving, when
 * vsbypassd ends. The next one takes that copy and talks to QEMU at its QMP socket:
 *
 *   proxy_resume() -> STARTING, with a descriptor -> READY
 *
 * The QEMU of a domain of libvirt has no QMP socket for us, and its CPUs run already:
 *
 *   proxy_serve() -> WAITING -> REGISTERED -> READY
 *
 * The service manager keeps the copy of its descriptor. Its end is that of the proxy as
 * well, and the other way round, as no QEMU serves two user VMs.
 */
#include "proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <gio/gio.h>
#include <glib-unix.h>

#include "backoff.h"
#include "cage.h"
#include "consoles.h"
#include "error.h"
#include "fdstore.h"
#include "lineio.h"
#include "listen.h"
#include "module.h"
#include "procfd.h"
#include "proxy-cmd.h"

#define DIED_PAUSE_S		1	/* at least */
#define START_TIMEOUT_S		120	/* emulated hosts are slow */
#define END_TIMEOUT_S		2	/* for the exit status of a QEMU that hung up */
#define STDERR_LINES_MAX	100	/* logged of one run */
#define STDERR_LINE_MAX		512
#define EVENTS			64
#define QMP_BACKLOG		1
#define VNC_BACKLOG		1	/* as QEMU's own */
/* Under which QEMU has its copy of the descriptor, and the socket of its VNC server. */
#define KEPT_FD			"vsbypass"
#define VNC_FD			"vsbypass-vnc"

enum proxy_state { IDLE, STARTING, WAITING, REGISTERED, READY };

/**
 * struct proxy - see proxy.h
 * @vnc_path:	VNC socket, NULL without a keyboard
 * @keyboard:	NULL without one
 * @process:	bubblewrap, whose child QEMU is, if we have started it
 * @cancel:	of the wait for @process
 * @pidfd:	of QEMU; @pidfd_id: its end, if it is not @process that tells
 * @fd:		proxy descriptor of the module, -1: none
 * @kept:	fdstore_keep() has a copy of it
 * @bound:	it has had a user VM
 * @errors:	lines of QEMU's stderr, read from @errors_fd
 * @backoff:	of starts, whatever ends the process: a user VM may break its QEMU, the
 *		cloud VM may say that a user VM has ended, or have another one come
 */
struct proxy {
	const struct proxy_env *env;
	const struct proxy_ops *ops;
	gpointer data;
	guint id;
	char *name;
	char *qmp_path;
	char *vnc_path;
	struct vsb_ports ports;
	struct identity identity;
	gboolean proved;
	struct keyboard *keyboard;
	struct consoles *consoles;
	enum proxy_state state;
	struct proxy_life life;

	GSubprocess *process;
	GCancellable *cancel;
	int pidfd;
	guint pidfd_id;
	struct qmp *qmp;
	int fd;
	gboolean kept;
	gboolean bound;
	guint fd_id;
	guint timeout_id;
	int errors_fd;
	guint errors_id;
	guint errors_lines;
	struct line_reader errors;

	struct backoff backoff;
	guint restart_id;
};

static void spawn(struct proxy *proxy);

static gboolean is_domain(const struct proxy *proxy)
{
	return proxy->life.domain[0] != '\0';
}

/* It has no QMP: why, and what to do. @instead: of a domain */
static void set_no_qmp(const struct proxy *proxy, const char *instead, GError **error)
{
	if (is_domain(proxy)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "the proxy of user VM '%s' is libvirt's domain '%s'; use 'virsh %s'",
			    proxy->name, proxy->life.domain, instead);
		return;
	}
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
		    "the proxy of user VM '%s' is being started; try again", proxy->name);
}

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

static void drop_qmp(struct proxy *proxy)
{
	g_clear_pointer(&proxy->qmp, qmp_free);
	if (proxy->keyboard)
		keyboard_stop(proxy->keyboard);
}

/* All of this run but the process. */
static void let_go(struct proxy *proxy)
{
	remove_source(&proxy->fd_id);
	close_fd(&proxy->fd);
	remove_source(&proxy->timeout_id);
	remove_source(&proxy->restart_id);
	consoles_drop_logs(proxy->consoles);
	remove_source(&proxy->errors_id);
	close_fd(&proxy->errors_fd);
	remove_source(&proxy->pidfd_id);
	drop_qmp(proxy);
	if (proxy->cancel)
		g_cancellable_cancel(proxy->cancel);
	g_clear_object(&proxy->cancel);
	proxy->state = IDLE;
}

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

void proxy_kill(struct proxy *proxy)
{
	let_go(proxy);
	if (is_domain(proxy))
		fdstore_forget(proxy->name);
	/* bubblewrap ends with it, and GLib reaps that. */
	if (proxy->pidfd >= 0)
		kill_pidfd(proxy->pidfd);
	unlink(proxy->qmp_path);
	if (proxy->vnc_path)
		unlink(proxy->vnc_path);
}

/* The process was killed or has ended: nothing is known of it any more. */
static void forget_process(struct proxy *proxy)
{
	proxy->life.domain[0] = '\0';
	g_clear_object(&proxy->process);
	close_fd(&proxy->pidfd);
	proxy->life.pid = 0;
}

static gboolean on_restart(gpointer data)
{
	struct proxy *proxy = data;

	proxy->restart_id = 0;
	proxy->life.restarts++;
	g_message("proxy '%s': starting it again (restart %u)", proxy->name,
		  proxy->life.restarts);
	spawn(proxy);
	return G_SOURCE_REMOVE;
}

/* The run is over. @why is logged and told, then the next one is scheduled. */
static void died(struct proxy *proxy, const char *why)
{
	g_autofree char *reason = g_strdup(why);
	guint pause_s;

	if (proxy->restart_id)
		return;
	proxy_kill(proxy);
	forget_process(proxy);
	pause_s = backoff_ended(&proxy->backoff, g_get_monotonic_time(), DIED_PAUSE_S);
	g_warning("proxy '%s': %s; next start in %u s", proxy->name, reason, pause_s);
	proxy->restart_id = g_timeout_add_seconds(pause_s, on_restart, proxy);
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
	guint pause_s;

	proxy->life.generation++;
	proxy->bound = FALSE;
	/* Before it is lost with us that what the last one wrote is not the next one's. */
	proxy->ops->changed(proxy, proxy->data);
	if (proxy->restart_id)
		return;
	proxy_kill(proxy);
	forget_process(proxy);
	/* At once, but not as often as the cloud VM likes. */
	pause_s = backoff_ended(&proxy->backoff, g_get_monotonic_time(), 0);
	if (pause_s)
		g_message("proxy '%s': %s; starting a fresh one in %u s", proxy->name, reason,
			  pause_s);
	else
		g_message("proxy '%s': %s; starting a fresh one", proxy->name, reason);
	proxy->restart_id = pause_s ? g_timeout_add_seconds(pause_s, on_renew, proxy) :
				      g_idle_add(on_renew, proxy);
	proxy->ops->died(proxy, reason, proxy->data);
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
	died(proxy, why);
}

static gboolean on_pidfd(int fd, GIOCondition condition, gpointer data)
{
	struct proxy *proxy = data;

	proxy->pidfd_id = 0;
	died(proxy, "its QEMU ended");
	return G_SOURCE_REMOVE;
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
	proxy->state = STARTING;
	drop_qmp(proxy);
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
		/* A domain has more devices. */
		if (events[i].type == VSB_EVENT_IRQ &&
		    vsb_ports_has_line(&proxy->ports, events[i].gsi))
			proxy->ops->irq(proxy, events[i].gsi, events[i].level, proxy->data);
		else if (events[i].type == VSB_EVENT_USERVM) {
			proxy->bound |= module_get_uservm(fd, &uservm);
			proxy->ops->uservm(proxy, proxy->data);
		}
	}
	return G_SOURCE_CONTINUE;
}

static void serves(struct proxy *proxy)
{
	remove_source(&proxy->timeout_id);
	proxy->state = READY;
	proxy->ops->ready(proxy, proxy->data);
}

static void on_kept(gpointer data, JsonNode *result, const GError *error)
{
	struct proxy *proxy = data;

	/* No QMP any more: the answer is that of proxy_kill(). */
	if (!proxy->qmp)
		return;
	if (error)
		died(proxy, error->message);
	else
		serves(proxy);
}

static void on_cont(gpointer data, JsonNode *result, const GError *error)
{
	struct proxy *proxy = data;

	if (!proxy->qmp)
		return;
	if (error)
		died(proxy, error->message);
	else
		qmp_keep_fd(proxy->qmp, KEPT_FD, proxy->fd, on_kept, proxy);
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

static void watch_events(struct proxy *proxy)
{
	proxy->fd_id = g_unix_fd_add(proxy->fd, G_IO_IN | G_IO_ERR | G_IO_HUP, on_event, proxy);
}

/* The VM becomes the module's; takes @vm_fd over, -1: @error is set. */
static gboolean hand_over(struct proxy *proxy, int cloud_fd, int vm_fd, GError **error)
{
	if (vm_fd < 0)
		return FALSE;
	proxy->fd = module_create_proxy(cloud_fd, vm_fd, proxy->name, &proxy->ports,
					proxy->identity.required ? VSB_PROXY_REQUIRED : 0, error);
	close(vm_fd);
	if (proxy->fd < 0 ||
	    (proxy->identity.has_key &&
	     !module_set_key(proxy->fd, proxy->identity.key.bytes, error)))
		return FALSE;
	proxy->state = REGISTERED;
	watch_events(proxy);
	return TRUE;
}

void proxy_register(struct proxy *proxy, int cloud_fd)
{
	g_autoptr(GError) error = NULL;

	g_return_if_fail(proxy->state == WAITING);
	if (hand_over(proxy, cloud_fd, take_own_vm(proxy, &error), &error))
		qmp_execute(proxy->qmp, "cont", NULL, on_cont, proxy);
	else
		died(proxy, error->message);
}

/* Of the process that was. Its copy of the descriptor has to be closed before the next. */
static void wait_process(struct proxy *proxy)
{
	if (proxy->pidfd >= 0)
		wait_pidfd(proxy->pidfd);
	if (proxy->process)
		g_subprocess_wait(proxy->process, NULL, NULL);
}

static void watch_process(struct proxy *proxy, int pidfd)
{
	proxy->pidfd = pidfd;
	proxy->pidfd_id = g_unix_fd_add(pidfd, G_IO_IN, on_pidfd, proxy);
}

gboolean proxy_serve(struct proxy *proxy, int cloud_fd, pid_t pid, const char *domain,
		     GError **error)
{
	g_autofree char *why = g_strdup_printf("libvirt's domain '%s' takes over", domain);
	g_autoptr(GError) cause = NULL;
	int pidfd = procfd_open(pid, error);
	int vm_fd = pidfd < 0 ? -1 : procfd_take_vm(pidfd, pid, error);

	if (vm_fd < 0) {
		if (pidfd >= 0)
			close(pidfd);
		return FALSE;
	}
	proxy_kill(proxy);
	wait_process(proxy);
	forget_process(proxy);
	/* The consoles are where the domain has them. */
	consoles_remove(proxy->consoles);
	g_message("proxy '%s': %s", proxy->name, why);
	proxy->ops->died(proxy, why, proxy->data);

	g_strlcpy(proxy->life.domain, domain, sizeof(proxy->life.domain));
	proxy->life.pid = pid;
	proxy->life.start_time = procfd_start_time(pid);
	backoff_began(&proxy->backoff, g_get_monotonic_time());
	proxy->state = WAITING;
	watch_process(proxy, pidfd);
	proxy->ops->changed(proxy, proxy->data);
	/* Its vCPUs are in KVM's own KVM_RUN; the next one is the module's. */
	if (!hand_over(proxy, cloud_fd, vm_fd, &cause) || !procfd_kick_vcpus(pid, &cause)) {
		died(proxy, cause->message);
		g_propagate_error(error, g_steal_pointer(&cause));
		return FALSE;
	}
	proxy->kept = fdstore_keep(proxy->name, proxy->fd);
	if (!proxy->kept)
		g_message("proxy '%s': no service manager keeps its descriptor: domain '%s' will "
			  "end with vsbypassd", proxy->name, domain);
	serves(proxy);
	return TRUE;
}

static void waits(struct proxy *proxy)
{
	consoles_opened(proxy->consoles);
	proxy->state = WAITING;
	proxy->ops->waiting(proxy, proxy->data);
}

static void on_vnc_listens(gpointer data, JsonNode *result, const GError *error)
{
	struct proxy *proxy = data;

	if (!proxy->qmp)
		return;
	if (error)
		died(proxy, error->message);
	else
		waits(proxy);
}

/* getfd and what uses it are one: QEMU says of the second if the first has failed. */
static void on_vnc_socket(gpointer data, JsonNode *result, const GError *error)
{
}

/*
 * The VNC server's socket is made here: its QEMU has no folder for one. Whoever connects
 * before it listens waits in the backlog.
 */
static void give_vnc_socket(struct proxy *proxy)
{
	g_autoptr(GError) error = NULL;
	int fd = listen_unix(proxy->vnc_path, 0660, proxy->env->console_gid, VNC_BACKLOG, &error);

	if (fd < 0) {
		died(proxy, error->message);
		return;
	}
	qmp_keep_fd(proxy->qmp, VNC_FD, fd, on_vnc_socket, NULL);
	close(fd);
	qmp_execute(proxy->qmp, "display-update", proxy_vnc_listen(VNC_FD), on_vnc_listens, proxy);
}

static void on_qmp_ready(struct qmp *qmp, gpointer data)
{
	struct proxy *proxy = data;

	if (proxy->fd >= 0)
		serves(proxy);		/* as it did before us */
	else if (proxy->vnc_path)
		give_vnc_socket(proxy);
	else
		waits(proxy);
}

static void on_qmp_closed(struct qmp *qmp, const char *why, gpointer data)
{
	hung_up(data);
}

static gboolean connect_qmp(struct proxy *proxy, GError **error)
{
	static const struct qmp_ops qmp_ops = { on_qmp_ready, on_qmp_closed };
	int fd = connect_unix(proxy->qmp_path);

	if (fd < 0) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "QMP socket %s: %s",
			    proxy->qmp_path, g_strerror(errno));
		return FALSE;
	}
	proxy->qmp = qmp_new(fd, &qmp_ops, proxy);
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
	return cage_spawn(proxy->env->cage, launcher, proxy->name, argv, caged, error);
}

/* Return: QEMU's end of the QMP socket, or -1; ours is proxy->qmp then. */
static int listen_qmp(struct proxy *proxy, GError **error)
{
	int fd = listen_unix(proxy->qmp_path, 0600, (gid_t)-1, QMP_BACKLOG, error);

	if (fd >= 0 && !connect_qmp(proxy, error))
		close_fd(&fd);
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

static void spawn(struct proxy *proxy)
{
	g_autoptr(GError) error = NULL;

	backoff_began(&proxy->backoff, g_get_monotonic_time());
	forget_process(proxy);
	proxy->errors_lines = 0;
	g_string_truncate(proxy->errors.buf, 0);
	if (!start(proxy, &error)) {
		died(proxy, error->message);
		return;
	}
	proxy->state = STARTING;
	proxy->life.start_time = procfd_start_time(proxy->life.pid);
	proxy->errors_id = g_unix_fd_add(proxy->errors_fd, G_IO_IN | G_IO_HUP | G_IO_ERR,
					 on_errors, proxy);
	proxy->timeout_id = g_timeout_add_seconds(START_TIMEOUT_S, on_start_timeout, proxy);
	proxy->cancel = g_cancellable_new();
	g_subprocess_wait_async(proxy->process, proxy->cancel, on_exit_status, proxy);
	proxy->ops->changed(proxy, proxy->data);
}

void proxy_start(struct proxy *proxy)
{
	spawn(proxy);
}

static int take_kept(struct proxy *proxy, GError **error)
{
	int fd = fdstore_take(proxy->name);

	proxy->kept = fd >= 0;
	if (fd < 0)
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "the service manager has not kept the descriptor of domain '%s'",
			    proxy->life.domain);
	return fd;
}

/* @pidfd is that of a process that has been its. */
static gboolean take_over(struct proxy *proxy, int pidfd, const struct proxy_life *life,
			  GError **error)
{
	struct vsb_uservm uservm;

	if (is_domain(proxy))
		proxy->fd = take_kept(proxy, error);
	else
		proxy->fd = procfd_take_proxy(pidfd, life->pid, error);
	if (proxy->fd < 0 || !module_report_all(proxy->fd, error) ||
	    (!is_domain(proxy) && !connect_qmp(proxy, error)))
		return FALSE;
	proxy->bound = module_get_uservm(proxy->fd, &uservm);
	proxy->state = is_domain(proxy) ? READY : STARTING;
	watch_process(proxy, pidfd);
	if (!is_domain(proxy))
		proxy->timeout_id = g_timeout_add_seconds(START_TIMEOUT_S, on_start_timeout, proxy);
	watch_events(proxy);
	return TRUE;
}

gboolean proxy_resume(struct proxy *proxy, const struct proxy_life *life, GError **error)
{
	int pidfd;

	proxy->life = *life;
	backoff_began(&proxy->backoff, g_get_monotonic_time());
	pidfd = life->pid ? procfd_open_same(life->pid, life->start_time, error) : -1;
	if (pidfd >= 0 && take_over(proxy, pidfd, life, error))
		return TRUE;
	if (error && !*error)
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED, "it had no QEMU");
	let_go(proxy);
	if (pidfd >= 0)
		close(pidfd);
	proxy_end_left(life);
	forget_process(proxy);
	return FALSE;
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

gboolean proxy_listen(struct proxy *proxy, GError **error)
{
	return consoles_listen(proxy->consoles, error);
}

/* No key may wait in the device for whoever comes next. */
static struct qmp *may_type(gpointer data, guint64 *reads, GError **error)
{
	struct proxy *proxy = data;
	struct vsb_uservm uservm;

	if (proxy->state != READY || !proxy->qmp) {
		set_no_qmp(proxy, "send-key", error);
		return NULL;
	}
	if (!module_get_uservm(proxy->fd, &uservm)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "user VM '%s' is not bound: nobody is there to read its keyboard",
			    proxy->name);
		return NULL;
	}
	if (!proxy_may_pass(proxy, error))
		return NULL;
	*reads = uservm.counters.reads;
	return proxy->qmp;
}

struct proxy *proxy_new(const struct proxy_env *env, guint id, const char *name,
			const struct vsb_ports *ports, gboolean required,
			const struct proxy_ops *ops, gpointer data, GError **error)
{
	static const struct keyboard_ops keyboard_ops = { may_type };
	g_autofree char *file = g_strconcat(name, ".sock", NULL);
	struct identity identity;
	struct proxy *proxy;

	if (!identity_load(env->identity_dir, name, required, &identity, error))
		return NULL;
	proxy = g_new0(struct proxy, 1);
	proxy->identity = identity;
	explicit_bzero(&identity, sizeof(identity));
	proxy->env = env;
	proxy->ops = ops;
	proxy->data = data;
	proxy->id = id;
	proxy->name = g_strdup(name);
	proxy->consoles = consoles_new(env->console_dir, env->console_gid, env->log_dir, name,
				       ports);
	proxy->qmp_path = g_build_filename(env->qmp_dir, file, NULL);
	if (vsb_ports_ps2(ports)) {
		proxy->vnc_path = g_strdup_printf("%s/%s.vnc", env->console_dir, name);
		proxy->keyboard = keyboard_new(env->key_wait_ms, &keyboard_ops, proxy);
	}
	proxy->ports = *ports;
	proxy->pidfd = -1;
	proxy->fd = -1;
	proxy->errors_fd = -1;
	line_reader_init(&proxy->errors, STDERR_LINE_MAX);
	return proxy;
}

static void free_all(struct proxy *proxy)
{
	consoles_free(proxy->consoles);
	forget_process(proxy);
	line_reader_clear(&proxy->errors);
	keyboard_free(proxy->keyboard);
	explicit_bzero(&proxy->identity, sizeof(proxy->identity));
	g_free(proxy->qmp_path);
	g_free(proxy->vnc_path);
	g_free(proxy->name);
	g_free(proxy);
}

void proxy_free(struct proxy *proxy)
{
	proxy_kill(proxy);
	consoles_remove(proxy->consoles);
	wait_process(proxy);
	free_all(proxy);
}

void proxy_leave(struct proxy *proxy)
{
	if (proxy->state != READY || (is_domain(proxy) && !proxy->kept))
		proxy_kill(proxy);
	let_go(proxy);
	free_all(proxy);
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
	return proxy->life.pid;
}

void proxy_get_life(const struct proxy *proxy, struct proxy_life *life)
{
	*life = proxy->life;
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

gboolean proxy_may_pass(const struct proxy *proxy, GError **error)
{
	struct vsb_uservm uservm;

	if (!proxy->identity.required || (module_get_uservm(proxy->fd, &uservm) &&
					  uservm.flags & VSB_USERVM_PROVED))
		return TRUE;
	g_set_error(error, VSB_ERROR, VSB_ERROR_DENIED,
		    "user VM '%s' has not proved who it is: nothing passes in or out",
		    proxy->name);
	return FALSE;
}

gboolean proxy_typing(const struct proxy *proxy, guint *typed, guint *of)
{
	return proxy->keyboard && keyboard_progress(proxy->keyboard, typed, of);
}

void proxy_type(struct proxy *proxy, GArray *strokes, const char *unit, keyboard_done done,
		gpointer data)
{
	g_autoptr(GError) error = NULL;

	if (proxy->keyboard) {
		keyboard_type(proxy->keyboard, strokes, unit, done, data);
		return;
	}
	g_array_unref(strokes);
	error = g_error_new(VSB_ERROR, VSB_ERROR_FAILED,
			    "user VM '%s' has no keyboard here; attach it with 'ps2' among its "
			    "ports", proxy->name);
	done(data, error);
}

void proxy_send_break(struct proxy *proxy, guint console, qmp_done done, gpointer data)
{
	g_autofree char *id = proxy_cmd_chardev(&proxy->ports, console);
	struct vsb_com_port coms[VSB_MAX_COMS] = { { .number = 1 } };
	JsonObject *args;
	g_autoptr(GError) error = NULL;

	if (proxy->state != READY || !proxy->qmp) {
		g_autofree char *instead = NULL;

		vsb_ports_coms(&proxy->ports, coms);
		instead = g_strdup_printf("qemu-monitor-command --hmp' with "
					  "'chardev-send-break charserial%u",
					  coms[console].number - 1);
		set_no_qmp(proxy, instead, &error);
		done(data, NULL, error);
		return;
	}
	args = json_object_new();
	json_object_set_string_member(args, "id", id);
	qmp_execute(proxy->qmp, "chardev-send-break", args, done, data);
}
