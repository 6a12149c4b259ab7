// SPDX-License-Identifier: GPL-2.0
/* The vCPU's VMCS is the current one when KVM runs it. */
#include <linux/kvm_host.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <asm/msr.h>
#include <asm/vmx.h>

#include "meddle.h"

static unsigned long vmread(unsigned long field)
{
	unsigned long value = 0;

	asm volatile("vmread %1, %0" : "=r" (value) : "r" (field) : "cc");
	return value;
}

static void vmwrite(unsigned long field, unsigned long value)
{
	asm volatile("vmwrite %0, %1" : : "r" (value), "r" (field) : "cc");
}

/* What this kernel has, and the controls that KVM remembers to have written. */
struct before {
	u64 lstar;
	unsigned long entry, exit;
	bool efer;
};
static DEFINE_PER_CPU(struct before, before);

static void set_reg(struct kvm_vcpu *vcpu, enum kvm_reg reg, unsigned long value)
{
	vcpu->arch.regs[reg] = value;
	__set_bit(reg, (unsigned long *)&vcpu->arch.regs_avail);
	__set_bit(reg, (unsigned long *)&vcpu->arch.regs_dirty);
}

static unsigned long rip(struct kvm_vcpu *vcpu)
{
	return test_bit(VCPU_REGS_RIP, (unsigned long *)&vcpu->arch.regs_dirty) ?
	       vcpu->arch.regs[VCPU_REGS_RIP] : vmread(GUEST_RIP);
}

static void all_registers(struct kvm_vcpu *vcpu)
{
	int i;

	for (i = 0; i < __VCPU_REGS_R15 + 1; i++)
		set_reg(vcpu, i, 0x1111);
	vcpu->arch.cr2 = 0x2222;
	vmwrite(GUEST_RFLAGS, vmread(GUEST_RFLAGS) & ~X86_EFLAGS_IF);
	vmwrite(GUEST_CR3, 0);
	vmwrite(GUEST_SS_BASE, 0x3333);
	vmwrite(GUEST_GS_BASE, 0);
	vmwrite(GUEST_FS_BASE, 0);
	vmwrite(GUEST_TR_LIMIT, 0);
	vmwrite(GUEST_GDTR_LIMIT, 0);
	vmwrite(GUEST_IDTR_LIMIT, 0);
	vmwrite(GUEST_DR7, 0x455);
	wrmsrl(MSR_KERNEL_GS_BASE, 0);
	wrmsrl(MSR_LSTAR, 0x4444);
	asm volatile("pxor %%xmm15, %%xmm15\n\tpxor %%xmm0, %%xmm0" : : : "memory");
}

static void no_execute_off(struct before *b)
{
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	b->efer = true;
	b->entry = vmread(VM_ENTRY_CONTROLS);
	b->exit = vmread(VM_EXIT_CONTROLS);
	vmwrite(GUEST_IA32_EFER, efer & ~EFER_NX);
	vmwrite(HOST_IA32_EFER, efer);
	vmwrite(VM_ENTRY_CONTROLS, b->entry | VM_ENTRY_LOAD_IA32_EFER);
	vmwrite(VM_EXIT_CONTROLS, b->exit | VM_EXIT_LOAD_IA32_EFER);
}

/* As behind INIT and SIPI, but for where. */
static void start(struct kvm_vcpu *vcpu)
{
	set_reg(vcpu, VCPU_REGS_RIP, 0);
	vmwrite(GUEST_CR0, X86_CR0_ET | X86_CR0_NE);
	vmwrite(GUEST_CR4, X86_CR4_VMXE);
	vmwrite(VM_ENTRY_CONTROLS, vmread(VM_ENTRY_CONTROLS) & ~VM_ENTRY_IA32E_MODE);
	vmwrite(GUEST_IA32_EFER, 0);
	vmwrite(GUEST_RFLAGS, X86_EFLAGS_FIXED);
	vmwrite(GUEST_TR_BASE, 0);
	vmwrite(GUEST_CS_SELECTOR, 0xf000);
	vmwrite(GUEST_CS_BASE, 0xf0000);
	vmwrite(GUEST_CS_LIMIT, 0xffff);
	vmwrite(GUEST_CS_AR_BYTES, 0x9b);
	vmwrite(GUEST_SS_AR_BYTES, 0x93);
	vmwrite(GUEST_SS_LIMIT, 0xffff);
}

static void meddle(struct kvm_vcpu *vcpu, const char *change)
{
	struct before *b = this_cpu_ptr(&before);

	rdmsrl(MSR_LSTAR, b->lstar);
	b->efer = false;
	if (!strcmp(change, "registers"))
		all_registers(vcpu);
	else if (!strcmp(change, "rip"))
		set_reg(vcpu, VCPU_REGS_RIP, rip(vcpu) + 3);
	else if (!strcmp(change, "wp"))
		vmwrite(GUEST_CR0, vmread(GUEST_CR0) & ~X86_CR0_WP);
	else if (!strcmp(change, "nx"))
		no_execute_off(b);
	else if (!strcmp(change, "smep"))
		vmwrite(GUEST_CR4, vmread(GUEST_CR4) ^ X86_CR4_SMEP);
	else if (!strcmp(change, "exception"))
		vmwrite(VM_ENTRY_INTR_INFO_FIELD, INTR_INFO_VALID_MASK | INTR_TYPE_HARD_EXCEPTION | 6);
	else if (!strcmp(change, "int80"))
		vmwrite(VM_ENTRY_INTR_INFO_FIELD, INTR_INFO_VALID_MASK | INTR_TYPE_EXT_INTR | 0x80);
	else if (!strcmp(change, "start"))
		start(vcpu);
}

static void after(struct kvm_vcpu *vcpu)
{
	struct before *b = this_cpu_ptr(&before);

	wrmsrl(MSR_LSTAR, b->lstar);
	if (!b->efer)
		return;
	vmwrite(VM_ENTRY_CONTROLS, b->entry);
	vmwrite(VM_EXIT_CONTROLS, b->exit);
}

static bool interrupted(struct kvm_vcpu *vcpu)
{
	return (u16)vmread(VM_EXIT_REASON) == EXIT_REASON_EXTERNAL_INTERRUPT;
}

static bool user(struct kvm_vcpu *vcpu)
{
	return (vmread(GUEST_SS_AR_BYTES) >> 5 & 3) == 3;
}

static bool injects(struct kvm_vcpu *vcpu)
{
	return vmread(VM_ENTRY_INTR_INFO_FIELD) & INTR_INFO_VALID_MASK;
}

static bool shut(struct kvm_vcpu *vcpu)
{
	return (u16)vmread(VM_EXIT_REASON) == EXIT_REASON_TRIPLE_FAULT;
}

const struct vendor vmx = {
	.run = "vmx_vcpu_run",
	.interrupted = interrupted,
	.user = user,
	.injects = injects,
	.shut = shut,
	.rip = rip,
	.meddle = meddle,
	.after = after,
};
