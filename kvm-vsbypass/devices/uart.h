/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The registers of a 16550 as the user VM has written them: what both ways of
 * serving it share, and what outlives a proxy. No type of KVM's is in here: a
 * unit test builds it, too.
 */
#ifndef VSB_UART_H
#define VSB_UART_H

#include <linux/bits.h>
#include <linux/serial_reg.h>
#include <linux/types.h>

#include "devices/device.h"

#define VSB_IER_BITS	0x0f
#define VSB_MCR_BITS	0x1f

#define VSB_UART_WRITES	9	/* most register writes that replay one UART */
#define VSB_UART_WAKES	2	/* the same, wake */
#define VSB_UART_RESTORES	(VSB_UART_WRITES + 2)	/* the same, restore */

/**
 * struct vsb_uart - registers as written
 * @base:	its first port
 * @seen:	bit n: the register number n in uart.c has been written
 * @known:	the user VM has touched it, or has been seen to boot
 * @woken:	has all interrupts on because of us, not of the user VM
 */
struct vsb_uart {
	u16 base;
	u16 seen;
	bool known;
	bool woken;
	u8 ier, fcr, lcr, mcr, scr, dll, dlm;
};

void vsb_uart_write(struct vsb_uart *uart, u8 reg, u8 value);
bool vsb_uart_in_use(struct vsb_uart *uart, u8 reg, bool in);
bool vsb_uart_settle(struct vsb_uart *uart);
void vsb_uart_reset(struct vsb_uart *uart);
int vsb_uart_gsi(const struct vsb_uart *uart);
unsigned int vsb_uart_replay(const struct vsb_uart *uart, struct vsb_reg_write *out);
unsigned int vsb_uart_wake(const struct vsb_uart *uart, struct vsb_reg_write *out);
unsigned int vsb_uart_restore(const struct vsb_uart *uart, struct vsb_reg_write *out);

#endif
