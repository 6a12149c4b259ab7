/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors of a running QEMU, taken without its help. */
#ifndef VSB_PROCFD_H
#define VSB_PROCFD_H

#include <glib.h>
#include <sys/types.h>

/*
 * Return: pidfd of @pid or -1. It stays that process even if the number is used
 * again, and polls readable when the process has ended.
 */
int procfd_open(pid_t pid, GError **error);

/* Return: when @pid was started, in clock ticks since boot (proc(5)); 0: it is not there. */
guint64 procfd_start_time(pid_t pid);

/* As procfd_open(), but only if the process is the one that was started then. */
int procfd_open_same(pid_t pid, guint64 start_time, GError **error);

/*
 * Return: a duplicate of the one kvm-vm descriptor of the process, or -1: it
 * has none, or more than one, or may not be looked into.
 */
int procfd_take_vm(int pidfd, pid_t pid, GError **error);

/* The same with the descriptor of the module's that a proxy keeps for vsbypassd. */
int procfd_take_proxy(int pidfd, pid_t pid, GError **error);

/*
 * Has each vCPU thread of this QEMU return from KVM_RUN and call it again. It needs
 * "-name debug-threads=on", which libvirt gives.
 */
gboolean procfd_kick_vcpus(pid_t pid, GError **error);

#endif
