/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KVM as the hypervisor of core/host.h. For main.c.
 */
#ifndef VSB_KVM_HOST_H
#define VSB_KVM_HOST_H

int vsb_kvm_init(void);
void vsb_kvm_exit(void);

#endif
