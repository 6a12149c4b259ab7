/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names of KVM functions, and the way between them.
 *
 * vsb_users counts threads that are in a replacement of one and may sleep there. hook_lock
 * (hook.c), a mutex inside of no other and with none inside, guards what is redirected.
 */
#ifndef VSB_KVM_HOOK_H
#define VSB_KVM_HOOK_H

#include <linux/atomic.h>
#include <linux/types.h>

extern atomic_t vsb_users;

int vsb_hook_check(void);
int vsb_hook_get(void);
void vsb_hook_put(void);
void vsb_hook_drain(void);

/* Between vsb_hook_get() and vsb_hook_put(). */
unsigned long vsb_hook_lookup(const char *owner, const char *name);

#endif
