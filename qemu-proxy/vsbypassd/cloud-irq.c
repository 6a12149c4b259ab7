// SPDX-License-Identifier: GPL-2.0
/* How interrupts come to the user VMs of a cloud VM: what the module is told of it. */
#include "cloud-object.h"

#include "module.h"

gboolean cloud_irq_begin(struct cloud *cloud, GError **error)
{
	cloud->irq_mask = irq_mode_mask(cloud->irq, FALSE);
	return module_set_irq(cloud->fd, cloud->irq_mask, error);
}

void cloud_irq_agent(struct cloud *cloud, gboolean connected)
{
	guint32 mask = irq_mode_mask(cloud->irq, connected);
	g_autoptr(GError) error = NULL;

	if (mask == cloud->irq_mask)
		return;
	if (module_set_irq(cloud->fd, mask, &error))
		cloud->irq_mask = mask;
	else
		g_warning("cloud VM '%s': %s; its agent %s", cloud->name, error->message,
			  connected ? "cannot wake user VMs" : "is still told of interrupts");
}
