/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMs that user VMs run (L3).
 *
 * inners->lock is a spinlock inside of all others, taken in callbacks, too.
 */
#ifndef VSB_CORE_INNER_H
#define VSB_CORE_INNER_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct kvm;
struct kvm_vcpu;
struct vsb_cloud;
struct vsb_ident;
struct vsb_vcpu;

#define VSB_MAX_INNER	128	/* vCPUs of inner VMs remembered of a cloud VM */

/**
 * struct vsb_inner - a vCPU of a VM that a user VM runs, or of one that may be
 * @anchor:	what it shows, see struct vsb_ident
 * @root:	the same
 * @clock:	the same, valid if @judged
 * @outer:	EPT pointer of the user VM that has entered it; 0: not in use
 * @levels:	of that page table
 * @judged:	it is one
 * @used:	vsb_inners.clock when it was entered last
 */
struct vsb_inner {
	unsigned long anchor;
	unsigned long root;
	u64 clock;
	u64 outer;
	int levels;
	bool judged;
	u64 used;
};

/**
 * struct vsb_inners - those of a cloud VM
 * @lock:	guards what follows; innermost. Also taken in callbacks
 * @clock:	counts
 * @any:	there has been one; read without @lock
 */
struct vsb_inners {
	spinlock_t lock;	/* innermost */
	u64 clock;
	bool any;
	struct vsb_inner all[VSB_MAX_INNER];
};

/* As vsb_vm_filter: cloud VMs with a user VM that has entered a VM of its own. */
extern unsigned long vsb_inner_filter;

static inline bool vsb_inner_maybe(struct kvm *kvm)
{
	return READ_ONCE(vsb_inner_filter) & BIT(hash_ptr(kvm, 6));
}

void vsb_inner_init(struct vsb_inners *inners);
void vsb_inner_end(struct kvm *kvm);
void vsb_inner_follow(struct vsb_cloud *cloud, struct vsb_vcpu *v, const struct vsb_ident *id,
		      bool enters);
bool vsb_inner_is(struct vsb_cloud *cloud, const struct vsb_ident *id);
bool vsb_inner_judge(struct kvm_vcpu *vcpu, struct vsb_cloud *cloud, const struct vsb_ident *id);
void vsb_inner_accept(struct vsb_cloud *cloud, const struct vsb_ident *id);
void vsb_inner_forget(struct vsb_cloud *cloud, const struct vsb_ident *id);

#endif
