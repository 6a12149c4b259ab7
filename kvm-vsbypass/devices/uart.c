// SPDX-License-Identifier: GPL-2.0
/*
 * What a user VM has written to the registers of a 16550, so that a front, or a
 * new proxy, can be brought to where the old one was (PC16550D data sheet,
 * table II). Data (THR) is not kept.
 */
#include "devices/uart.h"

#define IER_IDLE	(UART_IER_RDI | UART_IER_RLSI)
#define IER_ALL		(IER_IDLE | UART_IER_THRI)

enum { SEEN_IER, SEEN_FCR, SEEN_LCR, SEEN_MCR, SEEN_SCR, SEEN_DLL, SEEN_DLM };

static void vsb_uart_note(struct vsb_uart *uart, u8 *reg, int bit, u8 value)
{
	*reg = value;
	uart->seen |= BIT(bit);
}

void vsb_uart_write(struct vsb_uart *uart, u8 reg, u8 value)
{
	bool dlab = uart->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (dlab)
			vsb_uart_note(uart, &uart->dll, SEEN_DLL, value);
		else
			uart->woken = false;	/* it sends, and wants its interrupts */
		break;
	case UART_IER:
		if (dlab)
			vsb_uart_note(uart, &uart->dlm, SEEN_DLM, value);
		else
			vsb_uart_note(uart, &uart->ier, SEEN_IER, value & VSB_IER_BITS);
		uart->woken = false;
		break;
	case UART_FCR:
		/* The bits that clear a FIFO act, they are no state. */
		vsb_uart_note(uart, &uart->fcr, SEEN_FCR,
			      value & (UART_FCR_ENABLE_FIFO | UART_FCR_DMA_SELECT |
				       UART_FCR_TRIGGER_MASK));
		break;
	case UART_LCR:
		vsb_uart_note(uart, &uart->lcr, SEEN_LCR, value);
		break;
	case UART_MCR:
		vsb_uart_note(uart, &uart->mcr, SEEN_MCR, value & VSB_MCR_BITS);
		break;
	case UART_SCR:
		vsb_uart_note(uart, &uart->scr, SEEN_SCR, value);
		break;
	}
}

/* The line of a UART at an address that PCs have one at, else -1. */
int vsb_uart_gsi(const struct vsb_uart *uart)
{
	switch (uart->base) {
	case 0x3f8:
	case 0x3e8:
		return 4;
	case 0x2f8:
	case 0x2e8:
		return 3;
	}
	return -1;
}

/*
 * Was the UART in use before we came? Firmware and drivers program one before
 * they use it; whose first access is one of operation did so in the UART of
 * the guest hypervisor, and may be waiting for an interrupt of it. All of them
 * are switched on then: the driver is woken and looks. One that boots has no
 * driver yet, see vsb_slots_boot(). Return: has @uart->ier been changed so? Once true.
 */
bool vsb_uart_in_use(struct vsb_uart *uart, u8 reg, bool in)
{
	if (uart->known)
		return false;
	uart->known = true;
	if (in ? reg == UART_IER || reg == UART_LCR || reg == UART_MCR || reg == UART_SCR :
		 reg != UART_TX)
		return false;
	vsb_uart_write(uart, UART_IER, IER_ALL);
	uart->woken = true;
	return true;
}

/*
 * The driver has looked, and ends. If it neither sent nor wrote IER, it has
 * nothing to send and believes that "transmitter empty" is off: it must be, as
 * there is an interrupt only when it is switched on. Return: as above.
 */
bool vsb_uart_settle(struct vsb_uart *uart)
{
	if (!uart->woken)
		return false;
	vsb_uart_write(uart, UART_IER, IER_IDLE);
	return true;
}

/*
 * The RESET pin (PC16550D data sheet, table I): the divisor and the scratch
 * register stay.
 */
void vsb_uart_reset(struct vsb_uart *uart)
{
	uart->ier = 0;
	uart->fcr = UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT;
	uart->lcr = 0;
	uart->mcr = 0;
	uart->woken = false;
	uart->known = true;
	uart->seen |= BIT(SEEN_IER) | BIT(SEEN_FCR) | BIT(SEEN_LCR) | BIT(SEEN_MCR);
}

/*
 * The writes that bring a fresh UART there: at most VSB_UART_WRITES. IER comes
 * before a last LCR only if that has DLAB set.
 */
unsigned int vsb_uart_replay(const struct vsb_uart *uart, struct vsb_reg_write *out)
{
	struct vsb_reg_write *w = out;

#define PUT(reg, val) (*w++ = (struct vsb_reg_write){ .port = uart->base + (reg), .value = (val) })
	if (uart->seen & (BIT(SEEN_DLL) | BIT(SEEN_DLM))) {
		PUT(UART_LCR, uart->lcr | UART_LCR_DLAB);
		if (uart->seen & BIT(SEEN_DLL))
			PUT(UART_TX, uart->dll);
		if (uart->seen & BIT(SEEN_DLM))
			PUT(UART_IER, uart->dlm);
	}
	if (uart->seen & BIT(SEEN_FCR))
		PUT(UART_FCR, uart->fcr);
	if (uart->seen & BIT(SEEN_MCR))
		PUT(UART_MCR, uart->mcr);
	if (uart->seen & BIT(SEEN_SCR))
		PUT(UART_SCR, uart->scr);
	if (uart->seen & BIT(SEEN_LCR))
		PUT(UART_LCR, uart->lcr & ~UART_LCR_DLAB);
	if (uart->seen & BIT(SEEN_IER))
		PUT(UART_IER, uart->ier);
	if (uart->lcr & UART_LCR_DLAB)
		PUT(UART_LCR, uart->lcr);
#undef PUT
	return w - out;
}

/*
 * The writes that have a UART which is not fresh say once more that its transmitter is empty:
 * at most VSB_UART_WAKES. Of what the user VM sent some was lost, and its driver waits for that.
 * Who has DLAB set has the registers in hand.
 */
unsigned int vsb_uart_wake(const struct vsb_uart *uart, struct vsb_reg_write *out)
{
	u16 port = uart->base + UART_IER;

	if (!(uart->ier & UART_IER_THRI) || uart->lcr & UART_LCR_DLAB)
		return 0;
	out[0] = (struct vsb_reg_write){ .port = port, .value = uart->ier & ~UART_IER_THRI };
	out[1] = (struct vsb_reg_write){ .port = port, .value = uart->ier };
	return VSB_UART_WAKES;
}

/*
 * The writes that bring the UART of the guest hypervisor there, which was used for its line
 * alone: at most VSB_UART_RESTORES. IER is off before it is on: there is an edge for what the
 * user VM waits for. What it was never seen to write it wrote before we came: as operating
 * systems have it.
 */
unsigned int vsb_uart_restore(const struct vsb_uart *uart, struct vsb_reg_write *out)
{
	struct vsb_uart all = *uart;

	if (!(all.seen & BIT(SEEN_LCR)))
		vsb_uart_note(&all, &all.lcr, SEEN_LCR, UART_LCR_WLEN8);
	if (!(all.seen & BIT(SEEN_MCR)))
		vsb_uart_note(&all, &all.mcr, SEEN_MCR,
			      UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	out[0] = (struct vsb_reg_write){ .port = uart->base + UART_LCR,
					   .value = UART_LCR_WLEN8 };
	out[1] = (struct vsb_reg_write){ .port = uart->base + UART_IER };
	return 2 + vsb_uart_replay(&all, out + 2);
}
