// SPDX-License-Identifier: GPL-2.0
/*
 * On Intel: what L1 of guest_exits.h needs beyond guest_vmx.c. The user VM's VMCS is the
 * current one.
 */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "vmx.h"

#include "guest_exits.h"

/* SDM vol. 3, appendix C. */
#define EXIT_INTR	1
#define EXIT_WINDOW	7
#define EXIT_HLT	12
#define EXIT_VMXON	27
#define EXIT_WRMSR	32
#define EXIT_EPT	48
#define SHADOW		3	/* by STI, by MOV SS (25.4.2) */
#define EVENT_VALID	(1u << 31)
#define EVENT_TYPE	(7u << 8)
#define EVENT_SOFT	(6u << 8)	/* INT3 */
#define EVENT_UNDEFINED	(1u << 12)

static void vmx_start(unsigned int l2, uint64_t rip, uint64_t rsp, uint64_t rflags)
{
	vmwrite(GUEST_RIP, rip);
	vmwrite(GUEST_RSP, rsp);
	vmwrite(GUEST_RFLAGS, rflags);
	vmwrite(GUEST_INTERRUPTIBILITY_INFO, 0);
	vmwrite(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmwrite(VM_ENTRY_INTR_INFO_FIELD, 0);
}

/* An unrestricted guest (26.6.2). */
static void vmx_segments(unsigned int l2, uint64_t page, bool real)
{
	vmwrite(GUEST_CS_BASE, page);
	vmwrite(GUEST_DS_BASE, page);
	vmwrite(GUEST_RIP, 0);
	if (!real)
		return;
	vmwrite(GUEST_CR0, vmreadz(GUEST_CR0) & ~X86_CR0_PE);
	vmwrite(GUEST_CS_AR_BYTES, 0x9b);
	vmwrite(GUEST_CS_LIMIT, 0xffff);
}

/* Without MSR bitmaps each access to an MSR is an exit (26.1.3). */
static void vmx_intercept(unsigned int l2, bool eoi)
{
	vmwrite(PIN_BASED_VM_EXEC_CONTROL,
		vmreadz(PIN_BASED_VM_EXEC_CONTROL) | PIN_BASED_EXT_INTR_MASK);
	vmwrite(CPU_BASED_VM_EXEC_CONTROL,
		vmreadz(CPU_BASED_VM_EXEC_CONTROL) | CPU_BASED_HLT_EXITING);
}

static enum why vmx_why(unsigned int l2, uint64_t code)
{
	unsigned int length;

	switch (code) {
	case EXIT_REASON_IO_INSTRUCTION:
		/* Xen ends with a BUG if that is the length of no instruction. */
		length = vmreadz(VM_EXIT_INSTRUCTION_LEN);
		return length && length <= 15 ? WHY_IO : WHY_OTHER;
	case EXIT_HLT:
		return WHY_HLT;
	case EXIT_INTR:
		return WHY_TICK;
	case EXIT_WINDOW:
		return WHY_WINDOW;
	case EXIT_REASON_VMCALL:
		return WHY_CALL;
	case EXIT_WRMSR:
		return WHY_EOI;
	case EXIT_EPT:
		return WHY_PAGE;
	case EXIT_VMXON:
		return WHY_HOSTS;
	}
	return WHY_OTHER;
}

static uint64_t vmx_rip(unsigned int l2)
{
	return vmreadz(GUEST_RIP);
}

static void vmx_set_rip(unsigned int l2, uint64_t rip)
{
	vmwrite(GUEST_RIP, rip);
}

static uint64_t vmx_rsp(unsigned int l2)
{
	return vmreadz(GUEST_RSP);
}

static uint64_t vmx_rflags(unsigned int l2)
{
	return vmreadz(GUEST_RFLAGS);
}

static uint64_t vmx_next(unsigned int l2)
{
	return vmreadz(GUEST_RIP) + vmreadz(VM_EXIT_INSTRUCTION_LEN);
}

static uint32_t vmx_shadow(unsigned int l2)
{
	return vmreadz(GUEST_INTERRUPTIBILITY_INFO) & SHADOW;
}

static void vmx_set_shadow(unsigned int l2, uint32_t shadow)
{
	vmwrite(GUEST_INTERRUPTIBILITY_INFO, shadow);
}

/* One that has halted wakes by it (27.6.2); then it is in no halt any more. */
static void vmx_inject(unsigned int l2, unsigned int vector)
{
	vmwrite(VM_ENTRY_INTR_INFO_FIELD, EVENT_VALID | vector);
	vmwrite(GUEST_ACTIVITY_STATE, 0);
}

static void vmx_window(unsigned int l2, bool on)
{
	uint64_t ctl = vmreadz(CPU_BASED_VM_EXEC_CONTROL) & ~CPU_BASED_INTR_WINDOW_EXITING;

	vmwrite(CPU_BASED_VM_EXEC_CONTROL, ctl | (on ? CPU_BASED_INTR_WINDOW_EXITING : 0));
}

/* There are none without virtual interrupt delivery. */
static bool vmx_armed(unsigned int l2)
{
	return false;
}

/* What an exit has interrupted is injected again; INT3 is executed again. */
static void vmx_again(unsigned int l2)
{
	uint64_t info = vmreadz(IDT_VECTORING_INFO_FIELD);

	vmwrite(VM_ENTRY_INTR_INFO_FIELD, 0);
	if (!(info & EVENT_VALID) || (info & EVENT_TYPE) == EVENT_SOFT)
		return;
	vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, vmreadz(IDT_VECTORING_ERROR_CODE));
	vmwrite(VM_ENTRY_INTR_INFO_FIELD, info & ~EVENT_UNDEFINED);
}

/* An interrupt ends L2 whatever IF is (26.2), and an exit clears IF (28.5.3). */
static void vmx_guard(bool on)
{
}

const struct exits_ops exits_vmx = {
	.start = vmx_start, .segments = vmx_segments, .intercept = vmx_intercept, .why = vmx_why,
	.rip = vmx_rip, .set_rip = vmx_set_rip, .rsp = vmx_rsp, .rflags = vmx_rflags,
	.next = vmx_next, .shadow = vmx_shadow, .set_shadow = vmx_set_shadow,
	.inject = vmx_inject, .window = vmx_window, .armed = vmx_armed, .again = vmx_again,
	.guard = vmx_guard,
};
