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
#include <asm/processor-flags.h>

#include "core/uservm.h"
#include "core/veil.h"
#include "kvm/calls.h"
#include "kvm/regs.h"
#include "kvm/turn.h"
#include "kvm/veil-exits.h"
#include "kvm/veil-fpu.h"
#include "kvm/veil-regs.h"
#include "kvm/veil-table.h"
#include "kvm/veil-vendor.h"
#include "kvm/vendor.h"

/* The guest hypervisor's are free in these: it may have it resume or trap, which does no harm. */
#define FREE_FLAGS	(X86_EFLAGS_RF | X86_EFLAGS_TF)
/* What of the control registers security rests on. */
#define CR0_FIXED	(X86_CR0_PE | X86_CR0_PG | X86_CR0_WP)
#define CR4_FIXED	(X86_CR4_PAE | X86_CR4_LA57 | X86_CR4_PGE | X86_CR4_PCIDE | X86_CR4_SMEP | \
			 X86_CR4_SMAP | X86_CR4_UMIP | X86_CR4_FSGSBASE | X86_CR4_PKE | \
			 X86_CR4_OSXSAVE)
#define EFER_FIXED	(EFER_SCE | EFER_LME | EFER_NX)
#define PF		14

#define FPU_ALIGN	64

/*
 * A vCPU that was left: what the exit is about, was paging off, an INT n that it has interrupted
 * (or 0), registers by their names, and what the vendor keeps; behind that the FPU's.
 */
struct vsb_kept_cpu {
	struct vsb_exit_regs exit;
	bool unpaged;
	u8 soft;
	unsigned long gpr[VSB_VEIL_GPRS];
	unsigned long rip, rflags, cr0, cr2, cr3, cr4, dr6;
	u64 efer;
	u8 data[] __aligned(FPU_ALIGN);
};

static u32 vsb_kept_fpu_at(void)
{
	return ALIGN(vsb_vendor->veil->kept_size, FPU_ALIGN);
}

/* Room for one that is left, and known by this, or NULL. May sleep; L2 is running. */
struct vsb_veil_kept *vsb_regs_new(struct kvm_vcpu *vcpu, u64 anchor)
{
	u32 size = sizeof(struct vsb_kept_cpu) + vsb_kept_fpu_at() + vsb_fpu_size(vcpu);
	struct vsb_veil_kept *kept = kzalloc(struct_size(kept, data, size), GFP_KERNEL_ACCOUNT);

	if (!kept)
		return NULL;
	kept->size = size;
	if (vsb_vendor->veil->hold)
		kept->held = vsb_vendor->veil->hold(anchor);
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

/* Bytes of the FPU's registers. */
static u32 vsb_kept_fpu_size(const struct vsb_veil_kept *kept)
{
	return kept->size - sizeof(struct vsb_kept_cpu) - vsb_kept_fpu_at();
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

static u8 vsb_regs_interrupted_soft(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.interrupt.injected && vcpu->arch.interrupt.soft ?
	       vcpu->arch.interrupt.nr : 0;
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

	vsb_cache_reg(vcpu, VCPU_REGS_RSP);
	spin_lock(&veil->regs_lock);
	kept = index >= 0 ? veil->kept[index] : NULL;
	if (kept) {
		cpu = (void *)kept->data;
		cpu->exit = *exit;
		cpu->exit.faults |= vsb_regs_interrupted(vcpu);
		cpu->soft = vsb_regs_interrupted_soft(vcpu);
		cpu->unpaged = !(vcpu->arch.cr0 & X86_CR0_PG);
		memcpy(cpu->gpr, vcpu->arch.regs, sizeof(cpu->gpr));
		cpu->rip = vsb_rip(vcpu);
		cpu->rflags = vsb_kvm_rflags(vcpu);
		cpu->cr0 = vcpu->arch.cr0;
		cpu->cr2 = vcpu->arch.cr2;
		cpu->cr3 = vsb_cr3(vcpu) & ~VSB_C;
		cpu->cr4 = vsb_cr4(vcpu);
		cpu->dr6 = vcpu->arch.dr6;
		/* Else it is what L2 has written. */
		if (!cpu->unpaged || vsb_vendor->veil->efer_unpaged)
			cpu->efer = vcpu->arch.efer;
		vsb_vendor->veil->keep(vcpu, cpu->data);
		vsb_fpu_hide(vcpu, cpu->data + vsb_kept_fpu_at(), vsb_kept_fpu_size(kept));
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

/* What is wrong with what the entry injects, or NULL. @cpu: NULL if it starts. */
static const char *vsb_regs_event(struct kvm_vcpu *vcpu, const struct vsb_kept_cpu *cpu)
{
	struct vsb_injected event = vsb_vendor->veil->event(vcpu);
	bool paged = cpu && !cpu->unpaged;
	const char *open = vsb_vendor->veil->open(vcpu, paged);

	if (open)
		return open;
	if (event.is == VSB_NO_EVENT)
		return NULL;
	switch (paged ? event.is : VSB_EVENT) {
	case VSB_INTERRUPT:
		return vsb_veil_device_has(event.vector) ? NULL : "an interrupt";
	case VSB_NMI:
		return NULL;
	case VSB_SOFT:
		if (event.vector && event.vector == cpu->soft)
			return NULL;
		fallthrough;
	case VSB_EXCEPTION:
		if (event.vector < 32 && cpu->exit.faults & BIT(event.vector))
			return NULL;
		return "an exception";
	default:
		return "an event";
	}
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
	bool paged = vcpu->arch.cr0 & X86_CR0_PG;

	if (went && went != cpu->exit.length)
		return "its instruction pointer";
	if (!vsb_regs_written(cpu, VSB_WRITES_CR0, cpu->cr0, vcpu->arch.cr0, CR0_FIXED))
		return "its CR0";
	if (!vsb_regs_written(cpu, VSB_WRITES_CR4, cpu->cr4, vsb_cr4(vcpu), CR4_FIXED))
		return "its CR4";
	if ((paged || vsb_vendor->veil->efer_unpaged) &&
	    (!vsb_regs_written(cpu, VSB_WRITES_EFER, cpu->efer, efer, EFER_FIXED) ||
	     !(efer & EFER_LMA) != !(efer & EFER_LME && paged)))
		return "its EFER";
	return vsb_regs_event(vcpu, cpu);
}

static void vsb_regs_put_back(struct kvm_vcpu *vcpu, struct vsb_kept_cpu *cpu, u32 nr_fpu)
{
	struct vsb_injected event = vsb_vendor->veil->event(vcpu);
	bool excepted = event.is == VSB_EXCEPTION;
	/* One that is not done, as it ends by an exception or is to be again, returns nothing. */
	bool done = !excepted && !(cpu->exit.length && vsb_rip(vcpu) == cpu->rip);
	int i;

	for (i = 0; i < VSB_VEIL_GPRS; i++) {
		u64 merged = done && cpu->exit.taken & BIT(i) ? cpu->exit.merged : 0;

		vcpu->arch.regs[i] = (vcpu->arch.regs[i] & merged) | (cpu->gpr[i] & ~merged);
	}
	vsb_reg_dirty(vcpu, VCPU_REGS_RSP);
	if (done && cpu->exit.taken)
		vcpu->arch.regs[VCPU_REGS_RAX] &= ~cpu->exit.never;
	vsb_kvm_ops->set_rflags(vcpu, (vsb_kvm_rflags(vcpu) & FREE_FLAGS) |
				      (cpu->rflags & ~FREE_FLAGS));
	if (!excepted || event.vector != PF)
		vcpu->arch.cr2 = cpu->cr2;
	vsb_vendor->veil->set_cr3(vcpu, cpu->cr3);
	vcpu->arch.dr6 = cpu->dr6;
	if (done && cpu->exit.writes == VSB_WRITES_EFER)
		cpu->efer = cpu->exit.value;
	vsb_vendor->veil->put_back(vcpu, cpu->data, done ? &cpu->exit : NULL);
	vsb_fpu_show(vcpu, cpu->data + vsb_kept_fpu_at(), nr_fpu);
}

/* ---- a vCPU that starts ---- */

static const char *vsb_regs_start(struct kvm_vcpu *vcpu, const struct vsb_veil *veil)
{
	const struct vsb_veil_vendor *vendor = vsb_vendor->veil;
	u64 rdx = vcpu->arch.regs[VCPU_REGS_RDX];
	int page = vendor->starts(vcpu);

	if (vsb_rip(vcpu) || vcpu->arch.cr0 & X86_CR0_PE ||
	    vsb_cr4(vcpu) & ~(X86_CR4_MCE | vendor->free_cr4) ||
	    vcpu->arch.efer & ~vendor->free_efer || page < 0 || !test_bit(page, veil->starts))
		return "where a vCPU starts";
	if (vsb_regs_event(vcpu, NULL))
		return "how a vCPU starts";
	memset(vcpu->arch.regs, 0, VSB_VEIL_GPRS * sizeof(vcpu->arch.regs[0]));
	vsb_reg_dirty(vcpu, VCPU_REGS_RSP);
	/* What CPU it is; which has it all over CPUID. */
	vcpu->arch.regs[VCPU_REGS_RDX] = rdx & 0xffffff;
	vsb_kvm_ops->set_rflags(vcpu, X86_EFLAGS_FIXED);
	vendor->start(vcpu);
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
		vsb_regs_put_back(vcpu, cpu, vsb_kept_fpu_size(kept));
	if (kept && !cpu && !paged)
		((struct vsb_kept_cpu *)kept->data)->efer = 0;
	if (kept && (cpu || !paged))
		kept->valid = false;
	spin_unlock(&veil->regs_lock);
	return changed;
}
