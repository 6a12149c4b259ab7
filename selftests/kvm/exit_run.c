// SPDX-License-Identifier: GPL-2.0
/* Runs the L1 of guest_exits.h, raises lines, and checks what was seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#include "exit_run.h"
#include "tap.h"

#define CASE_SECONDS	1500	/* many exits, on slow emulators */
#define STORM_US	3000	/* for an exit QEMU needs half of that, */
#define SLOW_STORM_US	30000	/* and Bochs ten times as long */
#define MANY		10000

void host_cloud(struct host *h, unsigned int cpus)
{
	alarm(CASE_SECONDS);
	h->c = cloud_new_with(cpus, 2);
	h->x = addr_gva2hva(h->c->vm, (vm_vaddr_t)&exits);
	vm_install_exception_handler(h->c->vm, DB_VECTOR, (void *)work_db_handler);
	vm_install_exception_handler(h->c->vm, BP_VECTOR, (void *)work_bp_handler);
	vm_install_exception_handler(h->c->vm, LINE_VECTOR, (void *)work_line_handler);
	vm_install_exception_handler(h->c->vm, CLOCK_VECTOR, (void *)work_clock_handler);
	vm_install_exception_handler(h->c->vm, TICK_VECTOR, (void *)exits_tick_handler);
	cloud_attach(h->c, 0, VSB_UNCLAIMED_ABSORB);
}

void host_set_irq(struct host *h, uint32_t irq)
{
	OK(ioctl(h->c->fd, VSB_SET_IRQ, &irq));
}

void host_start(struct host *h, uint32_t irq)
{
	host_set_irq(h, irq);
	cloud_start(h->c);
}

void host_bind(struct host *h, unsigned int l2)
{
	L2_RUN(h->c, l2, IN(PLAIN, 1));
	CHECK_EQ(L1_EXITS(h->c), 0);
}

void host_begin(struct host *h, uint32_t irq)
{
	host_cloud(h, 1);
	h->p = proxy_add_lines(h->c, "vm1");
	host_start(h, irq);
	host_bind(h, 0);
	CHECK(proxy_uservm(h->p).flags & VSB_USERVM_BOUND);
}

void host_begin_two(struct host *h, uint32_t irq)
{
	host_cloud(h, 2);
	h->p = proxy_add_lines(h->c, "vm1");
	host_start(h, irq);
	h->c->mbox->root[1] = h->c->root[0][0];
	host_bind(h, 0);
	host_bind(h, 1);
	CHECK_EQ(proxy_uservm(h->p).vcpus, 2);
}

void host_begin_pair(struct host *h, uint32_t irq, unsigned int cpus)
{
	host_cloud(h, cpus);
	h->p = proxy_add_lines(h->c, "vm1");
	h->p2 = proxy_add_lines(h->c, "vm2");
	host_start(h, irq);
	host_bind(h, 0);
	host_bind(h, 1);
}

void host_end_pair(struct host *h)
{
	h->x->turn[0].both = false;
	for (unsigned int l2 = 0; l2 < 2; l2++) {
		h->x->turn[0].l2 = l2;
		host_go_on(h, 0);
		host_progress(h, l2);
		host_stop(h, 0);
		host_check_mix(h, l2, WORK_TURNS);
	}
}

void host_go_on(struct host *h, unsigned int cpu)
{
	h->x->stop = false;
	h->x->turn[cpu].stop = false;
	cloud_call(h->c, cpu, exits_l1);
}

void host_go(struct host *h, unsigned int cpu, unsigned int l2, void (*work)(uint64_t l2))
{
	struct turn *t = &h->x->turn[cpu];

	for (unsigned int i = l2; i <= l2 + t->both; i++) {
		memset(&h->x->work[i], 0, sizeof(h->x->work[i]));
		work_mix_seed(&h->x->work[i].mix, i);
	}
	t->l2 = l2;
	t->begin = true;
	if (work)
		t->entry = (uint64_t)work;
	host_go_on(h, cpu);
}

void host_left(struct host *h, unsigned int cpu)
{
	cloud_returned(h->c, cpu);
	if (h->x->trouble)
		FAIL("L2 stopped with exit code %#llx",
		     (unsigned long long)(h->x->trouble & ~(1ull << 63)));
}

void host_stop(struct host *h, unsigned int cpu)
{
	h->x->stop = true;
	host_left(h, cpu);
}

void host_interrupt(struct host *h, unsigned int cpu)
{
	h->x->turn[cpu].stop = true;
	host_left(h, cpu);
}

void host_progress(struct host *h, unsigned int l2)
{
	uint64_t before = h->x->work[l2].rounds;

	WAIT_FOR(h->x->work[l2].rounds != before);
	before = h->x->work[l2].rounds;
	WAIT_FOR(h->x->work[l2].rounds != before);
}

uint64_t host_shown(struct proxy *p)
{
	return proxy_uservm(p).irq_exits;
}

uint64_t host_direct(struct proxy *p)
{
	return proxy_uservm(p).irq_direct;
}

void host_rise(struct host *h, unsigned int l2)
{
	uint64_t before = h->x->work[l2].served;

	proxy_line(h->p, 4, true);
	WAIT_FOR(h->x->work[l2].served != before);
	proxy_line(h->p, 4, false);
}

void host_pulse(struct host *h, unsigned int gsi, unsigned int accesses)
{
	uint32_t before = h->x->accesses[0];

	proxy_line(h->p, gsi, true);
	WAIT_FOR(h->x->accesses[0] - before >= accesses);
	proxy_line(h->p, gsi, false);
}

/* No exit for a while: who stands still? */
static void storm_is_over(struct host *h, struct proxy *p, uint64_t shown)
{
	uint64_t rounds[2] = { h->x->work[0].rounds, h->x->work[1].rounds };
	uint32_t storms = p->shm->storms;

	sleep(1);
	FAIL("none any more after %llu; in a second the line rose %u times, L2s did %llu and %llu rounds; accesses %u and %u, exit code %#llx, L1 %s and %s",
	     (unsigned long long)shown, p->shm->storms - storms,
	     (unsigned long long)(h->x->work[0].rounds - rounds[0]),
	     (unsigned long long)(h->x->work[1].rounds - rounds[1]),
	     h->x->accesses[0], h->x->accesses[1], (unsigned long long)h->x->trouble,
	     h->c->calls[0].running ? "runs" : "is back", h->c->calls[1].running ? "runs" : "is back");
}

void host_storm_on(struct host *h, struct proxy *p)
{
	p->shm->storm_us = h->c->mbox->amd ? STORM_US : SLOW_STORM_US;
}

/* Until @count has got @n further. */
static void storm(struct host *h, struct proxy *p, uint64_t (*count)(struct proxy *p), uint64_t n)
{
	uint64_t end = count(p) + n, last = 0, now;
	double patience = tap_now() + TAP_PATIENCE;

	host_storm_on(h, p);
	while ((now = count(p)) < end) {
		if (now != last)
			patience = tap_now() + TAP_PATIENCE;
		else if (tap_now() > patience)
			storm_is_over(h, p, now);
		last = now;
		usleep(1000);
	}
	p->shm->storm_us = 0;
}

void host_storm(struct host *h, struct proxy *p, uint64_t n)
{
	storm(h, p, host_shown, n);
}

void host_storm_direct(struct host *h, struct proxy *p, uint64_t n)
{
	storm(h, p, host_direct, n);
}

void host_storm_mapping(struct host *h, uint64_t (*count)(struct proxy *p), uint64_t n,
			size_t size)
{
	struct work *w = &h->x->work[0];
	uint64_t end = count(h->p) + n;

	host_storm_on(h, h->p);
	while (count(h->p) < end) {
		OK(mprotect(w, size, PROT_READ | PROT_WRITE | PROT_EXEC));
		OK(mprotect(w, size, PROT_READ | PROT_WRITE));
		usleep(1000);
	}
	h->p->shm->storm_us = 0;
}

uint64_t host_many(void)
{
	const char *many = getenv("VSB_EXITS");

	return many ? strtoull(many, NULL, 0) : MANY;
}

/* ---- checks ---- */

void host_check_mix(struct host *h, unsigned int l2, unsigned int turns)
{
	static const char *const names[] = {
		"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
		"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	};
	struct mix *got = &h->x->work[l2].mix;
	static struct work want;
	unsigned int bad = 0;

	work_mix_seed(&want.mix, l2);
	for (uint64_t i = 0; i < got->blocks; i++)
		work_mix(&want.mix, turns);
	for (int i = 0; i < 15; i++)
		if (got->gpr[i] != want.mix.gpr[i]) {
			printf("# user VM %u, %s: saw %#llx, wanted %#llx\n", l2, names[i],
			       (unsigned long long)got->gpr[i],
			       (unsigned long long)want.mix.gpr[i]);
			bad++;
		}
	for (int i = 0; i < 16; i++)
		bad += got->memory[i] != want.mix.memory[i];
	if (bad)
		FAIL("user VM %u: %u of 31 registers and words of memory are others after %llu blocks",
		     l2, bad, (unsigned long long)got->blocks);
	CHECK(got->blocks > 0);
	printf("# user VM %u: %llu blocks, all as wanted\n", l2, (unsigned long long)got->blocks);
}

/* As Documentation/design.rst says, of edges: the first time, and each time that it rises again. */
struct pokes {
	unsigned int gsi, nr_first, nr_again;
	struct poke first[5], again[3];
};

#define UART_POKES(gsi, b) { gsi, 4, 1, \
	{ { b + 3, 3 }, { b + 4, 0x10 }, { b + 1, 0 }, { b + 1, 2 } }, { { b, 0 } } }
#define PS2_POKES(gsi, cmd) { gsi, 5, 3, \
	{ { 0x60, 0, true }, { 0x64, 0x60 }, { 0x60, 0x47 }, { 0x64, cmd }, { 0x60, 0 } }, \
	{ { 0x60, 0, true }, { 0x64, cmd }, { 0x60, 0 } } }

static const struct pokes pokes[] = {
	UART_POKES(4, 0x3f8), UART_POKES(3, 0x2f8), PS2_POKES(1, 0xd2), PS2_POKES(12, 0xd3),
};

static bool is_poke(const struct seen *s, const struct poke *p)
{
	return s->port == p->port && s->in == p->in && (uint8_t)s->rax == p->value;
}

static void print_seen(const char *what, const struct seen *s)
{
	printf("# %s: %s%u port %#x rax %#llx rdx %#llx rip %#llx next %#llx shadow %u of user VM %u\n",
	       what, s->in ? "in" : "out", s->size * 8, s->port, (unsigned long long)s->rax,
	       (unsigned long long)s->rdx, (unsigned long long)s->rip,
	       (unsigned long long)s->next, s->shadow, s->l2);
}

/* Nothing of L2 but where it is. */
static void check_told(const struct seen *s)
{
	bool ok = s->size == 1 && !s->string && !s->shadow && s->rax == (uint8_t)s->rax &&
		  (uint16_t)s->rdx == s->port && s->next - s->rip <= 15;

	if (!ok)
		print_seen("told", s);
	CHECK(ok);
}

static void check_poke(const struct seen *s, const struct poke *want, unsigned int i)
{
	if (!is_poke(s, want)) {
		printf("# wanted: %s port %#x value %#x\n", want->in ? "in" : "out", want->port,
		       want->value);
		print_seen("saw", s);
		FAIL("access %u is another one than wanted", i);
	}
	check_told(s);
}

static unsigned int check_seen(struct host *h, unsigned int l2, unsigned int gsi,
			       unsigned int *still)
{
	unsigned int n = h->x->nr_seen < SEEN_MAX - 1 ? h->x->nr_seen : SEEN_MAX - 1;
	const struct poke *want = NULL, *end = NULL;
	const struct seen *last = NULL;
	const struct pokes *p = pokes;
	unsigned int rises = 0;
	bool ready = false;

	while (p->gsi != gsi)
		p++;
	for (unsigned int i = 0; i < n; i++) {
		const struct seen *s = &h->x->seen[i];

		if (s->why != WHY_IO || s->l2 != l2)
			continue;
		if (want == end) {
			if (last && last->next == s->next && last->progress == s->progress)
				++*still;
			/* One that nobody has answered begins anew. */
			ready = ready && is_poke(s, &p->again[0]) &&
				!(p->nr_again > 1 && i + 1 < n &&
				  is_poke(&h->x->seen[i + 1], &p->first[1]));
			want = ready ? p->again : p->first;
			end = want + (ready ? p->nr_again : p->nr_first);
		}
		check_poke(s, want, i);
		last = s;
		if (++want == end) {
			rises++;
			ready = true;
		}
	}
	return rises;
}

void host_check_first(struct host *h, unsigned int l2, const struct poke *want, unsigned int n)
{
	CHECK(h->x->nr_seen >= n && h->x->nr_seen < SEEN_MAX);
	for (unsigned int i = 0; i < n; i++) {
		CHECK_EQ(h->x->seen[i].why, WHY_IO);
		CHECK_EQ(h->x->seen[i].l2, l2);
		check_poke(&h->x->seen[i], &want[i], i);
	}
	h->x->nr_seen -= n;
	memmove(h->x->seen, h->x->seen + n, h->x->nr_seen * sizeof(h->x->seen[0]));
}

unsigned int host_check_seen(struct host *h, unsigned int l2, unsigned int gsi)
{
	unsigned int still = 0;

	return check_seen(h, l2, gsi, &still);
}

void host_check_progress(struct host *h, unsigned int l2, unsigned int gsi)
{
	unsigned int still = 0, rises = check_seen(h, l2, gsi, &still);

	printf("# %u times the line rose, before %u of them the user VM had executed nothing\n",
	       rises, still);
	CHECK(rises > 10);
	CHECK_EQ(still, 0);
}
