/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions (6.1, 6.12 and 7.3 are built and tested). Those in what is
 * KVM's are in kvm/compat.h.
 */
#ifndef VSB_CORE_COMPAT_H
#define VSB_CORE_COMPAT_H

#include <linux/version.h>

/* 6.10: the source of a trace string is known from its __string(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define vsb_assign_str(dst, src)	__assign_str(dst)
#else
#define vsb_assign_str(dst, src)	__assign_str(dst, src)
#endif

/* 6.17: the queue that all use for what takes no time has another name. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define vsb_wq	system_percpu_wq
#else
#define vsb_wq	system_wq
#endif

#endif
