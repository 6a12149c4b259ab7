// SPDX-License-Identifier: GPL-2.0
/*
 * A user VM that has ended keeps its name: the host sees its end nowhere. So its user VMs are
 * looked at now and then, for what an administrator has to know to free one.
 */
#include "cloud-object.h"

#include "module.h"

#define LOOK_S	10

gint64 cloud_idle_s(struct proxy *proxy, const struct vsb_uservm *uservm)
{
	const struct vsb_counters *counters = &uservm->counters;

	return activity_idle_s(proxy_activity(proxy),
			       counters->reads + counters->writes + counters->absorbed,
			       g_get_monotonic_time());
}

void cloud_look(struct cloud *cloud)
{
	guint unbound = module_count_unbound(cloud->fd);

	for (guint i = 0; i < cloud->proxies->len; i++) {
		struct vsb_uservm uservm;

		if (module_get_uservm(proxy_fd(cloud->proxies->pdata[i]), &uservm))
			cloud_idle_s(cloud->proxies->pdata[i], &uservm);
	}
	if (unbound > cloud->unbound)
		g_message("cloud VM '%s': a user VM found no proxy free. If one that has a name has "
			  "ended, 'vsbctl unbind NAME' frees that; IDLE in 'vsbctl status' says how "
			  "long each made no access. 'vsbctl add %s NAME' makes a further one",
			  cloud->name, cloud->name);
	cloud->unbound = unbound;
}

static gboolean on_look(gpointer data)
{
	cloud_look(data);
	return G_SOURCE_CONTINUE;
}

void cloud_watch_begin(struct cloud *cloud)
{
	cloud->watch_id = g_timeout_add_seconds(LOOK_S, on_look, cloud);
}

void cloud_watch_end(struct cloud *cloud)
{
	if (cloud->watch_id)
		g_source_remove(cloud->watch_id);
	cloud->watch_id = 0;
}
