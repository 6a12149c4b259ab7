// SPDX-License-Identifier: GPL-2.0
/*
 * Intel: a nested exit and its VMCS in our words.
 */
#include <linux/kvm_host.h>
#include <asm/apicdef.h>
#include <asm/vmx.h>

#include "core/dummy.h"
#include "kvm/exits.h"
#include "kvm/calls.h"
#include "kvm/veil-vendor.h"
#include "kvm/vendor.h"
#include "kvm/vmcs.h"

#define MAX_LENGTH	15	/* of an instruction */

/*
 * While L2 runs, and until KVM switches away from it, the current VMCS is
 * vmcs02. Its virtual-APIC page is the page that the guest hypervisor gave
 * this vCPU of the user VM (nested_get_vmcs12_pages()), the same for its life.
 * It counts only with TPR shadow (SDM vol. 3, 25.6.8): without, as a guest hypervisor
 * whose VMs have no APIC in its kernel has it, KVM leaves there what another user VM had.
 */
static unsigned long vsb_vmx_anchor(const struct vsb_vcpu *v)
{
	unsigned long controls, page;

	if (!vsb_vmx_read(CPU_BASED_VM_EXEC_CONTROL, &controls) ||
	    !(controls & CPU_BASED_TPR_SHADOW))
		return 0;
	/* If that page is no memory KVM writes INVALID_GPA. */
	if (!vsb_vmx_read(VIRTUAL_APIC_PAGE_ADDR, &page) || page == (unsigned long)INVALID_GPA)
		return 0;
	return page >> PAGE_SHIFT;
}

/*
 * The guest hypervisor is given what is in the current VMCS, that of the last exit of L2, and
 * that has none if it was an interrupt (SDM vol. 3, 27.2.5: undefined; Xen ends with a BUG if it is
 * not 1 to 15). So it is written. An older CPU has to wait for an exit that has one; which
 * it is does not matter, as RIP is reported less it.
 */
static unsigned int vsb_vmx_length(struct kvm_vcpu *vcpu)
{
	unsigned long length;

	if (vsb_vmx_write(VM_EXIT_INSTRUCTION_LEN, VSB_POKE_LENGTH))
		return VSB_POKE_LENGTH;
	return vsb_vmx_read(VM_EXIT_INSTRUCTION_LEN, &length) && length <= MAX_LENGTH ? length : 0;
}

static int vsb_vmx_show_io(struct kvm_vcpu *vcpu, const struct vsb_poke *poke,
			   unsigned long rip)
{
	const struct vsb_pio pio = { .port = poke->port, .size = 1, .in = poke->in };

	vsb_kvm_vmx_vmexit(vcpu, EXIT_REASON_IO_INSTRUCTION, vsb_vmx_io_info(&pio));
	return 0;
}

static bool vsb_vmx_event_waits(struct kvm_vcpu *vcpu)
{
	unsigned long value;

	/* What the entry injects; */
	if (vsb_vmx_read(VM_ENTRY_INTR_INFO_FIELD, &value) && value & INTR_INFO_VALID_MASK)
		return true;
	/* an interrupt that the guest hypervisor waits to inject; */
	if (vsb_vmx_read(CPU_BASED_VM_EXEC_CONTROL, &value) &&
	    value & (CPU_BASED_INTR_WINDOW_EXITING | CPU_BASED_NMI_WINDOW_EXITING))
		return true;
	/* virtual interrupt delivery: one that is requested (SDM vol. 3, 25.4.2: RVI). */
	return vsb_vmx_read(GUEST_INTR_STATUS, &value) && value & 0xff;
}

static u64 vsb_vmx_exit_gpa(u64 info2)
{
	unsigned long gpa;

	return vsb_vmx_read(GUEST_PHYSICAL_ADDRESS, &gpa) ? gpa : 0;
}

/* With TPR shadow, which an anchor needs, it is in the virtual-APIC page (SDM vol. 3, 30.1.1). */
static u8 vsb_vmx_tpr(struct kvm_vcpu *vcpu)
{
	unsigned long page;

	if (!vsb_vmx_read(VIRTUAL_APIC_PAGE_ADDR, &page) || !pfn_valid(page >> PAGE_SHIFT))
		return U8_MAX;
	return *((u8 *)phys_to_virt(page) + APIC_TASKPRI);
}

static u8 vsb_vmx_injects(struct kvm_vcpu *vcpu)
{
	unsigned long info;

	if (!vsb_vmx_read(VM_ENTRY_INTR_INFO_FIELD, &info) || !(info & INTR_INFO_VALID_MASK) ||
	    (info & INTR_INFO_INTR_TYPE_MASK) != INTR_TYPE_EXT_INTR)
		return 0;
	return info & INTR_INFO_VECTOR_MASK;
}

/* KVM takes the window for its own, and the guest hypervisor does not see it. */
static void vsb_vmx_window(struct kvm_vcpu *vcpu)
{
	vsb_kvm_irq_window(vcpu);
}

/* With virtual interrupt delivery the CPU does it (SDM vol. 3, 30.1.4), to nobody's harm. */
static bool vsb_vmx_eoi_exits(struct kvm_vcpu *vcpu)
{
	unsigned long controls;

	return !vsb_vmx_read(SECONDARY_VM_EXEC_CONTROL, &controls) ||
	       !(controls & SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY);
}

const struct vsb_vendor vsb_vmx = {
	.name = "kvm-intel",
	.module = "kvm_intel",
	.exit_plain = vsb_vmx_exit_plain,
	.exit_pio = vsb_vmx_exit_pio,
	.exit_enters = vsb_vmx_exit_enters,
	.exit_hosts = vsb_vmx_exit_hosts,
	.exit_halts = vsb_vmx_exit_halts,
	.exit_wrmsr = vsb_vmx_exit_wrmsr,
	.exit_pages = vsb_vmx_exit_pages,
	.resumes = EXIT_REASON_EXCEPTION_NMI,
	.exit_resumes = vsb_vmx_exit_resumes,
	.exit_gpa = vsb_vmx_exit_gpa,
	.tpr = vsb_vmx_tpr,
	.injects = vsb_vmx_injects,
	.window = vsb_vmx_window,
	.eoi_exits = vsb_vmx_eoi_exits,
	.length = vsb_vmx_length,
	.show_io = vsb_vmx_show_io,
	.event_waits = vsb_vmx_event_waits,
	.anchor = vsb_vmx_anchor,
	.pte = vsb_vmx_pte,
	.veil = &vsb_veil_vmx,
};
