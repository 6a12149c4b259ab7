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

#include "agent-link.h"
#include "error.h"
#include "module.h"
#include "procfd.h"

#define STARTING_AT_ONCE	4
#define RELEASE_S		10	/* for the agent; emulated hosts are slow */
#define FREEZE_MS		20000
G_STATIC_ASSERT(FREEZE_MS > RELEASE_S * 1000 && FREEZE_MS <= VSB_MAX_FREEZE_MS);

/**
 * struct cloud - see cloud.h
 * @proxies:	struct proxy, in pool order; its index is its ID for the agent
 * @started:	proxies [0, started) have been started,
 * @registered:	of these [0, registered) were given to the module,
 * @ready:	and this many serve
 * @attached:	all of them did once
 * @failure:	why the attach failed, until @finish_id has told it
 * @releasing:	the ports are being given back
 * @release_id:	ends that
 */
struct cloud {
	char *name;
	pid_t pid;
	guint unclaimed;
	const struct cloud_ops *ops;
	gpointer data;
	int pidfd;
	guint pidfd_id;
	int fd;
	struct agent_link *agent;
	GPtrArray *proxies;
	guint started;
	guint registered;
	guint ready;
	gboolean attached;
	guint finish_id;
	GError *failure;
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

static void on_ready(struct proxy *proxy, gpointer data)
{
	struct cloud *cloud = data;
	GError *error = NULL;

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

	if (cloud->attached)
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

gboolean cloud_may_pass(struct proxy *proxy)
{
	return !proxy_identity(proxy)->required || is_proved(proxy);
}

static void on_uservm(struct proxy *proxy, gpointer data)
{
	tell_agent(data, proxy);
	if (proxy_note_proved(proxy, is_proved(proxy)))
		g_message("user VM '%s' %s", proxy_name(proxy), is_proved(proxy) ?
			  "has proved who it is" : "counts as not proved from now on");
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
	struct proxy *proxy = id < cloud->proxies->len ? cloud->proxies->pdata[id] : NULL;

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

static gboolean create(struct cloud *cloud, int device_fd, GError **error)
{
	int vm_fd;

	cloud->pidfd = procfd_open(cloud->pid, error);
	if (cloud->pidfd < 0)
		return FALSE;
	vm_fd = procfd_take_vm(cloud->pidfd, cloud->pid, error);
	if (vm_fd < 0)
		return FALSE;
	cloud->fd = module_create_cloud(device_fd, vm_fd, VSB_CLOUD_ABSORB_ON_CLOSE,
					cloud->unclaimed, error);
	close(vm_fd);
	return cloud->fd >= 0;
}

struct cloud *cloud_new(const struct attach_args *args, int device_fd,
			const struct proxy_env *env, const struct cloud_ops *ops,
			gpointer data, GError **error)
{
	static const struct proxy_ops proxy_ops = {
		.waiting = on_waiting, .ready = on_ready, .died = on_died,
		.irq = on_irq, .uservm = on_uservm,
	};
	static const struct agent_link_ops agent_ops = { on_given, on_gone };
	struct cloud *cloud = g_new0(struct cloud, 1);

	cloud->name = g_strdup(args->cloud);
	cloud->pid = args->pid;
	cloud->unclaimed = args->unclaimed;
	cloud->ops = ops;
	cloud->data = data;
	cloud->fd = -1;
	cloud->proxies = g_ptr_array_new();
	if (!create(cloud, device_fd, error))
		goto fail;
	for (guint i = 0; i < args->uservms->len; i++) {
		const struct attach_uservm *uservm = args->uservms->pdata[i];
		struct proxy *proxy = proxy_new(env, i, uservm->name, &uservm->ports,
						uservm->identity_required, &proxy_ops, cloud,
						error);

		if (!proxy)
			goto fail;
		g_ptr_array_add(cloud->proxies, proxy);
	}
	cloud->agent = agent_link_new(args->agent, cloud->name, &agent_ops, cloud);
	cloud->pidfd_id = g_unix_fd_add(cloud->pidfd, G_IO_IN, on_pidfd, cloud);
	advance(cloud);
	return cloud;
fail:
	cloud_free(cloud, FALSE);
	return NULL;
}

void cloud_free(struct cloud *cloud, gboolean wait)
{
	if (!cloud)
		return;
	/* An attach that failed has bound nothing that would have to stay absorbed. */
	if (!cloud->attached && cloud->fd >= 0)
		module_set_on_close(cloud->fd, 0, NULL);
	if (cloud->fd >= 0)
		close(cloud->fd);
	if (cloud->finish_id)
		g_source_remove(cloud->finish_id);
	if (cloud->release_id)
		g_source_remove(cloud->release_id);
	cloud->release_id = 0;
	if (cloud->pidfd_id)
		g_source_remove(cloud->pidfd_id);
	if (cloud->pidfd >= 0)
		close(cloud->pidfd);
	/* All are told to end before one is waited for. */
	for (guint i = 0; i < cloud->proxies->len; i++)
		proxy_kill(cloud->proxies->pdata[i]);
	for (guint i = 0; i < cloud->proxies->len; i++)
		proxy_free(cloud->proxies->pdata[i], wait);
	g_ptr_array_unref(cloud->proxies);
	agent_link_free(cloud->agent);
	g_clear_error(&cloud->failure);
	g_free(cloud->name);
	g_free(cloud);
}

gboolean cloud_release(struct cloud *cloud, GError **error)
{
	struct vsb_uservm uservm;

	g_return_val_if_fail(!cloud->releasing, FALSE);
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
			agent_link_give(cloud->agent, proxy_id(proxy), uservm.ier);
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

static JsonObject *uservm_status(struct cloud *cloud, struct proxy *proxy)
{
	static const char * const lines[] = {
		[AGENT_LINK_VM_UNKNOWN] = "unknown",
		[AGENT_LINK_VM_FOUND] = "found",
		[AGENT_LINK_VM_MISSING] = "missing",
		[AGENT_LINK_VM_AMBIGUOUS] = "ambiguous",
	};
	g_autofree char *ports = vsb_ports_format(proxy_ports(proxy));
	JsonObject *object = json_object_new();
	struct vsb_uservm uservm;
	gboolean bound = module_get_uservm(proxy_fd(proxy), &uservm);
	g_autofree char *ept = NULL;

	json_object_set_string_member(object, "name", proxy_name(proxy));
	json_object_set_string_member(object, "state", !proxy_is_ready(proxy) ? "starting" :
				      bound ? "bound" : "waiting");
	json_object_set_int_member(object, "proxy_pid", proxy_pid(proxy));
	json_object_set_int_member(object, "restarts", proxy_restarts(proxy));
	json_object_set_int_member(object, "generation", proxy_generation(proxy));
	json_object_set_string_member(object, "ports", ports);
	json_object_set_string_member(object, "identity",
				      identity_mode_text(proxy_identity(proxy)->required));
	json_object_set_boolean_member(object, "key", proxy_identity(proxy)->has_key);
	json_object_set_boolean_member(object, "proved", bound &&
				       uservm.flags & VSB_USERVM_PROVED);
	json_object_set_string_member(object, "line",
				      lines[agent_link_get_vm(cloud->agent, proxy_id(proxy))]);
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
	json_object_set_string_member(object, "unclaimed",
				      cloud->unclaimed == VSB_UNCLAIMED_REFLECT ? "reflect" :
				      "absorb");
	json_object_set_int_member(object, "unbound", module_count_unbound(cloud->fd));
	json_object_set_string_member(object, "agent",
				      agents[agent_link_get_state(cloud->agent)]);
	for (guint i = 0; i < cloud->proxies->len; i++)
		json_array_add_object_element(uservms,
					      uservm_status(cloud, cloud->proxies->pdata[i]));
	json_object_set_array_member(object, "uservms", uservms);
	return object;
}
