// SPDX-License-Identifier: GPL-2.0
/*
 * Random accesses to the configuration of a card, as a card has it, and where the module believes
 * it to be; the window while it is SMRAM.
 */
#include <glib.h>

#include "core/bars.h"
#include "core/pio.h"
#include "devices/vga.h"

#define VCPU	0x1000
#define CARD	0x80001000u	/* device 2 */
#define HOST	0x80000000u
#define ROUNDS	200000

/* What has the registers: a function of PCI with two base addresses. */
struct device {
	struct vsb_bars bars;
	guint32 address;
	guint32 reg[VSB_NR_BARS];
	guint32 size[VSB_NR_BARS];
};

static guint any(guint end)
{
	return g_random_int_range(0, end);
}

static int chosen(const struct device *d)
{
	if ((d->address & 0xffffff00) != CARD)
		return -1;
	return (d->address & 0xfc) == 0x10 ? VSB_BAR_FRAME : (d->address & 0xfc) == 0x18 ? VSB_BAR_REGS : -1;
}

static void out(struct device *d, guint16 port, guint8 size, guint32 value)
{
	const struct vsb_pio pio = { .port = port, .size = size };
	int bar = chosen(d);

	vsb_bars_access(&d->bars, VCPU, &pio, value);
	if (port == VSB_PCI_ADDRESS && size == 4) {
		d->address = value;
		return;
	}
	for (guint i = 0; i < size && bar >= 0; i++) {
		guint byte = port + i - VSB_PCI_DATA;

		if (byte < 4)
			d->reg[bar] = (d->reg[bar] & ~(0xffu << 8 * byte)) | (value >> 8 * i & 0xff) << 8 * byte;
	}
	if (bar >= 0)
		d->reg[bar] &= -d->size[bar];
}

static void in(struct device *d, guint16 port, guint8 size)
{
	const struct vsb_pio pio = { .port = port, .size = size, .in = true };
	guint32 value = 0xffffffff;
	int bar = chosen(d);

	if (bar >= 0)
		value = d->reg[bar] | (bar == VSB_BAR_FRAME ? 8 : 0);
	else if ((d->address & 0xfffffffc) == CARD)
		value = 0x11111234;
	else if ((d->address & 0xfffffffc) == HOST)
		value = 0x12378086;
	vsb_bars_access(&d->bars, VCPU, &pio, 0);
	vsb_bars_told(&d->bars, VCPU, port < VSB_PCI_DATA ? d->address : value >> 8 * (port - VSB_PCI_DATA));
}

static void choose(struct device *d, guint32 address)
{
	out(d, VSB_PCI_ADDRESS, 4, address);
}

static void begin(struct device *d)
{
	*d = (struct device){ .size = { 1 << (22 + any(4)), 1 << 12 } };
	vsb_bars_init(&d->bars);
	choose(d, HOST);
	in(d, VSB_PCI_DATA, 4);
	choose(d, CARD);
	in(d, VSB_PCI_DATA, 4);
	for (int i = 0; i < VSB_NR_BARS; i++) {
		choose(d, CARD | (i ? 0x18 : 0x10));
		out(d, VSB_PCI_DATA, 4, 0xffffffff);
		in(d, VSB_PCI_DATA, 4);
		out(d, VSB_PCI_DATA, 4, 0xe0000000 + 0x8000000 * i);
		g_assert_cmpuint(d->bars.bar[i].size, ==, d->size[i]);
	}
}

static void check(const struct device *d)
{
	for (int i = 0; i < VSB_NR_BARS; i++)
		/* all ones: it is nowhere */
		if (d->reg[i] != -d->size[i] && d->bars.bar[i].at != d->reg[i])
			g_error("register %d has 0x%x, we 0x%x", i, d->reg[i], d->bars.bar[i].at);
}

/* In any width, at any port of the two. */
static void some_access(struct device *d)
{
	static const guint8 sizes[] = { 1, 2, 4, 4 };
	static const guint32 functions[] = { CARD, CARD, CARD, CARD, HOST, CARD + 0x800, CARD & ~(1u << 31) };
	guint16 port = any(3) ? VSB_PCI_DATA : VSB_PCI_ADDRESS + any(8);
	guint8 size = sizes[any(4)];
	int bar = chosen(d);

	switch (any(6)) {
	case 0:
	case 1:
		choose(d, functions[any(G_N_ELEMENTS(functions))] | (any(3) ? 0x10 + 8 * any(2) : 4 * any(64)));
		break;
	case 2:
		in(d, VSB_PCI_DATA, 4);
		break;
	case 3:
		in(d, port, size);
		break;
	case 4:
		/* A whole one, or how large it is */
		out(d, VSB_PCI_DATA, 4, any(4) && bar >= 0 ? g_random_int() & -d->size[bar] : 0xffffffff);
		break;
	default:
		/* Parts: of those that a card has not got, it has 0. */
		if (bar < 0 || (port == VSB_PCI_ADDRESS && size == 4))
			break;
		out(d, port, size, any(8) ? g_random_int() & 0xff000000 >> 8 * any(4) : 0xffffffff);
		/* and so all of it is known */
		in(d, VSB_PCI_DATA, 4);
		break;
	}
}

static void test_random(void)
{
	struct device d;

	begin(&d);
	check(&d);
	for (guint i = 0; i < ROUNDS; i++) {
		some_access(&d);
		check(&d);
	}
}

/* An address that is written by parts, with nothing read in between. */
static void test_parts(void)
{
	struct device d;

	begin(&d);
	choose(&d, CARD | 0x10);
	out(&d, VSB_PCI_DATA + 2, 2, 0x3800);
	check(&d);
	g_assert_cmphex(d.bars.bar[VSB_BAR_FRAME].at, ==, 0x38000000);
	out(&d, VSB_PCI_DATA + 3, 1, 0x44);
	check(&d);
	/* its lower bits are 0 behind a question for its size */
	out(&d, VSB_PCI_DATA, 4, 0xffffffff);
	out(&d, VSB_PCI_DATA + 2, 2, 0x5000);
	check(&d);
	g_assert_cmphex(d.bars.bar[VSB_BAR_FRAME].at, ==, 0x50000000);
	/* from the address port into the data port */
	out(&d, VSB_PCI_ADDRESS + 3, 4, 0);
	check(&d);
	out(&d, VSB_PCI_DATA + 3, 4, 0x60);
	check(&d);
	g_assert_cmphex(d.bars.bar[VSB_BAR_FRAME].at, ==, 0x60000000);
	/* of another function, and of none */
	choose(&d, (CARD + 0x800) | 0x10);
	out(&d, VSB_PCI_DATA, 4, 0x10000000);
	choose(&d, (CARD & ~(1u << 31)) | 0x10);
	out(&d, VSB_PCI_DATA, 4, 0x10000000);
	check(&d);
}

/* SMRAM (440FX, register 0x72): opened and closed by any access that has the byte. */
static void test_smram(void)
{
	static const struct {
		guint16 port;
		guint8 size;
		guint32 value;
		bool open;
	} writes[] = {
		{ VSB_PCI_DATA + 2, 1, 0x4a, true }, { VSB_PCI_DATA + 2, 1, 0x0a, false },
		{ VSB_PCI_DATA + 2, 2, 0x004a, true }, { VSB_PCI_DATA, 4, 0x000a0000, false },
		{ VSB_PCI_DATA, 4, 0x004a0000, true }, { VSB_PCI_DATA, 2, 0, true },
		{ VSB_PCI_DATA + 3, 1, 0, true }, { VSB_PCI_DATA + 1, 2, 0x1a00, false },
		{ VSB_PCI_DATA + 2, 1, 0x5a, false },
	};
	struct device d;

	begin(&d);
	choose(&d, HOST | 0x70);
	for (guint i = 0; i < G_N_ELEMENTS(writes); i++) {
		out(&d, writes[i].port, writes[i].size, writes[i].value);
		g_assert_cmpint(vsb_bars_smram(&d.bars, VCPU, G_MAXUINT64), ==, writes[i].open);
	}
	/* a register that is not it */
	choose(&d, HOST | 0x74);
	out(&d, VSB_PCI_DATA - 2, 1, 0x4a);
	out(&d, VSB_PCI_DATA + 2, 1, 0x4a);
	g_assert_false(vsb_bars_smram(&d.bars, VCPU, G_MAXUINT64));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bars/parts", test_parts);
	g_test_add_func("/bars/smram", test_smram);
	g_test_add_func("/bars/random", test_random);
	return g_test_run();
}
