/* SPDX-License-Identifier: GPL-2.0 */
/* What looks into memory that is hostile can do nothing else any more. */
#ifndef VSB_VSBCTL_WATCH_SANDBOX_H
#define VSB_VSBCTL_WATCH_SANDBOX_H

#include <glib.h>

/*
 * From now on this process reads, writes and seeks on the descriptors that it has, asks VSB_GET_VCPU
 * and the like of a memory descriptor, and opens, starts and connects to nothing. Return: FALSE: @error.
 */
gboolean watch_sandbox(GError **error);

#endif
