// SPDX-License-Identifier: GPL-2.0
/*
 * AMD: the vCPU of a user VM behind a veil. Exit codes: APM vol. 2, appendix C.
 */
#include <linux/kvm_host.h>
#include <uapi/asm/svm.h>
#include <asm/pgtable_types.h>
#include <asm/processor.h>
#include <asm/svm.h>

#include "kvm/calls.h"
#include "kvm/exits.h"
#include "kvm/regs.h"
#include "kvm/veil-exits.h"
#include "kvm/veil-vendor.h"

/* Nested page table entries are as those of a user process (APM vol. 2, 15.25.5). */
#define ENTRY	(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY)

/* VMCB Clean Bits of what is put back (APM vol. 2, 15.15.3): DRx, DT, SEG, CR2 */
#define CLEAN	(BIT(6) | BIT(7) | BIT(8) | BIT(9))

/* CS.L, as a VMCB has it (APM vol. 2, 15.5.1 and 4.8.1) */
#define CS_LONG	BIT(9)

static const char *vsb_svm_missing(void)
{
	if (pgtable_l5_enabled())
		return "page tables of four levels";
	return vsb_svm_vmcb01 ? NULL : "a kernel with BTF";
}

/* @info: EXITINFO1, 0: an MSR is read. */
static enum vsb_asks vsb_svm_asks(u32 reason, u64 info)
{
	if (reason == SVM_EXIT_CPUID)
		return VSB_ASKS_CPUID;
	return reason == SVM_EXIT_MSR && !info ? VSB_ASKS_MSR : VSB_ASKS_NOTHING;
}

static void vsb_svm_set_cr3(struct kvm_vcpu *vcpu, unsigned long cr3)
{
	vcpu->arch.cr3 = cr3;
}

/* KVM passes on what the CPU has said (nested_svm_inject_npf_exit()). */
static void vsb_svm_faults(struct kvm_vcpu *vcpu, u64 gpa)
{
	vsb_kvm_vmcb(vcpu)->control.exit_info_2 = gpa;
}

/* ---- exits ---- */

/* EXITINFO1 of an IN or OUT (APM vol. 2, 15.10.2) */
#define IOIO_IN		1
#define IOIO_STRING	4
#define IOIO_SIZE(info)	((info) >> 4 & 7)	/* bytes: 1, 2 or 4 */
#define MSR_WRITE	1

static enum vsb_exit_kind vsb_svm_kind(u32 reason, u64 info)
{
	switch (reason) {
	case SVM_EXIT_EXCP_BASE ... SVM_EXIT_EXCP_BASE + 31:
		return VSB_EXIT_EXCEPTION;
	case SVM_EXIT_HLT:
	case SVM_EXIT_PAUSE:
	case SVM_EXIT_INVD:
	case SVM_EXIT_WBINVD:
		return VSB_EXIT_PLAIN;
	case SVM_EXIT_RDTSC:
		return VSB_EXIT_RDTSC;
	case SVM_EXIT_RDTSCP:
		return VSB_EXIT_RDTSCP;
	case SVM_EXIT_RDPMC:
		return VSB_EXIT_RDPMC;
	case SVM_EXIT_CPUID:
		return VSB_EXIT_CPUID;
	case SVM_EXIT_MSR:
		return info == MSR_WRITE ? VSB_EXIT_WRMSR : VSB_EXIT_RDMSR;
	case SVM_EXIT_VMMCALL:
		return VSB_EXIT_HYPERCALL;
	case SVM_EXIT_XSETBV:
		return VSB_EXIT_XSETBV;
	case SVM_EXIT_MONITOR:
	case SVM_EXIT_MWAIT:
	case SVM_EXIT_MWAIT_COND:
		return VSB_EXIT_MWAIT;
	case SVM_EXIT_IOIO:
		return VSB_EXIT_IO;
	case SVM_EXIT_CR0_SEL_WRITE:
	case SVM_EXIT_READ_CR0 ... SVM_EXIT_WRITE_DR7:
		return VSB_EXIT_CONTROL;
	case SVM_EXIT_NPF:
		return VSB_EXIT_MEMORY;
	case SVM_EXIT_INTR:
	case SVM_EXIT_NMI:
	case SVM_EXIT_SMI:
	case SVM_EXIT_INIT:
	case SVM_EXIT_VINTR:
	case SVM_EXIT_IRET:
	case SVM_EXIT_SHUTDOWN:
		return VSB_EXIT_SILENT;
	}
	/* VMRUN and the like */
	return VSB_EXIT_OTHER;
}

/* Without prefixes, of those that the CPU does not tell the length of. */
static u8 vsb_svm_plain_length(u32 reason, enum vsb_exit_kind kind)
{
	switch (kind) {
	case VSB_EXIT_PLAIN:
		return reason == SVM_EXIT_HLT ? 1 : 2;
	case VSB_EXIT_RDTSC:
	case VSB_EXIT_RDPMC:
	case VSB_EXIT_CPUID:
	case VSB_EXIT_RDMSR:
	case VSB_EXIT_WRMSR:
		return 2;
	case VSB_EXIT_RDTSCP:
	case VSB_EXIT_HYPERCALL:
	case VSB_EXIT_XSETBV:
	case VSB_EXIT_MWAIT:
		return 3;
	default:
		return 0;
	}
}

static u8 vsb_svm_insn_length(struct kvm_vcpu *vcpu, enum vsb_exit_kind kind)
{
	const struct vmcb_control_area *control = &vsb_kvm_vmcb(vcpu)->control;
	u64 rip = vsb_rip(vcpu), next = 0;

	/* EXITINFO2: the next RIP. */
	if (kind == VSB_EXIT_IO)
		next = control->exit_info_2;
	else if (boot_cpu_has(X86_FEATURE_NRIPS))
		next = control->next_rip;
	if (next > rip && next - rip <= VSB_VEIL_INSN)
		return next - rip;
	return vsb_svm_plain_length(control->exit_code, kind);
}

static void vsb_svm_look(struct kvm_vcpu *vcpu, const struct vsb_left *left, struct vsb_exit *e)
{
	const struct vmcb *vmcb = vsb_kvm_vmcb(vcpu);
	u32 reason = vmcb->control.exit_code;
	u64 info = vmcb->control.exit_info_1;

	e->kind = vsb_svm_kind(reason, info);
	e->decodes = vsb_svm_exit_decodes(reason, info);
	e->length = vsb_svm_insn_length(vcpu, e->kind);
	e->vector = reason - SVM_EXIT_EXCP_BASE;
	e->io = (struct vsb_exit_io){
		.size = IOIO_SIZE(info), .in = info & IOIO_IN, .string = info & IOIO_STRING,
	};
	e->gpa = vmcb->control.exit_info_2;
	e->bits64 = vcpu->arch.efer & EFER_LMA && vmcb->save.cs.attrib & CS_LONG;
}

static int vsb_svm_leave(struct kvm_vcpu *vcpu, const struct vsb_left *left)
{
	return vsb_kvm_svm_vmexit(vcpu);
}

/* ---- entries ---- */

/* APM vol. 2, 15.20 */
static struct vsb_injected vsb_svm_event(struct kvm_vcpu *vcpu)
{
	u32 info = vsb_kvm_vmcb(vcpu)->control.event_inj;
	struct vsb_injected event = { .is = VSB_EVENT, .vector = info & SVM_EVTINJ_VEC_MASK };

	if (!(info & SVM_EVTINJ_VALID))
		return (struct vsb_injected){ .is = VSB_NO_EVENT };
	switch (info & SVM_EVTINJ_TYPE_MASK) {
	case SVM_EVTINJ_TYPE_INTR:
		event.is = VSB_INTERRUPT;
		break;
	case SVM_EVTINJ_TYPE_NMI:
		event.is = VSB_NMI;
		break;
	case SVM_EVTINJ_TYPE_EXEPT:
		event.is = VSB_EXCEPTION;
		break;
	case SVM_EVTINJ_TYPE_SOFT:
		event.is = VSB_SOFT;
		break;
	}
	return event;
}

/* A virtual interrupt (APM vol. 2, 15.21) */
static const char *vsb_svm_open(struct kvm_vcpu *vcpu, bool paged)
{
	const struct vmcb_control_area *control = &vsb_kvm_vmcb(vcpu)->control;

	if (control->int_ctl & V_IRQ_MASK &&
	    !test_bit(INTERCEPT_VINTR, (const unsigned long *)control->intercepts) &&
	    (!paged || !vsb_veil_device_has(control->int_vector)))
		return "an interrupt";
	return NULL;
}

struct vsb_svm_kept {
	struct vmcb_seg es, cs, ss, ds, fs, gs, tr, ldtr, gdtr, idtr;
	u8 cpl;
	u64 dr7;
	u64 star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip;
};

static void vsb_svm_keep(struct kvm_vcpu *vcpu, void *kept)
{
	const struct vmcb_save_area *own = &vsb_kvm_vmcb(vcpu)->save;
	const struct vmcb_save_area *loaded = &vsb_kvm_vmcb01(vcpu)->save;
	struct vsb_svm_kept *cpu = kept;

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

static void vsb_svm_put_back(struct kvm_vcpu *vcpu, void *kept, const struct vsb_exit_regs *done)
{
	struct vmcb_save_area *own = &vsb_kvm_vmcb(vcpu)->save;
	struct vmcb_save_area *loaded = &vsb_kvm_vmcb01(vcpu)->save;
	const struct vsb_svm_kept *cpu = kept;

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

/* ---- a vCPU that starts (APM vol. 2, 14.1.3, and 16.5 for the SIPI) ---- */

#define SEGMENT_16	0x93	/* present, writable, accessed */
#define LIMIT_16	0xffff

static int vsb_svm_starts(struct kvm_vcpu *vcpu)
{
	const struct vmcb_seg *cs = &vsb_kvm_vmcb(vcpu)->save.cs;

	if (cs->base != (u64)cs->selector << 4 || cs->selector & 0xff)
		return -1;
	return cs->selector >> 8;
}

static void vsb_svm_start(struct kvm_vcpu *vcpu)
{
	struct vmcb_save_area *save = &vsb_kvm_vmcb(vcpu)->save;
	const struct vmcb_seg empty = { .attrib = SEGMENT_16, .limit = LIMIT_16 };

	save->es = empty;
	save->ss = empty;
	save->ds = empty;
	save->cs.attrib = SEGMENT_16 | 0x8;	/* code */
	save->cs.limit = LIMIT_16;
	save->gdtr = (struct vmcb_seg){ .limit = LIMIT_16 };
	save->idtr = (struct vmcb_seg){ .limit = LIMIT_16 };
	save->cpl = 0;
	vsb_kvm_vmcb(vcpu)->control.clean &= ~CLEAN;
}

const struct vsb_veil_vendor vsb_veil_svm = {
	.vmexit = "nested_svm_vmexit",
	.table = ENTRY,
	.page = ENTRY,
	.kept_size = sizeof(struct vsb_svm_kept),
	.efer_unpaged = true,
	.free_efer = EFER_SVME,
	.missing = vsb_svm_missing,
	.asks = vsb_svm_asks,
	.set_cr3 = vsb_svm_set_cr3,
	.event = vsb_svm_event,
	.open = vsb_svm_open,
	.keep = vsb_svm_keep,
	.put_back = vsb_svm_put_back,
	.starts = vsb_svm_starts,
	.start = vsb_svm_start,
	.faults = vsb_svm_faults,
	.look = vsb_svm_look,
	.leave = vsb_svm_leave,
};
