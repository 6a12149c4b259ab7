// SPDX-License-Identifier: GPL-2.0
/*
 * VMs that user VMs run (L3): their exits are those of a hypervisor that is a user VM, so
 * the guest hypervisor has them as without us. KVM as guest hypervisor runs such an inner
 * VM like a user VM, with a VMCB or VMCS and a page table of its own. Two things tell:
 *
 * The user VM has to enter it, which exits. The next nested exit of this vCPU of the cloud
 * VM, if another root is shown, may be the inner VM's; or that of a user VM whose turn it was.
 * All memory of an inner VM is its user VM's. A user VM has its own. What is compared is
 * what it may write to: pages alone for reading may be shared (KSM). One that has none such
 * yet runs firmware in ROM; its user VM, which has put that there, may write to it.
 *
 * And it must be new: what a user VM is known by is not an inner VM's.
 */
#include "core/cloud.h"
#include "core/host.h"
#include "core/ident.h"
#include "core/inner.h"

#define FRAMES	8	/* compared, at most */

unsigned long vsb_inner_filter;

void vsb_inner_init(struct vsb_inners *inners)
{
	spin_lock_init(&inners->lock);
}

/* The cloud VM is let go of. Another one that has this bit sets it again at its next entry. */
void vsb_inner_end(struct kvm *kvm)
{
	clear_bit(hash_ptr(kvm, 6), &vsb_inner_filter);
}

/* The one that shows this, or the one to be forgotten for it. Under inners->lock. */
static struct vsb_inner *vsb_inner_slot(struct vsb_inners *inners, const struct vsb_ident *id)
{
	struct vsb_inner *e, *oldest = inners->all;

	for (e = inners->all; e < inners->all + VSB_MAX_INNER; e++) {
		if (e->outer && e->root == id->root && e->anchor == id->anchor)
			return e;
		if (e->used < oldest->used)
			oldest = e;
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->anchor = id->anchor;
	oldest->root = id->root;
	return oldest;
}

/**
 * vsb_inner_follow - a nested exit, of whatever kind
 * @cloud: the cloud VM
 * @v: the vCPU
 * @id: what it shows
 * @enters: L2 enters a VM of its own
 *
 * Callback context.
 */
void vsb_inner_follow(struct vsb_cloud *cloud, struct vsb_vcpu *v, const struct vsb_ident *id,
		      bool enters)
{
	struct vsb_inners *inners = &cloud->inners;
	struct vsb_inner *e;

	if (v->outer && id->root && v->outer_root != id->root) {
		spin_lock(&inners->lock);
		e = vsb_inner_slot(inners, id);
		if (e->outer != v->outer)
			e->judged = false;
		e->outer = v->outer;
		e->levels = v->outer_levels;
		e->used = ++inners->clock;
		spin_unlock(&inners->lock);
	}
	v->outer = enters && id->levels ? id->ept_pointer : 0;
	v->outer_root = id->root;
	v->outer_levels = id->levels;
	if (enters && !vsb_inner_maybe(cloud->vm.kvm))
		set_bit(hash_ptr(cloud->vm.kvm, 6), &vsb_inner_filter);
}

/* Has this been found to be an inner VM? Callback context. */
bool vsb_inner_is(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_inners *inners = &cloud->inners;
	struct vsb_inner *e;
	bool is = false;

	if (!READ_ONCE(inners->any))
		return false;
	if (id->anchor ? xa_load(&cloud->anchors, id->anchor) : xa_load(&cloud->roots, id->root))
		return false;
	spin_lock(&inners->lock);
	for (e = inners->all; e < inners->all + VSB_MAX_INNER && !is; e++)
		is = e->judged && e->root == id->root && e->anchor == id->anchor &&
		     e->clock == id->clock;
	spin_unlock(&inners->lock);
	return is;
}

/* The table of the user VM that has entered it. Return: its levels, or 0: it is none. */
static int vsb_inner_outer(struct vsb_inners *inners, const struct vsb_ident *id, u64 *outer)
{
	struct vsb_inner *e, *found = NULL;
	int levels = 0;

	spin_lock(&inners->lock);
	for (e = inners->all; e < inners->all + VSB_MAX_INNER; e++) {
		if (!e->outer || (id->anchor ? e->anchor != id->anchor :
				  e->anchor || e->root != id->root))
			continue;
		/* The inner VM may have another root now, or its vCPU run another one. */
		if (!found || e->used > found->used)
			found = e;
	}
	if (found) {
		*outer = found->outer;
		levels = found->levels;
	}
	spin_unlock(&inners->lock);
	return levels;
}

/**
 * vsb_inner_judge - is it an inner VM, if it is new?
 * @vcpu: runs it; vCPU context, KVM's SRCU held
 * @cloud: the cloud VM
 * @id: what @vcpu shows
 */
bool vsb_inner_judge(struct kvm_vcpu *vcpu, struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	u64 gfns[FRAMES], outer;
	int levels, nr;

	if (!vsb_inner_maybe(cloud->vm.kvm) || !id->root)
		return false;
	levels = vsb_inner_outer(&cloud->inners, id, &outer);
	if (!levels || (outer & GENMASK_ULL(51, 12)) >> PAGE_SHIFT == id->root)
		return false;
	nr = vsb_host->frames(vcpu, gfns, FRAMES, true);
	if (nr)
		return vsb_host->maps(vcpu, outer, levels, gfns, nr, false);
	nr = vsb_host->frames(vcpu, gfns, FRAMES, false);
	return nr && vsb_host->maps(vcpu, outer, levels, gfns, nr, true);
}

/* It is one, and has been judged. Under cloud->lock. */
void vsb_inner_accept(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_inners *inners = &cloud->inners;
	struct vsb_inner *e;
	int levels;
	u64 outer;

	levels = vsb_inner_outer(inners, id, &outer);
	if (!levels)
		return;		/* forgotten already: it will be entered again */
	spin_lock(&inners->lock);
	e = vsb_inner_slot(inners, id);
	e->outer = outer;
	e->levels = levels;
	e->clock = id->clock;
	e->judged = true;
	e->used = ++inners->clock;
	WRITE_ONCE(inners->any, true);
	spin_unlock(&inners->lock);
}

/* A user VM shows this now. Under cloud->lock. */
void vsb_inner_forget(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_inners *inners = &cloud->inners;
	struct vsb_inner *e;

	spin_lock(&inners->lock);
	for (e = inners->all; e < inners->all + VSB_MAX_INNER; e++)
		if (e->outer && ((id->anchor && e->anchor == id->anchor) || e->root == id->root))
			memset(e, 0, sizeof(*e));
	spin_unlock(&inners->lock);
}
