/* SPDX-License-Identifier: GPL-2.0 */
/* The QMP monitors of the QEMUs in the cloud VM, as they come and go. */
#ifndef VSB_AGENT_MONITORS_H
#define VSB_AGENT_MONITORS_H

#include <glib.h>

#include "monitor.h"

struct monitors;

/* @gone: the monitor is still valid during the call, not after. */
struct monitors_ops {
	void (*ready)(struct monitor *m, void *user);
	void (*gone)(struct monitor *m, void *user);
};

struct monitors *monitors_new(const char *const *globs, const struct monitors_ops *ops,
			      void *user);
void monitors_free(struct monitors *ms);
void monitors_foreach_ready(struct monitors *ms, void (*fn)(struct monitor *m, void *data),
			    void *data);

#endif
