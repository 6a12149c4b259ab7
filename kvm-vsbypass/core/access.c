// SPDX-License-Identifier: GPL-2.0
/*
 * Port accesses of user VMs: which are ours, and the way from one to the device that
 * does it, or to the proxy.
 */
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "core/access.h"
#include "core/cloud.h"
#include "core/identity.h"
#include "core/proxy.h"
#include "core/slots.h"
#include "core/uservm.h"
#include "devices/claims.h"

/* ---- callback context: is it ours? ---- */

static bool vsb_cloud_any_port(struct vsb_cloud *cloud, u32 port, u32 size)
{
	for (; size && port < VSB_NR_PORTS; port++, size--)
		if (test_bit(port, cloud->ports))
			return true;
	return false;
}

/* Is any of the ports one at which user VMs prove who they are? */
static bool vsb_cloud_identifies(struct vsb_cloud *cloud, u32 port, u32 size)
{
	return READ_ONCE(cloud->identity) && vsb_identity_is_port(port, size);
}

/*
 * May an access of the user VM @u (NULL: not seen before) in no case be the guest
 * hypervisor's? Under rcu_read_lock().
 */
static bool vsb_cloud_owns(struct vsb_cloud *cloud, struct vsb_l2 *u, u32 port, u32 size)
{
	struct vsb_slots *slots = u ? rcu_dereference(u->slots) : NULL;

	if (vsb_cloud_identifies(cloud, port, size))
		return true;
	if (slots && vsb_claims_any(&slots->claims, port, size))
		return true;
	/* slots are taken away after that is set; pairs with vsb_uservm_absorb() */
	smp_rmb();
	return u && READ_ONCE(u->absorb) && vsb_cloud_any_port(cloud, port, size);
}

/* Is it one that @unclaimed is about? Under rcu_read_lock(). */
static bool vsb_cloud_unclaimed(struct vsb_cloud *cloud, struct vsb_l2 *u, u32 port, u32 size)
{
	return !(u && rcu_access_pointer(u->slots)) && vsb_cloud_any_port(cloud, port, size);
}

/* Is a port access that left L2 ours? */
bool vsb_cloud_takes(struct vsb_cloud *cloud, struct vsb_vcpu *v, const struct vsb_ident *id,
		     const struct vsb_pio *pio)
{
	struct vsb_l2 *u;
	bool ours;

	v->taken = false;
	v->fetched = false;
	if (!READ_ONCE(cloud->started) || vsb_inner_is(cloud, id))
		return false;
	u = vsb_uservm_find(cloud, id);
	ours = vsb_cloud_owns(cloud, u, pio->port, pio->size);
	/* Left to the guest hypervisor only once it is sure that no proxy is free. */
	if (!ours && vsb_cloud_unclaimed(cloud, u, pio->port, pio->size))
		ours = vsb_cloud_absorbs(cloud) || !vsb_uservm_settled(cloud, u, id);
	v->port = pio->port;
	v->size = pio->size;
	return ours;
}

/* Is @port that of the exit that this vCPU's thread is handling for us? */
bool vsb_cloud_took(const struct vsb_vcpu *v, u64 port)
{
	return v->taken && v->port == port;
}

/*
 * The hypervisor emulates a port access of L2 itself: is it ours? Not for what was taken,
 * which stays ours to the end, whatever happens meanwhile.
 */
bool vsb_cloud_serves(struct vsb_cloud *cloud, const struct vsb_ident *id, u32 port,
		      u32 size)
{
	struct vsb_l2 *u;

	if (!READ_ONCE(cloud->started) || vsb_inner_is(cloud, id))
		return false;
	u = vsb_uservm_find(cloud, id);
	return vsb_cloud_owns(cloud, u, port, size) ||
	       (vsb_cloud_unclaimed(cloud, u, port, size) && vsb_cloud_absorbs(cloud));
}

/**
 * vsb_cloud_stops - shall the hypervisor not go on with the instruction that it emulates?
 * @cloud: the cloud VM
 * @v: its vCPU; it is about to begin with an element of a string
 *
 * vsb_attempt_end() has let the first one begin; KVM does up to 1024 without asking it
 * again. What was read for L2 is nowhere else: such an instruction comes to its end, which
 * is that of what KVM reads in one go, less than a page.
 *
 * Return: true if the vCPU has to execute the rest of the instruction again.
 */
bool vsb_cloud_stops(struct vsb_cloud *cloud, const struct vsb_vcpu *v)
{
	return !v->fetched && (!READ_ONCE(cloud->started) || vsb_cloud_is_frozen(cloud));
}

/* ---- vCPU context: before the access ---- */

/* Return: referenced, or NULL. */
struct vsb_l2 *vsb_cloud_get_uservm(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_l2 *u;

	rcu_read_lock();
	u = vsb_uservm_find(cloud, id);
	if (u && !refcount_inc_not_zero(&u->ref))
		u = NULL;
	rcu_read_unlock();
	return u;
}

/* The same of its proxy. */
struct vsb_proxy *vsb_cloud_get_proxy(struct vsb_l2 *u)
{
	struct vsb_proxy *proxy;

	rcu_read_lock();
	proxy = rcu_dereference(u->proxy);
	if (proxy && !kref_get_unless_zero(&proxy->ref))
		proxy = NULL;
	rcu_read_unlock();
	return proxy;
}

/*
 * Devices do an access alone. Without a proxy that is until there is one again, so not
 * once the cloud fd is closed; unless they keep what a proxy would take.
 */
static bool vsb_cloud_alone(struct vsb_cloud *cloud, struct vsb_l2 *u,
			    const struct vsb_slots *slots)
{
	return !READ_ONCE(cloud->closed) || rcu_access_pointer(u->proxy) ||
	       (slots && slots->keeps);
}

/**
 * vsb_attempt_begin - get ready to serve a nested exit that is ours
 * @a: cloud, v and id are set
 * @vcpu: @a->v's; it runs the user VM, whose memory may have to be looked at
 *
 * Return: true if vsb_attempt_wait() has to follow, which sleeps; in any case
 * vsb_attempt_end().
 */
bool vsb_attempt_begin(struct vsb_attempt *a, struct kvm_vcpu *vcpu)
{
	bool settled, alone = false;
	struct vsb_slots *slots;

	a->proxy = NULL;
	a->again = false;
	a->u = vsb_cloud_get_uservm(a->cloud, &a->id);
	rcu_read_lock();
	settled = vsb_uservm_settled(a->cloud, a->u, &a->id);
	if (settled) {
		slots = rcu_dereference(a->u->slots);
		/* A proof is between the user VM and the module. */
		alone = vsb_cloud_identifies(a->cloud, a->v->port, a->v->size) ||
			(vsb_cloud_alone(a->cloud, a->u, slots) &&
			 vsb_slots_answer(slots, a->v->port, a->v->size));
	}
	rcu_read_unlock();
	if (!settled) {
		vsb_uservm_learn(vcpu, a->cloud, &a->id);
		a->again = true;
	} else if (!alone) {
		a->proxy = vsb_cloud_get_proxy(a->u);
	}
	return a->proxy;
}

/* Until the proxy would take the access at once. May sleep. */
void vsb_attempt_wait(struct vsb_attempt *a)
{
	int ret = vsb_proxy_wait_idle(a->proxy);

	vsb_proxy_put(a->proxy);
	if (ret == -ETIMEDOUT) {
		vsb_count(a->u, VSB_C_TIMEOUTS);
	} else if (ret) {
		vsb_count(a->u, VSB_C_RETRIES);
		a->again = true;
	}
}

/**
 * vsb_attempt_end - shall the access be made?
 * @a: the attempt
 *
 * vsb_cloud_quiesce() waits, with vsb_host->sync(), for who comes from here.
 */
enum vsb_verdict vsb_attempt_end(struct vsb_attempt *a)
{
	enum vsb_verdict verdict = VSB_AGAIN;

	if (!a->again && READ_ONCE(a->cloud->started)) {
		if (vsb_cloud_is_frozen(a->cloud)) {
			verdict = VSB_AGAIN_LATER;
		} else {
			a->v->taken = true;
			verdict = VSB_GO;
		}
	}
	if (a->u)
		vsb_uservm_put(a->u);
	return verdict;
}

/* ---- vCPU context: the access ---- */

/* Byte @i of the access, at @slot. */
static struct vsb_byte vsb_access_byte(const struct vsb_access *a, const struct vsb_slot *slot,
				       u32 i)
{
	return (struct vsb_byte){
		.reg = a->pio.port + i - slot->dev->base,
		.at = i,
		.size = a->pio.size,
		.in = a->pio.in,
		.value = a->data >> (8 * i),
	};
}

static void vsb_access_set(struct vsb_access *a, u32 i, u8 value)
{
	a->data &= ~(0xffu << (8 * i));
	a->data |= (u32)value << (8 * i);
}

/*
 * What devices do without the proxy. What is claimed and left for it is in a->claimed.
 * Under rcu_read_lock(). Return: was anything done?
 */
static bool vsb_access_devices(struct vsb_access *a, struct vsb_slots *slots)
{
	bool alone = vsb_cloud_alone(a->cloud, a->u, slots), done = false;
	u32 i;

	for (i = 0; i < a->pio.size; i++) {
		struct vsb_slot *slot = vsb_slots_find(slots, a->pio.port + i);
		struct vsb_byte b;
		unsigned int does;

		if (!slot)
			continue;
		b = vsb_access_byte(a, slot, i);
		does = vsb_slot_access(slots, slot, a->u, alone, &b);
		if (does & VSB_DO_RESET)
			a->resets = true;
		if (does & VSB_DO_WRITE)
			a->first[a->nr_first++] = b.also;
		if (does & VSB_DO_PASS) {
			a->claimed |= BIT(i);
			continue;
		}
		done = true;
		if (b.in)
			vsb_access_set(a, i, b.value);
	}
	return done;
}

static void vsb_access_write(struct vsb_proxy *proxy, const struct vsb_reg_write *w)
{
	struct vsb_pio out = { .port = w->port, .size = w->size ?: 1 };
	u32 value = w->value;

	vsb_proxy_access(proxy, &out, &value);
}

/* The proof is missing: of what the proxy is asked for, only that is left which is not secret. */
static void vsb_access_hide(struct vsb_access *a, struct vsb_slots *slots)
{
	u32 i;

	for (i = 0; i < a->pio.size; i++) {
		struct vsb_slot *slot = vsb_slots_find(slots, a->pio.port + i);
		struct vsb_byte b;

		if (!slot || !(a->claimed & BIT(i)))
			continue;
		b = vsb_access_byte(a, slot, i);
		if (vsb_slot_hide(slot, &b)) {
			vsb_access_set(a, i, b.value);
		} else {
			a->claimed &= ~BIT(i);
			vsb_access_set(a, i, U8_MAX);
		}
	}
}

/*
 * An access wholly inside the claimed ports is one access of the proxy. From
 * one that straddles their edge the proxy gets the bytes that are claimed, one
 * by one; the others read as ones and are dropped when written: to show them
 * to the guest hypervisor would show it the register that also holds ours.
 */
static int vsb_access_forward(struct vsb_access *a, struct vsb_proxy *proxy)
{
	int i, ret = 0;

	if (a->claimed == BIT(a->pio.size) - 1)
		return vsb_proxy_access(proxy, &a->pio, &a->data);
	for (i = 0; i < a->pio.size && !ret; i++) {
		struct vsb_pio one = { .port = a->pio.port + i, .size = 1, .in = a->pio.in };
		u32 value = a->data >> (8 * i) & 0xff;

		if (!(a->claimed & BIT(i)))
			continue;
		ret = vsb_proxy_access(proxy, &one, &value);
		if (!ret && a->pio.in)
			vsb_access_set(a, i, value);
	}
	return ret;
}

/* What was passed on is done, or not. */
static void vsb_access_served(struct vsb_access *a, struct vsb_slots *slots,
			      struct vsb_proxy *proxy, u32 claimed, bool done)
{
	u32 i;

	for (i = 0; i < a->pio.size; i++) {
		struct vsb_slot *slot = vsb_slots_find(slots, a->pio.port + i);
		struct vsb_byte b;

		if (!slot || !(claimed & BIT(i)))
			continue;
		b = vsb_access_byte(a, slot, i);
		if (vsb_slot_served(slots, slot, proxy, &b, done) & VSB_DO_WRITE && proxy)
			vsb_access_write(proxy, &b.also);
	}
}

/* What devices have not done. Return: 0, or an error: nobody was there. */
static int vsb_access_pass(struct vsb_access *a, struct vsb_slots *slots,
			   struct vsb_proxy *proxy)
{
	u32 i, data = a->data, claimed = a->claimed;
	int ret = -ENODEV;

	if (proxy) {
		for (i = 0; i < a->nr_first; i++)
			vsb_access_write(proxy, &a->first[i]);
		if (vsb_identity_shuts(a->u, proxy))
			vsb_access_hide(a, slots);
		if (a->claimed)
			ret = vsb_access_forward(a, proxy);
	}
	if (!a->pio.in)
		a->data = data;
	vsb_access_served(a, slots, proxy, claimed, !ret);
	/* The proof may be lost while it waits for the proxy. */
	if (!ret && a->pio.in && vsb_identity_shuts(a->u, proxy))
		vsb_access_hide(a, slots);
	return ret;
}

/**
 * vsb_access_begin - do an access of a user VM as far as nobody has to wait
 * @a: cloud, v, id, pio, data are set
 *
 * From here to vsb_access_end() the caller is inside of cloud->serving. Return: true if
 * vsb_access_finish() has to follow, which sleeps; in any case vsb_access_end().
 */
bool vsb_access_begin(struct vsb_access *a)
{
	struct vsb_cloud *cloud = a->cloud;
	struct vsb_slots *slots;
	bool done = false;

	a->result = -ENODEV;
	atomic_inc(&cloud->accesses);
	if (a->pio.in)
		a->v->fetched = true;
	a->u = vsb_cloud_get_uservm(cloud, &a->id);
	if (!a->u)
		return false;
	WRITE_ONCE(a->u->raise.by, a->id.anchor);
	WRITE_ONCE(a->u->raise.irqs_off, a->irqs_off);
	rcu_read_lock();
	slots = rcu_dereference(a->u->slots);
	if (slots && a->id.boots)
		vsb_slots_boot(slots);
	a->identifies = vsb_cloud_identifies(cloud, a->pio.port, a->pio.size);
	if (slots && !a->identifies)
		done = vsb_access_devices(a, slots);
	rcu_read_unlock();
	if (done && !a->claimed)
		a->result = 0;
	return a->identifies || a->claimed;
}

/* The proxy does the rest. May sleep. */
void vsb_access_finish(struct vsb_access *a)
{
	struct vsb_proxy *proxy;
	struct vsb_slots *slots;

	if (a->identifies) {
		a->result = vsb_identity_access(a->cloud, a->u, &a->pio, &a->data);
		return;
	}
	slots = vsb_slots_get(a->u);
	if (!slots)
		return;		/* its name was taken meanwhile */
	proxy = vsb_cloud_get_proxy(a->u);
	a->result = vsb_access_pass(a, slots, proxy);
	if (proxy)
		vsb_proxy_put(proxy);
	vsb_slots_put(slots);
}

/* It is done; @a->data is what was read. */
void vsb_access_end(struct vsb_access *a)
{
	if (a->u) {
		vsb_count(a->u, a->result ? VSB_C_ABSORBED :
				a->pio.in ? VSB_C_READS : VSB_C_WRITES);
		if (a->result == -ETIMEDOUT)
			vsb_count(a->u, VSB_C_TIMEOUTS);
		vsb_uservm_put(a->u);
	}
	if (a->result && a->pio.in)
		a->data = U32_MAX;	/* nobody there */
}
