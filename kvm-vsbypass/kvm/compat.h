/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions in what is KVM's (6.1, 6.12 and 7.3 are built and
 * tested). The only other place for such: core/compat.h.
 */
#ifndef VSB_COMPAT_H
#define VSB_COMPAT_H

#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/version.h>

/* 6.10: "immediate_exit" is hidden from the kernel behind an ugly name. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define vsb_immediate_exit(run)	READ_ONCE((run)->immediate_exit__unsafe)
#else
#define vsb_immediate_exit(run)	READ_ONCE((run)->immediate_exit)
#endif

/* 7.3: what a page table is like is apart from the shadow of it. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define vsb_mmu_walk(mmu)	((mmu)->w)
#else
#define vsb_mmu_walk(mmu)	(mmu)
#endif

/* 7.3: the instruction pointer is no longer among the other registers. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define VSB_REG_RIP		VCPU_REG_RIP
#define vsb_arch_rip(vcpu)	((vcpu)->arch.rip)
#else
#define VSB_REG_RIP		VCPU_REGS_RIP
#define vsb_arch_rip(vcpu)	((vcpu)->arch.regs[VCPU_REGS_RIP])
#endif

/* 7.3: and these have other names. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define VSB_REG_CR0		VCPU_REG_CR0
#define VSB_REG_CR3		VCPU_REG_CR3
#define VSB_REG_CR4		VCPU_REG_CR4
#define VSB_REG_SEGMENTS	VCPU_REG_SEGMENTS
#else
#define VSB_REG_CR0		VCPU_EXREG_CR0
#define VSB_REG_CR3		VCPU_EXREG_CR3
#define VSB_REG_CR4		VCPU_EXREG_CR4
#define VSB_REG_SEGMENTS	VCPU_EXREG_SEGMENTS
#endif

/* 6.5: a page of another process is no longer told with where it is mapped. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define vsb_get_user_pages(mm, start, nr, flags, pages, locked) \
	get_user_pages_remote(mm, start, nr, flags, pages, locked)
#else
#define vsb_get_user_pages(mm, start, nr, flags, pages, locked) \
	get_user_pages_remote(mm, start, nr, flags, pages, NULL, locked)
#endif

/* 7.3: the operations of nested virtualization have a name of their own. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define VSB_NESTED_OPS		"kvm_nested_ops"
#define vsb_nested_ops(ops, named)	(named)
#else
#define VSB_NESTED_OPS		"kvm_x86_ops"
#define vsb_nested_ops(ops, named)	((ops)->nested_ops)
#endif

/* 6.12: the registers that ftrace saves are behind a macro. */
#ifdef arch_ftrace_regs
#define vsb_ftrace_regs(fregs)	(&arch_ftrace_regs(fregs)->regs)
#else
#define vsb_ftrace_regs(fregs)	(&(fregs)->regs)
#endif

/*
 * 7.3: an exit of L2 on SVM always happens; if vmcb12 is not there the cloud VM shuts down.
 * vsb_svm_vmexit_result(call): 0, or it has not happened.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define VSB_SVM_VMEXIT_RETURNS	void
#define vsb_svm_vmexit_result(call)	({ call; 0; })
#else
#define VSB_SVM_VMEXIT_RETURNS	int
#define vsb_svm_vmexit_result(call)	(call)
#endif

/* 7.3: the exit code of a VMCB is one number. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define vsb_exit_code_high(control)
#else
#define vsb_exit_code_high(control)	((control)->exit_code_hi = 0)
#endif

/* 7.3: a kick may wait. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define VSB_KICK		"__kvm_vcpu_kick"
#define vsb_kick_type		__kvm_vcpu_kick
#define vsb_kick_call(kick, vcpu)	kick(vcpu, false)
#else
#define VSB_KICK		"kvm_vcpu_kick"
#define vsb_kick_type		kvm_vcpu_kick
#define vsb_kick_call(kick, vcpu)	kick(vcpu)
#endif

/* 6.4: a module's memory is an array. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define vsb_module_text(module)		((module)->mem[MOD_TEXT].base)
#define vsb_module_text_size(module)	((module)->mem[MOD_TEXT].size)
#else
#define vsb_module_text(module)		((module)->core_layout.base)
#define vsb_module_text_size(module)	((module)->core_layout.text_size)
#endif

/* 6.2: where calls are counted (retbleed=stuff) they lead to the bytes before a function. */
#ifdef CONFIG_FUNCTION_PADDING_BYTES
#define VSB_PADDING	CONFIG_FUNCTION_PADDING_BYTES
#else
#define VSB_PADDING	0
#endif

/* Veils have been tried with 6.1 and 6.12. 7.3: what they redirect is in no header. */
#define VSB_HAS_VEIL	(LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0))
#if VSB_HAS_VEIL
#define vsb_page_fault_type	typeof(kvm_mmu_page_fault)
#else
#define vsb_page_fault_type	typeof(vsb_proto_page_fault)
#endif

/* On VMX none, until job veil has been seen there as a whole: 6.1 is to be the first one. */
#define VSB_HAS_VEIL_VMX	0

/*
 * 7.3: who walks a guest's page tables is a structure of its own (for L2's that is gva_walk; the
 * guest hypervisor's have another), and what its table has for an address of L2 each vendor's
 * module says, with one argument more, which is the last.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define vsb_walker		struct kvm_pagewalk
#define vsb_walker_of_l2(vcpu)	(&(vcpu)->arch.gva_walk)
#define VSB_TRANSLATE_OWNER	(vsb_vendor->module)
#define VSB_TRANSLATE \
	(vsb_vendor == &vsb_svm ? "svm_translate_nested_gpa" : "vmx_translate_nested_gpa")
#else
#define vsb_walker		struct kvm_mmu
#define vsb_walker_of_l2(vcpu)	(&(vcpu)->arch.nested_mmu)
#define VSB_TRANSLATE_OWNER	(IS_BUILTIN(CONFIG_KVM) ? NULL : "kvm")
#define VSB_TRANSLATE		"translate_nested_gpa"
#endif

/* 7.3: in no header. */
#ifndef EMULTYPE_PF
#define EMULTYPE_PF	BIT(6)
#endif

/* 6.3: what insn_decode_mmio() says has another name; the numbers are the same. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define vsb_mmio		insn_mmio_type
#define VSB_MMIO_WRITE		INSN_MMIO_WRITE
#define VSB_MMIO_WRITE_IMM	INSN_MMIO_WRITE_IMM
#define VSB_MMIO_READ		INSN_MMIO_READ
#define VSB_MMIO_READ_ZERO_EXTEND	INSN_MMIO_READ_ZERO_EXTEND
#define VSB_MMIO_READ_SIGN_EXTEND	INSN_MMIO_READ_SIGN_EXTEND
#else
#define vsb_mmio		mmio_type
#define VSB_MMIO_WRITE		MMIO_WRITE
#define VSB_MMIO_WRITE_IMM	MMIO_WRITE_IMM
#define VSB_MMIO_READ		MMIO_READ
#define VSB_MMIO_READ_ZERO_EXTEND	MMIO_READ_ZERO_EXTEND
#define VSB_MMIO_READ_SIGN_EXTEND	MMIO_READ_SIGN_EXTEND
#endif

/* 6.16: the FPU of a thread is behind it; x86_task_fpu() may be a function that is not exported. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define vsb_task_fpu(task)	((struct fpu *)((task) + 1))
#else
#define vsb_task_fpu(task)	(&(task)->thread.fpu)
#endif

/* 6.5: as get_user_pages_remote(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define vsb_pin_user_pages(mm, start, nr, flags, pages, locked) \
	pin_user_pages_remote(mm, start, nr, flags, pages, locked)
#else
#define vsb_pin_user_pages(mm, start, nr, flags, pages, locked) \
	pin_user_pages_remote(mm, start, nr, flags, pages, NULL, locked)
#endif

/* 6.10: an entry of KVM's page tables that is empty (SHADOW_NONPRESENT_VALUE). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define VSB_KVM_EMPTY	BIT_ULL(63)
#else
#define VSB_KVM_EMPTY	0ULL
#endif

/*
 * enum x86_intercept of arch/x86/kvm/kvm_emulate.h, which no header package
 * has. Same numbers in all three; hook.c compares them with KVM's BTF.
 */
#define VSB_X86_INTERCEPT_IN	44
#define VSB_X86_INTERCEPT_INS	45
#define VSB_X86_INTERCEPT_OUT	46
#define VSB_X86_INTERCEPT_OUTS	47

/* enum x86_intercept_stage of the same header, compared as well. */
#define VSB_X86_ICPT_PRE_EXCEPT	1

/* Answers to it; there, too. Macros, which BTF has not: the nested test has strings. */
#define VSB_X86EMUL_CONTINUE	0
#define VSB_X86EMUL_INTERCEPTED	6

static inline bool vsb_is_guest_mode(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.hflags & HF_GUEST_MASK;
}

/* 6.14: KVM ends a VM for an event of its guest's whose stack is where it would have to emulate. */
static inline bool vsb_event_ends_vm(struct kvm_vcpu *vcpu)
{
	return LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0) &&
	       (vcpu->arch.exception.injected || vcpu->arch.interrupt.injected ||
		vcpu->arch.nmi_injected);
}

#endif
