// SPDX-License-Identifier: GPL-2.0
/* A graphics card: what a successor gets. */
#include <string.h>
#include <unistd.h>

#include "card.h"
#include "cases.h"
#include "proxy.h"
#include "tap.h"

#define SEQ_INDEX	0x3c4
#define SEQ_DATA	0x3c5
#define MAP_MASK	2
#define WRITTEN		0x05

#define PICTURE		0xa5
#define BYTES		((size_t)VRAM_MIB << 20)

static struct cloud *c;
static struct proxy *p;

/* A proxy with a card, and with so many ports at PLAIN. */
static struct proxy *card_with(unsigned int plain)
{
	struct proxy *new = proxy_new_card("vm1");

	if (plain)
		new->args.ranges[new->args.nr_ranges++] =
			(struct vsb_range){ PLAIN, PLAIN + plain - 1, VSB_DEV_PLAIN, 0 };
	proxy_attach(new, c);
	proxy_run(new);
	return new;
}

static struct proxy *no_card(void)
{
	struct proxy *new = proxy_new("vm1");

	proxy_attach(new, c);
	proxy_run(new);
	return new;
}

static void gone(void)
{
	proxy_kill(p);
	close(p->vm_fd);
	proxy_close(p);
}

/* The user VM has programmed its card, and there is a picture. Its proxy is gone. */
static void begin_drawn(void)
{
	c = cloud_new();
	cloud_attach(c, 0, VSB_UNCLAIMED_ABSORB);
	p = card_with(8);
	cloud_start(c);
	L2_BOOT(c, 0, IN(PLAIN, 1));
	L2_RUN(c, 0, OUT(SEQ_INDEX, 1, MAP_MASK), OUT(SEQ_DATA, 1, WRITTEN));
	memset(p->vram, PICTURE, BYTES);
	gone();
}

/* So often a proxy is told what the user VM has written. */
static unsigned int told(const struct proxy *of)
{
	const struct access *a = of->shm->log;
	unsigned int n = 0;

	CHECK(of->shm->nr <= LOG_MAX);
	for (uint32_t i = 0; i + 1 < of->shm->nr; i++)
		n += !a[i].in && a[i].port == SEQ_INDEX && a[i].value == MAP_MASK &&
		     !a[i + 1].in && a[i + 1].port == SEQ_DATA && a[i + 1].value == WRITTEN;
	return n;
}

static size_t drawn(const struct proxy *of)
{
	size_t n = 0;

	for (size_t i = 0; i < BYTES; i++)
		n += of->vram[i] == PICTURE;
	return n;
}

/* The next proxy has registers and picture of the last one. */
void card_successor_replay(void)
{
	begin_drawn();
	p = card_with(8);
	L2_RUN(c, 0, IN(PLAIN, 1));
	CHECK_EQ(told(p), 1);
	CHECK_EQ(drawn(p), BYTES);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* So has one that has other ports beside the card. */
void card_ports_changed(void)
{
	begin_drawn();
	p = card_with(4);
	L2_RUN(c, 0, IN(PLAIN, 1));
	CHECK_EQ(told(p), 1);
	CHECK_EQ(drawn(p), BYTES);
	gone();
	p = card_with(0);
	L2_RUN(c, 0, IN(SEQ_DATA, 1));
	CHECK_EQ(told(p), 1);
	CHECK_EQ(drawn(p), BYTES);
	CHECK_EQ(L1_EXITS(c), 0);
}

/* One that comes behind one without a card has a new one. */
void card_taken_away(void)
{
	begin_drawn();
	p = no_card();
	L2_RUN(c, 0, IN(PLAIN, 1));
	gone();
	p = card_with(8);
	L2_RUN(c, 0, IN(PLAIN, 1));
	CHECK_EQ(told(p), 0);
	CHECK_EQ(drawn(p), 0);
	CHECK_EQ(L1_EXITS(c), 0);
}
