// SPDX-License-Identifier: GPL-2.0
/*
 * Intel: the vCPU of a user VM behind a veil. Exit reasons: SDM vol. 3, appendix C.
 */
#include <linux/kvm_host.h>
#include <asm/apicdef.h>
#include <asm/page.h>
#include <asm/processor.h>
#include <asm/vmx.h>

#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/exits.h"
#include "kvm/regs.h"
#include "kvm/veil-exits.h"
#include "kvm/veil-table.h"
#include "kvm/veil-vendor.h"
#include "kvm/vmcs.h"

/* SDM vol. 3, 29.3.2: memory is write-back, whatever L2 says, as KVM has it. */
#define EPT_RWX		GENMASK_ULL(2, 0)
#define EPT_WRITE_BACK	(6ull << 3)
#define EPT_IGNORE_PAT	BIT_ULL(6)
#define EPT_ACCESSED	BIT_ULL(8)
#define EPT_DIRTY	BIT_ULL(9)

#define CS_LONG		BIT(13)	/* of the access rights, SDM vol. 3, table 25-2 */

/* A field that is there, or 0. */
static unsigned long vsb_vmcs(unsigned long field)
{
	unsigned long value;

	return vsb_vmx_read(field, &value) ? value : 0;
}

static const char *vsb_veil_vmx_missing(void)
{
	return VSB_HAS_VEIL_VMX ? NULL : "an AMD CPU";
}

static enum vsb_asks vsb_veil_vmx_asks(u32 reason, u64 info)
{
	if (reason & VMX_EXIT_REASONS_FAILED_VMENTRY)
		return VSB_ASKS_NOTHING;
	switch ((u16)reason) {
	case EXIT_REASON_CPUID:
		return VSB_ASKS_CPUID;
	case EXIT_REASON_MSR_READ:
		return VSB_ASKS_MSR;
	}
	return VSB_ASKS_NOTHING;
}

/* KVM reads it back from the VMCS (sync_vmcs02_to_vmcs12()), and writes there what is dirty. */
static void vsb_veil_vmx_set_cr3(struct kvm_vcpu *vcpu, unsigned long cr3)
{
	vcpu->arch.cr3 = cr3;
	vsb_reg_dirty(vcpu, VSB_REG_CR3);
	vsb_vmx_write(GUEST_CR3, cr3);
}

/* It is told what KVM is told (nested_ept_inject_page_fault()). */
static void vsb_veil_vmx_faults(struct kvm_vcpu *vcpu, u64 gpa)
{
}

/*
 * The host may move the page by which a vCPU is known, while L1 runs: then it would be another one.
 * KVM holds it now (nested_get_vmcs12_pages()), and one that somebody holds is not moved.
 */
static struct page *vsb_veil_vmx_hold(u64 anchor)
{
	struct page *page = anchor && pfn_valid(anchor) ? pfn_to_page(anchor) : NULL;

	if (!page || PageReserved(page))
		return NULL;
	get_page(page);
	return page;
}

/* ---- exits ---- */

static enum vsb_exit_kind vsb_veil_vmx_kind(u32 reason, u32 intr_info)
{
	/* L2 has executed nothing; or (-1) KVM leaves it for system management mode of L1. */
	if (reason & VMX_EXIT_REASONS_FAILED_VMENTRY)
		return VSB_EXIT_SILENT;
	switch ((u16)reason) {
	case EXIT_REASON_EXCEPTION_NMI:
		return (intr_info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR ?
		       VSB_EXIT_SILENT : VSB_EXIT_EXCEPTION;
	case EXIT_REASON_HLT:
	case EXIT_REASON_INVD:
	case EXIT_REASON_INVLPG:
	case EXIT_REASON_PAUSE_INSTRUCTION:
	case EXIT_REASON_WBINVD:
		return VSB_EXIT_PLAIN;
	case EXIT_REASON_RDTSC:
		return VSB_EXIT_RDTSC;
	case EXIT_REASON_RDTSCP:
		return VSB_EXIT_RDTSCP;
	case EXIT_REASON_RDPMC:
		return VSB_EXIT_RDPMC;
	case EXIT_REASON_CPUID:
		return VSB_EXIT_CPUID;
	case EXIT_REASON_MSR_READ:
		return VSB_EXIT_RDMSR;
	case EXIT_REASON_MSR_WRITE:
		return VSB_EXIT_WRMSR;
	case EXIT_REASON_VMCALL:
		return VSB_EXIT_HYPERCALL;
	case EXIT_REASON_XSETBV:
		return VSB_EXIT_XSETBV;
	case EXIT_REASON_MONITOR_INSTRUCTION:
	case EXIT_REASON_MWAIT_INSTRUCTION:
		return VSB_EXIT_MWAIT;
	case EXIT_REASON_IO_INSTRUCTION:
		return VSB_EXIT_IO;
	case EXIT_REASON_CR_ACCESS:
	case EXIT_REASON_DR_ACCESS:
		return VSB_EXIT_CONTROL;
	case EXIT_REASON_APIC_ACCESS:
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_EPT_MISCONFIG:
		return VSB_EXIT_MEMORY;
	case EXIT_REASON_VMCLEAR ... EXIT_REASON_VMON:
	case EXIT_REASON_GDTR_IDTR:
	case EXIT_REASON_LDTR_TR:
	case EXIT_REASON_INVEPT:
	case EXIT_REASON_INVVPID:
	case EXIT_REASON_RDRAND:
	case EXIT_REASON_INVPCID:
	case EXIT_REASON_VMFUNC:
	case EXIT_REASON_ENCLS:
	case EXIT_REASON_RDSEED:
	case EXIT_REASON_XSAVES:
	case EXIT_REASON_XRSTORS:
	case EXIT_REASON_UMWAIT:
	case EXIT_REASON_TPAUSE:
		return VSB_EXIT_OTHER;
	}
	/* Interrupts, windows, timers, signals, and what is behind an instruction */
	return VSB_EXIT_SILENT;
}

/* SDM vol. 3, 28.2.5: of these there is none, or one that is not to be relied upon. */
static u8 vsb_veil_vmx_length(enum vsb_exit_kind kind)
{
	unsigned long length;

	switch (kind) {
	case VSB_EXIT_SILENT:
	case VSB_EXIT_EXCEPTION:
	case VSB_EXIT_MEMORY:
	case VSB_EXIT_OTHER:
		return 0;
	default:
		length = vsb_vmcs(VM_EXIT_INSTRUCTION_LEN);
		return length <= VSB_VEIL_INSN ? length : 0;
	}
}

/* SDM vol. 3, table 28-5 */
static struct vsb_exit_io vsb_veil_vmx_io(unsigned long qualification)
{
	return (struct vsb_exit_io){
		.size = (qualification & 7) + 1,
		.in = qualification & BIT(3),
		.string = qualification & BIT(4),
	};
}

/* SDM vol. 3, tables 28-3 and 28-4 */
static struct vsb_exit_control vsb_veil_vmx_control(u32 reason, unsigned long qualification)
{
	struct vsb_exit_control c = {
		.known = true, .number = qualification & 0xf, .reg = qualification >> 8 & 0xf,
	};
	unsigned int access = qualification >> 4 & 3;

	if ((u16)reason == EXIT_REASON_DR_ACCESS) {
		c.debug = true;
		c.moves = true;
		c.to = !(access & 1);
		c.number &= 7;
	} else {
		/* 2 and 3: CLTS and LMSW, which are all in the qualification */
		c.moves = access < 2;
		c.to = access == 0;
	}
	return c;
}

/* SDM vol. 3, table 28-6: offset in the APIC's page */
#define APIC_OFFSET	GENMASK(11, 0)

static void vsb_veil_vmx_look(struct kvm_vcpu *vcpu, const struct vsb_left *left,
			      struct vsb_exit *e)
{
	e->kind = vsb_veil_vmx_kind(left->reason, left->intr_info);
	e->decodes = vsb_vmx_exit_decodes(left->reason, left->qualification, left->intr_info);
	e->length = vsb_veil_vmx_length(e->kind);
	e->vector = left->intr_info & INTR_INFO_VECTOR_MASK;
	e->io = vsb_veil_vmx_io(left->qualification);
	e->control = vsb_veil_vmx_control(left->reason, left->qualification);
	if ((u16)left->reason == EXIT_REASON_APIC_ACCESS)
		e->gpa = APIC_DEFAULT_PHYS_BASE + (left->qualification & APIC_OFFSET);
	else
		e->gpa = vsb_vmcs(GUEST_PHYSICAL_ADDRESS) & ~VSB_C;
	e->bits64 = vcpu->arch.efer & EFER_LMA && vsb_vmcs(GUEST_CS_AR_BYTES) & CS_LONG;
}

static int vsb_veil_vmx_leave(struct kvm_vcpu *vcpu, const struct vsb_left *left)
{
	/* It may be that of a page fault which the host has done. Not all CPUs let us write it. */
	vsb_vmx_write(GUEST_LINEAR_ADDRESS, 0);
	vsb_kvm_vmx_leave(vcpu, left->reason, left->intr_info, left->qualification);
	return 0;
}

/* ---- entries ---- */

/* SDM vol. 3, 25.8.3 */
static struct vsb_injected vsb_veil_vmx_event(struct kvm_vcpu *vcpu)
{
	u32 info = vsb_vmcs(VM_ENTRY_INTR_INFO_FIELD);
	struct vsb_injected event = { .is = VSB_EVENT, .vector = info & INTR_INFO_VECTOR_MASK };

	if (!(info & INTR_INFO_VALID_MASK))
		return (struct vsb_injected){ .is = VSB_NO_EVENT };
	switch (info & INTR_INFO_INTR_TYPE_MASK) {
	case INTR_TYPE_EXT_INTR:
		event.is = VSB_INTERRUPT;
		break;
	case INTR_TYPE_NMI_INTR:
		event.is = VSB_NMI;
		break;
	case INTR_TYPE_HARD_EXCEPTION:
		event.is = VSB_EXCEPTION;
		break;
	case INTR_TYPE_SOFT_INTR:
	case INTR_TYPE_SOFT_EXCEPTION:
		event.is = VSB_SOFT;
		break;
	}
	return event;
}

/*
 * With virtual interrupt delivery the CPU takes vectors out of a page of the cloud VM's, at any
 * time (SDM vol. 3, 30.2.1).
 */
static const char *vsb_veil_vmx_open(struct kvm_vcpu *vcpu, bool paged)
{
	if (vsb_vmcs(CPU_BASED_VM_EXEC_CONTROL) & CPU_BASED_ACTIVATE_SECONDARY_CONTROLS &&
	    vsb_vmcs(SECONDARY_VM_EXEC_CONTROL) & SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY)
		return "how interrupts come (virtual interrupt delivery)";
	return NULL;
}

/* Guest-state area, SDM vol. 3, 25.4.1 */
static const u16 vsb_vmx_fields[] = {
	GUEST_ES_SELECTOR, GUEST_ES_LIMIT, GUEST_ES_AR_BYTES, GUEST_ES_BASE,
	GUEST_CS_SELECTOR, GUEST_CS_LIMIT, GUEST_CS_AR_BYTES, GUEST_CS_BASE,
	GUEST_SS_SELECTOR, GUEST_SS_LIMIT, GUEST_SS_AR_BYTES, GUEST_SS_BASE,
	GUEST_DS_SELECTOR, GUEST_DS_LIMIT, GUEST_DS_AR_BYTES, GUEST_DS_BASE,
	GUEST_FS_SELECTOR, GUEST_FS_LIMIT, GUEST_FS_AR_BYTES, GUEST_FS_BASE,
	GUEST_GS_SELECTOR, GUEST_GS_LIMIT, GUEST_GS_AR_BYTES, GUEST_GS_BASE,
	GUEST_LDTR_SELECTOR, GUEST_LDTR_LIMIT, GUEST_LDTR_AR_BYTES, GUEST_LDTR_BASE,
	GUEST_TR_SELECTOR, GUEST_TR_LIMIT, GUEST_TR_AR_BYTES, GUEST_TR_BASE,
	GUEST_GDTR_LIMIT, GUEST_GDTR_BASE, GUEST_IDTR_LIMIT, GUEST_IDTR_BASE,
	GUEST_SYSENTER_CS, GUEST_SYSENTER_ESP, GUEST_SYSENTER_EIP,
	GUEST_DR7,
};

/*
 * The CPU's, of which no VMCS has any; KVM has them for whoever runs. Those of SYSCALL are L2's
 * while it may execute that: else KVM in L1 leaves its own there (vmx_setup_uret_msrs()), and
 * counts on finding them.
 */
static const u32 vsb_vmx_syscall_msrs[] = { MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK };

/* @known: a bit for each of @syscall_msrs that L2 has had or written; zeros: none */
struct vsb_vmx_kept {
	unsigned long fields[ARRAY_SIZE(vsb_vmx_fields)];
	u64 syscall_msrs[ARRAY_SIZE(vsb_vmx_syscall_msrs)];
	u8 known;
	u64 kernel_gs_base;
};

static bool vsb_vmx_has_syscall(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.efer & EFER_LMA && vcpu->arch.efer & EFER_SCE;
}

static u64 vsb_vmx_get_msr(struct kvm_vcpu *vcpu, u32 index)
{
	struct msr_data msr = { .host_initiated = true, .index = index };

	return vsb_kvm_ops->get_msr(vcpu, &msr) ? 0 : msr.data;
}

static void vsb_vmx_set_msr(struct kvm_vcpu *vcpu, u32 index, u64 value)
{
	struct msr_data msr = { .host_initiated = true, .index = index, .data = value };

	if (vsb_vmx_get_msr(vcpu, index) != value)
		vsb_kvm_ops->set_msr(vcpu, &msr);
}

static void vsb_veil_vmx_keep(struct kvm_vcpu *vcpu, void *kept)
{
	struct vsb_vmx_kept *cpu = kept;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vsb_vmx_fields); i++)
		cpu->fields[i] = vsb_vmcs(vsb_vmx_fields[i]);
	for (i = 0; vsb_vmx_has_syscall(vcpu) && i < ARRAY_SIZE(vsb_vmx_syscall_msrs); i++) {
		cpu->syscall_msrs[i] = vsb_vmx_get_msr(vcpu, vsb_vmx_syscall_msrs[i]);
		cpu->known |= BIT(i);
	}
	cpu->kernel_gs_base = vsb_vmx_get_msr(vcpu, MSR_KERNEL_GS_BASE);
}

/* Those that are in the VMCS. Return: the field, or 0. */
static u16 vsb_vmx_msr_field(u32 msr)
{
	switch (msr) {
	case MSR_FS_BASE:
		return GUEST_FS_BASE;
	case MSR_GS_BASE:
		return GUEST_GS_BASE;
	case MSR_IA32_SYSENTER_CS:
		return GUEST_SYSENTER_CS;
	case MSR_IA32_SYSENTER_ESP:
		return GUEST_SYSENTER_ESP;
	case MSR_IA32_SYSENTER_EIP:
		return GUEST_SYSENTER_EIP;
	}
	return 0;
}

static bool vsb_vmx_canonical(u64 address)
{
	return __is_canonical_address(address, boot_cpu_data.x86_virt_bits);
}

/* L2 has written this one, and the guest hypervisor says that it is done. */
static void vsb_vmx_written(struct vsb_vmx_kept *cpu, u32 msr, u64 value)
{
	u16 field = vsb_vmx_msr_field(msr);
	unsigned int i;

	/* All but these are addresses; WRMSR of another one is a #GP (SDM vol. 2). */
	if (msr == MSR_IA32_SYSENTER_CS || msr == MSR_SYSCALL_MASK)
		value = (u32)value;
	else if (msr != MSR_STAR && !vsb_vmx_canonical(value))
		return;
	for (i = 0; i < ARRAY_SIZE(vsb_vmx_fields); i++)
		if (field && vsb_vmx_fields[i] == field)
			cpu->fields[i] = value;
	for (i = 0; i < ARRAY_SIZE(vsb_vmx_syscall_msrs); i++)
		if (vsb_vmx_syscall_msrs[i] == msr) {
			cpu->syscall_msrs[i] = value;
			cpu->known |= BIT(i);
		}
	if (msr == MSR_KERNEL_GS_BASE)
		cpu->kernel_gs_base = value;
}

#define PENDING_TRAP	BIT(14)

static void vsb_veil_vmx_put_back(struct kvm_vcpu *vcpu, void *kept,
				  const struct vsb_exit_regs *done)
{
	struct vsb_vmx_kept *cpu = kept;
	unsigned int i;

	if (done && done->writes == VSB_WRITES_MSR)
		vsb_vmx_written(cpu, done->msr, done->value);
	for (i = 0; i < ARRAY_SIZE(vsb_vmx_fields); i++)
		vsb_vmx_write(vsb_vmx_fields[i], cpu->fields[i]);
	for (i = 0; vsb_vmx_has_syscall(vcpu) && i < ARRAY_SIZE(vsb_vmx_syscall_msrs); i++)
		if (cpu->known & BIT(i))
			vsb_vmx_set_msr(vcpu, vsb_vmx_syscall_msrs[i], cpu->syscall_msrs[i]);
	vsb_vmx_set_msr(vcpu, MSR_KERNEL_GS_BASE, cpu->kernel_gs_base);
	/* One that is pending may be that of the trap flag alone (SDM vol. 3, 25.4.2). */
	vsb_vmx_write(GUEST_PENDING_DBG_EXCEPTIONS,
		      vsb_vmcs(GUEST_PENDING_DBG_EXCEPTIONS) & PENDING_TRAP);
	vcpu->arch.dr7 = vsb_vmcs(GUEST_DR7);
	/* What KVM remembers of segments (vmx_segment_cache_test_set()) is not so any more. */
	__clear_bit(VSB_REG_SEGMENTS, (unsigned long *)&vcpu->arch.regs_avail);
}

/* ---- a vCPU that starts (SDM vol. 3, table 10-1, and 9.4.4 for the SIPI) ---- */

#define DATA_16		0x93	/* present, writable, accessed */
#define CODE_16		0x9b
#define LDT_16		0x82
#define TSS_16		0x8b
#define LIMIT_16	0xffff

static const struct {
	u16 field;
	u16 value;
} vsb_vmx_init[] = {
	{ GUEST_ES_SELECTOR }, { GUEST_ES_BASE },
	{ GUEST_ES_LIMIT, LIMIT_16 }, { GUEST_ES_AR_BYTES, DATA_16 },
	{ GUEST_SS_SELECTOR }, { GUEST_SS_BASE },
	{ GUEST_SS_LIMIT, LIMIT_16 }, { GUEST_SS_AR_BYTES, DATA_16 },
	{ GUEST_DS_SELECTOR }, { GUEST_DS_BASE },
	{ GUEST_DS_LIMIT, LIMIT_16 }, { GUEST_DS_AR_BYTES, DATA_16 },
	{ GUEST_FS_SELECTOR }, { GUEST_FS_BASE },
	{ GUEST_FS_LIMIT, LIMIT_16 }, { GUEST_FS_AR_BYTES, DATA_16 },
	{ GUEST_GS_SELECTOR }, { GUEST_GS_BASE },
	{ GUEST_GS_LIMIT, LIMIT_16 }, { GUEST_GS_AR_BYTES, DATA_16 },
	{ GUEST_CS_LIMIT, LIMIT_16 }, { GUEST_CS_AR_BYTES, CODE_16 },
	{ GUEST_LDTR_SELECTOR }, { GUEST_LDTR_BASE },
	{ GUEST_LDTR_LIMIT, LIMIT_16 }, { GUEST_LDTR_AR_BYTES, LDT_16 },
	{ GUEST_TR_SELECTOR }, { GUEST_TR_BASE },
	{ GUEST_TR_LIMIT, LIMIT_16 }, { GUEST_TR_AR_BYTES, TSS_16 },
	{ GUEST_GDTR_BASE }, { GUEST_GDTR_LIMIT, LIMIT_16 },
	{ GUEST_IDTR_BASE }, { GUEST_IDTR_LIMIT, LIMIT_16 },
	{ GUEST_SYSENTER_CS }, { GUEST_SYSENTER_ESP }, { GUEST_SYSENTER_EIP },
};

static int vsb_veil_vmx_starts(struct kvm_vcpu *vcpu)
{
	unsigned long selector = vsb_vmcs(GUEST_CS_SELECTOR);

	if (vsb_vmcs(GUEST_CS_BASE) != selector << 4 || selector & 0xff)
		return -1;
	return selector >> 8;
}

static void vsb_veil_vmx_start(struct kvm_vcpu *vcpu)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vsb_vmx_init); i++)
		vsb_vmx_write(vsb_vmx_init[i].field, vsb_vmx_init[i].value);
	__clear_bit(VSB_REG_SEGMENTS, (unsigned long *)&vcpu->arch.regs_avail);
}

const struct vsb_veil_vendor vsb_veil_vmx = {
	.vmexit = "nested_vmx_vmexit",
	.table = EPT_RWX | EPT_ACCESSED,
	.page = EPT_RWX | EPT_WRITE_BACK | EPT_IGNORE_PAT | EPT_ACCESSED | EPT_DIRTY,
	.kept_size = sizeof(struct vsb_vmx_kept),
	/* What is loaded on VMX is the guest hypervisor's then (update_transition_efer()). */
	.efer_unpaged = false,
	.free_cr4 = X86_CR4_VMXE,
	.free_efer = ~(u64)(EFER_LME | EFER_LMA),
	.missing = vsb_veil_vmx_missing,
	.asks = vsb_veil_vmx_asks,
	.set_cr3 = vsb_veil_vmx_set_cr3,
	.event = vsb_veil_vmx_event,
	.open = vsb_veil_vmx_open,
	.keep = vsb_veil_vmx_keep,
	.put_back = vsb_veil_vmx_put_back,
	.starts = vsb_veil_vmx_starts,
	.start = vsb_veil_vmx_start,
	.faults = vsb_veil_vmx_faults,
	.hold = vsb_veil_vmx_hold,
	.look = vsb_veil_vmx_look,
	.leave = vsb_veil_vmx_leave,
};
