/* SPDX-License-Identifier: GPL-2.0 */
/* The kvm-vm descriptor of a running QEMU, taken without its help. */
#ifndef VSB_PROCFD_H
#define VSB_PROCFD_H

#include <glib.h>
#include <sys/types.h>

/*
 * Return: pidfd of @pid or -1. It stays that process even if the number is used
 * again, and polls readable when the process has ended.
 */
int procfd_open(pid_t pid, GError **error);

/*
 * Return: a duplicate of the one kvm-vm descriptor of the process, or -1: it
 * has none, or more than one, or may not be looked into.
 */
int procfd_take_vm(int pidfd, pid_t pid, GError **error);

#endif
