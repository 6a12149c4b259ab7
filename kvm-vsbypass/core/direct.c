// SPDX-License-Identifier: GPL-2.0
/*
 * Vectors that are injected without the guest hypervisor: those that it was seen to inject
 * (vector.h). Its interrupt controller knows nothing of one, so the user VM's word that it is
 * done with it must not get there.
 */
#include <linux/jiffies.h>

#include "core/cloud.h"
#include "core/direct.h"
#include "core/proxy.h"
#include "core/raise.h"
#include "core/uservm.h"

/*
 * What is known of the line that is raised next, or NULL: nothing, or that is not to be
 * used. Under rcu_read_lock(), raise->lock and proxy->lock.
 */
static const struct vsb_vector *vsb_direct_next(struct vsb_l2 *u, struct vsb_proxy *proxy)
{
	const struct vsb_raise *r = &u->raise;
	int gsi = vsb_irq_peek(&proxy->irqs);

	if (gsi < 0 || !(READ_ONCE(proxy->cloud->irq) & VSB_IRQ_DIRECT) || r->never ||
	    vsb_raise_gives(r) || r->dummies.gsi >= 0)
		return NULL;
	return vsb_vectors_known(&r->vectors, gsi);
}

/* The vCPU that what is raised next is injected into, or 0. Under RCU and raise->lock. */
unsigned long vsb_direct_target(struct vsb_l2 *u, struct vsb_proxy *proxy)
{
	const struct vsb_vector *known;
	unsigned long anchor;

	spin_lock(&proxy->lock);
	known = vsb_direct_next(u, proxy);
	anchor = known ? known->anchor : 0;
	spin_unlock(&proxy->lock);
	return anchor;
}

/* What would be injected into this vCPU now, or 0. Under rcu_read_lock(). */
u8 vsb_direct_vector(struct vsb_l2 *u, unsigned long anchor)
{
	struct vsb_proxy *proxy = rcu_dereference(u->proxy);
	const struct vsb_vector *known = NULL;
	struct vsb_raise *r = &u->raise;
	u8 vector = 0;

	if (!proxy || !anchor)
		return 0;
	spin_lock(&r->lock);
	spin_lock(&proxy->lock);
	/* One at a time: else a rise would come twice. */
	if (r->vectors.sent < 0)
		known = vsb_direct_next(u, proxy);
	if (known && known->anchor == anchor)
		vector = known->vector;
	spin_unlock(&proxy->lock);
	spin_unlock(&r->lock);
	return vector;
}

/**
 * vsb_direct_send - inject this vector?
 * @u: the user VM
 * @anchor: of its vCPU, which can take it
 * @vector: as of vsb_direct_vector()
 * @eoi_exits: that it is done with it will be an exit
 *
 * If the CPU is to do it when it can, vsb_direct_disarmed() follows.
 */
bool vsb_direct_send(struct vsb_l2 *u, unsigned long anchor, u8 vector, bool eoi_exits)
{
	const struct vsb_vector *known;
	struct vsb_raise *r = &u->raise;
	struct vsb_proxy *proxy;
	unsigned long wait = 0;
	int gsi = -1;

	rcu_read_lock();
	proxy = rcu_dereference(u->proxy);
	spin_lock(&r->lock);
	if (proxy && vsb_raise_due(u)) {
		spin_lock(&proxy->lock);
		known = vsb_direct_next(u, proxy);
		if (known && known->vector == vector && known->anchor == anchor)
			gsi = vsb_irq_take(&proxy->irqs);
		spin_unlock(&proxy->lock);
	}
	if (gsi >= 0) {
		vsb_raise_asked(r, gsi);
		wait = r->patience;
		vsb_vectors_sent(&r->vectors, gsi);
		vsb_service_sent(&r->service, eoi_exits ? anchor : 0, vector);
		atomic64_inc(&r->direct);
	}
	vsb_raise_update(u);
	spin_unlock(&r->lock);
	if (gsi >= 0)
		vsb_raise_attend_in(proxy, wait);
	rcu_read_unlock();
	return gsi >= 0;
}

/* The CPU has not injected it, and does not any more. Under rcu_read_lock(). */
void vsb_direct_disarmed(struct vsb_l2 *u)
{
	struct vsb_raise *r = &u->raise;

	spin_lock(&r->lock);
	/* Else another vCPU has answered the line. */
	if (r->vectors.sent >= 0)
		vsb_raise_again(u, BIT(r->vectors.sent));
	r->vectors.sent = -1;
	vsb_service_unsent(&r->service);
	atomic64_dec(&r->direct);
	vsb_raise_update(u);
	spin_unlock(&r->lock);
}

/* The guest hypervisor injects an external interrupt. */
void vsb_direct_injected(struct vsb_l2 *u, unsigned long anchor, u8 vector)
{
	struct vsb_raise *r = &u->raise;

	rcu_read_lock();
	spin_lock(&r->lock);
	vsb_vectors_injected(&r->vectors, anchor, vector);
	vsb_service_injected(&r->service, anchor, vector);
	vsb_raise_update(u);
	spin_unlock(&r->lock);
	rcu_read_unlock();
}

/*
 * This vCPU says that it is done with what is in service. Is that ours, of which the guest
 * hypervisor does not know? Callback context.
 */
bool vsb_direct_eoi(struct vsb_l2 *u, unsigned long anchor)
{
	struct vsb_raise *r = &u->raise;
	bool ours;

	if (!anchor || READ_ONCE(r->service.anchor) != anchor)
		return false;
	spin_lock(&r->lock);
	ours = vsb_service_eoi(&r->service, anchor);
	vsb_raise_update(u);
	spin_unlock(&r->lock);
	return ours;
}

/* It makes an access to an interrupt controller. Callback context. */
void vsb_direct_forget(struct vsb_l2 *u)
{
	spin_lock(&u->raise.lock);
	vsb_vectors_forget(&u->raise.vectors);
	spin_unlock(&u->raise.lock);
}

/*
 * No vector is injected into it before it is reset. It is a hypervisor: on SVM it may have
 * interrupts on and the global interrupt flag off (APM vol. 2, 15.17), with registers of its
 * guest loaded, which only the guest hypervisor knows. Or it may end an interrupt in memory
 * that it shares with the guest hypervisor. Callback context.
 */
void vsb_direct_never(struct vsb_l2 *u)
{
	WRITE_ONCE(u->raise.never, true);
}
