// SPDX-License-Identifier: GPL-2.0
/* A guest hypervisor that does something else with an exit than KVM does. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"

#include "exit_cases.h"
#include "exit_run.h"
#include "module.h"
#include "tap.h"

/* What work_spins() has in these. */
#define SPIN_RAX	0x11c0ffee11
#define SPIN_RDX	0x44c0ffee44

static struct host h;

/* It enters L2 where it was told that it is, with nothing done: the same access once more. */
void exit_odd_not_done(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	h.x->turn[0].answer = ANSWER_NOT;
	h.x->turn[0].times = 5;
	host_go(&h, 0, 0, work_mixes);
	host_pulse(&h, 4, 9);
	host_progress(&h, 0);
	host_stop(&h, 0);
	/* On VMX the length is that of the last exit that had one (SDM vol. 3, 25.9.4). */
	if (h.x->seen[0].rip == h.x->seen[0].next)
		tap_skip("an instruction without a length was shown: nobody can tell");
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(h.x->seen[i].port, 0x3fb);
		CHECK_EQ(h.x->seen[i].rax, 3);
	}
	h.x->nr_seen -= 5;
	memmove(h.x->seen, h.x->seen + 5, h.x->nr_seen * sizeof(*h.x->seen));
	CHECK(host_check_seen(&h, 0, 4) >= 1);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* It lets L2 go on elsewhere: there, but with its own RAX and RDX. */
static void elsewhere(enum answer answer, uint64_t rax, uint64_t rdx)
{
	uint32_t before;

	host_begin(&h, VSB_IRQ_EXITS);
	h.x->turn[0].answer = answer;
	h.x->turn[0].times = 1;
	h.x->turn[0].elsewhere = (uint64_t)work_elsewhere;
	host_go(&h, 0, 0, work_spins);
	WAIT_FOR(h.x->work[0].rounds == 1);
	usleep(100000);
	proxy_line(h.p, 4, true);
	host_progress(&h, 0);
	CHECK_EQ(h.x->work[0].rax, rax);
	CHECK_EQ(h.x->work[0].rdx, rdx);
	/* Nobody answers the line. */
	before = h.x->accesses[0];
	WAIT_FOR(h.x->accesses[0] >= before + 4);
	proxy_line(h.p, 4, false);
	host_progress(&h, 0);
	host_stop(&h, 0);
}

void exit_odd_elsewhere(void)
{
	elsewhere(ANSWER_ELSEWHERE, SPIN_RAX, SPIN_RDX);
	CHECK(host_check_seen(&h, 0, 4) >= 1);
}

/* With other registers, as after a reset: these are L2's, and the line rises anew. */
void exit_odd_registers(void)
{
	elsewhere(ANSWER_REGISTERS, 1, 0);
	/* The first one, whose fate nobody knows, and all of them. */
	CHECK_EQ(h.x->seen[0].port, 0x3fb);
	h.x->nr_seen--;
	memmove(h.x->seen, h.x->seen + 1, h.x->nr_seen * sizeof(*h.x->seen));
	CHECK(host_check_seen(&h, 0, 4) >= 1);
}

/* It has an exit and keeps L2 to itself. All is closed. */
static void leaves(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	h.x->turn[0].answer = ANSWER_LEAVE;
	h.x->turn[0].times = 1;
	host_go(&h, 0, 0, work_mixes);
	host_progress(&h, 0);
	proxy_line(h.p, 4, true);
	host_left(&h, 0);
	CHECK_EQ(h.x->nr_seen, 1);
	proxy_close(h.p);
	cloud_close(h.c);
}

/* The module waits, and L2 is unharmed when it goes on. */
void exit_odd_leaves(void)
{
	leaves();
	CHECK_ERR(module_unload(), EAGAIN);
	sleep(4);
	CHECK_ERR(module_unload(), EAGAIN);
	host_go_on(&h, 0);
	host_progress(&h, 0);
	/* There are registers that it has put back: nothing holds it any more. */
	WAIT_FOR(!module_unload());
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
}

/* And it never goes on: the end of the cloud VM is the end of it. */
void exit_odd_never(void)
{
	pid_t pid;
	int status;

	pid = fork();
	if (!pid) {
		leaves();
		fflush(stdout);
		_exit(0);
	}
	OK(waitpid(pid, &status, 0));
	CHECK_EQ(status, 0);
	WAIT_FOR(!module_unload());
}

/* Another VMCB or virtual-APIC page at each entry. */
void exit_odd_fresh(void)
{
	host_begin(&h, VSB_IRQ_EXITS);
	for (int i = 0; i < 4; i++) {
		h.x->turn[0].pages[i].gva = vm_vaddr_alloc_page(h.c->vm);
		h.x->turn[0].pages[i].gpa = addr_gva2gpa(h.c->vm, h.x->turn[0].pages[i].gva);
		memset(addr_gva2hva(h.c->vm, h.x->turn[0].pages[i].gva), 0, 4096);
	}
	h.x->turn[0].fresh = true;
	host_go(&h, 0, 0, work_mixes);
	host_storm(&h, h.p, host_many() / 10 + 1);
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_seen(&h, 0, 4);
	host_check_mix(&h, 0, WORK_TURNS);
	CHECK_EQ(h.x->nr_seen, host_shown(h.p));
}

/*
 * It lets L2 go on from there again, as with savevm and loadvm; @more exits are in between. The
 * module remembers 64; of those before nobody knows what L2 had in RAX and RDX.
 */
static void twice(unsigned int more)
{
	host_begin(&h, VSB_IRQ_EXITS);
	h.x->turn[0].answer = ANSWER_SAVE;
	h.x->turn[0].times = 1;
	host_go(&h, 0, 0, work_mixes);
	host_progress(&h, 0);
	host_pulse(&h, 4, 4);
	for (unsigned int i = 0; i < more; i++)
		host_pulse(&h, 4, 1);
	for (int i = 0; i < 3; i++) {
		host_progress(&h, 0);
		h.x->turn[0].restore = true;
		host_stop(&h, 0);
		host_check_mix(&h, 0, WORK_TURNS);
		h.x->turn[0].restore = true;
		host_go_on(&h, 0);
	}
	host_pulse(&h, 4, 1);
	host_progress(&h, 0);
	host_stop(&h, 0);
	host_check_mix(&h, 0, WORK_TURNS);
}

void exit_odd_twice(void)
{
	twice(5);
}

void exit_odd_twice_later(void)
{
	twice(40);
}
