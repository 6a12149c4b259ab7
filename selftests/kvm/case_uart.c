// SPDX-License-Identifier: GPL-2.0
/*
 * A 16550 as a user VM has it: answered by the module (its front), and by the
 * proxy. What both must do is tested on both.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cases.h"
#include "proof.h"
#include "proxy.h"
#include "tables.h"
#include "tap.h"

#define LENGTH		65536
#define LENGTH_OFF	2048	/* each access waits for a process */

static struct cloud *c;
static struct proxy *p;
static struct model *m;
static bool front;

static void use(struct proxy *proxy)
{
	p = proxy;
	m = &p->shm->uart16550;
}

static void begin(bool with_front)
{
	front = with_front;
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	use(proxy_add_uart(c, "vm1", front));
	cloud_start(c);
}

/* Until the proxy's UART has told all that it has to tell. */
static void settle(void)
{
	uint32_t steps = p->shm->steps;

	if (front)
		WAIT_FOR(m->taken == m->nr_source &&
			 !*(volatile uint8_t *)&m->nr_rx);
	WAIT_FOR(p->shm->steps >= steps + 3);
	WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
}

static void type(const char *text)
{
	uint32_t nr = m->nr_source;

	for (; *text; text++)
		m->source[nr++] = (uint8_t)*text;
	__sync_synchronize();
	m->nr_source = nr;
	settle();
}

static uint8_t read_reg(unsigned int reg)
{
	L2_RUN(c, 0, IN(COM1 + reg, 1));
	return GOT(c, 0);
}

static void write_reg(unsigned int reg, uint8_t value)
{
	L2_RUN(c, 0, OUT(COM1 + reg, 1, value));
}

/* ---- registers ---- */

/* What has no front is a UART with time: it may have to be asked again. */
static uint8_t read_later(const struct uart_access *a)
{
	uint8_t got = 0;

	if (front)
		return read_reg(a->reg) & a->mask;
	WAIT_FOR((got = read_reg(a->reg) & a->mask) == a->value);
	return got;
}

static void run_table(const char *name, const struct uart_access *a, size_t n)
{
	uint8_t got;

	for (size_t i = 0; i < n; i++) {
		switch (a[i].what) {
		case UART_W:
			write_reg(a[i].reg, a[i].value);
			break;
		case UART_TYPE:
			type(a[i].text);
			break;
		default:
			got = a[i].what == UART_LATER ? read_later(&a[i]) :
			      read_reg(a[i].reg) & a[i].mask;
			if (got != a[i].value)
				FAIL("%s, access %zu: register %u is %#x, wanted %#x", name, i + 1,
				     a[i].reg, got, a[i].value);
			break;
		}
		CHECK_EQ(L1_EXITS(c), 0);
	}
	/* A new user VM, so to speak, and a new UART. */
	OK(ioctl(p->fd, VSB_UNBIND, 0));
	proxy_close(p);
	proxy_kill(p);
	use(proxy_add_uart(c, "vm1", front));
}

#define RUN_TABLE(name) \
	run_table(#name, name, sizeof(name) / sizeof(*name));

void uart_off_registers(void)
{
	begin(false);
	UART_TABLES(RUN_TABLE)
}

void uart_front_registers(void)
{
	begin(true);
	UART_TABLES(RUN_TABLE)
	SHEET_TABLES(RUN_TABLE)
}

/* ---- data ---- */

/* Entries of the line from @from on are what OP_SEND sends, from byte @first on. */
static void check_sent(uint32_t from, uint32_t n, uint32_t first)
{
	WAIT_FOR(m->nr_sent >= from + n);
	for (uint32_t i = 0; i < n; i++)
		if (m->sent[from + i] != (first + i) % 251)
			FAIL("byte %u of %u is %#x, wanted %#x", i, n, m->sent[from + i],
			     (first + i) % 251);
	CHECK_EQ(m->nr_sent, from + n);
	CHECK_EQ(m->lost, 0);
}

/* The reader stops now and then. */
static void out(uint32_t length)
{
	uint32_t from;

	write_reg(UART_FCR, 0x07);
	settle();
	from = m->nr_sent;
	L2_GO(c, 0, { .kind = OP_SEND, .port = COM1, .count = length });
	for (int i = 0; c->running; i++) {
		m->blocked = i & 1;
		usleep(5000);
	}
	m->blocked = false;
	l2_wait(c);
	check_sent(from, length, 0);
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(proxy_uservm(p).counters.absorbed, 0);
}

void uart_off_out(void)
{
	begin(false);
	out(LENGTH_OFF);
}

void uart_front_out(void)
{
	begin(true);
	out(LENGTH);
}

static void in(uint32_t length)
{
	write_reg(UART_FCR, 0x07);
	settle();
	for (uint32_t i = 0; i < length; i++)
		m->source[i] = i % 251;
	__sync_synchronize();
	m->nr_source = length;
	L2_RUN(c, 0, { .kind = OP_RECEIVE, .port = COM1, .count = length }, IN(COM1 + 5, 1));
	CHECK_EQ(c->mbox->ops[0].count, 0);
	CHECK_EQ(GOT(c, 0), 0);
	CHECK_EQ(GOT(c, 1), rax_after(1, 0x60));
	CHECK_EQ(L1_EXITS(c), 0);
}

void uart_off_in(void)
{
	begin(false);
	in(LENGTH_OFF);
}

void uart_front_in(void)
{
	begin(true);
	in(LENGTH / 8);
}

static void both_breaks(void)
{
	uint32_t from;

	write_reg(UART_FCR, 0x07);
	write_reg(UART_LCR, 0x03);
	settle();
	from = m->nr_sent;
	L2_RUN(c, 0, OUT(COM1, 1, 'a'), OUT(COM1 + 3, 1, 0x43), OUT(COM1, 1, 'b'),
	       OUT(COM1 + 3, 1, 0x03), OUT(COM1, 1, 'c'));
	WAIT_FOR(m->nr_sent >= from + 5);
	CHECK_EQ(m->sent[from], 'a');
	CHECK_EQ(m->sent[from + 1], MODEL_BREAK | 1);
	CHECK_EQ(m->sent[from + 2], 'b');
	CHECK_EQ(m->sent[from + 3], MODEL_BREAK | 0);
	CHECK_EQ(m->sent[from + 4], 'c');
	CHECK_EQ(m->nr_sent, from + 5);
	/* And one that comes. */
	write_reg(UART_IER, UART_IER_RDI | UART_IER_RLSI);
	m->source[m->nr_source] = MODEL_BREAK;
	m->nr_source++;
	settle();
	CHECK_EQ(read_reg(UART_IIR), 0xc6);
	CHECK_EQ(read_reg(UART_LSR) & 0x7f, 0x71);
	CHECK_EQ(read_reg(UART_RX), 0);
	CHECK_EQ(read_reg(UART_LSR), 0x60);
	CHECK_EQ(read_reg(UART_IIR), 0xc1);
	CHECK_EQ(L1_EXITS(c), 0);
}

void uart_off_break(void)
{
	begin(false);
	both_breaks();
}

void uart_front_break(void)
{
	begin(true);
	both_breaks();
}

/* ---- interrupts ---- */

static void expect_event(unsigned int level)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	struct vsb_event e;

	do {
		CHECK_EQ(OK(poll(&pfd, 1, TAP_PATIENCE * 1000)), 1);
		CHECK_EQ(OK(read(p->fd, &e, sizeof(e))), sizeof(e));
	} while (e.type == VSB_EVENT_USERVM);
	CHECK_EQ(e.gsi, 4);
	CHECK_EQ(e.level, level);
}

static void expect_no_event(void)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	CHECK_EQ(OK(poll(&pfd, 1, 0)), 0);
}

static void both_irqs(void)
{
	write_reg(UART_FCR, 0x07);
	write_reg(UART_IER, UART_IER_THRI);
	expect_event(1);
	CHECK_EQ(read_reg(UART_IIR), 0xc2);
	CHECK_EQ(read_reg(UART_IIR), 0xc1);
	expect_event(0);
	/* An edge for what is typed, and for nothing else. */
	write_reg(UART_IER, UART_IER_RDI);
	expect_no_event();
	type("x");
	expect_event(1);
	expect_no_event();
	CHECK_EQ(read_reg(UART_RX), 'x');
	expect_event(0);
	write_reg(UART_TX, 'y');
	expect_no_event();
	/* A handler at work: what rises and falls meanwhile is nobody's. */
	write_reg(UART_IER, UART_IER_THRI);
	expect_event(1);
	L2_RUN(c, 0, IN(COM1 + 2, 1), OUT(COM1, 1, 'a'), IN(COM1 + 2, 1), OUT(COM1, 1, 'b'),
	       IN(COM1 + 2, 1), IN(COM1 + 2, 1));
	CHECK_EQ(GOT(c, 0) & 0xff, 0xc2);
	CHECK_EQ(GOT(c, 2) & 0xff, 0xc2);
	CHECK_EQ(GOT(c, 4) & 0xff, 0xc2);
	CHECK_EQ(GOT(c, 5) & 0xff, 0xc1);
	expect_event(0);
	if (front)
		expect_no_event();
}

void uart_off_irq(void)
{
	begin(false);
	both_irqs();
}

void uart_front_irq(void)
{
	begin(true);
	both_irqs();
	/* A driver that does not look at IIR has an edge after it has sent. */
	write_reg(UART_IER, 0);
	write_reg(UART_IER, UART_IER_THRI);
	expect_event(1);
	write_reg(UART_TX, 'c');
	expect_event(0);
	expect_event(1);
}

/* ---- fronts alone ---- */

/* The proxy is not there for a while: nobody waits for it. */
void uart_front_ahead(void)
{
	uint32_t from;

	begin(true);
	write_reg(UART_FCR, 0x07);
	settle();
	from = m->nr_sent;
	p->shm->hold = true;
	L2_RUN(c, 0, { .kind = OP_SEND, .port = COM1, .count = 1000 }, IN(COM1 + 5, 1));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0x60));
	CHECK_EQ(m->nr_sent, from);
	p->shm->hold = false;
	check_sent(from, 1000, 0);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Nobody takes: the user VM has to wait, and nothing is lost. */
void uart_front_hold_off(void)
{
	uint32_t from;

	begin(true);
	write_reg(UART_FCR, 0x07);
	settle();
	from = m->nr_sent;
	m->blocked = true;
	L2_GO(c, 0, { .kind = OP_SEND, .port = COM1, .count = 20000 });
	WAIT_FOR(20000 - c->mbox->ops[0].count >= 3072);
	usleep(300000);
	CHECK(c->running);
	CHECK(20000 - c->mbox->ops[0].count < 4096);
	CHECK_EQ(m->nr_sent, from);
	m->blocked = false;
	l2_wait(c);
	check_sent(from, 20000, 0);
	CHECK_EQ(L1_EXITS(c), 0);
}

static void lose_proxy(void)
{
	proxy_kill(p);
	close(p->vm_fd);
	proxy_close(p);
}

/* Registers and bytes are the user VM's, not the proxy's. */
void uart_front_no_proxy(void)
{
	begin(true);
	L2_RUN(c, 0, OUT(COM1 + 3, 1, 0x83), OUT(COM1, 1, 0x02), OUT(COM1 + 1, 1, 0x00),
	       OUT(COM1 + 3, 1, 0x13), OUT(COM1 + 2, 1, 0x87), OUT(COM1 + 4, 1, 0x0b),
	       OUT(COM1 + 1, 1, 0x05), OUT(COM1 + 7, 1, 0xa5));
	settle();
	lose_proxy();
	L2_RUN(c, 0, { .kind = OP_SEND, .port = COM1, .count = 500 }, IN(COM1 + 3, 1),
	       IN(COM1 + 7, 1), IN(COM1 + 1, 1), OUT(COM1 + 3, 1, 0x1b));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0x13));
	CHECK_EQ(GOT(c, 2), rax_after(1, 0xa5));
	CHECK_EQ(GOT(c, 3), rax_after(1, 0x05));
	CHECK_EQ(L1_EXITS(c), 0);
	use(proxy_add_uart(c, "vm1", true));
	WAIT_FOR(m->nr_sent && m->sent[m->nr_sent - 1] == (MODEL_PARAMS | 0x1b));
	/* Parameters before the bytes, the new ones behind them. */
	CHECK_EQ(m->nr_sent, 2 + 500 + 1);
	for (int i = 0; i < 500; i++)
		CHECK_EQ(m->sent[2 + i], i % 251);
	CHECK_EQ(m->divisor, 2);
	CHECK_EQ(m->mcr, 0x0b);
	CHECK_EQ(m->ier, 0x05);
	type("k");
	CHECK_EQ(read_reg(UART_RX), 'k');
	CHECK_EQ(proxy_uservm(p).counters.absorbed, 0);
}

/* Killed while it writes: nothing is lost; what its FIFO had may come twice. */
void uart_front_killed(void)
{
	uint16_t *got = calloc(4 * LENGTH, sizeof(*got));
	uint32_t n = 0, want = 0, twice = 0;
	int kills = 0;

	CHECK(got);
	begin(true);
	write_reg(UART_FCR, 0x07);
	settle();
	L2_GO(c, 0, { .kind = OP_SEND, .port = COM1, .count = LENGTH });
	for (;;) {
		bool over;

		if (kills < 6)
			WAIT_FOR(m->nr_sent > 3000 + 500 * kills);
		else
			l2_wait(c);
		over = kills == 6;
		if (over)
			settle();
		if (!over)
			lose_proxy();
		for (uint32_t i = 0; i < m->nr_sent; i++)
			if (m->sent[i] < 0x100 && n < 4 * LENGTH)
				got[n++] = m->sent[i];
		CHECK_EQ(m->lost, 0);
		if (over)
			break;
		kills++;
		use(proxy_add_uart(c, "vm1", true));
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t back = (want + 251 - got[i]) % 251;

		if (back > 17)
			FAIL("byte %u is %#x, wanted %#x", i, got[i], want % 251);
		want = want - back + 1;
		twice += back;
	}
	CHECK_EQ(want, LENGTH);
	printf("# %d proxies killed, %u bytes came twice\n", kills, twice);
	CHECK(twice <= 17u * kills);
	CHECK_EQ(L1_EXITS(c), 0);
}

static void check_registers(uint8_t lcr)
{
	CHECK_EQ(read_reg(UART_LCR), lcr);
	CHECK_EQ(read_reg(UART_IER), 0x05);
	CHECK_EQ(read_reg(UART_IIR), 0xc1);
	CHECK_EQ(read_reg(UART_MCR), 0x0b);
	CHECK_EQ(read_reg(UART_SCR), 0x5a);
	CHECK_EQ(read_reg(UART_LSR), 0x60);
}

/* On, off and on again while idle. */
void uart_front_switched(void)
{
	begin(true);
	L2_RUN(c, 0, OUT(COM1 + 3, 1, 0x1b), OUT(COM1 + 2, 1, 0x81), OUT(COM1 + 4, 1, 0x0b),
	       OUT(COM1 + 1, 1, 0x05), OUT(COM1 + 7, 1, 0x5a), OUT(COM1, 1, 'a'));
	for (int i = 0; i < 4; i++) {
		check_registers(0x1b);
		CHECK_EQ(!!(proxy_uservm(p).flags & VSB_USERVM_FRONT), front);
		WAIT_FOR(m->nr_sent && m->sent[m->nr_sent - 1] == 'a');
		settle();
		lose_proxy();
		front = !front;
		use(proxy_add_uart(c, "vm1", front));
		settle();
		CHECK_EQ(m->lcr, 0x1b);
		CHECK_EQ(m->ier, 0x05);
		type("t");
		CHECK_EQ(read_reg(UART_RX), 't');
		write_reg(UART_TX, 'a');
	}
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Another proxy of this name, which has a second UART, or PLAIN in its place. */
static void use_other(bool second)
{
	struct proxy *new = proxy_new("vm1");

	lose_proxy();
	new->shm->has_uart = true;
	model_reset(&new->shm->uart16550);
	if (front)
		new->args.flags = 0;
	if (second) {
		model_reset(&new->shm->uart2);
		new->shm->gsi2 = 3;
		new->shm->base2 = 0x2f8;
		new->args.ranges[1] = (struct vsb_range){ 0x2f8, 0x2ff, VSB_DEV_16550, 0 };
	}
	proxy_attach(new, c);
	proxy_run(new);
	use(new);
	settle();
}

/*
 * The user VM waits for an interrupt, and does nothing else: its UART is what it was, with its
 * front on and off, whatever else is claimed from now on.
 */
void uart_ports_changed(void)
{
	begin(true);
	L2_RUN(c, 0, OUT(COM1 + 3, 1, 0x1b), OUT(COM1 + 2, 1, 0x81), OUT(COM1 + 4, 1, 0x0b),
	       OUT(COM1 + 1, 1, 0x05), OUT(COM1 + 7, 1, 0x5a));
	for (int i = 0; i < 4; i++) {
		settle();
		front = i & 1;
		use_other(!(i & 2));
		CHECK_EQ(m->lcr, 0x1b);
		CHECK_EQ(m->ier, 0x05);
		type("t");
		expect_event(1);
		CHECK_EQ(read_reg(UART_IIR), 0xcc);
		CHECK_EQ(read_reg(UART_RX), 't');
		check_registers(0x1b);
	}
	CHECK_EQ(L1_EXITS(c), 0);
}

/* What it sends while nobody is there is for who comes, if he has its name. */
void uart_ports_changed_while_away(void)
{
	uint8_t far;

	begin(true);
	write_reg(UART_FCR, 0x07);
	settle();
	lose_proxy();
	for (int i = 0; i < 100; i++)
		write_reg(UART_TX, i);
	use(proxy_add_uarts(c, "vm1", 0x2f8, 3));
	check_sent(0, 100, 0);
	type("t");
	lose_proxy();
	/* It has been read ahead for this console. */
	use(proxy_add_uart(c, "vm1", true));
	far = read_reg(UART_RX);
	CHECK_EQ(far, 't');
	CHECK_EQ(L1_EXITS(c), 0);
}

/* As proxy_uart_in_use and proxy_uart_idle. */
void uart_front_in_use(void)
{
	begin(true);
	CHECK_EQ(read_reg(UART_LSR), 0x60);
	expect_event(1);
	CHECK_EQ(proxy_uservm(p).ier, 0x07);
	CHECK_EQ(read_reg(UART_IIR) & 0x0f, 0x02);
	CHECK_EQ(read_reg(UART_IIR) & 0x0f, 0x01);
	expect_event(0);
	CHECK_EQ(proxy_uservm(p).ier, 0x05);
	/* Once. */
	write_reg(UART_IER, 0x07);
	expect_event(1);
	CHECK_EQ(read_reg(UART_IIR) & 0x0f, 0x02);
	CHECK_EQ(read_reg(UART_IIR) & 0x0f, 0x01);
	CHECK_EQ(proxy_uservm(p).ier, 0x07);
}

/* Who boots is in use of nothing, and polls: registers are as after a reset. */
static void both_boots(void)
{
	L2_BOOT(c, 0, IN(COM1 + 5, 1), IN(COM1 + 2, 1), IN(COM1 + 1, 1), OUT(COM1, 1, 'x'),
		IN(COM1 + 2, 1), IN(COM1 + 1, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x60));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0x01));
	CHECK_EQ(GOT(c, 2), rax_after(1, 0x00));
	CHECK_EQ(GOT(c, 4), rax_after(1, 0x01));
	CHECK_EQ(GOT(c, 5), rax_after(1, 0x00));
	CHECK_EQ(proxy_uservm(p).ier, 0);
}

void uart_off_boots(void)
{
	begin(false);
	both_boots();
}

void uart_front_boots(void)
{
	begin(true);
	both_boots();
}

/* Wide and string accesses: register by register; beyond the ports, nobody. */
void uart_front_wide(void)
{
	uint32_t from;

	begin(true);
	L2_RUN(c, 0, OUT(COM1 + 7, 1, 0x77), IN(COM1 + 6, 2), IN(COM1 + 6, 4),
	       OUT(COM1 + 2, 2, 0x1b01), IN(COM1 + 3, 1), IN(COM1 - 2, 4));
	CHECK_EQ(GOT(c, 1), rax_after(2, 0x77b0));
	CHECK_EQ(GOT(c, 2), rax_after(4, 0xffff77b0));
	CHECK_EQ(GOT(c, 4), rax_after(1, 0x1b));
	CHECK_EQ(GOT(c, 5), rax_after(4, 0x0000ffff));
	settle();
	from = m->nr_sent;
	for (int i = 0; i < 600; i++)
		c->mbox->buf[i] = i % 251;
	L2_RUN(c, 0, OUTS(COM1, 1, 0, REP(600)));
	check_sent(from, 600, 0);
	type("string");
	L2_RUN(c, 0, INS(COM1, 1, 1000, REP(6)));
	CHECK(!memcmp(c->mbox->buf + 1000, "string", 6));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Accesses stand still, and what was written before is out. */
void uart_front_freeze(void)
{
	uint32_t from;

	begin(true);
	write_reg(UART_FCR, 0x07);
	settle();
	from = m->nr_sent;
	L2_RUN(c, 0, { .kind = OP_SEND, .port = COM1, .count = 1000 });
	OK(ioctl(c->fd, VSB_FREEZE, VSB_MAX_FREEZE_MS));
	CHECK_EQ(m->nr_sent, from + 1000);
	L2_GO(c, 0, OUT(COM1, 1, 1000 % 251));
	usleep(200000);
	CHECK(c->running);
	CHECK_EQ(m->nr_sent, from + 1000);
	OK(ioctl(c->fd, VSB_FREEZE, 0));
	l2_wait(c);
	check_sent(from, 1001, 0);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* With the cloud fd and the proxy closed it is an unplugged device. */
void uart_front_absorbed(void)
{
	uint32_t flags = VSB_CLOUD_ABSORB_ON_CLOSE;

	begin(true);
	write_reg(UART_FCR, 0x07);
	OK(ioctl(c->fd, VSB_SET_ON_CLOSE, &flags));
	cloud_close(c);
	/* The one alone changes nothing. */
	CHECK_EQ(read_reg(UART_LSR), 0x60);
	proxy_close(p);
	L2_RUN(c, 0, IN(COM1 + 5, 1), OUT(COM1, 1, 1), OUT(COM1 + 7, 1, 0x31));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	CHECK_EQ(L1_EXITS(c), 0);
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	use(proxy_add_uart(c, "vm1", true));
	cloud_start(c);
	settle();
	CHECK_EQ(read_reg(UART_SCR), 0x31);
	CHECK_EQ(read_reg(UART_LSR), 0x60);
	CHECK_EQ(read_reg(UART_IIR), 0xc1);
	CHECK_EQ(m->nr_sent, 0);
	CHECK_EQ(L1_EXITS(c), 0);
}

static struct proxy *add_keyed(const char *name, uint8_t key, uint32_t flags)
{
	struct proxy *proxy = proxy_new(name);

	proxy->shm->has_uart = true;
	model_reset(&proxy->shm->uart16550);
	proxy->args.flags = flags;
	proxy_attach(proxy, c);
	id_set_key(proxy, key);
	proxy_run(proxy);
	return proxy;
}

static void check_closed(void)
{
	uint32_t from = m->nr_sent;

	type("ab");
	CHECK_EQ(read_reg(UART_LSR), 0x61);
	CHECK_EQ(read_reg(UART_RX), 0);
	CHECK_EQ(read_reg(UART_RX), 0);
	CHECK_EQ(read_reg(UART_LSR), 0x60);
	write_reg(UART_TX, 'A');
	WAIT_FOR(m->nr_sent == from + 1);
	CHECK_EQ(m->sent[from], 0);
	CHECK_EQ(L1_EXITS(c), 0);
}

static void check_open(void)
{
	uint32_t from = m->nr_sent;

	type("ab");
	CHECK_EQ(read_reg(UART_RX), 'a');
	CHECK_EQ(read_reg(UART_RX), 'b');
	write_reg(UART_TX, 'A');
	WAIT_FOR(m->nr_sent == from + 1);
	CHECK_EQ(m->sent[from], 'A');
	CHECK_EQ(L1_EXITS(c), 0);
}

/* As identity_required: data only for who has proved who it is. */
void uart_front_required(void)
{
	uint8_t wrong[VSB_ID_PROOF] = { 0 };
	struct exchange x;

	front = true;
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	use(add_keyed("vm1", 0x11, VSB_PROXY_REQUIRED));
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1 + 3, 1, 0x83), OUT(COM1, 1, 0x0c), IN(COM1, 1),
	       OUT(COM1 + 3, 1, 0x03), OUT(COM1 + 2, 1, 0x07));
	CHECK_EQ(GOT(c, 2), rax_after(1, 0x0c));
	settle();
	check_closed();
	CHECK_EQ(id_prove(c, 0, "vm1", 0x11), VSB_ID_PROVED);
	check_open();
	/* Typed for who had proved it, read by who has not. */
	type("s");
	CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
	CHECK_EQ(id_answer(c, 0, wrong), VSB_ID_REFUSED);
	CHECK_EQ(read_reg(UART_RX), 0);
	check_closed();
}

/* Who proves to be another gets nothing of the console that it had, nor leaves any. */
void uart_front_moved(void)
{
	struct proxy *first;

	front = true;
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	use(add_keyed("vm1", 0x11, 0));
	cloud_start(c);
	write_reg(UART_FCR, 0x07);
	settle();
	type("for vm1");
	m->blocked = true;
	L2_RUN(c, 0, { .kind = OP_SEND, .port = COM1, .count = 100 });
	first = p;
	use(add_keyed("vm2", 0x22, 0));
	CHECK_EQ(id_prove(c, 0, "vm2", 0x22), VSB_ID_PROVED);
	settle();
	CHECK_EQ(read_reg(UART_LSR), 0x60);
	CHECK_EQ(m->nr_sent, 0);
	check_open();
	proxy_close(first);
}
