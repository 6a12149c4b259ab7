// SPDX-License-Identifier: GPL-2.0
/*
 * Who is who: from what a vCPU of the cloud VM shows at a nested exit to the
 * user VM that it runs. The EPT pointer changes during a user VM's life (KVM
 * makes a new root when memory slots change, and has another for SMM), so a
 * frame that stays with each vCPU, its anchor, ties the pointers together.
 */
#include <linux/slab.h>

#include "vsb.h"
#include "trace.h"

/* vCPU or callback context, L2 is running. */
void vsb_ident_get(struct kvm_vcpu *vcpu, const struct vsb_vcpu *v, struct vsb_ident *id)
{
	struct kvm_mmu *mmu = vcpu->arch.mmu;

	id->anchor = vsb_vendor->anchor(v);
	/* Without nested paging the root is L2's CR3, which names a process. */
	id->ept_pointer = mmu == &vcpu->arch.guest_mmu ? mmu->get_guest_pgd(vcpu) : 0;
	id->root = (id->ept_pointer & GENMASK_ULL(51, 12)) >> PAGE_SHIFT;
}

/* Under rcu_read_lock() or cloud->lock. The anchor has the last word. */
struct vsb_l2 *vsb_uservm_find(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_l2 *u = NULL;

	if (id->anchor)
		u = xa_load(&cloud->anchors, id->anchor);
	if (!u && id->root)
		u = xa_load(&cloud->roots, id->root);
	return u;
}

/*
 * Is there nothing to learn from @id about @u? Else vsb_uservm_learn() has to
 * be called before an access is decided. Callback context.
 */
bool vsb_uservm_settled(struct vsb_cloud *cloud, struct vsb_l2 *u,
			const struct vsb_ident *id)
{
	if (!u)
		return false;
	if (!rcu_access_pointer(u->claims) && READ_ONCE(cloud->nr_free))
		return false;
	if (id->root && xa_load(&cloud->roots, id->root) != u)
		return false;
	return !id->anchor || READ_ONCE(u->nr_anchors) == VSB_MAX_ANCHORS ||
	       xa_load(&cloud->anchors, id->anchor) == u;
}

void vsb_uservm_put(struct vsb_l2 *u)
{
	if (!refcount_dec_and_test(&u->ref))
		return;
	/* Nobody can look at u->claims without a reference or RCU. */
	kfree_rcu(rcu_dereference_protected(u->claims, true), rcu);
	kfree_rcu(u, rcu);
}

/* Take @u out of everything that finds it. Under cloud->lock. */
void vsb_uservm_forget(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_proxy *proxy = vsb_locked(cloud, u->proxy);
	u32 i;

	for (i = 0; i < u->nr_roots; i++)
		if (xa_load(&cloud->roots, u->roots[i]) == u)
			xa_erase(&cloud->roots, u->roots[i]);
	for (i = 0; i < u->nr_anchors; i++)
		if (xa_load(&cloud->anchors, u->anchors[i]) == u)
			xa_erase(&cloud->anchors, u->anchors[i]);
	list_del_init(&u->node);
	if (!rcu_access_pointer(u->claims))
		cloud->nr_unbound--;
	if (proxy) {
		RCU_INIT_POINTER(u->proxy, NULL);
		RCU_INIT_POINTER(proxy->uservm, NULL);
		WRITE_ONCE(cloud->nr_free, cloud->nr_free + 1);
		vsb_uservm_put(u);
	}
	vsb_uservm_put(u);
}

/* @proxy serves @u from now on. Under cloud->lock. */
static void vsb_uservm_bind(struct vsb_cloud *cloud, struct vsb_l2 *u,
			    struct vsb_proxy *proxy)
{
	struct vsb_claims *claims, *old;
	u32 i;

	claims = kmemdup(proxy->claims, sizeof(*claims), GFP_KERNEL_ACCOUNT);
	if (!claims)
		return;		/* stays as it is: absorbed */
	old = vsb_locked(cloud, u->claims);
	if (!old) {
		cloud->nr_unbound--;
		u->bound_ns = ktime_get_boottime_ns();
	}
	if (!old || memcmp(old->ranges, claims->ranges, sizeof(old->ranges))) {
		/* Other UARTs: their registers start anew. */
		u->nr_uarts = 0;
		for (i = 0; i < claims->nr; i++) {
			if (claims->ranges[i].device != VSB_DEV_16550)
				continue;
			u->uart[u->nr_uarts++] = (struct vsb_uart){
				.base = claims->ranges[i].first,
			};
		}
	}
	memcpy(u->name, proxy->name, sizeof(u->name));
	vsb_proxy_set_replay(proxy, u->uart, u->nr_uarts);
	refcount_inc(&u->ref);
	rcu_assign_pointer(proxy->uservm, u);
	WRITE_ONCE(cloud->nr_free, cloud->nr_free - 1);
	rcu_assign_pointer(u->proxy, proxy);
	rcu_assign_pointer(u->claims, claims);
	if (old)
		kfree_rcu(old, rcu);
	trace_vsbypass_bind(u->name, u->ept_pointer, u->anchors[0]);
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

	if (other)
		vsb_uservm_forget(cloud, other);
	if (old) {
		RCU_INIT_POINTER(u->proxy, NULL);
		RCU_INIT_POINTER(old->uservm, NULL);
		WRITE_ONCE(cloud->nr_free, cloud->nr_free + 1);
		vsb_uservm_put(u);
		vsb_proxy_notify(old);
	}
	vsb_uservm_bind(cloud, u, proxy);
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

	if (!u) {
		WRITE_ONCE(cloud->nr_free, cloud->nr_free - 1);
		return;
	}
	RCU_INIT_POINTER(u->proxy, NULL);
	RCU_INIT_POINTER(proxy->uservm, NULL);
	vsb_uservm_put(u);
}

static struct vsb_l2 *vsb_uservm_create(struct vsb_cloud *cloud)
{
	struct vsb_l2 *u, *old;

	if (cloud->nr_unbound >= VSB_MAX_UNBOUND) {
		list_for_each_entry(old, &cloud->uservms, node)
			if (!rcu_access_pointer(old->claims))
				break;
		vsb_uservm_forget(cloud, old);
	}
	u = kzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	if (!u)
		return NULL;
	refcount_set(&u->ref, 1);
	vsb_identity_init(&u->identity);
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
	return true;
}

static void vsb_uservm_learn_anchor(struct vsb_cloud *cloud, struct vsb_l2 *u,
				    unsigned long anchor)
{
	if (!anchor || u->nr_anchors == VSB_MAX_ANCHORS ||
	    xa_load(&cloud->anchors, anchor))
		return;
	if (xa_err(xa_store(&cloud->anchors, anchor, u, GFP_KERNEL_ACCOUNT)))
		return;
	u->anchors[u->nr_anchors] = anchor;
	WRITE_ONCE(u->nr_anchors, u->nr_anchors + 1);
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
	struct vsb_proxy *proxy;
	struct vsb_l2 *u;
	bool frames;

	/* Reads the cloud VM's memory: not under the lock. */
	frames = vsb_ept_first_frame(vcpu, &l2_gfn, &l1_gfn);

	mutex_lock(&cloud->lock);
	u = vsb_uservm_find(cloud, id);
	if (!u)
		u = vsb_uservm_create(cloud);
	if (!u || cloud->dead)
		goto unlock;
	vsb_uservm_learn_anchor(cloud, u, id->anchor);
	if ((vsb_uservm_learn_root(cloud, u, id) || !u->frames) && frames) {
		u->frames = true;
		u->l2_gfn = l2_gfn;
		u->l1_gfn = l1_gfn;
		proxy = vsb_locked(cloud, u->proxy);
		if (proxy)
			vsb_proxy_notify(proxy);
	}
	if (!rcu_access_pointer(u->claims)) {
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

/* The 16550 that has @port, or NULL. */
struct vsb_uart *vsb_uservm_uart(struct vsb_l2 *u, u16 port)
{
	u32 i;

	for (i = 0; i < u->nr_uarts; i++)
		if (port >= u->uart[i].base && port - u->uart[i].base < 8)
			return &u->uart[i];
	return NULL;
}

/* For user space. Under cloud->lock. */
void vsb_uservm_info(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_uservm *info)
{
	struct vsb_proxy *proxy = vsb_locked(cloud, u->proxy);
	u64 *counter = (u64 *)&info->counters;
	struct vsb_uart *uart;
	int i;

	BUILD_BUG_ON(sizeof(info->counters) != VSB_NR_COUNTERS * sizeof(u64));
	if (rcu_access_pointer(u->claims))
		info->flags |= VSB_USERVM_BOUND;
	if (proxy)
		info->flags |= VSB_USERVM_PROXY;
	if (proxy && vsb_proxy_idle(proxy))
		info->flags |= VSB_USERVM_READY;
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
	uart = vsb_uservm_uart(u, 0x3f8);
	if (uart)
		info->ier = uart->ier;
	for (i = 0; i < VSB_NR_COUNTERS; i++)
		counter[i] = atomic64_read(&u->count[i]);
}
