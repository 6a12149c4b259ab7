// SPDX-License-Identifier: GPL-2.0
/*
 * The ports of user VMs go back to the guest hypervisor. Its devices are first given the
 * interrupt enable registers that the user VMs believe in: by the module, or by the agent.
 */
#include "cloud-object.h"

#include "agent-wire.h"
#include "module.h"

#define RELEASE_S		10	/* emulated hosts are slow */
#define FREEZE_MS		20000
G_STATIC_ASSERT(FREEZE_MS > RELEASE_S * 1000 && FREEZE_MS <= VSB_MAX_FREEZE_MS);

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

static void give_by_agent(struct cloud *cloud, struct proxy *proxy)
{
	struct vsb_uservm uservm;

	if (module_get_uservm(proxy_fd(proxy), &uservm))
		agent_link_give(cloud->agent, proxy_id(proxy),
				iers_of(proxy_ports(proxy), &uservm));
}

/* An agent can do it for a user VM that does not run at all. */
static void give_by_module(struct cloud *cloud, struct proxy *proxy)
{
	g_autoptr(GError) error = NULL;

	if (proxy_fd(proxy) < 0 || module_give_back(proxy_fd(proxy), &error))
		return;
	if (agent_link_get_vm(cloud->agent, proxy_id(proxy)) == AGENT_LINK_VM_FOUND)
		give_by_agent(cloud, proxy);
	else
		g_warning("user VM '%s': its serial ports go back as they are: %s; it may wait for "
			  "an interrupt for ever", proxy_name(proxy), error->message);
}

static gboolean on_released(gpointer data)
{
	struct cloud *cloud = data;

	cloud->release_id = 0;
	if (agent_link_giving(cloud->agent))
		g_warning("cloud VM '%s': the agent did not take the interrupt lines back in "
			  "%d s; a user VM may wait for an interrupt for ever. Is the agent "
			  "running?", cloud->name, RELEASE_S);
	if (cloud->given < cloud->proxies->len)
		g_warning("cloud VM '%s': in %d s the serial ports of %u user VMs of %u could be "
			  "prepared to go back; others may wait for an interrupt for ever",
			  cloud->name, RELEASE_S, cloud->given, cloud->proxies->len);
	cloud->ops->released(cloud, cloud->data);
	return G_SOURCE_REMOVE;
}

void cloud_given(struct cloud *cloud)
{
	if (!cloud->release_id || cloud->given < cloud->proxies->len)
		return;
	g_source_remove(cloud->release_id);
	cloud->release_id = g_idle_add(on_released, cloud);
}

/* One after the other: each may take seconds, and others are to be served in between. */
static gboolean on_give(gpointer data)
{
	struct cloud *cloud = data;

	if (cloud->given < cloud->proxies->len)
		give_by_module(cloud, cloud->proxies->pdata[cloud->given++]);
	if (cloud->given < cloud->proxies->len)
		return G_SOURCE_CONTINUE;
	cloud->give_id = 0;
	if (!agent_link_giving(cloud->agent))
		cloud_given(cloud);
	return G_SOURCE_REMOVE;
}

gboolean cloud_release(struct cloud *cloud, GError **error)
{
	g_return_val_if_fail(!cloud->releasing, FALSE);
	if (cloud->adding) {
		cloud_set_busy(cloud, error);
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
	if (cloud->irq_mask & VSB_IRQ_EXITS) {
		cloud->give_id = g_idle_add(on_give, cloud);
		return TRUE;
	}
	while (cloud->given < cloud->proxies->len)
		give_by_agent(cloud, cloud->proxies->pdata[cloud->given++]);
	if (!agent_link_giving(cloud->agent))
		cloud_given(cloud);
	return TRUE;
}

void cloud_release_end(struct cloud *cloud)
{
	if (cloud->release_id)
		g_source_remove(cloud->release_id);
	if (cloud->give_id)
		g_source_remove(cloud->give_id);
	cloud->release_id = 0;
	cloud->give_id = 0;
}
