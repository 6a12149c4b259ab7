/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of KVM that are redirected for veils alone.
 */
#ifndef VSB_KVM_VEIL_HOOK_H
#define VSB_KVM_VEIL_HOOK_H

int vsb_veil_hook_get(void);
void vsb_veil_hook_put(void);

#endif
