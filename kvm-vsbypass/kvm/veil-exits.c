// SPDX-License-Identifier: GPL-2.0
/*
 * By what an exit is for, and what each instruction is there for (APM vol. 3, SDM vol. 2). Of
 * memory that is a device those instructions are shown which a kernel uses there under SEV-ES,
 * where its own handler has to decode them: insn_decode_mmio() of this kernel says which.
 */
#include <linux/bits.h>
#include <linux/kvm_host.h>
#include <uapi/asm/kvm_para.h>
#include <asm/apicdef.h>
#include <asm/insn.h>
#include <asm/insn-eval.h>
#include <asm/msr-index.h>

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
	unsigned int size = e->io.size;

	/* Nothing of a string is: it is done in memory. */
	if (e->io.string || !is_power_of_2(size))
		return;
	/* A synthetic one: told, and put back behind the entry, by synthetic.c. */
	if (vsb_raise_signed(e->gpr[VCPU_REGS_RDX])) {
		r->whole = RAX | RDX;
		r->taken = RAX | RDX;
		r->merged = ~0ull;
	} else if (e->io.in) {
		r->taken = RAX;
		r->merged = size == 4 ? STORES_32 : GENMASK_ULL(8 * size - 1, 0);
	} else {
		r->shown = RAX;
		r->bits = GENMASK_ULL(8 * size - 1, 0);
	}
	r->length = e->length;
	r->faults = GP;
}

/* ---- MOV CR and MOV DR (APM vol. 3, 4) ---- */

#define TWO_BYTES	0x0f
#define MOV_FROM_CR	0x20
#define MOV_FROM_DR	0x21
#define MOV_TO_CR	0x22
#define MOV_TO_DR	0x23
#define CLTS		0x06

/* What the instruction says. Return: its length, or 0: it is none of these. */
static unsigned int vsb_exit_decode(const struct vsb_exit *e, struct vsb_exit_control *c)
{
	unsigned int i = 0;
	u8 rex = 0;

	if (e->bits64 && e->nr && (e->bytes[0] & 0xf0) == 0x40)
		rex = e->bytes[i++];
	if (e->nr < i + 3 || e->bytes[i] != TWO_BYTES)
		return 0;
	switch (e->bytes[i + 1]) {
	case CLTS:
		return i + 2;
	case MOV_FROM_CR:
	case MOV_FROM_DR:
		break;
	case MOV_TO_CR:
	case MOV_TO_DR:
		c->to = true;
		break;
	default:
		return 0;
	}
	c->moves = true;
	c->debug = e->bytes[i + 1] & 1;
	c->number = X86_MODRM_REG(e->bytes[i + 2]) | (X86_REX_R(rex) ? 8 : 0);
	c->reg = X86_MODRM_RM(e->bytes[i + 2]) | (X86_REX_B(rex) ? 8 : 0);
	return i + 3;
}

static void vsb_exit_control(const struct vsb_exit *e, struct vsb_exit_regs *r)
{
	struct vsb_exit_control c = e->control;
	unsigned int length = e->length;

	r->faults = UD | GP;
	if (!c.known)
		length = vsb_exit_decode(e, &c);
	if (!length)
		return;
	/* With prefixes it is longer. */
	r->length = e->length ?: length;
	if (!c.moves)
		return;
	if (!c.to) {
		r->taken = BIT(c.reg);
		return;
	}
	if (!c.debug && c.number == 0)
		r->writes = VSB_WRITES_CR0;
	else if (!c.debug && c.number == 4)
		r->writes = VSB_WRITES_CR4;
	r->whole = BIT(c.reg);
	r->value = e->gpr[c.reg];
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
		if (e->gpa == XAPIC_ICR)
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
	if ((u32)e->gpr[VCPU_REGS_RAX] == KVM_CPUID_FEATURES)
		r->never = ASYNC_PF;
}

static void vsb_exit_wrmsr(const struct vsb_exit *e, struct vsb_exit_regs *r)
{
	u32 msr = e->gpr[VCPU_REGS_RCX];
	u64 value = (u32)e->gpr[VCPU_REGS_RAX] | (u64)e->gpr[VCPU_REGS_RDX] << 32;

	r->faults = GP;
	r->shown = RAX | RCX | RDX;
	r->writes = msr == MSR_EFER ? VSB_WRITES_EFER : VSB_WRITES_MSR;
	r->msr = msr;
	r->value = value;
	if (msr == X2APIC_ICR)
		vsb_exit_icr(r, value);
}

/**
 * vsb_exit_regs - what an exit is about
 * @e: it
 */
struct vsb_exit_regs vsb_exit_regs(const struct vsb_exit *e)
{
	struct vsb_exit_regs r = { .bits = U32_MAX, .merged = STORES_32, .length = e->length };

	switch (e->kind) {
	case VSB_EXIT_SILENT:
		r.length = 0;
		break;
	case VSB_EXIT_PLAIN:
		break;
	case VSB_EXIT_EXCEPTION:
		r.length = 0;
		r.faults = BIT(e->vector & 31);
		break;
	case VSB_EXIT_RDTSC:
		r.taken = RAX | RDX;
		break;
	case VSB_EXIT_RDTSCP:
		r.taken = RAX | RCX | RDX;
		break;
	case VSB_EXIT_RDMSR:
	case VSB_EXIT_RDPMC:
		r.shown = RCX;
		r.taken = RAX | RDX;
		r.faults = GP;
		break;
	case VSB_EXIT_CPUID:
		vsb_exit_cpuid(e, &r);
		break;
	case VSB_EXIT_WRMSR:
		vsb_exit_wrmsr(e, &r);
		break;
	case VSB_EXIT_HYPERCALL:
		/* KVM's: number and four arguments. */
		r.whole = RAX | RBX | RCX | RDX | RSI;
		r.taken = RAX;
		r.faults = UD;
		break;
	case VSB_EXIT_XSETBV:
		r.shown = RAX | RCX | RDX;
		r.faults = GP;
		break;
	case VSB_EXIT_MWAIT:
		r.shown = RAX | RCX | RDX;
		r.faults = UD;
		break;
	case VSB_EXIT_IO:
		r.length = 0;
		vsb_exit_io(e, &r);
		break;
	case VSB_EXIT_CONTROL:
		r.length = 0;
		vsb_exit_control(e, &r);
		break;
	case VSB_EXIT_MEMORY:
		r.length = 0;
		vsb_exit_memory(e, &r);
		break;
	case VSB_EXIT_OTHER:
		r.length = 0;
		r.faults = UD | GP;
		break;
	}
	return r;
}
