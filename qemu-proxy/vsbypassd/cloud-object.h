/* SPDX-License-Identifier: GPL-2.0 */
/* A cloud VM from inside, for the files that it consists of: cloud*.c. */
#ifndef VSB_CLOUD_OBJECT_H
#define VSB_CLOUD_OBJECT_H

#include "agent-link.h"
#include "cloud.h"

/**
 * struct cloud - see cloud.h
 * @start_time:	of process @pid, procfd_start_time()
 * @agent_path:	NULL: it has no channel for an agent
 * @irq:	how interrupts come to its user VMs,
 * @irq_mask:	and what the module has been told of it
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
 * @give_id:	prepares it, by the module,
 * @given:	so far for so many of @proxies
 * @watch_id:	looks at its user VMs
 * @unbound:	those without a name, at the last look
 */
struct cloud {
	char *name;
	pid_t pid;
	guint64 start_time;
	char *agent_path;
	enum irq_mode irq;
	guint32 irq_mask;
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
	guint give_id;
	guint given;
	guint watch_id;
	guint unbound;
};

/*
 * All but the proxies. @start_time: of its process, which has to be that; 0: whatever it is.
 * Return: NULL with @error.
 */
struct cloud *cloud_begin(const struct attach_args *args, guint64 start_time, int device_fd,
			  const struct cloud_ops *ops, gpointer data, GError **error);

/* To the end of the pool; it is not started. */
struct proxy *cloud_add_proxy(struct cloud *cloud, const struct proxy_env *env,
			      const struct attach_uservm *uservm, GError **error);

/* Tells the module how interrupts come, while no agent is connected, */
gboolean cloud_irq_begin(struct cloud *cloud, GError **error);
/* and when one comes or goes. */
void cloud_irq_agent(struct cloud *cloud, gboolean connected);

/* What the module knows of the user VM goes to the agent. */
void cloud_tell_agent(struct cloud *cloud, struct proxy *proxy);

/* The agent has prepared all that it was told of, see cloud_release(). */
void cloud_given(struct cloud *cloud);
void cloud_release_end(struct cloud *cloud);

/* Looks at its user VMs each few seconds, from cloud_watch_begin() on, or now. */
void cloud_watch_begin(struct cloud *cloud);
void cloud_watch_end(struct cloud *cloud);
void cloud_look(struct cloud *cloud);

/* Return: seconds that the proxy's user VM has made no access, as far as it was looked at. */
gint64 cloud_idle_s(struct proxy *proxy, const struct vsb_uservm *uservm);

/* An error for who comes while another command is at work. */
void cloud_set_busy(const struct cloud *cloud, GError **error);

/* Whether the proxy's user VM has proved who it is. */
gboolean cloud_is_proved(struct proxy *proxy);

#endif
