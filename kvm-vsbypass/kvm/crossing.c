// SPDX-License-Identifier: GPL-2.0
/*
 * An access to the card's memory may cross a page, and the other page may be anything. KVM's
 * emulator translates and does each part for itself. If the guest hypervisor's table does not have
 * the other page KVM would end L2 with a nested page fault there, upon which the guest
 * hypervisor emulates the instruction, all of it: the card's part, too. So that part is
 * nobody's here: it reads as ones, and what is written is dropped, as where there is nothing. What
 * the table has is memory, mostly, and is done as ever.
 *
 * Whether an access crosses is seen at its second part, if the card has the first one: it begins
 * where that has ended, and no string instruction has gone on meanwhile. If the card has the
 * second one it is asked for when the first one fails; that it gets so far the emulator's
 * operands say.
 */
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <asm/svm.h>

#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/crossing.h"
#include "kvm/vendor.h"

struct vsb_emulator vsb_emulator;

#define NOWHERE	U64_MAX

/**
 * struct vsb_crossing - an emulation of ours
 * @list:	in crossings
 * @vcpu:	of this vCPU, in whose thread is all that follows
 * @translate:	KVM's function for addresses of L2
 * @asked:	frame of L2 that it looked up last,
 * @nobody:	that is nobody's, or NOWHERE
 * @linear:	what was translated to an address with VSB_TRAPPED last, and
 * @addr:	that
 * @end:	linear address behind the last access there, or NOWHERE
 * @count:	RCX then: a string instruction goes on by it, or
 * @to:		by RDI, which other instructions leave alone
 */
struct vsb_crossing {
	struct list_head list;
	struct kvm_vcpu *vcpu;
	gpa_t (*translate)(struct kvm_vcpu *vcpu, vsb_walker *walker, gpa_t linear, u64 access,
			   struct x86_exception *exception);
	u64 asked;
	u64 nobody;
	u64 linear;
	u64 addr;
	u64 end;
	unsigned long count;
	unsigned long to;
};

static LIST_HEAD(crossings);
static DEFINE_SPINLOCK(crossings_lock);	/* innermost; guards that list */

/* Callback or vCPU context; it stays, in this thread. Return: or NULL. */
static struct vsb_crossing *crossing_of(struct kvm_vcpu *vcpu)
{
	struct vsb_crossing *c, *found = NULL;

	if (list_empty(&crossings))
		return NULL;
	spin_lock(&crossings_lock);
	list_for_each_entry(c, &crossings, list)
		if (c->vcpu == vcpu)
			found = c;
	spin_unlock(&crossings_lock);
	return found;
}

bool vsb_crossing_nobody(struct kvm_vcpu *vcpu, u64 gpa)
{
	struct vsb_crossing *c = crossing_of(vcpu);

	if (!c)
		return false;
	c->asked = gpa >> PAGE_SHIFT;
	return c->asked == c->nobody;
}

void vsb_crossing_access(struct kvm_vcpu *vcpu, u64 addr, int size)
{
	struct vsb_crossing *c = crossing_of(vcpu);

	/* In parts of 8 bytes at most. */
	if (!c || addr - c->addr >= VSB_LONGEST)
		return;
	c->end = c->linear + (addr - c->addr) + size;
	c->count = vcpu->arch.regs[VCPU_REGS_RCX];
	c->to = vcpu->arch.regs[VCPU_REGS_RDI];
}

static bool crossing_traps(u64 addr)
{
	return addr != INVALID_GPA && addr & VSB_TRAPPED;
}

/* enum of struct operand's member "type", which is its first one: memory. */
#define OP_MEM		1
#define OP_MEM_STR	2

static u32 crossing_operand(const void *ctxt, unsigned int at)
{
	const u8 *operand = ctxt + at;
	u32 type = *(u32 *)operand;

	return type == OP_MEM || type == OP_MEM_STR ? *(u32 *)(operand + vsb_emulator.bytes) : 0;
}

/* Bytes of the access that the emulator makes, or more. */
static u32 crossing_size(struct kvm_vcpu *vcpu)
{
	const void *ctxt = vcpu->arch.emulate_ctxt;
	u32 size;

	if (!vsb_emulator.bytes)
		return VSB_LONGEST;
	size = max(crossing_operand(ctxt, vsb_emulator.src),
		   crossing_operand(ctxt, vsb_emulator.dst));
	return size ? min_t(u32, size, VSB_LONGEST) : VSB_LONGEST;
}

/* The card has what comes before @linear, and this is the rest. */
static bool crossing_ends(const struct vsb_crossing *c, u64 linear)
{
	return c->end == linear && !offset_in_page(linear) &&
	       c->count == c->vcpu->arch.regs[VCPU_REGS_RCX] &&
	       c->to == c->vcpu->arch.regs[VCPU_REGS_RDI];
}

/* The access at @linear goes on in the next page, and that is the card's. */
static bool crossing_begins(const struct vsb_crossing *c, vsb_walker *walker, u64 linear,
			    u64 access)
{
	u64 next = (linear | ~PAGE_MASK) + 1;

	return offset_in_page(linear) + crossing_size(c->vcpu) > PAGE_SIZE &&
	       crossing_traps(c->translate(c->vcpu, walker, next, access, NULL));
}

/* For gva_to_gpa of the walker of L2's page tables. */
static gpa_t crossing_translate(struct kvm_vcpu *vcpu, vsb_walker *walker, gpa_t linear,
				u64 access, struct x86_exception *exception)
{
	struct vsb_crossing *c = crossing_of(vcpu);
	gpa_t addr = c->translate(vcpu, walker, linear, access, exception);
	u64 missed = c->asked;

	/* Instructions are fetched before there are operands. */
	if (addr == INVALID_GPA && !(access & PFERR_FETCH_MASK) &&
	    (crossing_ends(c, linear) || crossing_begins(c, walker, linear, access))) {
		/*
		 * If what is missing is of L2's page tables this fails, too: no table is read
		 * where nobody is. So it does if L2's own tables say no.
		 */
		c->nobody = missed;
		addr = c->translate(vcpu, walker, linear, access, NULL);
		c->nobody = NOWHERE;
	}
	c->asked = NOWHERE;
	if (crossing_traps(addr)) {
		c->linear = linear;
		c->addr = addr;
	}
	return addr;
}

/*
 * On SVM KVM 6.1 leaves the address of a nested page fault alone if L2 has ended with one: it is
 * that of the access that is emulated. The guest hypervisor would look into that, instead of
 * where something is missing.
 */
static void crossing_hide_exit(struct kvm_vcpu *vcpu, struct vmcb *vmcb)
{
	vmcb->control.exit_code = SVM_EXIT_ERR;
}

static void crossing_show_exit(struct vmcb *vmcb)
{
	/* else L2 has ended */
	if (vmcb->control.exit_code == (typeof(vmcb->control.exit_code))SVM_EXIT_ERR)
		vmcb->control.exit_code = SVM_EXIT_NPF;
}

int vsb_crossing_emulate(struct kvm_vcpu *vcpu, u64 gpa, void *insn, int insn_len)
{
	/* which will be another one if L2 ends */
	struct vmcb *vmcb = vsb_vendor == &vsb_svm ? vsb_kvm_vmcb(vcpu) : NULL;
	vsb_walker *walker = vsb_walker_of_l2(vcpu);
	struct vsb_crossing c = {
		.vcpu = vcpu, .translate = walker->gva_to_gpa, .asked = NOWHERE, .nobody = NOWHERE,
		.addr = NOWHERE, .end = NOWHERE,
	};
	int ret;

	spin_lock(&crossings_lock);
	list_add(&c.list, &crossings);
	spin_unlock(&crossings_lock);
	walker->gva_to_gpa = crossing_translate;
	if (vmcb)
		crossing_hide_exit(vcpu, vmcb);
	ret = vsb_kvm_emulate(vcpu, gpa, insn, insn_len);
	if (vmcb)
		crossing_show_exit(vmcb);
	/* KVM may have made it anew, for another kind of page tables. */
	if (walker->gva_to_gpa == crossing_translate)
		walker->gva_to_gpa = c.translate;
	spin_lock(&crossings_lock);
	list_del(&c.list);
	spin_unlock(&crossings_lock);
	return ret;
}
