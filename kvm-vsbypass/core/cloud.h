/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An attached cloud VM.
 *
 * cloud->lock, a mutex, is the outermost lock: it guards pool, user VMs and bindings.
 * Callbacks hold nothing: they are under rcu_read_lock() from the registry (core/vm.h) to
 * their last look. So what they can reach, a cloud VM and all that hangs on it, is freed a
 * grace period after it was taken out of where it is found, by kfree_rcu() and call_rcu(),
 * whoever has the last reference. References are for those who sleep.
 */
#ifndef VSB_CORE_CLOUD_H
#define VSB_CORE_CLOUD_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "core/inner.h"
#include "core/vm.h"
#include "include/uapi/linux/kvm_vsbypass.h"

struct kvm;
struct vsb_l2;
struct vsb_proxy;

#define VSB_NR_PORTS	0x10000

/* What we remember of a vCPU of the cloud VM; written by its own thread. */
struct vsb_vcpu {
	unsigned long anchor;	/* SVM: frame of vmcb12 at the last VMRUN */
	bool taken;		/* the last I/O exit was ours */
	bool fetched;		/* of that, something was read for L2 already */
	u16 port;		/* of that, */
	u8 size;		/* and bytes */
	bool checking;		/* KVM's own look for events is running */
	bool stood;		/* behind that it stood, which is not to be again */
	bool entering;		/* KVM's own VMRUN is */
	bool leaving;		/* KVM's own exit from L2 to L1 is running, veil.c */
	bool unpaged;		/* L2's paging is off, behind its veil */
	bool refused;		/* L2 is not to execute anything, behind its veil */
	u64 root;		/* of the hypervisor's page table for L2, as it was entered last; */
	const void *root_of;	/* whose private pages may be there, to compare */
	bool armed;		/* a vector of ours is in its VMCB; raise.c counts that */
	const void *kept;	/* the user VM whose HLT this vCPU executes, to compare */
	bool woken;		/* that is to look; others write it, too */
	int outer_levels;	/* inner.c, of the user VM that enters a VM of its own: */
	u64 outer;		/* EPT pointer, 0: the last nested exit was another one, */
	unsigned long outer_root;	/* and its frame */
};

/**
 * struct vsb_cloud - an attached cloud VM
 * @ref:	descriptor, proxies, user VMs in use
 * @vm:		the VM
 * @rcu:	readers of the registry, of @ports, @vcpus, @roots and @anchors
 * @raising:	user VMs of it that are counted in vsb_raising, and @armed
 * @armed:	vCPUs of it in whose VMCB a vector of ours is
 * @drain:	ends a cloud VM whose guest hypervisor has registers to give back first, or
 *		one that lingered and is gone, as vsb_vm_ops.gone() must not do it
 * @started:	nested exits are redirected; written under @lock
 * @flags:	VSB_CLOUD_*; @lock
 * @unclaimed:	VSB_UNCLAIMED_*; written under @lock
 * @irq:	VSB_IRQ_*; written under @lock
 * @absorb:	it counts as VSB_UNCLAIMED_ABSORB for good; written under @lock
 * @identity:	a proxy of it has had a key: the ports for a proof are claimed for
 *		all its user VMs, for good. Written under @lock
 * @veils:	a proxy of it has asked for a veil: KVM's functions for those are redirected
 *		until it is let go of. Written under @lock
 * @screens:	the same for graphics cards
 * @frozen:	no access is begun now,
 * @thaw:	until then (jiffies); both written under @lock
 * @serving:	SRCU; around each access, so that others can wait for them
 * @accesses:	that have begun, ever; see vsb_cloud_quiesce()
 * @lock:	guards what follows, for writing
 * @closed:	no descriptor, or VSB_START has not followed; only proxies serve, no
 *		front alone. Read without @lock
 * @lingers:	@closed, and the module is held; there are proxies, or ports to absorb
 * @gone:	the process has ended
 * @dead:	let go of; nobody new may come
 * @pool:	proxies in order
 * @nr_proxies:	in @pool
 * @nr_free:	of these, how many serve no user VM; read without the lock
 * @uservms:	in order of first access
 * @nr_unbound:	of these, how many have no name
 * @roots:	frame of EPT pointer -> user VM; readers RCU
 * @anchors:	frame -> struct vsb_anchor; readers RCU
 * @inners:	VMs that its user VMs run
 * @ports:	every port that a proxy of this cloud VM has claimed; bits are only set.
 *		Readers RCU
 * @vcpus:	by vcpu_idx; each is its own thread's, callbacks included. RCU
 */
struct vsb_cloud {
	struct kref ref;
	struct rcu_head rcu;
	struct vsb_vm vm;
	atomic_t raising;
	atomic_t armed;
	struct delayed_work drain;
	bool started;
	u32 flags;
	u32 unclaimed;
	u32 irq;
	bool absorb;
	bool identity;
	bool veils;
	bool screens;
	bool frozen;
	unsigned long thaw;
	struct srcu_struct serving;
	atomic_t accesses;

	struct mutex lock;	/* outermost */
	bool closed;
	bool lingers;
	bool gone;
	bool dead;
	struct list_head pool;
	u32 nr_proxies;
	u32 nr_free;
	struct list_head uservms;
	u32 nr_unbound;
	struct xarray roots;
	struct xarray anchors;
	struct vsb_inners inners;
	unsigned long *ports;
	struct vsb_vcpu *vcpus;
};

int vsb_cloud_open(const struct vsb_create_cloud *args);
struct vsb_cloud *vsb_cloud_find(struct kvm *kvm);
struct vsb_cloud *vsb_cloud_get(struct kvm *kvm);
void vsb_cloud_put(struct vsb_cloud *cloud);
void vsb_cloud_left(struct vsb_cloud *cloud);
int vsb_cloud_veil(struct vsb_cloud *cloud);
int vsb_cloud_screen(struct vsb_cloud *cloud);
bool vsb_cloud_is_frozen(const struct vsb_cloud *cloud);
bool vsb_cloud_absorbs(struct vsb_cloud *cloud);
long vsb_get_uservm(void __user *argp, struct vsb_cloud *cloud, struct vsb_proxy *proxy);

/* A pointer that readers use under RCU, for a writer under cloud->lock. */
#define vsb_locked(cloud, p)	rcu_dereference_protected(p, lockdep_is_held(&(cloud)->lock))

#endif
