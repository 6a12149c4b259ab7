// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550A as the user VM sees it (PC16550D data sheet; where that leaves a
 * choice, as QEMU's hw/char/serial.c). What it sends is queued, and it is at
 * once ready to send more; what it receives has been read ahead. Only when the
 * queue is long, as nobody takes from it, the transmitter is not empty; or, where it is
 * not known when anybody will, the oldest entries go.
 *
 * The line has no time of its own here. Four character times without a
 * character, after which a FIFO below its trigger level is reported, have
 * passed when the proxy's UART has nothing more. An interrupt may be late on its way
 * to the user VM; its cause is in IIR at once, for who polls.
 */
#include <linux/string.h>

#include "devices/front.h"

#define IN_BURST	128	/* bytes for one run of an interrupt handler */
#define ERRORS		(UART_LSR_OE | UART_LSR_PE | UART_LSR_FE | UART_LSR_BI)
#define EMPTY		(UART_LSR_THRE | UART_LSR_TEMT)
#define INPUTS		(UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)	/* as QEMU's */
#define OUTPUTS		(UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2)

static bool vsb_front_loops(const struct vsb_front *f)
{
	return f->uart->mcr & UART_MCR_LOOP;
}

static u8 vsb_front_depth(const struct vsb_front *f)
{
	return f->uart->fcr & UART_FCR_ENABLE_FIFO ? VSB_FIFO_SIZE : 1;
}

static u8 vsb_front_trigger(const struct vsb_front *f)
{
	static const u8 level[] = { 1, 4, 8, 14 };

	return f->uart->fcr & UART_FCR_ENABLE_FIFO ? level[f->uart->fcr >> 6] : 1;
}

/* ---- interrupts ---- */

/* IIR bits 0 to 3: the enabled interrupt of the highest priority. */
static u8 vsb_front_cause(const struct vsb_front *f)
{
	u8 ier = f->uart->ier;

	if (ier & UART_IER_RLSI && (f->overrun || (f->fifo_nr && f->fifo[0] >> 8)))
		return UART_IIR_RLSI;
	if (ier & UART_IER_RDI && f->fifo_nr >= vsb_front_trigger(f))
		return UART_IIR_RDI;
	if (ier & UART_IER_RDI && f->fifo_nr && (f->dry || vsb_front_loops(f)))
		return UART_IIR_RX_TIMEOUT;
	if (ier & UART_IER_THRI && f->thri)
		return UART_IIR_THRI;
	if (ier & UART_IER_MSI && f->deltas)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

static void vsb_front_update(struct vsb_front *f)
{
	bool level = vsb_front_cause(f) != UART_IIR_NO_INT;

	f->rose |= level && !f->level;
	f->level = level;
}

/* LSR.THRE is clear. What is looped back goes nowhere, and waits for nobody. */
static bool vsb_front_busy(const struct vsb_front *f)
{
	return f->full && !vsb_front_loops(f);
}

/* A byte goes out: for no time at all, but for an edge, the transmitter is not empty. */
static void vsb_front_sends(struct vsb_front *f)
{
	f->thri = false;
	vsb_front_update(f);
	f->thri = !vsb_front_busy(f);
	vsb_front_update(f);
}

/* ---- receiver ---- */

static void vsb_front_pop(struct vsb_front *f, u8 nr)
{
	f->fifo_nr -= nr;
	memmove(f->fifo, f->fifo + nr, f->fifo_nr * sizeof(f->fifo[0]));
}

/*
 * What has been read ahead comes over the line as soon as there is room for it. But a
 * line lets a handler come to its end: one that always finds more gives up in the end
 * (Linux: PASS_LIMIT of 8250_core.c), while the interrupt is pending, and as that is an
 * edge there is none any more. So the line pauses after a burst, until he has seen that
 * there is nothing, or, if he does not look, for a moment. Who asks LSR again without a
 * look at IIR is no handler but polls, and finds the next byte.
 */
static void vsb_front_refill(struct vsb_front *f)
{
	f->in_soon = false;
	if (vsb_front_loops(f))
		return;
	while (f->fifo_nr < vsb_front_depth(f) && f->in_tail != f->in_head) {
		if (f->handler && f->taken == IN_BURST)
			break;
		f->fifo[f->fifo_nr++] = f->in[f->in_tail++ % VSB_IN_SIZE];
		f->taken += f->handler;
	}
	f->in_soon = !f->fifo_nr && f->in_tail != f->in_head;
}

static void vsb_front_handler(struct vsb_front *f, bool handler)
{
	if (handler == f->handler)
		return;
	f->handler = handler;
	f->taken = 0;
	vsb_front_refill(f);
}

/**
 * vsb_front_moment - a few milliseconds have passed
 * @f: the front; vsb_front_waits() all the while
 */
void vsb_front_moment(struct vsb_front *f)
{
	if (f->in_soon) {
		f->taken = 0;
		vsb_front_refill(f);
	}
	vsb_front_update(f);
}

/* Loopback: nobody holds this one off. */
static void vsb_front_loop(struct vsb_front *f, u8 byte)
{
	if (f->fifo_nr == vsb_front_depth(f))
		f->overrun = true;
	else
		f->fifo[f->fifo_nr++] = byte;
	/* One register takes the newer, a FIFO keeps the older. */
	if (vsb_front_depth(f) == 1)
		f->fifo[0] = byte;
}

static u8 vsb_front_read_data(struct vsb_front *f)
{
	u8 byte = 0;

	if (f->fifo_nr) {
		byte = f->fifo[0];
		vsb_front_pop(f, 1);
		vsb_front_refill(f);
	}
	vsb_front_update(f);
	return byte;
}

/* Errors are those of the byte that is read next, and told once. */
static u8 vsb_front_read_lsr(struct vsb_front *f)
{
	u8 lsr = vsb_front_busy(f) ? 0 : EMPTY;
	int i;

	if (f->in_soon && f->looked)
		vsb_front_handler(f, false);
	f->looked = !f->fifo_nr;
	if (f->overrun)
		lsr |= UART_LSR_OE;
	if (f->fifo_nr) {
		lsr |= UART_LSR_DR | f->fifo[0] >> 8;
		for (i = 0; i < f->fifo_nr; i++)
			if (vsb_front_depth(f) > 1 && f->fifo[i] >> 8)
				lsr |= UART_LSR_FIFOE;
		f->fifo[0] &= 0xff;
	}
	f->overrun = false;
	vsb_front_update(f);
	return lsr;
}

/**
 * vsb_front_receive - take a byte that the proxy's UART has received
 * @f: the front; vsb_front_in_room() is not 0
 * @byte: and the error bits of LSR that belong to it, << 8
 */
void vsb_front_receive(struct vsb_front *f, u16 byte)
{
	f->in[f->in_head++ % VSB_IN_SIZE] = byte;
	f->dry = false;
	vsb_front_refill(f);
	vsb_front_update(f);
}

/* The proxy's UART has nothing to receive. */
void vsb_front_dry(struct vsb_front *f)
{
	f->dry = true;
	vsb_front_update(f);
}

/* ---- transmitter ---- */

static u32 vsb_front_out_room(const struct vsb_front *f)
{
	return f->out_size - (f->out_head - f->out_tail);
}

/* Have room for so many entries, if the oldest may go for that. */
static void vsb_front_make_room(struct vsb_front *f, u32 nr)
{
	while (f->keep && vsb_front_out_room(f) < nr)
		vsb_pump_skip(f);
}

static void vsb_front_put(struct vsb_front *f, u8 reg, u8 value)
{
	*vsb_front_entry(f, f->out_head++) = VSB_ENTRY(reg, value);
}

static void vsb_front_send(struct vsb_front *f, u8 byte)
{
	vsb_front_make_room(f, VSB_KEPT_FREE + 1);
	if (vsb_front_out_room(f) > VSB_OUT_SPARE)
		vsb_front_put(f, VSB_OUT_DATA, byte);
	else
		f->dropped++;
	if (!f->keep && f->out_head - f->out_tail >= VSB_OUT_HIGH)
		f->full = true;
}

static struct vsb_params vsb_front_params(const struct vsb_front *f)
{
	return (struct vsb_params){
		.lcr = f->uart->lcr & ~UART_LCR_DLAB,
		.mcr = f->uart->mcr & OUTPUTS,
		.dll = f->uart->dll,
		.dlm = f->uart->dlm,
	};
}

/*
 * Line parameters have changed: whoever is at the other end is told between the
 * bytes where it happened. The divisor counts when its latch is closed.
 */
void vsb_front_tell(struct vsb_front *f)
{
	struct vsb_params new = vsb_front_params(f);

	if (f->uart->lcr & UART_LCR_DLAB) {
		new.dll = f->told.dll;
		new.dlm = f->told.dlm;
	}
	if (vsb_front_loops(f))
		new.mcr = f->told.mcr;
	vsb_front_make_room(f, 4);
	if (vsb_front_out_room(f) < 4) {
		f->behind = true;
		return;
	}
	if (new.dll != f->told.dll)
		vsb_front_put(f, VSB_OUT_DLL, new.dll);
	if (new.dlm != f->told.dlm)
		vsb_front_put(f, VSB_OUT_DLM, new.dlm);
	if (new.lcr != f->told.lcr)
		vsb_front_put(f, VSB_OUT_LCR, new.lcr);
	if (new.mcr != f->told.mcr)
		vsb_front_put(f, VSB_OUT_MCR, new.mcr);
	f->told = new;
}

/**
 * vsb_front_acked - output is gone for certain
 * @f: the front
 * @tail: up to this position
 */
void vsb_front_acked(struct vsb_front *f, u32 tail)
{
	f->out_tail = tail;
	if (!f->full || f->out_head - f->out_tail > VSB_OUT_LOW)
		return;
	f->thri |= vsb_front_busy(f);
	f->full = false;
	vsb_front_update(f);
}

/* ---- modem ---- */

/* MSR bits 4 to 7. In loopback the outputs are the inputs. */
static u8 vsb_front_inputs(const struct vsb_front *f)
{
	u8 mcr = f->uart->mcr;

	if (!vsb_front_loops(f))
		return INPUTS;
	return (mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
	       (mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
	       (mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
	       (mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
}

static void vsb_front_write_mcr(struct vsb_front *f, u8 value)
{
	u8 old = vsb_front_inputs(f), now;
	bool busy = vsb_front_busy(f);

	vsb_uart_write(f->uart, UART_MCR, value);
	now = vsb_front_inputs(f);
	f->deltas |= (old ^ now) >> 4 & ~UART_MSR_TERI;
	if (old & ~now & UART_MSR_RI)
		f->deltas |= UART_MSR_TERI;
	f->thri |= busy && !vsb_front_busy(f);
	f->thri &= !vsb_front_busy(f);
	vsb_front_refill(f);
	vsb_front_tell(f);
}

/* ---- registers ---- */

/*
 * IER was @old and has been changed. "Transmitter empty" comes when it is
 * switched on while that is so; Windows relies on it.
 */
void vsb_front_ier(struct vsb_front *f, u8 old)
{
	if ((old ^ f->uart->ier) & UART_IER_THRI)
		f->thri = f->uart->ier & UART_IER_THRI && !vsb_front_busy(f);
	/* A handler has no interrupt to look for any more: it polls. */
	if (!f->uart->ier)
		vsb_front_handler(f, false);
	vsb_front_update(f);
}

/*
 * What is in the transmitter's FIFO has been reported as sent: it stays. That it is empty
 * is news all the same (PC16550D data sheet, "FIFO Interrupt Mode Operation": the first
 * interrupt after a change of FCR0 is immediate; serial_ioport_write() of QEMU).
 */
static void vsb_front_write_fcr(struct vsb_front *f, u8 value)
{
	bool was = f->uart->fcr & UART_FCR_ENABLE_FIFO;
	bool on = value & UART_FCR_ENABLE_FIFO;

	vsb_uart_write(f->uart, UART_FCR, value);
	if (on != was || (on && value & UART_FCR_CLEAR_XMIT))
		f->thri = !vsb_front_busy(f);
	if (on != was || (on && value & UART_FCR_CLEAR_RCVR)) {
		/* The overrun is LSR's: "reset whenever the CPU reads" that. */
		f->fifo_nr = 0;
		vsb_front_refill(f);
	}
}

static bool vsb_front_dlab(const struct vsb_front *f)
{
	return f->uart->lcr & UART_LCR_DLAB;
}

/* A write by the user VM. */
void vsb_front_write(struct vsb_front *f, u8 reg, u8 value)
{
	u8 ier = f->uart->ier;

	switch (reg) {
	case UART_TX:
		vsb_uart_write(f->uart, reg, value);
		if (vsb_front_dlab(f))
			break;
		if (vsb_front_loops(f))
			vsb_front_loop(f, value);
		else
			vsb_front_send(f, value);
		vsb_front_sends(f);
		break;
	case UART_IER:
		vsb_uart_write(f->uart, reg, value);
		vsb_front_ier(f, ier);
		break;
	case UART_FCR:
		vsb_front_write_fcr(f, value);
		break;
	case UART_LCR:
		vsb_uart_write(f->uart, reg, value);
		vsb_front_tell(f);
		break;
	case UART_MCR:
		vsb_front_write_mcr(f, value);
		break;
	case UART_SCR:
		vsb_uart_write(f->uart, reg, value);
		break;
	}
	vsb_front_update(f);
}

static u8 vsb_front_read_iir(struct vsb_front *f)
{
	u8 cause = vsb_front_cause(f);

	f->looked = false;
	vsb_front_handler(f, cause != UART_IIR_NO_INT);
	if (cause == UART_IIR_THRI)
		f->thri = false;
	vsb_front_update(f);
	return cause | (f->uart->fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0);
}

/* A read by the user VM. */
u8 vsb_front_read(struct vsb_front *f, u8 reg)
{
	u8 value;

	switch (reg) {
	case UART_RX:
		return vsb_front_dlab(f) ? f->uart->dll : vsb_front_read_data(f);
	case UART_IER:
		return vsb_front_dlab(f) ? f->uart->dlm : f->uart->ier;
	case UART_IIR:
		return vsb_front_read_iir(f);
	case UART_LCR:
		return f->uart->lcr;
	case UART_MCR:
		return f->uart->mcr;
	case UART_LSR:
		return vsb_front_read_lsr(f);
	case UART_MSR:
		value = vsb_front_inputs(f) | f->deltas;
		f->deltas = 0;
		vsb_front_update(f);
		return value;
	default:
		return f->uart->scr;
	}
}

/* Begin, with what has been written to @uart before. It has had its room for output. */
void vsb_front_init(struct vsb_front *f, struct vsb_uart *uart)
{
	u32 out_size = f->out_size;
	u16 *out = f->out;

	memset(f, 0, sizeof(*f));
	f->out_size = out_size;
	f->out = out;
	f->uart = uart;
	f->dry = true;
	f->told = vsb_front_params(f);
	f->pump.params = f->told;
	vsb_front_ier(f, 0);
}

/*
 * Begin where @old was, which is not used any more and has no proxy. @f has had its room; of
 * what has none there the newest is kept.
 */
void vsb_front_inherit(struct vsb_front *f, struct vsb_uart *uart, const struct vsb_front *old)
{
	u32 i, out_size = f->out_size;
	u16 *out = f->out;

	*f = *old;
	f->uart = uart;
	while (f->out_head - f->out_tail > out_size - VSB_KEPT_FREE)
		vsb_pump_skip(f);
	for (i = f->out_tail; i != f->out_head; i++)
		out[i & (out_size - 1)] = *vsb_front_entry(f, i);
	f->out = out;
	f->out_size = out_size;
}

/*
 * There is no proxy, and may be none for long: until vsb_pump_attach() the newest output is
 * kept, and nobody held off.
 */
void vsb_front_keep(struct vsb_front *f)
{
	vsb_pump_detach(f);
	f->keep = true;
	if (f->behind) {
		f->behind = false;
		vsb_front_tell(f);
	}
	f->thri |= vsb_front_busy(f);
	f->full = false;
	vsb_front_update(f);
}

/* Somebody takes it from now on: the user VM is held off as ever. */
void vsb_front_keep_end(struct vsb_front *f)
{
	if (!f->keep)
		return;
	f->keep = false;
	f->full = f->out_head - f->out_tail >= VSB_OUT_HIGH;
	f->thri &= !vsb_front_busy(f);
	vsb_front_update(f);
}

/* The RESET pin. What has been sent, and is still to be received, is not in here. */
void vsb_front_reset(struct vsb_front *f)
{
	vsb_uart_reset(f->uart);
	f->fifo_nr = 0;
	f->overrun = false;
	f->thri = false;
	f->handler = false;
	f->looked = false;
	f->taken = 0;
	f->deltas = 0;
	vsb_front_tell(f);
	vsb_front_refill(f);
	vsb_front_update(f);
}
