// SPDX-License-Identifier: GPL-2.0
/*
 * What passes between a front and the UART of its proxy, one KVM_EXIT_IO after
 * the other, off the user VM's path. vsb_pump_next() says what to do,
 * vsb_pump_done() takes the result.
 *
 * QEMU's UART writes each byte to its character device at once, and keeps it in
 * a FIFO of 16 if that is blocked; into a full one it takes the newest byte for
 * the oldest. So LSR is read before each batch: THRE says that the FIFO is
 * empty. When it is not, the interrupt of THRE is switched on; for TEMT, the last
 * byte, there is none (see vsb_pump_blocked()). What has been handed over counts
 * as gone only when LSR says that it left the FIFO: if the proxy dies before,
 * the next one is given it again.
 *
 * As long as the user VM takes each byte before the next one comes, as from who types, it has
 * it at once: the trigger level is 1. When it does not, more are on their way, and each that is
 * taken by itself wakes QEMU's main loop, which has the character device give the next
 * (qemu_chr_fe_accept_input()), one as well. How many wait nobody says, but IIR says when there
 * are as many as the trigger level: that is 14 then, and those are taken in one. Fewer are left
 * until IIR says that no more has come for the time of four characters, which is the end of it.
 */
#include <linux/string.h>

#include "devices/front.h"

#define EMPTY		(UART_LSR_THRE | UART_LSR_TEMT)
#define IER_INPUT	(UART_IER_RDI | UART_IER_RLSI)	/* RLSI: a break has no other */
#define FCR_SINGLE	(UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_00)
#define FCR_BATCHES	(UART_FCR_ENABLE_FIFO | UART_FCR_R_TRIG_11)
#define LEVEL		14	/* the bytes that the latter's trigger level is */
#define LSR_ABSENT	0xff	/* nobody answers there */

enum vsb_pump_op {
	PUMP_NONE,
	PUMP_TODO,	/* write a register */
	PUMP_LSR,
	PUMP_LEVEL,	/* ask IIR whether to take a batch, what there is, or nothing yet */
	PUMP_RECEIVE,
	PUMP_START,
	PUMP_SEND,	/* write a batch */
	PUMP_ENTRY,	/* the output has a register */
	PUMP_WATCH,	/* have THRE reported, */
	PUMP_UNWATCH,	/* or no more */
};

static u16 vsb_pump_entry(const struct vsb_front *f)
{
	return *vsb_front_entry(f, f->out_sent);
}

static enum vsb_pump_op vsb_pump_plan_output(const struct vsb_front *f)
{
	const struct vsb_pump *p = &f->pump;
	bool watches = p->ier & UART_IER_THRI;

	if (watches && (p->lsr & UART_LSR_THRE || f->out_sent == f->out_head))
		return PUMP_UNWATCH;
	if (f->out_sent == f->out_head)
		return f->behind && f->out_tail == f->out_head ? PUMP_ENTRY : PUMP_NONE;
	if (VSB_ENTRY_REG(vsb_pump_entry(f)) != VSB_OUT_DATA) {
		if ((p->lsr & EMPTY) == EMPTY)
			return PUMP_ENTRY;
	} else if (p->lsr & UART_LSR_THRE) {
		return PUMP_SEND;
	}
	return watches || p->lsr & UART_LSR_THRE ? PUMP_NONE : PUMP_WATCH;
}

static enum vsb_pump_op vsb_pump_plan(const struct vsb_front *f)
{
	const struct vsb_pump *p = &f->pump;

	if (!p->on || p->op != PUMP_NONE)
		return PUMP_NONE;
	if (p->todo_pos < p->todo_nr)
		return PUMP_TODO;
	if (p->kick)
		return PUMP_LSR;
	if (p->lsr & UART_LSR_DR && vsb_front_in_room(f) >= LEVEL)
		return !p->batches || p->sure || p->few ? PUMP_RECEIVE : PUMP_LEVEL;
	if (!p->started)
		return PUMP_START;
	return vsb_pump_plan_output(f);
}

static void vsb_pump_add(struct vsb_pump *p, u8 reg, u8 value)
{
	if (p->todo_pos == p->todo_nr) {
		p->todo_pos = 0;
		p->todo_nr = 0;
	}
	p->todo[p->todo_nr++] = VSB_ENTRY(reg, value);
}

static void vsb_pump_add_divisor(struct vsb_pump *p, u8 reg, u8 value)
{
	vsb_pump_add(p, UART_LCR, p->params.lcr | UART_LCR_DLAB);
	vsb_pump_add(p, reg, value);
	vsb_pump_add(p, UART_LCR, p->params.lcr);
}

/* From @entry of the output on these are the parameters. */
static void vsb_pump_note(struct vsb_pump *p, u16 entry)
{
	switch (VSB_ENTRY_REG(entry)) {
	case VSB_OUT_LCR:
		p->params.lcr = entry;
		break;
	case VSB_OUT_MCR:
		p->params.mcr = entry;
		break;
	case VSB_OUT_DLL:
		p->params.dll = entry;
		break;
	case VSB_OUT_DLM:
		p->params.dlm = entry;
		break;
	}
}

/* The oldest entry of the output goes, while the pump is off. */
void vsb_pump_skip(struct vsb_front *f)
{
	u16 entry = vsb_pump_entry(f);

	if (VSB_ENTRY_REG(entry) == VSB_OUT_DATA)
		f->lost++;
	vsb_pump_note(&f->pump, entry);
	f->out_sent++;
	f->out_tail = f->out_sent;
}

/* The next entry of the output, a register, as writes. */
static void vsb_pump_begin_entry(struct vsb_front *f)
{
	struct vsb_pump *p = &f->pump;
	u8 value;

	if (f->out_sent == f->out_head) {	/* room at last */
		f->behind = false;
		vsb_front_tell(f);
	}
	if (f->out_sent == f->out_head)
		return;
	value = vsb_pump_entry(f);
	vsb_pump_note(p, vsb_pump_entry(f));
	switch (VSB_ENTRY_REG(vsb_pump_entry(f))) {
	case VSB_OUT_LCR:
		vsb_pump_add(p, UART_LCR, value);
		break;
	case VSB_OUT_MCR:
		vsb_pump_add(p, UART_MCR, value);
		break;
	case VSB_OUT_DLL:
		vsb_pump_add_divisor(p, UART_DLL, value);
		break;
	case VSB_OUT_DLM:
		vsb_pump_add_divisor(p, UART_DLM, value);
		break;
	}
	p->entry = true;
}

static void vsb_pump_set_ier(struct vsb_pump *p, u8 ier)
{
	p->ier = ier;
	vsb_pump_add(p, UART_IER, ier);
}

/* This empties nothing, as the FIFO stays on, and IIR interrupts for what is in it. */
static void vsb_pump_set_batches(struct vsb_pump *p, bool batches)
{
	if (batches == p->batches)
		return;
	p->batches = batches;
	vsb_pump_add(p, UART_FCR, batches ? FCR_BATCHES : FCR_SINGLE);
}

/* To switch the FIFO on empties it: what had come before that has been read. */
static void vsb_pump_start(struct vsb_pump *p)
{
	p->started = true;
	p->kick = true;
	vsb_pump_add(p, UART_FCR, FCR_SINGLE);
	vsb_pump_set_ier(p, IER_INPUT);
}

/* Is there something to do? */
bool vsb_pump_ready(const struct vsb_front *f)
{
	return vsb_pump_plan(f) != PUMP_NONE;
}

/* Is there more to do than a little output, to which more may come? */
bool vsb_pump_urgent(const struct vsb_front *f)
{
	const struct vsb_pump *p = &f->pump;

	return p->kick || p->todo_pos < p->todo_nr || p->lsr & UART_LSR_DR ||
	       f->out_head - f->out_sent >= VSB_OUT_BATCH;
}

/* All output is gone. */
bool vsb_pump_drained(const struct vsb_front *f)
{
	return f->out_tail == f->out_head && !f->behind;
}

/* Waits for what no interrupt may tell: to be kicked after a moment. */
bool vsb_pump_blocked(const struct vsb_front *f)
{
	const struct vsb_pump *p = &f->pump;

	return p->on && p->op == PUMP_NONE && !vsb_pump_drained(f) && !vsb_pump_ready(f);
}

static void vsb_pump_ask(struct vsb_io *io, u8 reg, bool in)
{
	io->reg = reg;
	io->in = in;
	io->count = 1;
}

/**
 * vsb_pump_next - what is the proxy's UART to do next?
 * @f: the front
 * @io: put here
 *
 * Return: true, and vsb_pump_done() has to follow, or false: nothing now.
 */
bool vsb_pump_next(struct vsb_front *f, struct vsb_io *io)
{
	struct vsb_pump *p = &f->pump;
	enum vsb_pump_op op = vsb_pump_plan(f);
	u16 entry;

	/* What is done in registers first. */
	if (op == PUMP_START)
		vsb_pump_start(p);
	else if (op == PUMP_ENTRY)
		vsb_pump_begin_entry(f);
	else if (op == PUMP_WATCH)
		vsb_pump_set_ier(p, IER_INPUT | UART_IER_THRI);
	else if (op == PUMP_UNWATCH)
		vsb_pump_set_ier(p, IER_INPUT);
	op = vsb_pump_plan(f);

	switch (op) {
	case PUMP_TODO:
		entry = p->todo[p->todo_pos];
		vsb_pump_ask(io, VSB_ENTRY_REG(entry), false);
		io->data[0] = entry;
		break;
	case PUMP_LSR:
		p->kick = false;
		vsb_pump_ask(io, UART_LSR, true);
		break;
	case PUMP_LEVEL:
		vsb_pump_ask(io, UART_IIR, true);
		break;
	case PUMP_RECEIVE:
		vsb_pump_ask(io, UART_RX, true);
		p->nr = p->sure ?: 1;
		io->count = p->nr;
		break;
	case PUMP_SEND:
		vsb_pump_ask(io, UART_TX, false);
		for (p->nr = 0; p->nr < VSB_FIFO_SIZE; p->nr++) {
			if (f->out_sent == f->out_head ||
			    VSB_ENTRY_REG(vsb_pump_entry(f)) != VSB_OUT_DATA)
				break;
			io->data[p->nr] = vsb_pump_entry(f);
			f->out_sent++;
		}
		io->count = p->nr;
		break;
	default:
		return false;
	}
	p->op = op;
	return true;
}

static void vsb_pump_done_lsr(struct vsb_front *f, u8 lsr)
{
	struct vsb_pump *p = &f->pump;

	if (lsr == LSR_ABSENT) {
		lsr = 0;
		f->out_sent = f->out_head;
		vsb_front_acked(f, f->out_head);
	}
	p->lsr = lsr;
	p->brk |= lsr & UART_LSR_BI;
	if (!(lsr & UART_LSR_DR)) {
		/* A break that found the FIFO full. */
		if (p->brk && vsb_front_in_room(f))
			vsb_front_receive(f, UART_LSR_BI << 8);
		p->brk = false;
		p->sure = 0;
		if (p->few)
			vsb_pump_set_batches(p, false);
		p->few = 0;
		vsb_front_dry(f);
	}
	if (!(lsr & UART_LSR_THRE))
		return;
	/* THRE without TEMT: all but the last one. */
	if (lsr & UART_LSR_TEMT)
		vsb_front_acked(f, f->out_sent);
	else if (f->out_sent != f->out_tail)
		vsb_front_acked(f, f->out_sent - 1);
}

/*
 * With a break or an error IIR says that first (RLSI), so none can be among the bytes of which
 * LSR did not tell. What IIR no longer says of the transmitter when it has said it, LSR does.
 */
static void vsb_pump_done_level(struct vsb_pump *p, u8 iir)
{
	switch (iir & (UART_IIR_ID | UART_IIR_NO_INT)) {
	case UART_IIR_RDI:
		p->sure = LEVEL;
		break;
	case UART_IIR_RX_TIMEOUT:
		p->few = LEVEL;
		break;
	case UART_IIR_NO_INT:
		/* It interrupts for these bytes: at the trigger level, or when no more comes. */
		p->lsr &= ~UART_LSR_DR;
		break;
	default:
		p->kick = true;
		break;
	}
}

/*
 * LSR has a break as soon as it comes, and QEMU's says nothing about which byte:
 * it is the next that is zero.
 */
static void vsb_pump_done_receive(struct vsb_front *f, const u8 *data)
{
	struct vsb_pump *p = &f->pump;
	u8 errors = p->lsr & (UART_LSR_OE | UART_LSR_PE | UART_LSR_FE);
	bool behind = f->fifo_nr;
	unsigned int i;

	for (i = 0; i < p->nr; i++) {
		if (p->brk && !data[i]) {
			errors |= UART_LSR_BI;
			p->brk = false;
		}
		vsb_front_receive(f, data[i] | errors << 8);
		errors = 0;
	}
	p->sure = 0;
	if (p->few)
		p->few--;
	p->lsr &= ~UART_LSR_DR;
	p->kick = true;
	if (p->batches || !p->started)
		return;
	if (behind)
		vsb_pump_set_batches(p, true);
	else
		vsb_front_dry(f);	/* no wait for a next one */
}

/**
 * vsb_pump_done - the proxy's UART has done it
 * @f: the front; vsb_pump_next() was true
 * @data: what it answered; not looked at if that was a write
 */
void vsb_pump_done(struct vsb_front *f, const u8 *data)
{
	struct vsb_pump *p = &f->pump;
	enum vsb_pump_op op = p->op;

	p->op = PUMP_NONE;
	switch (op) {
	case PUMP_TODO:
		p->todo_pos++;
		if (p->todo_pos < p->todo_nr || !p->entry)
			break;
		p->entry = false;
		vsb_front_acked(f, ++f->out_sent);
		break;
	case PUMP_LSR:
		vsb_pump_done_lsr(f, data[0]);
		break;
	case PUMP_LEVEL:
		vsb_pump_done_level(&f->pump, data[0]);
		break;
	case PUMP_RECEIVE:
		vsb_pump_done_receive(f, data);
		break;
	case PUMP_SEND:
		p->lsr &= ~EMPTY;
		p->kick = true;
		break;
	default:
		break;
	}
}

/* The proxy's UART may have something to say. */
void vsb_pump_kick(struct vsb_front *f)
{
	f->pump.kick = true;
}

/* Another proxy, whose UART is in an unknown state, serves from now on. */
void vsb_pump_attach(struct vsb_front *f)
{
	struct vsb_pump *p = &f->pump;

	vsb_pump_detach(f);
	vsb_front_keep_end(f);
	p->on = true;
	p->kick = true;
	if (p->params.dll || p->params.dlm) {
		vsb_pump_add(p, UART_LCR, p->params.lcr | UART_LCR_DLAB);
		vsb_pump_add(p, UART_DLL, p->params.dll);
		vsb_pump_add(p, UART_DLM, p->params.dlm);
	}
	vsb_pump_add(p, UART_LCR, p->params.lcr);
	vsb_pump_add(p, UART_MCR, p->params.mcr);
}

/* The proxy is gone. What it may not have sent is for the next one. */
void vsb_pump_detach(struct vsb_front *f)
{
	struct vsb_params params = f->pump.params;

	f->pump = (struct vsb_pump){ .params = params };
	f->out_sent = f->out_tail;
	vsb_front_dry(f);
}
