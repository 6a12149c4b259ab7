// SPDX-License-Identifier: GPL-2.0
/* Which user VM does a vCPU of a cloud VM run now? */
#include <linux/kvm_host.h>

#include "core/cloud.h"
#include "core/inner.h"
#include "core/uservm.h"
#include "kvm/compat.h"
#include "kvm/nested.h"
#include "kvm/turn.h"

bool vsb_turn_find(struct vsb_turn *t, struct kvm_vcpu *vcpu)
{
	t->u = NULL;
	t->cloud = vsb_cloud_find(vcpu->kvm);
	if (!t->cloud)
		return false;
	t->v = &t->cloud->vcpus[vcpu->vcpu_idx];
	if (!vsb_is_guest_mode(vcpu))
		return false;
	vsb_nested_ident(vcpu, t->v, &t->id);
	if (!vsb_inner_is(t->cloud, &t->id))
		t->u = vsb_uservm_find(t->cloud, &t->id);
	return t->u;
}

bool vsb_turn_get(struct vsb_turn *t, struct kvm_vcpu *vcpu)
{
	bool found;

	rcu_read_lock();
	found = vsb_turn_find(t, vcpu) && refcount_inc_not_zero(&t->u->ref);
	/* A user VM that is found has its cloud VM. */
	if (found)
		kref_get(&t->cloud->ref);
	rcu_read_unlock();
	return found;
}

void vsb_turn_put(struct vsb_turn *t)
{
	vsb_uservm_put(t->u);
	vsb_cloud_put(t->cloud);
}
