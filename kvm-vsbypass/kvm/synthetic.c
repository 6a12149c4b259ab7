// SPDX-License-Identifier: GPL-2.0
/*
 * Nested exits that a user VM never made. KVM looks for events of a vCPU that runs nested
 * before it enters it, and when one that has halted wakes up (check_events); what it finds
 * there it shows to the guest hypervisor as a nested exit. So do we, if it has found nothing.
 *
 * The guest hypervisor is told an instruction pointer so far before the real one as the
 * instruction is long that it is told of: when it has done that, it is where the user VM is.
 */
#include <linux/kvm_host.h>

#include "core/cloud.h"
#include "core/direct.h"
#include "core/halt.h"
#include "core/raise.h"
#include "core/uservm.h"
#include "core/watch.h"
#include "kvm/compat.h"
#include "kvm/calls.h"
#include "kvm/hook.h"
#include "kvm/regs.h"
#include "kvm/synthetic.h"
#include "kvm/turn.h"
#include "kvm/vendor.h"

/*
 * Is there something of the cloud VM to look at? Another's is no reason. @t as with
 * vsb_turn_find(), and also without a user VM if there is a vector of ours.
 */
static bool vsb_turn_busy(struct vsb_turn *t, struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud = vsb_cloud_find(vcpu->kvm);

	return cloud && atomic_read(&cloud->raising) && (vsb_turn_find(t, vcpu) || t->v->armed);
}

/* ---- callback context ---- */

/* The guest hypervisor enters a user VM. Shall vsb_synthetic_entered() follow? */
bool vsb_synthetic_enters(struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud;
	bool enters = false;
	struct vsb_vcpu *v;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud && (atomic_read(&cloud->raising) || vsb_watch_any_stops() ||
		      vsb_bars_any_reads() || READ_ONCE(cloud->veils) ||
		      vsb_raise_signed(vcpu->arch.regs[VCPU_REGS_RDX]))) {
		v = &cloud->vcpus[vcpu->vcpu_idx];
		enters = !v->entering;
		v->entering = enters;
	}
	rcu_read_unlock();
	return enters;
}

/*
 * A vector of ours that waits in the VMCB for L2 to have interrupts on: the guest hypervisor
 * does not get to see it, whoever runs there. Under rcu_read_lock(), L2 is running.
 */
static void vsb_synthetic_disarm(struct kvm_vcpu *vcpu, struct vsb_turn *t)
{
	if (!t->v->armed)
		return;
	vsb_raise_arm(t->cloud, t->v, false);
	if (vsb_vendor->disarm(vcpu) && t->u) {
		vsb_direct_disarmed(t->u);
		kvm_make_request(KVM_REQ_EVENT, vcpu);
	}
}

/* KVM looks for events. Shall vsb_synthetic_check() do so? */
bool vsb_synthetic_checks(struct kvm_vcpu *vcpu)
{
	struct vsb_turn t;
	bool checks = false;

	rcu_read_lock();
	if (vsb_turn_busy(&t, vcpu) && !t.v->checking) {
		/* KVM's look may end L2, which was not entered since. */
		vsb_synthetic_disarm(vcpu, &t);
		checks = t.u && (t.v->kept || READ_ONCE(t.u->raise.halted) ||
				 vsb_raise_due(t.u));
		t.v->checking = checks;
	}
	rcu_read_unlock();
	return checks;
}

/* L2 has executed HLT. Is that kept from the guest hypervisor? */
bool vsb_synthetic_keeps(struct kvm_vcpu *vcpu)
{
	struct vsb_turn t;
	bool keeps = false;

	/* Else KVM would hand it to the VMM of the cloud VM. */
	if (!vcpu->arch.apic)
		return false;
	rcu_read_lock();
	if (!vsb_turn_find(&t, vcpu))
		goto unlock;
	/* STI holds it off until behind HLT, which it ends. */
	vsb_synthetic_disarm(vcpu, &t);
	if (vsb_halt_keep(t.u, t.id.anchor, vsb_rip(vcpu),
			  vsb_kvm_rflags(vcpu) & X86_EFLAGS_IF)) {
		keeps = true;
		WRITE_ONCE(t.v->woken, false);
		WRITE_ONCE(t.v->kept, t.u);
		/* Who has something for it sees that, or it sees what he has. */
		smp_mb();
		if (vsb_raise_due(t.u)) {
			WRITE_ONCE(t.v->woken, true);
			vcpu->arch.pv.pv_unhalted = true;
			/* KVM does not halt then, and is to look before it enters L2. */
			kvm_make_request(KVM_REQ_EVENT, vcpu);
		}
	}
unlock:
	rcu_read_unlock();
	return keeps;
}

/*
 * The guest hypervisor may get to see an exit: not a vector of ours that waits, nor one before
 * a HLT that is kept.
 */
void vsb_synthetic_exits(struct kvm_vcpu *vcpu)
{
	unsigned long rip, old;
	struct vsb_turn t;

	rcu_read_lock();
	if (!vsb_turn_busy(&t, vcpu))
		goto unlock;
	vsb_synthetic_disarm(vcpu, &t);
	if (!t.u)
		goto unlock;
	vsb_raise_went_on(t.u, vsb_rip(vcpu));
	if (READ_ONCE(t.u->raise.halted)) {
		rip = vsb_rip(vcpu);
		old = rip;
		vsb_halt_leave(t.u, t.id.anchor, &rip);
		if (rip != old) {
			vsb_set_rip(vcpu, rip);
			/* If it is not shown it, but L0's own, L2 is still to execute its HLT. */
			kvm_make_request(KVM_REQ_EVENT, vcpu);
		}
	}
unlock:
	rcu_read_unlock();
}

static void vsb_synthetic_tell(struct kvm_vcpu *vcpu, void (*tell)(struct vsb_l2 *u))
{
	struct vsb_turn t;

	rcu_read_lock();
	if (vsb_turn_find(&t, vcpu))
		tell(t.u);
	rcu_read_unlock();
}

/* L2 makes an access to an interrupt controller. */
void vsb_synthetic_irqchip(struct kvm_vcpu *vcpu)
{
	vsb_synthetic_tell(vcpu, vsb_direct_forget);
}

/* L2 has VMs of its own: an instruction for that. */
void vsb_synthetic_hosts(struct kvm_vcpu *vcpu)
{
	vsb_synthetic_tell(vcpu, vsb_direct_never);
}

#define MSR_X2APIC_EOI	0x80b	/* SDM vol. 3, table 11-6 */
/* Hyper-V's, which KVM has for Windows (TLFS, 10.2 and 10.3.5) */
#define MSR_HV_EOI	0x40000070
#define MSR_HV_ASSIST	0x40000073
#define WRMSR_LENGTH	2

/* Is it the end of an interrupt of which the guest hypervisor does not know? */
static bool vsb_synthetic_eoi(struct kvm_vcpu *vcpu)
{
	struct vsb_turn t;
	bool ours;

	if (!vsb_raise_any() || vsb_kvm_rflags(vcpu) & X86_EFLAGS_TF || vsb_kvm_shadow(vcpu))
		return false;
	rcu_read_lock();
	ours = vsb_turn_find(&t, vcpu) && vsb_direct_eoi(t.u, t.id.anchor);
	rcu_read_unlock();
	if (ours)
		vsb_set_rip(vcpu, vsb_rip(vcpu) + WRMSR_LENGTH);
	return ours;
}

/*
 * L2 writes an MSR. If that is for us alone the instruction is done. One that is single-stepped
 * is left to the guest hypervisor: it finds nothing in service.
 */
bool vsb_synthetic_wrmsr(struct kvm_vcpu *vcpu)
{
	switch ((u32)vcpu->arch.regs[VCPU_REGS_RCX]) {
	case MSR_X2APIC_EOI:
		return vsb_synthetic_eoi(vcpu);
	case MSR_HV_EOI:
	case MSR_HV_ASSIST:
		/* In its page there the guest hypervisor says which interrupts want no EOI. */
		vsb_synthetic_tell(vcpu, vsb_direct_never);
		break;
	}
	return false;
}

/* ---- vCPU context ---- */

static void vsb_synthetic_get_regs(struct kvm_vcpu *vcpu, struct vsb_regs *regs)
{
	regs->rip = vsb_rip(vcpu);
	regs->rax = vcpu->arch.regs[VCPU_REGS_RAX];
	regs->rdx = vcpu->arch.regs[VCPU_REGS_RDX];
}

static void vsb_synthetic_set_regs(struct kvm_vcpu *vcpu, const struct vsb_regs *regs)
{
	vsb_set_rip(vcpu, regs->rip);
	vcpu->arch.regs[VCPU_REGS_RAX] = regs->rax;
	vcpu->arch.regs[VCPU_REGS_RDX] = regs->rdx;
}

/* Behind a HLT that is kept: it executes it again, if nothing has ended it. */
static void vsb_synthetic_rehalt(struct kvm_vcpu *vcpu, struct vsb_turn *t, bool event)
{
	unsigned long rip = vsb_rip(vcpu);

	if (vsb_halt_again(t->u, t->id.anchor, event, &rip))
		vsb_set_rip(vcpu, rip);
}

/* KVM has entered L2, or not. */
void vsb_synthetic_entered(struct kvm_vcpu *vcpu)
{
	struct vsb_regs regs;
	struct vsb_turn t;
	u8 vector;

	rcu_read_lock();
	if (vsb_turn_find(&t, vcpu)) {
		vsb_synthetic_get_regs(vcpu, &regs);
		if (vsb_raise_entered(t.u, t.id.anchor, &regs))
			vsb_synthetic_set_regs(vcpu, &regs);
		if (unlikely(vsb_bars_any_reads()))
			vsb_bars_told(&t.u->bars, t.id.anchor, vcpu->arch.regs[VCPU_REGS_RAX]);
		vector = vsb_vendor->injects(vcpu);
		if (vector)
			vsb_direct_injected(t.u, t.id.anchor, vector);
		vsb_halt_has_cpu(t.u, t.id.anchor);
		if (READ_ONCE(t.u->raise.halted))
			vsb_synthetic_rehalt(vcpu, &t, vsb_vendor->event_waits(vcpu));
		/* It is entered, then asked; pairs with vsb_raise_prod(). */
		smp_mb();
		if (vsb_raise_due(t.u) || vsb_watch_any_stops())
			kvm_make_request(KVM_REQ_EVENT, vcpu);
	}
	if (t.cloud)
		t.v->entering = false;
	rcu_read_unlock();
}

/*
 * May the guest hypervisor be shown an exit now? 0: yes; -EBUSY: KVM has to have entered L2
 * once before, -EAGAIN: the next instruction has to be executed.
 */
static int vsb_synthetic_when(struct kvm_vcpu *vcpu)
{
	/* What the entry injects, or what an exit has interrupted, comes first. */
	if (vsb_kvm_run_pending(vcpu) || vcpu->arch.exception.injected ||
	    vcpu->arch.interrupt.injected || vcpu->arch.nmi_injected)
		return -EBUSY;
	/*
	 * The guest hypervisor would end the shadow of the instruction before, and trap or
	 * lose RF as if there had been another one.
	 */
	if (vcpu->arch.exception.pending || vsb_kvm_shadow(vcpu) ||
	    vsb_kvm_rflags(vcpu) & (X86_EFLAGS_TF | X86_EFLAGS_RF))
		return -EAGAIN;
	return 0;
}

static bool vsb_synthetic_due(struct vsb_l2 *u)
{
	bool due;

	rcu_read_lock();
	due = vsb_raise_due(u);
	rcu_read_unlock();
	return due;
}

/* As kvm_queue_interrupt() of KVM does it: injected by the entry that follows. */
static void vsb_synthetic_inject(struct kvm_vcpu *vcpu, u8 vector)
{
	vcpu->arch.interrupt.injected = true;
	vcpu->arch.interrupt.soft = false;
	vcpu->arch.interrupt.nr = vector;
	kvm_make_request(KVM_REQ_EVENT, vcpu);
}

/*
 * The vector that the guest hypervisor would inject: into L2, if it takes it, or soon. Return:
 * false: there is none, or no way.
 */
static bool vsb_synthetic_direct(struct kvm_vcpu *vcpu, struct vsb_turn *t)
{
	bool off;
	u8 vector;

	rcu_read_lock();
	vector = vsb_direct_vector(t->u, t->id.anchor);
	rcu_read_unlock();
	if (!vector)
		return false;
	off = !(vsb_kvm_rflags(vcpu) & X86_EFLAGS_IF);
	if (off && vsb_vendor->window) {
		vsb_vendor->window(vcpu);
		return true;
	}
	if (vsb_vendor->event_waits(vcpu) || vector >> 4 <= vsb_vendor->tpr(vcpu) >> 4)
		return false;
	if (off && !vsb_vendor->can_arm(vcpu))
		return false;
	if (!vsb_direct_send(t->u, t->id.anchor, vector, vsb_vendor->eoi_exits(vcpu)))
		return false;
	if (off) {
		vsb_vendor->arm(vcpu, vector);
		vsb_raise_arm(t->cloud, t->v, true);
	} else {
		vsb_synthetic_inject(vcpu, vector);
	}
	return true;
}

/* Return: as KVM's check_events. */
static int vsb_synthetic_deliver(struct kvm_vcpu *vcpu, struct vsb_turn *t)
{
	struct vsb_regs real, told;
	struct vsb_poke poke;
	unsigned int length;
	int ret;

	if (!vsb_synthetic_due(t->u))
		return 0;
	ret = vsb_synthetic_when(vcpu);
	if (ret == -EAGAIN)
		vsb_raise_soon(t->u);
	if (ret)
		return ret == -EBUSY ? ret : 0;
	if (vsb_synthetic_direct(vcpu, t))
		return 0;
	length = vsb_vendor->length(vcpu);
	if (!length || vsb_rip(vcpu) < length) {
		vsb_raise_soon(t->u);
		return 0;
	}
	vsb_synthetic_get_regs(vcpu, &real);
	told = real;
	if (!vsb_raise_begin(t->u, t->id.anchor, length, &told, &poke))
		return 0;
	vsb_synthetic_set_regs(vcpu, &told);
	if (!vsb_vendor->show_io(vcpu, &poke, real.rip))
		return 0;
	/* vmcb12 is not there: L2 is still running. */
	vsb_synthetic_set_regs(vcpu, &real);
	vsb_raise_abort(t->u);
	return 0;
}

/**
 * vsb_synthetic_check - for check_events of struct kvm_x86_nested_ops
 * @vcpu: L2 is running
 *
 * Return: as that: 0, or -EBUSY: there is something that has to wait for an entry.
 */
int vsb_synthetic_check(struct kvm_vcpu *vcpu)
{
	bool kept = false, woken = false, halted = false;
	unsigned long rip;
	struct vsb_cloud *cloud;
	struct vsb_turn t;
	int ret;

	atomic_inc(&vsb_users);
	if (!vsb_turn_get(&t, vcpu)) {
		ret = vsb_kvm_check_events(vcpu);
		goto out;
	}
	kept = t.v->kept;
	woken = READ_ONCE(t.v->woken);
	WRITE_ONCE(t.v->kept, NULL);
	if (kept) {
		/* It wakes. The guest hypervisor sees a vCPU that runs. */
		vcpu->arch.mp_state = KVM_MP_STATE_RUNNABLE;
		vcpu->arch.pv.pv_unhalted = false;
	}
	rip = vsb_rip(vcpu);
	halted = vsb_halt_leave(t.u, t.id.anchor, &rip);
	if (halted)
		vsb_set_rip(vcpu, rip);
	ret = vsb_kvm_check_events(vcpu);
	if (!vsb_is_guest_mode(vcpu)) {
		vsb_halt_lost_cpu(t.u, t.id.anchor);
		goto put;
	}
	if (!ret)
		ret = vsb_synthetic_deliver(vcpu, &t);
	/* If it was not us who woke it there is something for L2 itself. */
	if (halted && vsb_is_guest_mode(vcpu))
		vsb_synthetic_rehalt(vcpu, &t, (kept && !woken) ||
				     vcpu->arch.interrupt.injected ||
				     vsb_vendor->event_waits(vcpu));
put:
	vsb_turn_put(&t);
out:
	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud)
		cloud->vcpus[vcpu->vcpu_idx].checking = false;
	rcu_read_unlock();
	atomic_dec(&vsb_users);
	return ret;
}

/* ---- any context ---- */

/* See struct vsb_host_ops. */
void vsb_synthetic_prod(struct kvm *kvm, struct vsb_vcpu *vcpus, const void *of)
{
	struct kvm_vcpu *vcpu;
	struct vsb_vcpu *v;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		v = &vcpus[vcpu->vcpu_idx];
		if (READ_ONCE(v->kept) == of) {
			WRITE_ONCE(v->woken, true);
			vcpu->arch.pv.pv_unhalted = true;
		} else if (!vsb_is_guest_mode(vcpu)) {
			continue;
		}
		kvm_make_request(KVM_REQ_EVENT, vcpu);
		vsb_kvm_kick(vcpu);
	}
}
