// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest hypervisor has to read of a user VM behind a veil to emulate an instruction for
 * it: the instruction's bytes, and the page table entries that lead there. They are copied
 * into its frames before it is told of the exit; nothing else of these pages is.
 */
#include <linux/highmem.h>
#include <linux/kvm_host.h>
#include <asm/pgtable_types.h>

#include "core/veil.h"
#include "kvm/calls.h"
#include "kvm/ept.h"
#include "kvm/regs.h"
#include "kvm/veil.h"
#include "kvm/veil-exits.h"
#include "kvm/veil-table.h"
#include "kvm/walk.h"

/* @len bytes within a page, as the user VM sees it. */
static bool vsb_push_read(struct kvm_vcpu *vcpu, struct vsb_veil *veil, u64 gpa, void *to,
			  unsigned int len)
{
	u64 gfn = (gpa & ~VSB_C) >> PAGE_SHIFT;
	struct page *page = gpa & VSB_C ? vsb_veil_find(veil, gfn) : NULL;
	s64 l1_gfn;

	if (page) {
		memcpy_from_page(to, page, offset_in_page(gpa), len);
		return true;
	}
	l1_gfn = vsb_ept_frame(vcpu, gfn);
	return l1_gfn >= 0 && !vsb_kvm_read_guest(vcpu, l1_gfn << PAGE_SHIFT | offset_in_page(gpa),
						  to, len);
}

/* The guest hypervisor's frame gets that, if it is not what the user VM sees. */
static bool vsb_push_write(struct kvm_vcpu *vcpu, struct vsb_veil *veil, u64 gpa,
			   const void *from, unsigned int len)
{
	u64 gfn = (gpa & ~VSB_C) >> PAGE_SHIFT;
	s64 l1_gfn;

	if (!(gpa & VSB_C) || !vsb_veil_find(veil, gfn))
		return true;
	l1_gfn = vsb_ept_frame(vcpu, gfn);
	return l1_gfn >= 0 && !vsb_kvm_write_guest(vcpu, l1_gfn << PAGE_SHIFT | offset_in_page(gpa),
						   from, len);
}

/* Where @addr is, with the entries on the way pushed. Return: false: nowhere. */
static bool vsb_push_walk(struct kvm_vcpu *vcpu, struct vsb_veil *veil, u64 addr, u64 *gpa)
{
	u64 table = (vsb_cr3(vcpu) & VSB_PTE_ADDR) | VSB_C, pte, told;
	int level = vsb_cr4(vcpu) & X86_CR4_LA57 ? 5 : 4;

	for (;; level--) {
		unsigned int shift = PAGE_SHIFT + 9 * (level - 1);
		u64 at = table | (addr >> shift & 511) * sizeof(pte);

		if (!vsb_push_read(vcpu, veil, at, &pte, sizeof(pte)))
			return false;
		told = pte & ~VSB_C;
		if (!(pte & _PAGE_PRESENT) ||
		    !vsb_push_write(vcpu, veil, at, &told, sizeof(told)))
			return false;
		table = pte & VSB_PTE_ADDR;
		if (level == 1 || (level <= 3 && pte & _PAGE_PSE)) {
			u64 rest = GENMASK_ULL(shift - 1, 0);

			/* bit 12 of a large page's entry is PAT */
			*gpa = (table & ~rest) | (addr & rest);
			return true;
		}
	}
}

/* Bytes at @addr up to the end of its page, @max at most, to @bytes. Return: how many, 0: none. */
static unsigned int vsb_push_bytes(struct kvm_vcpu *vcpu, struct vsb_veil *veil, u64 addr,
				   u8 *bytes, unsigned int max, bool unpaged)
{
	unsigned int len = min_t(u64, max, PAGE_SIZE - offset_in_page(addr));
	u64 gpa = addr | VSB_C;

	if ((!unpaged && !vsb_push_walk(vcpu, veil, addr, &gpa)) ||
	    !vsb_push_read(vcpu, veil, gpa, bytes, len) ||
	    !vsb_push_write(vcpu, veil, gpa, bytes, len))
		return 0;
	return len;
}

/*
 * The instruction that the vCPU is at, also to @bytes. @unpaged: its paging is off; else it is in
 * long mode, or nothing is private. Return: how many bytes, 0: none.
 */
unsigned int vsb_veil_push(struct kvm_vcpu *vcpu, struct vsb_veil *veil, bool unpaged,
			   u8 bytes[VSB_VEIL_INSN])
{
	u64 addr = vsb_rip(vcpu) + vsb_kvm_ops->get_segment_base(vcpu, VCPU_SREG_CS);
	unsigned int len;

	if (!unpaged && !(vcpu->arch.efer & EFER_LMA))
		return 0;
	len = vsb_push_bytes(vcpu, veil, addr, bytes, VSB_VEIL_INSN, unpaged);
	if (len && len < VSB_VEIL_INSN)
		len += vsb_push_bytes(vcpu, veil, addr + len, bytes + len, VSB_VEIL_INSN - len,
				      unpaged);
	veil->pushes++;
	return len;
}
