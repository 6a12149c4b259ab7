/* SPDX-License-Identifier: GPL-2.0 */
/* One attached cloud VM: its descriptor in the module, its proxies, its agent. */
#ifndef VSB_CLOUD_H
#define VSB_CLOUD_H

#include <json-glib/json-glib.h>

#include "command.h"
#include "proxy.h"

struct cloud;

/**
 * struct cloud_ops - what a cloud VM tells the daemon
 * @attached:	the attach is complete, or failed (@error): free it then
 * @ended:	after that: the cloud VM's QEMU ended: free it
 * @released:	what cloud_release() began is complete: free it
 * @added:	what cloud_add() began is complete, or failed (@error) and undone
 * @changed:	cloud_save() did
 *
 * Called from the main loop, and but for changed() never from within a call of this
 * interface.
 */
struct cloud_ops {
	void (*attached)(struct cloud *cloud, const GError *error, gpointer data);
	void (*ended)(struct cloud *cloud, gpointer data);
	void (*released)(struct cloud *cloud, gpointer data);
	void (*added)(struct cloud *cloud, const GError *error, gpointer data);
	void (*changed)(struct cloud *cloud, gpointer data);
};

/*
 * Begins to attach. @device_fd: the module's device.
 * Return: a cloud VM, of which attached() will tell, or NULL.
 */
struct cloud *cloud_new(const struct attach_args *args, int device_fd,
			const struct proxy_env *env, const struct cloud_ops *ops,
			gpointer data, GError **error);

/* Return: (transfer full): what another vsbypassd needs to go on with it. */
JsonObject *cloud_save(struct cloud *cloud);

/*
 * Goes on with a cloud VM that an earlier vsbypassd has left. If that is not possible
 * (NULL), nothing of it runs any more; its user VMs stay absorbed.
 */
struct cloud *cloud_restore(JsonObject *saved, int device_fd, const struct proxy_env *env,
			    const struct cloud_ops *ops, gpointer data, GError **error);

/*
 * Detaches. The ports of its user VMs stay absorbed, unless cloud_release() was
 * called before. The proxies' processes are gone when it returns.
 */
void cloud_free(struct cloud *cloud);

/* Frees it, but all goes on; cloud_restore() takes it up. For one that is attached. */
void cloud_leave(struct cloud *cloud);

/*
 * Begins to give the ports of its user VMs back to the guest hypervisor. They
 * stand still at their next access, until all is ready: released() tells.
 */
gboolean cloud_release(struct cloud *cloud, GError **error);
gboolean cloud_is_releasing(const struct cloud *cloud);

const char *cloud_name(const struct cloud *cloud);
pid_t cloud_pid(const struct cloud *cloud);
gboolean cloud_is_attached(const struct cloud *cloud);
struct proxy *cloud_find_proxy(const struct cloud *cloud, const char *name);

/* That has the console of this name; which one is put into @console. NULL: none. */
struct proxy *cloud_find_console(const struct cloud *cloud, const char *name, guint *console);

/* Whether it is the cloud VM's own or one of its proxies'. */
gboolean cloud_has_process(const struct cloud *cloud, pid_t pid);

/* See proxy_serve(). */
gboolean cloud_serve(struct cloud *cloud, struct proxy *proxy, pid_t pid, const char *domain,
		     GError **error);

/* See proxy_rest(). */
gboolean cloud_rest(struct cloud *cloud, struct proxy *proxy, GError **error);

/*
 * Return: (transfer full): a descriptor of the memory of the proxy's user VM, or -1. *@conceals:
 * NULL, or why what is behind its veil is left out
 */
int cloud_memory(struct proxy *proxy, const char **conceals, GError **error);

/* The proxy forgets its user VM and is free for the next one. */
gboolean cloud_unbind(struct cloud *cloud, struct proxy *proxy, GError **error);

/*
 * Begins to add proxies for @uservms (struct attach_uservm, names that are free) to the
 * end of the pool. One call at a time.
 */
gboolean cloud_add(struct cloud *cloud, const struct proxy_env *env, GPtrArray *uservms,
		   GError **error);

/* The ports of its user VM, if it has one, stay absorbed. */
gboolean cloud_remove(struct cloud *cloud, struct proxy *proxy, GError **error);

/* Return: (transfer full): its part of "status". */
JsonObject *cloud_status(struct cloud *cloud);

#endif
