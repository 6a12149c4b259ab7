// SPDX-License-Identifier: GPL-2.0
/*
 * AMD: a nested exit and its VMCB in our words.
 */
#include <asm/svm.h>

#include "vsb.h"

/* APM vol. 2, section 15.10.2: EXITINFO1 of IOIO intercepts. */
static bool vsb_svm_exit_pio(u32 reason, u64 info, struct vsb_pio *pio)
{
	if (reason != SVM_EXIT_IOIO)
		return false;
	pio->size = (info & SVM_IOIO_SIZE_MASK) >> SVM_IOIO_SIZE_SHIFT;
	pio->in = info & SVM_IOIO_TYPE_MASK;
	pio->port = info >> 16;
	return true;
}

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
	.anchor = vsb_svm_anchor,
	.present = vsb_svm_present,
};
