// SPDX-License-Identifier: GPL-2.0
/* The guests: l2_main() executes the mailbox's list, l1_main() runs L2. */
#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#include "guest.h"

#define TF		(1ull << 8)
#define STACK_SIZE	16384

/*
 * Rounds of an empty loop between two accesses of OP_LOOP. An emulator takes
 * far longer for a nested exit than it lets pass in its guest's time, so one
 * that did nothing else would hardly see time pass.
 */
#define LOOP_SPIN	100000

static uint8_t l2_stack[NR_L2][STACK_SIZE] __attribute__((aligned(16)));

/* Single-step: what the handler saw, and where it should have been. */
static volatile uint32_t nr_steps;
static volatile uint64_t step_rip;

void guest_db_handler(void *p)
{
	struct ex_regs *regs = p;

	nr_steps++;
	step_rip = regs->rip;
	regs->rflags &= ~TF;
}

static void do_out(struct op *o)
{
	switch (o->size) {
	case 1:
		asm volatile("outb %%al, %%dx" : : "a"(o->value), "d"(o->port));
		break;
	case 2:
		asm volatile("outw %%ax, %%dx" : : "a"(o->value), "d"(o->port));
		break;
	case 4:
		asm volatile("outl %%eax, %%dx" : : "a"(o->value), "d"(o->port));
		break;
	}
}

static void do_in(struct op *o)
{
	uint64_t rax = POISON;

	switch (o->size) {
	case 1:
		asm volatile("inb %%dx, %%al" : "+a"(rax) : "d"(o->port));
		break;
	case 2:
		asm volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(o->port));
		break;
	case 4:
		asm volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(o->port));
		break;
	}
	o->value = rax;
}

#define STRING(insn, reg, addr, count, port)				\
	asm volatile(insn : "+" reg(addr), "+c"(count) : "d"(port) : "memory", "cc")

#define STRINGS(o, b, w, l, reg, addr) do {				\
	if ((o)->size == 1)						\
		STRING(b, reg, addr, (o)->count, (o)->port);		\
	else if ((o)->size == 2)					\
		STRING(w, reg, addr, (o)->count, (o)->port);		\
	else								\
		STRING(l, reg, addr, (o)->count, (o)->port);		\
} while (0)

/* With RFLAGS.DF set around it if asked for: the compiler relies on 0. */
#define DOWN(insn)	"std; " insn "; cld"

static void do_outs(struct op *o)
{
	uint8_t *p = mbox.buf + o->offset;

	if (o->rep && o->down)
		STRINGS(o, DOWN("rep outsb"), DOWN("rep outsw"), DOWN("rep outsl"), "S", p);
	else if (o->rep)
		STRINGS(o, "rep outsb", "rep outsw", "rep outsl", "S", p);
	else if (o->down)
		STRINGS(o, DOWN("outsb"), DOWN("outsw"), DOWN("outsl"), "S", p);
	else
		STRINGS(o, "outsb", "outsw", "outsl", "S", p);
	o->offset = p - mbox.buf;
}

static void do_ins(struct op *o)
{
	uint8_t *p = mbox.buf + o->offset;

	if (o->rep && o->down)
		STRINGS(o, DOWN("rep insb"), DOWN("rep insw"), DOWN("rep insl"), "D", p);
	else if (o->rep)
		STRINGS(o, "rep insb", "rep insw", "rep insl", "D", p);
	else if (o->down)
		STRINGS(o, DOWN("insb"), DOWN("insw"), DOWN("insl"), "D", p);
	else
		STRINGS(o, "insb", "insw", "insl", "D", p);
	o->offset = p - mbox.buf;
}

/*
 * TF is set by POPF, so the trap comes behind the instruction after it: the
 * access. A byte is enough here.
 */
#define STEP(insn, rax, behind, reg, val)				\
	asm volatile("lea 1f(%%rip), %1\n"				\
		     "pushfq\n"						\
		     "orq %3, (%%rsp)\n"				\
		     "popfq\n"						\
		     insn "\n"						\
		     "1: nop\n"						\
		     "nop\n"						\
		     : "+a"(rax), "=&r"(behind) : reg(val), "i"(TF) : "cc", "memory")

static void do_step(struct op *o)
{
	uint64_t rax = o->kind == OP_STEP_OUT ? o->value : POISON, behind = 0;

	nr_steps = 0;
	step_rip = 0;
	if (o->kind == OP_STEP_OUT)
		STEP("outb %%al, %%dx", rax, behind, "d", o->port);
	else if (o->kind == OP_STEP_IN)
		STEP("inb %%dx, %%al", rax, behind, "d", o->port);
	else
		STEP("movb %%al, (%2)", rax, behind, "d", mbox.buf + STEP_PAGE);
	if (o->kind == OP_STEP_IN)
		o->value = rax;
	o->steps = nr_steps;
	o->step_off = step_rip - behind;
}

static void do_loop(struct op *o)
{
	struct op out = { .kind = OP_OUT, .size = o->size, .port = o->port };

	while (!mbox.stop) {
		uint64_t spin = LOOP_SPIN;

		out.value = o->value++;
		do_out(&out);
		asm volatile("1: dec %0; jnz 1b" : "+r"(spin) : : "cc");
	}
}

static uint8_t inb_at(uint16_t port)
{
	uint8_t v;

	asm volatile("inb %%dx, %%al" : "=a"(v) : "d"(port));
	return v;
}

/* As a driver does: 16 bytes whenever THRE says that the FIFO is empty. */
static void do_send(struct op *o)
{
	uint32_t byte = o->value;

	while (o->count && !mbox.stop) {
		if (!(inb_at(o->port + 5) & 0x20))
			continue;
		for (int i = 0; i < 16 && o->count; i++, o->count--)
			asm volatile("outb %%al, %%dx" : : "a"((uint8_t)(byte++ % 251)),
				     "d"(o->port));
	}
}

static void do_receive(struct op *o)
{
	uint32_t byte = o->value;

	o->value = 0;
	for (; o->count && !mbox.stop; o->count--) {
		while (!(inb_at(o->port + 5) & 0x01) && !mbox.stop)
			;
		o->value += inb_at(o->port) != byte++ % 251;
	}
}

static void do_timed(struct op *o)
{
	uint32_t *ticks = (uint32_t *)mbox.buf, a, b, c, d;

	for (uint64_t i = 0; i < o->count; i++) {
		uint64_t begin = rdtsc();

		if (o->kind == OP_CPUID)
			cpuid(0, &a, &b, &c, &d);
		else
			asm volatile("outb %%al, %%dx" : : "a"((uint8_t)o->value), "d"(o->port));
		ticks[i] = rdtsc() - begin;
	}
}

/* By turns, on VMX. */
static void do_enter(struct op *o)
{
	if (mbox.amd)
		asm volatile("vmrun %%rax" : : "a"(0x1000ull) : "memory");
	else if (o->value++ & 1)
		asm volatile("vmlaunch" : : : "memory", "cc");
	else
		asm volatile("vmresume" : : : "memory", "cc");
}

static void do_list(struct op *ops, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct op *o = &ops[i];

		switch (o->kind) {
		case OP_OUT:
			do_out(o);
			break;
		case OP_IN:
			do_in(o);
			break;
		case OP_OUTS:
			do_outs(o);
			break;
		case OP_INS:
			do_ins(o);
			break;
		case OP_STEP_OUT:
		case OP_STEP_IN:
		case OP_STEP_TOUCH:
			do_step(o);
			break;
		case OP_LOOP:
			do_loop(o);
			break;
		case OP_SEND:
			do_send(o);
			break;
		case OP_RECEIVE:
			do_receive(o);
			break;
		case OP_CPUID:
		case OP_TIMED_OUT:
			do_timed(o);
			break;
		case OP_ENTER:
			do_enter(o);
			break;
		}
		o->done++;
	}
}

static void do_ops(void)
{
	do_list(mbox.ops, mbox.nr_ops);
}

/* Which list is said in the mailbox: the stack says who it is. */
static void l2_main(void)
{
	for (;;) {
		if (mbox.inner_runs)
			do_list(mbox.inner_ops, mbox.nr_inner_ops);
		else
			do_ops();
		if (mbox.amd)
			asm volatile("vmmcall" : : : "memory");
		else
			asm volatile("vmcall" : : : "memory");
	}
}

static void l1_emulate(const struct l1_ops *l1, unsigned int l2, const struct l1_exit *e)
{
	static const uint64_t mask[] = { 0, 0xff, 0xffff, 0, 0xffffffff };
	uint64_t *rax = l1->rax(l2);

	if (!e->in || e->string)
		return;
	/* INL clears the upper half of RAX (SDM 3.4.1.1). */
	if (e->size == 4)
		*rax = 0;
	*rax = (*rax & ~mask[e->size]) | (L1_ANSWER & mask[e->size]);
}

static void l1_run(const struct l1_ops *l1, unsigned int l2);

/*
 * As a hypervisor with nested virtualization: what L2 has entered runs, until it calls.
 * Then L2 goes on behind its instruction.
 */
static void l1_run_inner(const struct l1_ops *l1, unsigned int outer)
{
	mbox.enters++;
	if (mbox.inner != outer) {
		mbox.inner_runs = true;
		l1_run(l1, mbox.inner);
		mbox.inner_runs = false;
		l1->select(outer);
	}
	l1->skip(outer);
}

static void l1_run(const struct l1_ops *l1, unsigned int l2)
{
	/* Not on the stack: the library's is not aligned as instructions on 16 bytes want it. */
	static struct l1_exit e;

	for (;;) {
		uint64_t code = 0;

		e = (struct l1_exit){ 0 };
		switch (l1->run(l2, &e, &code)) {
		case STOP_IO:
			if (!e.in)
				e.value = *l1->rax(l2);
			e.count = l1->gpr(l2)->rcx;
			e.offset = (e.in ? l1->gpr(l2)->rdi : l1->gpr(l2)->rsi) -
				   (uint64_t)mbox.buf;
			e.l2 = l2;
			if (mbox.nr_exits < EXITS_MAX)
				mbox.exits[mbox.nr_exits] = e;
			mbox.nr_exits++;
			l1_emulate(l1, l2, &e);
			l1->skip(l2);
			break;
		case STOP_CPUID:	/* the answer is nobody's concern */
			l1->skip(l2);
			break;
		case STOP_ENTER:
			l1_run_inner(l1, l2);
			break;
		case STOP_CALL:
			l1->skip(l2);
			return;
		case STOP_OTHER:
			mbox.trouble = code | 1ull << 63;
			return;
		}
		if (mbox.trouble)
			return;
	}
}

void l1_main(uint64_t cpu)
{
	const struct l1_ops *l1 = mbox.amd ? &l1_svm : &l1_vmx;

	l1->cpu(cpu);
	for (unsigned int i = 0; !cpu && i < mbox.nr_l2; i++) {
		l1->setup(i, l2_main, &l2_stack[i][STACK_SIZE - 8]);
		l1->release(i);
	}
	for (;;) {
		GUEST_SYNC(0);
		switch (mbox.request) {
		case L1_RUN_L2:
			l1_run(l1, mbox.l2);
			break;
		case L1_BOOT_L2:
		case L1_SMI_L2:
			l1->unpaged(mbox.l2, mbox.boot_code, mbox.request == L1_BOOT_L2);
			l1_run(l1, mbox.l2);
			l1->paged(mbox.l2);
			break;
		case L1_CALL:
			mbox.call(l1, cpu);
			continue;
		default:
			do_ops();
		}
		if (mbox.nr_cpus > 1)
			l1->release(mbox.l2);
	}
}
