/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A 16550A that answers where the exit lands (front.c), and what passes between
 * it and the UART of a proxy (pump.c). Both are state machines without locks,
 * time or types of KVM's; core/slots.c has those, and a unit test builds them, too.
 */
#ifndef VSB_FRONT_H
#define VSB_FRONT_H

#include "devices/device.h"
#include "devices/uart.h"

#define VSB_FIFO_SIZE	16
#define VSB_OUT_SIZE	4096	/* entries, a power of two */
#define VSB_KEPT_SIZE	65536	/* the same, where output is kept while nobody takes it */
#define VSB_IN_SIZE	1024	/* bytes, a power of two */
/*
 * The transmitter holds off from so many entries on, until there are as few. A
 * driver that sends without a look at THRE, as Linux's console does after 10 ms,
 * has the rest; entries kept for registers are no use to it.
 */
#define VSB_OUT_HIGH	3072
#define VSB_OUT_LOW	1024
#define VSB_OUT_SPARE	16
/*
 * While the oldest entries go, so many are free: who has seen THRE fills a FIFO without another
 * look, and that may be when they go no more.
 */
#define VSB_KEPT_FREE	(VSB_OUT_SPARE + VSB_FIFO_SIZE)
/* So many entries are worth to wake the proxy for, while more come. */
#define VSB_OUT_BATCH	256

/* Entries of the output: a register and its value, of those that are visible outside. */
#define VSB_ENTRY(reg, value)	((u16)((reg) << 8 | (value)))
#define VSB_ENTRY_REG(entry)	((u8)((entry) >> 8))
/* LCR and divisor latch share no number with THR and IER. */
#define VSB_OUT_DATA	UART_TX
#define VSB_OUT_LCR	UART_LCR
#define VSB_OUT_MCR	UART_MCR
#define VSB_OUT_DLL	8
#define VSB_OUT_DLM	9

/* Line parameters and modem outputs, as the other side of the line sees them. */
struct vsb_params {
	u8 lcr;		/* without DLAB */
	u8 mcr;		/* bits 0 to 3 */
	u8 dll, dlm;
};

/**
 * struct vsb_pump - what is known of the UART of the proxy
 * @on:		there is one
 * @op:		what it does now
 * @nr:		of bytes that @op sends or takes
 * @todo:	register writes to do first, @todo_nr of them, from @todo_pos on
 * @entry:	@todo is for the first entry of the output that was not sent
 * @started:	its FIFO and its interrupts are on
 * @batches:	input is taken in batches, and not each byte as it comes
 * @kick:	LSR has to be read before anything is decided
 * @brk:	LSR said break; the zero byte that stands for it is still to come
 * @sure:	of bytes that certainly wait there; 0: not known
 * @few:	of bytes to take before IIR is asked again
 * @lsr:	last read, less what was used
 * @ier:	written last
 * @params:	those that hold at out_sent; they outlive the proxy
 */
struct vsb_pump {
	bool on;
	u8 op;
	u8 nr;
	u8 todo_pos, todo_nr;
	u16 todo[10];
	bool entry;
	bool started;
	bool batches;
	bool kick;
	bool brk;
	u8 sure;
	u8 few;
	u8 lsr;
	u8 ier;
	struct vsb_params params;
};

/**
 * struct vsb_front - a 16550A
 *
 * The registers have no time and nothing to hide: what they say is so at the moment of
 * the read. Only @level, and what core makes of it, is for the interrupt that is sent.
 *
 * @uart:	its registers as written
 * @fifo:	receiver FIFO: byte, and LSR's error bits of it << 8
 * @fifo_nr:	in use; @fifo[0] is read next
 * @overrun:	LSR.OE
 * @thri:	"transmitter empty" is due
 * @handler:	the user VM's interrupt handler is at work: IIR showed it an interrupt,
 *		and has not shown none since, nor have all been switched off
 * @taken:	bytes that this one has been given, see vsb_front_refill()
 * @in_soon:	there are more, for the next one, see vsb_front_moment()
 * @looked:	LSR has shown no data, and IIR was not read since
 * @full:	LSR.THRE is clear: the output has to drain first
 * @keep:	nobody takes output, and is not waited for: the oldest makes room. The pump is off
 * @lost:	bytes that have made room
 * @deltas:	MSR bits 0 to 3
 * @dry:	the proxy's UART has nothing to receive
 * @level:	interrupt line
 * @rose:	it went high since whoever uses this looked; cleared by him
 * @dropped:	bytes that a driver sent into a transmitter without any room
 * @told:	parameters in the output's last entries
 * @behind:	some did not fit, and are told when it is empty
 * @out:	output, @out_size entries; positions count up. Before @out_tail: gone for
 *		certain, before @out_sent: given to the proxy, which may die with it
 * @in:		input, as in @fifo
 * @pump:	the other side
 */
struct vsb_front {
	struct vsb_uart *uart;
	u16 fifo[VSB_FIFO_SIZE];
	u8 fifo_nr;
	bool overrun;
	bool thri;
	bool handler;
	u32 taken;
	bool in_soon;
	bool looked;
	bool full;
	bool keep;
	u64 lost;
	u8 deltas;
	bool dry;
	bool level;
	bool rose;
	u64 dropped;
	struct vsb_params told;
	bool behind;
	u32 out_head, out_sent, out_tail;
	u32 in_head, in_tail;
	struct vsb_pump pump;
	u32 out_size;
	u16 *out;
	u16 in[VSB_IN_SIZE];
};

void vsb_front_init(struct vsb_front *f, struct vsb_uart *uart);
void vsb_front_inherit(struct vsb_front *f, struct vsb_uart *uart, const struct vsb_front *old);
void vsb_front_keep(struct vsb_front *f);
void vsb_front_keep_end(struct vsb_front *f);
void vsb_front_reset(struct vsb_front *f);
u8 vsb_front_read(struct vsb_front *f, u8 reg);
void vsb_front_write(struct vsb_front *f, u8 reg, u8 value);
void vsb_front_ier(struct vsb_front *f, u8 old);
void vsb_front_moment(struct vsb_front *f);

/* For pump.c. */
void vsb_front_receive(struct vsb_front *f, u16 byte);
void vsb_front_dry(struct vsb_front *f);
void vsb_front_acked(struct vsb_front *f, u32 tail);
void vsb_front_tell(struct vsb_front *f);

/* Is vsb_front_moment() to be called? */
static inline bool vsb_front_waits(const struct vsb_front *f)
{
	return f->in_soon;
}

static inline u32 vsb_front_in_room(const struct vsb_front *f)
{
	return VSB_IN_SIZE - (f->in_head - f->in_tail);
}

/* The entry at position @i. */
static inline u16 *vsb_front_entry(const struct vsb_front *f, u32 i)
{
	return &f->out[i & (f->out_size - 1)];
}

void vsb_pump_attach(struct vsb_front *f);
void vsb_pump_detach(struct vsb_front *f);
void vsb_pump_skip(struct vsb_front *f);
void vsb_pump_kick(struct vsb_front *f);
bool vsb_pump_ready(const struct vsb_front *f);
bool vsb_pump_urgent(const struct vsb_front *f);
bool vsb_pump_blocked(const struct vsb_front *f);
bool vsb_pump_drained(const struct vsb_front *f);
bool vsb_pump_next(struct vsb_front *f, struct vsb_io *io);
void vsb_pump_done(struct vsb_front *f, const u8 *data);

#endif
