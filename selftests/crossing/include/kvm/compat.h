/* SPDX-License-Identifier: GPL-2.0 */
#define vsb_walker		struct kvm_mmu
#define vsb_walker_of_l2(vcpu)	(&(vcpu)->arch.nested_mmu)
