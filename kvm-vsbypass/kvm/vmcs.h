/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The current VMCS. While L2 runs, and until KVM switches away from it, that is vmcs02, also when
 * the vCPU's thread was scheduled away meanwhile: KVM loads it again.
 */
#ifndef VSB_KVM_VMCS_H
#define VSB_KVM_VMCS_H

#include <linux/types.h>

/* Return: whether it has this field. */
static inline bool vsb_vmx_read(unsigned long field, unsigned long *value)
{
	bool fail;

	asm volatile("vmread %2, %1; setna %0"
		     : "=qm" (fail), "=r" (*value) : "r" (field) : "cc");
	return !fail;
}

/*
 * The same. Only CPUs that VMCS shadowing suits may write what is "read-only" (SDM vol. 3, A.6:
 * bit 29).
 */
static inline bool vsb_vmx_write(unsigned long field, unsigned long value)
{
	bool fail;

	asm volatile("vmwrite %1, %2; setna %0"
		     : "=qm" (fail) : "rm" (value), "r" (field) : "cc");
	return !fail;
}

#endif
