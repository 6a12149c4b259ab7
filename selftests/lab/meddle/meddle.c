// SPDX-License-Identifier: GPL-2.0
/*
 * The attacker in a cloud VM whose kernel he controls, for the tests of a veil: he changes vCPUs of
 * the user VM before he enters them. SVM.
 *
 *   change=WHAT	once, before an entry behind an interrupt of the user VM's: registers: those that an
 *		exit like that tells nobody of; rip, wp, nx, smep: one of it; exception,
 *		int80: an event; start: one starts again, where he likes
 *   times=N	so often
 *
 * Then "done" is how often he has, and "lasted" how often the user VM has run with that: it is
 * somewhere else at its next exit, and has not been shut down.
 */
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/string.h>
#include <asm/svm.h>

static char *change = "";
module_param(change, charp, 0);
static int times = 1;
module_param(times, int, 0);
static int done;
module_param(done, int, 0444);
static int lasted;
module_param(lasted, int, 0444);

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

static void meddle(struct kvm_vcpu *vcpu, struct vmcb *vmcb)
{
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

/* Of one call of svm_vcpu_run(vcpu): the vCPU, if it has been changed, and where it was. */
struct run {
	struct kvm_vcpu *vcpu;
	unsigned long rip;
};

static int entered(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct run *run = (void *)instance->data;
	struct kvm_vcpu *vcpu = (void *)regs->di;
	struct vmcb *vmcb = vmcb_of(vcpu);
	u32 event = vmcb->control.event_inj;

	run->vcpu = NULL;
	/*
	 * "registers": of a program, which looks. An event: none in place of another one. "start": if
	 * the first vCPU does so all has been reset.
	 */
	if (done >= times || vmcb->control.exit_code != SVM_EXIT_INTR ||
	    (vmcb->save.cpl != 3 && !strcmp(change, "registers")) ||
	    (!vcpu->vcpu_idx && !strcmp(change, "start")) ||
	    (event & SVM_EVTINJ_VALID && (!strcmp(change, "exception") || !strcmp(change, "start"))))
		return 0;
	done++;
	meddle(vcpu, vmcb);
	run->vcpu = vcpu;
	run->rip = vcpu->arch.regs[VCPU_REGS_RIP];
	return 0;
}

static int left(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct run *run = (void *)instance->data;

	if (run->vcpu)
		lasted += vmcb_of(run->vcpu)->control.exit_code != SVM_EXIT_SHUTDOWN &&
			  run->vcpu->arch.regs[VCPU_REGS_RIP] != run->rip;
	return 0;
}

static struct kretprobe probe = {
	.kp.symbol_name = "svm_vcpu_run",
	.entry_handler = entered,
	.handler = left,
	.data_size = sizeof(struct run),
};

static int __init meddle_init(void)
{
	return register_kretprobe(&probe);
}
module_init(meddle_init);

static void __exit meddle_exit(void)
{
	unregister_kretprobe(&probe);
}
module_exit(meddle_exit);

MODULE_DESCRIPTION("What an attacker does with a user VM, for a test");
MODULE_LICENSE("GPL");
