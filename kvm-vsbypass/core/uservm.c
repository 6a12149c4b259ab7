// SPDX-License-Identifier: GPL-2.0
/*
 * Who is who: from what a vCPU of the cloud VM shows at a nested exit to the
 * user VM that it runs. The EPT pointer changes during a user VM's life (KVM
 * makes a new root when memory slots change, and has another for SMM), so a
 * frame that stays with each vCPU, its anchor, ties the pointers together.
 */
#include <linux/slab.h>

#include "core/cloud.h"
#include "core/host.h"
#include "core/ident.h"
#include "core/identity.h"
#include "core/inner.h"
#include "core/proxy.h"
#include "core/slots.h"
#include "core/trace.h"
#include "core/uservm.h"
#include "core/veil.h"
#include "core/watch.h"
#include "devices/claims.h"

/*
 * A vCPU that shows no anchor is one of those of the user VM that has its root. Under
 * rcu_read_lock() or cloud->lock, as the next one.
 */
static struct vsb_anchor *vsb_uservm_anchor(struct vsb_cloud *cloud,
					    const struct vsb_ident *id)
{
	struct vsb_l2 *u;

	if (id->anchor)
		return xa_load(&cloud->anchors, id->anchor);
	u = id->root ? xa_load(&cloud->roots, id->root) : NULL;
	return u && READ_ONCE(u->unanchored.u) ? &u->unanchored : NULL;
}

/* The anchor has the last word. */
struct vsb_l2 *vsb_uservm_find(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_anchor *a = vsb_uservm_anchor(cloud, id);

	if (a)
		return a->u;
	return id->root ? xa_load(&cloud->roots, id->root) : NULL;
}

/* It is seen with paging off. Callback context. */
void vsb_uservm_unpaged(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_anchor *a = vsb_uservm_anchor(cloud, id);

	if (a && id->boots && !READ_ONCE(a->boots))
		WRITE_ONCE(a->reset, true);
}

/*
 * Is there nothing to learn from @id about @u? Else vsb_uservm_learn() has to
 * be called before an access is decided. Callback context.
 */
bool vsb_uservm_settled(struct vsb_cloud *cloud, struct vsb_l2 *u,
			const struct vsb_ident *id)
{
	struct vsb_anchor *a;

	if (!u)
		return false;
	if (!rcu_access_pointer(u->slots) && READ_ONCE(cloud->nr_free) && !READ_ONCE(u->barred))
		return false;
	if (id->root && xa_load(&cloud->roots, id->root) != u)
		return false;
	a = vsb_uservm_anchor(cloud, id);
	if (!a)
		return id->anchor && READ_ONCE(u->nr_anchors) == VSB_MAX_ANCHORS;
	return READ_ONCE(a->clock) == id->clock && READ_ONCE(a->boots) == id->boots &&
	       !READ_ONCE(a->reset);
}

void vsb_uservm_put(struct vsb_l2 *u)
{
	if (!refcount_dec_and_test(&u->ref))
		return;
	/* Nobody can look at u->slots without a reference or RCU. */
	vsb_slots_put(rcu_dereference_protected(u->slots, true));
	vsb_bars_reset(&u->bars);
	kfree_rcu(u, rcu);
}

/* @u has no proxy any more. Under cloud->lock. */
static void vsb_uservm_part(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_proxy *proxy = vsb_locked(cloud, u->proxy);

	if (!proxy)
		return;
	vsb_slots_detach(vsb_locked(cloud, u->slots), proxy);
	RCU_INIT_POINTER(u->proxy, NULL);
	RCU_INIT_POINTER(proxy->uservm, NULL);
	WRITE_ONCE(cloud->nr_free, cloud->nr_free + 1);
	vsb_uservm_put(u);
}

/* Take @u out of everything that finds it. Under cloud->lock. */
void vsb_uservm_forget(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	u32 i;

	/* What it waits for now is for whoever comes next. */
	vsb_uservm_unprove(u);
	for (i = 0; i < u->nr_roots; i++)
		if (xa_load(&cloud->roots, u->roots[i]) == u)
			xa_erase(&cloud->roots, u->roots[i]);
	for (i = 0; i < u->nr_anchors; i++)
		if (xa_load(&cloud->anchors, u->anchors[i].frame) == &u->anchors[i])
			xa_erase(&cloud->anchors, u->anchors[i].frame);
	list_del_init(&u->node);
	if (!rcu_access_pointer(u->slots))
		cloud->nr_unbound--;
	vsb_uservm_part(cloud, u);
	vsb_raise_end(u);
	vsb_veil_end(cloud, u);
	vsb_watch_end(cloud, u);
	vsb_uservm_put(u);
}

/* Ports that were claimed for @u will not be. Under cloud->lock. */
static void vsb_uservm_absorb(struct vsb_l2 *u)
{
	WRITE_ONCE(u->absorb, true);
	/* before the claims; pairs with vsb_cloud_owns() */
	smp_wmb();
}

/*
 * @u is not, or no longer, the one of its name: it loses that and all that goes with
 * it, and counts as new. It may be running all the same, and its ports are not the
 * guest hypervisor's again. Cannot fail. Under cloud->lock.
 */
void vsb_uservm_disown(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_slots *slots = vsb_locked(cloud, u->slots);

	vsb_uservm_unprove(u);
	vsb_watch_end(cloud, u);
	vsb_uservm_part(cloud, u);
	/* An access that is in there now finds no data of the console that @u had. */
	vsb_slots_clear(slots);
	vsb_uservm_absorb(u);
	RCU_INIT_POINTER(u->slots, NULL);
	vsb_slots_put(slots);
	memset(u->name, 0, sizeof(u->name));
	u->bound_ns = 0;
	cloud->nr_unbound++;
}

/* Has it programmed devices of the guest hypervisor? Not if it has just booted. */
static bool vsb_uservm_ran(const struct vsb_l2 *u)
{
	const struct vsb_anchor *first = u->nr_anchors ? &u->anchors[0] : &u->unanchored;

	return first->u && !first->boots;
}

/*
 * @u has this name, and these ports are claimed for it for as long as it has.
 * Under cloud->lock. Return: false: no memory.
 */
static bool vsb_uservm_claim(struct vsb_cloud *cloud, struct vsb_l2 *u, const char *name,
			     const struct vsb_claims *claims, bool keeps)
{
	struct vsb_slots *slots, *old = vsb_locked(cloud, u->slots);
	bool same = old && !memcmp(old->claims.ranges, claims->ranges, sizeof(claims->ranges));

	slots = same && old->keeps == keeps ? old :
		vsb_slots_create(claims, vsb_uservm_ran(u), keeps);
	if (!slots)
		return false;
	if (!old) {
		cloud->nr_unbound--;
		u->bound_ns = ktime_get_boottime_ns();
	} else if (slots != old) {
		/* Those that it did not have start anew. */
		vsb_slots_inherit(slots, old);
		if (!same)
			vsb_uservm_absorb(u);
	}
	/* What one console has typed, or is shown, is not for another. */
	if (old && memcmp(u->name, name, sizeof(u->name)))
		vsb_slots_clear(slots);
	if (slots != old) {
		rcu_assign_pointer(u->slots, slots);
		vsb_slots_put(old);
	}
	memcpy(u->name, name, sizeof(u->name));
	return true;
}

/* @proxy serves @u from now on. Under cloud->lock. */
static void vsb_uservm_bind(struct vsb_cloud *cloud, struct vsb_l2 *u,
			    struct vsb_proxy *proxy)
{
	struct vsb_slots *slots;

	if (proxy->veil && vsb_veil_begin(cloud, u, proxy->name, proxy->veil))
		return;		/* stays as it is: absorbed */
	if (!vsb_uservm_claim(cloud, u, proxy->name, proxy->claims, proxy->keeps))
		return;
	slots = vsb_locked(cloud, u->slots);
	vsb_slots_attach(slots, proxy);
	vsb_proxy_set_replay(proxy, u);
	refcount_inc(&u->ref);
	rcu_assign_pointer(proxy->uservm, u);
	WRITE_ONCE(cloud->nr_free, cloud->nr_free - 1);
	rcu_assign_pointer(u->proxy, proxy);
	vsb_slots_attached(u, slots);
	trace_vsbypass_bind(u->name, u->ept_pointer, u->anchors[0].frame);
	vsb_proxy_expire_at(proxy, vsb_identity_until(u));
	vsb_proxy_notify(proxy);
}

/*
 * @u has proved that it is the one of @proxy. It leaves the proxy that it has; another
 * user VM that has @proxy counts as new. Under cloud->lock.
 */
void vsb_uservm_move(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_proxy *proxy)
{
	struct vsb_proxy *old = vsb_locked(cloud, u->proxy);
	struct vsb_l2 *other = vsb_locked(cloud, proxy->uservm);

	/* No proxy serves two user VMs. */
	if (old)
		vsb_proxy_retire(cloud, old);
	if (!other) {
		vsb_uservm_bind(cloud, u, proxy);
		return;
	}
	/* A fresh one of this name will take @u over. */
	vsb_uservm_disown(cloud, other);
	vsb_uservm_claim(cloud, u, proxy->name, proxy->claims, proxy->keeps);
	vsb_proxy_retire(cloud, proxy);
}

/* A new proxy takes over the user VM of its name that lost one. Under cloud->lock. */
void vsb_uservm_adopt(struct vsb_cloud *cloud, struct vsb_proxy *proxy)
{
	struct vsb_l2 *u;

	list_for_each_entry(u, &cloud->uservms, node) {
		if (rcu_access_pointer(u->proxy) || strcmp(u->name, proxy->name))
			continue;
		vsb_uservm_bind(cloud, u, proxy);
		return;
	}
}

/* The proxy goes away: its user VM sees an unplugged device. Under cloud->lock. */
void vsb_uservm_lose_proxy(struct vsb_cloud *cloud, struct vsb_proxy *proxy)
{
	struct vsb_l2 *u = vsb_locked(cloud, proxy->uservm);

	if (u)
		vsb_uservm_part(cloud, u);
	WRITE_ONCE(cloud->nr_free, cloud->nr_free - 1);
}

/*
 * Forget the oldest without a name; one that has had a name only if there is no
 * other, and then nobody's ports are the guest hypervisor's any more, as it can not
 * be told from who is new. Under cloud->lock.
 */
static void vsb_uservm_evict(struct vsb_cloud *cloud)
{
	struct vsb_l2 *u, *oldest = NULL;

	list_for_each_entry(u, &cloud->uservms, node) {
		if (rcu_access_pointer(u->slots))
			continue;
		if (!oldest || !u->absorb)
			oldest = u;
		if (!u->absorb)
			break;
	}
	if (oldest->absorb)
		WRITE_ONCE(cloud->absorb, true);
	vsb_uservm_forget(cloud, oldest);
}

static struct vsb_l2 *vsb_uservm_create(struct vsb_cloud *cloud)
{
	struct vsb_l2 *u;

	while (cloud->nr_unbound >= VSB_MAX_UNBOUND)
		vsb_uservm_evict(cloud);
	u = kzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	if (!u)
		return NULL;
	refcount_set(&u->ref, 1);
	vsb_identity_init(&u->identity);
	vsb_raise_init(cloud, u);
	vsb_bars_init(&u->bars);
	list_add_tail(&u->node, &cloud->uservms);
	cloud->nr_unbound++;
	return u;
}

/* Remember that this EPT pointer is @u's. Under cloud->lock. */
static bool vsb_uservm_learn_root(struct vsb_cloud *cloud, struct vsb_l2 *u,
				  const struct vsb_ident *id)
{
	unsigned long *slot = &u->roots[u->next_root];

	if (!id->root || xa_load(&cloud->roots, id->root) == u)
		return false;
	if (xa_err(xa_store(&cloud->roots, id->root, u, GFP_KERNEL_ACCOUNT)))
		return false;
	if (u->nr_roots < VSB_MAX_ROOTS)
		u->nr_roots++;
	else if (*slot != id->root && xa_load(&cloud->roots, *slot) == u)
		xa_erase(&cloud->roots, *slot);
	*slot = id->root;
	u->next_root = (u->next_root + 1) % VSB_MAX_ROOTS;
	if (u->ept_pointer)
		vsb_count(u, VSB_C_ROOT_CHANGES);
	u->ept_pointer = id->ept_pointer;
	u->levels = id->levels;
	return true;
}

static void vsb_uservm_learn_anchor(struct vsb_cloud *cloud, struct vsb_l2 *u,
				    const struct vsb_ident *id)
{
	struct vsb_anchor *a = vsb_uservm_anchor(cloud, id);

	if (!id->anchor) {
		a = &u->unanchored;
		WRITE_ONCE(a->u, u);
	} else if (!a || a->u != u) {
		if (a)
			xa_erase(&cloud->anchors, id->anchor);
		if (u->nr_anchors == VSB_MAX_ANCHORS)
			return;
		a = &u->anchors[u->nr_anchors];
		a->u = u;
		a->frame = id->anchor;
		if (xa_err(xa_store(&cloud->anchors, id->anchor, a, GFP_KERNEL_ACCOUNT)))
			return;
		WRITE_ONCE(u->nr_anchors, u->nr_anchors + 1);
	}
	WRITE_ONCE(a->clock, id->clock);
	WRITE_ONCE(a->boots, id->boots);
	WRITE_ONCE(a->reset, false);
}

/* Has the vCPU at @a started anew since its last access? */
static bool vsb_uservm_booted(const struct vsb_anchor *a, const struct vsb_ident *id)
{
	return a && (READ_ONCE(a->reset) || (!a->boots && id->boots));
}

/*
 * A vCPU that shows no anchor, and a root that is not its user VM's yet: KVM makes a new
 * one when memory slots change, and gives each VM a TSC offset of its own. Under
 * cloud->lock. Return: the one user VM that it may be of, if memory agrees, or NULL.
 */
static struct vsb_l2 *vsb_uservm_same_clock(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_l2 *u, *found = NULL;

	/* An offset of 0 is that of a guest hypervisor which sets none. */
	if (id->anchor || !id->clock || !id->root)
		return NULL;
	list_for_each_entry(u, &cloud->uservms, node) {
		if (!u->unanchored.u || u->unanchored.clock != id->clock)
			continue;
		if (found)
			return NULL;
		found = u;
	}
	return found;
}

/*
 * Does @id show another user VM than @u, which had the same frames? KVM gives each
 * VM a TSC offset of its own: with the same one it is the same. But QEMU sets the
 * TSC at a reset, and KVM that does not trust the TSC when a vCPU moves. So with
 * another one memory decides.
 */
static bool vsb_uservm_is_other(struct vsb_cloud *cloud, struct vsb_l2 *u,
				const struct vsb_ident *id, bool same_memory)
{
	struct vsb_anchor *a = vsb_uservm_anchor(cloud, id);
	u64 clock = a ? a->clock : u->nr_anchors ? u->anchors[0].clock : id->clock;

	if (clock == id->clock)
		return false;
	return !same_memory;
}

/*
 * On VMX an anchor is a frame of the host, which may move pages: what was that of a
 * vCPU of one user VM may be that of another's now. Root and clock tell. Under
 * cloud->lock. Return: the other user VM, or NULL.
 */
static struct vsb_l2 *vsb_uservm_moved_in(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_l2 *u = id->root ? xa_load(&cloud->roots, id->root) : NULL;
	struct vsb_anchor *a = vsb_uservm_anchor(cloud, id);
	u32 i;

	if (!u || !a || a->u == u || a->clock == id->clock)
		return NULL;
	for (i = 0; i < u->nr_anchors; i++)
		if (u->anchors[i].clock == id->clock)
			return u;
	return NULL;
}

/*
 * Another user VM has an anchor of @old, which therefore is gone. It gets its
 * name, but nothing of it: the proxy is dead, and a fresh one will take over.
 * Under cloud->lock. Return: the new one, or NULL.
 */
static struct vsb_l2 *vsb_uservm_succeed(struct vsb_cloud *cloud, struct vsb_l2 *old)
{
	struct vsb_slots *slots = vsb_locked(cloud, old->slots);
	struct vsb_proxy *proxy = vsb_locked(cloud, old->proxy);
	struct vsb_l2 *u = NULL;

	if (slots) {
		u = vsb_uservm_create(cloud);
		if (!u)
			return NULL;
		if (!vsb_uservm_claim(cloud, u, old->name, &slots->claims, slots->keeps)) {
			vsb_uservm_forget(cloud, u);
			return NULL;
		}
	}
	trace_vsbypass_replaced(old->name);
	vsb_uservm_forget(cloud, old);
	if (proxy)
		vsb_proxy_retire(cloud, proxy);
	return u ?: vsb_uservm_create(cloud);
}

/*
 * A VM of a user VM has an anchor of @old, which therefore is gone. It gets nothing of it;
 * but if @old has ever had a name its pages are not the guest hypervisor's again. Under
 * cloud->lock. Return: who has the anchor now, or NULL: nobody.
 */
static struct vsb_l2 *vsb_uservm_displace(struct vsb_cloud *cloud, struct vsb_l2 *old)
{
	struct vsb_proxy *proxy = vsb_locked(cloud, old->proxy);

	if (!rcu_access_pointer(old->slots) && !old->absorb) {
		vsb_uservm_forget(cloud, old);
		return NULL;
	}
	trace_vsbypass_replaced(old->name);
	if (rcu_access_pointer(old->slots))
		vsb_uservm_disown(cloud, old);
	if (proxy)
		vsb_proxy_retire(cloud, proxy);
	WRITE_ONCE(old->barred, true);
	return old;
}

/* So are its devices. Under cloud->lock. */
static void vsb_uservm_reset(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_proxy *proxy = vsb_locked(cloud, u->proxy);

	vsb_count(u, VSB_C_RESETS);
	vsb_uservm_unprove(u);
	vsb_raise_reset(u);
	vsb_slots_reset(u, vsb_locked(cloud, u->slots));
	vsb_bars_reset(&u->bars);
	if (proxy) {
		vsb_proxy_set_replay(proxy, u);
		vsb_proxy_notify(proxy);
	}
}

/*
 * Has the user VM that @id seems to show (@find) in memory what is remembered of it? Reads
 * the cloud VM's memory: not under the lock. Return: 1, yes; 0, it has nothing there (KVM
 * fills a new table bit by bit), or nothing is known; -1, it has something else.
 */
static int vsb_uservm_memory(struct kvm_vcpu *vcpu, struct vsb_cloud *cloud,
			     const struct vsb_ident *id,
			     struct vsb_l2 *(*find)(struct vsb_cloud *cloud,
						    const struct vsb_ident *id))
{
	u64 l2_gfn = 0, l1_gfn = 0;
	struct vsb_l2 *u;
	bool frames;

	mutex_lock(&cloud->lock);
	u = find(cloud, id);
	frames = u && u->frames;
	if (frames) {
		l2_gfn = u->l2_gfn;
		l1_gfn = u->l1_gfn;
	}
	mutex_unlock(&cloud->lock);
	return frames ? vsb_host->has_frame(vcpu, l2_gfn, l1_gfn) : 0;
}

/* There a guest has memory, but for what is behind it: a VGA's window, and ROM or RAM, by turns. */
#define LOW_MEMORY	0xa0
#define LOW_ROM		0xc0

/*
 * The same of a user VM whose table is all but empty, as KVM's is behind a reset that has moved
 * a device: of the few pages that a firmware has touched by then the one that is remembered
 * may be none. Under cloud->lock.
 */
static int vsb_uservm_low(const struct vsb_l2 *u, const u32 *low)
{
	bool same = false;
	u32 i;

	for (i = 0; i < VSB_LOW_FRAMES; i++) {
		if (!low[i] || !u->low[i])
			continue;
		if (low[i] == u->low[i])
			same |= i < LOW_MEMORY || i >= LOW_ROM;
		else if (i < LOW_MEMORY)
			return -1;
	}
	return same;
}

/* Under cloud->lock. */
static void vsb_uservm_learn_low(struct vsb_l2 *u, const u32 *low)
{
	u32 i;

	for (i = 0; i < VSB_LOW_FRAMES; i++)
		if (low[i])
			u->low[i] = low[i];
}

/**
 * vsb_uservm_learn - take in what a vCPU shows, bind if there is a free proxy
 * @vcpu: of the cloud VM; vCPU context, L2 is running
 * @cloud: the cloud VM
 * @id: what it shows
 */
void vsb_uservm_learn(struct kvm_vcpu *vcpu, struct vsb_cloud *cloud,
		      const struct vsb_ident *id)
{
	u64 l2_gfn = 0, l1_gfn = 0;
	u32 low[VSB_LOW_FRAMES];
	struct vsb_l2 *u, *moved;
	int memory, of_clock;
	bool frames, signs, new_root, inner;
	struct vsb_proxy *proxy;
	struct vsb_anchor *a;

	/* Read the cloud VM's memory: not under the lock. */
	frames = vsb_host->first_frame(vcpu, &l2_gfn, &l1_gfn);
	vsb_host->low(vcpu, low);
	memory = vsb_uservm_memory(vcpu, cloud, id, vsb_uservm_find);
	of_clock = vsb_uservm_memory(vcpu, cloud, id, vsb_uservm_same_clock);
	inner = vsb_inner_judge(vcpu, cloud, id);

	mutex_lock(&cloud->lock);
	if (cloud->dead)
		goto unlock;
	u = vsb_uservm_find(cloud, id);
	a = vsb_uservm_anchor(cloud, id);
	signs = a && a->clock != id->clock;
	if (u && !memory)
		memory = vsb_uservm_low(u, low);
	moved = vsb_uservm_moved_in(cloud, id);
	if (moved) {
		u = moved;
	} else if (u && vsb_uservm_is_other(cloud, u, id, memory > 0)) {
		/* Without its anchor @u may live, and have left this root. */
		if (!id->anchor || !a)
			u = NULL;
		else
			u = inner ? vsb_uservm_displace(cloud, u) : vsb_uservm_succeed(cloud, u);
	} else if (u && vsb_uservm_booted(a, id)) {
		if (a == &u->anchors[0])
			vsb_uservm_reset(cloud, u);
		else if (a == &u->unanchored)	/* the first, or one that it starts */
			vsb_uservm_unprove(u);
	}
	if (!u && inner && !READ_ONCE(cloud->absorb)) {
		vsb_inner_accept(cloud, id);
		goto unlock;
	}
	if (!u && !inner && of_clock >= 0) {
		u = vsb_uservm_same_clock(cloud, id);
		/* A proof takes more than that. */
		if (u)
			vsb_uservm_unprove(u);
	}
	if (!u)
		u = vsb_uservm_create(cloud);
	if (!u)
		goto unlock;
	if (inner && !u->nr_anchors && !u->unanchored.u)
		WRITE_ONCE(u->barred, true);	/* not known from whom that is new */
	vsb_inner_forget(cloud, id);
	vsb_uservm_learn_anchor(cloud, u, id);
	vsb_uservm_learn_low(u, low);
	new_root = vsb_uservm_learn_root(cloud, u, id);
	if (signs || new_root)
		vsb_uservm_doubt(u);
	if ((new_root || !u->frames) && frames) {
		WRITE_ONCE(u->l2_gfn, l2_gfn);
		WRITE_ONCE(u->l1_gfn, l1_gfn);
		WRITE_ONCE(u->frames, true);
		proxy = vsb_locked(cloud, u->proxy);
		if (proxy)
			vsb_proxy_notify(proxy);
	}
	if (!rcu_access_pointer(u->slots) && !u->barred) {
		list_for_each_entry(proxy, &cloud->pool, node) {
			if (rcu_access_pointer(proxy->uservm))
				continue;
			vsb_uservm_bind(cloud, u, proxy);
			break;
		}
	}
unlock:
	mutex_unlock(&cloud->lock);
}

/* For user space. Under cloud->lock. */
void vsb_uservm_info(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_uservm *info)
{
	struct vsb_proxy *proxy = vsb_locked(cloud, u->proxy);
	u64 *counter = (u64 *)&info->counters;
	int i;

	BUILD_BUG_ON(sizeof(info->counters) != VSB_NR_COUNTERS * sizeof(u64));
	if (rcu_access_pointer(u->slots))
		info->flags |= VSB_USERVM_BOUND;
	if (proxy)
		info->flags |= VSB_USERVM_PROXY;
	if (proxy && vsb_proxy_idle(proxy))
		info->flags |= VSB_USERVM_READY;
	if (proxy && vsb_proxy_rests(proxy))
		info->flags |= VSB_USERVM_RESTS;
	if (u->frames)
		info->flags |= VSB_USERVM_FRAMES;
	if (vsb_identity_proved(u, proxy))
		info->flags |= VSB_USERVM_PROVED;
	info->refusals = READ_ONCE(u->identity.refusals);
	memcpy(info->name, u->name, sizeof(info->name));
	info->ept_pointer = u->ept_pointer;
	info->l2_gfn = u->l2_gfn;
	info->l1_gfn = u->l1_gfn;
	info->bound_ns = u->bound_ns;
	info->vcpus = u->nr_anchors;
	info->roots = u->nr_roots;
	vsb_slots_info(vsb_locked(cloud, u->slots), info);
	vsb_raise_info(u, info);
	vsb_veil_info(cloud, u, info);
	for (i = 0; i < VSB_NR_COUNTERS; i++)
		counter[i] = atomic64_read(&u->count[i]);
}
