/* SPDX-License-Identifier: GPL-2.0 */
/* A proxy from inside, for the files that it consists of: proxy.c, -input, -process, -taken. */
#ifndef VSB_PROXY_OBJECT_H
#define VSB_PROXY_OBJECT_H

#include <gio/gio.h>

#include "backoff.h"
#include "lineio.h"
#include "proxy.h"

enum proxy_state { IDLE, RESTING, STARTING, WAITING, REGISTERED, READY };

/**
 * struct proxy - see proxy.h
 * @vnc_path:	VNC socket, NULL without keyboard and screen
 * @keyboard:	NULL without one
 * @process:	bubblewrap, whose child QEMU is, if we have started it
 * @cancel:	of the wait for @process
 * @pidfd:	of QEMU; @pidfd_id: its end, if it is not @process that tells
 * @fd:		proxy descriptor of the module, -1: none
 * @wakes:	it has no VM yet, the process is started to be that
 * @begin_id:	it begins to rest,
 * @wake_ids:	until somebody connects to a console, or
 * @wanted_id:	some time after the user VM has needed the process
 * @kept:	fdstore_keep() has a copy of it
 * @bound:	it has had a user VM
 * @reveal_end:	see proxy_reveal(); of g_get_monotonic_time(), 0: nothing is revealed
 * @errors:	lines of QEMU's stderr, read from @errors_fd
 * @backoff:	of starts, whatever ends the process: a user VM may break its QEMU, the
 *		cloud VM may say that a user VM has ended, or have another one come
 */
struct proxy {
	const struct proxy_env *env;
	const struct proxy_ops *ops;
	gpointer data;
	guint id;
	char *name;
	char *qmp_path;
	char *vnc_path;
	struct vsb_ports ports;
	struct identity identity;
	gboolean proved;
	struct activity activity;
	struct keyboard *keyboard;
	struct consoles *consoles;
	enum proxy_state state;
	struct proxy_life life;

	GSubprocess *process;
	GCancellable *cancel;
	int pidfd;
	guint pidfd_id;
	struct qmp *qmp;
	int fd;
	gboolean wakes;
	guint begin_id;
	guint wake_ids[VSB_MAX_COMS];
	guint wanted_id;
	gboolean kept;
	gboolean bound;
	gint64 reveal_end;
	guint fd_id;
	guint timeout_id;
	int errors_fd;
	guint errors_id;
	guint errors_lines;
	struct line_reader errors;

	struct backoff backoff;
	guint restart_id;
};


gboolean proxy_is_domain(const struct proxy *proxy);

/* proxy.c: its states */

/* The run is over. @why is logged and told, then the next one is scheduled. */
void proxy_died(struct proxy *proxy, const char *why);

/* The first process starts, or none, see proxy-rest.c. */
void proxy_begin(struct proxy *proxy);

/* All of this run but the process. */
void proxy_let_go(struct proxy *proxy);

/* The VM becomes the module's; takes @vm_fd over, -1: @error is set. */
gboolean proxy_hand_over(struct proxy *proxy, int cloud_fd, int vm_fd, GError **error);

void proxy_watch_events(struct proxy *proxy);

/* It is ready from now on. */
void proxy_serves(struct proxy *proxy);

extern const struct qmp_ops proxy_qmp_ops;

/* proxy-process.c: its process */

/* What goes wrong comes as died(). */
void proxy_spawn(struct proxy *proxy);

/* To a QEMU whose QMP socket is there. */
gboolean proxy_connect_qmp(struct proxy *proxy, GError **error);

/* It has to be ready within some time. */
void proxy_watch_start(struct proxy *proxy);

/* Takes @pidfd over; died() when it ends. */
void proxy_watch_process(struct proxy *proxy, int pidfd);

/* SIGKILL */
void proxy_signal_process(struct proxy *proxy);

/* Until it has ended. Its copy of the descriptor has to be closed before the next. */
void proxy_wait_process(struct proxy *proxy);

/* It was killed or has ended: nothing is known of it any more. */
void proxy_forget_process(struct proxy *proxy);

/* proxy-rest.c: there is no process */

/* Need there be none? */
gboolean proxy_may_rest(const struct proxy *proxy);

/* It is WAITING, and can be registered, soon. */
void proxy_rest_begin(struct proxy *proxy);

/* It is registered, and has no VM. */
void proxy_rests(struct proxy *proxy);

/* The user VM needs it. */
void proxy_wanted(struct proxy *proxy);

/* None of this any more. */
void proxy_rest_end(struct proxy *proxy);

/* proxy-input.c */
extern const struct keyboard_ops proxy_keyboard_ops;

#endif
