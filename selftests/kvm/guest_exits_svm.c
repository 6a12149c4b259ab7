// SPDX-License-Identifier: GPL-2.0
/* On AMD: what L1 of guest_exits.h needs beyond guest_svm.c. */
#include <string.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "svm_util.h"

#include "guest_exits.h"

/* APM vol. 2, appendix C. */
#define EXIT_INTR	0x60
#define EXIT_VINTR	0x64
#define EXIT_HLT	0x78
#define EXIT_NPF	0x400
#define V_PRIO_ANY	(0xf << 16 | 1 << 20)	/* 15.21.4: the highest, whatever V_TPR is */
#define EVENT_VALID	(1u << 31)
#define EVENT_BP	(3u << 8 | 3)

static struct vmcb *vmcb_of(unsigned int l2)
{
	return ((struct svm_test_data *)l2_state[l2].data)->vmcb;
}

static void svm_start(unsigned int l2, uint64_t rip, uint64_t rsp, uint64_t rflags)
{
	struct vmcb *v = vmcb_of(l2);

	v->save.rip = rip;
	v->save.rsp = rsp;
	v->save.rflags = rflags;
	v->control.int_state = 0;
	v->control.event_inj = 0;
}

static void svm_segments(unsigned int l2, uint64_t page, bool real)
{
	struct vmcb_save_area *save = &vmcb_of(l2)->save;

	save->cs.base = page;
	save->ds.base = page;
	save->rip = 0;
	if (!real)
		return;
	save->cr0 &= ~X86_CR0_PE;
	save->cs.attrib = 0x9b;
	save->cs.limit = 0xffff;
}

/* MSR permission map: two bits for each, the upper one for writes (15.11). */
static void svm_intercept_eoi(unsigned int l2, bool eoi)
{
	uint8_t *map = ((struct svm_test_data *)l2_state[l2].data)->msr;
	struct vmcb_control_area *c = &vmcb_of(l2)->control;
	unsigned int bit = 2 * EOI_MSR + 1;

	map[bit / 8] |= 1 << bit % 8;
	if (eoi)
		c->intercept |= 1ull << INTERCEPT_MSR_PROT;
	else
		c->intercept &= ~(1ull << INTERCEPT_MSR_PROT);
}

static void svm_intercept(unsigned int l2, bool eoi)
{
	struct vmcb_control_area *c = &vmcb_of(l2)->control;

	svm_intercept_eoi(l2, eoi);
	c->intercept |= 1ull << INTERCEPT_HLT | 1ull << INTERCEPT_INTR;
	/* IF of L2 is not that of L1 (15.21.1). */
	c->int_ctl |= V_INTR_MASKING_MASK;
}

static enum why svm_why(unsigned int l2, uint64_t code)
{
	switch (code) {
	case SVM_EXIT_IOIO:
		return WHY_IO;
	case EXIT_HLT:
		return WHY_HLT;
	case EXIT_INTR:
		return WHY_TICK;
	case EXIT_VINTR:
		return WHY_WINDOW;
	case SVM_EXIT_VMMCALL:
		return WHY_CALL;
	case SVM_EXIT_MSR:
		return WHY_EOI;
	case EXIT_NPF:
		return WHY_PAGE;
	case SVM_EXIT_VMRUN:
		return WHY_HOSTS;
	}
	return WHY_OTHER;
}

static uint64_t svm_rip(unsigned int l2)
{
	return vmcb_of(l2)->save.rip;
}

static void svm_set_rip(unsigned int l2, uint64_t rip)
{
	vmcb_of(l2)->save.rip = rip;
}

static uint64_t svm_rsp(unsigned int l2)
{
	return vmcb_of(l2)->save.rsp;
}

static uint64_t svm_rflags(unsigned int l2)
{
	return vmcb_of(l2)->save.rflags;
}

static uint64_t svm_next(unsigned int l2)
{
	struct vmcb *v = vmcb_of(l2);

	switch (v->control.exit_code) {
	case SVM_EXIT_IOIO:
		return v->control.exit_info_2;
	case SVM_EXIT_MSR:
		return v->save.rip + 2;
	case SVM_EXIT_VMRUN:
		return v->save.rip + 3;
	}
	return v->save.rip + 1;
}

static uint32_t svm_shadow(unsigned int l2)
{
	return vmcb_of(l2)->control.int_state & SVM_INTERRUPT_SHADOW_MASK;
}

static void svm_set_shadow(unsigned int l2, uint32_t shadow)
{
	vmcb_of(l2)->control.int_state = shadow ? SVM_INTERRUPT_SHADOW_MASK : 0;
}

static void svm_inject(unsigned int l2, unsigned int vector)
{
	vmcb_of(l2)->control.event_inj = EVENT_VALID | vector;
}

static void svm_window(unsigned int l2, bool on)
{
	struct vmcb_control_area *c = &vmcb_of(l2)->control;

	if (on) {
		c->int_ctl |= V_IRQ_MASK | V_PRIO_ANY;
		c->intercept |= 1ull << INTERCEPT_VINTR;
	} else {
		c->int_ctl &= ~V_IRQ_MASK;
		c->intercept &= ~(1ull << INTERCEPT_VINTR);
	}
}

static bool svm_armed(unsigned int l2)
{
	return vmcb_of(l2)->control.int_ctl & V_IRQ_MASK;
}

/* What an exit has interrupted is injected again; INT3 is executed again. */
static void svm_again(unsigned int l2)
{
	struct vmcb_control_area *c = &vmcb_of(l2)->control;

	c->event_inj = 0;
	if (c->exit_int_info & EVENT_VALID && (c->exit_int_info & 0x7ff) != EVENT_BP) {
		c->event_inj = c->exit_int_info;
		c->event_inj_err = c->exit_int_info_err;
	}
}

/* VMRUN sets GIF, #VMEXIT clears it (15.17): an interrupt comes in L2, or behind STGI. */
static void svm_guard(bool on)
{
	if (on)
		asm volatile("clgi; sti" : : : "memory");
	else
		asm volatile("cli; stgi" : : : "memory");
}

const struct exits_ops exits_svm = {
	.start = svm_start, .segments = svm_segments, .intercept = svm_intercept, .why = svm_why,
	.rip = svm_rip, .set_rip = svm_set_rip, .rsp = svm_rsp, .rflags = svm_rflags,
	.next = svm_next, .shadow = svm_shadow, .set_shadow = svm_set_shadow,
	.inject = svm_inject, .window = svm_window, .armed = svm_armed, .again = svm_again,
	.guard = svm_guard,
};
