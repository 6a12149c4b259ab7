// SPDX-License-Identifier: GPL-2.0
/*
 * The devices of a user VM: their locks, their life, and what they return is to be done
 * (struct vsb_device_ops).
 */
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "core/cloud.h"
#include "core/identity.h"
#include "core/proxy.h"
#include "core/slots.h"
#include "core/uservm.h"
#include "core/vram.h"

/* ---- life ---- */

static void vsb_slots_place(struct vsb_slots *slots, void *room, const struct vsb_range *r,
			    bool ran)
{
	const struct vsb_device_ops *ops = vsb_devices[r->device];
	struct vsb_slot *slot = &slots->slot[slots->nr++];

	spin_lock_init(&slot->lock);
	slot->dev = room;
	slot->dev->ops = ops;
	slot->dev->base = r->first;
	slot->dev->keeps = slots->keeps;
	slot->dev->gsi = -1;
	if (ops->init)
		ops->init(slot->dev, ran);
}

/* The slot that has range @i of @claims as well, one before it. Or NULL: it is the first. */
static const u8 *vsb_slots_same(const struct vsb_slots *slots, u32 i)
{
	const struct vsb_range *ranges = slots->claims.ranges;
	u32 j;

	for (j = 0; j < i && vsb_devices[ranges[i].device]->whole; j++)
		if (ranges[j].device == ranges[i].device)
			return &slots->of[j];
	return NULL;
}

static size_t vsb_slots_room(const struct vsb_range *r, bool keeps)
{
	const struct vsb_device_ops *ops = vsb_devices[r->device];

	return ALIGN(ops->size + (keeps ? ops->kept : 0), sizeof(u64));
}

/**
 * vsb_slots_create - the devices behind claimed ports, as new ones are
 * @claims: the ports
 * @ran: the user VM ran before, and has programmed those of the guest hypervisor
 * @keeps: see struct vsb_slots
 *
 * Return: or NULL, no memory.
 */
struct vsb_slots *vsb_slots_create(const struct vsb_claims *claims, bool ran, bool keeps)
{
	struct vsb_slots *slots;
	size_t size = struct_size(slots, slot, claims->nr);
	void *room;
	const u8 *same;
	u32 i;

	for (i = 0; i < claims->nr; i++)
		size += vsb_slots_room(&claims->ranges[i], keeps);
	slots = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!slots)
		return NULL;
	refcount_set(&slots->ref, 1);
	slots->keeps = keeps;
	slots->claims.nr = claims->nr;
	memcpy(slots->claims.ranges, claims->ranges, sizeof(claims->ranges));
	room = &slots->slot[claims->nr];
	for (i = 0; i < claims->nr; i++) {
		same = vsb_slots_same(slots, i);
		slots->of[i] = same ? *same : slots->nr;
		if (!same)
			vsb_slots_place(slots, room, &claims->ranges[i], ran);
		else if (claims->ranges[i].first < slots->slot[*same].dev->base)
			slots->slot[*same].dev->base = claims->ranges[i].first;
		room += vsb_slots_room(&claims->ranges[i], keeps);
	}
	return slots;
}

/* For who sleeps; others are under rcu_read_lock(). Return: or NULL. */
struct vsb_slots *vsb_slots_get(struct vsb_l2 *u)
{
	struct vsb_slots *slots;

	rcu_read_lock();
	slots = rcu_dereference(u->slots);
	if (slots && !refcount_inc_not_zero(&slots->ref))
		slots = NULL;
	rcu_read_unlock();
	return slots;
}

void vsb_slots_put(struct vsb_slots *slots)
{
	if (!slots || !refcount_dec_and_test(&slots->ref))
		return;
	vsb_vram_put(slots->vram);
	kvfree_rcu(slots, rcu);
}

/* The slot that has I/O port @port, or NULL: it is not claimed. */
struct vsb_slot *vsb_slots_find(struct vsb_slots *slots, u32 port)
{
	const struct vsb_range *r = slots->claims.ranges;
	u32 i;

	for (i = 0; i < slots->claims.nr; i++)
		if (port >= r[i].first && port <= r[i].last)
			return &slots->slot[slots->of[i]];
	return NULL;
}

/* ---- what devices ask for ---- */

/* Of all that share the line: for vsb_proxy_follow(), under proxy->lock. */
bool vsb_slots_level(struct vsb_slots *slots, u32 gsi)
{
	u32 i;

	for (i = 0; i < slots->nr; i++) {
		const struct vsb_device *dev = slots->slot[i].dev;

		if (READ_ONCE(dev->answers) && dev->gsi == gsi && READ_ONCE(dev->level))
			return true;
	}
	return false;
}

static void vsb_slot_line(struct vsb_slots *slots, struct vsb_device *dev,
			  struct vsb_proxy *proxy)
{
	if (dev->gsi < 0)
		return;
	vsb_proxy_follow(proxy, slots, dev->gsi, dev->rose);
	dev->rose = false;
}

/*
 * What a device has returned. Under slot->lock: who finds no proxy here comes before
 * vsb_slots_attached(), which does it then. Return: @does; the caller wakes the proxy for
 * VSB_DO_WORK.
 */
static unsigned int vsb_slot_do(struct vsb_slots *slots, struct vsb_slot *slot,
				struct vsb_proxy *proxy, unsigned int does)
{
	struct vsb_device *dev = slot->dev;

	if (!proxy) {
		slot->due |= does & (VSB_DO_LINE | VSB_DO_WORK | VSB_DO_POLL | VSB_DO_MOMENT);
		return does;
	}
	if (does & VSB_DO_HOLD && dev->gsi >= 0)
		vsb_proxy_hold(proxy, dev->gsi, true);
	if (does & VSB_DO_LINE)
		vsb_slot_line(slots, dev, proxy);
	if (does & VSB_DO_UNHOLD && dev->gsi >= 0)
		vsb_proxy_hold(proxy, dev->gsi, false);
	if (does & VSB_DO_MOMENT)
		vsb_proxy_moment_from_now(proxy);
	if (does & VSB_DO_POLL)
		vsb_proxy_poll_soon(proxy);
	return does;
}

/* ---- proxies come and go; under cloud->lock ---- */

/* The graphics card of the next proxy shows what that of the last one did. */
static void vsb_slots_see(struct vsb_slots *slots, struct vsb_vram *vram)
{
	struct vsb_vram *old = slots->vram;

	if (old == vram)
		return;
	if (vram) {
		refcount_inc(&vram->ref);
		if (old)
			vsb_vram_copy(vram, old);
	}
	WRITE_ONCE(slots->vram, vram);
	vsb_vram_put(old);
}

/**
 * vsb_slots_inherit - devices that are in both claims go on where they were
 * @slots: of the next proxy; nobody has seen them yet
 * @old: the user VM has these until now, without a proxy
 *
 * A user VM that does nothing but wait for an interrupt writes no register that would tell
 * what it has programmed, and its screen is what it has drawn before. What it writes to @old in
 * the moment between this and the change is lost. Under cloud->lock.
 */
void vsb_slots_inherit(struct vsb_slots *slots, struct vsb_slots *old)
{
	u32 i;

	/* It goes with the first proxy that has no card: vsb_slots_attach(). */
	vsb_slots_see(slots, old->vram);
	for (i = 0; i < slots->nr; i++) {
		struct vsb_device *dev = slots->slot[i].dev;
		struct vsb_slot *was = vsb_slots_find(old, dev->base);

		if (!was || was->dev->ops != dev->ops || was->dev->base != dev->base ||
		    !dev->ops->inherit)
			continue;
		spin_lock(&was->lock);
		dev->ops->inherit(dev, was->dev);
		spin_unlock(&was->lock);
	}
}

/* Its user VM may have the pages of the card's memory, or not. Without a proof it never may. */
static void vsb_slots_show(struct vsb_slots *slots, struct vsb_proxy *proxy, bool shows)
{
	if (slots->vram && !proxy->required)
		vsb_vram_show(slots->vram, proxy->cloud->vm.kvm, shows);
}

/* @proxy is going to serve the user VM that has @slots, or has its VM now. */
void vsb_slots_attach(struct vsb_slots *slots, struct vsb_proxy *proxy)
{
	static atomic64_t serial = ATOMIC64_INIT(0);
	u32 i;

	vsb_slots_see(slots, proxy->vram);
	vsb_slots_show(slots, proxy, true);
	for (i = 0; i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];
		struct vsb_device *dev = slot->dev;

		spin_lock(&slot->lock);
		if (dev->ops->attach)
			slot->due |= dev->ops->attach(dev, proxy->front, vsb_proxy_rests(proxy));
		slot->serial = atomic64_inc_return(&serial);
		slot->required = proxy->required;
		spin_unlock(&slot->lock);
	}
}

/* It serves: it has the lines as they are, and work. */
void vsb_slots_attached(struct vsb_l2 *u, struct vsb_slots *slots)
{
	struct vsb_proxy *proxy;
	u32 i;

	rcu_read_lock();
	proxy = rcu_dereference(u->proxy);
	for (i = 0; i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		spin_lock(&slot->lock);
		vsb_slot_do(slots, slot, proxy, slot->due);
		slot->due = 0;
		spin_unlock(&slot->lock);
	}
	wake_up(&proxy->work);
	rcu_read_unlock();
}

void vsb_slots_detach(struct vsb_slots *slots, struct vsb_proxy *proxy)
{
	u32 i;

	vsb_slots_show(slots, proxy, false);
	for (i = 0; i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		spin_lock(&slot->lock);
		if (slot->dev->ops->detach)
			slot->dev->ops->detach(slot->dev);
		slot->serial = 0;
		spin_unlock(&slot->lock);
	}
}

/* The user VM has another console now; it has no proxy. */
void vsb_slots_clear(struct vsb_slots *slots)
{
	u32 i;

	vsb_slots_see(slots, NULL);
	for (i = 0; i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		if (!slot->dev->ops->clear)
			continue;
		spin_lock(&slot->lock);
		slot->dev->ops->clear(slot->dev);
		spin_unlock(&slot->lock);
	}
}

/* The user VM, if it was bound ever, was reset. */
void vsb_slots_reset(struct vsb_l2 *u, struct vsb_slots *slots)
{
	u32 i;

	rcu_read_lock();
	for (i = 0; slots && i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		if (!slot->dev->ops->reset)
			continue;
		spin_lock(&slot->lock);
		vsb_slot_do(slots, slot, rcu_dereference(u->proxy),
			    slot->dev->ops->reset(slot->dev));
		spin_unlock(&slot->lock);
	}
	rcu_read_unlock();
}

/* What brings the devices of a proxy there, at most VSB_MAX_REPLAY. Return: how many. */
u32 vsb_slots_replay(struct vsb_slots *slots, struct vsb_reg_write *out, bool again)
{
	u32 i, nr = 0;

	for (i = 0; i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		if (!slot->dev->ops->replay)
			continue;
		spin_lock(&slot->lock);
		nr += slot->dev->ops->replay(slot->dev, out + nr, again);
		spin_unlock(&slot->lock);
	}
	return nr;
}

/* What brings the devices of the guest hypervisor there, at most @max. Return: how many. */
u32 vsb_slots_restore(struct vsb_slots *slots, struct vsb_reg_write *out, u32 max)
{
	u32 i, nr = 0;

	for (i = 0; i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		if (!slot->dev->ops->restore || nr + VSB_MAX_RESTORE > max)
			continue;
		spin_lock(&slot->lock);
		nr += slot->dev->ops->restore(slot->dev, out + nr);
		spin_unlock(&slot->lock);
	}
	return nr;
}

/* Has all that was written reached the proxy? */
bool vsb_slots_drained(struct vsb_slots *slots)
{
	bool drained = true;
	u32 i;

	for (i = 0; slots && i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		if (!slot->dev->ops->drained)
			continue;
		spin_lock(&slot->lock);
		drained &= slot->dev->ops->drained(slot->dev);
		spin_unlock(&slot->lock);
	}
	return drained;
}

void vsb_slots_info(struct vsb_slots *slots, struct vsb_uservm *info)
{
	u32 i;

	for (i = 0; slots && i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		if (!slot->dev->ops->info)
			continue;
		spin_lock(&slot->lock);
		slot->dev->ops->info(slot->dev, info);
		spin_unlock(&slot->lock);
	}
}

/* ---- the user VM's side; vCPU context of the cloud VM ---- */

/* Is every byte of the access one of devices that need no proxy? */
bool vsb_slots_answer(struct vsb_slots *slots, u32 port, u32 size)
{
	struct vsb_slot *slot;
	bool answer = size;

	while (slots && answer && size--) {
		slot = vsb_slots_find(slots, port++);
		answer = slot && READ_ONCE(slot->dev->answers);
	}
	return slots && answer;
}

/* The user VM boots. */
void vsb_slots_boot(struct vsb_slots *slots)
{
	u32 i;

	for (i = 0; i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		if (READ_ONCE(slot->booted))
			continue;
		spin_lock(&slot->lock);
		if (slot->dev->ops->boots)
			slot->dev->ops->boots(slot->dev);
		WRITE_ONCE(slot->booted, true);
		spin_unlock(&slot->lock);
	}
}

/* May no data pass this register, which answers? Under slot->lock. */
static bool vsb_slot_shut(struct vsb_slot *slot, struct vsb_l2 *u, struct vsb_proxy *proxy,
			  u16 reg)
{
	const struct vsb_device_ops *ops = slot->dev->ops;

	if (!slot->required || (ops->hide && !(ops->secret & BIT(reg))))
		return false;
	return proxy ? vsb_identity_shuts(u, proxy) : !vsb_identity_holds(u);
}

/* Under slot->lock. A write is shut before, a read behind: the proof may be lost any time. */
static unsigned int vsb_slot_byte(struct vsb_slot *slot, struct vsb_l2 *u,
				  struct vsb_proxy *proxy, struct vsb_byte *b)
{
	struct vsb_device *dev = slot->dev;
	unsigned int does;

	if (!dev->answers)
		return dev->ops->access ? dev->ops->access(dev, b) : VSB_DO_PASS;
	if (!b->in && vsb_slot_shut(slot, u, proxy, b->reg)) {
		if (!dev->ops->hide)
			return 0;
		dev->ops->hide(dev, b);
	}
	does = dev->ops->access(dev, b);
	if (b->in && vsb_slot_shut(slot, u, proxy, b->reg)) {
		if (dev->ops->hide)
			dev->ops->hide(dev, b);
		else
			b->value = U8_MAX;
	}
	return does;
}

/**
 * vsb_slot_access - a device does its part of an access
 * @slots: of
 * @u: the user VM
 * @slot: the device
 * @alone: it may answer itself
 * @b: the access
 *
 * Under rcu_read_lock(). Return: VSB_DO_PASS: the proxy is to do it, VSB_DO_WRITE and
 * VSB_DO_RESET for the caller.
 */
unsigned int vsb_slot_access(struct vsb_slots *slots, struct vsb_slot *slot, struct vsb_l2 *u,
			     bool alone, struct vsb_byte *b)
{
	struct vsb_proxy *proxy;
	unsigned int does;

	spin_lock(&slot->lock);
	proxy = rcu_dereference(u->proxy);
	b->proxy = proxy;
	if (slot->dev->answers && !alone)
		does = VSB_DO_PASS;
	else
		does = vsb_slot_do(slots, slot, proxy, vsb_slot_byte(slot, u, proxy, b));
	spin_unlock(&slot->lock);
	if (proxy && !(does & VSB_DO_PASS)) {
		WRITE_ONCE(proxy->touched, true);
		if (does & VSB_DO_WORK)
			wake_up(&proxy->work);
	}
	return does;
}

/* @b is for or from the proxy, and the proof is missing. Return: false: it is unplugged. */
bool vsb_slot_hide(struct vsb_slot *slot, struct vsb_byte *b)
{
	const struct vsb_device_ops *ops = slot->dev->ops;

	if (!ops->hide)
		return false;
	spin_lock(&slot->lock);
	ops->hide(slot->dev, b);
	spin_unlock(&slot->lock);
	return true;
}

/**
 * vsb_slot_served - what was passed on is done
 * @slots: of
 * @slot: the device
 * @proxy: by this one, or NULL
 * @b: the access
 * @done: or nobody was there
 *
 * Return: VSB_DO_WRITE for the caller.
 */
unsigned int vsb_slot_served(struct vsb_slots *slots, struct vsb_slot *slot,
			     struct vsb_proxy *proxy, struct vsb_byte *b, bool done)
{
	const struct vsb_device_ops *ops = slot->dev->ops;
	unsigned int does;

	if (!ops->served)
		return 0;
	spin_lock(&slot->lock);
	does = vsb_slot_do(slots, slot, proxy, ops->served(slot->dev, b, done));
	spin_unlock(&slot->lock);
	return does;
}

/* ---- the VMM's side; in the thread of a server ---- */

/* Under rcu_read_lock(). */
static struct vsb_slots *vsb_slots_of_proxy(struct vsb_proxy *proxy)
{
	struct vsb_l2 *u = rcu_dereference(proxy->uservm);

	return u ? rcu_dereference(u->slots) : NULL;
}

/**
 * vsb_slots_take - what is there to do for devices of a proxy's user VM?
 * @proxy: the proxy
 * @job: for vsb_slots_complete(); has the last one
 * @io: put here
 * @base: of the device that it is for
 *
 * Return: is there something? Does not sleep.
 */
bool vsb_slots_take(struct vsb_proxy *proxy, struct vsb_job *job, struct vsb_io *io, u16 *base)
{
	struct vsb_slots *slots;
	bool taken = false;
	u32 i, n, last = job->slot;

	rcu_read_lock();
	slots = vsb_slots_of_proxy(proxy);
	/* After the one that had the last turn: one that always has work has every other. */
	for (i = 0; slots && i < slots->nr && !taken; i++) {
		struct vsb_slot *slot;

		n = (last + 1 + i) % slots->nr;
		slot = &slots->slot[n];
		if (!READ_ONCE(slot->dev->answers) || !slot->dev->ops->next)
			continue;
		spin_lock(&slot->lock);
		taken = vsb_slot_do(slots, slot, proxy, slot->dev->ops->next(slot->dev, io)) &
			VSB_DO_WORK;
		if (taken) {
			*job = (struct vsb_job){ n, slot->serial };
			*base = slot->dev->base;
		}
		spin_unlock(&slot->lock);
	}
	rcu_read_unlock();
	return taken;
}

/* It is done; @data was answered. */
void vsb_slots_complete(struct vsb_proxy *proxy, const struct vsb_job *job, const u8 *data)
{
	struct vsb_slots *slots;
	struct vsb_slot *slot;

	rcu_read_lock();
	slots = vsb_slots_of_proxy(proxy);
	if (slots && job->slot < slots->nr) {
		slot = &slots->slot[job->slot];
		spin_lock(&slot->lock);
		/* Else it is another's by now. */
		if (slot->serial == job->serial)
			vsb_slot_do(slots, slot, proxy, slot->dev->ops->done(slot->dev, data));
		spin_unlock(&slot->lock);
	}
	rcu_read_unlock();
}

/* Does more than one have this line? */
static bool vsb_slots_share(struct vsb_slots *slots, u32 gsi)
{
	u32 i, nr = 0;

	for (i = 0; i < slots->nr; i++)
		nr += slots->slot[i].dev->gsi == gsi;
	return nr > 1;
}

/*
 * A line of the proxy's VM changes. Return: is it that of a device which answers itself?
 * Then it is for us, not for the user VM.
 */
bool vsb_slots_irq_line(struct vsb_proxy *proxy, u32 gsi, bool level)
{
	bool ours = false, shared;
	unsigned int does = 0;
	struct vsb_slots *slots;
	u32 i;

	rcu_read_lock();
	slots = vsb_slots_of_proxy(proxy);
	shared = slots && vsb_slots_share(slots, gsi);
	for (i = 0; slots && i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		if (!READ_ONCE(slot->dev->answers) || slot->dev->gsi != gsi)
			continue;
		ours = true;
		spin_lock(&slot->lock);
		does |= vsb_slot_do(slots, slot, proxy,
				    slot->dev->ops->line(slot->dev, level, shared));
		spin_unlock(&slot->lock);
	}
	rcu_read_unlock();
	if (does & VSB_DO_WORK)
		wake_up(&proxy->work);
	return ours;
}

/* Work: what was to be done in a moment, or behind a pause (@moment). */
static void vsb_slots_later(struct vsb_proxy *proxy, bool moment)
{
	unsigned int (*op)(struct vsb_device *dev);
	unsigned int does = 0;
	struct vsb_slots *slots;
	u32 i;

	rcu_read_lock();
	slots = vsb_slots_of_proxy(proxy);
	for (i = 0; slots && i < slots->nr; i++) {
		struct vsb_slot *slot = &slots->slot[i];

		op = moment ? slot->dev->ops->moment : slot->dev->ops->poll;
		if (!op)
			continue;
		spin_lock(&slot->lock);
		does |= vsb_slot_do(slots, slot, proxy, op(slot->dev));
		spin_unlock(&slot->lock);
	}
	rcu_read_unlock();
	if (does & VSB_DO_WORK)
		wake_up(&proxy->work);
}

void vsb_slots_poll(struct vsb_proxy *proxy)
{
	vsb_slots_later(proxy, false);
}

void vsb_slots_moment(struct vsb_proxy *proxy)
{
	vsb_slots_later(proxy, true);
}
