// SPDX-License-Identifier: GPL-2.0
/*
 * AMD: a nested exit and its VMCB in our words.
 */
#include <asm/pgtable_types.h>

#include "core/cloud.h"
#include "kvm/exits.h"
#include "kvm/vendor.h"

/* vmcb12, which belongs to one vCPU of the user VM for its life. */
static unsigned long vsb_svm_anchor(const struct vsb_vcpu *v)
{
	return v->anchor;
}

static bool vsb_svm_present(u64 pte)
{
	return pte & _PAGE_PRESENT;
}

const struct vsb_vendor vsb_svm = {
	.name = "kvm-amd",
	.module = "kvm_amd",
	.exit_pio = vsb_svm_exit_pio,
	.exit_enters = vsb_svm_exit_enters,
	.anchor = vsb_svm_anchor,
	.present = vsb_svm_present,
};
