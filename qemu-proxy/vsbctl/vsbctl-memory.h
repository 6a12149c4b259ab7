/* SPDX-License-Identifier: GPL-2.0 */
/* The memory descriptor of a user VM (VSB_GET_MEMORY), with its errors in words. */
#ifndef VSB_VSBCTL_MEMORY_H
#define VSB_VSBCTL_MEMORY_H

#include <signal.h>
#include <glib.h>
#include <linux/kvm_vsbypass.h>

/* Sets @error from errno, for @what. Return: FALSE. */
gboolean memory_error(GError **error, const char *what);

/* Return: FALSE with an error, as the next ones. */
gboolean memory_info(int fd, struct vsb_memory_info *info, GError **error);

/* Those that were seen, of @nr, into @vcpus, of struct vsb_vcpu_state. */
gboolean memory_vcpus(int fd, guint nr, GArray *vcpus, GError **error);

/* The same, but wait a while for all of them, or until @interrupted, if that is not NULL. */
gboolean memory_wait_vcpus(int fd, guint nr, GArray *vcpus, const volatile sig_atomic_t *interrupted,
			   GError **error);

/* It stands for so many seconds, or until the descriptor is closed. */
gboolean memory_stop(int fd, guint seconds, GError **error);

#endif
