// SPDX-License-Identifier: GPL-2.0
/*
 * Intel: a nested exit and its VMCS in our words.
 */
#include <asm/vmx.h>

#include "vsb.h"

/* SDM vol. 3, table 28-5: exit qualification of I/O instructions. */
static bool vsb_vmx_exit_pio(u32 reason, u64 info, struct vsb_pio *pio)
{
	if (reason != EXIT_REASON_IO_INSTRUCTION)
		return false;
	pio->size = (info & 7) + 1;
	pio->in = info & 8;
	pio->port = info >> 16;
	return true;
}

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
	.anchor = vsb_vmx_anchor,
	.present = vsb_vmx_present,
};
