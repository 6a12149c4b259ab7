/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of KVM that are redirected for screens alone.
 */
#ifndef VSB_KVM_SCREEN_HOOK_H
#define VSB_KVM_SCREEN_HOOK_H

int vsb_screen_hook_get(void);
void vsb_screen_hook_put(void);

#endif
