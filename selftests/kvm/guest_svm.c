// SPDX-License-Identifier: GPL-2.0
/* L1 on AMD: a VMCB for each user VM. */
#include <string.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"

#include "guest.h"

static struct gpr l2_gpr[NR_L2];	/* but for RAX, which is in the VMCB */

/*
 * Runs L2 until its next exit to L1. The library's run_guest() does not keep
 * all of L2's registers, and an access that L1 emulates is resumed here.
 */
void svm_enter(struct gpr *regs, uint64_t vmcb_gpa);

asm(".pushsection .text\n"
    ".globl svm_enter\n"
    "svm_enter:\n"
    "	push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
    "	push %rdi\n"
    "	mov %rsi, %rax\n"
    "	mov 0x08(%rdi), %rbx; mov 0x10(%rdi), %rcx; mov 0x18(%rdi), %rdx\n"
    "	mov 0x20(%rdi), %rsi; mov 0x30(%rdi), %rbp\n"
    "	mov 0x38(%rdi), %r8;  mov 0x40(%rdi), %r9;  mov 0x48(%rdi), %r10\n"
    "	mov 0x50(%rdi), %r11; mov 0x58(%rdi), %r12; mov 0x60(%rdi), %r13\n"
    "	mov 0x68(%rdi), %r14; mov 0x70(%rdi), %r15; mov 0x28(%rdi), %rdi\n"
    "	vmload %rax\n"
    "	vmrun %rax\n"
    "	vmsave %rax\n"
    "	push %rdi\n"
    "	mov 8(%rsp), %rdi\n"
    "	mov %rbx, 0x08(%rdi); mov %rcx, 0x10(%rdi); mov %rdx, 0x18(%rdi)\n"
    "	mov %rsi, 0x20(%rdi); mov %rbp, 0x30(%rdi)\n"
    "	mov %r8,  0x38(%rdi); mov %r9,  0x40(%rdi); mov %r10, 0x48(%rdi)\n"
    "	mov %r11, 0x50(%rdi); mov %r12, 0x58(%rdi); mov %r13, 0x60(%rdi)\n"
    "	mov %r14, 0x68(%rdi); mov %r15, 0x70(%rdi)\n"
    "	pop 0x28(%rdi)\n"
    "	pop %rdi\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
    "	ret\n"
    ".popsection\n");

static void svm_cpu(unsigned int cpu)
{
	struct svm_test_data *svm = l2_state[cpu].data;

	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, svm->save_area_gpa);
}

static void svm_setup(unsigned int l2, void *entry, void *stack)
{
	struct svm_test_data *svm = l2_state[l2].data;

	generic_svm_setup(svm, entry, stack);
	svm->vmcb->control.iopm_base_pa = l2_state[l2].page;
	svm->vmcb->control.asid = l2 + 1;
	/* Else it is L1 that shuts down with an L2 that cannot run. */
	svm->vmcb->control.intercept |= 1ull << INTERCEPT_SHUTDOWN;
	svm->vmcb->control.intercept |= 1ull << INTERCEPT_CPUID;
	svm->vmcb->control.intercept |= 1ull << INTERCEPT_VMRUN;
	svm->vmcb->save.rflags = 2;
}

static enum l2_stop svm_run(unsigned int l2, struct l1_exit *e, uint64_t *code)
{
	struct svm_test_data *svm = l2_state[l2].data;
	struct vmcb_control_area *c = &svm->vmcb->control;
	void *elsewhere = (void *)mbox.anchor[l2].gva;

	c->nested_ctl = mbox.root[l2] ? SVM_NESTED_CTL_NP_ENABLE : 0;
	c->nested_cr3 = mbox.root[l2];
	c->tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
	c->clean = 0;
	c->tsc_offset = mbox.clock[l2];
	if (mbox.intercept)
		c->intercept |= 1ull << INTERCEPT_IOIO_PROT;
	else
		c->intercept &= ~(1ull << INTERCEPT_IOIO_PROT);

	if (elsewhere) {
		memcpy(elsewhere, svm->vmcb, sizeof(*svm->vmcb));
		svm_enter(&l2_gpr[l2], mbox.anchor[l2].gpa);
		memcpy(svm->vmcb, elsewhere, sizeof(*svm->vmcb));
	} else {
		svm_enter(&l2_gpr[l2], svm->vmcb_gpa);
	}

	*code = c->exit_code;
	if (c->exit_code == SVM_EXIT_VMMCALL)
		return STOP_CALL;
	if (c->exit_code == SVM_EXIT_CPUID)
		return STOP_CPUID;
	if (c->exit_code == SVM_EXIT_VMRUN)
		return STOP_ENTER;
	if (c->exit_code != SVM_EXIT_IOIO)
		return STOP_OTHER;
	e->port = c->exit_info_1 >> 16;
	e->size = c->exit_info_1 >> SVM_IOIO_SIZE_SHIFT & 7;
	e->in = c->exit_info_1 & SVM_IOIO_TYPE_MASK;
	e->string = c->exit_info_1 & SVM_IOIO_STR_MASK;
	e->rep = c->exit_info_1 >> SVM_IOIO_REP_SHIFT & 1;
	return STOP_IO;
}

static void svm_skip(unsigned int l2)
{
	struct svm_test_data *svm = l2_state[l2].data;
	struct vmcb *vmcb = svm->vmcb;

	if (vmcb->control.exit_code == SVM_EXIT_IOIO)
		vmcb->save.rip = vmcb->control.exit_info_2;
	else
		/* VMMCALL, VMRUN */
		vmcb->save.rip += vmcb->control.exit_code == SVM_EXIT_CPUID ? 2 : 3;
}

static void svm_select(unsigned int l2)
{
}

static uint64_t *svm_rax(unsigned int l2)
{
	struct svm_test_data *svm = l2_state[l2].data;

	/* The VMCB is packed, but this member of it is aligned. */
	return (uint64_t *)((char *)svm->vmcb + offsetof(struct vmcb, save.rax));
}

static struct gpr *svm_gpr(unsigned int l2)
{
	return &l2_gpr[l2];
}

static struct vmcb_save_area saved;
static struct gpr saved_gpr;

/*
 * 32-bit protected mode without paging (APM vol. 2, 15.5.1). A reset clears TR too
 * (14.1.3), an SMI leaves it alone (10.3.2).
 */
static void svm_unpaged(unsigned int l2, uint64_t code, bool reset)
{
	struct svm_test_data *svm = l2_state[l2].data;
	struct vmcb_save_area *save = &svm->vmcb->save;

	memcpy(&saved, save, sizeof(saved));
	saved_gpr = l2_gpr[l2];
	save->cr0 &= ~X86_CR0_PG;
	save->efer &= ~(EFER_LME | EFER_LMA);
	save->cs.attrib = 0xc9b;
	save->cs.base = 0;
	save->cs.limit = 0xffffffff;
	save->rip = code;
	if (reset)
		save->tr = (struct vmcb_seg){ .attrib = 0x8b, .limit = 0xffff };
}

static void svm_paged(unsigned int l2)
{
	struct svm_test_data *svm = l2_state[l2].data;

	memcpy(&svm->vmcb->save, &saved, sizeof(saved));
	l2_gpr[l2] = saved_gpr;
}

static void svm_release(unsigned int l2)
{
}

const struct l1_ops l1_svm = {
	.cpu = svm_cpu, .setup = svm_setup, .run = svm_run, .skip = svm_skip, .select = svm_select,
	.rax = svm_rax,
	.gpr = svm_gpr,
	.unpaged = svm_unpaged, .paged = svm_paged, .release = svm_release,
};
