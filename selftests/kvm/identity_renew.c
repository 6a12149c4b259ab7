// SPDX-License-Identifier: GPL-2.0
/*
 * Proofs that have to be renewed. Another VM takes the place of one that has proved who
 * it is: the same vCPU (VMCB, virtual-APIC page) and the same TSC offset, both of which
 * the guest hypervisor chooses.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"

#include "identity_cases.h"
#include "proof.h"
#include "tap.h"

#define KEY	0x33
#define N	2	/* 4 s */

static struct cloud *c;
static struct proxy *p;

static bool proved(void)
{
	return proxy_uservm(p).flags & VSB_USERVM_PROVED;
}

static void begin(void)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_new("vm1");
	p->args.flags |= VSB_PROXY_REQUIRED;
	proxy_attach(p, c);
	id_set_key(p, KEY);
	proxy_run(p);
	cloud_start(c);
	L2_RUN(c, 0, IN(COM1 + 5, 1));
}

/* Does the user VM's byte come to the console? */
static bool passes(uint8_t byte)
{
	L2_RUN(c, 0, OUT(COM1, 1, byte));
	CHECK_EQ(L1_EXITS(c), 0);
	return proxy_last(p)->value == byte;
}

/*
 * A byte passes, if it is made in time: on a slow machine the proof may be over before
 * the byte is there. Return: it was in time.
 */
static bool passes_in_time(uint8_t byte, double since)
{
	bool passed = passes(byte);
	bool in_time = tap_now() - since < 1 << N;

	CHECK(passed || !in_time);
	return in_time;
}

/* It is over at its time, and user space is told. Another one begins a new time. */
void identity_renewed(void)
{
	unsigned int in_time = 0;
	double begun, end;
	struct pollfd pfd;
	struct vsb_event e;

	begin();
	end = tap_now() + 3.5 * (1 << N);
	/* Renewed before its end there is no gap. */
	while (tap_now() < end) {
		begun = tap_now();
		CHECK_EQ(id_prove_for(c, 0, "vm1", KEY, N), VSB_ID_PROVED);
		in_time += passes_in_time('a', begun);
	}
	CHECK(in_time > 0);
	OK(fcntl(p->fd, F_SETFL, O_NONBLOCK));
	pfd = (struct pollfd){ .fd = p->fd, .events = POLLIN };
	do {
		CHECK_EQ(OK(poll(&pfd, 1, TAP_PATIENCE * 1000)), 1);
		CHECK_EQ(OK(read(p->fd, &e, sizeof(e))), sizeof(e));
	} while (e.type != VSB_EVENT_USERVM || proved());
	CHECK(!passes('c'));
	CHECK_EQ(id_state(c, 0), VSB_ID_IDLE);
	begun = tap_now();
	CHECK_EQ(id_prove_for(c, 0, "vm1", KEY, N), VSB_ID_PROVED);
	passes_in_time('d', begun);
	/* One without an end has none. */
	CHECK_EQ(id_prove(c, 0, "vm1", KEY), VSB_ID_PROVED);
	usleep((1 << N) * 1500000);
	CHECK(passes('e'));
	CHECK(proved());
}

/* How long it is good for is a part of the proof. */
void identity_renew_tampered(void)
{
	static const char *const wrong[] = {
		VSB_ID_BY_USERVM, VSB_ID_BY_HOST, "VSBypass identity 1: for 2^15",
		"VSBypass identity 1: for 2^3", "VSBypass identity 1: for 2^2 s", "",
	};
	uint8_t proof[VSB_ID_PROOF];
	struct exchange x;

	begin();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CHECK_EQ(id_hello_with(c, 0, VSB_ID_BEGIN_FOR + N, "vm1", &x), VSB_ID_REPLY);
		id_proof(KEY, wrong[i], &x, proof);
		CHECK_EQ(id_answer(c, 0, proof), VSB_ID_REFUSED);
		CHECK(!proved());
	}
	CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
	id_proof(KEY, "VSBypass identity 1: for 2^2", &x, proof);
	CHECK_EQ(id_answer(c, 0, proof), VSB_ID_REFUSED);
	/* Each command that there is, and those beside them. */
	for (unsigned int n = 0; n <= VSB_ID_MOST_FOR; n++)
		CHECK_EQ(id_prove_for(c, 0, "vm1", KEY, n), VSB_ID_PROVED);
	L2_RUN(c, 0, OUT(ID_CONTROL, 1, VSB_ID_BEGIN_FOR - 1));
	CHECK_EQ(id_state(c, 0), VSB_ID_IDLE);
	L2_RUN(c, 0, OUT(ID_CONTROL, 1, VSB_ID_BEGIN_FOR + VSB_ID_MOST_FOR + 1));
	CHECK_EQ(id_state(c, 0), VSB_ID_IDLE);
}

/* The other one has a page table of its own: silent from its first access on. */
void identity_renew_other_root(void)
{
	begin();
	CHECK_EQ(id_prove_for(c, 0, "vm1", KEY, VSB_ID_MOST_FOR), VSB_ID_PROVED);
	CHECK(passes('a'));
	c->mbox->root[0] = c->root[0][1];
	CHECK(!passes('x'));
	CHECK(!proved());
	/* It was the same one after all. */
	CHECK_EQ(id_prove_for(c, 0, "vm1", KEY, VSB_ID_MOST_FOR), VSB_ID_PROVED);
	CHECK(passes('b'));
}

/* It has even the same page table, as after "loadvm": until the next proof is due. */
void identity_renewed_same_root(void)
{
	double begun;

	begin();
	begun = tap_now();
	CHECK_EQ(id_prove_for(c, 0, "vm1", KEY, N), VSB_ID_PROVED);
	passes_in_time('a', begun);
	memcpy(addr_gpa2hva(c->vm, c->root[0][0]), addr_gpa2hva(c->vm, c->root[0][OTHER_MEMORY]), 4096);
	usleep((1 << N) * 1000000 + 100000);
	CHECK(!passes('x'));
	CHECK(!proved());
}
