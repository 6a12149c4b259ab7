/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest hypervisor (L1) that writes down the port accesses of its user VMs (L2) with the
 * registers that it is told, and answers them as it is bidden; and what L2 does meanwhile.
 * What test, L1 and L2 share of that: see guest.h.
 */
#ifndef VSB_GUEST_EXITS_H
#define VSB_GUEST_EXITS_H

#include "guest.h"

#define TICK_VECTOR	0xf0	/* L1's timer */
#define LINE_VECTOR	0x51	/* what L2 gets for its line, */
#define CLOCK_VECTOR	0x61	/* and for each tick of L1's timer, if it has a clock */
#define EOI_MSR		0x80b	/* x2APIC (SDM vol. 3, table 11-6) */

#define SEEN_MAX	512

/* Why L2 stopped. */
enum why {
	WHY_IO, WHY_HLT, WHY_TICK, WHY_WINDOW, WHY_CALL, WHY_EOI,
	WHY_PAGE,		/* no page there in the nested page table */
	WHY_HOSTS,		/* VMRUN or VMXON */
	WHY_OTHER,
};

/**
 * struct seen - an exit as L1 saw it
 * @why:	WHY_IO, WHY_HLT, WHY_WINDOW, or WHY_TICK if it is to be written down
 * @l2:		whose
 * @cpu:	on which CPU of L1
 * @port:	of the access, and so on
 * @shadow:	interrupt shadow
 * @progress:	what L2 has done
 * @rip:	where L2 is said to be,
 * @next:	and behind the instruction
 */
struct seen {
	uint8_t why, l2, cpu, size;
	bool in, string;
	uint16_t port;
	uint32_t shadow;
	uint64_t rip, next, rax, rdx, rflags;
	uint64_t progress;
};

/* What L1 does about an access. */
enum answer {
	ANSWER_SKIP,		/* goes on behind it, as KVM does */
	ANSWER_NOT,		/* enters L2 at the same place */
	ANSWER_ELSEWHERE,	/* at turn.elsewhere */
	ANSWER_REGISTERS,	/* with RDX 0, RAX 1, at turn.elsewhere */
	ANSWER_LEAVE,		/* goes back to the test, L2 is behind the access */
	ANSWER_SAVE,		/* remembers how L2 is behind it, and goes on */
	ANSWER_OTHERS,		/* lets the other user VM run for ten ticks before */
};

/**
 * struct turn - what a CPU of L1 does in its next call
 * @l2:		which user VM it runs
 * @both:	and the next one, tick by tick
 * @begin:	L2 begins at @entry, with its number as the argument; else it goes on
 * @unpaged:	that is a physical page, and it begins there with paging off,
 * @real:	or in real mode,
 * @reset:	as behind a reset
 * @restore:	L2 goes on where ANSWER_SAVE was
 * @iflag:	L2 begins with interrupts on
 * @shadow:	the first entry is with an interrupt shadow
 * @strike:	and injects LINE_VECTOR
 * @inject:	L2 gets LINE_VECTOR for each access that raises the line,
 * @first:	user VM 0 instead, of which this one is another vCPU
 * @eoi:	L2 writes EOI_MSR to an interrupt controller of L1; without, on SVM, to L1's own
 * @clock:	L2 gets CLOCK_VECTOR for each tick
 * @ticks:	ticks are written down
 * @fresh:	L2's VMCB or virtual-APIC page is another one at each entry: of 4 at @pages
 * @answer:	of the next @times accesses; to others ANSWER_SKIP
 * @tick_us:	period of L1's timer, 0: none
 * @away:	with each L1 is busy with other things, for so many more
 * @stop:	it returns with the next exit
 */
struct turn {
	uint8_t l2;
	bool both, begin, unpaged, real, restore, iflag, strike, inject, ticks, fresh;
	bool reset, first, eoi, clock;
	uint32_t shadow;
	uint64_t entry;
	uint64_t elsewhere;
	uint8_t answer;
	uint32_t times;
	uint32_t tick_us;
	uint32_t away;
	struct {
		uint64_t gva, gpa;
	} pages[4];
	volatile bool stop;
};

/* What L2 knows of itself: the registers and memory of work_mix() */
struct mix {
	uint64_t gpr[15];	/* as struct gpr */
	uint64_t memory[16];
	uint64_t rsp;		/* of the caller */
	uint64_t turns;		/* left of this block */
	uint64_t blocks;	/* done */
};

/**
 * struct work - of a user VM
 * @stack:	for exceptions while @mix is in the registers; grows down from @mix
 * @rounds:	of a loop
 * @events:	LINE_VECTOR was taken so often,
 * @served:	and its handler came to its end
 * @data:	what it has read last, of
 * @nr_data:	so many
 * @early:	it was taken with interrupts off, or with TPR above
 * @shadowed:	in the shadow of STI
 * @clocks:	CLOCK_VECTOR was taken
 * @tpr:	upper half of its TPR
 * @traps:	so many exceptions
 * @per_round:	of them, in the first round
 * @rax:	registers at work_elsewhere(), of user VM 0
 * @rdx:	the same
 * @bad:	what was not as it must be: bit 0 RAX, as struct gpr; 1 << 15: the count of traps
 */
struct work {
	uint8_t stack[16384];
	struct mix mix;
	volatile uint64_t rounds;
	volatile uint64_t events, served, early, shadowed;
	volatile uint64_t clocks;
	volatile uint8_t tpr, data;
	volatile uint32_t nr_data;
	volatile uint64_t traps;
	volatile uint64_t per_round;
	volatile uint64_t rax, rdx;
	volatile uint32_t bad;
} __attribute__((aligned(4096)));

/**
 * struct exits_mbox - the mailbox
 * @seen:	the first exits,
 * @nr_seen:	and how many there were
 * @accesses:	of them, for each user VM
 * @ticks:	of L1's timer
 * @injected:	events for each user VM
 * @clocks:	CLOCK_VECTOR likewise
 * @eois:	EOI_MSR written, as L1 saw it,
 * @spurious:	of these, with nothing in service that L1 has injected
 * @windows:	times that L1 was told that L2 can take one
 * @foreign:	times that it was without having asked, or that L2's VMCB had a virtual
 *		interrupt that L1 has not put there
 * @touched:	accesses that L2 was asked for (@ask), as L1 saw them; not in @accesses
 * @trouble:	exit code that L1 did not expect
 * @stop:	L2 calls
 * @iir:	what a handler of LINE_VECTOR reads until bit 0 is set, unless 0,
 * @iir_once:	or once; and each time
 * @data:	this, unless 0;
 * @threaded:	with interrupts on.
 * @nests:	Then it waits for CLOCK_VECTOR,
 * @eoi:	and writes EOI_MSR
 * @off:	work_serves() has interrupts off
 * @tpr:	and this in the upper half of its TPR
 * @ask:	what it is to do once: an IN of this port, or ASK_*; then it is 0
 * @page:	ASK_PAGE reads there
 */
struct exits_mbox {
	struct turn turn[NR_CPUS];
	struct seen seen[SEEN_MAX];
	volatile uint32_t nr_seen;
	volatile uint32_t accesses[NR_L2];
	volatile uint32_t ticks;
	volatile uint32_t injected[NR_L2];
	volatile uint32_t clocks[NR_L2];
	volatile uint32_t eois[NR_L2];
	volatile uint32_t spurious;
	volatile uint32_t windows;
	volatile uint32_t foreign;
	volatile uint32_t touched;
	volatile uint64_t trouble;
	volatile bool stop;
	volatile uint16_t iir;
	uint16_t data;
	bool iir_once;
	bool threaded, nests, eoi;
	volatile bool off[NR_L2];
	volatile uint8_t tpr[NR_L2];
	volatile uint32_t ask[NR_L2];
	uint64_t page;
	struct work work[NR_L2];
};

/* In exits_mbox.ask */
#define ASK_PAGE	0x10000
#define ASK_HOSTS	0x10001		/* to be a hypervisor: VMRUN or VMXON */
#define ASK_ASSIST	0x10002		/* for the page in which Windows ends interrupts */
#define ASSIST_MSR	0x40000073

#define WORK_LOAD_SIZE	2		/* of the instruction of ASK_PAGE */

extern struct exits_mbox exits;

/* guest_exits.c: L1, for cloud_call() */
void exits_l1(const struct l1_ops *l1, unsigned int cpu);
void exits_tick_handler(void *regs);

/* guest_exits_vmx.c, guest_exits_svm.c: what it needs beyond struct l1_ops. */
struct exits_ops {
	void (*start)(unsigned int l2, uint64_t rip, uint64_t rsp, uint64_t rflags);
	/* After unpaged(): segments begin at @page, and with @real it is real mode. */
	void (*segments)(unsigned int l2, uint64_t page, bool real);
	/* HLT and L1's interrupts, too; and writes of EOI_MSR, VMX: in any case */
	void (*intercept)(unsigned int l2, bool eoi);
	enum why (*why)(unsigned int l2, uint64_t code);
	uint64_t (*rip)(unsigned int l2);
	void (*set_rip)(unsigned int l2, uint64_t rip);
	uint64_t (*rsp)(unsigned int l2);
	uint64_t (*rflags)(unsigned int l2);
	uint64_t (*next)(unsigned int l2);
	uint32_t (*shadow)(unsigned int l2);
	void (*set_shadow)(unsigned int l2, uint32_t shadow);
	void (*inject)(unsigned int l2, unsigned int vector);
	void (*window)(unsigned int l2, bool on);
	bool (*armed)(unsigned int l2);		/* has it a virtual interrupt? */
	void (*again)(unsigned int l2);		/* what an exit has interrupted */
	void (*guard)(bool on);			/* L1 takes no interrupt but in L2 */
};

extern const struct exits_ops exits_vmx, exits_svm;

/* guest_work.c: what L2 does, until exits.stop; and the test, for work_mix() */
void work_mix(struct mix *m, uint64_t turns);
void work_mix_seed(struct mix *m, unsigned int l2);
void work_mixes(uint64_t l2);
void work_halts(uint64_t l2);
void work_parks(uint64_t l2);
void work_shadows(uint64_t l2);
void work_steps(uint64_t l2);
void work_breaks(uint64_t l2);
void work_spins(uint64_t l2);
void work_transmits(uint64_t l2);
void work_receives(uint64_t l2);
void work_serves(uint64_t l2);
void work_elsewhere(void);
void work_line_handler(void *regs);
void work_clock_handler(void *regs);
void work_db_handler(void *regs);
void work_bp_handler(void *regs);
extern char work_behind_hlt[], work_behind_shadow[];
/* The same in real mode, and with 32 bits: to be copied to a page, where all segments begin. */
extern char work_real[], work_real_end[], work_32[], work_32_end[];

/* In that page, each of 32 bits. */
#define WORK_ROUNDS	0x800
#define WORK_STOP	0x804
#define WORK_BAD	0x808

#define WORK_TURNS	64	/* of work_mix() in a block */

#endif
