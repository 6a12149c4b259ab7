// SPDX-License-Identifier: GPL-2.0
/*
 * L1 on Intel: a VMCS for each user VM, with a virtual-APIC page each, as KVM
 * as a guest hypervisor has.
 */
#include <string.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "vmx.h"

#include "guest.h"

#define QUAL_SIZE	7
#define QUAL_IN		(1 << 3)
#define QUAL_STRING	(1 << 4)
#define QUAL_REP	(1 << 5)

static struct gpr l2_gpr[NR_L2];
static bool launched[NR_L2];

/*
 * Runs L2 until its next exit to L1. The library's vmlaunch() and vmresume()
 * lose L2's registers, and an access that L1 emulates is resumed here.
 * Return: 0, or 1 if VMX refuses the entry.
 */
int vmx_enter(struct gpr *regs, int resume);

asm(".pushsection .text\n"
    ".globl vmx_enter\n"
    "vmx_enter:\n"
    "	push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
    "	push %rdi\n"
    "	mov $0x6c14, %eax\n"		/* HOST_RSP */
    "	vmwrite %rsp, %rax\n"
    "	mov $0x6c16, %eax\n"		/* HOST_RIP */
    "	lea 1f(%rip), %rdx\n"
    "	vmwrite %rdx, %rax\n"
    "	test %esi, %esi\n"
    "	mov 0x00(%rdi), %rax; mov 0x08(%rdi), %rbx; mov 0x10(%rdi), %rcx\n"
    "	mov 0x18(%rdi), %rdx; mov 0x20(%rdi), %rsi; mov 0x30(%rdi), %rbp\n"
    "	mov 0x38(%rdi), %r8;  mov 0x40(%rdi), %r9;  mov 0x48(%rdi), %r10\n"
    "	mov 0x50(%rdi), %r11; mov 0x58(%rdi), %r12; mov 0x60(%rdi), %r13\n"
    "	mov 0x68(%rdi), %r14; mov 0x70(%rdi), %r15; mov 0x28(%rdi), %rdi\n"
    "	jnz 2f\n"
    "	vmlaunch\n"
    "	jmp 3f\n"
    "2:	vmresume\n"
    "3:	pop %rdi\n"
    "	mov $1, %eax\n"
    "	jmp 4f\n"
    "1:	push %rdi\n"
    "	mov 8(%rsp), %rdi\n"
    "	mov %rax, 0x00(%rdi); mov %rbx, 0x08(%rdi); mov %rcx, 0x10(%rdi)\n"
    "	mov %rdx, 0x18(%rdi); mov %rsi, 0x20(%rdi); mov %rbp, 0x30(%rdi)\n"
    "	mov %r8,  0x38(%rdi); mov %r9,  0x40(%rdi); mov %r10, 0x48(%rdi)\n"
    "	mov %r11, 0x50(%rdi); mov %r12, 0x58(%rdi); mov %r13, 0x60(%rdi)\n"
    "	mov %r14, 0x68(%rdi); mov %r15, 0x70(%rdi)\n"
    "	pop 0x28(%rdi)\n"
    "	pop %rdi\n"
    "	xor %eax, %eax\n"
    "4:	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
    "	ret\n"
    ".popsection\n");

static void vmx_cpu(unsigned int cpu)
{
	GUEST_ASSERT(prepare_for_vmx_operation(l2_state[cpu].data));
}

static void vmx_setup(unsigned int l2, void *entry, void *stack)
{
	struct vmx_pages *vmx = l2_state[l2].data;

	GUEST_ASSERT(load_vmcs(vmx));
	vmx->eptp_gpa = mbox.root[l2];
	prepare_vmcs(vmx, entry, stack);
	vmwrite(VIRTUAL_APIC_PAGE_ADDR, l2_state[l2].page);
	vmwrite(CPU_BASED_VM_EXEC_CONTROL,
		vmreadz(CPU_BASED_VM_EXEC_CONTROL) | CPU_BASED_TPR_SHADOW |
		CPU_BASED_USE_TSC_OFFSETTING);
}

/* The EPT pointer that the library made, with another root. */
static void set_root(uint64_t root)
{
	uint64_t eptp = vmreadz(EPT_POINTER), ctl = vmreadz(SECONDARY_VM_EXEC_CONTROL);

	if (!root) {
		vmwrite(SECONDARY_VM_EXEC_CONTROL, ctl & ~SECONDARY_EXEC_ENABLE_EPT);
		return;
	}
	vmwrite(EPT_POINTER, (eptp & 0xfff) | root);
	vmwrite(SECONDARY_VM_EXEC_CONTROL, ctl | SECONDARY_EXEC_ENABLE_EPT);
}

static enum l2_stop vmx_run(unsigned int l2, struct l1_exit *e, uint64_t *code)
{
	struct vmx_pages *vmx = l2_state[l2].data;
	uint64_t ctl, qual;

	GUEST_ASSERT(!vmptrld(vmx->vmcs_gpa));
	set_root(mbox.root[l2]);
	ctl = vmreadz(CPU_BASED_VM_EXEC_CONTROL);
	if (mbox.intercept)
		ctl |= CPU_BASED_UNCOND_IO_EXITING;
	else
		ctl &= ~CPU_BASED_UNCOND_IO_EXITING;
	if (mbox.bare[l2])
		ctl &= ~CPU_BASED_TPR_SHADOW;
	else
		ctl |= CPU_BASED_TPR_SHADOW;
	vmwrite(CPU_BASED_VM_EXEC_CONTROL, ctl);
	vmwrite(TSC_OFFSET, mbox.clock[l2]);
	vmwrite(VIRTUAL_APIC_PAGE_ADDR, mbox.anchor[l2].gpa ?: l2_state[l2].page);

	if (vmx_enter(&l2_gpr[l2], launched[l2])) {
		*code = vmreadz(VM_INSTRUCTION_ERROR) | 1ull << 32;
		return STOP_OTHER;
	}
	*code = vmreadz(VM_EXIT_REASON);
	if (!(*code & EXIT_REASON_FAILED_VMENTRY))
		launched[l2] = true;
	if (*code == EXIT_REASON_VMCALL)
		return STOP_CALL;
	if (*code == EXIT_REASON_CPUID)
		return STOP_CPUID;
	if (*code == EXIT_REASON_VMRESUME || *code == EXIT_REASON_VMLAUNCH)
		return STOP_ENTER;
	if (*code != EXIT_REASON_IO_INSTRUCTION)
		return STOP_OTHER;
	qual = vmreadz(EXIT_QUALIFICATION);
	e->port = qual >> 16;
	e->size = (qual & QUAL_SIZE) + 1;
	e->in = qual & QUAL_IN;
	e->string = qual & QUAL_STRING;
	e->rep = qual & QUAL_REP;
	return STOP_IO;
}

static void vmx_skip(unsigned int l2)
{
	vmwrite(GUEST_RIP, vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN));
}

static void vmx_select(unsigned int l2)
{
	struct vmx_pages *vmx = l2_state[l2].data;

	GUEST_ASSERT(!vmptrld(vmx->vmcs_gpa));
}

static uint64_t *vmx_rax(unsigned int l2)
{
	return &l2_gpr[l2].rax;
}

static struct gpr *vmx_gpr(unsigned int l2)
{
	return &l2_gpr[l2];
}

static const uint32_t boot_fields[] = {
	GUEST_CR0, GUEST_IA32_EFER, GUEST_CS_AR_BYTES, GUEST_CS_BASE, GUEST_CS_LIMIT,
	GUEST_TR_SELECTOR, GUEST_TR_BASE, GUEST_TR_LIMIT, GUEST_TR_AR_BYTES,
	GUEST_RIP, VM_ENTRY_CONTROLS, SECONDARY_VM_EXEC_CONTROL,
};

static uint64_t saved[sizeof(boot_fields) / sizeof(boot_fields[0])];
static struct gpr saved_gpr;

/*
 * 32-bit protected mode without paging: an unrestricted guest (SDM vol. 3, 26.6.2). A
 * reset clears TR too (10.1.1, table 10-1), an SMI leaves it alone (32.5.1).
 */
static void vmx_unpaged(unsigned int l2, uint64_t code, bool reset)
{
	struct vmx_pages *vmx = l2_state[l2].data;

	GUEST_ASSERT(!vmptrld(vmx->vmcs_gpa));
	for (unsigned int i = 0; i < sizeof(saved) / sizeof(saved[0]); i++)
		saved[i] = vmreadz(boot_fields[i]);
	saved_gpr = l2_gpr[l2];
	vmwrite(GUEST_CR0, vmreadz(GUEST_CR0) & ~X86_CR0_PG);
	vmwrite(GUEST_IA32_EFER, vmreadz(GUEST_IA32_EFER) & ~(EFER_LME | EFER_LMA));
	vmwrite(GUEST_CS_AR_BYTES, 0xc09b);
	vmwrite(GUEST_CS_BASE, 0);
	vmwrite(GUEST_CS_LIMIT, 0xffffffff);
	vmwrite(GUEST_RIP, code);
	if (reset) {
		vmwrite(GUEST_TR_SELECTOR, 0);
		vmwrite(GUEST_TR_BASE, 0);
		vmwrite(GUEST_TR_LIMIT, 0xffff);
		vmwrite(GUEST_TR_AR_BYTES, 0x8b);
	}
	vmwrite(VM_ENTRY_CONTROLS, vmreadz(VM_ENTRY_CONTROLS) & ~VM_ENTRY_IA32E_MODE);
	vmwrite(SECONDARY_VM_EXEC_CONTROL,
		vmreadz(SECONDARY_VM_EXEC_CONTROL) | SECONDARY_EXEC_UNRESTRICTED_GUEST);
}

static void vmx_paged(unsigned int l2)
{
	for (unsigned int i = 0; i < sizeof(saved) / sizeof(saved[0]); i++)
		vmwrite(boot_fields[i], saved[i]);
	l2_gpr[l2] = saved_gpr;
}

/* What the CPU holds of a VMCS goes to memory (SDM vol. 3, 25.11.1). */
static void vmx_release(unsigned int l2)
{
	struct vmx_pages *vmx = l2_state[l2].data;

	GUEST_ASSERT(!vmclear(vmx->vmcs_gpa));
	launched[l2] = false;
}

const struct l1_ops l1_vmx = {
	.cpu = vmx_cpu, .setup = vmx_setup, .run = vmx_run, .skip = vmx_skip, .select = vmx_select,
	.rax = vmx_rax,
	.gpr = vmx_gpr,
	.unpaged = vmx_unpaged, .paged = vmx_paged, .release = vmx_release,
};
