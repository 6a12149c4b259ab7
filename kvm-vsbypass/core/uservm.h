/* SPDX-License-Identifier: GPL-2.0 */
/*
 * User VMs, and who is who.
 *
 * cloud->lock guards a user VM but for what its members say. Callbacks look at it under
 * RCU alone; it is freed a grace period after it was taken out of all that finds it, by
 * whoever has the last reference. References are for those who sleep.
 */
#ifndef VSB_CORE_USERVM_H
#define VSB_CORE_USERVM_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "core/bars.h"
#include "core/host.h"
#include "core/identity.h"
#include "core/raise.h"
#include "include/uapi/linux/kvm_vsbypass.h"

struct kvm_vcpu;
struct vsb_cloud;
struct vsb_ident;
struct vsb_proxy;
struct vsb_slots;
struct vsb_veil;
struct vsb_watch;

#define VSB_MAX_UNBOUND	256	/* user VMs remembered that have no name */
#define VSB_MAX_ROOTS	16	/* EPT pointers remembered of a user VM */
#define VSB_MAX_ANCHORS	64	/* vCPUs of a user VM that are */

/* One for each member of struct vsb_counters, in its order. */
enum vsb_counter {
	VSB_C_READS,
	VSB_C_WRITES,
	VSB_C_ABSORBED,
	VSB_C_TIMEOUTS,
	VSB_C_RETRIES,
	VSB_C_IRQ_EDGES,
	VSB_C_ROOT_CHANGES,
	VSB_C_REPLAYS,
	VSB_C_RESETS,
	VSB_NR_COUNTERS
};

/**
 * struct vsb_anchor - a vCPU of a user VM
 * @u:		the user VM, which this is part of; constant
 * @frame:	a frame that stays with it; constant
 * @clock:	its TSC offset; cloud->lock, read without
 * @boots:	vsb_ident.boots at its last access; cloud->lock, read without
 * @reset:	has been seen to boot since; set without a lock, cleared under
 *		cloud->lock
 */
struct vsb_anchor {
	struct vsb_l2 *u;
	unsigned long frame;
	u64 clock;
	bool boots;
	bool reset;
};

/**
 * struct vsb_l2 - a user VM
 * @ref:	its place in cloud->uservms, users
 * @rcu:	readers of cloud->roots and cloud->anchors
 * @node:	in cloud->uservms, empty: forgotten; cloud->lock
 * @name:	of its proxy, from the binding on; empty: none; cloud->lock
 * @slots:	NULL: it has no name; else what is claimed for as long as it has, proxy or
 *		not, and the devices there. RCU, written under cloud->lock
 * @absorb:	has had claims that it has no longer: no port of the pool is the
 *		guest hypervisor's again. Written under cloud->lock
 * @barred:	an inner VM on the pages of one that had a name: gets no proxy. Written
 *		under cloud->lock
 * @proxy:	that serves it, or NULL. RCU, written under cloud->lock; @proxy
 *		outlives an RCU grace period after it is replaced
 * @veil:	its private memory, or NULL; from the binding on until it is forgotten. RCU, written
 *		under cloud->lock
 * @ept_pointer: the newest learned, of a table of
 * @levels:	so many; both cloud->lock
 * @l2_gfn:	frame pair, valid if @frames; cloud->lock
 * @l1_gfn:	see @l2_gfn
 * @frames:	see @l2_gfn
 * @low:	what was seen in its first MiB last, see vsb_host.low; cloud->lock
 * @bound_ns:	CLOCK_BOOTTIME of the binding, 0: none; cloud->lock
 * @roots:	frames of EPT pointers, a ring of @nr_roots; cloud->lock
 * @anchors:	its vCPUs, the first is the one that boots; cloud->lock
 * @unanchored:	those of its vCPUs that show no anchor, as one; no @frame; its @u is
 *		NULL: there are none. Like @anchors
 * @identity:	what it has proved
 * @raise:	its interrupts, if the module raises them
 * @watch:	for those who read its memory, or NULL: nobody does. RCU, written under
 *		cloud->lock
 * @bars:	where it has its graphics card, if a user VM of this cloud VM has a screen
 * @count:	enum vsb_counter
 */
struct vsb_l2 {
	refcount_t ref;
	struct rcu_head rcu;
	struct list_head node;
	char name[VSB_NAME_LEN];
	struct vsb_slots __rcu *slots;
	bool absorb;
	bool barred;
	struct vsb_proxy __rcu *proxy;
	struct vsb_veil __rcu *veil;
	u64 ept_pointer;
	int levels;
	u64 l2_gfn;
	u64 l1_gfn;
	bool frames;
	u32 low[VSB_LOW_FRAMES];
	u64 bound_ns;
	u32 nr_roots;
	u32 next_root;
	u32 nr_anchors;
	unsigned long roots[VSB_MAX_ROOTS];
	struct vsb_anchor anchors[VSB_MAX_ANCHORS];
	struct vsb_anchor unanchored;
	struct vsb_identity identity;
	struct vsb_raise raise;
	struct vsb_watch __rcu *watch;
	struct vsb_bars bars;
	atomic64_t count[VSB_NR_COUNTERS];
};

static inline void vsb_count(struct vsb_l2 *u, enum vsb_counter c)
{
	atomic64_inc(&u->count[c]);
}

struct vsb_l2 *vsb_uservm_find(struct vsb_cloud *cloud, const struct vsb_ident *id);
bool vsb_uservm_settled(struct vsb_cloud *cloud, struct vsb_l2 *u,
			const struct vsb_ident *id);
void vsb_uservm_unpaged(struct vsb_cloud *cloud, const struct vsb_ident *id);
void vsb_uservm_learn(struct kvm_vcpu *vcpu, struct vsb_cloud *cloud,
		      const struct vsb_ident *id);
void vsb_uservm_adopt(struct vsb_cloud *cloud, struct vsb_proxy *proxy);
void vsb_uservm_lose_proxy(struct vsb_cloud *cloud, struct vsb_proxy *proxy);
void vsb_uservm_move(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_proxy *proxy);
void vsb_uservm_disown(struct vsb_cloud *cloud, struct vsb_l2 *u);
void vsb_uservm_forget(struct vsb_cloud *cloud, struct vsb_l2 *u);
void vsb_uservm_info(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_uservm *info);
void vsb_uservm_put(struct vsb_l2 *u);

#endif
