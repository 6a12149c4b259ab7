// SPDX-License-Identifier: GPL-2.0
/*
 * A user VM proves who it is, and attackers try to. Each of them has its control:
 * the right answer is accepted, at the same place.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "identity_cases.h"
#include "proof.h"
#include "tap.h"

#define KEY1	0x11
#define KEY2	0x22

static struct cloud *c;
static struct proxy *p1, *p2;

static bool proved(struct proxy *p)
{
	return proxy_uservm(p).flags & VSB_USERVM_PROVED;
}

static struct proxy *add(const char *name, uint32_t flags, uint8_t key)
{
	struct proxy *p = proxy_new(name);

	p->args.flags |= flags;
	proxy_attach(p, c);
	if (key)
		id_set_key(p, key);
	proxy_run(p);
	return p;
}

/* As vsbypassd does when the module has let go of a proxy. */
static void fresh(struct proxy **p, const char *name, uint8_t key)
{
	struct pollfd pfd = { .fd = (*p)->fd, .events = POLLIN };

	WAIT_FOR(OK(poll(&pfd, 1, 0)) && pfd.revents & POLLHUP);
	proxy_close(*p);
	*p = add(name, VSB_PROXY_REQUIRED, key);
}

/* User VM 0 is bound to proxy vm1, which has KEY1. */
static void begin(uint32_t flags)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p1 = add("vm1", flags, KEY1);
	cloud_start(c);
	L2_RUN(c, 0, IN(COM1 + 5, 1));
	EXPECT(p1, RD(COM1 + 5, 1));
}

/* And user VM 1 to vm2, which has KEY2. */
static void begin_two(uint32_t flags)
{
	begin(flags);
	p2 = add("vm2", flags, KEY2);
	L2_RUN(c, 1, IN(COM1 + 5, 1));
	EXPECT(p2, RD(COM1 + 5, 1));
}

void identity_proof(void)
{
	struct vsb_event e[8];

	begin(0);
	OK(fcntl(p1->fd, F_SETFL, O_NONBLOCK));
	while (read(p1->fd, e, sizeof(e)) > 0)
		;
	CHECK_EQ(id_state(c, 0), VSB_ID_IDLE);
	CHECK(!proved(p1));
	CHECK_ERR(read(p1->fd, e, sizeof(e)), EAGAIN);
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	CHECK(proved(p1));
	/* User space is told. */
	CHECK_EQ(OK(read(p1->fd, e, sizeof(e))), sizeof(e[0]));
	CHECK_EQ(e[0].type, VSB_EVENT_USERVM);
	/* It lasts, and can be repeated. */
	CHECK_EQ(id_state(c, 0), VSB_ID_PROVED);
	L2_RUN(c, 0, OUT(COM1, 1, 0x41));
	CHECK(proved(p1));
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	CHECK_EQ(proxy_uservm(p1).refusals, 0);
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(c->l1_io, 0);
	/* One who begins and does not end has lost nothing; a wrong answer loses all. */
	L2_RUN(c, 0, OUT(ID_CONTROL, 1, VSB_ID_BEGIN));
	CHECK(proved(p1));
	while (read(p1->fd, e, sizeof(e)) > 0)
		;
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	{
		uint8_t wrong[VSB_ID_PROOF] = { 0 };
		struct exchange x;

		CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
		CHECK_EQ(id_answer(c, 0, wrong), VSB_ID_REFUSED);
	}
	CHECK(!proved(p1));
	CHECK_EQ(proxy_uservm(p1).refusals, 1);
	CHECK_EQ(OK(read(p1->fd, e, sizeof(e))), sizeof(e[0]));
	CHECK_EQ(e[0].type, VSB_EVENT_USERVM);
}

/* As root with ioperm() does it: IN and OUT of single bytes. */
void identity_bytes(void)
{
	struct op ops[OPS_MAX];
	uint8_t proof[VSB_ID_PROOF];
	struct exchange x;

	begin(0);
	/* One byte less than the whole hello by OUTSB, the last by OUT. */
	memset(&x, 0, sizeof(x));
	strcpy(x.hello.name, "vm1");
	memset(x.hello.nonce, 0x5a, sizeof(x.hello.nonce));
	memcpy(c->mbox->buf, &x.hello, sizeof(x.hello));
	L2_RUN(c, 0, OUT(ID_CONTROL, 1, VSB_ID_BEGIN), OUTS(ID_DATA, 1, 0, REP(63)),
	       IN(ID_CONTROL, 1), OUT(ID_DATA, 1, 0x5a), IN(ID_CONTROL, 1));
	CHECK_EQ(GOT(c, 2), rax_after(1, VSB_ID_HELLO));
	CHECK_EQ(GOT(c, 4), rax_after(1, VSB_ID_REPLY));
	for (unsigned int i = 0; i < sizeof(x.reply); i++)
		ops[i] = (struct op)IN(ID_DATA, 1);
	l2_run(c, 0, ops, sizeof(x.reply));
	for (unsigned int i = 0; i < sizeof(x.reply); i++)
		((uint8_t *)&x.reply)[i] = GOT(c, i);
	id_proof(KEY1, VSB_ID_BY_HOST, &x, proof);
	CHECK(!memcmp(proof, x.reply.proof, sizeof(proof)));
	id_proof(KEY1, VSB_ID_BY_USERVM, &x, proof);
	for (unsigned int i = 0; i < sizeof(proof); i++)
		ops[i] = (struct op)OUT(ID_DATA, 1, proof[i]);
	CHECK_EQ(id_state(c, 0), VSB_ID_ANSWER);
	l2_run(c, 0, ops, sizeof(proof));
	CHECK_EQ(id_state(c, 0), VSB_ID_PROVED);
	CHECK(proved(p1));
}

/* Without a key the ports are the guest hypervisor's. With one they are so for nobody. */
void identity_ports(void)
{
	struct proxy *p;

	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_REFLECT);
	p = add("vm1", 0, 0);
	cloud_start(c);
	L2_RUN(c, 0, IN(COM1 + 5, 1), IN(ID_CONTROL, 1), OUT(ID_DATA, 1, 1));
	CHECK_EQ(L1_EXITS(c), 2);
	CHECK_EQ(GOT(c, 1), rax_after(1, L1_ANSWER));
	id_set_key(p, KEY1);
	L2_RUN(c, 0, IN(ID_CONTROL, 1), OUT(ID_DATA, 1, 1), IN(ID_DATA + 2, 1),
	       IN(ID_DATA - 1, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, VSB_ID_IDLE));
	/* The neighbours are not ours. */
	CHECK_EQ(L1_EXITS(c), 2);
	/* They are so for a user VM without a proxy too. */
	L2_RUN(c, 1, IN(COM1, 1));
	CHECK_EQ(L1_EXITS(c), 1);
	CHECK_EQ(id_state(c, 1), VSB_ID_IDLE);
	CHECK_EQ(id_prove(c, 1, "vm2", KEY1), VSB_ID_REFUSED);
	CHECK_EQ(id_prove(c, 1, "", KEY1), VSB_ID_REFUSED);
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	/* L1's own access is not a user VM's. */
	L1_IO(c, IN(ID_CONTROL, 1));
	CHECK_EQ(c->l1_io, 1);
	CHECK_EQ(c->l1_port, ID_CONTROL);
	/* The proxy is gone: still not L1's. */
	proxy_close(p);
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_REFUSED);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Without it, the module attached or not, a user VM reads what L1 has there. */
void identity_not_attached(void)
{
	struct cloud *other = cloud_new();

	begin(0);
	L2_RUN(other, 0, IN(ID_CONTROL, 1));
	CHECK_EQ(L1_EXITS(other), 1);
	CHECK_EQ(id_state(c, 0), VSB_ID_IDLE);
}

/* The answer of one exchange is worth nothing in the next. */
void identity_replayed(void)
{
	uint8_t old[VSB_ID_PROOF], proof[VSB_ID_PROOF];
	struct exchange x, y;

	begin(0);
	CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
	id_proof(KEY1, VSB_ID_BY_USERVM, &x, old);
	CHECK_EQ(id_answer(c, 0, old), VSB_ID_PROVED);
	/* At once, in the same exchange: there is none. */
	CHECK_EQ(id_answer(c, 0, old), VSB_ID_IDLE);
	/* In the next, with the same hello. */
	memcpy(c->mbox->buf, &x.hello, sizeof(x.hello));
	L2_RUN(c, 0, OUT(ID_CONTROL, 1, VSB_ID_BEGIN), OUTS(ID_DATA, 1, 0, REP(64)),
	       INS(ID_DATA, 1, 0, REP(64)));
	memcpy(&y.reply, c->mbox->buf, sizeof(y.reply));
	CHECK(memcmp(&x.reply.nonce, &y.reply.nonce, VSB_ID_NONCE));
	CHECK(memcmp(&x.reply.proof, &y.reply.proof, VSB_ID_PROOF));
	CHECK_EQ(id_answer(c, 0, old), VSB_ID_REFUSED);
	CHECK(!proved(p1));
	/* Behind the refusal: the nonce is used up for the right answer too. */
	y.hello = x.hello;
	id_proof(KEY1, VSB_ID_BY_USERVM, &y, proof);
	CHECK_EQ(id_answer(c, 0, proof), VSB_ID_IDLE);
	CHECK(!proved(p1));
	/* An exchange that was replaced. */
	CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
	CHECK_EQ(id_hello(c, 0, "vm1", &y), VSB_ID_REPLY);
	id_proof(KEY1, VSB_ID_BY_USERVM, &x, proof);
	CHECK_EQ(id_answer(c, 0, proof), VSB_ID_REFUSED);
	CHECK(!proved(p1));
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Challenges and answers of one user VM, in another. */
void identity_forwarded(void)
{
	uint8_t proof[VSB_ID_PROOF], other[VSB_ID_PROOF];
	struct exchange x, y;

	begin_two(0);
	/* B answers A's challenge, with its own key. */
	CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
	id_proof(KEY2, VSB_ID_BY_USERVM, &x, proof);
	CHECK_EQ(id_answer(c, 0, proof), VSB_ID_REFUSED);
	/* The host's own proof, sent back. */
	CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
	CHECK_EQ(id_answer(c, 0, x.reply.proof), VSB_ID_REFUSED);
	CHECK(!proved(p1));
	/* A's right answer, given by B: in an exchange of B's, and without one. */
	CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
	id_proof(KEY1, VSB_ID_BY_USERVM, &x, proof);
	CHECK_EQ(id_hello(c, 1, "vm2", &y), VSB_ID_REPLY);
	CHECK_EQ(id_answer(c, 1, proof), VSB_ID_REFUSED);
	CHECK_EQ(id_answer(c, 1, proof), VSB_ID_IDLE);
	CHECK(!proved(p1) && !proved(p2));
	/* B in the name of A, without its key: what A has begun is not touched. */
	CHECK_EQ(id_hello(c, 1, "vm1", &y), VSB_ID_REPLY);
	id_proof(KEY2, VSB_ID_BY_USERVM, &y, other);
	CHECK_EQ(id_answer(c, 1, other), VSB_ID_REFUSED);
	/* A's answer in B's exchange of that very name. */
	CHECK_EQ(id_hello(c, 1, "vm1", &y), VSB_ID_REPLY);
	CHECK_EQ(id_answer(c, 1, proof), VSB_ID_REFUSED);
	/* The very same answer from A. */
	CHECK_EQ(id_answer(c, 0, proof), VSB_ID_PROVED);
	CHECK(proved(p1) && !proved(p2));
	CHECK_EQ(id_prove(c, 1, "vm2", KEY2), VSB_ID_PROVED);
	CHECK(proved(p1) && proved(p2));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* An answer that is held back. */
void identity_late(void)
{
	uint8_t proof[VSB_ID_PROOF];
	struct exchange x;

	begin(0);
	CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
	id_proof(KEY1, VSB_ID_BY_USERVM, &x, proof);
	usleep((VSB_ID_MS + 200) * 1000);
	CHECK_EQ(id_answer(c, 0, proof), VSB_ID_REFUSED);
	CHECK(!proved(p1));
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
}

/* Accesses of every other form end the exchange, wherever it is. */
static const struct op odd[] = {
	OUT(ID_DATA, 2, 0x0101), OUT(ID_DATA, 4, 0x01010101), OUT(ID_DATA - 1, 2, 0x0101),
	OUT(ID_DATA - 3, 4, 0x01010101), OUT(ID_CONTROL, 2, 0x0101),
	OUT(ID_CONTROL, 4, 0x01010101), IN(ID_DATA, 2), IN(ID_DATA, 4), IN(ID_DATA - 1, 2),
	IN(ID_CONTROL, 2), IN(ID_CONTROL, 4), OUTS(ID_DATA, 2, 0, REP(3)),
	OUTS(ID_DATA, 4, 0, REP(16)), INS(ID_DATA, 4, 0x100, REP(2)), OUT(ID_CONTROL, 1, 0),
	OUT(ID_CONTROL, 1, 2), OUT(ID_CONTROL, 1, 0xff),
};

void identity_malformed(void)
{
	struct exchange x;

	begin(0);
	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		/* In the hello. */
		L2_RUN(c, 0, OUT(ID_CONTROL, 1, VSB_ID_BEGIN), OUT(ID_DATA, 1, 'v'), odd[i],
		       IN(ID_CONTROL, 1));
		CHECK_EQ(GOT(c, 3), rax_after(1, VSB_ID_IDLE));
		if (odd[i].kind == OP_IN)
			CHECK_EQ(GOT(c, 2), rax_after(odd[i].size, 0xffffffff));
		/* In the answer. */
		CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
		L2_RUN(c, 0, OUT(ID_DATA, 1, 0), odd[i], IN(ID_CONTROL, 1));
		CHECK_EQ(GOT(c, 2), rax_after(1, VSB_ID_IDLE));
	}
	CHECK_EQ(L1_EXITS(c), 0);
	/* Bytes in the wrong direction: of the hello, the reply, the answer. */
	L2_RUN(c, 0, OUT(ID_CONTROL, 1, VSB_ID_BEGIN), IN(ID_DATA, 1), IN(ID_CONTROL, 1));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	CHECK_EQ(GOT(c, 2), rax_after(1, VSB_ID_IDLE));
	memcpy(c->mbox->buf, &x.hello, sizeof(x.hello));
	L2_RUN(c, 0, OUT(ID_CONTROL, 1, VSB_ID_BEGIN), OUTS(ID_DATA, 1, 0, REP(64)),
	       INS(ID_DATA, 1, 0x100, REP(63)), OUT(ID_DATA, 1, 0), IN(ID_CONTROL, 1));
	CHECK_EQ(GOT(c, 4), rax_after(1, VSB_ID_IDLE));
	CHECK_EQ(id_hello(c, 0, "vm1", &x), VSB_ID_REPLY);
	L2_RUN(c, 0, IN(ID_DATA, 1), IN(ID_CONTROL, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	CHECK_EQ(GOT(c, 1), rax_after(1, VSB_ID_IDLE));
	/* More than is wanted: the byte behind the hello, 4 KiB of it. */
	memcpy(c->mbox->buf, &x.hello, sizeof(x.hello));
	L2_RUN(c, 0, OUT(ID_CONTROL, 1, VSB_ID_BEGIN), OUTS(ID_DATA, 1, 0, REP(65)),
	       IN(ID_CONTROL, 1), OUTS(ID_DATA, 1, 0, REP(4096)), IN(ID_CONTROL, 1),
	       INS(ID_DATA, 1, 0, REP(4096)));
	CHECK_EQ(GOT(c, 2), rax_after(1, VSB_ID_IDLE));
	CHECK_EQ(GOT(c, 4), rax_after(1, VSB_ID_IDLE));
	for (int i = 0; i < 4096; i++)
		CHECK_EQ(c->mbox->buf[i], 0xff);
	/* Names that are not quite it. */
	CHECK_EQ(id_hello(c, 0, "vm", &x), VSB_ID_REFUSED);
	CHECK_EQ(id_hello(c, 0, "vm11", &x), VSB_ID_REFUSED);
	CHECK_EQ(id_hello(c, 0, "VM1", &x), VSB_ID_REFUSED);
	CHECK_EQ(id_hello(c, 0, "", &x), VSB_ID_REFUSED);
	CHECK(!proved(p1));
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	/* Nor do they undo a proof. */
	L2_RUN(c, 0, OUT(ID_DATA, 4, 1), OUT(ID_CONTROL, 1, 7));
	CHECK(proved(p1));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* How often its user VM has written. */
static uint64_t written(struct cloud *bad)
{
	struct vsb_uservm u;

	OK(vsb_uservm(bad->fd, 0, &u));
	return u.counters.writes;
}

static void flood(struct cloud *bad, uint16_t port)
{
	uint64_t before = written(bad);

	L2_GO(bad, 0, { .kind = OP_LOOP, .port = port, .size = 1 });
	WAIT_FOR(written(bad) > before);
	before = written(bad);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	WAIT_FOR(written(bad) > before);
	CHECK(bad->running);
	bad->mbox->stop = true;
	l2_wait(bad);
}

/* A user VM that does nothing but write there, beside one that proves itself. */
void identity_flood(void)
{
	struct cloud *bad;

	begin(0);
	bad = c;
	begin(0);
	flood(bad, ID_DATA);
	flood(bad, ID_CONTROL);
	CHECK_EQ(id_prove(bad, 0, "vm1", KEY1), VSB_ID_PROVED);
}

/* Until the proof the UART works, and passes no data. */
void identity_required(void)
{
	begin(VSB_PROXY_REQUIRED);
	p1->shm->reg[COM1] = 0x77;
	p1->shm->reg[COM1 + 5] = 0x61;
	p1->shm->reg[PLAIN] = 0x55;
	L2_RUN(c, 0, OUT(COM1 + 1, 1, 0x05), IN(COM1 + 5, 1), IN(COM1, 1), OUT(COM1, 1, 0x41));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0x61));
	CHECK_EQ(GOT(c, 2), rax_after(1, 0));
	EXPECT(p1, WR(COM1 + 1, 1, 0x05), RD(COM1 + 5, 1), RD(COM1, 1), WR(COM1, 1, 0));
	/* In every width: what lies beside is no data. */
	p1->shm->reg[COM1] = 0x77;
	p1->shm->reg[COM1 + 1] = 0x05;
	L2_RUN(c, 0, OUT(COM1, 2, 0x0541), IN(COM1, 2), OUTS(COM1, 1, 0, REP(3)),
	       OUT(COM1 - 1, 4, 0x03024101));
	CHECK_EQ(GOT(c, 1), rax_after(2, 0x0500));
	for (uint32_t i = p1->seen; i < p1->shm->nr; i++) {
		const struct access *a = &p1->shm->log[i];

		if (!a->in && a->port == COM1 && a->value & 0xff)
			FAIL("byte %#x has passed", a->value);
	}
	p1->seen = p1->shm->nr;
	/* What is no UART is unplugged. */
	L2_RUN(c, 0, IN(PLAIN, 1), OUT(PLAIN, 2, 0x4142), IN(PLAIN, 4));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	CHECK_EQ(GOT(c, 2), rax_after(4, 0xffffffff));
	EXPECT_NOTHING(p1);
	/* The divisor is remembered for the proxy. */
	L2_RUN(c, 0, OUT(COM1 + 3, 1, 0x83), OUT(COM1, 1, 0x0c), IN(COM1, 1),
	       OUT(COM1 + 3, 1, 0x03), IN(COM1, 1));
	CHECK_EQ(GOT(c, 2), rax_after(1, 0x0c));
	CHECK_EQ(GOT(c, 4), rax_after(1, 0));
	CHECK_EQ(p1->shm->uart.dll, 0);
	CHECK_EQ(L1_EXITS(c), 0);

	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	p1->shm->reg[COM1 + 5] = 0x61;
	L2_RUN(c, 0, IN(COM1 + 5, 1));
	CHECK_EQ(p1->shm->uart.dll, 0x0c);
	CHECK_EQ(p1->shm->uart.lcr, 0x03);
	p1->seen = p1->shm->nr;
	p1->shm->reg[COM1] = 0x77;
	p1->shm->reg[PLAIN] = 0x55;
	L2_RUN(c, 0, IN(COM1, 1), OUT(COM1, 1, 0x41), IN(PLAIN, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x77));
	CHECK_EQ(GOT(c, 2), rax_after(1, 0x55));
	EXPECT(p1, RD(COM1, 1), WR(COM1, 1, 0x41), RD(PLAIN, 1));
}

/* A proof ends with what it was about: the user VM as we know it, and the key. */
void identity_lost(void)
{
	struct proxy *next;

	begin(VSB_PROXY_REQUIRED);
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	p1->shm->reg[COM1] = 0x77;
	L2_RUN(c, 0, IN(COM1, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x77));
	/* Also for a read that the proxy has at that moment. */
	p1->shm->hold = true;
	L2_GO(c, 0, IN(COM1, 1));
	WAIT_FOR(p1->shm->held == 1);
	OK(ioctl(p1->fd, VSB_UNBIND, 0));
	CHECK_ERR(ioctl(p1->fd, VSB_UNBIND, 0), ENOENT);
	p1->shm->hold = false;
	l2_wait(c);
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	/* It is a new user VM to us. */
	fresh(&p1, "vm1", KEY1);
	p1->shm->reg[COM1] = 0x77;
	L2_RUN(c, 0, IN(COM1, 1), OUT(COM1, 1, 0x41));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0));
	CHECK(!proved(p1));
	CHECK_EQ(id_state(c, 0), VSB_ID_IDLE);
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	/* A new proxy: the same key, none, another one. */
	proxy_close(p1);
	next = add("vm1", VSB_PROXY_REQUIRED, KEY1);
	next->shm->reg[COM1] = 0x78;
	L2_RUN(c, 0, IN(COM1, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x78));
	CHECK(proved(next));
	proxy_close(next);
	next = add("vm1", VSB_PROXY_REQUIRED, 0);
	next->shm->reg[COM1] = 0x79;
	L2_RUN(c, 0, IN(COM1, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0));
	CHECK(!proved(next));
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_REFUSED);
	proxy_close(next);
	next = add("vm1", VSB_PROXY_REQUIRED, KEY2);
	next->shm->reg[COM1] = 0x7a;
	L2_RUN(c, 0, IN(COM1, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0));
	CHECK(!proved(next));
	CHECK_EQ(id_hello(c, 0, "vm1", &(struct exchange){ 0 }), VSB_ID_REPLY);
	CHECK_EQ(id_prove(c, 0, "vm1", KEY2), VSB_ID_PROVED);
	next->shm->reg[COM1] = 0x7b;
	L2_RUN(c, 0, IN(COM1, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x7b));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* One that comes first gets the proxy, and not one byte. */
void identity_impostor(void)
{
	uint8_t proof[VSB_ID_PROOF];
	struct exchange x;

	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p1 = add("vm1", VSB_PROXY_REQUIRED, KEY1);
	cloud_start(c);
	p1->shm->reg[COM1] = 'p';
	L2_RUN(c, 1, OUT(COM1, 1, 'L'), IN(COM1, 1), OUTS(COM1, 1, 0, REP(8)));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0));
	EXPECT(p1, WR(COM1, 1, 0), RD(COM1, 1), WR(COM1, 1, 0), WR(COM1, 1, 0), WR(COM1, 1, 0),
	       WR(COM1, 1, 0), WR(COM1, 1, 0), WR(COM1, 1, 0), WR(COM1, 1, 0), WR(COM1, 1, 0));
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(id_hello(c, 1, "vm1", &x), VSB_ID_REPLY);
		id_proof(i, VSB_ID_BY_USERVM, &x, proof);
		CHECK_EQ(id_answer(c, 1, proof), VSB_ID_REFUSED);
	}
	CHECK_EQ(proxy_uservm(p1).refusals, 5);
	CHECK(!proved(p1));
	L2_RUN(c, 1, OUT(COM1, 1, 'L'));
	EXPECT(p1, WR(COM1, 1, 0));
	/* The right one comes later, finds no proxy, and proves whose it is. */
	L2_RUN(c, 0, IN(COM1 + 5, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	/* Nothing of the impostor's is left in its proxy: that is a fresh one. */
	fresh(&p1, "vm1", KEY1);
	CHECK(proved(p1));
	CHECK_EQ(proxy_uservm(p1).refusals, 0);
	p1->seen = p1->shm->nr;
	p1->shm->reg[COM1] = 'p';
	L2_RUN(c, 0, IN(COM1, 1), OUT(COM1, 1, 'L'));
	EXPECT(p1, RD(COM1, 1), WR(COM1, 1, 'L'));
	CHECK_EQ(GOT(c, 0), rax_after(1, 'p'));
	/* The other is nobody, and nothing it has heard is of use. */
	L2_RUN(c, 1, OUT(COM1, 1, 'L'), IN(COM1, 1));
	EXPECT_NOTHING(p1);
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	CHECK_EQ(id_answer(c, 1, proof), VSB_ID_IDLE);
	CHECK_EQ(id_hello(c, 1, "vm1", &x), VSB_ID_REPLY);
	CHECK_EQ(id_answer(c, 1, proof), VSB_ID_REFUSED);
	CHECK(proved(p1));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* The same where user VMs without a proxy are the guest hypervisor's: this one is not. */
void identity_displaced(void)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_REFLECT);
	p1 = add("vm1", 0, KEY1);
	cloud_start(c);
	L2_RUN(c, 1, OUT(COM1, 1, 'L'));
	EXPECT(p1, WR(COM1, 1, 'L'));
	/* That is how it is for one who has never been bound. */
	L2_RUN(c, 0, OUT(COM1, 1, 'L'));
	CHECK_EQ(L1_EXITS(c), 1);
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	fresh(&p1, "vm1", KEY1);
	L2_RUN(c, 1, OUT(COM1, 1, 'p'), IN(COM1, 1), IN(PLAIN, 1));
	CHECK_EQ(L1_EXITS(c), 0);
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	L2_RUN(c, 0, OUT(COM1, 1, 'p'));
	CHECK_EQ(proxy_last(p1)->value, 'p');
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Two that came in the wrong order: each gets the console of its name. */
void identity_swapped(void)
{
	struct vsb_uservm u;

	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p1 = add("vm1", VSB_PROXY_REQUIRED, KEY1);
	p2 = add("vm2", VSB_PROXY_REQUIRED, KEY2);
	cloud_start(c);
	/* User VM 1 is vm2, and comes first. It programs its UART. */
	L2_RUN(c, 1, OUT(COM1 + 1, 1, 0x05), OUT(COM1 + 7, 1, 0xa5));
	L2_RUN(c, 0, OUT(COM1 + 1, 1, 0x01), OUT(COM1 + 7, 1, 0x5a));
	CHECK_EQ(p1->shm->uart.scr, 0xa5);
	CHECK_EQ(p2->shm->uart.scr, 0x5a);
	CHECK_EQ(id_prove(c, 1, "vm2", KEY2), VSB_ID_PROVED);
	/* Both proxies have served another. */
	fresh(&p1, "vm1", KEY1);
	fresh(&p2, "vm2", KEY2);
	CHECK(proved(p2));
	CHECK(!strcmp(proxy_uservm(p2).name, "vm2"));
	/* It goes on where it was. The other is new, and finds the proxy that is free. */
	L2_RUN(c, 1, OUT(COM1, 1, 'b'));
	CHECK_EQ(p2->shm->uart.scr, 0xa5);
	CHECK_EQ(p2->shm->uart.ier, 0x05);
	CHECK_EQ(proxy_last(p2)->value, 'b');
	CHECK_ERR(vsb_uservm(p1->fd, 0, &u), ENOENT);
	L2_RUN(c, 0, OUT(COM1, 1, 'a'));
	CHECK_EQ(proxy_last(p1)->value, 0);
	CHECK_EQ(id_prove(c, 0, "vm1", KEY1), VSB_ID_PROVED);
	L2_RUN(c, 0, OUT(COM1, 1, 'a'));
	CHECK_EQ(proxy_last(p1)->value, 'a');
	L2_RUN(c, 1, OUT(COM1, 1, 'b'));
	CHECK_EQ(proxy_last(p2)->value, 'b');
	CHECK(proved(p1) && proved(p2));
	/* A name that nobody of the pool has; one that has no key. */
	add("vm3", 0, 0);
	CHECK_EQ(id_prove(c, 0, "vm3", KEY1), VSB_ID_REFUSED);
	CHECK(proved(p1));
	/* One that has the keys of both may be either, and is one at a time. */
	CHECK_EQ(id_prove(c, 0, "vm2", KEY2), VSB_ID_PROVED);
	fresh(&p1, "vm1", KEY1);
	fresh(&p2, "vm2", KEY2);
	CHECK(proved(p2));
	CHECK_ERR(vsb_uservm(p1->fd, 0, &u), ENOENT);
	L2_RUN(c, 0, OUT(COM1, 1, 'c'));
	CHECK_EQ(proxy_last(p2)->value, 'c');
	L2_RUN(c, 1, OUT(COM1, 1, 'b'));
	CHECK_EQ(proxy_last(p2)->value, 'c');
	CHECK(proved(p2));
	CHECK_EQ(L1_EXITS(c), 0);
}
