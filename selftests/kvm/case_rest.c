// SPDX-License-Identifier: GPL-2.0
/* Proxies that have no VM yet: what is kept for it, what waits for it, and who gets it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cases.h"
#include "proof.h"
#include "proxy.h"
#include "tap.h"

#define KEPT	(65536 - 32)	/* bytes, if there is nothing else */
#define KEY	7

static struct cloud *c;
static struct proxy *p;
static struct model *m;

/* One without a VM: that is there already, but nobody knows. */
static struct proxy *rests(const char *name, uint32_t flags)
{
	struct proxy *proxy = proxy_new(name);

	proxy->shm->has_uart = true;
	model_reset(&proxy->shm->uart16550);
	proxy->args.flags = VSB_PROXY_RESTS | flags;
	proxy->args.vm_fd = -1;
	proxy_attach(proxy, c);
	OK(fcntl(proxy->fd, F_SETFL, O_NONBLOCK));
	p = proxy;
	m = &p->shm->uart16550;
	return proxy;
}

static void begin(uint32_t flags, uint32_t timeout_ms)
{
	c = cloud_new();
	cloud_attach(c, VSB_CLOUD_ABSORB_ON_CLOSE, VSB_UNCLAIMED_ABSORB);
	p = proxy_new("vm1");
	p->shm->has_uart = true;
	model_reset(&p->shm->uart16550);
	p->args.flags = VSB_PROXY_RESTS | flags;
	p->args.vm_fd = -1;
	if (timeout_ms)
		p->args.timeout_ms = timeout_ms;
	proxy_attach(p, c);
	OK(fcntl(p->fd, F_SETFL, O_NONBLOCK));
	m = &p->shm->uart16550;
	cloud_start(c);
}

static void wake(void)
{
	OK(ioctl(p->fd, VSB_SET_VM, p->vm_fd));
	proxy_run(p);
}

static void lose(void)
{
	proxy_kill(p);
	close(p->vm_fd);
	proxy_close(p);
}

/* Bytes 0 to 250, 0, ..., in one go. */
static void send(uint32_t n)
{
	L2_RUN(c, 0, { .kind = OP_SEND, .port = COM1, .count = n });
	CHECK_EQ(L1_EXITS(c), 0);
}

/* The events of this type that there are. */
static uint32_t events(uint32_t type)
{
	struct vsb_event e[32];
	uint32_t n = 0;
	ssize_t got;

	while ((got = read(p->fd, e, sizeof(e))) > 0)
		for (size_t i = 0; i < got / sizeof(e[0]); i++)
			n += e[i].type == type;
	CHECK_EQ(errno, EAGAIN);
	return n;
}

/* The last @n bytes of @of that were sent in one go are all that comes out. */
static void check_out(uint32_t n, uint32_t of)
{
	WAIT_FOR(m->nr_sent >= n);
	WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
	CHECK_EQ(m->nr_sent, n);
	for (uint32_t i = 0; i < n; i++)
		CHECK_EQ(m->sent[i], (of - n + i) % 251);
}

/* Nobody is held off, the newest is there for who comes. */
void rest_keeps(void)
{
	uint32_t n = 100000;

	begin(0, 0);
	CHECK_ERR(ioctl(p->fd, VSB_GET_USERVM, &(struct vsb_uservm){ 0 }), ENOENT);
	L2_RUN(c, 0, OUT(COM1 + UART_FCR, 1, 0x07), IN(COM1 + UART_LSR, 1));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0x60));
	CHECK_EQ(proxy_uservm(p).flags & (VSB_USERVM_BOUND | VSB_USERVM_PROXY | VSB_USERVM_RESTS |
					  VSB_USERVM_READY | VSB_USERVM_FRONT),
		 VSB_USERVM_BOUND | VSB_USERVM_PROXY | VSB_USERVM_RESTS | VSB_USERVM_FRONT);
	send(n);
	CHECK_EQ(proxy_uservm(p).com_lost[0], n - KEPT);
	CHECK_EQ(proxy_uservm(p).counters.absorbed, 0);
	CHECK_EQ(events(VSB_EVENT_WANTED), 0);
	wake();
	CHECK(!(proxy_uservm(p).flags & VSB_USERVM_RESTS));
	check_out(KEPT, n);
	/* From now on it is a proxy as any. */
	m->nr_sent = 0;
	send(500);
	check_out(500, 500);
	m->source[m->nr_source] = 'k';
	m->nr_source++;
	WAIT_FOR(m->taken == m->nr_source && !*(volatile uint8_t *)&m->nr_rx);
	WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
	L2_RUN(c, 0, IN(COM1 + UART_RX, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 'k'));
	CHECK_EQ(proxy_uservm(p).com_lost[0], n - KEPT);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Line parameters are as they were at each byte; interrupts are told. */
void rest_interrupts(void)
{
	begin(0, 0);
	L2_RUN(c, 0, OUT(COM1 + UART_LCR, 1, 0x83), OUT(COM1, 1, 0x02), OUT(COM1 + 1, 1, 0x00),
	       OUT(COM1 + UART_LCR, 1, 0x13), OUT(COM1 + UART_FCR, 1, 0x87));
	events(VSB_EVENT_USERVM);
	L2_RUN(c, 0, OUT(COM1 + UART_IER, 1, UART_IER_THRI));
	WAIT_FOR(events(VSB_EVENT_IRQ));
	L2_RUN(c, 0, IN(COM1 + UART_IIR, 1), IN(COM1 + UART_IIR, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xc2));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xc1));
	send(10);
	L2_RUN(c, 0, OUT(COM1 + UART_LCR, 1, 0x1b));
	wake();
	WAIT_FOR(m->nr_sent && m->sent[m->nr_sent - 1] == (MODEL_PARAMS | 0x1b));
	CHECK(m->nr_sent > 11);
	CHECK_EQ(m->sent[m->nr_sent - 12], MODEL_PARAMS | 0x13);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(m->sent[m->nr_sent - 11 + i], i);
	CHECK_EQ(m->divisor, 2);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* What the module does not answer waits, and is answered, once. */
void rest_wanted(void)
{
	begin(0, 0);
	p->shm->reg[PLAIN] = 0x99;
	L2_GO(c, 0, OUT(COM1, 1, 'a'), OUT(PLAIN + 1, 1, 0x41), IN(PLAIN, 1), OUT(COM1, 1, 'b'));
	WAIT_FOR(events(VSB_EVENT_WANTED) == 1);
	CHECK(c->running);
	/* A signal takes it out; it is made again, and not told again. */
	WAIT_FOR(pthread_kill(c->thread, SIGUSR1) || proxy_uservm(p).counters.retries >= 3);
	CHECK_EQ(events(VSB_EVENT_WANTED), 0);
	/* Another reader has to know. */
	OK(ioctl(p->fd, VSB_REPORT_ALL, 0));
	CHECK_EQ(events(VSB_EVENT_WANTED), 1);
	CHECK(c->running);
	wake();
	l2_wait(c);
	CHECK_EQ(GOT(c, 2), rax_after(1, 0x99));
	EXPECT(p, WR(PLAIN + 1, 1, 0x41), RD(PLAIN, 1));
	WAIT_FOR(m->nr_sent == 2);
	CHECK_EQ(m->sent[0], 'a');
	CHECK_EQ(m->sent[1], 'b');
	CHECK_EQ(proxy_uservm(p).counters.absorbed, 0);
	CHECK_EQ(proxy_uservm(p).counters.timeouts, 0);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Nobody gives it a VM in time: absorbed, as with any that is slow; it is all there later. */
void rest_late(void)
{
	begin(VSB_PROXY_NO_FRONT, 1000);
	L2_RUN(c, 0, OUT(COM1 + UART_LCR, 1, 0x13), IN(PLAIN, 1), OUT(COM1 + UART_SCR, 1, 0xa5),
	       OUT(COM1 + UART_IER, 1, 0x05));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(proxy_uservm(p).counters.timeouts, 1);
	CHECK_EQ(proxy_uservm(p).counters.absorbed, 4);
	CHECK_EQ(events(VSB_EVENT_WANTED), 1);
	wake();
	WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
	p->shm->reg[PLAIN] = 0x99;
	L2_RUN(c, 0, IN(PLAIN, 1), IN(COM1 + UART_SCR, 1), IN(COM1 + UART_LCR, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x99));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xa5));
	CHECK_EQ(GOT(c, 2), rax_after(1, 0x13));
	CHECK_EQ(m->ier, 0x05);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* One that serves, then one of the same name and ports that rests: it keeps as much as any. */
void rest_from_now_on(void)
{
	uint32_t n = 100000;

	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_add_uart(c, "vm1", true);
	m = &p->shm->uart16550;
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1 + UART_FCR, 1, 0x07), OUT(COM1 + UART_SCR, 1, 0x5a));
	lose();
	send(1000);
	rests("vm1", 0);
	send(n);
	CHECK_EQ(proxy_uservm(p).com_lost[0], 1000 + n - KEPT);
	wake();
	check_out(KEPT, n);
	L2_RUN(c, 0, IN(COM1 + UART_SCR, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x5a));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* The other way round: what a front has room for comes, and then the user VM is held off. */
void rest_no_more(void)
{
	uint32_t n = 10000, room = 4096 - 32;

	begin(0, 0);
	L2_RUN(c, 0, OUT(COM1 + UART_FCR, 1, 0x07));
	send(n);
	CHECK_EQ(proxy_uservm(p).com_lost[0], 0);
	lose();
	p = proxy_add_uart(c, "vm1", true);
	m = &p->shm->uart16550;
	check_out(room, n);
	CHECK_EQ(proxy_uservm(p).com_lost[0], n - room);
	lose();
	L2_RUN(c, 0, IN(COM1 + UART_LSR, 1), OUTS(COM1, 1, 0, REP(3500)),
	       IN(COM1 + UART_LSR, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x60));
	CHECK_EQ(GOT(c, 2), rax_after(1, 0x00));
	p = proxy_add_uart(c, "vm1", true);
	m = &p->shm->uart16550;
	WAIT_FOR(m->nr_sent >= 3500);
	L2_RUN(c, 0, IN(COM1 + UART_LSR, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x60));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* It dies, the next one rests: what it had not sent is the third one's. */
void rest_again(void)
{
	uint32_t n = 0, want = 0, twice = 0;

	begin(0, 0);
	L2_RUN(c, 0, OUT(COM1 + UART_FCR, 1, 0x07));
	wake();
	WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
	m->blocked = true;
	send(2000);
	CHECK(m->nr_sent < 20);
	n = m->nr_sent;
	for (want = 0; want < n; want++)
		CHECK_EQ(m->sent[want], want);
	lose();
	/* Between two of them it goes on as well. */
	L2_RUN(c, 0, IN(COM1 + UART_LSR, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x60));
	rests("vm1", 0);
	CHECK_EQ(proxy_uservm(p).flags & (VSB_USERVM_PROXY | VSB_USERVM_RESTS),
		 VSB_USERVM_PROXY | VSB_USERVM_RESTS);
	L2_RUN(c, 0, OUT(COM1, 1, 0xfe), IN(COM1 + UART_LSR, 1));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0x60));
	wake();
	WAIT_FOR(m->nr_sent && m->sent[m->nr_sent - 1] == 0xfe);
	CHECK_EQ(proxy_uservm(p).com_lost[0], 0);
	for (uint32_t i = 0; i + 1 < m->nr_sent; i++) {
		if (m->sent[i] >= 0x100)
			continue;
		if (want > n || m->sent[i] == want % 251) {
			CHECK_EQ(m->sent[i], want % 251);
			want++;
		} else {
			/* What its FIFO may not have sent comes twice. */
			want = m->sent[i] + 1;
			twice++;
		}
	}
	CHECK_EQ(want, 2000);
	CHECK(twice <= 1);
	CHECK_EQ(L1_EXITS(c), 0);
}

static void owner_gone(bool cloud_first)
{
	begin(0, 0);
	L2_RUN(c, 0, OUT(COM1 + UART_FCR, 1, 0x07), OUT(COM1 + UART_SCR, 1, 0x31));
	send(1000);
	if (cloud_first)
		cloud_close(c);
	proxy_close(p);
	if (!cloud_first)
		cloud_close(c);
	L2_RUN(c, 0, IN(COM1 + UART_SCR, 1), OUT(COM1, 1, 0xfe), IN(PLAIN, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x31));
	CHECK_EQ(GOT(c, 2), rax_after(1, 0xff));
	CHECK_EQ(L1_EXITS(c), 0);
	cloud_attach(c, VSB_CLOUD_ABSORB_ON_CLOSE, VSB_UNCLAIMED_ABSORB);
	rests("vm1", 0);
	cloud_start(c);
	L2_RUN(c, 0, OUT(COM1, 1, 0xfd));
	wake();
	WAIT_FOR(m->nr_sent == 1002);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(m->sent[i], i % 251);
	CHECK_EQ(m->sent[1000], 0xfe);
	CHECK_EQ(m->sent[1001], 0xfd);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Who owns all is killed: the UART goes on, nothing is the guest hypervisor's, nothing is lost. */
void rest_owner_gone(void)
{
	owner_gone(true);
	owner_gone(false);
}

/* What has to be proved first passes nothing before, and is not asked for again with the VM. */
void rest_required(void)
{
	begin(VSB_PROXY_REQUIRED, 0);
	id_set_key(p, KEY);
	L2_RUN(c, 0, OUT(COM1 + UART_FCR, 1, 0x07), OUT(COM1, 1, 'x'));
	CHECK_EQ(id_prove(c, 0, "vm1", KEY), VSB_ID_PROVED);
	L2_RUN(c, 0, OUT(COM1, 1, 'a'));
	/* It is no business of the VM's. */
	CHECK_EQ(events(VSB_EVENT_WANTED), 0);
	wake();
	CHECK_ERR(ioctl(p->fd, VSB_SET_VM, p->vm_fd), EEXIST);
	L2_RUN(c, 0, OUT(COM1, 1, 'b'));
	WAIT_FOR(m->nr_sent == 3);
	CHECK_EQ(m->sent[0], 0);
	CHECK_EQ(m->sent[1], 'a');
	CHECK_EQ(m->sent[2], 'b');
	CHECK_EQ(L1_EXITS(c), 0);
}

/* A VM that is given while the user VM sends, types and needs it; and its proxy closed meanwhile. */
void rest_races(void)
{
	int rounds = 20;

	c = cloud_new();
	cloud_attach(c, VSB_CLOUD_ABSORB_ON_CLOSE, VSB_UNCLAIMED_ABSORB);
	for (int i = 0; i < rounds; i++) {
		rests("vm1", 0);
		if (!i)
			cloud_start(c);
		p->shm->reg[PLAIN] = 0x99;
		L2_GO(c, 0, { .kind = OP_SEND, .port = COM1, .count = 3000 }, IN(PLAIN, 1),
		      { .kind = OP_SEND, .port = COM1, .count = 3000 });
		usleep(500 * i);
		if (i % 4 == 3) {
			proxy_close(p);
			l2_wait(c);
			CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
			proxy_kill(p);
			close(p->vm_fd);
		} else {
			wake();
			l2_wait(c);
			CHECK_EQ(GOT(c, 1), rax_after(1, 0x99));
			WAIT_FOR(proxy_uservm(p).flags & VSB_USERVM_READY);
			lose();
		}
		CHECK_EQ(L1_EXITS(c), 0);
	}
}
