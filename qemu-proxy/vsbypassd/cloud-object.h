/* SPDX-License-Identifier: GPL-2.0 */
/* A cloud VM from inside, for the files that it consists of: cloud*.c. */
#ifndef VSB_CLOUD_OBJECT_H
#define VSB_CLOUD_OBJECT_H

#include "agent-link.h"
#include "cloud.h"

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

/*
 * All but the proxies. @start_time: of its process, which has to be that; 0: whatever it is.
 * Return: NULL with @error.
 */
struct cloud *cloud_begin(const struct attach_args *args, guint64 start_time, int device_fd,
			  const struct cloud_ops *ops, gpointer data, GError **error);

/* To the end of the pool; it is not started. */
struct proxy *cloud_add_proxy(struct cloud *cloud, const struct proxy_env *env,
			      const struct attach_uservm *uservm, GError **error);

/* What the module knows of the user VM goes to the agent. */
void cloud_tell_agent(struct cloud *cloud, struct proxy *proxy);

/* Whether the proxy's user VM has proved who it is. */
gboolean cloud_is_proved(struct proxy *proxy);

#endif
