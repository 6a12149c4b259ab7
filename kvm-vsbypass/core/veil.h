/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The veil of a user VM: private pages, which are the host's and which the cloud VM does not
 * have. See Documentation/veil.rst.
 *
 * veil->lock is a mutex inside of cloud->lock; KVM's locks are inside of it. Callbacks look at
 * a veil under RCU alone. References are for those who sleep.
 */
#ifndef VSB_CORE_VEIL_H
#define VSB_CORE_VEIL_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "include/uapi/linux/kvm_vsbypass.h"
#include "core/uservm.h"

struct kvm;
struct page;
struct vsb_cloud;
struct vsb_l2;
struct vsb_table;

#define VSB_VEIL_GPRS	16
#define VSB_VEIL_PAGES	256	/* at which a vCPU may start: those of the first MiB */

/**
 * struct vsb_veil_kept - a vCPU that the guest hypervisor has the CPU of
 * @size:	bytes of @data; constant
 * @valid:	there is something
 * @held:	NULL, or a page of the cloud VM that the vCPU is known by: it stays where it is
 * @data:	the hypervisor's (kvm/veil-regs.c); zeros are nothing
 */
struct vsb_veil_kept {
	u32 size;
	bool valid;
	struct page *held;
	u8 data[] __aligned(64);
};

/**
 * struct vsb_veil - the private memory of a user VM
 * @ref:	its user VM, those who sleep
 * @rcu:	readers of vsb_l2.veil
 * @kvm:	the cloud VM; there as long as it is not @dead; constant
 * @name:	of the user VM, for messages; constant
 * @limit:	pages, at most; constant
 * @table:	where the CPU finds them, of the hypervisor's (core/host.h); constant, ends with
 *		the veil
 * @told:	the user VM has been told that it has private memory; written in callbacks
 * @shared:	page faults on what is not private, while it is used; no lock
 * @stopped:	NULL, or why the user VM does not run any more: the guest hypervisor has changed
 *		this; until it is reset. No lock
 * @stops:	times that this was so
 * @regs_lock:	guards
 * @kept:	one for each vCPU that is known by its anchor, as in vsb_l2.anchors; one that is
 *		there stays
 * @starts:	pages where the user VM has had a vCPU start; bits are set without the lock
 * @lock:	guards what follows
 * @dead:	nobody may add anything
 * @pages:	guest-physical frame number -> struct page
 * @nr:		of them; read without @lock. The user VM uses its veil if it is not 0
 * @most:	that there have been
 * @pushes:	times that the guest hypervisor was given an instruction to decode
 * @resets:	times that all were dropped
 * @complained:	about the limit, since the last reset
 */
struct vsb_veil {
	refcount_t ref;
	struct rcu_head rcu;
	struct kvm *kvm;
	char name[VSB_NAME_LEN];
	u64 limit;
	struct vsb_table *table;
	bool told;
	atomic64_t shared;
	const char *stopped;
	atomic64_t stops;
	spinlock_t regs_lock;	/* inside of all others */
	struct vsb_veil_kept *kept[VSB_MAX_ANCHORS];
	DECLARE_BITMAP(starts, VSB_VEIL_PAGES);

	struct mutex lock;	/* inside cloud->lock */
	bool dead;
	struct xarray pages;
	u64 nr;
	u64 most;
	u64 pushes;
	u64 resets;
	bool complained;
};

/* ioctl or vCPU context, under cloud->lock. */
int vsb_veil_begin(struct vsb_cloud *cloud, struct vsb_l2 *u, const char *name, u64 limit);
void vsb_veil_end(struct vsb_cloud *cloud, struct vsb_l2 *u);
void vsb_veil_info(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_uservm *info);

/* vCPU context. */
void vsb_veil_get(struct vsb_veil *veil);
void vsb_veil_put(struct vsb_veil *veil);
void vsb_veil_reset(struct vsb_veil *veil);
void vsb_veil_forget(struct vsb_veil_kept *kept);

/* Callback context, too. */
void vsb_veil_stop(struct vsb_veil *veil, const char *changed);

/* For who reads the user VM's memory. */
void vsb_veil_next(struct vsb_veil *veil, u64 gfn, u64 *first, u64 *end);
bool vsb_veil_read(struct vsb_veil *veil, u64 gfn, void *to);

/* vCPU context, under veil->lock. */
struct page *vsb_veil_find(struct vsb_veil *veil, u64 gfn);
struct page *vsb_veil_new(struct vsb_veil *veil);
int vsb_veil_add(struct vsb_veil *veil, u64 gfn, struct page *page);
void vsb_veil_complain(struct vsb_veil *veil, int err);

#endif
