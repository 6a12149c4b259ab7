// SPDX-License-Identifier: GPL-2.0
/*
 * The HLT of a user VM, kept from the guest hypervisor while an exit may be wanted: a user VM
 * that sleeps there makes none.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>

#include "core/halt.h"
#include "core/proxy.h"
#include "core/raise.h"
#include "core/uservm.h"

/*
 * A HLT that is kept costs the cloud VM: the guest hypervisor believes that the vCPU runs, has
 * its ticks, and gives nobody else the CPU. So it is kept only for so long behind the last
 * thing that happened on the console: who types has the next key ready sooner.
 */
#define VSB_KEEP_MS	10000

/*
 * Others in the cloud VM want the CPU: with nobody else the guest hypervisor is back sooner
 * from an interrupt of its own. Then no HLT is kept for a while.
 */
#define VSB_SHARED_NS	(3 * NSEC_PER_MSEC)
#define VSB_SHY_MS	100
#define VSB_SHY_MOST_MS	5000

/*
 * But who types would wait for the user VM to wake by itself with each key. What had to wait so
 * long has HLTs kept behind it as if nobody else wanted the CPU; the guest hypervisor still shares
 * that, to it the user VM runs.
 */
#define VSB_WAITED_MS	20

/* Jiffies that a HLT may still be kept. */
static unsigned long vsb_halt_time(const struct vsb_raise *r)
{
	unsigned long end = r->active + msecs_to_jiffies(VSB_KEEP_MS);

	return time_before(jiffies, end) ? end - jiffies : 0;
}

void vsb_halt_init(struct vsb_raise *r)
{
	r->active = jiffies - msecs_to_jiffies(VSB_KEEP_MS);
	r->keep_from = jiffies;
	r->keep_until = jiffies;
}

/* A line is raised at last. Under raise->lock. */
void vsb_halt_raised(struct vsb_raise *r)
{
	if (time_after(jiffies, r->since + msecs_to_jiffies(VSB_WAITED_MS)))
		r->keep_until = jiffies + msecs_to_jiffies(VSB_KEEP_MS);
}

/* Return: jiffies until the next look, or 0; @prod: who has halted is to do so anew. */
unsigned long vsb_halt_attend(struct vsb_raise *r, bool *prod)
{
	unsigned long left = vsb_halt_time(r);

	if (!r->halted)
		return 0;
	*prod = !left;
	/* A vCPU that is no more. */
	if (time_after(jiffies, r->active + msecs_to_jiffies(2 * VSB_KEEP_MS)))
		r->halted = 0;
	return left ?: HZ;
}

/**
 * vsb_halt_keep - is this HLT kept from the guest hypervisor?
 * @u: the user VM; callback context
 * @anchor: of its vCPU, 0: unknown
 * @rip: of the instruction
 * @wakes: an interrupt ends it. One that nothing but INIT or an NMI does is a CPU that its system
 *	has parked. Kept, the instruction would be executed again and again, also while its memory
 *	is changed by others, who know that nobody is there: SeaBIOS has QEMU map its own
 *	segment anew.
 */
bool vsb_halt_keep(struct vsb_l2 *u, unsigned long anchor, unsigned long rip, bool wakes)
{
	struct vsb_proxy *proxy = rcu_dereference(u->proxy);
	struct vsb_raise *r = &u->raise;
	bool keep;

	/* Without an anchor its vCPUs cannot be told apart. */
	if (!anchor)
		return false;
	spin_lock(&r->lock);
	/* One that can be had at once is enough. */
	keep = wakes && proxy && vsb_raise_does(proxy) && (!r->halted || r->halted == anchor) &&
	       vsb_halt_time(r) &&
	       (!time_before(jiffies, r->keep_from) || time_before(jiffies, r->keep_until));
	/* What it has in service it is done with, in a way that is no exit. */
	if (r->service.anchor == anchor)
		vsb_service_end(&r->service);
	if (keep) {
		r->halted = anchor;
		r->hlt = rip;
		r->behind = 0;
		r->left = 0;
		atomic64_inc(&r->halts);
	} else if (r->halted == anchor) {
		r->halted = 0;
	}
	vsb_raise_update(u);
	spin_unlock(&r->lock);
	if (keep)
		vsb_raise_attend_in(proxy, msecs_to_jiffies(VSB_KEEP_MS));
	return keep;
}

/*
 * Whatever the guest hypervisor gets to see of this vCPU, it is behind its HLT: it may inject
 * an interrupt, which ends the HLT. Return: is it in one that is kept? @rip is in and out.
 */
bool vsb_halt_leave(struct vsb_l2 *u, unsigned long anchor, unsigned long *rip)
{
	struct vsb_raise *r = &u->raise;
	bool halted;

	if (!anchor || READ_ONCE(r->halted) != anchor)
		return false;
	spin_lock(&r->lock);
	halted = r->halted == anchor;
	/* With prefixes an instruction has at most 15 bytes (SDM vol. 2, 2.3.11). */
	if (halted && !r->behind && *rip - r->hlt - 1 < 15)
		r->behind = *rip;
	if (halted && *rip == r->hlt && r->behind)
		*rip = r->behind;
	if (halted && *rip != r->behind) {
		r->halted = 0;	/* it has gone on */
		halted = false;
	}
	spin_unlock(&r->lock);
	return halted;
}

/*
 * This vCPU goes on. If that is behind a HLT that is kept, and there is no @event that ends
 * it, it has to execute it again. Return: so it is, at @rip.
 */
bool vsb_halt_again(struct vsb_l2 *u, unsigned long anchor, bool event, unsigned long *rip)
{
	struct vsb_raise *r = &u->raise;
	bool again;

	if (!anchor || READ_ONCE(r->halted) != anchor)
		return false;
	rcu_read_lock();
	spin_lock(&r->lock);
	again = r->halted == anchor && r->behind && *rip == r->behind && !event;
	if (again)
		*rip = r->hlt;
	else if (r->halted == anchor)
		r->halted = 0;
	vsb_raise_update(u);
	spin_unlock(&r->lock);
	rcu_read_unlock();
	return again;
}

/* The guest hypervisor has an interrupt of its own, and so the CPU, */
void vsb_halt_lost_cpu(struct vsb_l2 *u, unsigned long anchor)
{
	if (anchor && READ_ONCE(u->raise.halted) == anchor)
		u->raise.left = ktime_get_ns();
}

/* and is back. */
void vsb_halt_has_cpu(struct vsb_l2 *u, unsigned long anchor)
{
	struct vsb_raise *r = &u->raise;
	unsigned long quiet = 8 * msecs_to_jiffies(VSB_SHY_MOST_MS);

	if (!anchor || READ_ONCE(r->halted) != anchor || !r->left)
		return;
	spin_lock(&r->lock);
	if (ktime_get_ns() - r->left > VSB_SHARED_NS) {
		if (!r->shy || time_after(jiffies, r->keep_from + quiet))
			r->shy = msecs_to_jiffies(VSB_SHY_MS);
		r->keep_from = jiffies + r->shy;
		r->shy = min(2 * r->shy, msecs_to_jiffies(VSB_SHY_MOST_MS));
	}
	r->left = 0;
	spin_unlock(&r->lock);
}
