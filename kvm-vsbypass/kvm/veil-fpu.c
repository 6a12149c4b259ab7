// SPDX-License-Identifier: GPL-2.0
/*
 * KVM has the FPU of a vCPU in the CPU while that is in KVM_RUN, or, if the CPU's was wanted for
 * something else meanwhile, in an fpstate, from which it is loaded before the guest is entered
 * (TIF_NEED_FPU_LOAD). kernel_fpu_begin() wants the CPU's: then it is in there.
 */
#include <linux/kvm_host.h>
#include <linux/sched.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>

#include "kvm/compat.h"
#include "kvm/veil-fpu.h"

#define FPU_CONTROL	0x37f	/* FCW behind FNINIT (APM vol. 1, 6.2.4) */

/* Bytes that vsb_fpu_hide() writes, at most; it may grow. */
u32 vsb_fpu_size(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.guest_fpu.fpstate->size;
}

/* All in its initial state (APM vol. 4, "XSAVE"): nothing in XSTATE_BV, and MXCSR. */
static void vsb_fpu_init(union fpregs_state *regs)
{
	memset(&regs->fxsave, 0, sizeof(regs->fxsave));
	regs->fxsave.cwd = FPU_CONTROL;
	regs->fxsave.mxcsr = MXCSR_DEFAULT;
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		regs->xsave.header.xfeatures = 0;
}

/* The guest hypervisor finds nothing there; @kept has it. */
void vsb_fpu_hide(struct kvm_vcpu *vcpu, void *kept, u32 size)
{
	struct fpstate *fps = vcpu->arch.guest_fpu.fpstate;
	bool loaded = fps->in_use;

	if (loaded)
		kernel_fpu_begin();
	memcpy(kept, &fps->regs, min(size, fps->size));
	vsb_fpu_init(&fps->regs);
	if (loaded)
		kernel_fpu_end();
}

/*
 * It is there again. What is in the CPU is the guest hypervisor's, and is not saved: as KVM has it
 * where fpstate is newer (fpu->last_cpu, asm/fpu/types.h).
 */
void vsb_fpu_show(struct kvm_vcpu *vcpu, const void *kept, u32 size)
{
	struct fpstate *fps = vcpu->arch.guest_fpu.fpstate;

	fpregs_lock();
	if (fps->in_use) {
		set_thread_flag(TIF_NEED_FPU_LOAD);
		vsb_task_fpu(current)->last_cpu = -1;
	}
	memcpy(&fps->regs, kept, min(size, fps->size));
	fpregs_unlock();
}
