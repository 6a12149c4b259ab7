// SPDX-License-Identifier: GPL-2.0
/*
 * Exit reason and exit information, as KVM's get_exit_info() has them from the CPU.
 */
#include <uapi/asm/svm.h>
#include <asm/vmx.h>

#include "kvm/exits.h"

/*
 * SDM vol. 3, 25.9.1: the reason is in bits 15:0. Above are flags of all kinds of
 * exits (a bus lock, enclave mode, a pending MTF exit), and those to come. Bit 31:
 * the entry failed, and L2 has executed no instruction.
 */
static bool vsb_vmx_reason_is(u32 reason, u16 basic)
{
	return (u16)reason == basic && !(reason & VMX_EXIT_REASONS_FAILED_VMENTRY);
}

/* SDM vol. 3, table 28-5: exit qualification of I/O instructions. */
bool vsb_vmx_exit_pio(u32 reason, u64 info, struct vsb_pio *pio)
{
	if (!vsb_vmx_reason_is(reason, EXIT_REASON_IO_INSTRUCTION))
		return false;
	pio->size = (info & 7) + 1;
	pio->in = info & 8;
	pio->port = info >> 16;
	return true;
}

/* L2 is a hypervisor, and enters a guest of its own. */
bool vsb_vmx_exit_enters(u32 reason)
{
	return vsb_vmx_reason_is(reason, EXIT_REASON_VMLAUNCH) ||
	       vsb_vmx_reason_is(reason, EXIT_REASON_VMRESUME);
}

/*
 * APM vol. 2, 15.10.2: EXITINFO1 of IOIO intercepts. The code is a number without
 * flags (appendix C).
 */
bool vsb_svm_exit_pio(u32 reason, u64 info, struct vsb_pio *pio)
{
	if (reason != SVM_EXIT_IOIO)
		return false;
	pio->size = info >> 4 & 7;
	pio->in = info & 1;
	pio->port = info >> 16;
	return true;
}

bool vsb_svm_exit_enters(u32 reason)
{
	return reason == SVM_EXIT_VMRUN;
}

/* L2 is a hypervisor, or about to be one. */
bool vsb_vmx_exit_hosts(u32 reason)
{
	return vsb_vmx_exit_enters(reason) || vsb_vmx_reason_is(reason, EXIT_REASON_VMON);
}

bool vsb_svm_exit_hosts(u32 reason)
{
	return reason == SVM_EXIT_VMRUN || reason == SVM_EXIT_CLGI || reason == SVM_EXIT_STGI;
}

bool vsb_vmx_exit_halts(u32 reason)
{
	return vsb_vmx_reason_is(reason, EXIT_REASON_HLT);
}

bool vsb_svm_exit_halts(u32 reason)
{
	return reason == SVM_EXIT_HLT;
}

bool vsb_vmx_exit_wrmsr(u32 reason, u64 info)
{
	return vsb_vmx_reason_is(reason, EXIT_REASON_MSR_WRITE);
}

/* APM vol. 2, 15.11: EXITINFO1 is 1 for a write. */
bool vsb_svm_exit_wrmsr(u32 reason, u64 info)
{
	return reason == SVM_EXIT_MSR && info == 1;
}

/* The nested page table has no page there, or one that is marked as a device. */
bool vsb_vmx_exit_pages(u32 reason)
{
	return vsb_vmx_reason_is(reason, EXIT_REASON_EPT_VIOLATION) ||
	       vsb_vmx_reason_is(reason, EXIT_REASON_EPT_MISCONFIG);
}

bool vsb_svm_exit_pages(u32 reason)
{
	return reason == SVM_EXIT_NPF;
}

#define INVALID_OPCODE	6	/* #UD */

/* APM vol. 2, 15.13.3 */
bool vsb_svm_exit_resumes(u32 reason, u32 intr_info)
{
	return reason == SVM_EXIT_RSM;
}

/* Outside of that mode RSM is #UD (SDM vol. 3, 32.4.3): the guest hypervisor emulates it. */
bool vsb_vmx_exit_resumes(u32 reason, u32 intr_info)
{
	return vsb_vmx_reason_is(reason, EXIT_REASON_EXCEPTION_NMI) &&
	       (intr_info & 0xff) == INVALID_OPCODE;
}

#define IOIO_STRING	4	/* EXITINFO1, APM vol. 2, 15.10.2 */

/*
 * Has the guest hypervisor to look at the instruction? Without next_rip (APM vol. 2, 15.7.1)
 * at each that it does for L2; what it needs to know of an IN or OUT the exit says.
 */
bool vsb_svm_exit_decodes(u32 reason, u64 info)
{
	switch (reason) {
	case SVM_EXIT_EXCP_BASE ... SVM_EXIT_EXCP_BASE + 31:
		return reason == SVM_EXIT_EXCP_BASE + INVALID_OPCODE;
	case SVM_EXIT_INTR:
	case SVM_EXIT_NMI:
	case SVM_EXIT_SMI:
	case SVM_EXIT_INIT:
	case SVM_EXIT_VINTR:
	case SVM_EXIT_IRET:
	case SVM_EXIT_FERR_FREEZE:
	case SVM_EXIT_SHUTDOWN:
		return false;
	case SVM_EXIT_IOIO:
		return info & IOIO_STRING;
	}
	/* Behind that: none, and those of SEV-ES. */
	return reason <= SVM_EXIT_NPF;
}

#define IO_STRING	0x10	/* exit qualification, SDM vol. 3, table 28-5 */

/* The same. The CPU tells the length of what causes an exit, but of what is done in memory. */
bool vsb_vmx_exit_decodes(u32 reason, u64 info, u32 intr_info)
{
	switch ((u16)reason) {
	case EXIT_REASON_EXCEPTION_NMI:
		return vsb_vmx_exit_resumes(reason, intr_info);
	case EXIT_REASON_IO_INSTRUCTION:
		return info & IO_STRING && !(reason & VMX_EXIT_REASONS_FAILED_VMENTRY);
	case EXIT_REASON_APIC_ACCESS:
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_EPT_MISCONFIG:
		return !(reason & VMX_EXIT_REASONS_FAILED_VMENTRY);
	}
	return false;
}

/* What vsb_vmx_exit_pio() reads: an access by the port in DX. */
u64 vsb_vmx_io_info(const struct vsb_pio *pio)
{
	return (u64)pio->port << 16 | (pio->in ? 8 : 0) | (pio->size - 1);
}

/* What vsb_svm_exit_pio() reads. */
u64 vsb_svm_io_info(const struct vsb_pio *pio)
{
	return (u64)pio->port << 16 | pio->size << 4 | pio->in;
}

/* None of the above: one question for most exits. */
bool vsb_vmx_exit_plain(u32 reason)
{
	switch ((u16)reason) {
	case EXIT_REASON_IO_INSTRUCTION:
	case EXIT_REASON_HLT:
	case EXIT_REASON_VMLAUNCH:
	case EXIT_REASON_VMRESUME:
	case EXIT_REASON_VMON:
	case EXIT_REASON_MSR_WRITE:
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_EPT_MISCONFIG:
		return false;
	}
	return true;
}

bool vsb_svm_exit_plain(u32 reason)
{
	switch (reason) {
	case SVM_EXIT_IOIO:
	case SVM_EXIT_HLT:
	case SVM_EXIT_VMRUN:
	case SVM_EXIT_STGI:
	case SVM_EXIT_CLGI:
	case SVM_EXIT_MSR:
	case SVM_EXIT_NPF:
		return false;
	}
	return true;
}
