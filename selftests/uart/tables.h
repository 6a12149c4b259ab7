/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a driver sees of a 16550A (PC16550D data sheet): unit-uart has the front
 * do it, nested_test a user VM with the front on and off.
 */
#ifndef VSB_TABLES_H
#define VSB_TABLES_H

#include <linux/serial_reg.h>
#include <stddef.h>
#include <stdint.h>

/* One access, or @text is typed. A table begins after a reset. */
enum { UART_R, UART_W, UART_TYPE };
struct uart_access {
	uint8_t what, reg, value;
	const char *text;
};

#define READ(reg, value)	{ UART_R, reg, value, NULL }
#define WRITE(reg, value)	{ UART_W, reg, value, NULL }
#define TYPED(text)		{ UART_TYPE, 0, 0, text }

static const struct uart_access reset_state[] = {
	READ(UART_IER, 0), READ(UART_IIR, 0x01), READ(UART_LCR, 0), READ(UART_MCR, 0),
	READ(UART_LSR, 0x60), READ(UART_MSR, 0xb0), READ(UART_SCR, 0), READ(UART_RX, 0),
};

/* As Linux's autoconfig() does. */
static const struct uart_access identify[] = {
	WRITE(UART_IER, 0), READ(UART_IER, 0), WRITE(UART_IER, 0xff), READ(UART_IER, 0x0f),
	WRITE(UART_IER, 0),
	WRITE(UART_MCR, 0x1a), READ(UART_MSR, 0x92), READ(UART_MSR, 0x90),
	WRITE(UART_MCR, 0),
	WRITE(UART_LCR, 0xbf), WRITE(UART_FCR, 0), WRITE(UART_LCR, 0),
	WRITE(UART_FCR, 0x01), READ(UART_IIR, 0xc1),
	WRITE(UART_FCR, 0xe1), READ(UART_IIR, 0xc1),	/* no 64-byte FIFO: no 16750 */
	WRITE(UART_FCR, 0x40), READ(UART_IIR, 0x01),
	WRITE(UART_SCR, 0x5a), READ(UART_SCR, 0x5a), WRITE(UART_SCR, 0xa5), READ(UART_SCR, 0xa5),
};

static const struct uart_access divisor[] = {
	WRITE(UART_LCR, 0x83), WRITE(UART_DLL, 0x34), WRITE(UART_DLM, 0x12),
	READ(UART_DLL, 0x34), READ(UART_DLM, 0x12), READ(UART_LCR, 0x83),
	WRITE(UART_LCR, 0x03), READ(UART_RX, 0), READ(UART_IER, 0),
	WRITE(UART_IER, 0x05), READ(UART_IER, 0x05), WRITE(UART_LCR, 0x83),
	READ(UART_DLL, 0x34), READ(UART_DLM, 0x12),
};

static const struct uart_access loopback[] = {
	WRITE(UART_MCR, 0x10), READ(UART_MSR, 0x0b), READ(UART_MSR, 0x00),
	WRITE(UART_MCR, 0x11), READ(UART_MSR, 0x22), WRITE(UART_MCR, 0x12), READ(UART_MSR, 0x13),
	WRITE(UART_MCR, 0x14), READ(UART_MSR, 0x41), WRITE(UART_MCR, 0x18), READ(UART_MSR, 0x8c),
	WRITE(UART_MCR, 0x10), READ(UART_MSR, 0x08),
	WRITE(UART_TX, 0x55), READ(UART_LSR, 0x61), READ(UART_RX, 0x55), READ(UART_LSR, 0x60),
	/* One register: the newer takes the older's place. */
	WRITE(UART_TX, 0x01), WRITE(UART_TX, 0x02), READ(UART_LSR, 0x63), READ(UART_LSR, 0x61),
	READ(UART_RX, 0x02), READ(UART_LSR, 0x60),
	WRITE(UART_IER, 0x08), WRITE(UART_MCR, 0x00), READ(UART_IIR, 0x00),
	READ(UART_MSR, 0xbb), READ(UART_IIR, 0x01),
};

/* Data of the line waits while the UART is in loopback. */
static const struct uart_access loopback_typed[] = {
	WRITE(UART_MCR, 0x10), TYPED("ab"), READ(UART_LSR, 0x60), WRITE(UART_TX, 0x55),
	READ(UART_RX, 0x55), READ(UART_LSR, 0x60), WRITE(UART_MCR, 0x00), READ(UART_LSR, 0x61),
	READ(UART_RX, 'a'), READ(UART_LSR, 0x61), READ(UART_RX, 'b'), READ(UART_LSR, 0x60),
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
};

static const struct uart_access receive[] = {
	WRITE(UART_IER, 0x01), READ(UART_IIR, 0x01), TYPED("q"), READ(UART_IIR, 0x04),
	READ(UART_LSR, 0x61), READ(UART_IIR, 0x04), READ(UART_RX, 'q'), READ(UART_IIR, 0x01),
	READ(UART_LSR, 0x60),
};

/* Trigger level 8: below it, the time-out. */
static const struct uart_access trigger[] = {
	WRITE(UART_FCR, 0x87), WRITE(UART_IER, 0x03), READ(UART_IIR, 0xc2),
	TYPED("1234567"), READ(UART_IIR, 0xcc), READ(UART_IIR, 0xcc), TYPED("8"),
	READ(UART_IIR, 0xc4), READ(UART_RX, '1'), READ(UART_IIR, 0xcc), READ(UART_RX, '2'),
	READ(UART_RX, '3'), READ(UART_RX, '4'), READ(UART_RX, '5'), READ(UART_RX, '6'),
	READ(UART_RX, '7'), READ(UART_LSR, 0x61), READ(UART_RX, '8'), READ(UART_LSR, 0x60),
	READ(UART_IIR, 0xc1), READ(UART_RX, 0),
};

static const struct uart_access trigger_14[] = {
	WRITE(UART_FCR, 0xc7), WRITE(UART_IER, 0x01), TYPED("0123456789abc"), READ(UART_IIR, 0xcc),
	TYPED("d"), READ(UART_IIR, 0xc4), READ(UART_RX, '0'), READ(UART_IIR, 0xcc),
};

static const struct uart_access trigger_4[] = {
	WRITE(UART_FCR, 0x41), WRITE(UART_IER, 0x01), TYPED("012"), READ(UART_IIR, 0xcc),
	TYPED("3"), READ(UART_IIR, 0xc4),
};

/* The FIFO is emptied; what is still on the line comes then. */
static const struct uart_access clear[] = {
	WRITE(UART_FCR, 0x01), TYPED("0123456789abcdefXY"), WRITE(UART_FCR, 0x03),
	READ(UART_LSR, 0x61), READ(UART_RX, 'X'), READ(UART_RX, 'Y'), READ(UART_LSR, 0x60),
	TYPED("z"), WRITE(UART_FCR, 0x00), READ(UART_LSR, 0x60),
	/* Without bit 0 the others are not programmed. */
	TYPED("z"), WRITE(UART_FCR, 0x06), READ(UART_LSR, 0x61), READ(UART_RX, 'z'),
};

/* Line status before data before transmitter before modem. */
static const struct uart_access priority[] = {
	WRITE(UART_FCR, 0x01), WRITE(UART_MCR, 0x10), WRITE(UART_IER, 0x0f),
	WRITE(UART_TX, 1), WRITE(UART_TX, 2), WRITE(UART_TX, 3), WRITE(UART_TX, 4),
	WRITE(UART_TX, 5), WRITE(UART_TX, 6), WRITE(UART_TX, 7), WRITE(UART_TX, 8),
	WRITE(UART_TX, 9), WRITE(UART_TX, 10), WRITE(UART_TX, 11), WRITE(UART_TX, 12),
	WRITE(UART_TX, 13), WRITE(UART_TX, 14), WRITE(UART_TX, 15), WRITE(UART_TX, 16),
	READ(UART_IIR, 0xc4), WRITE(UART_TX, 17), READ(UART_IIR, 0xc6), READ(UART_LSR, 0x63),
	READ(UART_IIR, 0xc4), READ(UART_RX, 1), READ(UART_RX, 2), READ(UART_RX, 3),
	READ(UART_RX, 4), READ(UART_RX, 5), READ(UART_RX, 6), READ(UART_RX, 7),
	READ(UART_RX, 8), READ(UART_RX, 9), READ(UART_RX, 10), READ(UART_RX, 11),
	READ(UART_RX, 12), READ(UART_RX, 13), READ(UART_RX, 14), READ(UART_RX, 15),
	READ(UART_RX, 16), READ(UART_IIR, 0xc2), READ(UART_IIR, 0xc0), READ(UART_MSR, 0x0b),
	READ(UART_IIR, 0xc1),
};

/* That any 16550A does so, */
#define UART_TABLES(T) T(reset_state) T(identify) T(divisor) T(loopback) T(thre) \
	T(receive) T(trigger) T(trigger_14) T(trigger_4) T(priority)
/* and one that has the bytes of its line at once. */
#define FRONT_TABLES(T) T(loopback_typed) T(clear)

#endif
