// SPDX-License-Identifier: GPL-2.0
/* A user VM with two 16550s: each has its own bytes, registers and interrupts. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/serial_reg.h>

#include "cases.h"
#include "proxy.h"
#include "tap.h"

#define COM2	0x2f8
#define COM3	0x3e8

static struct cloud *c;
static struct proxy *p;

static void begin(uint16_t base2, uint16_t gsi2)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_add_uarts(c, "vm1", base2, gsi2);
	cloud_start(c);
}

static uint8_t read_reg(uint16_t port)
{
	L2_RUN(c, 0, IN(port, 1));
	return GOT(c, 0);
}

static void write_reg(uint16_t port, uint8_t value)
{
	L2_RUN(c, 0, OUT(port, 1, value));
}

/* Until the front has them. */
static void type(struct model *m, const char *text)
{
	uint32_t nr = m->nr_source, steps = p->shm->steps;

	for (; *text; text++)
		m->source[nr++] = (uint8_t)*text;
	__sync_synchronize();
	m->nr_source = nr;
	WAIT_FOR(m->taken == m->nr_source && !*(volatile uint8_t *)&m->nr_rx);
	WAIT_FOR(p->shm->steps >= steps + 3);
	WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
}

static void check_sent(struct model *m, uint32_t from, uint32_t n)
{
	WAIT_FOR(m->nr_sent >= from + n);
	for (uint32_t i = 0; i < n; i++)
		CHECK_EQ(m->sent[from + i], i % 251);
	CHECK_EQ(m->nr_sent, from + n);
	CHECK_EQ(m->lost, 0);
}

void uart_coms_bytes(void)
{
	struct model *m1, *m2;

	begin(COM2, 3);
	m1 = &p->shm->uart16550;
	m2 = &p->shm->uart2;
	L2_RUN(c, 0, OUT(COM1 + 2, 1, 0x07), OUT(COM2 + 2, 1, 0x07), OUT(COM1 + 7, 1, 0x11),
	       OUT(COM2 + 7, 1, 0x22), { .kind = OP_SEND, .port = COM1, .count = 500 },
	       { .kind = OP_SEND, .port = COM2, .count = 700 }, IN(COM1 + 7, 1),
	       IN(COM2 + 7, 1));
	CHECK_EQ(GOT(c, 6), rax_after(1, 0x11));
	CHECK_EQ(GOT(c, 7), rax_after(1, 0x22));
	check_sent(m1, 0, 500);
	check_sent(m2, 0, 700);
	type(m2, "2");
	CHECK_EQ(read_reg(COM1 + 5), 0x60);
	CHECK_EQ(read_reg(COM2 + 5), 0x61);
	type(m1, "1");
	CHECK_EQ(read_reg(COM2), '2');
	CHECK_EQ(read_reg(COM1), '1');
	CHECK_EQ(L1_EXITS(c), 0);
}

static void expect_event(unsigned int gsi, unsigned int level)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	struct vsb_event e;

	do {
		CHECK_EQ(OK(poll(&pfd, 1, TAP_PATIENCE * 1000)), 1);
		CHECK_EQ(OK(read(p->fd, &e, sizeof(e))), sizeof(e));
	} while (e.type == VSB_EVENT_USERVM);
	CHECK_EQ(e.gsi, gsi);
	CHECK_EQ(e.level, level);
}

void uart_coms_irqs(void)
{
	begin(COM2, 3);
	write_reg(COM1 + 1, UART_IER_RDI);
	write_reg(COM2 + 1, UART_IER_THRI);
	expect_event(3, 1);
	CHECK_EQ(read_reg(COM1 + 2), 0x01);
	CHECK_EQ(read_reg(COM2 + 2), 0x02);
	CHECK_EQ(read_reg(COM2 + 2), 0x01);
	expect_event(3, 0);
	type(&p->shm->uart16550, "x");
	expect_event(4, 1);
	CHECK_EQ(read_reg(COM2 + 2), 0x01);
	CHECK_EQ(read_reg(COM1 + 2), 0x04);
	CHECK_EQ(proxy_uservm(p).ier, UART_IER_RDI);
	CHECK_EQ(proxy_uservm(p).com_ier[0], UART_IER_THRI);
	CHECK_EQ(proxy_uservm(p).com_ier[1], 0);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* COM1 and COM3: a rise of one is one although the other has the line high. */
void uart_coms_shared_line(void)
{
	begin(COM3, 4);
	write_reg(COM1 + 1, UART_IER_RDI);
	write_reg(COM3 + 1, UART_IER_RDI);
	type(&p->shm->uart16550, "1");
	expect_event(4, 1);
	type(&p->shm->uart2, "3");
	expect_event(4, 0);
	expect_event(4, 1);
	CHECK_EQ(read_reg(COM1), '1');
	CHECK_EQ(read_reg(COM3 + 2), 0x04);
	CHECK_EQ(read_reg(COM3), '3');
	CHECK_EQ(read_reg(COM3 + 2), 0x01);
	expect_event(4, 0);
	/* Neither waits for the other's next byte. */
	for (int i = 0; i < 200; i++) {
		p->shm->uart16550.source[p->shm->uart16550.nr_source] = i;
		p->shm->uart2.source[p->shm->uart2.nr_source] = i;
		__sync_synchronize();
		p->shm->uart16550.nr_source++;
		p->shm->uart2.nr_source++;
		WAIT_FOR(read_reg(COM3 + 5) & UART_LSR_DR);
		CHECK_EQ(read_reg(COM3), i);
		WAIT_FOR(read_reg(COM1 + 5) & UART_LSR_DR);
		CHECK_EQ(read_reg(COM1), i);
	}
	CHECK_EQ(L1_EXITS(c), 0);
}

/* One that always has output, and one whose character device takes none. */
void uart_coms_busy(void)
{
	struct model *m1, *m2;

	begin(COM2, 3);
	m1 = &p->shm->uart16550;
	m2 = &p->shm->uart2;
	write_reg(COM1 + 2, 0x07);
	write_reg(COM2 + 2, 0x07);
	p->shm->hold = true;
	L2_RUN(c, 0, { .kind = OP_SEND, .port = COM1, .count = 3000 },
	       { .kind = OP_SEND, .port = COM2, .count = 100 });
	p->shm->hold = false;
	check_sent(m2, 0, 100);
	CHECK(p->shm->sent_before < 1000);
	check_sent(m1, 0, 3000);
	m1->blocked = true;
	L2_RUN(c, 0, { .kind = OP_SEND, .port = COM1, .count = 2000 },
	       { .kind = OP_SEND, .port = COM2, .count = 2000 });
	check_sent(m2, 100, 2000);
	CHECK(m1->nr_sent < 3100);
	m1->blocked = false;
	check_sent(m1, 3000, 2000);
	CHECK_EQ(L1_EXITS(c), 0);
}

void uart_coms_no_proxy(void)
{
	begin(COM2, 3);
	L2_RUN(c, 0, OUT(COM1 + 3, 1, 0x1b), OUT(COM2 + 3, 1, 0x13), OUT(COM1 + 1, 1, 0x05),
	       OUT(COM2 + 1, 1, 0x01));
	proxy_kill(p);
	close(p->vm_fd);
	proxy_close(p);
	L2_RUN(c, 0, { .kind = OP_SEND, .port = COM2, .count = 500 },
	       { .kind = OP_SEND, .port = COM1, .count = 300 }, IN(COM1 + 3, 1), IN(COM2 + 3, 1));
	CHECK_EQ(GOT(c, 2), rax_after(1, 0x1b));
	CHECK_EQ(GOT(c, 3), rax_after(1, 0x13));
	p = proxy_add_uarts(c, "vm1", COM2, 3);
	/* LCR, then the bytes. */
	WAIT_FOR(p->shm->uart16550.nr_sent >= 301 && p->shm->uart2.nr_sent >= 501);
	CHECK_EQ(p->shm->uart16550.sent[0], MODEL_PARAMS | 0x1b);
	CHECK_EQ(p->shm->uart2.sent[0], MODEL_PARAMS | 0x13);
	for (int i = 0; i < 300; i++)
		CHECK_EQ(p->shm->uart16550.sent[1 + i], i % 251);
	for (int i = 0; i < 500; i++)
		CHECK_EQ(p->shm->uart2.sent[1 + i], i % 251);
	CHECK_EQ(L1_EXITS(c), 0);
}
