// SPDX-License-Identifier: GPL-2.0
/* The proxy's process, and how a test drives it. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "card.h"
#include "proxy.h"
#include "tap.h"

/* PC16550D data sheet, table II; to read it ends "transmitter empty". */
#define COM1_IIR	(COM1 + 2)
#define IIR_NO_INT	1
#define IIR_THRI	2

/* The proxy's process */

static void model_uart(struct uart_model *u, unsigned int reg, uint8_t v)
{
	bool dlab = u->lcr & 0x80;

	switch (reg) {
	case 0:
		if (dlab)
			u->dll = v;
		else
			u->thr_writes++;
		break;
	case 1:
		if (dlab)
			u->dlm = v;
		else
			u->ier = v;
		break;
	case 2:
		u->fcr = v;
		break;
	case 3:
		u->lcr = v;
		break;
	case 4:
		u->mcr = v;
		break;
	case 7:
		u->scr = v;
		break;
	}
}

/*
 * The UARTs, and the lines that they drive as QEMU does: each level twice. Two that share
 * one say each what its own level is.
 */
static pthread_mutex_t uart_lock = PTHREAD_MUTEX_INITIALIZER;
static int uart_vm;

static void tell_line(struct proxy_shm *s, struct model *m, bool before)
{
	struct kvm_irq_level irq = { .irq = m == &s->uart2 ? s->gsi2 : 4, .level = m->line };

	if (before == m->line)
		return;
	for (int i = 0; i < 2; i++)
		if (ioctl(uart_vm, KVM_IRQ_LINE, &irq) < 0 && errno != EIO)
			s->error = errno;
}

static void step_uart(struct proxy_shm *s, struct model *m)
{
	bool before = m->line;

	model_step(m);
	tell_line(s, m, before);
}

static void *uart_main(void *arg)
{
	struct proxy_shm *s = arg;

	for (;; usleep(1000)) {
		pthread_mutex_lock(&uart_lock);
		step_uart(s, &s->uart16550);
		if (s->base2)
			step_uart(s, &s->uart2);
		pthread_mutex_unlock(&uart_lock);
		s->steps++;
	}
	return NULL;
}

/* All accesses of one KVM_EXIT_IO. */
static void uart_io(struct proxy_shm *s, struct kvm_run *run, struct model *m)
{
	unsigned int reg = run->io.port & 7;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	pthread_mutex_lock(&uart_lock);
	for (uint32_t i = 0; i < run->io.count; i++) {
		bool before = m->line;

		if (run->io.direction == KVM_EXIT_IO_IN)
			data[i] = model_read(m, reg);
		else
			model_write(m, reg, data[i]);
		tell_line(s, m, before);
	}
	if (m == &s->uart2 && run->io.direction == KVM_EXIT_IO_OUT)
		s->sent_before = s->uart16550.nr_sent;
	pthread_mutex_unlock(&uart_lock);
}

/* The UART at a port, or NULL. */
static struct model *uart_at(struct proxy_shm *s, const struct kvm_run *run)
{
	uint16_t base = run->io.port & ~7;

	if (!s->has_uart || run->io.size != 1)
		return NULL;
	if (base == COM1)
		return &s->uart16550;
	return s->base2 && base == s->base2 ? &s->uart2 : NULL;
}

static void one(struct proxy_shm *s, struct kvm_run *run, uint8_t *data)
{
	struct access *a = &s->log[s->nr % LOG_MAX];

	a->port = run->io.port;
	a->size = run->io.size;
	a->in = run->io.direction == KVM_EXIT_IO_IN;
	if (a->in && s->has_lines && a->port == COM1_IIR)
		*data = __atomic_exchange_n(&s->reg[COM1_IIR], IIR_NO_INT, __ATOMIC_SEQ_CST);
	else if (a->in)
		memcpy(data, &s->reg[a->port], a->size);
	else
		memcpy(&s->reg[a->port], data, a->size);
	a->value = 0;
	memcpy(&a->value, data, a->size);
	if (!a->in && a->size == 1 && a->port >= COM1 && a->port < COM1 + 8)
		model_uart(&s->uart, a->port - COM1, *data);
	__sync_synchronize();	/* whoever sees nr sees the entry */
	s->nr++;
}

/* KVM takes it from the VM's own process alone. */
static void play_edges(struct proxy_shm *s, int vm)
{
	struct kvm_irq_level irq;

	for (uint32_t i = 0; i < s->edges; i++) {
		irq = (struct kvm_irq_level){ .irq = 4, .level = !(i & 1) };
		if (ioctl(vm, KVM_IRQ_LINE, &irq) < 0)
			s->error = errno;
	}
	s->edges = 0;
}

static void set_line(struct proxy_shm *s, unsigned int gsi, bool level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	if (gsi == 4 && level)
		__atomic_store_n(&s->reg[COM1_IIR], IIR_THRI, __ATOMIC_SEQ_CST);
	if (ioctl(uart_vm, KVM_IRQ_LINE, &irq) < 0 && errno != EIO)
		s->error = errno;
}

static void *lines_main(void *arg)
{
	struct proxy_shm *s = arg;
	uint32_t lines, changed, storm_us;

	for (;; usleep(2000)) {
		lines = s->lines;
		changed = lines ^ s->lines_set;
		for (unsigned int gsi = 0; gsi < 24; gsi++)
			if (changed & 1u << gsi)
				set_line(s, gsi, lines & 1u << gsi);
		s->lines_set = lines;
		storm_us = s->storm_us;
		if (!storm_us)
			continue;
		set_line(s, 4, true);
		s->storms++;
		usleep(rand() % storm_us);
		set_line(s, 4, lines & 1u << 4);
		usleep(rand() % storm_us);
	}
	return NULL;
}

/* Where a vCPU begins (SDM 3, 10.1.4), and a page that the code there writes to. */
#define CODE		0xffff0000
#define CODE_SIZE	0x10000
#define CODE_START	0xfff0
#define PAGE		0x1000
static const uint8_t code[] = {
	0xc6, 0x06, PAGE & 0xff, PAGE >> 8, 0x01,	/* mov byte [PAGE], 1 */
	0xf4,						/* hlt */
	0xeb, 0xfd,					/* jmp to the hlt */
};

static void give_memory(struct proxy_shm *s, int vm)
{
	struct kvm_userspace_memory_region page = {
		.slot = 0, .guest_phys_addr = PAGE, .memory_size = PAGE,
		.userspace_addr = (uintptr_t)s->memory,
	};
	struct kvm_userspace_memory_region rom = {
		.slot = 1, .guest_phys_addr = CODE, .memory_size = CODE_SIZE,
		.userspace_addr = (uintptr_t)s->memory + PAGE,
	};

	memcpy((uint8_t *)s->memory + PAGE + CODE_START, code, sizeof(code));
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &page) < 0 ||
	    ioctl(vm, KVM_SET_USER_MEMORY_REGION, &rom) < 0)
		_exit(1);
}

/* Only has KVM_RUN return. */
static void on_kick(int signal)
{
}

static void proxy_main(struct proxy_shm *s)
{
	struct sigaction kick = { .sa_handler = on_kick };
	int kvm, vm, vcpu;
	struct kvm_run *run;
	pthread_t thread;
	long size;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGUSR1, &kick, NULL);
	/* The test's descriptors of the module are not ours to keep. */
	syscall(SYS_close_range, 3, ~0u, 0);
	kvm = open("/dev/kvm", O_RDWR);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	/* Of an Intel CPU's real mode: three pages that nothing else uses. */
	if (vm < 0 || ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000) < 0 ||
	    ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0)
		_exit(1);
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (vcpu < 0 || run == MAP_FAILED)
		_exit(1);
	if (s->vram && card_give(vm, s->vram, 0) < 0)
		_exit(1);
	uart_vm = vm;
	s->vm_fd = vm;
	while (!s->run)
		usleep(500);
	if (s->memory)
		give_memory(s, vm);
	if (s->has_uart && pthread_create(&thread, NULL, uart_main, s))
		_exit(1);
	if (s->has_lines && pthread_create(&thread, NULL, lines_main, s))
		_exit(1);
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			if (errno == EIO) {
				s->shutdown = true;
				_exit(0);
			}
			s->error = errno;
			_exit(1);
		}
		if (run->exit_reason == KVM_EXIT_SHUTDOWN) {
			s->shutdown = true;
			_exit(0);
		}
		if (run->exit_reason != KVM_EXIT_IO) {
			s->error = 1000 + run->exit_reason;
			_exit(1);
		}
		if (s->hold) {
			s->held++;
			while (s->hold)
				usleep(500);
		}
		if (uart_at(s, run)) {
			uart_io(s, run, uart_at(s, run));
			continue;
		}
		play_edges(s, vm);
		for (uint32_t i = 0; i < run->io.count; i++)
			one(s, run, (uint8_t *)run + run->io.data_offset + i * run->io.size);
	}
}

/* The test's side */

static struct proxy *proxy_fork(const char *name, uint8_t *vram)
{
	struct proxy *p = calloc(1, sizeof(*p));
	int pidfd;

	p->shm = mmap(NULL, sizeof(*p->shm), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p->shm != MAP_FAILED);
	p->shm->vm_fd = -1;
	p->shm->vram = vram;
	p->vram = vram;
	p->memory = mmap(NULL, PAGE + CODE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p->memory != MAP_FAILED);
	p->fd = -1;
	fflush(stdout);
	p->pid = OK(fork());
	if (!p->pid)
		proxy_main(p->shm);
	WAIT_FOR(p->shm->vm_fd >= 0);
	/* As vsbypassd gets it from QEMU. */
	pidfd = OK(syscall(SYS_pidfd_open, p->pid, 0));
	p->vm_fd = OK(syscall(SYS_pidfd_getfd, pidfd, p->shm->vm_fd, 0));
	close(pidfd);

	p->args = vsb_proxy_args(p->vm_fd, name);
	p->args.nr_ranges = 2;
	p->args.ranges[0] = (struct vsb_range){ COM1, COM1 + 7, VSB_DEV_16550, 0 };
	p->args.ranges[1] = (struct vsb_range){ PLAIN, PLAIN + 7, VSB_DEV_PLAIN, 0 };
	p->args.timeout_ms = 30000;
	p->args.flags = VSB_PROXY_NO_FRONT;
	return p;
}

struct proxy *proxy_new(const char *name)
{
	return proxy_fork(name, NULL);
}

struct proxy *proxy_new_card(const char *name)
{
	struct proxy *p = proxy_fork(name, card_room());
	struct vsb_create_proxy card = card_args(p->vm_fd);

	memcpy(p->args.ranges, card.ranges, sizeof(card.ranges));
	p->args.nr_ranges = card.nr_ranges;
	p->args.vram_frame = card.vram_frame;
	p->args.vram_mib = card.vram_mib;
	return p;
}

void proxy_attach(struct proxy *p, struct cloud *c)
{
	p->fd = OK(vsb_proxy(c->fd, &p->args));
}

void proxy_run(struct proxy *p)
{
	p->shm->run = true;
}

void proxy_run_code(struct proxy *p)
{
	/* The same place in its process, a fork of ours. */
	p->shm->memory = p->memory;
	proxy_run(p);
	WAIT_FOR(p->memory[0] == 1);
}

void proxy_kick(struct proxy *p)
{
	OK(kill(p->pid, SIGUSR1));
}

struct proxy *proxy_add(struct cloud *c, const char *name)
{
	struct proxy *p = proxy_new(name);

	proxy_attach(p, c);
	proxy_run(p);
	return p;
}

void proxy_start_pair(struct cloud *c, struct proxy **p1, struct proxy **p2)
{
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	*p1 = proxy_add(c, "vm1");
	*p2 = proxy_add(c, "vm2");
	cloud_start(c);
}

struct proxy *proxy_add_uart(struct cloud *c, const char *name, bool front)
{
	struct proxy *p = proxy_new(name);

	p->shm->has_uart = true;
	model_reset(&p->shm->uart16550);
	if (front)
		p->args.flags = 0;
	proxy_attach(p, c);
	proxy_run(p);
	return p;
}

struct proxy *proxy_add_uarts(struct cloud *c, const char *name, uint16_t base2, uint16_t gsi2)
{
	struct proxy *p = proxy_new(name);

	p->shm->has_uart = true;
	model_reset(&p->shm->uart16550);
	model_reset(&p->shm->uart2);
	p->shm->gsi2 = gsi2;
	p->shm->base2 = base2;
	p->args.flags = 0;
	p->args.ranges[1] = (struct vsb_range){ base2, base2 + 7, VSB_DEV_16550, 0 };
	proxy_attach(p, c);
	proxy_run(p);
	return p;
}

struct proxy *proxy_add_lines(struct cloud *c, const char *name)
{
	struct proxy *p = proxy_new(name);

	p->shm->has_lines = true;
	p->shm->reg[COM1_IIR] = IIR_NO_INT;
	proxy_attach(p, c);
	proxy_run(p);
	return p;
}

void proxy_line(struct proxy *p, unsigned int gsi, bool level)
{
	if (level)
		p->shm->lines |= 1u << gsi;
	else
		p->shm->lines &= ~(1u << gsi);
	WAIT_FOR(p->shm->lines_set == p->shm->lines);
}

bool proxy_waits(struct proxy *p)
{
	return __atomic_load_n(&p->shm->reg[COM1_IIR], __ATOMIC_SEQ_CST) == IIR_THRI;
}

void proxy_kill(struct proxy *p)
{
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
}

void proxy_close(struct proxy *p)
{
	OK(close(p->fd));
	p->fd = -1;
}

struct vsb_uservm proxy_uservm(struct proxy *p)
{
	struct vsb_uservm u;

	OK(vsb_uservm(p->fd, 0, &u));
	return u;
}

void proxy_wait_over(struct proxy *p)
{
	WAIT_FOR(p->shm->shutdown || p->shm->error);
	if (p->shm->error)
		FAIL("KVM_RUN of a proxy that is closed: error, or 1000 + exit reason: %d",
		     p->shm->error);
}

static void print(const char *what, const struct access *a, uint32_t n)
{
	printf("# %s:", what);
	for (uint32_t i = 0; i < n && i < 64; i++)
		printf(" %s%u(%#x)=%#x", a[i].in ? "in" : "out", a[i].size * 8, a[i].port,
		       a[i].value);
	printf("%s\n", n ? "" : " nothing");
}

static bool same(const struct access *a, const struct access *b)
{
	return a->port == b->port && a->size == b->size && a->in == b->in &&
	       (a->in || a->value == b->value);
}

const struct access *proxy_last(struct proxy *p)
{
	return &p->shm->log[(p->shm->nr - 1) % LOG_MAX];
}

/*
 * Moves what is new in the log to @out, but for what the module itself writes
 * to IER: see proxy_uart_in_use().
 */
static uint32_t take_new(struct proxy *p, struct access *out)
{
	static const struct access in_use = WR(COM1 + 1, 1, 7);
	uint32_t nr = p->shm->nr - p->seen, n = 0;

	if (nr > LOG_MAX)
		FAIL("%u accesses, too many to check", nr);
	for (uint32_t i = 0; i < nr; i++) {
		out[n] = p->shm->log[(p->seen + i) % LOG_MAX];
		n += !same(&out[n], &in_use);
	}
	p->seen += nr;
	return n;
}

void proxy_expect(struct proxy *p, const struct access *want, uint32_t n,
		  const char *file, int line)
{
	static struct access got[LOG_MAX];
	uint32_t m = take_new(p, got);
	bool ok = m == n;

	for (uint32_t i = 0; ok && i < n; i++)
		ok = same(&got[i], &want[i]);
	if (ok)
		return;
	print("the proxy saw", got, m);
	print("wanted", want, n);
	tap_fail(file, line, "the proxy saw other accesses than wanted");
}

static int by_port(const void *x, const void *y)
{
	const struct access *a = x, *b = y;

	return a->in != b->in ? a->in - b->in : a->port - b->port;
}

static uint32_t to_bytes(const struct access *a, uint32_t n, struct access *out)
{
	uint32_t m = 0;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t b = 0; b < a[i].size && m < LOG_MAX; b++)
			out[m++] = (struct access){
				.port = a[i].port + b, .size = 1, .in = a[i].in,
				.value = a[i].value >> 8 * b & 0xff,
			};
	qsort(out, m, sizeof(*out), by_port);
	return m;
}

void proxy_expect_bytes(struct proxy *p, const struct access *want, uint32_t n,
			const char *file, int line)
{
	static struct access got[LOG_MAX], got_bytes[LOG_MAX], want_bytes[LOG_MAX];
	uint32_t m = take_new(p, got);
	uint32_t mb = to_bytes(got, m, got_bytes), nb = to_bytes(want, n, want_bytes);
	bool ok = mb == nb;

	for (uint32_t i = 0; ok && i < nb; i++)
		ok = same(&got_bytes[i], &want_bytes[i]);
	if (ok)
		return;
	print("the proxy saw", got, m);
	print("wanted the bytes of", want, n);
	tap_fail(file, line, "the proxy saw other bytes than wanted");
}
