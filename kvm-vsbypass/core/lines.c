// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt lines of a proxy (irq.c) with their lock, their reader and their time; and the
 * moments at which devices of the user VM want to be called.
 */
#include <linux/jiffies.h>

#include "core/compat.h"
#include "core/proxy.h"
#include "core/raise.h"
#include "core/slots.h"
#include "core/trace.h"

/*
 * Edges of a line are held for a handler that is at work: until it has taken a
 * last look, until nobody has touched the device for a moment, but not longer
 * than the most, for a driver that polls while it waits for an interrupt.
 */
#define VSB_HOLD_MS		20
#define VSB_HOLD_MOST_MS	400

/* A fall of a line is reported with the next rise; this is the end of waiting for one. */
#define VSB_SETTLE_MS		400

/* A UART that is blocked, and has perhaps no interrupt for the end of that. */
#define VSB_POLL_MS		20

/* A pause of the line behind a burst of input: what the burst takes at 115200 baud. */
#define VSB_MOMENT_MS		10

/*
 * A line may stay low; after an @edge the time begins anew, but not because somebody
 * looks for events. Under proxy->lock.
 */
void vsb_proxy_settle_soon(struct vsb_proxy *proxy, bool edge)
{
	unsigned long delay = msecs_to_jiffies(VSB_SETTLE_MS);

	if (!vsb_irq_unsettled(&proxy->irqs) || proxy->dead)
		return;
	if (edge)
		mod_delayed_work(vsb_wq, &proxy->settle, delay);
	else
		schedule_delayed_work(&proxy->settle, delay);
}

/*
 * If edges of these lines are held now: those of a handler that ends without a
 * last look must not wait for ever. Under proxy->lock.
 */
static void vsb_proxy_limit_hold(struct vsb_proxy *proxy, u32 lines)
{
	if (vsb_irq_held(&proxy->irqs) & lines && !proxy->dead &&
	    schedule_delayed_work(&proxy->unhold, msecs_to_jiffies(VSB_HOLD_MS)))
		proxy->hold_until = jiffies + msecs_to_jiffies(VSB_HOLD_MOST_MS);
}

/* There are edges to tell of; whose are they? Not under proxy->lock. */
void vsb_proxy_edges(struct vsb_proxy *proxy)
{
	if (vsb_raise_does(proxy))
		vsb_raise_edge(proxy);
	else
		wake_up_interruptible(&proxy->events);
}

/* Is there one that the reader of events is told of? */
bool vsb_proxy_tells(const struct vsb_proxy *proxy)
{
	return (!vsb_raise_does(proxy) || READ_ONCE(proxy->late)) &&
	       vsb_irq_pending(&proxy->irqs);
}

/* There is an edge of this line to tell of, now or when it is no longer held. */
static void vsb_proxy_edge(struct vsb_proxy *proxy, u32 gsi, bool level)
{
	bool wake;

	spin_lock(&proxy->lock);
	vsb_proxy_limit_hold(proxy, BIT(gsi));
	wake = vsb_irq_pending(&proxy->irqs);
	spin_unlock(&proxy->lock);
	vsb_proxy_count(proxy, VSB_C_IRQ_EDGES);
	trace_vsbypass_irq(proxy->name, gsi, level);
	if (wake)
		vsb_proxy_edges(proxy);
	else if (!level && vsb_raise_does(proxy))
		vsb_raise_fell(proxy);
}

/**
 * vsb_proxy_set_line - the VMM sets an interrupt line
 * @proxy: of this proxy
 * @gsi: the line
 * @level: high?
 *
 * Return: 1; 0: merged with the level before; -EINVAL: no such line.
 */
int vsb_proxy_set_line(struct vsb_proxy *proxy, u32 gsi, bool level)
{
	bool edge;

	if (gsi >= VSB_NR_GSI)
		return -EINVAL;
	if (vsb_slots_irq_line(proxy, gsi, level))
		return 1;
	spin_lock(&proxy->lock);
	edge = vsb_irq_set(&proxy->irqs, gsi, level);
	vsb_proxy_settle_soon(proxy, edge);
	spin_unlock(&proxy->lock);
	if (edge)
		vsb_proxy_edge(proxy, gsi, level);
	return edge;
}

static void vsb_proxy_unhold(struct work_struct *work)
{
	struct vsb_proxy *proxy = container_of(to_delayed_work(work), struct vsb_proxy, unhold);
	bool again;

	spin_lock(&proxy->lock);
	again = proxy->irqs.held && proxy->touched && !proxy->dead &&
		time_before(jiffies, proxy->hold_until);
	proxy->touched = false;
	if (again)
		schedule_delayed_work(&proxy->unhold, msecs_to_jiffies(VSB_HOLD_MS));
	else
		proxy->irqs.held = 0;
	spin_unlock(&proxy->lock);
	if (!again)
		vsb_proxy_edges(proxy);
}

static void vsb_proxy_settle(struct work_struct *work)
{
	struct vsb_proxy *proxy = container_of(to_delayed_work(work), struct vsb_proxy, settle);

	spin_lock(&proxy->lock);
	vsb_irq_settle(&proxy->irqs);
	vsb_proxy_limit_hold(proxy, U32_MAX);
	spin_unlock(&proxy->lock);
	vsb_proxy_edges(proxy);
}

/*
 * A device of @slots has changed its line, which @rose perhaps in between. The level is looked
 * at under the lock: of two devices that share a line the last one here sees both.
 */
void vsb_proxy_follow(struct vsb_proxy *proxy, struct vsb_slots *slots, u32 gsi, bool rose)
{
	bool edge, level;

	spin_lock(&proxy->lock);
	level = vsb_slots_level(slots, gsi);
	edge = vsb_irq_follow(&proxy->irqs, gsi, level, rose);
	vsb_proxy_settle_soon(proxy, edge);
	spin_unlock(&proxy->lock);
	if (edge)
		vsb_proxy_edge(proxy, gsi, level);
}

static void vsb_proxy_poll_work(struct work_struct *work)
{
	vsb_slots_poll(container_of(to_delayed_work(work), struct vsb_proxy, poll));
}

/* Have vsb_slots_poll() called in a moment. */
void vsb_proxy_poll_soon(struct vsb_proxy *proxy)
{
	spin_lock(&proxy->lock);
	if (!proxy->dead)
		schedule_delayed_work(&proxy->poll, msecs_to_jiffies(VSB_POLL_MS));
	spin_unlock(&proxy->lock);
}

static void vsb_proxy_moment_work(struct work_struct *work)
{
	vsb_slots_moment(container_of(to_delayed_work(work), struct vsb_proxy, moment));
}

/* Have vsb_slots_moment() called VSB_MOMENT_MS after the last call of this. */
void vsb_proxy_moment_from_now(struct vsb_proxy *proxy)
{
	spin_lock(&proxy->lock);
	if (!proxy->dead)
		mod_delayed_work(vsb_wq, &proxy->moment, msecs_to_jiffies(VSB_MOMENT_MS));
	spin_unlock(&proxy->lock);
}

/* The user VM's handler for this line begins or ends. vCPU context. */
void vsb_proxy_hold(struct vsb_proxy *proxy, u32 gsi, bool hold)
{
	bool wake;

	spin_lock(&proxy->lock);
	if (hold)
		proxy->irqs.held |= BIT(gsi);
	else
		proxy->irqs.held &= ~BIT(gsi);
	vsb_proxy_limit_hold(proxy, BIT(gsi));
	wake = vsb_irq_pending(&proxy->irqs);
	spin_unlock(&proxy->lock);
	if (hold)
		vsb_raise_handled(proxy, gsi);
	else if (vsb_raise_does(proxy))
		vsb_raise_looked(proxy, gsi);
	if (wake)
		vsb_proxy_edges(proxy);
}

static void vsb_proxy_attend_work(struct work_struct *work)
{
	vsb_raise_attend(container_of(to_delayed_work(work), struct vsb_proxy, attend));
}

/* ---- life ---- */

void vsb_proxy_init_lines(struct vsb_proxy *proxy)
{
	INIT_DELAYED_WORK(&proxy->unhold, vsb_proxy_unhold);
	INIT_DELAYED_WORK(&proxy->settle, vsb_proxy_settle);
	INIT_DELAYED_WORK(&proxy->poll, vsb_proxy_poll_work);
	INIT_DELAYED_WORK(&proxy->moment, vsb_proxy_moment_work);
	INIT_DELAYED_WORK(&proxy->attend, vsb_proxy_attend_work);
}

/* The proxy is dead. */
void vsb_proxy_stop_lines(struct vsb_proxy *proxy)
{
	cancel_delayed_work_sync(&proxy->unhold);
	cancel_delayed_work_sync(&proxy->settle);
	cancel_delayed_work_sync(&proxy->poll);
	cancel_delayed_work_sync(&proxy->moment);
	cancel_delayed_work_sync(&proxy->attend);
}
