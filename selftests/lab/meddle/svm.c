// SPDX-License-Identifier: GPL-2.0
#include <linux/kvm_host.h>
#include <linux/string.h>
#include <asm/svm.h>

#include "meddle.h"

/* struct vcpu_svm: the vCPU, the VMCB, and vmcb01: the same here, where nobody is nested. */
static struct vmcb *vmcb_of(struct kvm_vcpu *vcpu)
{
	return *(struct vmcb **)((char *)vcpu + ALIGN(sizeof(*vcpu), sizeof(void *)));
}

static void all_registers(struct kvm_vcpu *vcpu, struct vmcb_save_area *save)
{
	int i;

	for (i = 0; i < __VCPU_REGS_R15 + 1; i++)
		vcpu->arch.regs[i] = 0x1111;
	vcpu->arch.cr2 = 0x2222;
	save->rflags &= ~X86_EFLAGS_IF;
	save->cr3 = 0;
	save->ss.base = 0x3333;
	save->gs.base = 0;
	save->fs.base = 0;
	save->kernel_gs_base = 0;
	save->lstar = 0x4444;
	save->star = 0;
	save->tr.limit = 0;
	save->gdtr.limit = 0;
	save->idtr.limit = 0;
	save->dr7 = 0x455;
	asm volatile("pxor %%xmm15, %%xmm15\n\tpxor %%xmm0, %%xmm0" : : : "memory");
}

/* As behind INIT and SIPI, but for where. */
static void start(struct kvm_vcpu *vcpu, struct vmcb_save_area *save)
{
	vcpu->arch.regs[VCPU_REGS_RIP] = 0;
	save->cr0 = X86_CR0_ET;
	save->cr4 = 0;
	save->efer = EFER_SVME;
	save->rflags = X86_EFLAGS_FIXED;
	save->tr.base = 0;
	save->cs = (struct vmcb_seg){ .selector = 0xf000, .base = 0xf0000, .limit = 0xffff, .attrib = 0x9b };
	save->cpl = 0;
}

static void meddle(struct kvm_vcpu *vcpu, const char *change)
{
	struct vmcb *vmcb = vmcb_of(vcpu);
	struct vmcb_save_area *save = &vmcb->save;

	if (!strcmp(change, "registers"))
		all_registers(vcpu, save);
	else if (!strcmp(change, "rip"))
		vcpu->arch.regs[VCPU_REGS_RIP] += 3;
	else if (!strcmp(change, "wp"))
		save->cr0 &= ~X86_CR0_WP;
	else if (!strcmp(change, "nx"))
		save->efer &= ~EFER_NX;
	else if (!strcmp(change, "smep"))
		save->cr4 ^= X86_CR4_SMEP;
	else if (!strcmp(change, "exception"))
		vmcb->control.event_inj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT | 6;
	else if (!strcmp(change, "int80"))
		vmcb->control.event_inj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_INTR | 0x80;
	else if (!strcmp(change, "start"))
		start(vcpu, save);
	vmcb->control.clean = 0;
}

static bool interrupted(struct kvm_vcpu *vcpu)
{
	return vmcb_of(vcpu)->control.exit_code == SVM_EXIT_INTR;
}

static bool user(struct kvm_vcpu *vcpu)
{
	return vmcb_of(vcpu)->save.cpl == 3;
}

static bool injects(struct kvm_vcpu *vcpu)
{
	return vmcb_of(vcpu)->control.event_inj & SVM_EVTINJ_VALID;
}

static bool shut(struct kvm_vcpu *vcpu)
{
	return vmcb_of(vcpu)->control.exit_code == SVM_EXIT_SHUTDOWN;
}

static unsigned long rip(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.regs[VCPU_REGS_RIP];
}

const struct vendor svm = {
	.run = "svm_vcpu_run",
	.interrupted = interrupted,
	.user = user,
	.injects = injects,
	.shut = shut,
	.rip = rip,
	.meddle = meddle,
};
