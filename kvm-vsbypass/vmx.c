// SPDX-License-Identifier: GPL-2.0
/*
 * Intel: a nested exit and its VMCS in our words.
 */
#include <asm/vmx.h>

#include "vsb.h"

/*
 * While L2 runs, and until KVM switches away from it, the current VMCS is
 * vmcs02. Its virtual-APIC page is the page that the guest hypervisor gave
 * this vCPU of the user VM (nested_get_vmcs12_pages()), the same for its life.
 */
static unsigned long vsb_vmx_anchor(const struct vsb_vcpu *v)
{
	unsigned long field = VIRTUAL_APIC_PAGE_ADDR, value;
	bool fail;

	asm volatile("vmread %2, %1; setna %0"
		     : "=qm" (fail), "=r" (value) : "r" (field) : "cc");
	/* Without TPR shadow KVM writes 0 or INVALID_GPA there. */
	if (fail || value == (unsigned long)INVALID_GPA)
		return 0;
	return value >> PAGE_SHIFT;
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
