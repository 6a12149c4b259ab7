// SPDX-License-Identifier: GPL-2.0
/*
 * A user VM behind its veil. It is told that it is an AMD SEV guest (APM vol. 2, 15.34): then
 * its kernel says with a bit of each page table entry, the C-bit, what is private. There is no
 * encryption here: an address with the C-bit is another one, which leads to pages of the host
 * that the guest hypervisor does not have (veil-table.c).
 *
 * The guest hypervisor must not see the C-bit: it knows of no such address. In CR3 it is
 * cleared when L2 is left for L1, and set when L2 is entered. What it needs of the user VM's
 * memory it gets at that exit (veil-push.c).
 */
#include <linux/kvm_host.h>
#include <asm/processor.h>

#include "core/cloud.h"
#include "core/uservm.h"
#include "core/veil.h"
#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/ept.h"
#include "kvm/exits.h"
#include "kvm/hook.h"
#include "kvm/regs.h"
#include "kvm/turn.h"
#include "kvm/veil.h"
#include "kvm/veil-exits.h"
#include "kvm/veil-regs.h"
#include "kvm/veil-table.h"
#include "kvm/veil-vendor.h"
#include "kvm/vendor.h"

atomic_t vsb_veils = ATOMIC_INIT(0);

/* ---- who is it ---- */

/**
 * struct vsb_behind - a vCPU of the cloud VM that runs a user VM behind a veil
 * @turn:	that
 * @veil:	the veil
 */
struct vsb_behind {
	struct vsb_turn turn;
	struct vsb_veil *veil;
};

/* Under rcu_read_lock(). The veil of the user VM that is found, or NULL. */
static struct vsb_veil *vsb_behind_veil(const struct vsb_turn *t, struct kvm_vcpu *vcpu)
{
	/* Our subtree fits a table of four levels, and its shadow. */
	if (t->id.levels != 4 || vcpu->arch.mmu->root_role.level != 4)
		return NULL;
	return rcu_dereference(t->u->veil);
}

/* Under rcu_read_lock(). Return: is it one? @b->turn.v is valid if @b->turn.cloud is not NULL. */
static bool vsb_behind_find(struct vsb_behind *b, struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud = vsb_cloud_find(vcpu->kvm);

	b->veil = NULL;
	b->turn.cloud = NULL;
	if (cloud && READ_ONCE(cloud->veils) && vsb_turn_find(&b->turn, vcpu))
		b->veil = vsb_behind_veil(&b->turn, vcpu);
	return b->veil;
}

/* For who sleeps. */
static bool vsb_behind_get(struct vsb_behind *b, struct kvm_vcpu *vcpu)
{
	if (!vsb_turn_get(&b->turn, vcpu))
		return false;
	rcu_read_lock();
	b->veil = vsb_behind_veil(&b->turn, vcpu);
	if (b->veil)
		vsb_veil_get(b->veil);
	rcu_read_unlock();
	if (!b->veil)
		vsb_turn_put(&b->turn);
	return b->veil;
}

static void vsb_behind_put(struct vsb_behind *b)
{
	vsb_veil_put(b->veil);
	vsb_turn_put(&b->turn);
}

/* Does the user VM use it? Then SEV's rules apply. */
static bool vsb_veil_used(const struct vsb_veil *veil)
{
	return READ_ONCE(veil->nr);
}

/* ---- what the user VM is told; callback context ---- */

#define LEAF_HIGHEST	0x80000000
#define LEAF_SEV	0x8000001f	/* APM vol. 3, E.4.17 */
#define SEV		BIT(1)		/* EAX of that */
#define MSR_SEV		0xc0010131	/* SEV_STATUS, APM vol. 2, 15.34.10 */
#define SEV_ENABLED	BIT(0)
#define ANSWER_LENGTH	2		/* of CPUID and RDMSR */
#define HLT_LENGTH	1

/*
 * Firmware and a kernel's decompressor, which are below 16 MiB, are not told: they would not
 * have the whole of their page tables private, as a CPU with SEV takes them. A kernel looks
 * before it makes its own.
 */
#define FIRST_KERNEL	0x1000000

static bool vsb_veil_tells(struct kvm_vcpu *vcpu, const struct vsb_veil *veil)
{
	return READ_ONCE(veil->told) ||
	       (vcpu->arch.efer & EFER_LMA && vsb_rip(vcpu) >= FIRST_KERNEL);
}

static void vsb_veil_answer(struct kvm_vcpu *vcpu, u32 a, u32 b, u32 c, u32 d, bool msr)
{
	vcpu->arch.regs[VCPU_REGS_RAX] = a;
	vcpu->arch.regs[VCPU_REGS_RDX] = d;
	if (!msr) {
		vcpu->arch.regs[VCPU_REGS_RBX] = b;
		vcpu->arch.regs[VCPU_REGS_RCX] = c;
	}
	vsb_set_rip(vcpu, vsb_rip(vcpu) + ANSWER_LENGTH);
	vsb_kvm_ops->set_interrupt_shadow(vcpu, 0);
}

/* Is that an exit which has been answered, instead of the guest hypervisor? */
static bool vsb_veil_answered(struct kvm_vcpu *vcpu, struct vsb_veil *veil, enum vsb_asks asks)
{
	u32 vendor[3], leaf = vcpu->arch.regs[VCPU_REGS_RAX];

	if (!vsb_veil_tells(vcpu, veil))
		return false;
	if (asks == VSB_ASKS_MSR) {
		vsb_veil_answer(vcpu, SEV_ENABLED, 0, 0, 0, true);
		return true;
	}
	if (leaf == LEAF_SEV) {
		WRITE_ONCE(veil->told, true);
		vsb_veil_answer(vcpu, SEV, vsb_c_bit, 0, 0, false);
		return true;
	}
	/* As CPUID has it there: EBX, EDX, ECX. */
	memcpy(vendor, boot_cpu_data.x86_vendor_id, sizeof(vendor));
	vsb_veil_answer(vcpu, max_t(u32, boot_cpu_data.extended_cpuid_level, LEAF_SEV),
			vendor[0], vendor[2], vendor[1], false);
	return true;
}

/* A nested exit. */
bool vsb_veil_answers(struct kvm_vcpu *vcpu, u32 reason, u64 info)
{
	enum vsb_asks asks = vsb_vendor->veil->asks(reason, info);
	struct vsb_behind b;
	bool answers;

	if (asks == VSB_ASKS_CPUID) {
		u32 leaf = vcpu->arch.regs[VCPU_REGS_RAX];

		if (leaf != LEAF_HIGHEST && leaf != LEAF_SEV)
			return false;
	} else if (asks != VSB_ASKS_MSR || (u32)vcpu->arch.regs[VCPU_REGS_RCX] != MSR_SEV) {
		return false;
	}
	/* The guest hypervisor does that; it has no trap to lose. */
	if (vsb_kvm_rflags(vcpu) & X86_EFLAGS_TF)
		return false;
	rcu_read_lock();
	answers = vsb_behind_find(&b, vcpu) && vsb_veil_answered(vcpu, b.veil, asks);
	rcu_read_unlock();
	return answers;
}

/* L2 halts, which the guest hypervisor is not told of. Is it one behind a veil, and does so? */
bool vsb_veil_halts(struct kvm_vcpu *vcpu)
{
	struct vsb_behind b;
	bool halts;

	rcu_read_lock();
	halts = vsb_behind_find(&b, vcpu) && vsb_veil_used(b.veil);
	rcu_read_unlock();
	if (!halts)
		return false;
	/* As kvm_emulate_halt(), with KVM's local APIC: vsb_synthetic_keeps(). */
	vsb_set_rip(vcpu, vsb_rip(vcpu) + HLT_LENGTH);
	vsb_kvm_ops->set_interrupt_shadow(vcpu, 0);
	vcpu->arch.mp_state = KVM_MP_STATE_HALTED;
	return true;
}

/* ---- page faults ---- */

/* Is it for vsb_veil_fault()? Callback context. */
bool vsb_veil_faults(struct kvm_vcpu *vcpu, u64 gpa)
{
	struct vsb_behind b;
	bool faults = false;

	if (!vsb_is_guest_mode(vcpu))
		return false;
	rcu_read_lock();
	if (vsb_behind_find(&b, vcpu)) {
		faults = gpa & VSB_C || b.turn.v->unpaged || READ_ONCE(b.veil->stopped);
		if (!faults && vsb_veil_used(b.veil))
			atomic64_inc(&b.veil->shared);
	}
	rcu_read_unlock();
	return faults;
}

/*
 * Does another VM run with this root? The guest hypervisor may give two VMs one page table: what
 * hangs in it would be both's. Who is entered later finds the hook (vsb_veil_loads()).
 */
static bool vsb_veil_shares(struct kvm_vcpu *vcpu, const struct vsb_behind *b, u64 root)
{
	struct kvm_vcpu *other;
	unsigned long i;

	/* It is there, then we look; pairs with vsb_veil_loads(). */
	smp_mb();
	kvm_for_each_vcpu(i, other, vcpu->kvm) {
		const struct vsb_vcpu *v = &b->turn.cloud->vcpus[other->vcpu_idx];

		if (other != vcpu && READ_ONCE(v->root) == root &&
		    READ_ONCE(v->root_of) != b->veil->table && vsb_is_guest_mode(other))
			return true;
	}
	return false;
}

/* Under veil->lock. Return: 0 or an error, -EBUSY: it is not the user VM's alone. */
static int vsb_veil_hook_root(struct kvm_vcpu *vcpu, const struct vsb_behind *b)
{
	struct vsb_table *table = b->veil->table;
	u64 root = vcpu->arch.mmu->root.hpa;
	int ret;

	if (vsb_table_leads(table, root))
		return 0;
	/* Not for a moment, if it has been there; and if it has come meanwhile, not for longer. */
	if (vsb_veil_shares(vcpu, b, root))
		return -EBUSY;
	ret = vsb_table_hook(table, root);
	if (ret || !vsb_veil_shares(vcpu, b, root))
		return ret;
	vsb_table_take_out(table, root);
	vsb_kvm_flush(vcpu->kvm);
	return -EBUSY;
}

/*
 * Under veil->lock. Return: 1: the user VM has it, 0: there is no memory, or an error; -EPERM: a
 * vCPU that starts is where the user VM has put nothing, so it would be the guest hypervisor's;
 * -EBUSY: another VM has the page table.
 */
static int vsb_veil_provide(struct kvm_vcpu *vcpu, struct vsb_behind *b, u64 gfn)
{
	struct vsb_veil *veil = b->veil;
	struct page *page = vsb_veil_find(veil, gfn);
	s64 l1_gfn;
	int ret;

	if (gfn >> (VSB_VEIL_GPA_BITS - PAGE_SHIFT))
		return -ERANGE;
	if (!page) {
		if (b->turn.v->unpaged)
			return -EPERM;
		l1_gfn = vsb_ept_frame(vcpu, gfn);
		if (l1_gfn < 0)
			return 0;
		page = vsb_veil_new(veil);
		if (IS_ERR(page))
			return PTR_ERR(page);
		if (vsb_kvm_read_guest(vcpu, l1_gfn << PAGE_SHIFT, page_address(page),
				       PAGE_SIZE)) {
			__free_page(page);
			return 0;
		}
		ret = vsb_veil_add(veil, gfn, page);
		if (ret)
			return ret;
	}
	ret = vsb_table_map(veil->table, gfn, page);
	if (!ret && !b->turn.v->unpaged)
		ret = vsb_veil_hook_root(vcpu, b);
	return ret ?: 1;
}

/*
 * It will want those around soon: a fault costs more than a page. Not with its very first one:
 * what a kernel writes before it has C-bits of its own, it writes to the guest hypervisor's.
 */
#define AROUND	16

static void vsb_veil_provide_around(struct kvm_vcpu *vcpu, struct vsb_behind *b, u64 gfn)
{
	u64 at = round_down(gfn, AROUND), end = at + AROUND;

	for (; at < end; at++)
		if (!vsb_veil_find(b->veil, at) && vsb_veil_provide(vcpu, b, at) < 0)
			return;
}

/*
 * Not memory, or not yet: the guest hypervisor's. It is told of an address without the C-bit.
 */
static int vsb_veil_reflect(struct kvm_vcpu *vcpu, u64 gpa, u64 error_code, void *insn,
			    int insn_len)
{
	vsb_vendor->veil->faults(vcpu, gpa);
	return vsb_kvm_page_fault(vcpu, gpa, error_code, insn, insn_len);
}

/* For kvm_mmu_page_fault(); KVM's SRCU is held. Return: as that, 1: L2 goes on. */
int vsb_veil_fault(struct kvm_vcpu *vcpu, u64 gpa, u64 error_code, void *insn, int insn_len)
{
	u64 gfn = (gpa & ~VSB_C) >> PAGE_SHIFT;
	struct vsb_behind b;
	int ret = 1;
	bool used;

	if (!vsb_behind_get(&b, vcpu))
		return 1;	/* gone meanwhile: it faults again */
	/* A vCPU that makes no access to a claimed port is known by this. */
	if (!vsb_uservm_settled(b.turn.cloud, b.turn.u, &b.turn.id)) {
		vsb_uservm_learn(vcpu, b.turn.cloud, &b.turn.id);
		vsb_behind_put(&b);
		/* It may turn out to be another one. */
		if (!vsb_behind_get(&b, vcpu))
			return 1;
	}
	mutex_lock(&b.veil->lock);
	used = vsb_veil_used(b.veil);
	if (READ_ONCE(b.veil->stopped)) {
		ret = -EPERM;
	} else if (!b.veil->dead) {
		ret = vsb_veil_provide(vcpu, &b, gfn);
		if (ret > 0 && used)
			vsb_veil_provide_around(vcpu, &b, gfn);
	}
	if (ret < 0) {
		if (ret == -EPERM)
			vsb_veil_stop(b.veil, "what is where a vCPU starts");
		else if (ret == -EBUSY)
			vsb_veil_stop(b.veil, "whose page table it has");
		else
			vsb_veil_complain(b.veil, ret);
		/* L2 shuts down, which is the end of it. */
		kvm_make_request(KVM_REQ_TRIPLE_FAULT, vcpu);
	}
	mutex_unlock(&b.veil->lock);
	vsb_behind_put(&b);
	return ret ? 1 : vsb_veil_reflect(vcpu, gpa & ~VSB_C, error_code, insn, insn_len);
}

/* ---- from L2 to L1 ---- */

/*
 * nested_svm_vmexit(), nested_vmx_vmexit(): L2 is left for L1. Is there something for
 * vsb_veil_leave()? Callback context.
 */
bool vsb_veil_leaves(struct kvm_vcpu *vcpu)
{
	struct vsb_behind b;
	bool leaves = false;

	rcu_read_lock();
	if (vsb_behind_find(&b, vcpu) && vsb_veil_used(b.veil)) {
		leaves = !b.turn.v->leaving && (vcpu->arch.cr0 & X86_CR0_PG || b.turn.v->unpaged);
		if (!leaves)
			vsb_vendor->veil->set_cr3(vcpu, vsb_cr3(vcpu) & ~VSB_C);
		b.turn.v->leaving = leaves;
	}
	rcu_read_unlock();
	return leaves;
}

/* A vCPU that makes no access to a claimed port or to new memory is to be known, too. */
static void vsb_veil_know(struct kvm_vcpu *vcpu, struct vsb_behind *b)
{
	struct vsb_veil_kept *kept;

	if (vsb_regs_known(&b->turn, b->veil))
		return;
	if (!vsb_uservm_settled(b->turn.cloud, b->turn.u, &b->turn.id))
		vsb_uservm_learn(vcpu, b->turn.cloud, &b->turn.id);
	kept = vsb_regs_new(vcpu, b->turn.id.anchor);
	if (kept)
		vsb_regs_give(&b->turn, b->veil, &kept);
	vsb_veil_forget(kept);
}

static void vsb_veil_look(struct kvm_vcpu *vcpu, struct vsb_behind *b,
			  const struct vsb_left *left, struct vsb_exit *e)
{
	*e = (struct vsb_exit){
		.gpr = vcpu->arch.regs,
		.paged = vcpu->arch.cr0 & X86_CR0_PG,
	};
	vsb_vendor->veil->look(vcpu, left, e);
	if (!e->decodes)
		return;
	mutex_lock(&b->veil->lock);
	if (!b->veil->dead)
		e->nr = vsb_veil_push(vcpu, b->veil, b->turn.v->unpaged, e->bytes);
	mutex_unlock(&b->veil->lock);
}

/* Is @b the one that vsb_veil_leaves() has seen? Under rcu_read_lock(). */
static bool vsb_behind_still(struct vsb_behind *b, struct kvm_vcpu *vcpu)
{
	return vsb_is_guest_mode(vcpu) && vsb_behind_find(b, vcpu);
}

static void vsb_veil_show(struct kvm_vcpu *vcpu, struct vsb_behind *b, bool entered)
{
	const char *changed = vsb_regs_show(vcpu, &b->turn, b->veil, entered);

	if (!changed)
		return;
	vsb_veil_stop(b->veil, changed);
	/* If it is stopped for another vCPU this one's are back, and hidden when it is left. */
	b->turn.v->refused = true;
}

/* Instead of it. Return: as that. */
int vsb_veil_leave(struct kvm_vcpu *vcpu, const struct vsb_left *left)
{
	struct vsb_exit_regs regs;
	struct vsb_cloud *cloud;
	struct vsb_behind b;
	struct vsb_exit e;
	int ret;

	if (vsb_behind_get(&b, vcpu)) {
		vsb_veil_know(vcpu, &b);
		vsb_veil_look(vcpu, &b, left, &e);
		regs = vsb_exit_regs(&e);
		if (regs.starts)
			set_bit(regs.vector, b.veil->starts);
		rcu_read_lock();
		if (!b.turn.v->refused)
			vsb_regs_hide(vcpu, &b.turn, b.veil, &regs);
		rcu_read_unlock();
		vsb_behind_put(&b);
	}
	ret = vsb_vendor->veil->leave(vcpu, left);
	/* vmcb12 is not there: L2 is still running. */
	rcu_read_lock();
	if (vsb_behind_still(&b, vcpu))
		vsb_veil_show(vcpu, &b, false);
	rcu_read_unlock();
	/* If there is no veil any more. */
	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud)
		cloud->vcpus[vcpu->vcpu_idx].leaving = false;
	rcu_read_unlock();
	return ret;
}

/* ---- from L1 to L2 ---- */

/* Has the user VM been reset? It is its first vCPU's then that runs with paging off. */
static bool vsb_behind_resets(const struct vsb_behind *b)
{
	const struct vsb_ident *id = &b->turn.id;
	const struct vsb_l2 *u = b->turn.u;

	return id->boots && READ_ONCE(u->nr_anchors) && u->anchors[0].frame == id->anchor;
}

/*
 * Behind nested_svm_vmrun(), nested_vmx_run(): KVM has entered L2, or not. What was kept is put
 * back before anything else of ours looks at it: it may move the instruction pointer, too.
 */
void vsb_veil_entered(struct kvm_vcpu *vcpu)
{
	struct vsb_behind b;

	if (!vsb_is_guest_mode(vcpu))
		return;
	rcu_read_lock();
	if (vsb_behind_find(&b, vcpu)) {
		b.turn.v->refused = false;
		/* One that resets all of it has nothing to be put back. */
		if (vsb_veil_used(b.veil) &&
		    (vcpu->arch.cr0 & X86_CR0_PG || !vsb_behind_resets(&b)))
			vsb_veil_show(vcpu, &b, true);
	}
	rcu_read_unlock();
}

/*
 * svm_load_mmu_pgd(), vmx_load_mmu_pgd(), which KVM calls when L2 is entered: the root of the
 * nested page table, and CR3. Is it for vsb_veil_load()? Callback context.
 */
bool vsb_veil_loads(struct kvm_vcpu *vcpu, unsigned long *root, int level)
{
	struct vsb_behind b;
	bool resets = false, behind;

	if (!vsb_is_guest_mode(vcpu))
		return false;
	rcu_read_lock();
	behind = vsb_behind_find(&b, vcpu);
	if (!b.turn.cloud)
		goto unlock;
	b.turn.v->unpaged = false;
	WRITE_ONCE(b.turn.v->root_of, behind ? b.veil->table : NULL);
	WRITE_ONCE(b.turn.v->root, *root);
	/* It is known, then we look; pairs with vsb_veil_shares(). */
	smp_mb();
	if (level != 4 || !vsb_table_root_suits(vcpu, *root, behind ? b.veil->table : NULL) ||
	    !behind || !(vsb_veil_used(b.veil) || READ_ONCE(b.veil->told)))
		goto unlock;
	if (!(vcpu->arch.cr0 & X86_CR0_PG) && vsb_behind_resets(&b)) {
		resets = true;
		goto unlock;
	}
	if (!vsb_veil_used(b.veil))
		goto unlock;	/* not yet */
	/* If it is entered behind SMM of the cloud VM, without VMRUN, this is the first look. */
	vsb_veil_show(vcpu, &b, false);
	if (READ_ONCE(b.veil->stopped)) {
		/* It faults at once, and vsb_veil_fault() ends it. */
		*root = vsb_table_nothing(vcpu, b.veil->table);
	} else if (vcpu->arch.cr0 & X86_CR0_PG) {
		/* APM vol. 2, 15.34.5: page tables are private. */
		vsb_vendor->veil->set_cr3(vcpu, vsb_cr3(vcpu) | VSB_C);
	} else if (b.turn.id.boots) {
		/* One that starts: without paging all is private. In SMM it is not. */
		*root = vsb_table_unpaged(vcpu, b.veil->table);
		b.turn.v->unpaged = true;
	}
unlock:
	rcu_read_unlock();
	return resets;
}

/* Instead of it. L2 has not executed anything since it was reset. */
void vsb_veil_load(struct kvm_vcpu *vcpu, u64 root, int level)
{
	struct vsb_behind b;

	if (vsb_behind_get(&b, vcpu)) {
		vsb_veil_reset(b.veil);
		vsb_behind_put(&b);
	}
	vsb_kvm_load_pgd(vcpu, root, level);
}
