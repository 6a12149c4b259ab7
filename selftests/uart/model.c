// SPDX-License-Identifier: GPL-2.0
/* See model.h. */
#include "model.h"

#include <linux/serial_reg.h>
#include <stddef.h>
#include <string.h>

static bool fifo_on(const struct model *m)
{
	return m->fcr & UART_FCR_ENABLE_FIFO;
}

static unsigned int trigger(const struct model *m)
{
	static const uint8_t level[] = { 1, 4, 8, 14 };

	return fifo_on(m) ? level[m->fcr >> 6] : 1;
}

static uint8_t cause(const struct model *m)
{
	if (m->ier & UART_IER_RLSI && (m->rx_error || m->overrun))
		return UART_IIR_RLSI;
	if (m->ier & UART_IER_RDI && m->timeout)
		return UART_IIR_RX_TIMEOUT;
	if (m->ier & UART_IER_RDI && m->nr_rx >= trigger(m))
		return UART_IIR_RDI;
	if (m->ier & UART_IER_THRI && m->thri)
		return UART_IIR_THRI;
	if (m->ier & UART_IER_MSI && m->msr)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

static void update(struct model *m)
{
	m->line = cause(m) != UART_IIR_NO_INT;
}

static void put_out(struct model *m, uint16_t what)
{
	if (m->nr_sent < MODEL_LINE_MAX)
		m->sent[m->nr_sent] = what;
	__sync_synchronize();	/* whoever sees nr_sent sees the entry */
	m->nr_sent++;
}

static void receive(struct model *m, uint8_t byte)
{
	if (m->nr_rx < (fifo_on(m) ? MODEL_FIFO : 1))
		m->rx[m->nr_rx++] = byte;
	else
		m->overrun = true;
	if (!fifo_on(m))
		m->rx[0] = byte;
}

/* Sends until the FIFO is empty or nobody takes. */
static void xmit(struct model *m)
{
	for (;;) {
		if (!m->sending) {
			if (!m->nr_tx)
				break;
			m->tsr = m->tx[0];
			memmove(m->tx, m->tx + 1, --m->nr_tx);
			m->sending = true;
			if (!m->nr_tx)
				m->thri = true;
		}
		if (m->mcr & UART_MCR_LOOP)
			receive(m, m->tsr);
		else if (m->blocked)
			break;
		else
			put_out(m, m->tsr);
		m->sending = false;
	}
	update(m);
}

static void write_data(struct model *m, uint8_t value)
{
	unsigned int size = fifo_on(m) ? MODEL_FIFO : 1;

	if (m->nr_tx == size) {
		memmove(m->tx, m->tx + 1, --m->nr_tx);
		m->lost++;
	}
	m->tx[m->nr_tx++] = value;
	m->thri = false;
	update(m);
	if (!m->sending)
		xmit(m);
}

static void write_fcr(struct model *m, uint8_t value)
{
	bool change = (value ^ m->fcr) & UART_FCR_ENABLE_FIFO;

	if (change || value & UART_FCR_CLEAR_RCVR) {
		m->nr_rx = 0;
		m->timeout = false;
		m->rx_error = 0;
	}
	if (change || value & UART_FCR_CLEAR_XMIT) {
		m->nr_tx = 0;
		m->thri = true;
	}
	m->fcr = value & 0xc9;
}

static void write_lcr(struct model *m, uint8_t value)
{
	uint8_t change = value ^ m->lcr;

	m->lcr = value;
	if (change & UART_LCR_SBC)
		put_out(m, MODEL_BREAK | !!(value & UART_LCR_SBC));
	if (change & 0x3f)
		put_out(m, MODEL_PARAMS | (value & 0x3f));
	if (value & UART_LCR_DLAB || m->divisor == m->told_divisor)
		return;
	m->told_divisor = m->divisor;
	put_out(m, MODEL_DIVISOR | (m->divisor & 0x3fff));
}

static uint8_t inputs(const struct model *m)
{
	if (!(m->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	return (m->mcr & 0x0c) << 4 | (m->mcr & UART_MCR_RTS) << 3 | (m->mcr & UART_MCR_DTR) << 5;
}

static void write_mcr(struct model *m, uint8_t value)
{
	uint8_t old = inputs(m);

	m->mcr = value & 0x1f;
	/* The data sheet's; QEMU's has none in loopback. */
	m->msr |= (old ^ inputs(m)) >> 4 & ~UART_MSR_TERI;
	if (old & ~inputs(m) & UART_MSR_RI)
		m->msr |= UART_MSR_TERI;
}

static void write_ier(struct model *m, uint8_t value)
{
	if ((m->ier ^ value) & UART_IER_THRI)
		m->thri = value & UART_IER_THRI && !m->nr_tx;
	m->ier = value & 0x0f;
}

void model_write(struct model *m, unsigned int reg, uint8_t value)
{
	bool dlab = m->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (dlab)
			m->divisor = (m->divisor & 0xff00) | value;
		else
			write_data(m, value);
		break;
	case UART_IER:
		if (dlab)
			m->divisor = (m->divisor & 0xff) | value << 8;
		else
			write_ier(m, value);
		break;
	case UART_FCR:
		write_fcr(m, value);
		break;
	case UART_LCR:
		write_lcr(m, value);
		break;
	case UART_MCR:
		write_mcr(m, value);
		break;
	case UART_SCR:
		m->scr = value;
		break;
	}
	update(m);
}

static uint8_t read_data(struct model *m)
{
	uint8_t value = 0;

	if (m->nr_rx) {
		value = m->rx[0];
		memmove(m->rx, m->rx + 1, --m->nr_rx);
	}
	if (!m->nr_rx)
		m->rx_error = 0;
	m->timeout = false;
	return value;
}

static uint8_t read_lsr(struct model *m)
{
	uint8_t lsr = m->rx_error;

	if (m->overrun)
		lsr |= UART_LSR_OE;
	if (m->nr_rx)
		lsr |= UART_LSR_DR;
	if (!m->nr_tx)
		lsr |= UART_LSR_THRE;
	if (!m->nr_tx && !m->sending)
		lsr |= UART_LSR_TEMT;
	m->overrun = false;
	m->rx_error = 0;
	return lsr;
}

uint8_t model_read(struct model *m, unsigned int reg)
{
	bool dlab = m->lcr & UART_LCR_DLAB;
	uint8_t value;

	switch (reg) {
	case UART_RX:
		value = dlab ? m->divisor : read_data(m);
		break;
	case UART_IER:
		value = dlab ? m->divisor >> 8 : m->ier;
		break;
	case UART_IIR:
		value = cause(m);
		if (value == UART_IIR_THRI)
			m->thri = false;
		value |= fifo_on(m) ? 0xc0 : 0;
		break;
	case UART_LCR:
		value = m->lcr;
		break;
	case UART_MCR:
		value = m->mcr;
		break;
	case UART_LSR:
		value = read_lsr(m);
		break;
	case UART_MSR:
		value = inputs(m) | m->msr;
		m->msr = 0;
		break;
	default:
		value = m->scr;
		break;
	}
	update(m);
	return value;
}

/* How many it lets its character device give it. */
static unsigned int can_receive(const struct model *m)
{
	if (!fifo_on(m))
		return !m->nr_rx;
	if (m->nr_rx == MODEL_FIFO)
		return 0;
	return m->nr_rx <= trigger(m) ? trigger(m) - m->nr_rx : 1;
}

void model_step(struct model *m)
{
	unsigned int n = can_receive(m);
	bool some = false;

	for (; n && m->taken < m->nr_source; n--) {
		uint16_t what = m->source[m->taken];

		if (what & MODEL_BREAK)
			m->rx_error |= UART_LSR_BI;
		receive(m, what);
		m->taken++;
		some = true;
	}
	/* Four character times without one. */
	if (!some && fifo_on(m) && m->nr_rx)
		m->timeout = true;
	xmit(m);
}

void model_reset(struct model *m)
{
	memset(m, 0, offsetof(struct model, blocked));
	m->divisor = m->told_divisor = 0x0c;
}
