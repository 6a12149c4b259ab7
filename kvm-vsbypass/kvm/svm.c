// SPDX-License-Identifier: GPL-2.0
/*
 * AMD: a nested exit and its VMCB in our words.
 */
#include <linux/kvm_host.h>
#include <asm/pgtable_types.h>
#include <asm/svm.h>

#include "core/cloud.h"
#include "core/dummy.h"
#include "kvm/compat.h"
#include "kvm/exits.h"
#include "kvm/calls.h"
#include "kvm/veil-vendor.h"
#include "kvm/vendor.h"

/* vmcb12, which belongs to one vCPU of the user VM for its life. */
static unsigned long vsb_svm_anchor(const struct vsb_vcpu *v)
{
	return v->anchor;
}

/* EXITINFO2 has the next RIP. */
static unsigned int vsb_svm_length(struct kvm_vcpu *vcpu)
{
	return VSB_POKE_LENGTH;
}

/* APM vol. 2, 15.10.2 */
static int vsb_svm_show_io(struct kvm_vcpu *vcpu, const struct vsb_poke *poke,
			   unsigned long rip)
{
	const struct vsb_pio pio = { .port = poke->port, .size = 1, .in = poke->in };
	struct vmcb_control_area *control = &vsb_kvm_vmcb(vcpu)->control;

	control->exit_code = SVM_EXIT_IOIO;
	vsb_exit_code_high(control);
	control->exit_info_1 = vsb_svm_io_info(&pio);
	control->exit_info_2 = rip;
	control->next_rip = rip;
	return vsb_kvm_svm_vmexit(vcpu);
}

/* What the entry injects, or a virtual interrupt (APM vol. 2, 15.20 and 15.21). */
static bool vsb_svm_event_waits(struct kvm_vcpu *vcpu)
{
	const struct vmcb_control_area *control = &vsb_kvm_vmcb(vcpu)->control;

	return control->event_inj & SVM_EVTINJ_VALID || control->int_ctl & V_IRQ_MASK;
}

/* APM vol. 2, 15.25.6: EXITINFO2. */
static u64 vsb_svm_exit_gpa(u64 info2)
{
	return info2;
}

/* APM vol. 2, 15.21.1: V_TPR is that of CR8. */
static u8 vsb_svm_tpr(struct kvm_vcpu *vcpu)
{
	return (vsb_kvm_vmcb(vcpu)->control.int_ctl & V_TPR_MASK) << 4;
}

static u8 vsb_svm_injects(struct kvm_vcpu *vcpu)
{
	u32 event = vsb_kvm_vmcb(vcpu)->control.event_inj;

	if (!(event & SVM_EVTINJ_VALID) || (event & SVM_EVTINJ_TYPE_MASK) != SVM_EVTINJ_TYPE_INTR)
		return 0;
	return event & SVM_EVTINJ_VEC_MASK;
}

#define CLEAN_V_IRQ	BIT(3)	/* APM vol. 2, 15.15.3: V_IRQ and what belongs to it */

/*
 * KVM drops its own interrupt window while the guest hypervisor masks interrupts
 * (recalc_intercepts()). So a virtual interrupt (APM vol. 2, 15.21.4): the CPU takes it when L2
 * has interrupts on and TPR lets it. It is not to get into the guest hypervisor's VMCB, into
 * which KVM copies V_IRQ from what it remembers of that (nested_sync_control_from_vmcb02()).
 */
static bool vsb_svm_can_arm(struct kvm_vcpu *vcpu)
{
	return vsb_kvm_svm_int_ctl(vcpu);
}

/* There is no other virtual interrupt: vsb_svm_event_waits(). */
static void vsb_svm_arm(struct kvm_vcpu *vcpu, u8 vector)
{
	struct vmcb_control_area *control = &vsb_kvm_vmcb(vcpu)->control;

	control->int_vector = vector;
	control->int_ctl &= ~V_INTR_PRIO_MASK;
	control->int_ctl |= V_IRQ_MASK | vector >> 4 << V_INTR_PRIO_SHIFT;
	control->clean &= ~CLEAN_V_IRQ;
}

static bool vsb_svm_disarm(struct kvm_vcpu *vcpu)
{
	struct vmcb_control_area *control = &vsb_kvm_vmcb(vcpu)->control;
	bool waits = control->int_ctl & V_IRQ_MASK;

	control->int_ctl &= ~(V_IRQ_MASK | V_INTR_PRIO_MASK);
	control->clean &= ~CLEAN_V_IRQ;
	*vsb_kvm_svm_int_ctl(vcpu) &= ~V_IRQ_MASK;
	return waits;
}

/* A guest of KVM has no AVIC when it is nested. */
static bool vsb_svm_eoi_exits(struct kvm_vcpu *vcpu)
{
	return true;
}

const struct vsb_vendor vsb_svm = {
	.name = "kvm-amd",
	.module = "kvm_amd",
	.exit_plain = vsb_svm_exit_plain,
	.exit_pio = vsb_svm_exit_pio,
	.exit_enters = vsb_svm_exit_enters,
	.exit_hosts = vsb_svm_exit_hosts,
	.exit_halts = vsb_svm_exit_halts,
	.exit_wrmsr = vsb_svm_exit_wrmsr,
	.exit_pages = vsb_svm_exit_pages,
	.resumes = SVM_EXIT_RSM,
	.exit_resumes = vsb_svm_exit_resumes,
	.exit_gpa = vsb_svm_exit_gpa,
	.tpr = vsb_svm_tpr,
	.injects = vsb_svm_injects,
	.can_arm = vsb_svm_can_arm,
	.arm = vsb_svm_arm,
	.disarm = vsb_svm_disarm,
	.eoi_exits = vsb_svm_eoi_exits,
	.length = vsb_svm_length,
	.show_io = vsb_svm_show_io,
	.event_waits = vsb_svm_event_waits,
	.anchor = vsb_svm_anchor,
	.pte = vsb_svm_pte,
	.veil = &vsb_veil_svm,
};
