/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One proxy: a stock QEMU, paused, whose VM the module takes over; started,
 * watched, and started again when it ends. Or one that somebody else has started, a
 * domain of libvirt: as long as that runs, it is the proxy.
 */
#ifndef VSB_PROXY_H
#define VSB_PROXY_H

#include <glib.h>

#include "activity.h"
#include "identity-store.h"
#include "keyboard.h"
#include "names.h"
#include "qmp.h"

struct cage;
struct proxy;

/**
 * struct proxy_env - what all proxies share
 * @qemu:	program
 * @cage:	of all proxies
 * @accel:	"kvm", or "tcg" in tests
 * @rom:	path of the firmware, see proxy_cmd()
 * @console_dir: where the console sockets are
 * @console_gid: group that may connect to them
 * @qmp_dir:	where the QMP sockets are
 * @identity_dir: keys of user VMs
 * @access_dir:	see access.h
 * @log_dir:	see conlog.h
 * @key_wait_ms: of a user VM for a key, see keyboard_new()
 */
struct proxy_env {
	const char *qemu;
	struct cage *cage;
	const char *accel;
	const char *rom;
	const char *console_dir;
	gid_t console_gid;
	const char *qmp_dir;
	const char *identity_dir;
	const char *access_dir;
	const char *log_dir;
	guint key_wait_ms;
};

/**
 * struct proxy_ops - what a proxy tells its cloud VM
 * @waiting:	QEMU is up and paused: call proxy_register() now or later
 * @ready:	registered, it serves KVM_RUN
 * @died:	its process ended or was given up (@why); unless the proxy is freed
 *		it is started again by itself
 * @irq:	interrupt line @gsi is at @level
 * @uservm:	what VSB_GET_USERVM says of it changed
 * @changed:	proxy_get_life() did
 *
 * None of them may free the proxy.
 */
struct proxy_ops {
	void (*waiting)(struct proxy *proxy, gpointer data);
	void (*ready)(struct proxy *proxy, gpointer data);
	void (*died)(struct proxy *proxy, const char *why, gpointer data);
	void (*irq)(struct proxy *proxy, guint gsi, guint level, gpointer data);
	void (*uservm)(struct proxy *proxy, gpointer data);
	void (*changed)(struct proxy *proxy, gpointer data);
};

/**
 * struct proxy_life - what the next vsbypassd has to know to go on with it
 * @domain:	of libvirt that has the QEMU, or empty: it is ours
 * @pid:	of QEMU, 0: none
 * @start_time:	of that, procfd_start_time()
 * @generation:	user VMs before this one
 * @restarts:	of QEMU
 */
struct proxy_life {
	char domain[VSB_NAME_LEN];
	pid_t pid;
	guint64 start_time;
	guint generation;
	guint restarts;
};

/*
 * Reads the user VM's key, if it has one; does not start QEMU yet. @id: for the agent.
 * @required: without a proof no data pass.
 */
struct proxy *proxy_new(const struct proxy_env *env, guint id, const char *name,
			const struct vsb_ports *ports, gboolean required,
			const struct proxy_ops *ops, gpointer data, GError **error);

/* Makes the sockets of its consoles, if it has none. */
gboolean proxy_listen(struct proxy *proxy, GError **error);

/* The same, before it is started. One that rests says so before anybody finds them. */
gboolean proxy_open(struct proxy *proxy, GError **error);

/* Starts QEMU for the first time, or lets it rest; later failures come as died(). */
void proxy_start(struct proxy *proxy);

/*
 * Goes on with the QEMU that an earlier vsbypassd has left: ready() or died() tells.
 * If that is not possible it is ended; the proxy can be started then.
 */
gboolean proxy_resume(struct proxy *proxy, const struct proxy_life *life, GError **error);

/* Ends such a QEMU without a proxy for it, and waits until its descriptors are closed. */
void proxy_end_left(const struct proxy_life *life);

/* Hands the waiting QEMU's VM to the module; what goes wrong comes as died(). */
void proxy_register(struct proxy *proxy, int cloud_fd);

/*
 * From now on the QEMU of a domain is the proxy, in place of the one that was: that has
 * ended when this returns. A failure comes as died(), too; what has been the domain's VM
 * may be dead then. When the domain ends, a QEMU of ours takes over.
 */
gboolean proxy_serve(struct proxy *proxy, int cloud_fd, pid_t pid, const char *domain,
		     GError **error);

/*
 * Its user VM is no more (@why): another QEMU takes over, that has nothing of it; after a
 * pause, if that comes often. Comes as died().
 */
void proxy_renew(struct proxy *proxy, const char *why);

/* Nobody is attached: its QEMU, if it has one, ends, until somebody needs it. */
gboolean proxy_rest(struct proxy *proxy, GError **error);

/* What is known of the one that rested when an earlier vsbypassd ended. */
void proxy_recall(struct proxy *proxy, const struct proxy_life *life);

/* The same at the word of the host's administrator, at once. */
void proxy_renew_now(struct proxy *proxy, const char *why);

/* Closes its descriptor and ends its process, without a call of died(). */
void proxy_kill(struct proxy *proxy);

/* As above, waits until the process and so its copy of the descriptor is gone, frees. */
void proxy_free(struct proxy *proxy);

/* Frees it; a process that is ready goes on and can be resumed, others are ended. */
void proxy_leave(struct proxy *proxy);

const char *proxy_name(const struct proxy *proxy);
guint proxy_id(const struct proxy *proxy);
const struct vsb_ports *proxy_ports(const struct proxy *proxy);
const struct identity *proxy_identity(const struct proxy *proxy);
int proxy_fd(const struct proxy *proxy);	/* -1: none now */
pid_t proxy_pid(const struct proxy *proxy);	/* 0: none now */
void proxy_get_life(const struct proxy *proxy, struct proxy_life *life);
gboolean proxy_is_waiting(const struct proxy *proxy);
gboolean proxy_is_ready(const struct proxy *proxy);	/* it has its place in the module */
gboolean proxy_is_resting(const struct proxy *proxy);	/* or its QEMU does not serve yet */

#define PROXY_REVEAL_S	600

/*
 * What is behind the veil of its user VM may be read by the host: for PROXY_REVEAL_S from now on, or
 * not any more. That is forgotten with the user VM, and when vsbypassd ends.
 */
gboolean proxy_reveal(struct proxy *proxy, gboolean reveal, GError **error);

/* Return: NULL: it may; why not. */
const char *proxy_conceals(const struct proxy *proxy);

/* Return: whether that is news. */
gboolean proxy_note_proved(struct proxy *proxy, gboolean proved);

/* Of its user VM. */
struct activity *proxy_activity(struct proxy *proxy);

/* Whether data may pass now: its user VM has proved who it is, or does not have to. */
gboolean proxy_may_pass(const struct proxy *proxy, GError **error);

/* A break on the serial line of @console, 0 being the first of vsb_ports_consoles(). */
void proxy_send_break(struct proxy *proxy, guint console, qmp_done done, gpointer data);

/* See keyboard_progress(), keyboard_type(). */
gboolean proxy_typing(const struct proxy *proxy, guint *typed, guint *of);
void proxy_type(struct proxy *proxy, GArray *strokes, const char *unit, keyboard_done done,
		gpointer data);

#endif
