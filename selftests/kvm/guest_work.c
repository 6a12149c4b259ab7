// SPDX-License-Identifier: GPL-2.0
/*
 * What a user VM does while its guest hypervisor sees accesses that it has not made: all of
 * its registers are in use, and it would notice if one changed.
 */
#include <string.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#include "guest_exits.h"

#define TF		"0x100"
#define IF		(1ull << 9)
#define PLAIN_PORT	0x5c0	/* a proxy answers there */
#define STEPS		20

static void call_l1(void)
{
	if (mbox.amd)
		asm volatile("vmmcall" : : : "memory");
	else
		asm volatile("vmcall" : : : "memory");
}

/*
 * Registers, flags and memory, mixed: a difference in any of them at any moment spreads to
 * all. Flags that an instruction leaves undefined are not looked at; of RFLAGS only those of
 * arithmetic, as the test executes this, too. RSP is @m, as there is no register left.
 */
asm(".pushsection .text\n"
    ".globl work_mix\n"
    "work_mix:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, 248(%rdi)\n"		/* mix.rsp */
    "	mov %rsi, 256(%rdi)\n"		/* mix.turns */
    /* Events push below all of it, whenever they come. */
    "	mov %rdi, %rsp\n"
    "	mov 0(%rsp), %rax;     mov 8(%rsp), %rbx;     mov 16(%rsp), %rcx\n"
    "	mov 24(%rsp), %rdx;    mov 32(%rsp), %rsi;    mov 40(%rsp), %rdi\n"
    "	mov 48(%rsp), %rbp;    mov 56(%rsp), %r8;     mov 64(%rsp), %r9\n"
    "	mov 72(%rsp), %r10;    mov 80(%rsp), %r11;    mov 88(%rsp), %r12\n"
    "	mov 96(%rsp), %r13;    mov 104(%rsp), %r14;   mov 112(%rsp), %r15\n"
    "1:	add %rbx, %rax;  adc %rcx, %rbx;  rol $7, %rcx;   xor %rdx, %rcx\n"
    "	sub %rsi, %rdx;  sbb %rdi, %rsi;  xor 120(%rsp), %rdi\n"
    "	add %rax, 120(%rsp);  adc %rbp, 128(%rsp)\n"
    "	pushfq\n"
    "	andq $0x8d5, (%rsp)\n"
    "	xor (%rsp), %r8\n"
    "	lea 8(%rsp), %rsp\n"
    "	lea (%r8, %rbp, 2), %rbp;  bswap %r8;  xor 136(%rsp), %r9\n"
    "	rorq $11, 128(%rsp);  adc %r10, %r9;  sub %r11, %r10\n"
    "	sbb 144(%rsp), %r11;  xor %r12, %r11;  rol $29, %r12\n"
    "	add %r13, %r12;  adc %r14, %r13;  xor %r15, %r14;  ror $3, %r15\n"
    "	add %rax, %r15;  mov %r15, 136(%rsp);  xor %rdx, 144(%rsp)\n"
    "	test $1, %al\n"
    "	jz 2f\n"
    "	xchg %rdx, %rbp;  not %rsi;  push %r9;  push %rcx;  pop %r9;  pop %rcx\n"
    "	jmp 3f\n"
    "2:	neg %rdi;  xchg %rax, %r14;  rolq $5, 152(%rsp)\n"
    "3:	add %rdi, 160(%rsp);  xor %rsi, 152(%rsp);  add $0x1357, %rdx\n"
    "	sbb 160(%rsp), %rax\n"
    "	pushfq\n"
    "	andq $0x8d5, (%rsp)\n"
    "	add (%rsp), %rbx\n"
    "	lea 8(%rsp), %rsp\n"
    "	decq 256(%rsp)\n"
    "	jnz 1b\n"
    "	mov %rax, 0(%rsp);     mov %rbx, 8(%rsp);     mov %rcx, 16(%rsp)\n"
    "	mov %rdx, 24(%rsp);    mov %rsi, 32(%rsp);    mov %rdi, 40(%rsp)\n"
    "	mov %rbp, 48(%rsp);    mov %r8, 56(%rsp);     mov %r9, 64(%rsp)\n"
    "	mov %r10, 72(%rsp);    mov %r11, 80(%rsp);    mov %r12, 88(%rsp)\n"
    "	mov %r13, 96(%rsp);    mov %r14, 104(%rsp);   mov %r15, 112(%rsp)\n"
    "	mov 248(%rsp), %rsp\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	ret\n"
    ".popsection\n");

_Static_assert(__builtin_offsetof(struct mix, memory) == 120, "work_mix() knows it");
_Static_assert(__builtin_offsetof(struct mix, rsp) == 248, "work_mix() knows it");
_Static_assert(__builtin_offsetof(struct mix, turns) == 256, "work_mix() knows it");

void work_mix_seed(struct mix *m, unsigned int l2)
{
	uint64_t seed = 0x9e3779b97f4a7c15ull * (l2 + 1), *p = (uint64_t *)m;

	for (unsigned int i = 0; i < sizeof(*m) / sizeof(*p); i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		p[i] = seed;
	}
	m->blocks = 0;
}

void work_mixes(uint64_t l2)
{
	struct work *w = &exits.work[l2];

	for (;;) {
		work_mix(&w->mix, WORK_TURNS);
		w->mix.blocks++;
		w->rounds++;
		if (exits.stop)
			call_l1();
	}
}

/*
 * work_halt(): fills all registers but RSP, halts with interrupts on, and says which have
 * changed; work_shadow() the same behind the shadows of STI and MOV SS (SDM vol. 3, 6.8.1
 * and 6.8.3).
 */
#define PATTERN(reg, n)	"mov $0x" #n #n "c0ffee" #n #n ", %" reg "\n"
#define PATTERNS \
	PATTERN("rax", 1) PATTERN("rbx", 2) PATTERN("rcx", 3) PATTERN("rdx", 4) \
	PATTERN("rsi", 5) PATTERN("rdi", 6) PATTERN("rbp", 7) PATTERN("r8", 8) \
	PATTERN("r9", 9) PATTERN("r10", a) PATTERN("r11", b) PATTERN("r12", c) \
	PATTERN("r13", d) PATTERN("r14", e) PATTERN("r15", f)
#define SAME(reg, n, bit) \
	"push %rax; mov $0x" #n #n "c0ffee" #n #n ", %rax; cmp %rax, " reg "; pop %rax; " \
	"je 1f; orl $1 << " #bit ", 8(%rsp); 1:\n"
#define SAME_ALL \
	"push %rax; mov $0x11c0ffee11, %rax; cmp %rax, (%rsp); pop %rax; je 1f; " \
	"orl $1, 8(%rsp); 1:\n" \
	SAME("%rbx", 2, 1) SAME("%rcx", 3, 2) SAME("%rdx", 4, 3) SAME("%rsi", 5, 4) \
	SAME("%rdi", 6, 5) SAME("%rbp", 7, 6) SAME("%r8", 8, 7) SAME("%r9", 9, 8) \
	SAME("%r10", a, 9) SAME("%r11", b, 10) SAME("%r12", c, 11) SAME("%r13", d, 12) \
	SAME("%r14", e, 13) SAME("%r15", f, 14)
#define CHECKED(name, between) \
	asm(".pushsection .text\n" \
	    name ":\n" \
	    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n" \
	    "	pushq $0; sub $8, %rsp\n" \
	    PATTERNS between SAME_ALL \
	    "	add $8, %rsp; pop %rax\n" \
	    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n" \
	    "	ret\n" \
	    ".popsection\n")

uint32_t work_halt(void);
CHECKED("work_halt", "sti; hlt\n .globl work_behind_hlt\n work_behind_hlt: cli\n");

uint32_t work_shadow(void);
CHECKED("work_shadow",
	"mov %ss, (%rsp)\n"
	"sti; nop; cli; mov (%rsp), %ss; nop; sti\n"
	".globl work_behind_shadow\n work_behind_shadow: nop; nop; cli\n");

/* Behind HLT there has been an event, and nothing else. */
void work_halts(uint64_t l2)
{
	struct work *w = &exits.work[l2];

	for (;;) {
		w->bad |= work_halt();
		w->rounds++;
		if (exits.stop)
			call_l1();
	}
}

/* Nothing ends this HLT. */
void work_parks(uint64_t l2)
{
	for (;;) {
		asm volatile("cli; hlt" : : : "memory");
		exits.work[l2].rounds++;
	}
}

void work_shadows(uint64_t l2)
{
	struct work *w = &exits.work[l2];

	for (;;) {
		w->bad |= work_shadow();
		w->rounds++;
		if (exits.stop)
			call_l1();
	}
}

/*
 * So many instructions with TF on are so many traps (SDM vol. 3, 17.3.1.4), each time as in
 * the first round.
 */
void work_steps(uint64_t l2)
{
	struct work *w = &exits.work[l2];

	for (;;) {
		uint64_t before = w->traps, traps;

		asm volatile("pushfq; orq $" TF ", (%%rsp); popfq\n"
			     ".rept %c0\n nop\n .endr\n"
			     "pushfq; andq $~" TF ", (%%rsp); popfq\n"
			     : : "i"(STEPS) : "cc", "memory");
		traps = w->traps - before;
		if (!w->rounds)
			w->per_round = traps;
		if (traps != w->per_round || traps < STEPS)
			w->bad |= 1 << 15;
		w->rounds++;
		if (exits.stop)
			call_l1();
	}
}

void work_breaks(uint64_t l2)
{
	struct work *w = &exits.work[l2];

	for (;;) {
		uint64_t before = w->traps;

		work_mix(&w->mix, 1);
		asm volatile("int3" : : : "memory");
		work_mix(&w->mix, 1);
		w->mix.blocks++;
		if (w->traps - before != 1)
			w->bad |= 1 << 15;
		w->rounds++;
		if (exits.stop)
			call_l1();
	}
}

/* All registers but RSP have the same values all the time. */
void work_spin(void);
asm(".pushsection .text\n"
    "work_spin:\n" PATTERNS
    "1:	pause\n"
    "	jmp 1b\n"
    ".popsection\n");

void work_spins(uint64_t l2)
{
	exits.work[l2].rounds = 1;
	work_spin();
}

void work_arrived(uint64_t rax, uint64_t rdx);

/* Where an L1 lets L2 go on that thinks itself free to. */
asm(".pushsection .text\n"
    ".globl work_elsewhere\n"
    "work_elsewhere:\n"
    "	mov %rax, %rdi\n"
    "	mov %rdx, %rsi\n"
    "	jmp work_arrived\n"
    ".popsection\n");

void work_arrived(uint64_t rax, uint64_t rdx)
{
	exits.work[0].rax = rax;
	exits.work[0].rdx = rdx;
	for (;;) {
		exits.work[0].rounds++;
		if (exits.stop)
			call_l1();
	}
}

static void out(uint16_t port, uint8_t value)
{
	asm volatile("outb %%al, %%dx" : : "a"(value), "d"(port));
}

/* The line of the 16550 rises with its interrupt for an empty transmitter, */
void work_transmits(uint64_t l2)
{
	out(0x3f8 + 1, 0);
	out(0x3f8 + 1, 2);
	work_mixes(l2);
}

/* or with what somebody types. */
void work_receives(uint64_t l2)
{
	out(0x3f8 + 1, 1);
	work_mixes(l2);
}

static uint8_t in(uint16_t port)
{
	uint8_t value;

	asm volatile("inb %%dx, %%al" : "=a"(value) : "d"(port));
	return value;
}

/* L1, who looks at what is written down, believes it to be higher for a moment, never lower. */
static void set_tpr(struct work *w, uint8_t tpr)
{
	if (tpr > w->tpr)
		w->tpr = tpr;
	asm volatile("mov %0, %%cr8" : : "r"((uint64_t)tpr) : "memory");
	w->tpr = tpr;
}

static void do_asked(uint64_t l2)
{
	uint64_t page = 0;

	switch (exits.ask[l2]) {
	case 0:
		return;
	case ASK_PAGE:
		asm volatile("mov (%%rdi), %%eax" : : "D"(exits.page) : "rax");
		break;
	case ASK_HOSTS:
		if (mbox.amd)
			asm volatile("vmrun %%rax" : : "a"(page) : "memory");
		else
			asm volatile("vmxon %0" : : "m"(page) : "cc", "memory");
		break;
	case ASK_ASSIST:
		asm volatile("wrmsr" : : "c"(ASSIST_MSR), "a"(1), "d"(0));
		break;
	default:
		in(exits.ask[l2]);
	}
	exits.ask[l2] = 0;
}

/* As work_mixes(), as the test says: with interrupts on or off, with a TPR. */
void work_serves(uint64_t l2)
{
	struct work *w = &exits.work[l2];

	for (;;) {
		if (exits.off[l2])
			asm volatile("cli" : : : "memory");
		else
			asm volatile("sti" : : : "memory");
		if (exits.tpr[l2] != w->tpr)
			set_tpr(w, exits.tpr[l2]);
		/* Bochs' VMX lets nobody in with interrupts off: see begin() of guest_exits.c. */
		if (exits.off[l2] && !mbox.amd)
			in(PLAIN_PORT);
		work_mix(&w->mix, WORK_TURNS);
		w->mix.blocks++;
		w->rounds++;
		do_asked(l2);
		if (exits.stop)
			call_l1();
	}
}

/* Whose stack is this? All stacks of work are in exits.work. */
static struct work *work_of(void *regs)
{
	uint64_t l2 = ((uint64_t)regs - (uint64_t)exits.work) / sizeof(struct work);

	return &exits.work[l2 < NR_L2 ? l2 : 0];
}

static void end_of_interrupt(void)
{
	if (exits.eoi)
		wrmsr(EOI_MSR, 0);
}

static void await_clock(struct work *w)
{
	uint64_t before = w->clocks;

	asm volatile("sti" : : : "memory");
	while (w->clocks == before)
		asm volatile("pause");
	asm volatile("cli" : : : "memory");
}

void work_line_handler(void *p)
{
	struct ex_regs *regs = p;
	struct work *w = work_of(regs);
	uint16_t iir = exits.iir;
	uint64_t tpr;

	asm volatile("mov %%cr8, %0" : "=r"(tpr));
	if (!(regs->rflags & IF) || LINE_VECTOR >> 4 <= tpr)
		w->early++;
	if (regs->rip == (uint64_t)work_behind_shadow)
		w->shadowed++;
	w->events++;
	if (exits.threaded)
		asm volatile("sti" : : : "memory");
	while (iir && !(in(iir) & 1) && !exits.iir_once) {
		if (!exits.data)
			continue;
		w->data = in(exits.data);
		w->nr_data++;
	}
	if (exits.nests)
		await_clock(w);
	end_of_interrupt();
	w->served++;
}

void work_clock_handler(void *regs)
{
	work_of(regs)->clocks++;
	end_of_interrupt();
}

void work_db_handler(void *regs)
{
	work_of(regs)->traps++;
}

void work_bp_handler(void *regs)
{
	work_of(regs)->traps++;
}

/*
 * Without 64 bits: the registers that there are, and numbers that the test reads. Its last
 * byte, of VMCALL or VMMCALL, is the test's to write.
 */
#define SMALL \
	"	movl $0x11c0ffee, %eax; movl $0x22c0ffee, %ebx; movl $0x33c0ffee, %ecx\n" \
	"	movl $0x44c0ffee, %edx; movl $0x55c0ffee, %esi; movl $0x66c0ffee, %edi\n" \
	"	movl $0x77c0ffee, %ebp\n" \
	"1:	cmpl $0x11c0ffee, %eax; jne 2f;  cmpl $0x22c0ffee, %ebx; jne 2f\n" \
	"	cmpl $0x33c0ffee, %ecx; jne 2f;  cmpl $0x44c0ffee, %edx; jne 2f\n" \
	"	cmpl $0x55c0ffee, %esi; jne 2f;  cmpl $0x66c0ffee, %edi; jne 2f\n" \
	"	cmpl $0x77c0ffee, %ebp; jne 2f\n" \
	"	incl 0x800\n" \
	"	cmpl $0, 0x804\n" \
	"	je 1b\n" \
	"	jmp 3f\n" \
	"2:	incl 0x808\n" \
	"3:	.byte 0x0f, 0x01, 0\n"

asm(".pushsection .rodata\n"
    ".globl work_real, work_real_end, work_32, work_32_end\n"
    ".code16\n"
    "work_real:\n" SMALL
    "work_real_end:\n"
    ".code32\n"
    "work_32:\n" SMALL
    "work_32_end:\n"
    ".code64\n"
    ".popsection\n");
