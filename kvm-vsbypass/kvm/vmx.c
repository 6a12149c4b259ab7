// SPDX-License-Identifier: GPL-2.0
/*
 * Intel: a nested exit and its VMCS in our words.
 */
#include <linux/kvm_host.h>
#include <asm/vmx.h>

#include "kvm/exits.h"
#include "kvm/vendor.h"

/* Return: whether the current VMCS has it. */
static bool vsb_vmx_read(unsigned long field, unsigned long *value)
{
	bool fail;

	asm volatile("vmread %2, %1; setna %0"
		     : "=qm" (fail), "=r" (*value) : "r" (field) : "cc");
	return !fail;
}

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

/* SDM vol. 3, section 29.3.2: present if readable, writable or executable. */
static bool vsb_vmx_present(u64 pte)
{
	/* Write without read is how KVM marks MMIO (misconfiguration). */
	return pte & VMX_EPT_READABLE_MASK;
}

const struct vsb_vendor vsb_vmx = {
	.name = "kvm-intel",
	.module = "kvm_intel",
	.exit_pio = vsb_vmx_exit_pio,
	.exit_enters = vsb_vmx_exit_enters,
	.anchor = vsb_vmx_anchor,
	.present = vsb_vmx_present,
};
