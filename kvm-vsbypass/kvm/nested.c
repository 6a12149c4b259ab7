// SPDX-License-Identifier: GPL-2.0
/*
 * Nested exits of a cloud VM: what KVM's vCPU shows, in the words of core, and where KVM's
 * locks are held. core never sleeps with KVM's SRCU held for a proxy: memory slots must
 * not wait for one.
 */
#include <linux/kvm_host.h>
#include <linux/sched.h>

#include "core/access.h"
#include "core/cloud.h"
#include "core/trace.h"
#include "core/uservm.h"
#include "kvm/compat.h"
#include "kvm/ept.h"
#include "kvm/calls.h"
#include "kvm/nested.h"
#include "kvm/vendor.h"

void vsb_nested_ident(struct kvm_vcpu *vcpu, const struct vsb_vcpu *v, struct vsb_ident *id)
{
	struct kvm_mmu *mmu = vcpu->arch.mmu;

	id->anchor = vsb_vendor->anchor(v);
	/* Without nested paging the root is L2's CR3, which names a process. */
	id->ept_pointer = mmu == &vcpu->arch.guest_mmu ?
			  vsb_mmu_walk(mmu)->get_guest_pgd(vcpu) : 0;
	id->levels = vsb_ept_levels(vcpu);
	id->root = (id->ept_pointer & GENMASK_ULL(51, 12)) >> PAGE_SHIFT;
	id->clock = vcpu->arch.tsc_offset - vcpu->arch.l1_tsc_offset;
	id->boots = vsb_kvm_boots(vcpu);
}

/* ---- callback context ---- */

bool vsb_nested_takes(struct kvm_vcpu *vcpu, const struct vsb_pio *pio)
{
	struct vsb_cloud *cloud;
	struct vsb_ident id;
	struct vsb_vcpu *v;
	bool takes = false;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud) {
		v = &cloud->vcpus[vcpu->vcpu_idx];
		vsb_nested_ident(vcpu, v, &id);
		takes = vsb_cloud_takes(cloud, v, &id, pio);
	}
	rcu_read_unlock();
	return takes;
}

/* Is @port that of the exit that this vCPU's thread is handling for us? */
bool vsb_nested_took(struct kvm_vcpu *vcpu, u64 port)
{
	struct vsb_cloud *cloud;
	bool took;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	took = cloud && vsb_cloud_took(&cloud->vcpus[vcpu->vcpu_idx], port);
	rcu_read_unlock();
	return took;
}

/* KVM emulates a port access of L2 itself: is it ours? */
bool vsb_nested_serves(struct kvm_vcpu *vcpu, u32 port, u32 size)
{
	struct vsb_cloud *cloud;
	bool serves = false;
	struct vsb_ident id;
	struct vsb_vcpu *v;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud) {
		v = &cloud->vcpus[vcpu->vcpu_idx];
		serves = vsb_cloud_took(v, port);
		if (!serves) {
			vsb_nested_ident(vcpu, v, &id);
			serves = vsb_cloud_serves(cloud, &id, port, size);
		}
	}
	rcu_read_unlock();
	return serves;
}

/* L1 enters L2: RAX has the address of vmcb12 (APM vol. 3, VMRUN). */
void vsb_nested_vmrun(struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud)
		cloud->vcpus[vcpu->vcpu_idx].anchor =
			vcpu->arch.regs[VCPU_REGS_RAX] >> PAGE_SHIFT;
	rcu_read_unlock();
}

/* A nested exit; @enters: L2 enters a VM of its own. */
void vsb_nested_follow(struct kvm_vcpu *vcpu, bool enters)
{
	struct vsb_cloud *cloud;
	struct vsb_ident id;
	struct vsb_vcpu *v;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud) {
		v = &cloud->vcpus[vcpu->vcpu_idx];
		vsb_nested_ident(vcpu, v, &id);
		vsb_inner_follow(cloud, v, &id, enters);
	}
	rcu_read_unlock();
}

/* L2 runs with paging off: it boots. */
void vsb_nested_unpaged(struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud;
	struct vsb_ident id;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud && READ_ONCE(cloud->started)) {
		vsb_nested_ident(vcpu, &cloud->vcpus[vcpu->vcpu_idx], &id);
		vsb_uservm_unpaged(cloud, &id);
	}
	rcu_read_unlock();
}

/* ---- vCPU context ---- */

/**
 * vsb_nested_prepare - get ready to serve a nested exit that is ours
 * @vcpu: of the cloud VM; its SRCU lock is held, and dropped while we wait
 *
 * Return: true if the vCPU has to execute the instruction again: who it is had
 * to be learned first, a signal is pending, or accesses are frozen; false if KVM
 * shall emulate it, which ends in vsb_nested_access().
 */
bool vsb_nested_prepare(struct kvm_vcpu *vcpu)
{
	struct vsb_attempt a = { .cloud = vsb_cloud_get(vcpu->kvm) };
	enum vsb_verdict verdict;

	if (!a.cloud)
		return true;	/* detached meanwhile */
	a.v = &a.cloud->vcpus[vcpu->vcpu_idx];
	vsb_nested_ident(vcpu, a.v, &a.id);
	if (vsb_attempt_begin(&a, vcpu)) {
		kvm_vcpu_srcu_read_unlock(vcpu);
		vsb_attempt_wait(&a);
		kvm_vcpu_srcu_read_lock(vcpu);
	}
	verdict = vsb_attempt_end(&a);
	/* Not until it may: for that the cloud VM may have to run, on this vCPU. */
	if (verdict == VSB_AGAIN_LATER) {
		kvm_vcpu_srcu_read_unlock(vcpu);
		schedule_timeout_interruptible(1);
		kvm_vcpu_srcu_read_lock(vcpu);
	}
	vsb_cloud_put(a.cloud);
	return verdict != VSB_GO;
}

/* Shall KVM not go on with the instruction that it emulates for us? */
bool vsb_nested_stops(struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud;
	bool stops = true;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud)
		stops = vsb_cloud_stops(cloud, &cloud->vcpus[vcpu->vcpu_idx]);
	rcu_read_unlock();
	return stops;
}

/**
 * vsb_nested_access - do a port access of a user VM, or absorb it
 * @vcpu: of the cloud VM; its SRCU lock is held, and dropped while we wait
 * @pio: the access
 * @data: @pio->size bytes to write or read
 */
void vsb_nested_access(struct kvm_vcpu *vcpu, const struct vsb_pio *pio, void *data)
{
	struct vsb_access a = {
		.cloud = vsb_cloud_get(vcpu->kvm), .pio = *pio, .data = U32_MAX,
		.result = -ENODEV,
	};
	int serving;

	if (!pio->in)
		memcpy(&a.data, data, pio->size);
	if (a.cloud) {
		a.v = &a.cloud->vcpus[vcpu->vcpu_idx];
		vsb_nested_ident(vcpu, a.v, &a.id);
		a.irqs_off = !(vsb_kvm_rflags(vcpu) & X86_EFLAGS_IF);
		serving = srcu_read_lock(&a.cloud->serving);
		if (vsb_access_begin(&a)) {
			kvm_vcpu_srcu_read_unlock(vcpu);
			vsb_access_finish(&a);
			kvm_vcpu_srcu_read_lock(vcpu);
		}
		vsb_access_end(&a);
		srcu_read_unlock(&a.cloud->serving, serving);
		vsb_cloud_put(a.cloud);
	}
	/* L2 shuts down, which guest hypervisors take for the reset that it is. */
	if (a.resets)
		kvm_make_request(KVM_REQ_TRIPLE_FAULT, vcpu);
	if (pio->in)
		memcpy(data, &a.data, pio->size);
	trace_vsbypass_pio(vcpu->vcpu_id, pio->port, pio->size, pio->in, a.result);
}
