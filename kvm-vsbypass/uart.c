// SPDX-License-Identifier: GPL-2.0
/*
 * What a user VM has written to the registers of a 16550, so that a new proxy
 * can be brought to where the old one was (PC16550D data sheet, table II).
 * Data (THR) is not kept.
 */
#include "vsb.h"

#define LCR_DLAB	0x80
#define IER_IDLE	0x05	/* data, line status */
#define IER_ALL		0x07	/* and transmitter empty */
#define FCR_RESETS	0x06	/* clear RX, TX FIFO: acts, is no state */

enum { SEEN_IER, SEEN_FCR, SEEN_LCR, SEEN_MCR, SEEN_SCR, SEEN_DLL, SEEN_DLM };

static void vsb_uart_note(struct vsb_uart *uart, u8 *reg, int bit, u8 value)
{
	*reg = value;
	uart->seen |= BIT(bit);
}

void vsb_uart_write(struct vsb_uart *uart, u16 port, u8 value)
{
	bool dlab = uart->lcr & LCR_DLAB;

	switch (port - uart->base) {
	case 0:
		if (dlab)
			vsb_uart_note(uart, &uart->dll, SEEN_DLL, value);
		else
			uart->woken = false;	/* it sends, and wants its interrupts */
		break;
	case 1:
		if (dlab)
			vsb_uart_note(uart, &uart->dlm, SEEN_DLM, value);
		else
			vsb_uart_note(uart, &uart->ier, SEEN_IER, value);
		uart->woken = false;
		break;
	case 2:
		vsb_uart_note(uart, &uart->fcr, SEEN_FCR, value & ~FCR_RESETS);
		break;
	case 3:
		vsb_uart_note(uart, &uart->lcr, SEEN_LCR, value);
		break;
	case 4:
		vsb_uart_note(uart, &uart->mcr, SEEN_MCR, value);
		break;
	case 7:
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
 * are switched on then: the driver is woken and looks. Return: whether ours has
 * to be given *@ier now. Once true.
 */
bool vsb_uart_in_use(struct vsb_uart *uart, const struct vsb_pio *pio,
		     struct vsb_reg_write *ier)
{
	u32 reg = pio->port - uart->base;

	if (uart->known)
		return false;
	uart->known = true;
	if (pio->in ? reg == 1 || reg == 3 || reg == 4 || reg == 7 : reg != 0)
		return false;
	vsb_uart_write(uart, uart->base + 1, IER_ALL);
	uart->woken = true;
	*ier = (struct vsb_reg_write){ uart->base + 1, IER_ALL };
	return true;
}

/*
 * The driver has looked, and ends. If it neither sent nor wrote IER, it has
 * nothing to send and believes that "transmitter empty" is off: it must be, as
 * there is an interrupt only when it is switched on. Return: as above.
 */
bool vsb_uart_settle(struct vsb_uart *uart, struct vsb_reg_write *ier)
{
	if (!uart->woken)
		return false;
	vsb_uart_write(uart, uart->base + 1, IER_IDLE);
	*ier = (struct vsb_reg_write){ uart->base + 1, IER_IDLE };
	return true;
}

/*
 * The RESET pin (PC16550D data sheet, table I): the divisor and the scratch
 * register stay.
 */
void vsb_uart_reset(struct vsb_uart *uart)
{
	uart->ier = 0;
	uart->fcr = FCR_RESETS;
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

#define PUT(reg, val) (*w++ = (struct vsb_reg_write){ uart->base + (reg), (val) })
	if (uart->seen & (BIT(SEEN_DLL) | BIT(SEEN_DLM))) {
		PUT(3, uart->lcr | LCR_DLAB);
		if (uart->seen & BIT(SEEN_DLL))
			PUT(0, uart->dll);
		if (uart->seen & BIT(SEEN_DLM))
			PUT(1, uart->dlm);
	}
	if (uart->seen & BIT(SEEN_FCR))
		PUT(2, uart->fcr);
	if (uart->seen & BIT(SEEN_MCR))
		PUT(4, uart->mcr);
	if (uart->seen & BIT(SEEN_SCR))
		PUT(7, uart->scr);
	if (uart->seen & BIT(SEEN_LCR))
		PUT(3, uart->lcr & ~LCR_DLAB);
	if (uart->seen & BIT(SEEN_IER))
		PUT(1, uart->ier);
	if (uart->lcr & LCR_DLAB)
		PUT(3, uart->lcr);
#undef PUT
	return w - out;
}
