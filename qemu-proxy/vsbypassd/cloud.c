// SPDX-License-Identifier: GPL-2.0
/*
 * One attached cloud VM.
 *
 * The proxies' QEMUs start a few at a time, but are registered in the order
 * given: that is the order of the pool. A failure before all are ready fails the
 * whole attach; after that each proxy looks after itself.
 */
#include "cloud-object.h"

#include <string.h>
#include <unistd.h>
#include <glib-unix.h>

#include "access.h"
#include "error.h"
#include "module.h"
#include "procfd.h"

#define STARTING_AT_ONCE	4

static gboolean on_finish(gpointer data)
{
	struct cloud *cloud = data;
	g_autoptr(GError) failure = g_steal_pointer(&cloud->failure);

	cloud->finish_id = 0;
	cloud->attached = !failure;
	cloud->ops->attached(cloud, failure, cloud->data);
	return G_SOURCE_REMOVE;
}

/* Tells the result of the attach from the main loop; the first one counts. */
static void finish(struct cloud *cloud, GError *failure)
{
	if (cloud->finish_id || cloud->attached) {
		g_clear_error(&failure);
		return;
	}
	cloud->failure = failure;
	cloud->finish_id = g_idle_add(on_finish, cloud);
}

/* Starts and registers what it is the turn of. */
static void advance(struct cloud *cloud)
{
	while (!cloud->finish_id && cloud->registered < cloud->started &&
	       proxy_is_waiting(cloud->proxies->pdata[cloud->registered]))
		proxy_register(cloud->proxies->pdata[cloud->registered++], cloud->fd);
	while (!cloud->finish_id && cloud->started < cloud->proxies->len &&
	       cloud->started < cloud->registered + STARTING_AT_ONCE)
		proxy_start(cloud->proxies->pdata[cloud->started++]);
}

static void on_waiting(struct proxy *proxy, gpointer data)
{
	struct cloud *cloud = data;

	/* Later the pool's order is settled: it takes its user VM over again. */
	if (cloud->attached)
		proxy_register(proxy, cloud->fd);
	else
		advance(cloud);
}

void cloud_tell_agent(struct cloud *cloud, struct proxy *proxy)
{
	struct vsb_uservm uservm;

	if (cloud->releasing)
		return;
	if (!module_get_uservm(proxy_fd(proxy), &uservm))
		agent_link_forget(cloud->agent, proxy_id(proxy));
	else if (uservm.flags & VSB_USERVM_FRAMES)
		agent_link_set_vm(cloud->agent, proxy_id(proxy), uservm.l2_gfn, uservm.l1_gfn);
}

static guint index_of(const struct cloud *cloud, const struct proxy *proxy)
{
	guint i;

	for (i = 0; i < cloud->proxies->len && cloud->proxies->pdata[i] != proxy; i++)
		;
	return i;
}

/* Is it of a cloud_add() that is under way? */
static gboolean is_being_added(const struct cloud *cloud, const struct proxy *proxy)
{
	return index_of(cloud, proxy) >= cloud->proxies->len - cloud->adding;
}

static void drop_proxy(struct cloud *cloud, guint index)
{
	struct proxy *proxy = g_ptr_array_remove_index(cloud->proxies, index);

	agent_link_forget(cloud->agent, proxy_id(proxy));
	access_set(cloud->access_dir, proxy_name(proxy), NULL, NULL);
	proxy_free(proxy);
}

static gboolean on_added(gpointer data)
{
	struct cloud *cloud = data;
	g_autoptr(GError) failure = g_steal_pointer(&cloud->add_failure);

	cloud->add_id = 0;
	for (; failure && cloud->adding; cloud->adding--)
		drop_proxy(cloud, cloud->proxies->len - 1);
	cloud->adding = 0;
	cloud->ops->changed(cloud, cloud->data);
	cloud->ops->added(cloud, failure, cloud->data);
	return G_SOURCE_REMOVE;
}

/* Tells the result from the main loop; the first one counts. */
static void finish_add(struct cloud *cloud, GError *failure)
{
	if (cloud->add_id) {
		g_clear_error(&failure);
		return;
	}
	cloud->add_failure = failure;
	cloud->add_id = g_idle_add(on_added, cloud);
}

/* The next one starts when the one before it serves: that is the order of the pool. */
static void advance_add(struct cloud *cloud)
{
	if (cloud->added == cloud->adding)
		finish_add(cloud, NULL);
	else
		proxy_start(cloud->proxies->pdata[cloud->proxies->len - cloud->adding +
						  cloud->added]);
}

static void on_ready(struct proxy *proxy, gpointer data)
{
	struct cloud *cloud = data;
	GError *error = NULL;

	if (cloud->attached && is_being_added(cloud, proxy)) {
		cloud->added++;
		advance_add(cloud);
		return;
	}
	if (cloud->attached) {
		g_message("proxy '%s': %s", proxy_name(proxy),
			  proxy_is_resting(proxy) ? "rests" : "serves again");
		cloud_tell_agent(cloud, proxy);
		return;
	}
	if (++cloud->ready < cloud->proxies->len)
		return;
	module_start(cloud->fd, &error);
	finish(cloud, error);
}

static void on_died(struct proxy *proxy, const char *why, gpointer data)
{
	struct cloud *cloud = data;

	if (cloud->attached && is_being_added(cloud, proxy))
		finish_add(cloud, g_error_new(VSB_ERROR, VSB_ERROR_FAILED, "proxy '%s': %s",
					      proxy_name(proxy), why));
	else if (cloud->attached)
		agent_link_lines_low(cloud->agent, proxy_id(proxy));
	else
		finish(cloud, g_error_new(VSB_ERROR, VSB_ERROR_FAILED, "proxy '%s': %s",
					  proxy_name(proxy), why));
}

static void on_irq(struct proxy *proxy, guint gsi, guint level, gpointer data)
{
	struct cloud *cloud = data;

	agent_link_irq(cloud->agent, proxy_id(proxy), gsi, level);
}

gboolean cloud_is_proved(struct proxy *proxy)
{
	struct vsb_uservm uservm;

	return module_get_uservm(proxy_fd(proxy), &uservm) && uservm.flags & VSB_USERVM_PROVED;
}

static void on_uservm(struct proxy *proxy, gpointer data)
{
	cloud_tell_agent(data, proxy);
	if (proxy_note_proved(proxy, cloud_is_proved(proxy)))
		g_message("user VM '%s' %s", proxy_name(proxy), cloud_is_proved(proxy) ?
			  "has proved who it is" : "counts as not proved from now on");
}

static struct proxy *find_id(const struct cloud *cloud, guint32 id)
{
	for (guint i = 0; i < cloud->proxies->len; i++)
		if (proxy_id(cloud->proxies->pdata[i]) == id)
			return cloud->proxies->pdata[i];
	return NULL;
}

/* The lowest that nobody has. */
static guint32 free_id(const struct cloud *cloud)
{
	g_autofree gboolean *taken = g_new0(gboolean, cloud->proxies->len + 1);
	guint32 id = 0;

	for (guint i = 0; i < cloud->proxies->len; i++)
		if (proxy_id(cloud->proxies->pdata[i]) <= cloud->proxies->len)
			taken[proxy_id(cloud->proxies->pdata[i])] = TRUE;
	while (taken[id])
		id++;
	return id;
}

/*
 * A user VM's QEMU has ended, the agent says. A lie costs the user VM its
 * console until its next access, as a new user VM; to stop it would do the same.
 * But what a new one writes while no proxy is free is reflected if the policy says
 * so: then nobody is unbound at the cloud VM's word.
 */
static void on_gone(guint32 id, gpointer data)
{
	struct cloud *cloud = data;
	struct proxy *proxy = find_id(cloud, id);

	if (proxy && !cloud->releasing && cloud->unclaimed == VSB_UNCLAIMED_ABSORB &&
	    proxy_fd(proxy) >= 0 &&
	    module_unbind(proxy_fd(proxy), NULL))
		proxy_renew(proxy, "its user VM has ended");
}

static void on_connected(gboolean connected, gpointer data)
{
	cloud_irq_agent(data, connected);
}

/* The agent has taken all back. */
static void on_given(gpointer data)
{
	cloud_given(data);
}

static void on_changed(struct proxy *proxy, gpointer data)
{
	struct cloud *cloud = data;

	cloud->ops->changed(cloud, cloud->data);
}

/* The cloud VM's QEMU ended. */
static gboolean on_pidfd(int fd, GIOCondition condition, gpointer data)
{
	struct cloud *cloud = data;

	cloud->pidfd_id = 0;
	if (cloud->attached)
		cloud->ops->ended(cloud, cloud->data);
	else
		finish(cloud, g_error_new(VSB_ERROR, VSB_ERROR_FAILED,
					  "the cloud VM's QEMU (process %d) has ended",
					  cloud->pid));
	return G_SOURCE_REMOVE;
}

/* @start_time: of its process, 0: whatever it is. */
static gboolean create(struct cloud *cloud, guint64 start_time, int device_fd, GError **error)
{
	int vm_fd;

	cloud->pidfd = start_time ? procfd_open_same(cloud->pid, start_time, error) :
				    procfd_open(cloud->pid, error);
	if (cloud->pidfd < 0)
		return FALSE;
	cloud->start_time = procfd_start_time(cloud->pid);
	vm_fd = procfd_take_vm(cloud->pidfd, cloud->pid, error);
	if (vm_fd < 0)
		return FALSE;
	cloud->fd = module_create_cloud(device_fd, vm_fd, VSB_CLOUD_ABSORB_ON_CLOSE,
					cloud->unclaimed, error);
	close(vm_fd);
	return cloud->fd >= 0;
}

struct proxy *cloud_add_proxy(struct cloud *cloud, const struct proxy_env *env,
			       const struct attach_uservm *uservm, GError **error)
{
	static const struct proxy_ops ops = {
		.waiting = on_waiting, .ready = on_ready, .died = on_died,
		.irq = on_irq, .uservm = on_uservm, .changed = on_changed,
	};
	struct proxy *proxy;

	proxy = proxy_new(env, free_id(cloud), uservm->name, &uservm->ports, uservm->identity_required,
			  &ops, cloud, error);
	if (!proxy)
		return NULL;
	g_ptr_array_add(cloud->proxies, proxy);
	cloud->access_dir = env->access_dir;
	/* The files of an earlier vsbypassd stay as they are. */
	if (uservm->keys && !access_set(env->access_dir, uservm->name, uservm->keys, error)) {
		drop_proxy(cloud, cloud->proxies->len - 1);
		return NULL;
	}
	return proxy;
}

struct cloud *cloud_begin(const struct attach_args *args, guint64 start_time, int device_fd,
			   const struct cloud_ops *ops, gpointer data, GError **error)
{
	static const struct agent_link_ops agent_ops = { on_given, on_gone, on_connected };
	struct cloud *cloud = g_new0(struct cloud, 1);
	g_autoptr(GError) cause = NULL;

	cloud->name = g_strdup(args->cloud);
	cloud->pid = args->pid;
	cloud->agent_path = g_strdup(args->agent);
	cloud->irq = args->irq;
	cloud->unclaimed = args->unclaimed;
	cloud->ops = ops;
	cloud->data = data;
	cloud->fd = -1;
	cloud->proxies = g_ptr_array_new();
	if (!create(cloud, start_time, device_fd, error)) {
		cloud_free(cloud);
		return NULL;
	}
	if (!cloud_irq_begin(cloud, &cause)) {
		/* One that is taken over is not given up for that. */
		if (!start_time) {
			g_propagate_error(error, g_steal_pointer(&cause));
			cloud_free(cloud);
			return NULL;
		}
		g_warning("cloud VM '%s': %s", cloud->name, cause->message);
	}
	/* With irq=exit there is nothing that an agent might do. */
	cloud->agent = agent_link_new(cloud->irq == IRQ_MODE_EXIT ? NULL : args->agent,
				      cloud->name, &agent_ops, cloud);
	cloud->pidfd_id = g_unix_fd_add(cloud->pidfd, G_IO_IN, on_pidfd, cloud);
	cloud_watch_begin(cloud);
	return cloud;
}

struct cloud *cloud_new(const struct attach_args *args, int device_fd,
			const struct proxy_env *env, const struct cloud_ops *ops,
			gpointer data, GError **error)
{
	struct cloud *cloud = cloud_begin(args, 0, device_fd, ops, data, error);

	for (guint i = 0; cloud && i < args->uservms->len; i++) {
		struct proxy *proxy = cloud_add_proxy(cloud, env, args->uservms->pdata[i], error);

		if (!proxy || !proxy_open(proxy, error)) {
			cloud_free(cloud);
			return NULL;
		}
	}
	if (cloud)
		advance(cloud);
	return cloud;
}

/* Its own part. */
static void let_go(struct cloud *cloud)
{
	if (cloud->fd >= 0)
		close(cloud->fd);
	if (cloud->finish_id)
		g_source_remove(cloud->finish_id);
	cloud_release_end(cloud);
	cloud_watch_end(cloud);
	if (cloud->add_id)
		g_source_remove(cloud->add_id);
	if (cloud->pidfd_id)
		g_source_remove(cloud->pidfd_id);
	if (cloud->pidfd >= 0)
		close(cloud->pidfd);
}

static void free_rest(struct cloud *cloud)
{
	g_ptr_array_unref(cloud->proxies);
	agent_link_free(cloud->agent);
	g_clear_error(&cloud->failure);
	g_clear_error(&cloud->add_failure);
	g_free(cloud->agent_path);
	g_free(cloud->name);
	g_free(cloud);
}

void cloud_free(struct cloud *cloud)
{
	let_go(cloud);
	/* All are told to end before one is waited for. */
	for (guint i = 0; i < cloud->proxies->len; i++)
		proxy_kill(cloud->proxies->pdata[i]);
	for (guint i = 0; i < cloud->proxies->len; i++) {
		access_set(cloud->access_dir, proxy_name(cloud->proxies->pdata[i]), NULL, NULL);
		proxy_free(cloud->proxies->pdata[i]);
	}
	free_rest(cloud);
}

void cloud_leave(struct cloud *cloud)
{
	let_go(cloud);
	for (guint i = 0; i < cloud->proxies->len; i++)
		proxy_leave(cloud->proxies->pdata[i]);
	free_rest(cloud);
}

void cloud_set_busy(const struct cloud *cloud, GError **error)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
		    "cloud VM '%s' is being changed by another command; try again", cloud->name);
}

/* May this proxy be taken away or replaced now? */
static gboolean check_settled(const struct cloud *cloud, const struct proxy *proxy,
			      GError **error)
{
	if (cloud->attached && !cloud->releasing && !is_being_added(cloud, proxy))
		return TRUE;
	cloud_set_busy(cloud, error);
	return FALSE;
}

gboolean cloud_is_releasing(const struct cloud *cloud)
{
	return cloud->releasing;
}

const char *cloud_name(const struct cloud *cloud)
{
	return cloud->name;
}

pid_t cloud_pid(const struct cloud *cloud)
{
	return cloud->pid;
}

gboolean cloud_is_attached(const struct cloud *cloud)
{
	return cloud->attached;
}

struct proxy *cloud_find_proxy(const struct cloud *cloud, const char *name)
{
	for (guint i = 0; i < cloud->proxies->len; i++)
		if (!strcmp(proxy_name(cloud->proxies->pdata[i]), name))
			return cloud->proxies->pdata[i];
	return NULL;
}

struct proxy *cloud_find_console(const struct cloud *cloud, const char *name, guint *console)
{
	for (guint i = 0; i < cloud->proxies->len; i++) {
		struct proxy *proxy = cloud->proxies->pdata[i];
		int n = vsb_ports_find_console(proxy_ports(proxy), proxy_name(proxy), name);

		if (n < 0)
			continue;
		*console = (guint)n;
		return proxy;
	}
	return NULL;
}

gboolean cloud_has_process(const struct cloud *cloud, pid_t pid)
{
	for (guint i = 0; i < cloud->proxies->len; i++)
		if (proxy_pid(cloud->proxies->pdata[i]) == pid)
			return TRUE;
	return cloud->pid == pid;
}

static gboolean has_descriptor(struct proxy *proxy, GError **error)
{
	if (proxy_fd(proxy) >= 0)
		return TRUE;
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
		    "the proxy of user VM '%s' is being started; try again", proxy_name(proxy));
	return FALSE;
}

int cloud_memory(struct proxy *proxy, const char **conceals, GError **error)
{
	gboolean veil = proxy_ports(proxy)->veil_mib != 0;
	int fd;

	*conceals = veil ? proxy_conceals(proxy) : NULL;
	if (!has_descriptor(proxy, error))
		return -1;
	fd = module_get_memory(proxy_fd(proxy), veil && !*conceals, error);
	if (fd < 0)
		g_prefix_error(error, "user VM '%s': ", proxy_name(proxy));
	return fd;
}

gboolean cloud_unbind(struct cloud *cloud, struct proxy *proxy, GError **error)
{
	if (!has_descriptor(proxy, error))
		return FALSE;
	if (!module_unbind(proxy_fd(proxy), error)) {
		g_prefix_error(error, "user VM '%s': ", proxy_name(proxy));
		return FALSE;
	}
	agent_link_forget(cloud->agent, proxy_id(proxy));
	proxy_renew_now(proxy, "its user VM was unbound");
	return TRUE;
}

gboolean cloud_rest(struct cloud *cloud, struct proxy *proxy, GError **error)
{
	return check_settled(cloud, proxy, error) && proxy_rest(proxy, error);
}

gboolean cloud_serve(struct cloud *cloud, struct proxy *proxy, pid_t pid, const char *domain,
		     GError **error)
{
	return check_settled(cloud, proxy, error) &&
	       proxy_serve(proxy, cloud->fd, pid, domain, error);
}

gboolean cloud_add(struct cloud *cloud, const struct proxy_env *env, GPtrArray *uservms,
		   GError **error)
{
	guint before = cloud->proxies->len;

	if (!cloud->attached || cloud->releasing || cloud->adding) {
		cloud_set_busy(cloud, error);
		return FALSE;
	}
	if (!attach_uservms_fit(uservms, cloud->unclaimed, error))
		return FALSE;
	if (before + uservms->len > VSB_MAX_PROXIES) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "cloud VM '%s' has %u user VMs; %d are possible", cloud->name, before,
			    VSB_MAX_PROXIES);
		return FALSE;
	}
	for (guint i = 0; i < uservms->len; i++) {
		struct proxy *proxy = cloud_add_proxy(cloud, env, uservms->pdata[i], error);

		if (proxy && proxy_open(proxy, error))
			continue;
		while (cloud->proxies->len > before)
			drop_proxy(cloud, cloud->proxies->len - 1);
		return FALSE;
	}
	cloud->adding = uservms->len;
	cloud->added = 0;
	advance_add(cloud);
	return TRUE;
}

gboolean cloud_remove(struct cloud *cloud, struct proxy *proxy, GError **error)
{
	if (!check_settled(cloud, proxy, error))
		return FALSE;
	if (cloud->proxies->len == 1) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "'%s' is the only user VM of cloud VM '%s'; detach that",
			    proxy_name(proxy), cloud->name);
		return FALSE;
	}
	drop_proxy(cloud, index_of(cloud, proxy));
	cloud->ops->changed(cloud, cloud->data);
	return TRUE;
}
