// SPDX-License-Identifier: GPL-2.0
/*
 * Accesses on their way to the VMM of a proxy. Those of the user VM wait in a queue, the
 * thread that makes one sleeps; a vCPU thread of the proxy, a server, takes one out and
 * completes it when it comes back.
 */
#include <linux/completion.h>
#include <linux/sched/signal.h>

#include "core/cloud.h"
#include "core/proxy.h"
#include "core/slots.h"
#include "core/trace.h"
#include "core/uservm.h"

/**
 * struct vsb_queued - an access in flight, on the stack of the vCPU that waits
 * @node:	in proxy->queue until it is taken; proxy->lock
 * @pio:	what
 * @data:	little endian; for reads valid when @served
 * @served:	answered, as opposed to given up; proxy->lock
 * @done:	completed under proxy->lock, so that the waiter, which takes the
 *		lock before it returns, cannot pull the stack away
 */
struct vsb_queued {
	struct list_head node;
	struct vsb_pio pio;
	u32 data;
	bool served;
	struct completion done;
};

/* ---- the user VM's side; vCPU context of the cloud VM ---- */

bool vsb_proxy_idle(struct vsb_proxy *proxy)
{
	return READ_ONCE(proxy->idle);
}

static bool vsb_proxy_answers(struct vsb_proxy *proxy)
{
	return READ_ONCE(proxy->idle) || READ_ONCE(proxy->dead) ||
	       READ_ONCE(proxy->stalled);
}

/* There is an access for a proxy that has no VM: the reader of events is told, once. */
static void vsb_proxy_want(struct vsb_proxy *proxy)
{
	bool news;

	if (!vsb_proxy_rests(proxy))
		return;
	spin_lock(&proxy->lock);
	news = !proxy->wanted && !proxy->dead;
	proxy->wanted = true;
	proxy->wants |= news;
	spin_unlock(&proxy->lock);
	if (news)
		wake_up_interruptible(&proxy->events);
}

/* It missed its time; until it comes back to KVM_RUN nobody waits for it. */
static void vsb_proxy_stall(struct vsb_proxy *proxy)
{
	spin_lock(&proxy->lock);
	if (!proxy->idle)
		proxy->stalled = true;
	spin_unlock(&proxy->lock);
	wake_up_all(&proxy->ready);
}

/**
 * vsb_proxy_wait_idle - wait until somebody would take an access at once
 * @proxy: the proxy
 *
 * Return: 0, also if nobody ever will, -ETIMEDOUT: since now, or -ERESTARTSYS: a
 * signal came first.
 */
int vsb_proxy_wait_idle(struct vsb_proxy *proxy)
{
	long left;

	if (vsb_proxy_answers(proxy))
		return 0;
	vsb_proxy_want(proxy);
	left = wait_event_interruptible_timeout(proxy->ready, vsb_proxy_answers(proxy),
						proxy->timeout);
	if (left)
		return left < 0 ? left : 0;
	vsb_proxy_stall(proxy);
	return -ETIMEDOUT;
}

/**
 * vsb_proxy_access - have an access done
 * @proxy: by this proxy
 * @pio: the access
 * @data: value to write, or where to put the value read
 *
 * Return: 0, -ENODEV: the proxy is gone or has stalled, -ETIMEDOUT: it does so
 * now, -EINTR: the waiting thread is being killed.
 */
int vsb_proxy_access(struct vsb_proxy *proxy, const struct vsb_pio *pio, u32 *data)
{
	struct vsb_queued access = {
		.node = LIST_HEAD_INIT(access.node),
		.pio = *pio,
		.data = pio->in ? 0 : *data,
	};
	long left;
	int i;

	init_completion(&access.done);
	spin_lock(&proxy->lock);
	if (proxy->dead || proxy->stalled) {
		spin_unlock(&proxy->lock);
		return -ENODEV;
	}
	list_add_tail(&access.node, &proxy->queue);
	proxy->touched = true;
	spin_unlock(&proxy->lock);
	wake_up(&proxy->work);
	vsb_proxy_want(proxy);

	left = wait_for_completion_killable_timeout(&access.done, proxy->timeout);

	spin_lock(&proxy->lock);
	list_del(&access.node);
	for (i = 0; i < VSB_MAX_SERVERS; i++)
		if (proxy->server[i] == &access)
			proxy->server[i] = NULL;
	if (!access.served && !left)
		proxy->stalled = true;
	spin_unlock(&proxy->lock);

	if (access.served) {
		*data = access.data;
		return 0;
	}
	if (!left)
		return -ETIMEDOUT;
	return left < 0 ? -EINTR : -ENODEV;
}

/* ---- the VMM's side; in the thread of a server ---- */

/* Under proxy->lock. */
static void vsb_proxy_complete(struct vsb_proxy *proxy, unsigned int n, const void *answer)
{
	struct vsb_queued *access = proxy->server[n];

	if (proxy->replay_by == n) {
		vsb_proxy_count(proxy, VSB_C_REPLAYS);
		proxy->replay_by = -1;
		proxy->replay_pos++;
		/* Accesses may have waited for the last one. */
		wake_up(&proxy->work);
	}
	if (!access)
		return;
	if (access->pio.in)
		memcpy(&access->data, answer, access->pio.size);
	proxy->server[n] = NULL;
	access->served = true;
	complete(&access->done);
}

/* Outside of proxy->lock: slot->lock comes first. */
static void vsb_proxy_complete_job(struct vsb_proxy *proxy, unsigned int n,
				   const void *answer)
{
	struct vsb_job *job = &proxy->job[n];

	if (!job->serial)
		return;
	vsb_slots_complete(proxy, job, answer);
	job->serial = 0;
}

static void vsb_order_set(struct vsb_order *order, const struct vsb_pio *pio, u32 count,
			  const void *data)
{
	order->pio = *pio;
	order->count = count;
	memcpy(order->data, data, count * pio->size);
}

/* The user VM waits for an access; nobody waits for this. */
static bool vsb_proxy_take_job(struct vsb_proxy *proxy, unsigned int n,
			       struct vsb_order *order)
{
	struct vsb_pio pio = { .size = 1 };
	struct vsb_io io;

	if (!vsb_slots_take(proxy, &proxy->job[n], &io, &pio.port))
		return false;
	pio.port += io.reg;
	pio.in = io.in;
	vsb_order_set(order, &pio, io.count, io.data);
	return true;
}

/* Is there something for server @n to do? If so it is in @order. */
static bool vsb_proxy_take(struct vsb_proxy *proxy, unsigned int n, struct vsb_order *order)
{
	struct vsb_queued *access;
	bool taken = false;

	/* Its VM is not in its place yet. */
	if (vsb_proxy_rests(proxy))
		return false;
	spin_lock(&proxy->lock);
	if (proxy->replay_pos < proxy->replay_nr) {
		struct vsb_reg_write *w = &proxy->replay[proxy->replay_pos];

		if (proxy->replay_by < 0) {
			proxy->replay_by = n;
			vsb_order_set(order, &(struct vsb_pio){
				.port = w->port, .size = w->size ?: 1, .in = w->in }, 1,
				&w->value);
			taken = true;
		}
	} else {
		access = list_first_entry_or_null(&proxy->queue, struct vsb_queued, node);
		if (access) {
			list_del_init(&access->node);
			proxy->server[n] = access;
			vsb_order_set(order, &access->pio, 1, &access->data);
			taken = true;
		}
	}
	spin_unlock(&proxy->lock);
	return taken || vsb_proxy_take_job(proxy, n, order);
}

/*
 * It comes back to KVM_RUN behind its time. Accesses that it did not get were absorbed, and what
 * they wrote is not in its devices.
 */
static void vsb_proxy_catch_up(struct vsb_proxy *proxy)
{
	struct vsb_cloud *cloud = proxy->cloud;
	struct vsb_l2 *u;

	mutex_lock(&cloud->lock);
	u = vsb_locked(cloud, proxy->uservm);
	if (u && READ_ONCE(proxy->stalled) && !READ_ONCE(proxy->dead))
		vsb_proxy_set_replay(proxy, u);
	mutex_unlock(&cloud->lock);
}

/*
 * Sleep until there is work for this server, the proxy dies or a signal comes.
 * Return: is there work?
 */
static bool vsb_proxy_wait(struct vsb_proxy *proxy, unsigned int n, struct vsb_order *order)
{
	bool taken = false;

	if (READ_ONCE(proxy->stalled))
		vsb_proxy_catch_up(proxy);
	spin_lock(&proxy->lock);
	proxy->idle++;
	proxy->stalled = false;
	spin_unlock(&proxy->lock);
	wake_up_all(&proxy->ready);

	/* Exclusive: one access wakes one vCPU. */
	wait_event_interruptible_exclusive(proxy->work,
					   READ_ONCE(proxy->dead) ||
					   (taken = vsb_proxy_take(proxy, n, order)));

	spin_lock(&proxy->lock);
	proxy->idle--;
	/* A wake-up that this vCPU got and did not use belongs to another. */
	if (!taken)
		wake_up(&proxy->work);
	spin_unlock(&proxy->lock);
	return taken;
}

/**
 * vsb_proxy_serve - a vCPU thread of a proxy comes for work
 * @proxy: the proxy
 * @n: the vCPU's number
 * @answer: what was read by the order that it had last
 * @wait: sleep until there is some
 * @order: put here
 *
 * Return: true, it has an order; false: a signal has come, or the proxy is dead.
 */
bool vsb_proxy_serve(struct vsb_proxy *proxy, unsigned int n, const void *answer, bool wait,
		     struct vsb_order *order)
{
	if (n >= VSB_MAX_SERVERS) {
		wait_event_interruptible(proxy->work, READ_ONCE(proxy->dead));
		return false;
	}
	vsb_proxy_complete_job(proxy, n, answer);
	spin_lock(&proxy->lock);
	vsb_proxy_complete(proxy, n, answer);
	spin_unlock(&proxy->lock);
	return wait && vsb_proxy_wait(proxy, n, order);
}

/* What the user VM @u has programmed is written into the proxy. Under cloud->lock. */
void vsb_proxy_set_replay(struct vsb_proxy *proxy, struct vsb_l2 *u)
{
	bool again;
	u32 nr;

	spin_lock(&proxy->lock);
	again = proxy->stalled;
	/*
	 * There is one, and nobody may make it yet: an access that comes while the list is
	 * made is not overtaken by what the list has of before it.
	 */
	proxy->replay_nr = 1;
	proxy->replay_pos = 0;
	proxy->replay_by = VSB_MAX_SERVERS;
	spin_unlock(&proxy->lock);
	/* slot->lock comes before proxy->lock. */
	nr = vsb_slots_replay(vsb_locked(proxy->cloud, u->slots), proxy->replay, again);
	spin_lock(&proxy->lock);
	proxy->replay_nr = nr;
	proxy->replay_by = -1;
	spin_unlock(&proxy->lock);
	/* Whoever was woken for an access meanwhile has found nothing to do. */
	wake_up_all(&proxy->work);
	if (nr)
		trace_vsbypass_reset(proxy->name, nr);
}

/* It answers nothing any more: all that wait are released. Any context. */
void vsb_proxy_release_all(struct vsb_proxy *proxy)
{
	struct vsb_queued *access;
	int i;

	spin_lock(&proxy->lock);
	WRITE_ONCE(proxy->dead, true);
	list_for_each_entry(access, &proxy->queue, node)
		complete(&access->done);
	for (i = 0; i < VSB_MAX_SERVERS; i++) {
		if (proxy->server[i])
			complete(&proxy->server[i]->done);
		proxy->server[i] = NULL;
	}
	spin_unlock(&proxy->lock);
	wake_up_all(&proxy->work);
	wake_up_all(&proxy->ready);
}
