/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only place for differences between kernel versions (6.1 and 6.12 are
 * built and tested).
 */
#ifndef VSB_COMPAT_H
#define VSB_COMPAT_H

#include <linux/kvm_host.h>
#include <linux/version.h>

/* 6.10: "immediate_exit" is hidden from the kernel behind an ugly name. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define vsb_immediate_exit(run)	READ_ONCE((run)->immediate_exit__unsafe)
#else
#define vsb_immediate_exit(run)	READ_ONCE((run)->immediate_exit)
#endif

/* 6.10: the source of a trace string is known from its __string(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define vsb_assign_str(dst, src)	__assign_str(dst)
#else
#define vsb_assign_str(dst, src)	__assign_str(dst, src)
#endif

/*
 * enum x86_intercept of arch/x86/kvm/kvm_emulate.h, which no header package
 * has. Same numbers in 6.1 and 6.12; a wrong number makes string I/O of a
 * user VM fail (emulation error), it reflects nothing.
 */
#define VSB_X86_INTERCEPT_IN	44
#define VSB_X86_INTERCEPT_INS	45
#define VSB_X86_INTERCEPT_OUT	46
#define VSB_X86_INTERCEPT_OUTS	47

static inline bool vsb_is_guest_mode(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.hflags & HF_GUEST_MASK;
}

#endif
