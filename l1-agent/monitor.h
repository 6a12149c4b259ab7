/* SPDX-License-Identifier: GPL-2.0 */
/* A connection to a monitor of one QEMU: QMP, or the human monitor. */
#ifndef VSB_AGENT_MONITOR_H
#define VSB_AGENT_MONITOR_H

#include <sys/types.h>

#include <glib.h>

struct monitor;

/**
 * struct monitor_ops - what the owner wants to hear
 * @ready:	commands can be sent
 * @gone:	the connection is over, for reason @why; the owner frees the
 *		monitor, not before this call has returned
 */
struct monitor_ops {
	void (*ready)(struct monitor *m, void *user);
	void (*gone)(struct monitor *m, const char *why, void *user);
};

/* @text: what the command printed, NULL: it failed or the monitor is gone. */
typedef void (*monitor_reply_fn)(struct monitor *m, const char *text, void *data);

struct monitor *monitor_connect(const char *path, const struct monitor_ops *ops,
				void *user, int *err);
void monitor_free(struct monitor *m);
const char *monitor_path(const struct monitor *m);
pid_t monitor_pid(const struct monitor *m);
gboolean monitor_ready(const struct monitor *m);
gboolean monitor_busy(const struct monitor *m);
void monitor_hmp(struct monitor *m, const char *cmd, monitor_reply_fn fn, void *data);

#endif
