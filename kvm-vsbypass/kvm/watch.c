// SPDX-License-Identifier: GPL-2.0
/*
 * vCPUs of a user VM whose memory is read. KVM looks for events of a vCPU that runs nested
 * before it enters it, if it is asked to: there it stands. It is no exit for the guest
 * hypervisor, and KVM goes on there as if it had been scheduled away.
 */
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>

#include "core/cloud.h"
#include "core/uservm.h"
#include "core/watch.h"
#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/hook.h"
#include "kvm/regs.h"
#include "kvm/turn.h"
#include "kvm/watch.h"

static void vsb_watch_regs(struct kvm_vcpu *vcpu, struct kvm_regs *regs)
{
	const unsigned long *r = vcpu->arch.regs;

	vsb_cache_reg(vcpu, VCPU_REGS_RSP);
	*regs = (struct kvm_regs){
		.rax = r[VCPU_REGS_RAX], .rbx = r[VCPU_REGS_RBX], .rcx = r[VCPU_REGS_RCX],
		.rdx = r[VCPU_REGS_RDX], .rsi = r[VCPU_REGS_RSI], .rdi = r[VCPU_REGS_RDI],
		.rsp = r[VCPU_REGS_RSP], .rbp = r[VCPU_REGS_RBP], .r8 = r[VCPU_REGS_R8],
		.r9 = r[VCPU_REGS_R9], .r10 = r[VCPU_REGS_R10], .r11 = r[VCPU_REGS_R11],
		.r12 = r[VCPU_REGS_R12], .r13 = r[VCPU_REGS_R13], .r14 = r[VCPU_REGS_R14],
		.r15 = r[VCPU_REGS_R15], .rip = vsb_rip(vcpu), .rflags = vsb_kvm_rflags(vcpu),
	};
}

static void vsb_watch_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *s)
{
	memset(s, 0, sizeof(*s));
	vsb_kvm_segments(vcpu, s);
	vsb_cache_reg(vcpu, VSB_REG_CR0);
	vsb_cache_reg(vcpu, VSB_REG_CR3);
	vsb_cache_reg(vcpu, VSB_REG_CR4);
	s->cr0 = vcpu->arch.cr0;
	s->cr2 = vcpu->arch.cr2;
	s->cr3 = vcpu->arch.cr3;
	s->cr4 = vcpu->arch.cr4;
	s->efer = vcpu->arch.efer;
}

/* Under rcu_read_lock(). */
static void vsb_watch_saw(struct kvm_vcpu *vcpu, struct vsb_watch *w, const struct vsb_ident *id)
{
	struct vsb_vcpu_state state;

	vsb_watch_regs(vcpu, &state.regs);
	vsb_watch_sregs(vcpu, &state.sregs);
	vsb_watch_seen(w, id, &state);
}

/* Under rcu_read_lock(). Return: what watches the user VM that it runs, or NULL. */
static struct vsb_watch *vsb_watch_of(struct kvm_vcpu *vcpu, struct vsb_turn *t)
{
	return vsb_turn_find(t, vcpu) ? rcu_dereference(t->u->watch) : NULL;
}

void vsb_watch_exits(struct kvm_vcpu *vcpu)
{
	struct vsb_watch *w;
	struct vsb_turn t;

	rcu_read_lock();
	w = vsb_watch_of(vcpu, &t);
	if (w)
		vsb_watch_saw(vcpu, w, &t.id);
	rcu_read_unlock();
}

/*
 * It stands where KVM has just taken KVM_REQ_EVENT, in KVM_RUN, under its SRCU lock. KVM looks
 * elsewhere, too (KVM_GET_MP_STATE, without that lock in some kernels); there the request waits
 * for the next KVM_RUN: vsb_watch_summon() has made it, or who has entered L2, or KVM itself
 * when it was told -EBUSY.
 */
static bool vsb_watch_may_stand(struct kvm_vcpu *vcpu)
{
	return !kvm_test_request(KVM_REQ_EVENT, vcpu);
}

bool vsb_watch_checks(struct kvm_vcpu *vcpu)
{
	bool checks = false;
	struct vsb_watch *w;
	struct vsb_turn t;

	rcu_read_lock();
	w = vsb_watch_of(vcpu, &t);
	if (w && !t.v->stood && !t.v->checking) {
		vsb_watch_saw(vcpu, w, &t.id);
		checks = vsb_watch_may_stand(vcpu) && vsb_watch_stops(w);
	}
	rcu_read_unlock();
	return checks;
}

/* What to stand for, referenced, or NULL. */
static struct vsb_watch *vsb_watch_get(struct kvm_vcpu *vcpu, struct vsb_ident *id)
{
	struct vsb_watch *w;
	struct vsb_turn t = {};

	rcu_read_lock();
	w = vsb_watch_of(vcpu, &t);
	if (w && (!vsb_watch_stops(w) || !refcount_inc_not_zero(&w->ref)))
		w = NULL;
	rcu_read_unlock();
	*id = t.id;
	return w;
}

/* KVM's own look, or that of vsb_synthetic_check(), is next. */
static void vsb_watch_stood(struct kvm_vcpu *vcpu, bool stood)
{
	struct vsb_cloud *cloud;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud)
		cloud->vcpus[vcpu->vcpu_idx].stood = stood;
	rcu_read_unlock();
}

/**
 * vsb_watch_check - for check_events of struct kvm_x86_nested_ops
 * @vcpu: L2 is running; KVM's SRCU lock is held, and dropped while it stands
 *
 * Return: as that: -EBUSY: L2 is not to go on, as there is a signal. KVM asks again before it
 * enters it.
 */
int vsb_watch_check(struct kvm_vcpu *vcpu)
{
	struct vsb_ident id = {};
	struct vsb_watch *w;
	int ret = -EBUSY;
	bool goes = true;

	atomic_inc(&vsb_users);
	w = vsb_watch_get(vcpu, &id);
	if (w) {
		kvm_vcpu_srcu_read_unlock(vcpu);
		goes = vsb_watch_stand(w, &id);
		kvm_vcpu_srcu_read_lock(vcpu);
		vsb_watch_put(w);
	}
	if (goes) {
		vsb_watch_stood(vcpu, true);
		ret = vsb_kvm_check_events(vcpu);
		vsb_watch_stood(vcpu, false);
	}
	atomic_dec(&vsb_users);
	return ret;
}

/*
 * KVM has looked at the request since, or will do so before it enters the guest: it is there
 * before we read where the vCPU is, and KVM says that it enters the guest before it looks.
 */
static bool vsb_watch_came(struct kvm_vcpu *vcpu)
{
	return !kvm_test_request(KVM_REQ_EVENT, vcpu) ||
	       READ_ONCE(vcpu->mode) == OUTSIDE_GUEST_MODE;
}

/* See struct vsb_host_ops. */
int vsb_watch_summon(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		kvm_make_request(KVM_REQ_EVENT, vcpu);
		/* see vsb_watch_came() */
		smp_mb__after_atomic();
		vsb_kvm_kick(vcpu);
	}
	kvm_for_each_vcpu(i, vcpu, kvm) {
		while (!vsb_watch_came(vcpu)) {
			if (signal_pending(current))
				return -EINTR;
			vsb_kvm_kick(vcpu);
			schedule_timeout_interruptible(1);
		}
	}
	return 0;
}
