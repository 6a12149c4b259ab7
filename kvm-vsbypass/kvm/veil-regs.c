// SPDX-License-Identifier: GPL-2.0
/*
 * General registers of a user VM behind a veil. When it is left for the guest hypervisor that gets
 * what this exit needs; when it is entered that may give back what this exit returns, and all
 * else is as it was. RSP, RIP, flags and the FPU's are shown as they are.
 */
#include <linux/kvm_host.h>
#include <uapi/asm/svm.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>

#include "core/raise.h"
#include "core/uservm.h"
#include "core/veil.h"
#include "kvm/calls.h"
#include "kvm/turn.h"
#include "kvm/veil-regs.h"

#define RAX	BIT(VCPU_REGS_RAX)
#define RBX	BIT(VCPU_REGS_RBX)
#define RCX	BIT(VCPU_REGS_RCX)
#define RDX	BIT(VCPU_REGS_RDX)
#define RSI	BIT(VCPU_REGS_RSI)
#define ALL	(GENMASK(VSB_VEIL_GPRS - 1, 0) & ~BIT(VCPU_REGS_RSP))

/**
 * struct vsb_exit_regs - what an exit is about
 * @shown:	registers that the guest hypervisor needs,
 * @bits:	these bits of them
 * @taken:	registers that it returns,
 * @merged:	these bits of them
 */
struct vsb_exit_regs {
	u32 shown, taken;
	u64 bits, merged;
};

/* EXITINFO1 of an IN or OUT (APM vol. 2, 15.10.2) */
#define IOIO_IN		1
#define IOIO_STRING	4
#define IOIO_SIZE(info)	((info) >> 4 & 7)	/* bytes: 1, 2 or 4 */
#define MSR_WRITE	1

/* One that stores 32 bits clears the upper ones of its registers. */
#define STORES_32	(~0ull)

static struct vsb_exit_regs vsb_exit_regs_io(u64 info, u64 rdx)
{
	struct vsb_exit_regs r = { .bits = GENMASK_ULL(8 * IOIO_SIZE(info) - 1, 0) };

	/* A synthetic one: told, and put back behind the entry, by synthetic.c. */
	if (vsb_raise_signed(rdx))
		return (struct vsb_exit_regs){ RAX | RDX, RAX | RDX, ~0ull, ~0ull };
	if (info & IOIO_IN) {
		r.taken = RAX;
		r.merged = IOIO_SIZE(info) == 4 ? STORES_32 : r.bits;
	} else {
		r.shown = RAX;
	}
	return r;
}

/* APM vol. 2, appendix C, and what each instruction is there for (vol. 3). */
static struct vsb_exit_regs vsb_exit_regs(u32 reason, u64 info, u64 rdx)
{
	struct vsb_exit_regs r = { .bits = U32_MAX, .merged = STORES_32 };

	switch (reason) {
	case SVM_EXIT_INTR:
	case SVM_EXIT_NMI:
	case SVM_EXIT_SMI:
	case SVM_EXIT_INIT:
	case SVM_EXIT_VINTR:
	case SVM_EXIT_IRET:
	case SVM_EXIT_HLT:
	case SVM_EXIT_PAUSE:
	case SVM_EXIT_INVD:
	case SVM_EXIT_WBINVD:
		return r;
	case SVM_EXIT_RDTSC:
		r.taken = RAX | RDX;
		return r;
	case SVM_EXIT_CPUID:
		r.shown = RAX | RCX;
		r.taken = RAX | RBX | RCX | RDX;
		return r;
	case SVM_EXIT_MSR:
		r.shown = RCX | (info == MSR_WRITE ? RAX | RDX : 0);
		r.taken = info == MSR_WRITE ? 0 : RAX | RDX;
		return r;
	case SVM_EXIT_VMMCALL:
		/* KVM's: number and four arguments. */
		r.shown = RAX | RBX | RCX | RDX | RSI;
		r.bits = ~0ull;
		r.taken = RAX;
		return r;
	case SVM_EXIT_XSETBV:
		r.shown = RAX | RCX | RDX;
		return r;
	case SVM_EXIT_IOIO:
		if (!(info & IOIO_STRING) && is_power_of_2(IOIO_SIZE(info)))
			return vsb_exit_regs_io(info, rdx);
		break;
	}
	/* The guest hypervisor emulates it, with any of them. */
	return (struct vsb_exit_regs){ ALL, ALL, ~0ull, ~0ull };
}

/* Under RCU. Where those of this vCPU are kept, or NULL. */
static struct vsb_veil_regs *vsb_regs_of(const struct vsb_turn *t, struct vsb_veil *veil)
{
	u32 i, nr = min_t(u32, READ_ONCE(t->u->nr_anchors), VSB_MAX_ANCHORS);

	for (i = 0; t->id.anchor && i < nr; i++)
		if (t->u->anchors[i].frame == t->id.anchor)
			return &veil->regs[i];
	return NULL;
}

/**
 * vsb_regs_hide - L2 is to be left for L1
 * @vcpu: L2 is running
 * @t: it
 * @veil: its veil
 * @reason: EXITCODE
 * @info: EXITINFO1
 */
void vsb_regs_hide(struct kvm_vcpu *vcpu, const struct vsb_turn *t, struct vsb_veil *veil,
		   u32 reason, u64 info)
{
	struct vsb_exit_regs r = vsb_exit_regs(reason, info, vcpu->arch.regs[VCPU_REGS_RDX]);
	struct vsb_veil_regs *kept = vsb_regs_of(t, veil);
	int i;

	/* With paging off it starts, or is in SMM, where nothing is private. */
	if (!kept || r.taken == ALL || !(vcpu->arch.cr0 & X86_CR0_PG))
		return;
	spin_lock(&veil->regs_lock);
	memcpy(kept->gpr, vcpu->arch.regs, sizeof(kept->gpr));
	kept->taken = r.taken;
	kept->merged = r.merged;
	kept->valid = true;
	spin_unlock(&veil->regs_lock);
	for (i = 0; i < VSB_VEIL_GPRS; i++)
		if (ALL & BIT(i))
			vcpu->arch.regs[i] &= r.shown & BIT(i) ? r.bits : 0;
}

/**
 * vsb_regs_show - L2 goes on
 * @vcpu: it is running, or about to
 * @t: it
 * @veil: its veil
 *
 * What vsb_regs_hide() has kept, if something, is put back.
 */
void vsb_regs_show(struct kvm_vcpu *vcpu, const struct vsb_turn *t, struct vsb_veil *veil)
{
	struct vsb_veil_regs *kept = vsb_regs_of(t, veil);
	u32 taken, inject = vsb_kvm_vmcb(vcpu)->control.event_inj;
	int i;

	if (!kept || !READ_ONCE(kept->valid))
		return;
	spin_lock(&veil->regs_lock);
	/* An instruction that ends by an exception returns nothing. */
	taken = (inject & (SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_MASK)) ==
		(SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT) ? 0 : kept->taken;
	for (i = 0; kept->valid && i < VSB_VEIL_GPRS; i++) {
		u64 merged = taken & BIT(i) ? kept->merged : 0;

		if (ALL & BIT(i))
			vcpu->arch.regs[i] = (vcpu->arch.regs[i] & merged) |
					     (kept->gpr[i] & ~merged);
	}
	memzero_explicit(kept, sizeof(*kept));
	spin_unlock(&veil->regs_lock);
}

/* It starts anew: with those that the guest hypervisor gives it. */
void vsb_regs_forget(const struct vsb_turn *t, struct vsb_veil *veil)
{
	struct vsb_veil_regs *kept = vsb_regs_of(t, veil);

	if (!kept)
		return;
	spin_lock(&veil->regs_lock);
	memzero_explicit(kept, sizeof(*kept));
	spin_unlock(&veil->regs_lock);
}
