/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvm_mmu_page_fault(), which veils and screens need.
 */
#ifndef VSB_KVM_FAULT_HOOK_H
#define VSB_KVM_FAULT_HOOK_H

/* As vsb_group_get() and vsb_group_put(). */
int vsb_fault_hook_get(void);
void vsb_fault_hook_put(void);

#endif
