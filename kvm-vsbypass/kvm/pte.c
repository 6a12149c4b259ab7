// SPDX-License-Identifier: GPL-2.0
/* Entries of nested page tables. No type of KVM's is in here: a unit test builds it, too. */
#include "kvm/walk.h"

#define NPT_PRESENT	BIT_ULL(0)
#define NPT_USER	BIT_ULL(2)
#define NPT_LARGE	BIT_ULL(7)

/*
 * APM vol. 2, 5.3: of a large page the bits of its address above PAT are reserved, and so is
 * PS of the two upper levels. 15.25.5: all accesses of L2 are those of a user.
 */
enum vsb_pte vsb_svm_pte(u64 pte, int level)
{
	if (!(pte & NPT_PRESENT) || !(pte & NPT_USER))
		return VSB_PTE_NONE;
	if (level == 1)
		return VSB_PTE_PAGE;
	if (!(pte & NPT_LARGE))
		return VSB_PTE_TABLE;
	if (level > 3 || pte & GENMASK_ULL(9 * level + 2, 13))
		return VSB_PTE_NONE;
	return VSB_PTE_PAGE;
}

#define EPT_TYPE(pte)	((pte) >> 3 & 7)	/* of memory; of a table reserved */
#define EPT_LARGE	BIT_ULL(7)
#define EPT_READ	BIT_ULL(0)
#define EPT_WRITE	BIT_ULL(1)
#define EPT_EXEC	BIT_ULL(2)

/*
 * SDM vol. 3, 29.3.2 and 29.3.3.1: what may be written to and not read is a misconfiguration,
 * which is how KVM marks MMIO. Execute-only is for some CPUs none.
 */
enum vsb_pte vsb_vmx_pte(u64 pte, int level)
{
	if (!(pte & EPT_READ) && (pte & EPT_WRITE || !(pte & EPT_EXEC)))
		return VSB_PTE_NONE;
	if (level > 1 && !(pte & EPT_LARGE))
		return EPT_TYPE(pte) ? VSB_PTE_NONE : VSB_PTE_TABLE;
	if (level > 3 || (level > 1 && pte & GENMASK_ULL(9 * level + 2, 12)))
		return VSB_PTE_NONE;
	/* 2, 3 and 7 are reserved */
	return BIT(EPT_TYPE(pte)) & 0x8c ? VSB_PTE_NONE : VSB_PTE_PAGE;
}
