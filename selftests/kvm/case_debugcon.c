// SPDX-License-Identifier: GPL-2.0
/* The debug console of firmware: bytes go to the proxy, and nobody waits for it. */
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "proxy.h"
#include "tap.h"

#define PORT	0x402

static struct cloud *c;
static struct proxy *p;

static void begin(uint32_t flags)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = proxy_new("vm1");
	p->args.flags = flags;
	p->args.nr_ranges = 2;
	p->args.ranges[0] = (struct vsb_range){ PORT, PORT, VSB_DEV_DEBUGCON, 0 };
	p->args.ranges[1] = (struct vsb_range){ PLAIN, PLAIN + 7, VSB_DEV_PLAIN, 0 };
	proxy_attach(p, c);
	proxy_run(p);
	cloud_start(c);
}

void debugcon_writes(void)
{
	begin(0);
	L2_RUN(c, 0, IN(PORT, 1), OUT(PORT, 1, 'v'), OUT(PORT, 1, 's'), OUT(PORT, 1, 'b'));
	CHECK_EQ(GOT(c, 0), rax_after(1, 0xe9));
	WAIT_FOR(p->shm->nr == 3);
	EXPECT(p, WR(PORT, 1, 'v'), WR(PORT, 1, 's'), WR(PORT, 1, 'b'));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* A byte beside it is absorbed, as with any claimed port; it is not the next one's. */
void debugcon_straddles(void)
{
	begin(0);
	L2_RUN(c, 0, OUT(PORT - 1, 2, 0x2211), OUT(PORT, 2, 0x4433), IN(PORT - 1, 4));
	CHECK_EQ(GOT(c, 2), rax_after(4, 0xffffe9ff));
	WAIT_FOR(p->shm->nr == 2);
	EXPECT(p, WR(PORT, 1, 0x22), WR(PORT, 1, 0x33));
	CHECK_EQ(L1_EXITS(c), 0);
}

/* Nothing passes without a proof. */
void debugcon_required(void)
{
	begin(VSB_PROXY_REQUIRED);
	L2_RUN(c, 0, OUT(PORT, 1, 'x'), IN(PORT, 1));
	CHECK_EQ(GOT(c, 1), rax_after(1, 0xff));
	usleep(100000);
	EXPECT_NOTHING(p);
	CHECK_EQ(L1_EXITS(c), 0);
}
