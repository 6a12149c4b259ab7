// SPDX-License-Identifier: GPL-2.0
/*
 * The same on the way of a user VM, where nobody is told of an error; and of its memory. What KVM
 * itself cannot get ends the VM: so each place is a cloud VM of its own.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "faults.h"
#include "faults_cases.h"
#include "faults_each.h"
#include "memory.h"
#include "module.h"
#include "proof.h"
#include "tap.h"

#define PLACES	400	/* more there are not */
#define KEY	0x11

static struct cloud *c;
static struct proxy *p;

/* Its page tables are there, and KVM's of them, before anything fails. */
static void begin(void)
{
	c = cloud_new();
	L2_RUN(c, 0, OUT(COM1, 1, 1), IN(PLAIN, 1));
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
}

static void begin_plain(void)
{
	begin();
	p = proxy_add(c, "vm1");
	cloud_start(c);
}

static void first_access(void)
{
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
}

static void begin_proof(void)
{
	begin();
	p = proxy_new("vm1");
	p->args.flags |= VSB_PROXY_REQUIRED;
	proxy_attach(p, c);
	id_set_key(p, KEY);
	proxy_run(p);
	cloud_start(c);
}

static void first_proof(void)
{
	id_prove(c, 0, "vm1", KEY);
}

enum { NO_FAULT, WENT_ON, ENDED };

/* In a process of its own, from which only its end counts. */
static int one(void (*prepare)(void), void (*run)(void), unsigned int nth)
{
	int status;
	pid_t pid = OK(fork());

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prepare();
		/* what ends it is no point of ours */
		if (nth) {
			OK(dup2(OK(open("/dev/null", O_WRONLY)), 1));
			OK(dup2(1, 2));
		}
		fault_at(nth);
		run();
		_exit(nth && fault_happened() ? 2 : 0);
	}
	OK(waitpid(pid, &status, 0));
	if (!WIFEXITED(status))
		FAIL("ended by signal %d", WTERMSIG(status));
	switch (WEXITSTATUS(status)) {
	case 0:
		return NO_FAULT;
	case 2:
		return WENT_ON;
	case 1:
	case 254:	/* an assertion of KVM's library */
		return ENDED;
	}
	FAIL("exit status %d", WEXITSTATUS(status));
}

static void each_vm(const char *what, void (*prepare)(void), void (*run)(void))
{
	unsigned int nth, nr = 0, ended = 0;
	int how;

	faults_begin();
	CHECK_EQ(one(prepare, run, 0), NO_FAULT);
	for (nth = 1; nth < PLACES; nth += 1 + nth / 4, nr++) {
		how = one(prepare, run, nth);
		if (how == NO_FAULT)
			break;
		ended += how == ENDED;
	}
	CHECK(nth < PLACES);
	CHECK(nr > 0);
	printf("# %s: %u places, %u ended the cloud VM\n", what, nr, ended);
	/* As if nothing had been. */
	CHECK_EQ(one(prepare, run, 0), NO_FAULT);
}

void faults_first_access(void)
{
	each_vm("first access", begin_plain, first_access);
}

void faults_first_proof(void)
{
	each_vm("proof of identity", begin_proof, first_proof);
}

/* Its memory */

static long get_memory(void)
{
	return ioctl(m.p->fd, VSB_GET_MEMORY, 0);
}

static void close_it(long fd)
{
	OK(close(fd));
}

static void nothing(long ret)
{
}

static long read_some(void)
{
	static uint8_t buf[3 * 4096];

	return pread(m.fd, buf, sizeof(buf), 100);
}

static long seek_data(void)
{
	return lseek(m.fd, 0, SEEK_DATA);
}

static long seek_end(void)
{
	return lseek(m.fd, 0, SEEK_END);
}

static long get_info(void)
{
	struct vsb_memory_info info = { 0 };

	return ioctl(m.fd, VSB_GET_MEMORY_INFO, &info);
}

static long get_vcpu(void)
{
	struct vsb_vcpu_state v = { 0 };

	return ioctl(m.fd, VSB_GET_VCPU, &v);
}

static long stop(void)
{
	return ioctl(m.fd, VSB_STOP, 1);
}

void faults_memory(void)
{
	faults_begin();
	memory_begin(1);
	CHECK(each_place("VSB_GET_MEMORY", get_memory, close_it) > 1);
	each_place("pread", read_some, nothing);
	each_place("lseek, SEEK_DATA", seek_data, nothing);
	each_place("lseek, SEEK_END", seek_end, nothing);
	CHECK(each_place("VSB_GET_MEMORY_INFO", get_info, nothing) > 1);
	CHECK(each_place("VSB_GET_VCPU", get_vcpu, nothing) > 1);
	each_place("VSB_STOP", stop, nothing);
	memory_is(m.fd, 0, m.base, 4096);
}
