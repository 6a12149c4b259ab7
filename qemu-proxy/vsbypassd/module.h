/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The calls of the module kvm-vsbypass, with messages for a person in place of
 * errno values. The unit tests put a fake in its place.
 */
#ifndef VSB_MODULE_H
#define VSB_MODULE_H

#include <glib.h>
#include <linux/kvm_vsbypass.h>

#include "names.h"

/* Opens the device and checks its version. Return: descriptor or -1. */
int module_open(const char *device, GError **error);

/* Return: cloud descriptor or -1. @flags: VSB_CLOUD_*, @unclaimed: VSB_UNCLAIMED_*. */
int module_create_cloud(int device_fd, int vm_fd, guint32 flags, guint32 unclaimed,
			GError **error);

/* Return: proxy descriptor (non-blocking) or -1. @flags: VSB_PROXY_*; @vm_fd: -1: it rests. */
int module_create_proxy(int cloud_fd, int vm_fd, const char *name,
			const struct vsb_ports *ports, guint32 flags, GError **error);

/* The key of its user VM, 32 bytes; once. */
gboolean module_set_key(int proxy_fd, const guint8 *key, GError **error);

/* The VM of a proxy that rests. */
gboolean module_set_vm(int proxy_fd, int vm_fd, GError **error);

gboolean module_start(int cloud_fd, GError **error);

/* How interrupts come to its user VMs: VSB_IRQ_*. */
gboolean module_set_irq(int cloud_fd, guint32 mask, GError **error);

/* What becomes of the ports after the cloud fd is closed: VSB_CLOUD_* flags. */
gboolean module_set_on_close(int cloud_fd, guint32 flags, GError **error);

/* For @ms from now user VMs do not get past an access to a claimed port. */
gboolean module_freeze(int cloud_fd, guint ms, GError **error);

/* Return: whether a user VM is bound to this proxy, *uservm is filled in then. */
gboolean module_get_uservm(int proxy_fd, struct vsb_uservm *uservm);

/* Return: number of user VMs that have touched claimed ports and got no proxy. */
guint module_count_unbound(int cloud_fd);

gboolean module_unbind(int proxy_fd, GError **error);

/*
 * Return: (transfer full): a descriptor of the memory of the bound user VM, or -1. @private: that
 * behind its veil as well
 */
int module_get_memory(int proxy_fd, gboolean private, GError **error);

/*
 * The guest hypervisor's serial ports get what the user VM believes in; user VMs have to be
 * frozen. TRUE: also if none is bound. May take 2 s.
 */
gboolean module_give_back(int proxy_fd, GError **error);

/* The next events tell all that is so now. */
gboolean module_report_all(int proxy_fd, GError **error);

/* Return: events read; 0: none now; -1: the descriptor is of no use any more. */
int module_read_events(int proxy_fd, struct vsb_event *events, guint max);

#endif
