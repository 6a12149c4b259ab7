/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The UART of a QEMU, as far as a driver and the outside can tell (QEMU 7.2,
 * hw/char/serial.c): its FIFO of 16 takes the newest byte for the oldest when
 * the character device is blocked. What a proxy has in tests.
 */
#ifndef VSB_MODEL_H
#define VSB_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_FIFO	16
#define MODEL_LINE_MAX	(256 * 1024)

/* In what is received and sent: no byte, but */
#define MODEL_BREAK	0x100	/* break; sent: | 1 it begins, | 0 it ends */
#define MODEL_PARAMS	0x200	/* | LCR bits 0 to 5 */
#define MODEL_DIVISOR	0x4000	/* | divisor */

/**
 * struct model - a UART
 * @line:	interrupt line
 * @blocked:	nobody takes what is sent; set by the test
 * @sent:	what went out, @nr_sent of it ever
 * @source:	what comes in, put there by the test, @nr_source of it ever
 * @taken:	of that
 * @lost:	bytes that were pushed out of the FIFO
 */
struct model {
	uint8_t ier, lcr, mcr, scr, fcr, msr, rx_error;
	uint16_t divisor, told_divisor;
	bool thri, timeout, overrun;
	uint8_t rx[MODEL_FIFO], tx[MODEL_FIFO], tsr;
	uint8_t nr_rx, nr_tx;
	bool sending;
	bool line;
	volatile bool blocked;
	volatile uint32_t nr_sent;
	volatile uint32_t nr_source;
	uint32_t taken;
	uint32_t lost;
	uint16_t sent[MODEL_LINE_MAX];
	uint16_t source[MODEL_LINE_MAX];
};

void model_reset(struct model *m);
uint8_t model_read(struct model *m, unsigned int reg);
void model_write(struct model *m, unsigned int reg, uint8_t value);
/* Time passes: it receives, and sends if it can. */
void model_step(struct model *m);

#endif
