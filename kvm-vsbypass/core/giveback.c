// SPDX-License-Identifier: GPL-2.0
/*
 * The ports of a user VM go back to the guest hypervisor: its devices there, with which we have
 * played, are brought by exits to where the user VM believes them to be.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>

#include "core/cloud.h"
#include "core/giveback.h"
#include "core/proxy.h"
#include "core/raise.h"
#include "core/slots.h"
#include "core/uservm.h"

/* For a user VM to run, so that its devices can go back to the guest hypervisor. */
#define VSB_GIVE_MS	2000

static bool vsb_give_goes_on(const struct vsb_raise *r)
{
	return READ_ONCE(r->give_at) < READ_ONCE(r->give_nr) || READ_ONCE(r->open) >= 0;
}

/* The user VM of @proxy, referenced, or NULL. */
static struct vsb_l2 *vsb_give_uservm(struct vsb_proxy *proxy)
{
	struct vsb_l2 *u;

	rcu_read_lock();
	u = rcu_dereference(proxy->uservm);
	if (u && !refcount_inc_not_zero(&u->ref))
		u = NULL;
	rcu_read_unlock();
	return u;
}

/* Return: how many writes. */
static u32 vsb_give_begin(struct vsb_l2 *u)
{
	struct vsb_slots *slots = vsb_slots_get(u);
	struct vsb_raise *r = &u->raise;
	struct vsb_reg_write give[VSB_MAX_GIVEN];
	u32 nr = 0;

	if (slots)
		nr = vsb_slots_restore(slots, give, VSB_MAX_GIVEN);
	rcu_read_lock();
	spin_lock(&r->lock);
	memcpy(r->give, give, nr * sizeof(*give));
	WRITE_ONCE(r->give_at, 0);
	WRITE_ONCE(r->give_nr, nr);
	r->stray = r->open >= 0;
	vsb_dummy_forget(&r->dummies, U32_MAX);
	vsb_raise_update(u);
	spin_unlock(&r->lock);
	rcu_read_unlock();
	vsb_slots_put(slots);
	return nr;
}

/**
 * vsb_give_back - VSB_GIVE_BACK
 * @proxy: of the user VM
 *
 * Return: 0, or an error as the UAPI header documents.
 */
long vsb_give_back(struct vsb_proxy *proxy)
{
	unsigned long end = jiffies + msecs_to_jiffies(VSB_GIVE_MS);
	struct vsb_l2 *u;
	long ret = 0;
	u32 nr;

	if (!vsb_raise_does(proxy))
		return -EOPNOTSUPP;
	if (!vsb_cloud_is_frozen(proxy->cloud))
		return -EBUSY;
	u = vsb_give_uservm(proxy);
	if (!u)
		return -ENOENT;
	nr = vsb_give_begin(u);
	/* When it thaws by itself somebody has to be there. */
	vsb_raise_attend_in(proxy, 1);
	while (vsb_give_goes_on(&u->raise) && !ret) {
		rcu_read_lock();
		vsb_raise_prod(proxy->cloud, u);
		rcu_read_unlock();
		if (time_after(jiffies, end))
			ret = -ETIMEDOUT;
		else if (msleep_interruptible(5))
			ret = -EINTR;
	}
	if (!ret && nr && !vsb_raise_gives(&u->raise))
		ret = -ETIMEDOUT;
	vsb_uservm_put(u);
	return ret;
}

/* They are ours after all: what has waited for that is raised. Under cloud->lock. */
void vsb_give_ends(struct vsb_cloud *cloud)
{
	struct vsb_l2 *u;

	rcu_read_lock();
	list_for_each_entry(u, &cloud->uservms, node) {
		spin_lock(&u->raise.lock);
		WRITE_ONCE(u->raise.give_nr, 0);
		vsb_raise_update(u);
		spin_unlock(&u->raise.lock);
		vsb_raise_wake(u);
	}
	rcu_read_unlock();
}

/* It is to thaw at another time. Under cloud->lock. */
void vsb_give_lasts(struct vsb_cloud *cloud)
{
	struct vsb_proxy *proxy;

	list_for_each_entry(proxy, &cloud->pool, node)
		vsb_raise_attend_in(proxy, 1);
}
