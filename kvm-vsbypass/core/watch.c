// SPDX-License-Identifier: GPL-2.0
/* A user VM whose memory is read; see core/watch.h. */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/slab.h>

#include "core/cloud.h"
#include "core/ident.h"
#include "core/watch.h"

atomic_t vsb_watches = ATOMIC_INIT(0);
atomic_t vsb_stopped = ATOMIC_INIT(0);

void vsb_watch_put(struct vsb_watch *w)
{
	if (refcount_dec_and_test(&w->ref))
		kvfree_rcu(w, rcu);
}

static struct vsb_watch *vsb_watch_create(struct vsb_l2 *u)
{
	struct vsb_watch *w = kvzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);

	if (!w)
		return NULL;
	refcount_set(&w->ref, 1);
	init_waitqueue_head(&w->wait);
	spin_lock_init(&w->lock);
	w->root = u->ept_pointer;
	w->levels = u->levels;
	for (; w->nr < u->nr_anchors; w->nr++)
		w->anchor[w->nr] = u->anchors[w->nr].frame;
	return w;
}

struct vsb_watch *vsb_watch_open(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_watch *w = vsb_locked(cloud, u->watch);

	if (!w) {
		w = vsb_watch_create(u);
		if (!w)
			return NULL;
		rcu_assign_pointer(u->watch, w);
		atomic_inc(&vsb_watches);
	}
	w->files++;
	refcount_inc(&w->ref);
	return w;
}

void vsb_watch_close(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_watch *w)
{
	if (!--w->files) {
		RCU_INIT_POINTER(u->watch, NULL);
		atomic_dec(&vsb_watches);
		vsb_watch_put(w);
	}
	vsb_watch_put(w);
}

static void vsb_watch_go(struct vsb_watch *w, const void *by)
{
	bool goes;

	spin_lock(&w->lock);
	goes = w->by && (!by || w->by == by);
	if (goes)
		w->by = NULL;
	spin_unlock(&w->lock);
	if (goes) {
		atomic_dec(&vsb_stopped);
		wake_up_all(&w->wait);
	}
}

void vsb_watch_end(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_watch *w = vsb_locked(cloud, u->watch);

	if (w)
		vsb_watch_go(w, NULL);
}

/* Under @w->lock. */
static bool vsb_watch_is_stopped(const struct vsb_watch *w)
{
	return w->by && time_before(jiffies, w->until);
}

bool vsb_watch_stops(struct vsb_watch *w)
{
	bool stops;

	spin_lock(&w->lock);
	stops = vsb_watch_is_stopped(w);
	spin_unlock(&w->lock);
	return stops;
}

int vsb_watch_stop(struct vsb_watch *w, const void *by, unsigned int ms)
{
	int ret = 0;

	if (!ms) {
		vsb_watch_go(w, by);
		return 0;
	}
	spin_lock(&w->lock);
	if (vsb_watch_is_stopped(w) && w->by != by) {
		ret = -EBUSY;
	} else {
		/* One that is over counts until somebody ends it. */
		if (!w->by)
			atomic_inc(&vsb_stopped);
		w->by = by;
		w->until = jiffies + msecs_to_jiffies(ms);
	}
	spin_unlock(&w->lock);
	return ret;
}

/* The vCPU's place, or -1: there is none. Under @w->lock. */
static int vsb_watch_find(struct vsb_watch *w, unsigned long anchor)
{
	u32 i;

	for (i = 0; i < w->nr; i++)
		if (w->anchor[i] == anchor)
			return i;
	if (i == VSB_MAX_ANCHORS)
		return -1;
	w->anchor[i] = anchor;
	w->nr++;
	return i;
}

void vsb_watch_seen(struct vsb_watch *w, const struct vsb_ident *id,
		    const struct vsb_vcpu_state *state)
{
	int i;

	spin_lock(&w->lock);
	if (id->ept_pointer && id->levels) {
		w->root = id->ept_pointer;
		w->levels = id->levels;
	}
	i = vsb_watch_find(w, id->anchor);
	if (i >= 0) {
		w->state[i].flags = VSB_VCPU_SEEN;
		w->state[i].seen_ns = ktime_get_boottime_ns();
		w->state[i].regs = state->regs;
		w->state[i].sregs = state->sregs;
	}
	spin_unlock(&w->lock);
}

static void vsb_watch_mark(struct vsb_watch *w, unsigned long anchor, bool stands)
{
	int i;

	spin_lock(&w->lock);
	i = vsb_watch_find(w, anchor);
	if (i >= 0 && stands)
		w->state[i].flags |= VSB_VCPU_STANDS;
	else if (i >= 0)
		w->state[i].flags &= ~VSB_VCPU_STANDS;
	spin_unlock(&w->lock);
}

bool vsb_watch_stand(struct vsb_watch *w, const struct vsb_ident *id)
{
	long left, ret = 0;

	vsb_watch_mark(w, id->anchor, true);
	while (ret >= 0 && vsb_watch_stops(w)) {
		left = (long)(READ_ONCE(w->until) - jiffies);
		ret = wait_event_interruptible_timeout(w->wait, !vsb_watch_stops(w),
						       clamp(left, 1L, (long)HZ));
	}
	vsb_watch_mark(w, id->anchor, false);
	return ret >= 0;
}
