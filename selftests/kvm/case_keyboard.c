// SPDX-License-Identifier: GPL-2.0
/* The keyboard controller: what resets the user VM, and what a successor gets. */
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "proxy.h"
#include "tap.h"

#define DATA	0x60
#define COMMAND	0x64

/* Exit codes of a user VM that shuts down (SDM vol. 3, appendix C; APM vol. 2, appendix C). */
#define VMX_TRIPLE_FAULT	2
#define SVM_SHUTDOWN		0x7f

static struct cloud *c;
static struct proxy *p;

/* With so many ports at PLAIN */
static struct proxy *keyboard_with(unsigned int plain)
{
	struct proxy *new = proxy_new("vm1");

	memset(new->args.ranges, 0, sizeof(new->args.ranges));
	new->args.nr_ranges = plain ? 3 : 2;
	new->args.ranges[0] = (struct vsb_range){ DATA, DATA, VSB_DEV_I8042, 0 };
	new->args.ranges[1] = (struct vsb_range){ COMMAND, COMMAND, VSB_DEV_I8042, 0 };
	if (plain)
		new->args.ranges[2] = (struct vsb_range){ PLAIN, PLAIN + plain - 1, VSB_DEV_PLAIN, 0 };
	proxy_attach(new, c);
	proxy_run(new);
	return new;
}

static struct proxy *keyboard_new(void)
{
	return keyboard_with(8);
}

/* A user VM that has just booted, with a keyboard controller. */
static void begin(void)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = keyboard_new();
	cloud_start(c);
	L2_BOOT(c, 0, IN(PLAIN, 1));
	EXPECT(p, WR(BOOT_PORT, 1, BOOT_BYTE), RD(PLAIN, 1));
}

static void check_shutdown(uint64_t code)
{
	CHECK_EQ(code, c->mbox->amd ? SVM_SHUTDOWN : VMX_TRIPLE_FAULT);
	CHECK_EQ(L1_EXITS(c), 0);
}

void keyboard_serves(void)
{
	begin();
	p->shm->reg[COMMAND] = 0x1c;
	L2_RUN(c, 0, IN(COMMAND, 1), OUT(COMMAND, 1, 0x20), IN(DATA, 1), OUT(DATA, 1, 0xfe));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0x1c));
	EXPECT(p, RD(COMMAND, 1), WR(COMMAND, 1, 0x20), RD(DATA, 1), WR(DATA, 1, 0xfe));
	/* The ports between them are not ours. */
	L2_RUN(c, 0, IN(0x61, 1), OUT(0x62, 1, 0xfe), IN(0x63, 1));
	CHECK_EQ(L1_EXITS(c), 3);
	EXPECT_NOTHING(p);
}

/* Bit 0 of the output port pulses low. */
void keyboard_reset_pulse(void)
{
	begin();
	check_shutdown(L2_FAILS(c, 0, OUT(COMMAND, 1, 0xfe)));
	EXPECT_NOTHING(p);
}

/* Bit 0 of the output port is written low; the byte may be part of a wider access. */
void keyboard_reset_output_port(void)
{
	begin();
	check_shutdown(L2_FAILS(c, 0, OUT(COMMAND, 1, 0xd1), OUT(DATA, 1, 0x02)));
	EXPECT_NOTHING(p);
}

void keyboard_reset_straddling(void)
{
	begin();
	check_shutdown(L2_FAILS(c, 0, OUT(COMMAND - 3, 4, 0xf0fefefe)));
	EXPECT_NOTHING(p);
}

/* A user VM whose proxy is dead can reset itself, too. */
void keyboard_reset_without_proxy(void)
{
	begin();
	proxy_close(p);
	L2_RUN(c, 0, IN(COMMAND, 1));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xff));
	check_shutdown(L2_FAILS(c, 0, OUT(COMMAND, 1, 0xf0)));
}

/* Pulses of other bits, A20: no effect, and nothing for the proxy either. */
void keyboard_no_reset(void)
{
	begin();
	L2_RUN(c, 0, OUT(COMMAND, 1, 0xff), OUT(COMMAND, 1, 0xf1), OUT(COMMAND, 1, 0xd1),
	       OUT(DATA, 1, 0xdd), OUT(COMMAND, 1, 0xd1), OUT(DATA, 1, 0xdf));
	EXPECT_NOTHING(p);
	/* Bytes that look like it, but are the mouse's and the controller's. */
	L2_RUN(c, 0, OUT(COMMAND, 1, 0xd4), OUT(DATA, 1, 0xf4), OUT(COMMAND, 1, 0x60),
	       OUT(DATA, 1, 0x44));
	EXPECT(p, WR(COMMAND, 1, 0xd4), WR(DATA, 1, 0xf4), WR(COMMAND, 1, 0x60),
	       WR(DATA, 1, 0x44));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* A plain range is nothing that could be reset by. */
void keyboard_plain_range(void)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_new("vm1");
	p->args.nr_ranges = 1;
	p->args.ranges[0] = (struct vsb_range){ DATA, DATA + 7, VSB_DEV_PLAIN, 0 };
	memset(&p->args.ranges[1], 0, sizeof(p->args.ranges[1]));
	proxy_attach(p, c);
	proxy_run(p);
	cloud_start(c);
	L2_RUN(c, 0, OUT(COMMAND, 1, 0xfe), OUT(COMMAND, 1, 0xd1), OUT(DATA, 1, 0x02));
	EXPECT(p, WR(COMMAND, 1, 0xfe), WR(COMMAND, 1, 0xd1), WR(DATA, 1, 0x02));
}

/* What the log ends with. */
static void check_last(struct proxy *of, const struct access *want, uint32_t n)
{
	CHECK(of->shm->nr >= n);
	for (uint32_t i = 0; i < n; i++) {
		const struct access *a = &of->shm->log[of->shm->nr - n + i];

		CHECK_EQ(a->port, want[i].port);
		CHECK_EQ(a->in, want[i].in);
		if (!a->in)
			CHECK_EQ(a->value, want[i].value);
	}
}

/* The user VM has programmed its keyboard controller, and its proxy is gone. */
static void begin_programmed(void)
{
	begin();
	L2_RUN(c, 0, OUT(COMMAND, 1, 0x60), OUT(DATA, 1, 0x65), OUT(COMMAND, 1, 0xd4),
	       OUT(DATA, 1, 0xf4), OUT(COMMAND, 1, 0xa7));
	proxy_kill(p);
	close(p->vm_fd);
	proxy_close(p);
}

/* The next proxy is brought to where the last one was, without an interrupt. */
void keyboard_successor_replay(void)
{
	static const struct access first[] = { WR(COMMAND, 1, 0x60), WR(DATA, 1, 0x00) };
	static const struct access last[] = {
		WR(COMMAND, 1, 0xd4), WR(DATA, 1, 0xf4), RD(DATA, 1),
		WR(COMMAND, 1, 0x60), WR(DATA, 1, 0x65), RD(PLAIN, 1),
	};

	begin_programmed();
	p = keyboard_new();
	L2_RUN(c, 0, IN(PLAIN, 1));
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(p->shm->log[i].port, first[i].port);
		CHECK_EQ(p->shm->log[i].value, first[i].value);
	}
	check_last(p, last, sizeof(last) / sizeof(last[0]));
	/* Once is enough. */
	p->seen = p->shm->nr;
	L2_RUN(c, 0, IN(PLAIN, 1));
	EXPECT(p, RD(PLAIN, 1));
}

/* So is one that has other ports beside it. */
void keyboard_ports_changed(void)
{
	static const struct access last[] = {
		WR(COMMAND, 1, 0xd4), WR(DATA, 1, 0xf4), RD(DATA, 1),
		WR(COMMAND, 1, 0x60), WR(DATA, 1, 0x65), RD(COMMAND, 1),
	};

	begin_programmed();
	p = keyboard_with(0);
	L2_RUN(c, 0, IN(COMMAND, 1));
	check_last(p, last, sizeof(last) / sizeof(last[0]));
}

/* A reset of the user VM is one of its devices. */
void keyboard_reset_replay(void)
{
	static const struct access last[] = {
		WR(COMMAND, 1, 0x60), WR(DATA, 1, 0x03), WR(BOOT_PORT, 1, BOOT_BYTE),
		RD(PLAIN, 1),
	};

	begin();
	L2_RUN(c, 0, OUT(COMMAND, 1, 0x60), OUT(DATA, 1, 0x65));
	L2_BOOT(c, 0, IN(PLAIN, 1));
	check_last(p, last, sizeof(last) / sizeof(last[0]));
	CHECK_EQ(proxy_uservm(p).counters.resets, 1);
}
