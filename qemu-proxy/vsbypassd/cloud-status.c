// SPDX-License-Identifier: GPL-2.0
/* A cloud VM's part of "status". */
#include "cloud-object.h"

#include "agent-link.h"
#include "module.h"

static void add_counters(JsonObject *object, const struct vsb_uservm *uservm)
{
	const struct vsb_counters *counters = &uservm->counters;
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
	json_object_set_int_member(c, "irq_exits", (gint64)uservm->irq_exits);
	json_object_set_int_member(c, "irq_direct", (gint64)uservm->irq_direct);
	json_object_set_int_member(c, "halts", (gint64)uservm->halts);
	json_object_set_object_member(object, "counters", c);
}

static void add_veil(JsonObject *object, const struct proxy *proxy, const struct vsb_uservm *uservm)
{
	JsonObject *veil;

	if (!(uservm->flags & VSB_USERVM_VEIL))
		return;
	veil = json_object_new();
	json_object_set_boolean_member(veil, "used", uservm->flags & VSB_USERVM_VEILED);
	json_object_set_boolean_member(veil, "stopped", uservm->flags & VSB_USERVM_STOPPED);
	json_object_set_int_member(veil, "limit", (gint64)uservm->veil_limit);
	json_object_set_int_member(veil, "pages", (gint64)uservm->veil_pages);
	json_object_set_int_member(veil, "most", (gint64)uservm->veil_most);
	json_object_set_int_member(veil, "shared", (gint64)uservm->veil_shared);
	json_object_set_int_member(veil, "pushes", (gint64)uservm->veil_pushes);
	json_object_set_int_member(veil, "resets", (gint64)uservm->veil_resets);
	json_object_set_int_member(veil, "stops", (gint64)uservm->veil_stops);
	json_object_set_string_member(veil, "watch", vsb_watch_text(proxy_ports(proxy)->watch));
	json_object_set_boolean_member(veil, "revealed", !proxy_conceals(proxy));
	json_object_set_object_member(object, "veil", veil);
}

/* What its consoles have not kept, while nobody was there. */
static void add_rest(JsonObject *object, const struct proxy *proxy, const struct vsb_uservm *uservm)
{
	struct vsb_com_port coms[VSB_MAX_COMS];
	JsonArray *lost;
	guint nr;

	if (!proxy_ports(proxy)->rests)
		return;
	json_object_set_boolean_member(object, "resting", proxy_is_resting(proxy));
	if (!uservm)
		return;
	lost = json_array_new();
	nr = vsb_ports_coms(proxy_ports(proxy), coms);
	for (guint i = 0; i < nr; i++)
		json_array_add_int_element(lost, (gint64)uservm->com_lost[coms[i].number - 1]);
	json_object_set_array_member(object, "lost", lost);
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

/* Whether the agent can raise its interrupts, and if not, whether the module does. */
static const char *line_of(const struct cloud *cloud, const struct proxy *proxy)
{
	static const char * const lines[] = {
		[AGENT_LINK_VM_UNKNOWN] = "unknown",
		[AGENT_LINK_VM_FOUND] = "found",
		[AGENT_LINK_VM_MISSING] = "missing",
		[AGENT_LINK_VM_AMBIGUOUS] = "ambiguous",
	};

	enum agent_link_vm said = agent_link_get_vm(cloud->agent, proxy_id(proxy));

	if (said != AGENT_LINK_VM_FOUND && cloud->irq_mask & VSB_IRQ_EXITS)
		return "module";
	return lines[said];
}

static const char *state_of(struct proxy *proxy, const struct vsb_uservm *uservm)
{
	if (!proxy_is_ready(proxy))
		return "starting";
	if (!uservm)
		return "waiting";
	return uservm->flags & VSB_USERVM_STOPPED ? "stopped" : "bound";
}

static JsonObject *uservm_status(struct cloud *cloud, struct proxy *proxy)
{
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
	json_object_set_string_member(object, "state", state_of(proxy, bound ? &uservm : NULL));
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
	json_object_set_string_member(object, "line", line_of(cloud, proxy));
	add_typing(object, proxy);
	add_rest(object, proxy, bound ? &uservm : NULL);
	if (!bound)
		return object;
	ept = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", (guint64)uservm.ept_pointer);
	json_object_set_string_member(object, "ept_pointer", ept);
	json_object_set_int_member(object, "idle_s", cloud_idle_s(proxy, &uservm));
	json_object_set_int_member(object, "bound_ns", (gint64)uservm.bound_ns);
	json_object_set_int_member(object, "vcpus", uservm.vcpus);
	json_object_set_int_member(object, "roots", uservm.roots);
	json_object_set_int_member(object, "refusals", uservm.refusals);
	add_counters(object, &uservm);
	add_veil(object, proxy, &uservm);
	return object;
}

JsonObject *cloud_status(struct cloud *cloud)
{
	static const char * const agents[] = {
		[AGENT_LINK_NONE] = "none",
		[AGENT_LINK_LOST] = "lost",
		[AGENT_LINK_WAITING] = "waiting",
		[AGENT_LINK_CONNECTED] = "connected",
	};
	JsonObject *object = json_object_new();
	JsonArray *uservms = json_array_new();

	cloud_look(cloud);
	json_object_set_string_member(object, "name", cloud->name);
	json_object_set_int_member(object, "pid", cloud->pid);
	json_object_set_string_member(object, "unclaimed", unclaimed_text(cloud->unclaimed));
	json_object_set_int_member(object, "unbound", cloud->unbound);
	json_object_set_string_member(object, "irq", irq_mode_text(cloud->irq));
	json_object_set_string_member(object, "agent",
				      agents[agent_link_get_state(cloud->agent)]);
	for (guint i = 0; i < cloud->proxies->len; i++)
		json_array_add_object_element(uservms,
					      uservm_status(cloud, cloud->proxies->pdata[i]));
	json_object_set_array_member(object, "uservms", uservms);
	return object;
}
