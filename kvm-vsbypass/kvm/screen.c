// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a user VM's graphics card. A nested page fault there is not the guest
 * hypervisor's: KVM emulates the instruction, as it does for a guest of its own. It looks up
 * the address in the guest hypervisor's page table, which has nothing to say there
 * (translate_nested_gpa()), and comes to the MMIO bus with it, where we are.
 */
#include <linux/kvm_host.h>
#include <linux/sched.h>
#include <asm/svm.h>

#include "core/access.h"
#include "core/cloud.h"
#include "core/pio.h"
#include "core/screen.h"
#include "core/uservm.h"
#include "core/vram.h"
#include "devices/vga.h"
#include "kvm/calls.h"
#include "kvm/compat.h"
#include "kvm/crossing.h"
#include "kvm/nested.h"
#include "kvm/regs.h"
#include "kvm/screen.h"
#include "kvm/shown.h"
#include "kvm/turn.h"
#include "kvm/vendor.h"

atomic_t vsb_screens = ATOMIC_INIT(0);

/* Where it executes, in system management mode or so. */
static u64 vsb_screen_linear(struct kvm_vcpu *vcpu)
{
	if (vcpu->arch.cr0 & X86_CR0_PG)
		return U64_MAX;
	return (u32)(vsb_kvm_ops->get_segment_base(vcpu, VCPU_SREG_CS) + vsb_rip(vcpu));
}

bool vsb_screen_leaves_smm(struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud;
	struct vsb_ident id;
	bool leaves = false;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud && READ_ONCE(cloud->screens)) {
		vsb_nested_ident(vcpu, &cloud->vcpus[vcpu->vcpu_idx], &id);
		leaves = vsb_screen_leaves(cloud, &id);
	}
	rcu_read_unlock();
	return leaves;
}

/* L2 is running. */
static bool vsb_screen_takes_gpa(struct kvm_vcpu *vcpu, u64 gpa)
{
	struct vsb_cloud *cloud;
	struct vsb_ident id;
	bool takes = false;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud && READ_ONCE(cloud->screens)) {
		vsb_nested_ident(vcpu, &cloud->vcpus[vcpu->vcpu_idx], &id);
		takes = vsb_screen_takes(cloud, &id, gpa, vsb_screen_linear(vcpu));
	}
	rcu_read_unlock();
	return takes;
}

/* Without nested paging it is the cloud VM's own address. */
static bool vsb_screen_nested(struct kvm_vcpu *vcpu)
{
	return vsb_is_guest_mode(vcpu) && vcpu->arch.mmu == &vcpu->arch.guest_mmu;
}

bool vsb_screen_faults(struct kvm_vcpu *vcpu, u64 gpa)
{
	if (!vsb_screen_nested(vcpu))
		return false;
	return vsb_screen_takes_gpa(vcpu, gpa) ||
	       (offset_in_page(gpa + VSB_LONGEST - 1) < VSB_LONGEST - 1 &&
		vsb_screen_takes_gpa(vcpu, gpa + VSB_LONGEST - 1));
}

bool vsb_screen_traps(struct kvm_vcpu *vcpu, u64 gpa)
{
	return vsb_screen_nested(vcpu) && vsb_screen_takes_gpa(vcpu, gpa);
}

/* Has it got the memory itself, since now? */
static bool vsb_screen_map(struct kvm_vcpu *vcpu, struct vsb_cloud *cloud,
			   const struct vsb_ident *id, u64 gpa)
{
	struct vsb_screen_show show;
	bool mapped;

	if (!vsb_screen_show(cloud, id, gpa, &show))
		return false;
	mapped = vsb_shown_map(vcpu, show.vram->shown, show.at, gpa);
	vsb_screen_shown(&show, mapped);
	return mapped;
}

/*
 * What event was on its way KVM 6.14 and later look at without a look at the bit that says whether
 * there was one (svm_check_emulate_instruction()). Without it the rest means nothing (APM vol. 2,
 * 15.7.2), and QEMU's TCG leaves the last one's there.
 */
static void vsb_screen_no_event(struct kvm_vcpu *vcpu)
{
	struct vmcb *vmcb;

	if (vsb_vendor != &vsb_svm)
		return;
	vmcb = vsb_kvm_vmcb(vcpu);
	if (!(vmcb->control.exit_int_info & SVM_EXITINTINFO_VALID))
		vmcb->control.exit_int_info = 0;
}

int vsb_screen_fault(struct kvm_vcpu *vcpu, u64 gpa, void *insn, int insn_len)
{
	struct vsb_cloud *cloud = vsb_cloud_get(vcpu->kvm);
	enum vsb_verdict verdict;
	struct vsb_ident id;

	if (!cloud)
		return 1;	/* detached meanwhile: it faults again */
	vsb_nested_ident(vcpu, &cloud->vcpus[vcpu->vcpu_idx], &id);
	verdict = vsb_screen_prepare(cloud, vcpu, &id);
	if (verdict == VSB_GO && vsb_screen_map(vcpu, cloud, &id, gpa))
		verdict = VSB_AGAIN;
	vsb_cloud_put(cloud);
	if (verdict == VSB_AGAIN_LATER) {
		kvm_vcpu_srcu_read_unlock(vcpu);
		schedule_timeout_interruptible(1);
		kvm_vcpu_srcu_read_lock(vcpu);
	}
	/* A user VM that has its stack there does not get on; its cloud VM does. */
	if (verdict != VSB_GO || vsb_event_ends_vm(vcpu))
		return 1;
	vsb_screen_no_event(vcpu);
	/*
	 * KVM remembers an address of L2 as that of MMIO (vcpu_cache_mmio_info(), of the fault
	 * in its shadow MMU), and compares linear ones with it: not with ours.
	 */
	vcpu->arch.mmio_gva = 0;
	return vsb_crossing_emulate(vcpu, gpa, insn, insn_len);
}

void vsb_screen_bus(struct kvm_vcpu *vcpu, u64 addr, int size, bool in, void *data)
{
	struct vsb_screen_access a = {
		.cloud = vsb_cloud_get(vcpu->kvm), .gpa = addr & ~VSB_TRAPPED, .size = size,
		.in = in, .data = data,
	};
	int serving;

	vsb_crossing_access(vcpu, addr, size);
	if (!a.cloud || addr & VSB_NOBODY) {
		if (in)
			memset(data, 0xff, size);
		if (a.cloud)
			vsb_cloud_put(a.cloud);
		return;
	}
	vsb_nested_ident(vcpu, &a.cloud->vcpus[vcpu->vcpu_idx], &a.id);
	serving = srcu_read_lock(&a.cloud->serving);
	kvm_vcpu_srcu_read_unlock(vcpu);
	vsb_screen_access(&a);
	kvm_vcpu_srcu_read_lock(vcpu);
	srcu_read_unlock(&a.cloud->serving, serving);
	vsb_cloud_put(a.cloud);
	if (a.port == VSB_VGA_VBE_FIRST + 1) {
		struct vsb_pio pio = { .port = VSB_VGA_VBE_FIRST, .size = sizeof(a.index) };

		vsb_nested_access(vcpu, &pio, &a.index);
	}
	if (a.port) {
		struct vsb_pio pio = { .port = a.port, .size = size, .in = in };

		vsb_nested_access(vcpu, &pio, data);
	}
}

/* ---- where the card is ---- */

bool vsb_screen_configures(struct kvm_vcpu *vcpu, const struct vsb_pio *pio)
{
	struct vsb_cloud *cloud;
	struct vsb_ident id;
	bool known = true;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud && READ_ONCE(cloud->screens)) {
		vsb_nested_ident(vcpu, &cloud->vcpus[vcpu->vcpu_idx], &id);
		known = vsb_screen_pci(cloud, &id, pio, vcpu->arch.regs[VCPU_REGS_RAX]);
	}
	rcu_read_unlock();
	return !known;
}

int vsb_screen_meet(struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud = vsb_cloud_get(vcpu->kvm);
	struct vsb_ident id;
	bool settled;

	if (!cloud)
		return 1;
	vsb_nested_ident(vcpu, &cloud->vcpus[vcpu->vcpu_idx], &id);
	rcu_read_lock();
	settled = vsb_uservm_settled(cloud, vsb_uservm_find(cloud, &id), &id);
	rcu_read_unlock();
	if (!settled)
		vsb_uservm_learn(vcpu, cloud, &id);
	/* What is mapped at the new place was before it was the card's. */
	if (vsb_screen_moved(cloud, &id))
		vsb_kvm_zap(vcpu->kvm, 0, -1ull >> PAGE_SHIFT);
	vsb_cloud_put(cloud);
	return 1;
}

bool vsb_screen_follows(struct kvm_vcpu *vcpu)
{
	struct vsb_turn t;
	bool follows;

	rcu_read_lock();
	follows = vsb_turn_find(&t, vcpu) && READ_ONCE(t.cloud->screens) &&
		  READ_ONCE(t.u->bars.moved);
	rcu_read_unlock();
	return follows;
}
