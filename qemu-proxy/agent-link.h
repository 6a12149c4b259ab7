/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The channel to the agent in one cloud VM: keeps it connected, tells the agent
 * which user VMs there are and what their interrupt lines do. What comes back
 * can change what status says, and nothing else.
 */
#ifndef VSB_AGENT_LINK_H
#define VSB_AGENT_LINK_H

#include <glib.h>

struct agent_link;

enum agent_link_state {
	AGENT_LINK_LOST,	/* no connection */
	AGENT_LINK_WAITING,	/* open, no hello yet, or pings are not answered */
	AGENT_LINK_CONNECTED,
};

/* What the agent last said of a user VM. */
enum agent_link_vm {
	AGENT_LINK_VM_UNKNOWN,
	AGENT_LINK_VM_FOUND,
	AGENT_LINK_VM_MISSING,
	AGENT_LINK_VM_AMBIGUOUS,
};

/* @path: UNIX socket of the virtio-serial port; @cloud: for messages. */
struct agent_link *agent_link_new(const char *path, const char *cloud);
void agent_link_free(struct agent_link *link);

/* User VM @id has the cloud VM's frame @l1_gfn at its frame @l2_gfn. */
void agent_link_set_vm(struct agent_link *link, guint32 id, guint64 l2_gfn, guint64 l1_gfn);
void agent_link_forget(struct agent_link *link, guint32 id);
/* The bypass ends: what the dummy UART of user VM ID needs to take over. */
void agent_link_ier(struct agent_link *link, guint32 id, guint ier);

/* Line @gsi of @id is at @level; kept until the frames are known too. */
void agent_link_irq(struct agent_link *link, guint32 id, guint gsi, guint level);

/* The proxy of @id is gone: all its lines are low. */
void agent_link_lines_low(struct agent_link *link, guint32 id);

enum agent_link_state agent_link_get_state(const struct agent_link *link);
enum agent_link_vm agent_link_get_vm(const struct agent_link *link, guint32 id);

#endif
