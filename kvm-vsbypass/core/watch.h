/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A user VM whose memory is read: what its vCPUs show at nested exits is remembered, and they
 * can be made to stand.
 */
#ifndef VSB_CORE_WATCH_H
#define VSB_CORE_WATCH_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "core/uservm.h"

struct vsb_cloud;
struct vsb_ident;

/**
 * struct vsb_watch - of a user VM, while it has a memory fd
 * @ref:	vsb_l2.watch, descriptors, vCPUs that stand
 * @rcu:	readers of vsb_l2.watch
 * @files:	descriptors; cloud->lock
 * @wait:	vCPUs that stand
 * @lock:	guards what follows; innermost
 * @root:	EPT pointer seen last, 0: none,
 * @levels:	of that
 * @by:		who has it stopped, to compare, or NULL,
 * @until:	jiffies
 * @nr:		of
 * @anchor:	vCPUs, and
 * @state:	what they are
 */
struct vsb_watch {
	refcount_t ref;
	struct rcu_head rcu;
	u32 files;
	wait_queue_head_t wait;
	spinlock_t lock;	/* innermost */
	u64 root;
	int levels;
	const void *by;
	unsigned long until;
	u32 nr;
	unsigned long anchor[VSB_MAX_ANCHORS];
	struct vsb_vcpu_state state[VSB_MAX_ANCHORS];
};

/* Ioctl context, under cloud->lock. Return: a reference, or NULL: no memory. */
struct vsb_watch *vsb_watch_open(struct vsb_cloud *cloud, struct vsb_l2 *u);
void vsb_watch_close(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_watch *w);
/* The user VM is forgotten, or has lost its name. Under cloud->lock. */
void vsb_watch_end(struct vsb_cloud *cloud, struct vsb_l2 *u);
void vsb_watch_put(struct vsb_watch *w);

/* Ioctl context. Return: 0, or -EBUSY. @ms 0: it goes on. */
int vsb_watch_stop(struct vsb_watch *w, const void *by, unsigned int ms);

/* vCPU or callback context: it is that. @regs and @sregs count. */
void vsb_watch_seen(struct vsb_watch *w, const struct vsb_ident *id,
		    const struct vsb_vcpu_state *state);

/* Does the user VM stand now? Any context. */
bool vsb_watch_stops(struct vsb_watch *w);
/* vCPU context, sleeps: until it does not. Return: false: for a signal. */
bool vsb_watch_stand(struct vsb_watch *w, const struct vsb_ident *id);

extern atomic_t vsb_watches;	/* user VMs whose memory is read, */
extern atomic_t vsb_stopped;	/* and that are stopped, on the whole host */

static inline bool vsb_watch_any(void)
{
	return atomic_read(&vsb_watches);
}

static inline bool vsb_watch_any_stops(void)
{
	return atomic_read(&vsb_stopped);
}

#endif
