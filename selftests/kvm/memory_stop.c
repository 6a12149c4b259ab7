// SPDX-License-Identifier: GPL-2.0
/* vCPUs of a user VM that stand while it is read, and what they are. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"

#include "memory_cases.h"
#include "memory.h"
#include "tap.h"

#define LOOP	{ .kind = OP_LOOP, .port = PLAIN, .size = 1 }

static struct vsb_vcpu_state vcpu(uint32_t index)
{
	struct vsb_vcpu_state v = { .index = index };

	OK(ioctl(m.fd, VSB_GET_VCPU, &v));
	return v;
}

static bool runs(unsigned int us)
{
	uint32_t before = m.p->shm->nr;

	usleep(us);
	return m.p->shm->nr != before;
}

static void loop_begin(void)
{
	memory_begin(1);
	L2_GO(m.c, 0, LOOP);
	WAIT_FOR(runs(10000));
}

static void loop_end(void)
{
	WAIT_FOR(runs(10000));
	m.c->mbox->stop = true;
	l2_wait(m.c);
	CHECK_EQ(L1_EXITS(m.c), 0);
}

void memory_stop(void)
{
	struct vsb_vcpu_state v;

	loop_begin();
	for (unsigned int i = 0; i < 5; i++) {
		OK(ioctl(m.fd, VSB_STOP, 60000));
		/* What was done before may come to the proxy's log yet. */
		usleep(20000);
		CHECK(!runs(200000));
		WAIT_FOR(vcpu(0).flags & VSB_VCPU_STANDS);
		v = vcpu(0);
		CHECK_EQ(v.flags, VSB_VCPU_SEEN | VSB_VCPU_STANDS);
		memory_is(m.fd, 0, m.base, m.size);
		OK(ioctl(m.fd, VSB_STOP, 0));
		WAIT_FOR(runs(10000));
		CHECK(!(vcpu(0).flags & VSB_VCPU_STANDS));
	}
	loop_end();
}

/* The limit passes; the descriptor is closed; another one may not, and may afterwards. */
void memory_stop_ends(void)
{
	int other;

	loop_begin();
	OK(ioctl(m.fd, VSB_STOP, 300));
	usleep(20000);
	CHECK(!runs(100000));
	WAIT_FOR(runs(10000));

	other = memory_open(m.p);
	OK(ioctl(other, VSB_STOP, 60000));
	CHECK_ERR(ioctl(m.fd, VSB_STOP, 1000), EBUSY);
	OK(ioctl(m.fd, VSB_STOP, 0));		/* not its own: nothing */
	usleep(20000);
	CHECK(!runs(100000));
	OK(close(other));
	WAIT_FOR(runs(10000));
	OK(ioctl(m.fd, VSB_STOP, 200));
	usleep(300000);
	WAIT_FOR(runs(10000));
	/* One that is over is nobody's. */
	other = memory_open(m.p);
	OK(ioctl(other, VSB_STOP, 60000));
	OK(ioctl(other, VSB_STOP, 0));
	/* Longer, and the end of all that it hangs on. */
	OK(ioctl(m.fd, VSB_STOP, 60000));
	OK(ioctl(m.p->fd, VSB_UNBIND, 0));
	m.c->mbox->stop = true;
	l2_wait(m.c);
}

/* The cloud VM's VMM has its thread back for a signal, and the user VM stands all the same. */
void memory_stop_signals(void)
{
	loop_begin();
	OK(ioctl(m.fd, VSB_STOP, 60000));
	usleep(20000);
	for (unsigned int i = 0; i < 20; i++) {
		unsigned int before = m.c->interrupted;

		WAIT_FOR(vcpu(0).flags & VSB_VCPU_STANDS);
		CHECK(!pthread_kill(m.c->thread, SIGUSR1));
		WAIT_FOR(m.c->interrupted > before);
		CHECK(!runs(10000));
	}
	OK(ioctl(m.fd, VSB_STOP, 0));
	loop_end();
}

/* It is the guest hypervisor's turn when it is stopped: it stands when it is entered. */
void memory_stop_entering(void)
{
	uint32_t before;

	memory_begin(1);
	OK(ioctl(m.fd, VSB_STOP, 60000));
	before = m.p->shm->nr;
	L2_GO(m.c, 0, OUT(PLAIN, 1, 7));
	WAIT_FOR(vcpu(0).flags & VSB_VCPU_STANDS);
	usleep(100000);
	CHECK_EQ(m.p->shm->nr, before);
	OK(ioctl(m.fd, VSB_STOP, 0));
	l2_wait(m.c);
	CHECK_EQ(m.p->shm->nr, before + 1);
	/* The other user VM is not concerned. */
	OK(ioctl(m.fd, VSB_STOP, 60000));
	L2_RUN(m.c, 1, OUT(PLAIN, 1, 8));
	OK(ioctl(m.fd, VSB_STOP, 0));
}

void memory_vcpu(void)
{
	struct vsb_vcpu_state v, w;
	struct kvm_sregs l1;

	memory_begin(1);
	vcpu_sregs_get(m.c->vcpu, &l1);
	L2_GO(m.c, 0, LOOP);
	WAIT_FOR(runs(10000));
	OK(ioctl(m.fd, VSB_STOP, 60000));
	WAIT_FOR(vcpu(0).flags & VSB_VCPU_STANDS);
	v = vcpu(0);
	/* L2 shares CR3, GDT and IDT with L1, and is in this program. */
	CHECK_EQ(v.sregs.cr3, l1.cr3);
	CHECK_EQ(v.sregs.gdt.base, l1.gdt.base);
	CHECK_EQ(v.sregs.idt.base, l1.idt.base);
	CHECK(v.sregs.cr0 & X86_CR0_PG);
	CHECK(v.sregs.cr4 & X86_CR4_PAE);
	CHECK(v.sregs.efer & EFER_LMA);
	CHECK_EQ(v.sregs.cs.l, 1);
	CHECK_EQ(v.sregs.cs.selector, l1.cs.selector);
	CHECK(v.regs.rip >= (uint64_t)l1_main - (1 << 20) && v.regs.rip < (uint64_t)l1_main + (1 << 20));
	CHECK(v.regs.rflags & 2);
	CHECK(v.regs.rsp);
	CHECK(v.seen_ns);
	/* It is as it was, and then another one. */
	w = vcpu(0);
	CHECK(!memcmp(&v, &w, sizeof(v)));
	OK(ioctl(m.fd, VSB_STOP, 0));
	WAIT_FOR(vcpu(0).seen_ns > v.seen_ns);
	loop_end();
}

static volatile bool over;

/* Opens, stops for a moment, reads and closes. */
static void *storm(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	uint8_t page[4096];

	while (!over) {
		int fd = ioctl(m.p->fd, VSB_GET_MEMORY, 0);
		struct vsb_vcpu_state v = { 0 };

		if (fd < 0)
			FAIL("VSB_GET_MEMORY: %s", strerror(errno));
		if (ioctl(fd, VSB_STOP, rand_r(&seed) % 10) && errno != EBUSY)
			FAIL("VSB_STOP: %s", strerror(errno));
		if (ioctl(fd, VSB_GET_VCPU, &v))
			FAIL("VSB_GET_VCPU: %s", strerror(errno));
		if (pread(fd, page, sizeof(page), 0) != sizeof(page))
			FAIL("pread: %s", strerror(errno));
		if (rand_r(&seed) % 2)
			ioctl(fd, VSB_STOP, 0);
		close(fd);
	}
	return NULL;
}

void memory_storm(void)
{
	pthread_t threads[3];

	loop_begin();
	for (uintptr_t i = 0; i < 3; i++)
		CHECK(!pthread_create(&threads[i], NULL, storm, (void *)i));
	for (unsigned int i = 0; i < 300; i++) {
		CHECK(!pthread_kill(m.c->thread, SIGUSR1));
		usleep(10000);
	}
	over = true;
	for (unsigned int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	loop_end();
}
