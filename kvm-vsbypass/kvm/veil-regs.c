// SPDX-License-Identifier: GPL-2.0
/*
 * When a user VM behind a veil is left for the guest hypervisor, all of its vCPU is kept. The
 * guest hypervisor gets what this exit needs of the general registers, and nothing of the FPU's.
 * When it is entered again that may give back what this exit returns; all else is as it was, or,
 * where KVM has acted on it already, has to be as it was: else the user VM stops.
 *
 * A vCPU that was never left starts: by INIT and SIPI, where the user VM has said, with nothing
 * that the guest hypervisor may choose.
 */
#include <linux/kvm_host.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <uapi/asm/svm.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>

#include "core/uservm.h"
#include "core/veil.h"
#include "kvm/calls.h"
#include "kvm/regs.h"
#include "kvm/turn.h"
#include "kvm/veil-exits.h"
#include "kvm/veil-fpu.h"
#include "kvm/veil-regs.h"
#include "kvm/veil-table.h"

/* The guest hypervisor's are free in these: it may have it resume or trap, which does no harm. */
#define FREE_FLAGS	(X86_EFLAGS_RF | X86_EFLAGS_TF)
/* What of the control registers security rests on. */
#define CR0_FIXED	(X86_CR0_PE | X86_CR0_PG | X86_CR0_WP)
#define CR4_FIXED	(X86_CR4_PAE | X86_CR4_LA57 | X86_CR4_PGE | X86_CR4_PCIDE | X86_CR4_SMEP | \
			 X86_CR4_SMAP | X86_CR4_UMIP | X86_CR4_FSGSBASE | X86_CR4_PKE | \
			 X86_CR4_OSXSAVE)
#define EFER_FIXED	(EFER_SCE | EFER_LME | EFER_NX)
/* VMCB Clean Bits of what is put back (APM vol. 2, 15.15.3): DRx, DT, SEG, CR2 */
#define CLEAN		(BIT(6) | BIT(7) | BIT(8) | BIT(9))

#define FIRST_EXTERNAL	0x20
#define SYSCALL_VECTOR	0x80	/* INT 80h of Linux, which no device has */
#define PF		14

/* A vCPU that was left: what the exit is about, was paging off, and registers by their names. */
struct vsb_kept_cpu {
	struct vsb_exit_regs exit;
	bool unpaged;
	unsigned long gpr[VSB_VEIL_GPRS];
	unsigned long rip, rflags, cr0, cr2, cr3, cr4, dr6, dr7;
	u64 efer;
	struct vmcb_seg es, cs, ss, ds, fs, gs, tr, ldtr, gdtr, idtr;
	u8 cpl;
	u64 star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip;
	u8 fpu[] __aligned(64);
};

/* Room for one that is left, or NULL. May sleep. */
struct vsb_veil_kept *vsb_regs_new(struct kvm_vcpu *vcpu)
{
	u32 size = sizeof(struct vsb_kept_cpu) + vsb_fpu_size(vcpu);
	struct vsb_veil_kept *kept = kzalloc(struct_size(kept, data, size), GFP_KERNEL_ACCOUNT);

	if (kept)
		kept->size = size;
	return kept;
}

/* Number of this vCPU, or -1: it is not known. */
static int vsb_regs_index(const struct vsb_turn *t)
{
	u32 i, nr = min_t(u32, READ_ONCE(t->u->nr_anchors), VSB_MAX_ANCHORS);

	for (i = 0; t->id.anchor && i < nr; i++)
		if (t->u->anchors[i].frame == t->id.anchor)
			return i;
	return -1;
}

/* Is there room for it? */
bool vsb_regs_known(const struct vsb_turn *t, const struct vsb_veil *veil)
{
	int i = vsb_regs_index(t);

	return i >= 0 && READ_ONCE(veil->kept[i]);
}

/* Here it is. @kept is NULL then; else there is one already, or it is none of those known. */
void vsb_regs_give(const struct vsb_turn *t, struct vsb_veil *veil, struct vsb_veil_kept **kept)
{
	int i = vsb_regs_index(t);

	if (i < 0)
		return;
	spin_lock(&veil->regs_lock);
	if (!veil->kept[i]) {
		WRITE_ONCE(veil->kept[i], *kept);
		*kept = NULL;
	}
	spin_unlock(&veil->regs_lock);
}

/* ---- from L2 to L1 ---- */

static void vsb_regs_keep_segments(struct kvm_vcpu *vcpu, struct vsb_kept_cpu *cpu)
{
	const struct vmcb_save_area *own = &vsb_kvm_vmcb(vcpu)->save;
	const struct vmcb_save_area *loaded = &vsb_kvm_vmcb01(vcpu)->save;

	cpu->es = own->es;
	cpu->cs = own->cs;
	cpu->ss = own->ss;
	cpu->ds = own->ds;
	cpu->gdtr = own->gdtr;
	cpu->idtr = own->idtr;
	cpu->cpl = own->cpl;
	cpu->dr7 = own->dr7;
	cpu->fs = loaded->fs;
	cpu->gs = loaded->gs;
	cpu->tr = loaded->tr;
	cpu->ldtr = loaded->ldtr;
	cpu->star = loaded->star;
	cpu->lstar = loaded->lstar;
	cpu->cstar = loaded->cstar;
	cpu->sfmask = loaded->sfmask;
	cpu->kernel_gs_base = loaded->kernel_gs_base;
	cpu->sysenter_cs = loaded->sysenter_cs;
	cpu->sysenter_esp = loaded->sysenter_esp;
	cpu->sysenter_eip = loaded->sysenter_eip;
}

static void vsb_regs_show_segments(struct kvm_vcpu *vcpu, const struct vsb_kept_cpu *cpu)
{
	struct vmcb_save_area *own = &vsb_kvm_vmcb(vcpu)->save;
	struct vmcb_save_area *loaded = &vsb_kvm_vmcb01(vcpu)->save;

	own->es = cpu->es;
	own->cs = cpu->cs;
	own->ss = cpu->ss;
	own->ds = cpu->ds;
	own->gdtr = cpu->gdtr;
	own->idtr = cpu->idtr;
	own->cpl = cpu->cpl;
	own->dr7 = cpu->dr7;
	loaded->fs = cpu->fs;
	loaded->gs = cpu->gs;
	loaded->tr = cpu->tr;
	loaded->ldtr = cpu->ldtr;
	loaded->star = cpu->star;
	loaded->lstar = cpu->lstar;
	loaded->cstar = cpu->cstar;
	loaded->sfmask = cpu->sfmask;
	loaded->kernel_gs_base = cpu->kernel_gs_base;
	loaded->sysenter_cs = cpu->sysenter_cs;
	loaded->sysenter_esp = cpu->sysenter_esp;
	loaded->sysenter_eip = cpu->sysenter_eip;
	vsb_kvm_vmcb(vcpu)->control.clean &= ~CLEAN;
}

/* Events that an exit has interrupted, which the guest hypervisor has to inject again. */
static u32 vsb_regs_interrupted(struct kvm_vcpu *vcpu)
{
	u32 faults = 0;

	if (vcpu->arch.exception.injected && vcpu->arch.exception.vector < 32)
		faults |= BIT(vcpu->arch.exception.vector);
	if (vcpu->arch.interrupt.injected && vcpu->arch.interrupt.soft &&
	    vcpu->arch.interrupt.nr < 32)
		faults |= BIT(vcpu->arch.interrupt.nr);
	return faults;
}

/**
 * vsb_regs_hide - L2 is to be left for L1
 * @vcpu: L2 is running
 * @t: it
 * @veil: its veil
 * @exit: what the exit is about
 */
void vsb_regs_hide(struct kvm_vcpu *vcpu, const struct vsb_turn *t, struct vsb_veil *veil,
		   const struct vsb_exit_regs *exit)
{
	int i, index = vsb_regs_index(t);
	struct vsb_veil_kept *kept;
	struct vsb_kept_cpu *cpu;

	spin_lock(&veil->regs_lock);
	kept = index >= 0 ? veil->kept[index] : NULL;
	if (kept) {
		cpu = (void *)kept->data;
		cpu->exit = *exit;
		cpu->exit.faults |= vsb_regs_interrupted(vcpu);
		cpu->unpaged = !(vcpu->arch.cr0 & X86_CR0_PG);
		memcpy(cpu->gpr, vcpu->arch.regs, sizeof(cpu->gpr));
		cpu->rip = vsb_rip(vcpu);
		cpu->rflags = vsb_kvm_rflags(vcpu);
		cpu->cr0 = vcpu->arch.cr0;
		cpu->cr2 = vcpu->arch.cr2;
		cpu->cr3 = vcpu->arch.cr3 & ~VSB_C;
		cpu->cr4 = vcpu->arch.cr4;
		cpu->dr6 = vcpu->arch.dr6;
		cpu->efer = vcpu->arch.efer;
		vsb_regs_keep_segments(vcpu, cpu);
		vsb_fpu_hide(vcpu, cpu->fpu, kept->size - sizeof(*cpu));
		kept->valid = true;
	}
	spin_unlock(&veil->regs_lock);
	/* Without room nothing is kept, and it does not go on. */
	for (i = 0; i < VSB_VEIL_GPRS; i++)
		if (!(exit->whole & BIT(i)))
			vcpu->arch.regs[i] &= exit->shown & BIT(i) ? exit->bits : 0;
	vcpu->arch.cr2 = 0;
}

/* ---- from L1 to L2 ---- */

/* What is wrong with what the entry injects, or NULL. APM vol. 2, 15.20 and 15.21. */
static const char *vsb_regs_event(struct kvm_vcpu *vcpu, u32 faults, bool paged)
{
	const struct vmcb_control_area *control = &vsb_kvm_vmcb(vcpu)->control;
	u32 event = control->event_inj, vector = event & SVM_EVTINJ_VEC_MASK;

	if (control->int_ctl & V_IRQ_MASK &&
	    !test_bit(INTERCEPT_VINTR, (const unsigned long *)control->intercepts) &&
	    (!paged || control->int_vector < FIRST_EXTERNAL ||
	     control->int_vector == SYSCALL_VECTOR))
		return "an interrupt";
	if (!(event & SVM_EVTINJ_VALID))
		return NULL;
	switch (paged ? event & SVM_EVTINJ_TYPE_MASK : U32_MAX) {
	case SVM_EVTINJ_TYPE_INTR:
		if (vector >= FIRST_EXTERNAL && vector != SYSCALL_VECTOR)
			return NULL;
		return "an interrupt";
	case SVM_EVTINJ_TYPE_NMI:
		return NULL;
	case SVM_EVTINJ_TYPE_EXEPT:
	case SVM_EVTINJ_TYPE_SOFT:
		if (vector < 32 && faults & BIT(vector))
			return NULL;
		return "an exception";
	}
	return "an event";
}

/* May this one be so, instead of as it was? */
static bool vsb_regs_written(const struct vsb_kept_cpu *cpu, enum vsb_exit_writes writes, u64 was,
			     u64 is, u64 fixed)
{
	if (!((was ^ is) & fixed))
		return true;
	return cpu->exit.writes == writes && !((is ^ cpu->exit.value) & fixed);
}

/* What the guest hypervisor has changed that it may not, or NULL. */
static const char *vsb_regs_changed(struct kvm_vcpu *vcpu, const struct vsb_kept_cpu *cpu)
{
	u64 went = vsb_rip(vcpu) - cpu->rip, efer = vcpu->arch.efer;

	if (went && went != cpu->exit.length)
		return "its instruction pointer";
	if (!vsb_regs_written(cpu, VSB_WRITES_CR0, cpu->cr0, vcpu->arch.cr0, CR0_FIXED))
		return "its CR0";
	if (!vsb_regs_written(cpu, VSB_WRITES_CR4, cpu->cr4, vcpu->arch.cr4, CR4_FIXED))
		return "its CR4";
	if (!vsb_regs_written(cpu, VSB_WRITES_EFER, cpu->efer, efer, EFER_FIXED) ||
	    !(efer & EFER_LMA) != !(efer & EFER_LME && vcpu->arch.cr0 & X86_CR0_PG))
		return "its EFER";
	return vsb_regs_event(vcpu, cpu->exit.faults, !cpu->unpaged);
}

static void vsb_regs_put_back(struct kvm_vcpu *vcpu, const struct vsb_kept_cpu *cpu, u32 nr_fpu)
{
	u32 event = vsb_kvm_vmcb(vcpu)->control.event_inj, taken = cpu->exit.taken;
	bool excepted = (event & (SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_MASK)) ==
			(SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT);
	int i;

	/* One that is not done, as it ends by an exception or is to be again, returns nothing. */
	if (excepted || (cpu->exit.length && vsb_rip(vcpu) == cpu->rip))
		taken = 0;
	for (i = 0; i < VSB_VEIL_GPRS; i++) {
		u64 merged = taken & BIT(i) ? cpu->exit.merged : 0;

		vcpu->arch.regs[i] = (vcpu->arch.regs[i] & merged) | (cpu->gpr[i] & ~merged);
	}
	if (taken)
		vcpu->arch.regs[VCPU_REGS_RAX] &= ~cpu->exit.never;
	vsb_kvm_ops->set_rflags(vcpu, (vsb_kvm_rflags(vcpu) & FREE_FLAGS) |
				      (cpu->rflags & ~FREE_FLAGS));
	if (!excepted || (event & SVM_EVTINJ_VEC_MASK) != PF)
		vcpu->arch.cr2 = cpu->cr2;
	vcpu->arch.cr3 = cpu->cr3;
	vcpu->arch.dr6 = cpu->dr6;
	vsb_regs_show_segments(vcpu, cpu);
	vsb_fpu_show(vcpu, cpu->fpu, nr_fpu);
}

/* ---- a vCPU that starts (APM vol. 2, 14.1.3, and 16.5 for the SIPI) ---- */

#define SEGMENT_16	0x93	/* present, writable, accessed */
#define LIMIT_16	0xffff

static const char *vsb_regs_start(struct kvm_vcpu *vcpu, const struct vsb_veil *veil)
{
	struct vmcb_save_area *save = &vsb_kvm_vmcb(vcpu)->save;
	const struct vmcb_seg empty = { .attrib = SEGMENT_16, .limit = LIMIT_16 };
	u64 rdx = vcpu->arch.regs[VCPU_REGS_RDX];

	if (vsb_rip(vcpu) || vcpu->arch.cr0 & X86_CR0_PE || vcpu->arch.cr4 & ~X86_CR4_MCE ||
	    vcpu->arch.efer & ~EFER_SVME ||
	    save->cs.base != (u64)save->cs.selector << 4 || save->cs.selector & 0xff ||
	    !test_bit(save->cs.selector >> 8, veil->starts))
		return "where a vCPU starts";
	if (vsb_regs_event(vcpu, 0, false))
		return "how a vCPU starts";
	memset(vcpu->arch.regs, 0, VSB_VEIL_GPRS * sizeof(vcpu->arch.regs[0]));
	/* What CPU it is; which has it all over CPUID. */
	vcpu->arch.regs[VCPU_REGS_RDX] = rdx & 0xffffff;
	vsb_kvm_ops->set_rflags(vcpu, X86_EFLAGS_FIXED);
	save->es = empty;
	save->ss = empty;
	save->ds = empty;
	save->cs.attrib = SEGMENT_16 | 0x8;	/* code */
	save->cs.limit = LIMIT_16;
	save->gdtr = (struct vmcb_seg){ .limit = LIMIT_16 };
	save->idtr = (struct vmcb_seg){ .limit = LIMIT_16 };
	save->cpl = 0;
	vsb_kvm_vmcb(vcpu)->control.clean &= ~CLEAN;
	return NULL;
}

/**
 * vsb_regs_show - L2 goes on
 * @vcpu: the guest hypervisor has entered it, or is about to, and nothing has been executed
 * @t: it
 * @veil: its veil
 * @entered: it has, just now. Else it may have been before
 *
 * What vsb_regs_hide() has kept is put back. Return: NULL, or what is not as it has to be.
 */
const char *vsb_regs_show(struct kvm_vcpu *vcpu, const struct vsb_turn *t, struct vsb_veil *veil,
			  bool entered)
{
	bool paged = vcpu->arch.cr0 & X86_CR0_PG;
	struct vsb_kept_cpu *cpu = NULL;
	int index = vsb_regs_index(t);
	const char *changed = NULL;
	struct vsb_veil_kept *kept;

	/* In SMM nothing is private, and what is kept is so for what is behind it. */
	if (!paged && !t->id.boots)
		return NULL;
	spin_lock(&veil->regs_lock);
	kept = index >= 0 ? veil->kept[index] : NULL;
	if (kept && kept->valid)
		cpu = (void *)kept->data;
	/* It was reset since, if it is where it starts. */
	if (cpu && !paged && (!cpu->unpaged || (!vsb_rip(vcpu) && cpu->rip)))
		cpu = NULL;
	if (cpu)
		changed = vsb_regs_changed(vcpu, cpu);
	else if (!paged && entered)
		changed = vsb_regs_start(vcpu, veil);
	else if (entered)
		changed = "which vCPUs it has";
	if (cpu && !changed)
		vsb_regs_put_back(vcpu, cpu, kept->size - sizeof(*cpu));
	if (kept && (cpu || !paged))
		kept->valid = false;
	spin_unlock(&veil->regs_lock);
	return changed;
}
