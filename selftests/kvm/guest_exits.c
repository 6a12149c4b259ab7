// SPDX-License-Identifier: GPL-2.0
/* L1 of guest_exits.h: runs L2, writes down why it stopped, and answers as it is bidden. */
#include <string.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "apic.h"

#include "guest_exits.h"

#define APIC_LVTT	0x320
#define APIC_TMICT	0x380
#define APIC_TDCR	0x3e0
#define LVTT_PERIODIC	(1 << 17)
#define TDCR_BY_1	0xb
#define IF		(1ull << 9)
#define THR		0	/* registers of a UART */
#define IER		1
#define OTHERS_TICKS	10

/**
 * struct run - a CPU of L1 at work
 * @e:		not on the stack: the library's is not aligned as some instructions want it
 */
struct run {
	const struct l1_ops *l1;
	const struct exits_ops *x;
	struct turn *t;
	unsigned int cpu;
	unsigned int l2;
	struct l1_exit e;
};

static struct run runs[NR_CPUS];
static uint64_t halted_at[NR_L2];	/* L2 has executed this HLT, and may do so again */
/* LINE_VECTOR is to be injected, CLOCK_VECTOR is, so many were and have no EOI yet. */
static volatile bool due[NR_L2], clock_due[NR_L2];
static volatile uint32_t in_service[NR_L2];

static struct {
	struct gpr gpr;
	uint64_t rip, rsp, rflags;
	struct work work;
} kept;

void exits_tick_handler(void *regs)
{
	exits.ticks++;
	x2apic_write_reg(APIC_EOI, 0);
}

static void timer(uint32_t us)
{
	x2apic_enable();
	x2apic_write_reg(APIC_TDCR, TDCR_BY_1);
	x2apic_write_reg(APIC_LVTT, us ? LVTT_PERIODIC | TICK_VECTOR : 1 << 16);
	/* KVM's APIC counts nanoseconds. */
	x2apic_write_reg(APIC_TMICT, us * 1000);
}

/* Interrupts that have waited are taken. */
static void let_in(void)
{
	asm volatile("sti; nop; cli" : : : "memory");
}

/* Another number when L2 has done something; where it is says the rest. */
static uint64_t progress(const struct work *w)
{
	return (w->mix.blocks + w->rounds + w->traps + w->events) * 2 * WORK_TURNS - w->mix.turns;
}

static struct seen *note(struct run *r, enum why why)
{
	uint32_t n = __sync_fetch_and_add(&exits.nr_seen, 1);
	struct seen *s = &exits.seen[n % SEEN_MAX];

	if (n >= SEEN_MAX)	/* the first ones are kept */
		s = &exits.seen[SEEN_MAX - 1];
	s->why = why;
	s->l2 = r->l2;
	s->cpu = r->cpu;
	s->shadow = r->x->shadow(r->l2);
	s->rip = r->x->rip(r->l2);
	s->rflags = r->x->rflags(r->l2);
	s->rax = *r->l1->rax(r->l2);
	s->rdx = r->l1->gpr(r->l2)->rdx;
	s->progress = progress(&exits.work[r->l2]);
	s->next = why == WHY_TICK ? s->rip : r->x->next(r->l2);
	return s;
}

static void note_io(struct run *r)
{
	struct seen *s = note(r, WHY_IO);

	s->port = r->e.port;
	s->size = r->e.size;
	s->in = r->e.in;
	s->string = r->e.string;
	exits.accesses[r->l2]++;
}

/* An access that raises the line of a UART, or the last one of the keyboard controller. */
static bool raises(const struct run *r, uint8_t value)
{
	switch (r->e.port & ~7) {
	case 0x3f8:
	case 0x2f8:
		return !r->e.in && ((r->e.port & 7) == THR ||
				    ((r->e.port & 7) == IER && value == 2));
	}
	return r->e.port == 0x60 && !r->e.in && !value;
}

static void skip(struct run *r)
{
	if (r->e.in)
		*r->l1->rax(r->l2) = (*r->l1->rax(r->l2) & ~0xffull) | (L1_ANSWER & 0xff);
	r->l1->skip(r->l2);
}

/* What L2 is to get next, as far as its TPR lets it; 0: nothing. */
static unsigned int vector_due(unsigned int l2)
{
	unsigned int vector = clock_due[l2] ? CLOCK_VECTOR : due[l2] ? LINE_VECTOR : 0;

	return vector >> 4 > exits.work[l2].tpr ? vector : 0;
}

/* Return: L2 cannot take it, and L1 is to be told when it can. */
static bool inject(struct run *r)
{
	unsigned int vector = vector_due(r->l2);

	if (!vector)
		return false;
	if (!(r->x->rflags(r->l2) & IF) || r->x->shadow(r->l2)) {
		r->x->window(r->l2, true);
		return true;
	}
	/* Behind STI, before it has executed it, it could not. */
	if (r->x->rip(r->l2) == halted_at[r->l2])
		r->x->set_rip(r->l2, halted_at[r->l2] + 1);
	if (vector == LINE_VECTOR) {
		due[r->l2] = false;
		exits.injected[r->l2]++;
	} else {
		clock_due[r->l2] = false;
		exits.clocks[r->l2]++;
	}
	in_service[r->l2]++;
	r->x->inject(r->l2, vector);
	return false;
}

static enum why enter(struct run *r)
{
	struct turn *t = r->t;
	static uint32_t entries;
	bool asked, armed;
	uint64_t code = 0;
	enum why why;

	if (t->fresh) {
		uint32_t n = entries++ % 4;

		mbox.anchor[r->l2].gva = t->pages[n].gva;
		mbox.anchor[r->l2].gpa = t->pages[n].gpa;
	}
	r->x->intercept(r->l2, t->eoi);
	asked = inject(r);
	memset(&r->e, 0, sizeof(r->e));
	r->x->guard(true);
	r->l1->run(r->l2, &r->e, &code);
	r->x->guard(false);
	armed = r->x->armed(r->l2);
	r->x->window(r->l2, false);
	why = r->x->why(r->l2, code);
	if (!asked && (armed || why == WHY_WINDOW))
		exits.foreign++;
	if (why == WHY_OTHER)
		exits.trouble = code | 1ull << 63;
	r->x->again(r->l2);
	return why;
}

static void save(struct run *r)
{
	kept.gpr = *r->l1->gpr(r->l2);
	kept.gpr.rax = *r->l1->rax(r->l2);
	kept.rip = r->x->rip(r->l2);
	kept.rsp = r->x->rsp(r->l2);
	kept.rflags = r->x->rflags(r->l2);
	memcpy(&kept.work, &exits.work[r->l2], sizeof(kept.work));
}

static void restore(struct run *r)
{
	*r->l1->gpr(r->l2) = kept.gpr;
	*r->l1->rax(r->l2) = kept.gpr.rax;
	r->x->start(r->l2, kept.rip, kept.rsp, kept.rflags);
	memcpy(&exits.work[r->l2], &kept.work, sizeof(kept.work));
}

static void others(struct run *r)
{
	unsigned int l2 = r->l2;
	uint32_t until;

	r->l2 = l2 ^ 1;
	r->l1->select(r->l2);
	for (until = exits.ticks + OTHERS_TICKS; (exits.ticks - until) >> 31;) {
		enum why why = enter(r);

		let_in();
		if (why == WHY_IO) {
			note_io(r);
			skip(r);
		}
	}
	r->l2 = l2;
	r->l1->select(l2);
}

/* 8259A, and the level registers beside it */
static bool is_pic(uint16_t port)
{
	port &= ~1;
	return port == 0x20 || port == 0xa0 || port == 0x4d0;
}

/* Return: L1 goes on. */
static bool answer(struct run *r)
{
	struct turn *t = r->t;
	enum answer how = ANSWER_SKIP;
	uint8_t value = *r->l1->rax(r->l2);

	if (is_pic(r->e.port)) {
		exits.touched++;
		skip(r);
		return true;
	}
	note_io(r);
	if (t->times) {
		t->times--;
		how = t->answer;
	}
	if (t->inject && raises(r, value))
		due[t->first ? 0 : r->l2] = true;
	switch (how) {
	case ANSWER_NOT:
		return true;
	case ANSWER_REGISTERS:
		r->l1->gpr(r->l2)->rdx = 0;
		*r->l1->rax(r->l2) = 1;
		r->l1->gpr(r->l2)->rdi = r->l2;
		/* fall through */
	case ANSWER_ELSEWHERE:
		r->x->start(r->l2, t->elsewhere, r->x->rsp(r->l2) - 256 - r->x->rsp(r->l2) % 16 + 8,
			    r->x->rflags(r->l2));
		return true;
	case ANSWER_LEAVE:
		skip(r);
		return false;
	case ANSWER_OTHERS:
		skip(r);
		others(r);
		return true;
	case ANSWER_SAVE:
		skip(r);
		save(r);
		return true;
	default:
		skip(r);
		return true;
	}
}

/* As KVM: L2 is behind its HLT if there is an event for it, else L1 waits for one. */
static void halted(struct run *r)
{
	uint32_t before = exits.ticks;

	note(r, WHY_HLT);
	halted_at[r->l2] = r->x->rip(r->l2);
	if (vector_due(r->l2)) {
		r->x->set_rip(r->l2, r->x->next(r->l2));
		r->x->set_shadow(r->l2, 0);
		return;
	}
	while (exits.ticks == before && !r->t->stop)
		let_in();
}

/* L2 writes an MSR: EOI_MSR, or what it was asked for, and nothing but that. */
static void eoi(struct run *r)
{
	uint64_t msr = r->l1->gpr(r->l2)->rcx;

	if (msr == ASSIST_MSR && exits.ask[r->l2] == ASK_ASSIST) {
		exits.touched++;
		r->x->set_rip(r->l2, r->x->next(r->l2));
		return;
	}
	if (msr != EOI_MSR) {
		exits.trouble = msr | 1ull << 63;
		return;
	}
	exits.eois[r->l2]++;
	if (in_service[r->l2])
		in_service[r->l2]--;
	else
		exits.spurious++;
	r->x->set_rip(r->l2, r->x->next(r->l2));
}

static void tick(struct run *r)
{
	uint32_t until;

	if (r->t->ticks)
		note(r, WHY_TICK)->port = 0;
	if (r->t->clock)
		clock_due[r->l2] = true;
	let_in();
	for (until = exits.ticks + r->t->away; (exits.ticks - until) >> 31 && !r->t->stop;)
		let_in();
}

static void begin(struct run *r)
{
	struct turn *t = r->t;
	uint64_t stack = (uint64_t)&exits.work[r->l2].mix - sizeof(uint64_t);
	/*
	 * Bochs' VMX lets L2 run on with interrupts off whatever the host has to do, though
	 * interrupts are to end it (SDM vol. 3, 26.2). L2 gets none that L1 does not inject.
	 */
	uint64_t rflags = 2 | (t->iflag || !mbox.amd ? IF : 0);

	if (t->restore) {
		restore(r);
	} else if (t->unpaged || t->real) {
		r->l1->unpaged(r->l2, t->entry, t->reset);
		r->x->start(r->l2, 0, stack, rflags);
		r->x->segments(r->l2, t->entry, t->real);
	} else if (t->begin) {
		memset(r->l1->gpr(r->l2), 0, sizeof(struct gpr));
		r->l1->gpr(r->l2)->rdi = r->l2;
		/* Below what exceptions of work_mix() push. */
		r->x->start(r->l2, t->entry, stack - 8192, rflags);
	}
	if (t->shadow)
		r->x->set_shadow(r->l2, t->shadow);
	due[r->l2] = t->strike;
	clock_due[r->l2] = false;
	if (t->begin)
		in_service[r->l2] = 0;
	t->strike = false;
	t->begin = t->restore = false;
}

/* Return: L1 goes on. */
static bool step(struct run *r)
{
	enum why why = enter(r);
	struct seen *s;

	/* Who it was says the exit, not what L1 takes now. */
	switch (why) {
	case WHY_IO:
		return answer(r) && !r->t->stop;
	case WHY_HLT:
		halted(r);
		break;
	case WHY_TICK:
		tick(r);
		break;
	case WHY_WINDOW:
		s = note(r, WHY_WINDOW);
		s->next = s->rip;
		exits.windows++;
		break;
	case WHY_EOI:
		eoi(r);
		break;
	case WHY_PAGE:
		exits.touched++;
		r->x->set_rip(r->l2, r->x->rip(r->l2) + WORK_LOAD_SIZE);
		break;
	case WHY_HOSTS:
		exits.touched++;
		r->x->set_rip(r->l2, r->x->next(r->l2));
		break;
	case WHY_CALL:
		r->l1->skip(r->l2);
		return false;
	case WHY_OTHER:
		return false;
	}
	return !r->t->stop;
}

void exits_l1(const struct l1_ops *l1, unsigned int cpu)
{
	struct run *r = &runs[cpu];
	bool begins;

	r->l1 = l1;
	r->x = mbox.amd ? &exits_svm : &exits_vmx;
	r->t = &exits.turn[cpu];
	r->cpu = cpu;
	r->l2 = r->t->l2;
	timer(r->t->tick_us);
	if (r->t->both) {
		begins = r->t->begin;
		r->l2++;
		r->l1->select(r->l2);
		begin(r);
		r->t->begin = begins;
		r->l2--;
	}
	r->l1->select(r->l2);
	begin(r);
	while (step(r)) {
		if (!r->t->both)
			continue;
		r->l2 = r->t->l2 + (exits.ticks & 1);
		r->l1->select(r->l2);
	}
	timer(0);
	let_in();
	if (r->t->unpaged || r->t->real)
		r->l1->paged(r->l2);
	if (mbox.nr_cpus > 1)
		r->l1->release(r->l2);
}
