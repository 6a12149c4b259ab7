// SPDX-License-Identifier: GPL-2.0
/*
 * One attached cloud VM.
 *
 * The proxies' QEMUs start a few at a time, but are registered in the order
 * given: that is the order of the pool. A failure before all are ready fails the
 * whole attach; after that each proxy looks after itself.
 */
#include "cloud.h"

#include <string.h>
#include <unistd.h>
#include <glib-unix.h>

#include "access.h"
#include "agent-link.h"
#include "agent-wire.h"
#include "error.h"
#include "json-line.h"
#include "module.h"
#include "procfd.h"

#define STARTING_AT_ONCE	4
#define RELEASE_S		10	/* for the agent; emulated hosts are slow */
#define FREEZE_MS		20000
G_STATIC_ASSERT(FREEZE_MS > RELEASE_S * 1000 && FREEZE_MS <= VSB_MAX_FREEZE_MS);

/**
 * struct cloud - see cloud.h
 * @start_time:	of process @pid, procfd_start_time()
 * @access_dir:	set with the first of @proxies
 * @proxies:	struct proxy, in pool order
 * @started:	proxies [0, started) have been started,
 * @registered:	of these [0, registered) were given to the module,
 * @ready:	and this many serve
 * @attached:	all of them did once
 * @failure:	why the attach failed, until @finish_id has told it
 * @adding:	the last ones of @proxies, of cloud_add(); they start one by one
 * @added:	of these, how many serve
 * @add_failure: why not all of them will; @add_id tells
 * @releasing:	the ports are being given back
 * @release_id:	ends that
 */
struct cloud {
	char *name;
	pid_t pid;
	guint64 start_time;
	char *agent_path;
	guint unclaimed;
	const struct cloud_ops *ops;
	gpointer data;
	int pidfd;
	guint pidfd_id;
	int fd;
	struct agent_link *agent;
	const char *access_dir;
	GPtrArray *proxies;
	guint started;
	guint registered;
	guint ready;
	gboolean attached;
	guint finish_id;
	GError *failure;
	guint adding;
	guint added;
	guint add_id;
	GError *add_failure;
	gboolean releasing;
	guint release_id;
};

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

/* What the module knows of the user VM goes to the agent. */
static void tell_agent(struct cloud *cloud, struct proxy *proxy)
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
		g_message("proxy '%s': serves again", proxy_name(proxy));
		tell_agent(cloud, proxy);
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

static gboolean is_proved(struct proxy *proxy)
{
	struct vsb_uservm uservm;

	return module_get_uservm(proxy_fd(proxy), &uservm) && uservm.flags & VSB_USERVM_PROVED;
}

static void on_uservm(struct proxy *proxy, gpointer data)
{
	tell_agent(data, proxy);
	if (proxy_note_proved(proxy, is_proved(proxy)))
		g_message("user VM '%s' %s", proxy_name(proxy), is_proved(proxy) ?
			  "has proved who it is" : "counts as not proved from now on");
}

static struct proxy *find_id(const struct cloud *cloud, guint32 id)
{
	for (guint i = 0; i < cloud->proxies->len; i++)
		if (proxy_id(cloud->proxies->pdata[i]) == id)
			return cloud->proxies->pdata[i];
	return NULL;
}

static gboolean on_released(gpointer data)
{
	struct cloud *cloud = data;

	cloud->release_id = 0;
	if (agent_link_giving(cloud->agent))
		g_warning("cloud VM '%s': the agent did not take the interrupt lines back in "
			  "%d s; a user VM may wait for an interrupt for ever. Is the agent "
			  "running?", cloud->name, RELEASE_S);
	cloud->ops->released(cloud, cloud->data);
	return G_SOURCE_REMOVE;
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

/* The agent has taken all back. */
static void on_given(gpointer data)
{
	struct cloud *cloud = data;

	if (!cloud->release_id)
		return;
	g_source_remove(cloud->release_id);
	cloud->release_id = g_idle_add(on_released, cloud);
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

static struct proxy *add_proxy(struct cloud *cloud, const struct proxy_env *env,
			       const struct attach_uservm *uservm, GError **error)
{
	static const struct proxy_ops ops = {
		.waiting = on_waiting, .ready = on_ready, .died = on_died,
		.irq = on_irq, .uservm = on_uservm, .changed = on_changed,
	};
	struct proxy *proxy;
	guint32 id = 0;

	while (find_id(cloud, id))
		id++;
	proxy = proxy_new(env, id, uservm->name, &uservm->ports, uservm->identity_required,
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

/* All but the proxies. @start_time: see create() */
static struct cloud *begin(const struct attach_args *args, guint64 start_time, int device_fd,
			   const struct cloud_ops *ops, gpointer data, GError **error)
{
	static const struct agent_link_ops agent_ops = { on_given, on_gone };
	struct cloud *cloud = g_new0(struct cloud, 1);

	cloud->name = g_strdup(args->cloud);
	cloud->pid = args->pid;
	cloud->agent_path = g_strdup(args->agent);
	cloud->unclaimed = args->unclaimed;
	cloud->ops = ops;
	cloud->data = data;
	cloud->fd = -1;
	cloud->proxies = g_ptr_array_new();
	if (!create(cloud, start_time, device_fd, error)) {
		cloud_free(cloud);
		return NULL;
	}
	cloud->agent = agent_link_new(args->agent, cloud->name, &agent_ops, cloud);
	cloud->pidfd_id = g_unix_fd_add(cloud->pidfd, G_IO_IN, on_pidfd, cloud);
	return cloud;
}

struct cloud *cloud_new(const struct attach_args *args, int device_fd,
			const struct proxy_env *env, const struct cloud_ops *ops,
			gpointer data, GError **error)
{
	struct cloud *cloud = begin(args, 0, device_fd, ops, data, error);

	for (guint i = 0; cloud && i < args->uservms->len; i++) {
		struct proxy *proxy = add_proxy(cloud, env, args->uservms->pdata[i], error);

		if (!proxy || !proxy_listen(proxy, error)) {
			cloud_free(cloud);
			return NULL;
		}
	}
	if (cloud)
		advance(cloud);
	return cloud;
}

static JsonObject *save_proxy(const struct proxy *proxy)
{
	JsonObject *object = json_object_new();
	struct proxy_life life;

	proxy_get_life(proxy, &life);
	json_object_set_int_member(object, "pid", life.pid);
	json_object_set_int_member(object, "start_time", (gint64)life.start_time);
	json_object_set_int_member(object, "generation", life.generation);
	json_object_set_int_member(object, "restarts", life.restarts);
	if (life.domain[0])
		json_object_set_string_member(object, "domain", life.domain);
	return object;
}

JsonObject *cloud_save(struct cloud *cloud)
{
	struct attach_args args = {
		.cloud = cloud->name, .pid = cloud->pid, .agent = cloud->agent_path,
		.unclaimed = cloud->unclaimed,
		.uservms = g_ptr_array_new_with_free_func(g_free),
	};
	JsonObject *object = json_object_new();
	JsonArray *proxies = json_array_new();

	for (guint i = 0; i < cloud->proxies->len; i++) {
		struct proxy *proxy = cloud->proxies->pdata[i];
		struct attach_uservm *uservm = g_new0(struct attach_uservm, 1);

		uservm->name = (char *)proxy_name(proxy);
		uservm->ports = *proxy_ports(proxy);
		uservm->identity_required = proxy_identity(proxy)->required;
		g_ptr_array_add(args.uservms, uservm);
		json_array_add_object_element(proxies, save_proxy(proxy));
	}
	json_object_set_object_member(object, "attach", attach_args_format(&args));
	json_object_set_int_member(object, "start_time", (gint64)cloud->start_time);
	json_object_set_boolean_member(object, "attached", cloud->attached);
	json_object_set_array_member(object, "proxies", proxies);
	g_ptr_array_unref(args.uservms);
	return object;
}

/**
 * struct saved - what cloud_save() made
 * @attached:	the attach was complete
 * @lives:	struct proxy_life, one for each of @args->uservms
 */
struct saved {
	struct attach_args *args;
	guint64 start_time;
	gboolean attached;
	GArray *lives;
};

static gboolean parse_life(JsonObject *object, struct proxy_life *life, GError **error)
{
	gint64 pid, start_time, generation, restarts;
	const char *domain = "";

	if (!json_line_int(object, "pid", 0, G_MAXINT32, TRUE, &pid, error) ||
	    !json_line_int(object, "start_time", 0, G_MAXINT64, TRUE, &start_time, error) ||
	    !json_line_int(object, "generation", 0, G_MAXUINT32, TRUE, &generation, error) ||
	    !json_line_int(object, "restarts", 0, G_MAXUINT32, TRUE, &restarts, error) ||
	    !json_line_string(object, "domain", FALSE, &domain, error) ||
	    (*domain && !vsb_name_check("domain", domain, error)))
		return FALSE;
	g_strlcpy(life->domain, domain, sizeof(life->domain));
	life->pid = (pid_t)pid;
	life->start_time = (guint64)start_time;
	life->generation = (guint)generation;
	life->restarts = (guint)restarts;
	return TRUE;
}

static gboolean parse_saved(JsonObject *object, struct saved *saved, GError **error)
{
	JsonNode *attach = json_object_get_member(object, "attach");
	JsonNode *proxies = json_object_get_member(object, "proxies");
	gint64 start_time;

	if (!attach || !JSON_NODE_HOLDS_OBJECT(attach) ||
	    !proxies || !JSON_NODE_HOLDS_ARRAY(proxies)) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "it has no object 'attach' or no array 'proxies'");
		return FALSE;
	}
	if (!json_line_int(object, "start_time", 1, G_MAXINT64, TRUE, &start_time, error) ||
	    !json_line_boolean(object, "attached", &saved->attached, error))
		return FALSE;
	saved->start_time = (guint64)start_time;
	saved->args = attach_args_parse(json_node_get_object(attach), error);
	if (!saved->args)
		return FALSE;
	for (guint i = 0; i < json_array_get_length(json_node_get_array(proxies)); i++) {
		JsonNode *node = json_array_get_element(json_node_get_array(proxies), i);
		struct proxy_life life;

		if (!JSON_NODE_HOLDS_OBJECT(node)) {
			g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
					    "'proxies' must hold objects");
			return FALSE;
		}
		if (!parse_life(json_node_get_object(node), &life, error))
			return FALSE;
		g_array_append_val(saved->lives, life);
	}
	if (saved->lives->len != saved->args->uservms->len) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "it has %u proxies for %u user VMs", saved->lives->len,
			    saved->args->uservms->len);
		return FALSE;
	}
	return TRUE;
}

/* Those that cannot go on are started anew; they take their user VMs over. */
static gboolean resume(struct cloud *cloud, const struct saved *saved,
		       const struct proxy_env *env, GError **error)
{
	guint i;

	for (i = 0; i < saved->lives->len; i++) {
		const struct proxy_life *life = &g_array_index(saved->lives, struct proxy_life, i);
		struct proxy *proxy = add_proxy(cloud, env, saved->args->uservms->pdata[i], error);
		g_autoptr(GError) cause = NULL;

		if (!proxy)
			break;
		if (proxy_resume(proxy, life, &cause)) {
			tell_agent(cloud, proxy);
			proxy_note_proved(proxy, is_proved(proxy));
			continue;
		}
		g_warning("proxy '%s' cannot go on: %s; starting another one",
			  proxy_name(proxy), cause->message);
		proxy_start(proxy);
	}
	if (i == saved->lives->len)
		return TRUE;
	for (; i < saved->lives->len; i++)
		proxy_end_left(&g_array_index(saved->lives, struct proxy_life, i));
	return FALSE;
}

static struct cloud *restore(const struct saved *saved, int device_fd,
			     const struct proxy_env *env, const struct cloud_ops *ops,
			     gpointer data, GError **error)
{
	struct cloud *cloud = NULL;

	if (saved->attached)
		cloud = begin(saved->args, saved->start_time, device_fd, ops, data, error);
	else
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "its attach was not complete");
	if (!cloud) {
		for (guint i = 0; i < saved->lives->len; i++)
			proxy_end_left(&g_array_index(saved->lives, struct proxy_life, i));
		return NULL;
	}
	cloud->attached = TRUE;
	if (resume(cloud, saved, env, error) && module_start(cloud->fd, error)) {
		cloud->started = cloud->registered = cloud->ready = cloud->proxies->len;
		return cloud;
	}
	cloud_free(cloud);
	return NULL;
}

struct cloud *cloud_restore(JsonObject *object, int device_fd, const struct proxy_env *env,
			    const struct cloud_ops *ops, gpointer data, GError **error)
{
	struct saved saved = { .lives = g_array_new(FALSE, FALSE, sizeof(struct proxy_life)) };
	struct cloud *cloud = NULL;

	if (parse_saved(object, &saved, error))
		cloud = restore(&saved, device_fd, env, ops, data, error);
	attach_args_free(saved.args);
	g_array_unref(saved.lives);
	return cloud;
}

/* Its own part. */
static void let_go(struct cloud *cloud)
{
	if (cloud->fd >= 0)
		close(cloud->fd);
	if (cloud->finish_id)
		g_source_remove(cloud->finish_id);
	if (cloud->release_id)
		g_source_remove(cloud->release_id);
	cloud->release_id = 0;
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

static void set_busy(const struct cloud *cloud, GError **error)
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
	set_busy(cloud, error);
	return FALSE;
}

/* What its UARTs have to be given back with. */
static guint32 iers_of(const struct vsb_ports *ports, const struct vsb_uservm *uservm)
{
	const guint8 iers[AGENT_IER_COMS] = {
		uservm->ier, uservm->com_ier[0], uservm->com_ier[1], uservm->com_ier[2],
	};
	struct vsb_com_port coms[VSB_MAX_COMS];
	guint nr = vsb_ports_coms(ports, coms), mask = 0;

	for (guint i = 0; i < nr; i++)
		mask |= 1u << (coms[i].number - 1);
	return agent_ier_make(mask, iers);
}

gboolean cloud_release(struct cloud *cloud, GError **error)
{
	struct vsb_uservm uservm;

	g_return_val_if_fail(!cloud->releasing, FALSE);
	if (cloud->adding) {
		set_busy(cloud, error);
		return FALSE;
	}
	if (!module_freeze(cloud->fd, FREEZE_MS, error))
		return FALSE;
	if (!module_set_on_close(cloud->fd, 0, error)) {
		module_freeze(cloud->fd, 0, NULL);
		return FALSE;
	}
	cloud->releasing = TRUE;
	cloud->release_id = g_timeout_add_seconds(RELEASE_S, on_released, cloud);
	for (guint i = 0; i < cloud->proxies->len; i++) {
		struct proxy *proxy = cloud->proxies->pdata[i];

		if (module_get_uservm(proxy_fd(proxy), &uservm))
			agent_link_give(cloud->agent, proxy_id(proxy),
					iers_of(proxy_ports(proxy), &uservm));
	}
	if (!agent_link_giving(cloud->agent))
		on_given(cloud);
	return TRUE;
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

gboolean cloud_unbind(struct cloud *cloud, struct proxy *proxy, GError **error)
{
	if (proxy_fd(proxy) < 0) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "the proxy of user VM '%s' is being started; try again",
			    proxy_name(proxy));
		return FALSE;
	}
	if (!module_unbind(proxy_fd(proxy), error)) {
		g_prefix_error(error, "user VM '%s': ", proxy_name(proxy));
		return FALSE;
	}
	agent_link_forget(cloud->agent, proxy_id(proxy));
	proxy_renew(proxy, "its user VM was unbound");
	return TRUE;
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
		set_busy(cloud, error);
		return FALSE;
	}
	if (before + uservms->len > VSB_MAX_PROXIES) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "cloud VM '%s' has %u user VMs; %d are possible", cloud->name, before,
			    VSB_MAX_PROXIES);
		return FALSE;
	}
	for (guint i = 0; i < uservms->len; i++) {
		struct proxy *proxy = add_proxy(cloud, env, uservms->pdata[i], error);

		if (proxy && proxy_listen(proxy, error))
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

static void add_counters(JsonObject *object, const struct vsb_counters *counters)
{
	JsonObject *c = json_object_new();

#define ADD(member, text) json_object_set_int_member(c, text, (gint64)counters->member)
	ADD(reads, "reads");
	ADD(writes, "writes");
	ADD(absorbed, "absorbed");
	ADD(timeouts, "timeouts");
	ADD(retries, "retries");
	ADD(irq_edges, "irq_edges");
	ADD(root_changes, "root_changes");
	ADD(replays, "replays");
	ADD(resets, "resets");
#undef ADD
	json_object_set_object_member(object, "counters", c);
}

static void add_typing(JsonObject *object, const struct proxy *proxy)
{
	JsonObject *typing;
	guint typed, of;

	if (!proxy_typing(proxy, &typed, &of))
		return;
	typing = json_object_new();
	json_object_set_int_member(typing, "typed", typed);
	json_object_set_int_member(typing, "of", of);
	json_object_set_object_member(object, "typing", typing);
}

static JsonObject *uservm_status(struct cloud *cloud, struct proxy *proxy)
{
	static const char * const lines[] = {
		[AGENT_LINK_VM_UNKNOWN] = "unknown",
		[AGENT_LINK_VM_FOUND] = "found",
		[AGENT_LINK_VM_MISSING] = "missing",
		[AGENT_LINK_VM_AMBIGUOUS] = "ambiguous",
	};
	g_autofree char *ports = vsb_ports_format(proxy_ports(proxy));
	g_auto(GStrv) names = vsb_ports_consoles(proxy_ports(proxy), proxy_name(proxy));
	JsonArray *consoles = json_array_new();
	JsonObject *object = json_object_new();
	struct vsb_uservm uservm;
	gboolean bound = module_get_uservm(proxy_fd(proxy), &uservm);
	g_autofree char *ept = NULL;
	struct proxy_life life;

	proxy_get_life(proxy, &life);
	json_object_set_string_member(object, "name", proxy_name(proxy));
	json_object_set_string_member(object, "state", !proxy_is_ready(proxy) ? "starting" :
				      bound ? "bound" : "waiting");
	json_object_set_int_member(object, "proxy_pid", proxy_pid(proxy));
	if (life.domain[0])
		json_object_set_string_member(object, "domain", life.domain);
	json_object_set_int_member(object, "restarts", life.restarts);
	json_object_set_int_member(object, "generation", life.generation);
	json_object_set_string_member(object, "ports", ports);
	for (char **name = names; *name; name++)
		json_array_add_string_element(consoles, *name);
	json_object_set_array_member(object, "consoles", consoles);
	json_object_set_string_member(object, "identity",
				      identity_mode_text(proxy_identity(proxy)->required));
	json_object_set_boolean_member(object, "key", proxy_identity(proxy)->has_key);
	json_object_set_boolean_member(object, "proved", bound &&
				       uservm.flags & VSB_USERVM_PROVED);
	json_object_set_string_member(object, "line",
				      lines[agent_link_get_vm(cloud->agent, proxy_id(proxy))]);
	add_typing(object, proxy);
	if (!bound)
		return object;
	ept = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", (guint64)uservm.ept_pointer);
	json_object_set_string_member(object, "ept_pointer", ept);
	json_object_set_int_member(object, "bound_ns", (gint64)uservm.bound_ns);
	json_object_set_int_member(object, "vcpus", uservm.vcpus);
	json_object_set_int_member(object, "roots", uservm.roots);
	json_object_set_int_member(object, "refusals", uservm.refusals);
	add_counters(object, &uservm.counters);
	return object;
}

JsonObject *cloud_status(struct cloud *cloud)
{
	static const char * const agents[] = {
		[AGENT_LINK_LOST] = "lost",
		[AGENT_LINK_WAITING] = "waiting",
		[AGENT_LINK_CONNECTED] = "connected",
	};
	JsonObject *object = json_object_new();
	JsonArray *uservms = json_array_new();

	json_object_set_string_member(object, "name", cloud->name);
	json_object_set_int_member(object, "pid", cloud->pid);
	json_object_set_string_member(object, "unclaimed", unclaimed_text(cloud->unclaimed));
	json_object_set_int_member(object, "unbound", module_count_unbound(cloud->fd));
	json_object_set_string_member(object, "agent",
				      agents[agent_link_get_state(cloud->agent)]);
	for (guint i = 0; i < cloud->proxies->len; i++)
		json_array_add_object_element(uservms,
					      uservm_status(cloud, cloud->proxies->pdata[i]));
	json_object_set_array_member(object, "uservms", uservms);
	return object;
}
