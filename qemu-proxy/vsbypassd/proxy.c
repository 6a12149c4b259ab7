// SPDX-License-Identifier: GPL-2.0
/*
 * One proxy and its QEMU process.
 *
 *   IDLE -> STARTING -> WAITING -> REGISTERED -> READY
 *     ^        |           |           |           |
 *     +--------+-----------+-----------+-----------+   died, then back-off
 *
 * What belongs to one run of the process is made in proxy_spawn() and undone in
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
#include "proxy-object.h"

#include <string.h>
#include <unistd.h>
#include <glib-unix.h>

#include "consoles.h"
#include "error.h"
#include "fdstore.h"
#include "listen.h"
#include "module.h"
#include "procfd.h"
#include "proxy-cmd.h"

#define DIED_PAUSE_S		1	/* at least */
#define END_TIMEOUT_S		2	/* for the exit status of a QEMU that hung up */
#define STDERR_LINE_MAX		512
#define EVENTS			64
#define VNC_BACKLOG		1	/* as QEMU's own */
/* Under which QEMU has its copy of the descriptor, and the socket of its VNC server. */
#define KEPT_FD			"vsbypass"
#define VNC_FD			"vsbypass-vnc"

gboolean proxy_is_domain(const struct proxy *proxy)
{
	return proxy->life.domain[0] != '\0';
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

void proxy_let_go(struct proxy *proxy)
{
	proxy_rest_end(proxy);
	remove_source(&proxy->fd_id);
	close_fd(&proxy->fd);
	remove_source(&proxy->timeout_id);
	remove_source(&proxy->restart_id);
	proxy->reveal_end = 0;
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

void proxy_kill(struct proxy *proxy)
{
	proxy_let_go(proxy);
	if (proxy_is_domain(proxy))
		fdstore_forget(proxy->name);
	proxy_signal_process(proxy);
	unlink(proxy->qmp_path);
	if (proxy->vnc_path)
		unlink(proxy->vnc_path);
}

void proxy_begin(struct proxy *proxy)
{
	if (proxy_may_rest(proxy))
		proxy_rest_begin(proxy);
	else
		proxy_spawn(proxy);
}

/* Who has no client is not to come, and have it started, before it rests. */
static void warn_off(struct proxy *proxy)
{
	if (proxy_may_rest(proxy))
		consoles_rest(proxy->consoles, TRUE, NULL);
}

static gboolean on_restart(gpointer data)
{
	struct proxy *proxy = data;

	proxy->restart_id = 0;
	proxy->life.restarts++;
	g_message("proxy '%s': starting it again (restart %u)", proxy->name,
		  proxy->life.restarts);
	proxy_begin(proxy);
	return G_SOURCE_REMOVE;
}

void proxy_died(struct proxy *proxy, const char *why)
{
	g_autofree char *reason = g_strdup(why);
	guint pause_s;

	if (proxy->restart_id)
		return;
	warn_off(proxy);
	proxy_kill(proxy);
	proxy_forget_process(proxy);
	pause_s = backoff_ended(&proxy->backoff, g_get_monotonic_time(), DIED_PAUSE_S);
	g_warning("proxy '%s': %s; next start in %u s", proxy->name, reason, pause_s);
	proxy->restart_id = g_timeout_add_seconds(pause_s, on_restart, proxy);
	proxy->ops->died(proxy, reason, proxy->data);
}

static gboolean on_renew(gpointer data)
{
	struct proxy *proxy = data;

	proxy->restart_id = 0;
	proxy_begin(proxy);
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
	warn_off(proxy);
	proxy_kill(proxy);
	/* One that rests takes the name at once. */
	if (proxy->ports.rests)
		proxy_wait_process(proxy);
	proxy_forget_process(proxy);
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

void proxy_renew_now(struct proxy *proxy, const char *why)
{
	backoff_forgive(&proxy->backoff);
	proxy_renew(proxy, why);
}

static gboolean on_end_timeout(gpointer data)
{
	struct proxy *proxy = data;

	proxy->timeout_id = 0;
	proxy_died(proxy, "its QEMU hung up");
	return G_SOURCE_REMOVE;
}

/*
 * QEMU hung up, on us or on the module. Usually its process has ended and the
 * exit status, which says more, comes in a moment: proxy_died() waits for it.
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
		} else if (events[i].type == VSB_EVENT_WANTED) {
			proxy_wanted(proxy);
		}
	}
	return G_SOURCE_CONTINUE;
}

void proxy_serves(struct proxy *proxy)
{
	remove_source(&proxy->timeout_id);
	proxy->state = READY;
	/* One that has rested was ready when it began to. */
	if (proxy->wakes)
		proxy->wakes = FALSE;
	else
		proxy->ops->ready(proxy, proxy->data);
}

static void on_kept(gpointer data, JsonNode *result, const GError *error)
{
	struct proxy *proxy = data;

	/* No QMP any more: the answer is that of proxy_kill(). */
	if (!proxy->qmp)
		return;
	if (error)
		proxy_died(proxy, error->message);
	else
		proxy_serves(proxy);
}

static void on_cont(gpointer data, JsonNode *result, const GError *error)
{
	struct proxy *proxy = data;

	if (!proxy->qmp)
		return;
	if (error)
		proxy_died(proxy, error->message);
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

void proxy_watch_events(struct proxy *proxy)
{
	proxy->fd_id = g_unix_fd_add(proxy->fd, G_IO_IN | G_IO_ERR | G_IO_HUP, on_event, proxy);
}

/* @vm_fd: -1: it rests. */
static gboolean create(struct proxy *proxy, int cloud_fd, int vm_fd, GError **error)
{
	proxy->fd = module_create_proxy(cloud_fd, vm_fd, proxy->name, &proxy->ports,
					proxy->identity.required ? VSB_PROXY_REQUIRED : 0, error);
	if (proxy->fd < 0 ||
	    (proxy->identity.has_key &&
	     !module_set_key(proxy->fd, proxy->identity.key.bytes, error)))
		return FALSE;
	proxy->state = REGISTERED;
	proxy_watch_events(proxy);
	return TRUE;
}

gboolean proxy_hand_over(struct proxy *proxy, int cloud_fd, int vm_fd, GError **error)
{
	gboolean created;

	if (vm_fd < 0)
		return FALSE;
	created = create(proxy, cloud_fd, vm_fd, error);
	close(vm_fd);
	return created;
}

/* It has its place in the module already. */
static gboolean give_vm(struct proxy *proxy, GError **error)
{
	int vm_fd = take_own_vm(proxy, error);
	gboolean given;

	if (vm_fd < 0)
		return FALSE;
	given = module_set_vm(proxy->fd, vm_fd, error);
	close(vm_fd);
	proxy->state = REGISTERED;
	return given;
}

void proxy_register(struct proxy *proxy, int cloud_fd)
{
	g_autoptr(GError) error = NULL;

	g_return_if_fail(proxy->state == WAITING);
	if (!proxy_pid(proxy)) {
		if (create(proxy, cloud_fd, -1, &error))
			proxy_rests(proxy);
		else
			proxy_died(proxy, error->message);
		return;
	}
	if (proxy_hand_over(proxy, cloud_fd, take_own_vm(proxy, &error), &error))
		qmp_execute(proxy->qmp, "cont", NULL, on_cont, proxy);
	else
		proxy_died(proxy, error->message);
}

static void waits(struct proxy *proxy)
{
	g_autoptr(GError) error = NULL;

	consoles_opened(proxy->consoles);
	proxy->state = WAITING;
	if (!proxy->wakes)
		proxy->ops->waiting(proxy, proxy->data);
	else if (give_vm(proxy, &error))
		qmp_execute(proxy->qmp, "cont", NULL, on_cont, proxy);
	else
		proxy_died(proxy, error->message);
}

static void on_vnc_listens(gpointer data, JsonNode *result, const GError *error)
{
	struct proxy *proxy = data;

	if (!proxy->qmp)
		return;
	if (error)
		proxy_died(proxy, error->message);
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
		proxy_died(proxy, error->message);
		return;
	}
	qmp_keep_fd(proxy->qmp, VNC_FD, fd, on_vnc_socket, NULL);
	close(fd);
	qmp_execute(proxy->qmp, "display-update", proxy_vnc_listen(VNC_FD), on_vnc_listens, proxy);
}

static void on_qmp_ready(struct qmp *qmp, gpointer data)
{
	struct proxy *proxy = data;

	if (proxy->fd >= 0 && !proxy->wakes)
		proxy_serves(proxy);		/* as it did before us */
	else if (proxy->vnc_path)
		give_vnc_socket(proxy);
	else
		waits(proxy);
}

static void on_qmp_closed(struct qmp *qmp, const char *why, gpointer data)
{
	hung_up(data);
}

const struct qmp_ops proxy_qmp_ops = { on_qmp_ready, on_qmp_closed };

void proxy_start(struct proxy *proxy)
{
	proxy_begin(proxy);
}

gboolean proxy_listen(struct proxy *proxy, GError **error)
{
	return consoles_listen(proxy->consoles, error);
}

struct proxy *proxy_new(const struct proxy_env *env, guint id, const char *name,
			const struct vsb_ports *ports, gboolean required,
			const struct proxy_ops *ops, gpointer data, GError **error)
{
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
	if (proxy_cmd_vnc(ports))
		proxy->vnc_path = g_strdup_printf("%s/%s.vnc", env->console_dir, name);
	if (vsb_ports_ps2(ports))
		proxy->keyboard = keyboard_new(env->key_wait_ms, &proxy_keyboard_ops, proxy);
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
	proxy_forget_process(proxy);
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
	proxy_wait_process(proxy);
	free_all(proxy);
}

void proxy_leave(struct proxy *proxy)
{
	if (proxy->state != READY || (proxy_is_domain(proxy) && !proxy->kept))
		proxy_kill(proxy);
	proxy_let_go(proxy);
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

gboolean proxy_reveal(struct proxy *proxy, gboolean reveal, GError **error)
{
	const char *cause = !proxy->ports.veil_mib ? "has no veil: there is nothing to reveal" :
			    proxy->ports.watch == VSB_WATCH_NONE ? "was attached with watch=none" :
			    proxy->ports.watch == VSB_WATCH_HOST && !reveal ?
			    "was attached with watch=host" : NULL;

	if (!cause) {
		proxy->reveal_end = reveal ? g_get_monotonic_time() + PROXY_REVEAL_S * G_USEC_PER_SEC : 0;
		return TRUE;
	}
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "user VM '%s' %s", proxy->name, cause);
	return FALSE;
}

const char *proxy_conceals(const struct proxy *proxy)
{
	switch (proxy->ports.watch) {
	case VSB_WATCH_HOST:
		return NULL;
	case VSB_WATCH_NONE:
		return "it was attached with watch=none";
	default:
		return g_get_monotonic_time() < proxy->reveal_end ? NULL :
		       "its owner has not revealed it (ssh NAME@HOST reveal)";
	}
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
	return proxy->state == READY || (proxy->ports.rests && proxy->fd >= 0);
}

struct activity *proxy_activity(struct proxy *proxy)
{
	return &proxy->activity;
}

gboolean proxy_note_proved(struct proxy *proxy, gboolean proved)
{
	gboolean news = proxy->proved != proved;

	proxy->proved = proved;
	return news;
}

