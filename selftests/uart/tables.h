/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a driver sees of a 16550A (PC16550D data sheet): unit-uart has the front do it,
 * and QEMU's own UART as the control; nested_test a user VM with the front on and off.
 * A front has no time: there each access follows the one before at once.
 */
#ifndef VSB_TABLES_H
#define VSB_TABLES_H

#include <linux/serial_reg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One access, or @text is typed. Of what is read @mask counts. UART_LATER is a read that
 * a UART with time has to repeat until it says so: four character times have to pass, or
 * what was typed has to come. A table begins after a reset.
 */
enum { UART_R, UART_LATER, UART_W, UART_TYPE };
struct uart_access {
	uint8_t what, reg, value, mask;
	const char *text;
};

#define READ(reg, value)	{ UART_R, reg, value, 0xff, NULL }
#define BITS(reg, value, mask)	{ UART_R, reg, value, mask, NULL }
#define LATER(reg, value)	{ UART_LATER, reg, value, 0xff, NULL }
#define WRITE(reg, value)	{ UART_W, reg, value, 0, NULL }
#define TYPED(text)		{ UART_TYPE, 0, 0, 0, text }
/* A FIFO at its trigger level: the data sheet does not say if it may be a time-out, too. */
#define AT_LEVEL		{ UART_LATER, UART_IIR, 0xc4, 0xf7, NULL }

static const struct uart_access reset_state[] = {
	READ(UART_IER, 0), READ(UART_IIR, 0x01), READ(UART_LCR, 0),
	READ(UART_LSR, 0x60), READ(UART_MSR, 0xb0), READ(UART_SCR, 0), READ(UART_RX, 0),
};

/* As Linux's autoconfig() does. */
static const struct uart_access identify[] = {
	WRITE(UART_IER, 0), READ(UART_IER, 0), WRITE(UART_IER, 0xff), READ(UART_IER, 0x0f),
	WRITE(UART_IER, 0),
	WRITE(UART_MCR, 0x1a), BITS(UART_MSR, 0x90, 0xf0), READ(UART_MSR, 0x90),
	WRITE(UART_MCR, 0),
	WRITE(UART_LCR, 0xbf), WRITE(UART_FCR, 0), WRITE(UART_LCR, 0),
	WRITE(UART_FCR, 0x01), READ(UART_IIR, 0xc1),
	WRITE(UART_FCR, 0xe1), READ(UART_IIR, 0xc1),	/* no 64-byte FIFO: no 16750 */
	WRITE(UART_FCR, 0x40), READ(UART_IIR, 0x01),
	WRITE(UART_SCR, 0x5a), READ(UART_SCR, 0x5a), WRITE(UART_SCR, 0xa5), READ(UART_SCR, 0xa5),
};

/* Which bits a register has. */
static const struct uart_access bits[] = {
	WRITE(UART_IER, 0xf0), READ(UART_IER, 0x00), WRITE(UART_IER, 0x0d), READ(UART_IER, 0x0d),
	WRITE(UART_IER, 0x00),
	WRITE(UART_LCR, 0x7f), READ(UART_LCR, 0x7f), WRITE(UART_LCR, 0x00), READ(UART_LCR, 0x00),
	WRITE(UART_MCR, 0xff), READ(UART_MCR, 0x1f), WRITE(UART_MCR, 0x00), READ(UART_MCR, 0x00),
	/* Those that are for reading. */
	WRITE(UART_LSR, 0x00), READ(UART_LSR, 0x60), WRITE(UART_LSR, 0xff), READ(UART_LSR, 0x60),
	BITS(UART_MSR, 0xb0, 0xf0), WRITE(UART_MSR, 0xff), READ(UART_MSR, 0xb0),
};

static const struct uart_access divisor[] = {
	WRITE(UART_LCR, 0x83), WRITE(UART_DLL, 0x34), WRITE(UART_DLM, 0x12),
	READ(UART_DLL, 0x34), READ(UART_DLM, 0x12), READ(UART_LCR, 0x83),
	WRITE(UART_LCR, 0x03), READ(UART_RX, 0), READ(UART_IER, 0),
	WRITE(UART_IER, 0x05), READ(UART_IER, 0x05), WRITE(UART_LCR, 0x83),
	READ(UART_DLL, 0x34), READ(UART_DLM, 0x12),
	/* The latch is no IER and no THR; the other registers are where they were. */
	WRITE(UART_DLM, 0x02), READ(UART_IIR, 0x01), WRITE(UART_DLL, 0x01), READ(UART_LSR, 0x60),
	READ(UART_IIR, 0x01), WRITE(UART_LCR, 0x03), READ(UART_IER, 0x05),
	WRITE(UART_IER, 0x02), WRITE(UART_LCR, 0x83), READ(UART_IIR, 0x02), READ(UART_IIR, 0x01),
	WRITE(UART_DLL, 0x0c), WRITE(UART_DLM, 0x00), READ(UART_IIR, 0x01),
};

static const struct uart_access loopback[] = {
	WRITE(UART_MCR, 0x10), BITS(UART_MSR, 0x00, 0xf0),
	WRITE(UART_MCR, 0x11), BITS(UART_MSR, 0x20, 0xf0),
	WRITE(UART_MCR, 0x12), BITS(UART_MSR, 0x10, 0xf0),
	WRITE(UART_MCR, 0x14), BITS(UART_MSR, 0x40, 0xf0),
	WRITE(UART_MCR, 0x18), BITS(UART_MSR, 0x80, 0xf0), READ(UART_MSR, 0x80),
	WRITE(UART_MCR, 0x10),
	WRITE(UART_TX, 0x55), READ(UART_LSR, 0x61), READ(UART_RX, 0x55), READ(UART_LSR, 0x60),
	/* One register: the newer takes the older's place. */
	WRITE(UART_TX, 0x01), WRITE(UART_TX, 0x02), READ(UART_LSR, 0x63), READ(UART_LSR, 0x61),
	READ(UART_RX, 0x02), READ(UART_LSR, 0x60),
	WRITE(UART_IER, 0x03), READ(UART_IIR, 0x02), WRITE(UART_TX, 0x03), READ(UART_IIR, 0x04),
	READ(UART_RX, 0x03), READ(UART_IIR, 0x02), READ(UART_IIR, 0x01),
	WRITE(UART_MCR, 0x00), BITS(UART_MSR, 0xb0, 0xf0),
};

/* As SeaBIOS asks if there is a COM port (detect_serial()), and uses it (INT 14h). */
static const struct uart_access seabios[] = {
	WRITE(UART_IER, 0x02), READ(UART_IER, 0x02), READ(UART_IIR, 0x02), WRITE(UART_IER, 0x00),
	READ(UART_IIR, 0x01),
	WRITE(UART_LCR, 0x83), WRITE(UART_DLL, 0x0c), WRITE(UART_DLM, 0x00), WRITE(UART_LCR, 0x03),
	READ(UART_LSR, 0x60), READ(UART_MSR, 0xb0), WRITE(UART_TX, 'x'), READ(UART_LSR, 0x60),
	TYPED("k"), LATER(UART_LSR, 0x61), READ(UART_RX, 'k'), READ(UART_LSR, 0x60),
};

/* As Linux's serial8250_do_startup() asks for UART_BUG_THRE and UART_BUG_TXEN. */
static const struct uart_access linux_startup[] = {
	WRITE(UART_FCR, 0x01), WRITE(UART_FCR, 0x07), WRITE(UART_FCR, 0x00),
	READ(UART_LSR, 0x60), READ(UART_RX, 0), READ(UART_IIR, 0x01), READ(UART_MSR, 0xb0),
	WRITE(UART_LCR, 0x03), WRITE(UART_MCR, 0x08), READ(UART_LSR, 0x60),
	WRITE(UART_IER, 0x02), READ(UART_IIR, 0x02), WRITE(UART_IER, 0x00),
	WRITE(UART_IER, 0x02), READ(UART_IIR, 0x02), WRITE(UART_IER, 0x00),
	WRITE(UART_IER, 0x02), READ(UART_LSR, 0x60), READ(UART_IIR, 0x02), WRITE(UART_IER, 0x00),
	READ(UART_LSR, 0x60), READ(UART_RX, 0), READ(UART_IIR, 0x01), READ(UART_MSR, 0xb0),
	WRITE(UART_IER, 0x05), WRITE(UART_FCR, 0x81), READ(UART_IIR, 0xc1),
	/* serial8250_start_tx(), the handler. */
	WRITE(UART_IER, 0x07), READ(UART_IIR, 0xc2), READ(UART_LSR, 0x60), WRITE(UART_TX, 'e'),
	WRITE(UART_IER, 0x05), READ(UART_IIR, 0xc1),
};

static const struct uart_access thre[] = {
	WRITE(UART_IER, 0x02), READ(UART_IIR, 0x02), READ(UART_IIR, 0x01),
	WRITE(UART_TX, 'x'), READ(UART_IIR, 0x02), READ(UART_IIR, 0x01),
	/* Switched on it comes again, written again it does not. */
	WRITE(UART_IER, 0x02), READ(UART_IIR, 0x01),
	WRITE(UART_IER, 0x00), WRITE(UART_IER, 0x02), READ(UART_IIR, 0x02),
	/* LSR does not take it away. */
	WRITE(UART_TX, 'x'), READ(UART_LSR, 0x60), READ(UART_IIR, 0x02), READ(UART_IIR, 0x01),
	WRITE(UART_IER, 0x00), WRITE(UART_TX, 'x'), READ(UART_IIR, 0x01),
	/* Sent while it was off, it is not pending twice. */
	WRITE(UART_IER, 0x02), READ(UART_IIR, 0x02), READ(UART_IIR, 0x01),
	/* All on, all off, all on. */
	WRITE(UART_IER, 0x0f), READ(UART_IIR, 0x01), WRITE(UART_IER, 0x00), READ(UART_IIR, 0x01),
	WRITE(UART_IER, 0x0f), READ(UART_IER, 0x0f), READ(UART_IIR, 0x02), READ(UART_IIR, 0x01),
	WRITE(UART_IER, 0x0d), WRITE(UART_TX, 'x'), READ(UART_IIR, 0x01),
};

/* The same with a FIFO, a byte, many and too many. */
static const struct uart_access thre_fifo[] = {
	WRITE(UART_FCR, 0x01), WRITE(UART_IER, 0x02), READ(UART_IIR, 0xc2), READ(UART_IIR, 0xc1),
	WRITE(UART_TX, 'a'), READ(UART_LSR, 0x60), READ(UART_IIR, 0xc2), READ(UART_IIR, 0xc1),
	WRITE(UART_TX, 'b'), WRITE(UART_TX, 'c'), READ(UART_IIR, 0xc2), READ(UART_IIR, 0xc1),
	WRITE(UART_TX, '1'), WRITE(UART_TX, '2'), WRITE(UART_TX, '3'), WRITE(UART_TX, '4'),
	WRITE(UART_TX, '5'), WRITE(UART_TX, '6'), WRITE(UART_TX, '7'), WRITE(UART_TX, '8'),
	WRITE(UART_TX, '1'), WRITE(UART_TX, '2'), WRITE(UART_TX, '3'), WRITE(UART_TX, '4'),
	WRITE(UART_TX, '5'), WRITE(UART_TX, '6'), WRITE(UART_TX, '7'), WRITE(UART_TX, '8'),
	READ(UART_LSR, 0x60), READ(UART_IIR, 0xc2), READ(UART_LSR, 0x60), READ(UART_IIR, 0xc1),
};

/* A transmitter that is cleared, or has another FIFO, is empty: that is news. */
static const struct uart_access thre_fcr[] = {
	WRITE(UART_IER, 0x02), READ(UART_IIR, 0x02), READ(UART_IIR, 0x01),
	WRITE(UART_FCR, 0x01), READ(UART_IIR, 0xc2), READ(UART_IIR, 0xc1),
	WRITE(UART_FCR, 0x01), READ(UART_IIR, 0xc1), WRITE(UART_FCR, 0x41), READ(UART_IIR, 0xc1),
	WRITE(UART_FCR, 0x03), READ(UART_IIR, 0xc1),
	WRITE(UART_FCR, 0x05), READ(UART_IIR, 0xc2), READ(UART_IIR, 0xc1),
	WRITE(UART_FCR, 0x87), READ(UART_IIR, 0xc2), READ(UART_IIR, 0xc1),
	WRITE(UART_FCR, 0x00), READ(UART_IIR, 0x02), READ(UART_IIR, 0x01),
	WRITE(UART_IER, 0x00), WRITE(UART_FCR, 0x07), READ(UART_IIR, 0xc1),
	WRITE(UART_IER, 0x0d), READ(UART_IIR, 0xc1),
};

/* IIR takes "transmitter empty" away only if that is what it says. */
static const struct uart_access thre_behind[] = {
	WRITE(UART_IER, 0x03), TYPED("q"), LATER(UART_IIR, 0x04), READ(UART_IIR, 0x04),
	WRITE(UART_TX, 'x'), READ(UART_IIR, 0x04), READ(UART_RX, 'q'), READ(UART_IIR, 0x02),
	READ(UART_IIR, 0x01),
};

static const struct uart_access receive[] = {
	WRITE(UART_IER, 0x01), READ(UART_IIR, 0x01), TYPED("q"), LATER(UART_IIR, 0x04),
	READ(UART_LSR, 0x61), READ(UART_IIR, 0x04), READ(UART_RX, 'q'), READ(UART_IIR, 0x01),
	READ(UART_LSR, 0x60),
	/* Without its interrupt. */
	WRITE(UART_IER, 0x00), TYPED("r"), LATER(UART_LSR, 0x61), READ(UART_IIR, 0x01),
	WRITE(UART_IER, 0x01), READ(UART_IIR, 0x04), WRITE(UART_IER, 0x00), READ(UART_IIR, 0x01),
	READ(UART_RX, 'r'), READ(UART_LSR, 0x60),
};

/* Trigger level 8: below it, the time-out. */
static const struct uart_access trigger[] = {
	WRITE(UART_FCR, 0x87), WRITE(UART_IER, 0x03), READ(UART_IIR, 0xc2),
	TYPED("1234567"), LATER(UART_IIR, 0xcc), READ(UART_IIR, 0xcc), TYPED("8"),
	AT_LEVEL, READ(UART_RX, '1'), LATER(UART_IIR, 0xcc), READ(UART_RX, '2'),
	READ(UART_RX, '3'), READ(UART_RX, '4'), READ(UART_RX, '5'), READ(UART_RX, '6'),
	READ(UART_RX, '7'), READ(UART_LSR, 0x61), READ(UART_RX, '8'), READ(UART_LSR, 0x60),
	READ(UART_IIR, 0xc1), READ(UART_RX, 0),
};

static const struct uart_access trigger_14[] = {
	WRITE(UART_FCR, 0xc7), WRITE(UART_IER, 0x01), TYPED("0123456789abc"),
	LATER(UART_IIR, 0xcc), TYPED("d"), AT_LEVEL, READ(UART_RX, '0'), LATER(UART_IIR, 0xcc),
};

static const struct uart_access trigger_4[] = {
	WRITE(UART_FCR, 0x41), WRITE(UART_IER, 0x01), TYPED("012"), LATER(UART_IIR, 0xcc),
	TYPED("3"), AT_LEVEL,
};

/* Line status before data before transmitter. */
static const struct uart_access priority[] = {
	WRITE(UART_FCR, 0x01), WRITE(UART_MCR, 0x10), WRITE(UART_IER, 0x07),
	WRITE(UART_TX, 1), WRITE(UART_TX, 2), WRITE(UART_TX, 3), WRITE(UART_TX, 4),
	WRITE(UART_TX, 5), WRITE(UART_TX, 6), WRITE(UART_TX, 7), WRITE(UART_TX, 8),
	WRITE(UART_TX, 9), WRITE(UART_TX, 10), WRITE(UART_TX, 11), WRITE(UART_TX, 12),
	WRITE(UART_TX, 13), WRITE(UART_TX, 14), WRITE(UART_TX, 15), WRITE(UART_TX, 16),
	AT_LEVEL, WRITE(UART_TX, 17), READ(UART_IIR, 0xc6), READ(UART_LSR, 0x63),
	AT_LEVEL, READ(UART_RX, 1), READ(UART_RX, 2), READ(UART_RX, 3),
	READ(UART_RX, 4), READ(UART_RX, 5), READ(UART_RX, 6), READ(UART_RX, 7),
	READ(UART_RX, 8), READ(UART_RX, 9), READ(UART_RX, 10), READ(UART_RX, 11),
	READ(UART_RX, 12), READ(UART_RX, 13), READ(UART_RX, 14), READ(UART_RX, 15),
	READ(UART_RX, 16), READ(UART_IIR, 0xc2), READ(UART_IIR, 0xc1), READ(UART_LSR, 0x60),
};

/* The FIFO is emptied. */
static const struct uart_access clear[] = {
	WRITE(UART_FCR, 0x01), WRITE(UART_MCR, 0x10), WRITE(UART_TX, 'a'), WRITE(UART_TX, 'b'),
	READ(UART_LSR, 0x61), WRITE(UART_FCR, 0x05), READ(UART_LSR, 0x61), READ(UART_RX, 'a'),
	WRITE(UART_FCR, 0x03), READ(UART_LSR, 0x60), WRITE(UART_TX, 'c'), READ(UART_LSR, 0x61),
	WRITE(UART_FCR, 0x00), READ(UART_LSR, 0x60), WRITE(UART_TX, 'd'), READ(UART_LSR, 0x61),
	WRITE(UART_FCR, 0x81), READ(UART_LSR, 0x60), READ(UART_IIR, 0xc1),
};

/* What is still on the line comes then. */
static const struct uart_access clear_typed[] = {
	WRITE(UART_FCR, 0x01), TYPED("0123456789abcdefXY"), WRITE(UART_FCR, 0x03),
	READ(UART_LSR, 0x61), READ(UART_RX, 'X'), READ(UART_RX, 'Y'), READ(UART_LSR, 0x60),
	TYPED("z"), WRITE(UART_FCR, 0x00), READ(UART_LSR, 0x60),
	/* Without bit 0 the others are not programmed. */
	TYPED("z"), WRITE(UART_FCR, 0x06), READ(UART_LSR, 0x61), READ(UART_RX, 'z'),
};

/* Data of the line waits while the UART is in loopback. */
static const struct uart_access loopback_typed[] = {
	WRITE(UART_MCR, 0x10), TYPED("ab"), READ(UART_LSR, 0x60), WRITE(UART_TX, 0x55),
	READ(UART_RX, 0x55), READ(UART_LSR, 0x60), WRITE(UART_MCR, 0x00), READ(UART_LSR, 0x61),
	READ(UART_RX, 'a'), READ(UART_LSR, 0x61), READ(UART_RX, 'b'), READ(UART_LSR, 0x60),
};

/* The modem inputs change, and that is told, lowest of all. QEMU's tells in no loopback. */
static const struct uart_access modem[] = {
	READ(UART_MCR, 0), READ(UART_MSR, 0xb0),
	WRITE(UART_MCR, 0x10), READ(UART_MSR, 0x0b), READ(UART_MSR, 0x00),
	WRITE(UART_MCR, 0x11), READ(UART_MSR, 0x22), WRITE(UART_MCR, 0x12), READ(UART_MSR, 0x13),
	WRITE(UART_MCR, 0x14), READ(UART_MSR, 0x41), WRITE(UART_MCR, 0x18), READ(UART_MSR, 0x8c),
	WRITE(UART_MCR, 0x10), READ(UART_MSR, 0x08), WRITE(UART_IER, 0x0a),
	WRITE(UART_MCR, 0x00), READ(UART_IIR, 0x02), READ(UART_IIR, 0x00), READ(UART_IIR, 0x00),
	READ(UART_MSR, 0xbb), READ(UART_IIR, 0x01),
};

/* That any 16550A does so, */
#define UART_TABLES(T) T(reset_state) T(identify) T(bits) T(divisor) T(loopback) T(seabios) \
	T(linux_startup) T(thre) T(thre_fifo) T(thre_fcr) T(thre_behind) T(receive) T(trigger) \
	T(trigger_14) T(trigger_4) T(priority) T(clear)
/* and one that does what the data sheet says where QEMU's does not. */
#define SHEET_TABLES(T) T(modem) T(loopback_typed) T(clear_typed)

#endif
