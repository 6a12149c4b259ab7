/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The channel to the agent in one cloud VM, if it has one: keeps it connected, tells the agent
 * which user VMs there are and what their interrupt lines do. What comes back
 * can change what status says, and end a user VM's use of its proxy.
 */
#ifndef VSB_AGENT_LINK_H
#define VSB_AGENT_LINK_H

#include <glib.h>

struct agent_link;

enum agent_link_state {
	AGENT_LINK_NONE,	/* it has no channel */
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

/**
 * struct agent_link_ops - what the link tells; none may free it
 * @given:	see agent_link_give()
 * @gone:	the agent says that the QEMU of user VM @id has ended
 * @connected:	the agent is there, or is not any more: AGENT_LINK_CONNECTED or not
 */
struct agent_link_ops {
	void (*given)(gpointer data);
	void (*gone)(guint32 id, gpointer data);
	void (*connected)(gboolean connected, gpointer data);
};

/* @path: UNIX socket of the virtio-serial port, NULL: there is none; @cloud: for messages. */
struct agent_link *agent_link_new(const char *path, const char *cloud,
				  const struct agent_link_ops *ops, gpointer data);
void agent_link_free(struct agent_link *link);

/* User VM @id has the cloud VM's frame @l1_gfn at its frame @l2_gfn. */
void agent_link_set_vm(struct agent_link *link, guint32 id, guint64 l2_gfn, guint64 l1_gfn);
void agent_link_forget(struct agent_link *link, guint32 id);

/*
 * User VM @id stands still, and will come back to its dummy UARTs: the agent gives
 * them the interrupt enable registers @ier (agent-wire.h), and plays no more lines of @id. When
 * it has done so with all that it was told of, given() is called; an agent that
 * is not connected does it when it is.
 */
void agent_link_give(struct agent_link *link, guint32 id, guint ier);
/* Is there one of which the agent has not said that it is given? */
gboolean agent_link_giving(const struct agent_link *link);

/* Line @gsi of @id is at @level; kept until the frames are known too. */
void agent_link_irq(struct agent_link *link, guint32 id, guint gsi, guint level);

/* The proxy of @id is gone: all its lines are low. */
void agent_link_lines_low(struct agent_link *link, guint32 id);

enum agent_link_state agent_link_get_state(const struct agent_link *link);
enum agent_link_vm agent_link_get_vm(const struct agent_link *link, guint32 id);

#endif
