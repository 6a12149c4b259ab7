// SPDX-License-Identifier: GPL-2.0
/*
 * By exit code (APM vol. 2, appendix C) and what each instruction is there for (vol. 3). Of memory
 * that is a device those instructions are shown which a kernel uses there under SEV-ES, where its
 * own handler has to decode them: insn_decode_mmio() of this kernel says which.
 */
#include <linux/bits.h>
#include <linux/kvm_host.h>
#include <uapi/asm/kvm_para.h>
#include <uapi/asm/svm.h>
#include <asm/apicdef.h>
#include <asm/insn.h>
#include <asm/insn-eval.h>
#include <asm/msr-index.h>
#include <asm/svm.h>

#include "core/raise.h"
#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/veil-exits.h"

#define RAX	BIT(VCPU_REGS_RAX)
#define RBX	BIT(VCPU_REGS_RBX)
#define RCX	BIT(VCPU_REGS_RCX)
#define RDX	BIT(VCPU_REGS_RDX)
#define RSI	BIT(VCPU_REGS_RSI)

#define UD	BIT(6)
#define GP	BIT(13)

/* EXITINFO1 of an IN or OUT (APM vol. 2, 15.10.2) */
#define IOIO_IN		1
#define IOIO_STRING	4
#define IOIO_SIZE(info)	((info) >> 4 & 7)	/* bytes: 1, 2 or 4 */
#define MSR_WRITE	1

/* One that stores 32 bits clears the upper ones of its registers. */
#define STORES_32	(~0ull)

/* Of the APIC: its command register, which starts another CPU (APM vol. 2, 16.5 and 16.11) */
#define X2APIC_ICR	(APIC_BASE_MSR + (APIC_ICR >> 4))
#define XAPIC_ICR	(APIC_DEFAULT_PHYS_BASE + APIC_ICR)

static void vsb_exit_icr(struct vsb_exit_regs *r, u64 icr)
{
	r->starts = (icr & APIC_DM_FIXED_MASK) == APIC_DM_STARTUP;
	r->vector = icr;
}

static void vsb_exit_io(const struct vsb_exit *e, struct vsb_exit_regs *r)
{
	unsigned int size = IOIO_SIZE(e->info1);

	/* Nothing of a string is: it is done in memory. */
	if (e->info1 & IOIO_STRING || !is_power_of_2(size))
		return;
	/* A synthetic one: told, and put back behind the entry, by synthetic.c. */
	if (vsb_raise_signed(e->gpr[VCPU_REGS_RDX])) {
		r->whole = RAX | RDX;
		r->taken = RAX | RDX;
		r->merged = ~0ull;
	} else if (e->info1 & IOIO_IN) {
		r->taken = RAX;
		r->merged = size == 4 ? STORES_32 : GENMASK_ULL(8 * size - 1, 0);
	} else {
		r->shown = RAX;
		r->bits = GENMASK_ULL(8 * size - 1, 0);
	}
	/* EXITINFO2: the next RIP. */
	if (e->info2 > e->rip && e->info2 - e->rip <= VSB_VEIL_INSN)
		r->length = e->info2 - e->rip;
	r->faults = GP;
}

/* ---- MOV CR and MOV DR (APM vol. 3, 4) ---- */

#define TWO_BYTES	0x0f
#define MOV_FROM_CR	0x20
#define MOV_FROM_DR	0x21
#define MOV_TO_CR	0x22
#define MOV_TO_DR	0x23
#define CLTS		0x06

static void vsb_exit_control(const struct vsb_exit *e, struct vsb_exit_regs *r)
{
	unsigned int i = 0, reg;
	u8 rex = 0;

	r->faults = UD | GP;
	if (e->bits64 && e->nr && (e->bytes[0] & 0xf0) == 0x40)
		rex = e->bytes[i++];
	if (e->nr < i + 3 || e->bytes[i] != TWO_BYTES)
		return;
	if (e->bytes[i + 1] == CLTS) {
		r->length = i + 2;
		return;
	}
	reg = X86_MODRM_RM(e->bytes[i + 2]) | (X86_REX_B(rex) ? 8 : 0);
	switch (e->bytes[i + 1]) {
	case MOV_FROM_CR:
	case MOV_FROM_DR:
		r->taken = BIT(reg);
		break;
	case MOV_TO_CR:
		/* CR8 is CR0 with REX.R. */
		if (X86_REX_R(rex))
			;
		else if (X86_MODRM_REG(e->bytes[i + 2]) == 0)
			r->writes = VSB_WRITES_CR0;
		else if (X86_MODRM_REG(e->bytes[i + 2]) == 4)
			r->writes = VSB_WRITES_CR4;
		fallthrough;
	case MOV_TO_DR:
		r->whole = BIT(reg);
		r->value = e->gpr[reg];
		break;
	default:
		return;
	}
	r->length = i + 3;
}

/* ---- memory that is a device ---- */

/* Without REX these are AH, CH, DH, BH. */
static bool vsb_exit_high_byte(unsigned int reg)
{
	return reg >= 4 && reg < 8;
}

/* Registers that say where it is. */
static u32 vsb_exit_address(const struct insn *insn)
{
	u8 modrm = insn->modrm.bytes[0], rex = insn->rex_prefix.bytes[0], sib;
	u32 regs = 0;

	if (!insn->modrm.nbytes || X86_MODRM_MOD(modrm) == 3)
		return 0;
	if (!insn->sib.nbytes) {
		/* RIP and a displacement */
		if (X86_MODRM_MOD(modrm) == 0 && X86_MODRM_RM(modrm) == 5)
			return 0;
		return BIT(X86_MODRM_RM(modrm) | (X86_REX_B(rex) ? 8 : 0));
	}
	sib = insn->sib.bytes[0];
	if (X86_SIB_BASE(sib) != 5 || X86_MODRM_MOD(modrm))
		regs |= BIT(X86_SIB_BASE(sib) | (X86_REX_B(rex) ? 8 : 0));
	if (X86_SIB_INDEX(sib) != 4 || X86_REX_X(rex))
		regs |= BIT(X86_SIB_INDEX(sib) | (X86_REX_X(rex) ? 8 : 0));
	return regs;
}

static void vsb_exit_memory(const struct vsb_exit *e, struct vsb_exit_regs *r)
{
	unsigned int reg, bytes, shift = 0;
	enum vsb_mmio type;
	struct insn insn;

	/* The guest hypervisor has to provide memory, and nothing to do for the instruction; or: */
	if (!e->bits64 || !e->paged || vsb_decode(&insn, e->bytes, e->nr))
		return;
	type = vsb_decode_mmio(&insn, &bytes);
	reg = X86_MODRM_REG(insn.modrm.bytes[0]) | (X86_REX_R(insn.rex_prefix.bytes[0]) ? 8 : 0);
	if (bytes == 1 && !insn.rex_prefix.nbytes && vsb_exit_high_byte(reg) &&
	    (type == VSB_MMIO_WRITE || type == VSB_MMIO_READ)) {
		reg -= 4;
		shift = 8;
	}
	switch (type) {
	case VSB_MMIO_WRITE:
		r->shown = BIT(reg);
		r->bits = GENMASK_ULL(8 * bytes - 1, 0) << shift;
		if (e->info2 == XAPIC_ICR)
			vsb_exit_icr(r, e->gpr[reg]);
		break;
	case VSB_MMIO_WRITE_IMM:
		break;
	case VSB_MMIO_READ:
		r->taken = BIT(reg);
		r->merged = bytes >= 4 ? STORES_32 : GENMASK_ULL(8 * bytes - 1, 0) << shift;
		break;
	case VSB_MMIO_READ_ZERO_EXTEND:
	case VSB_MMIO_READ_SIGN_EXTEND:
		r->taken = BIT(reg);
		r->merged = insn.opnd_bytes >= 4 ? STORES_32 : GENMASK_ULL(15, 0);
		break;
	default:
		return;
	}
	r->whole = vsb_exit_address(&insn);
	r->length = insn.length;
}

/* ---- all ---- */

/*
 * KVM tells a guest that its memory is not there by a #PF that is none (Documentation/virt/kvm/x86/
 * msr.rst, MSR_KVM_ASYNC_PF_EN), which is not to be told from one that it makes up. Without these
 * it waits for the memory.
 */
#define ASYNC_PF	(BIT(KVM_FEATURE_ASYNC_PF) | BIT(KVM_FEATURE_ASYNC_PF_VMEXIT) | \
			 BIT(KVM_FEATURE_ASYNC_PF_INT))

static void vsb_exit_cpuid(const struct vsb_exit *e, struct vsb_exit_regs *r)
{
	r->shown = RAX | RCX;
	r->taken = RAX | RBX | RCX | RDX;
	r->length = 2;
	if ((u32)e->gpr[VCPU_REGS_RAX] == KVM_CPUID_FEATURES)
		r->never = ASYNC_PF;
}

static void vsb_exit_msr(const struct vsb_exit *e, struct vsb_exit_regs *r)
{
	u32 msr = e->gpr[VCPU_REGS_RCX];
	u64 value = (u32)e->gpr[VCPU_REGS_RAX] | (u64)e->gpr[VCPU_REGS_RDX] << 32;

	r->length = 2;
	r->faults = GP;
	r->shown = RCX;
	if (e->info1 != MSR_WRITE) {
		r->taken = RAX | RDX;
		return;
	}
	r->shown |= RAX | RDX;
	if (msr == MSR_EFER) {
		r->writes = VSB_WRITES_EFER;
		r->value = value;
	} else if (msr == X2APIC_ICR) {
		vsb_exit_icr(r, value);
	}
}

/**
 * vsb_exit_regs - what an exit is about
 * @e: it
 */
struct vsb_exit_regs vsb_exit_regs(const struct vsb_exit *e)
{
	struct vsb_exit_regs r = { .bits = U32_MAX, .merged = STORES_32 };

	switch (e->reason) {
	case SVM_EXIT_EXCP_BASE ... SVM_EXIT_EXCP_BASE + 31:
		r.faults = BIT(e->reason - SVM_EXIT_EXCP_BASE);
		break;
	case SVM_EXIT_HLT:
		r.length = 1;
		break;
	case SVM_EXIT_PAUSE:
	case SVM_EXIT_INVD:
	case SVM_EXIT_WBINVD:
		r.length = 2;
		break;
	case SVM_EXIT_RDTSC:
		r.taken = RAX | RDX;
		r.length = 2;
		break;
	case SVM_EXIT_RDTSCP:
		r.taken = RAX | RCX | RDX;
		r.length = 3;
		break;
	case SVM_EXIT_RDPMC:
		r.shown = RCX;
		r.taken = RAX | RDX;
		r.length = 2;
		r.faults = GP;
		break;
	case SVM_EXIT_CPUID:
		vsb_exit_cpuid(e, &r);
		break;
	case SVM_EXIT_MSR:
		vsb_exit_msr(e, &r);
		break;
	case SVM_EXIT_VMMCALL:
		/* KVM's: number and four arguments. */
		r.whole = RAX | RBX | RCX | RDX | RSI;
		r.taken = RAX;
		r.length = 3;
		r.faults = UD;
		break;
	case SVM_EXIT_XSETBV:
		r.shown = RAX | RCX | RDX;
		r.length = 3;
		r.faults = GP;
		break;
	case SVM_EXIT_MONITOR:
	case SVM_EXIT_MWAIT:
	case SVM_EXIT_MWAIT_COND:
		r.shown = RAX | RCX | RDX;
		r.length = 3;
		r.faults = UD;
		break;
	case SVM_EXIT_IOIO:
		vsb_exit_io(e, &r);
		break;
	case SVM_EXIT_CR0_SEL_WRITE:
	case SVM_EXIT_READ_CR0 ... SVM_EXIT_WRITE_DR7:
		vsb_exit_control(e, &r);
		break;
	case SVM_EXIT_NPF:
		vsb_exit_memory(e, &r);
		break;
	case SVM_EXIT_INTR:
	case SVM_EXIT_NMI:
	case SVM_EXIT_SMI:
	case SVM_EXIT_INIT:
	case SVM_EXIT_VINTR:
	case SVM_EXIT_IRET:
	case SVM_EXIT_SHUTDOWN:
		break;
	default:
		/* VMRUN and the like, which this user VM may not */
		r.faults = UD | GP;
		break;
	}
	/* With prefixes it is longer. */
	if (r.length && e->next_rip > e->rip && e->next_rip - e->rip <= VSB_VEIL_INSN)
		r.length = e->next_rip - e->rip;
	return r;
}
