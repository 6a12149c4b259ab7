// SPDX-License-Identifier: GPL-2.0
/* Which accesses there are, and that devices which nobody here wrote raise their lines by them. */
#include <glib.h>

#include "core/dummy.h"
#include "qemu.h"

static const gint lines[] = { 4, 3, 1, 12 };

/* ---- the accesses ---- */

static void check(struct vsb_dummies *d, const struct vsb_poke *want, guint n)
{
	for (guint i = 0; i < n; i++) {
		struct vsb_poke got = vsb_dummy_poke(d);

		/* Asked again it is the same. */
		for (guint j = 0; j < 2; j++, got = vsb_dummy_poke(d)) {
			g_assert_cmphex(got.port, ==, want[i].port);
			g_assert_cmphex(got.value, ==, want[i].value);
			g_assert_cmpint(got.in, ==, want[i].in);
		}
		g_assert_cmpint(vsb_dummy_poked(d), ==, i == n - 1);
	}
	g_assert_cmpint(d->gsi, ==, -1);
}

static void test_uart(void)
{
	static const struct {
		gint gsi;
		guint16 base;
	} uarts[] = { { 4, 0x3f8 }, { 3, 0x2f8 } };

	for (guint i = 0; i < G_N_ELEMENTS(uarts); i++) {
		guint16 b = uarts[i].base;
		const struct vsb_poke first[] = {
			{ b + 3, 3, false }, { b + 4, 0x10, false }, { b + 1, 0, false },
			{ b + 1, 2, false },
		};
		const struct vsb_poke again[] = { { b, 0, false } };
		struct vsb_dummies d = { .gsi = -1 };

		for (guint round = 0; round < 3; round++) {
			vsb_dummy_begin(&d, uarts[i].gsi);
			check(&d, first, G_N_ELEMENTS(first));
			for (guint j = 0; j < 3; j++) {
				vsb_dummy_begin(&d, uarts[i].gsi);
				check(&d, again, G_N_ELEMENTS(again));
			}
			vsb_dummy_forget(&d, 1u << uarts[i].gsi);
		}
	}
}

static void test_ps2(void)
{
	static const struct {
		gint gsi;
		guint8 command;
	} lines_of[] = { { 1, 0xd2 }, { 12, 0xd3 } };

	for (guint i = 0; i < G_N_ELEMENTS(lines_of); i++) {
		guint8 c = lines_of[i].command;
		const struct vsb_poke first[] = {
			{ 0x60, 0, true }, { 0x64, 0x60, false }, { 0x60, 0x47, false },
			{ 0x64, c, false }, { 0x60, 0, false },
		};
		const struct vsb_poke again[] = {
			{ 0x60, 0, true }, { 0x64, c, false }, { 0x60, 0, false },
		};
		struct vsb_dummies d = { .gsi = -1 };

		vsb_dummy_begin(&d, lines_of[i].gsi);
		check(&d, first, G_N_ELEMENTS(first));
		vsb_dummy_begin(&d, lines_of[i].gsi);
		check(&d, again, G_N_ELEMENTS(again));
	}
}

/* A line that interrupts as long as it is high falls when it is to be low, by one access. */
static void test_levels(void)
{
	static const guint16 port[] = { 0x3fa, 0x2fa, 0x60, 0x60 };

	for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
		guint32 bit = 1u << lines[i];
		struct vsb_dummies d = { .gsi = -1 };
		struct vsb_poke p;

		d.levels = bit;
		g_assert_cmpint(vsb_dummy_falling(&d, 0), ==, -1);
		vsb_dummy_begin(&d, lines[i]);
		while (!vsb_dummy_poked(&d))
			;
		g_assert_cmpint(vsb_dummy_falling(&d, bit), ==, -1);
		g_assert_cmpint(vsb_dummy_falling(&d, ~bit), ==, lines[i]);
		d.levels = 0;
		g_assert_cmpint(vsb_dummy_falling(&d, 0), ==, -1);
		d.levels = bit;
		vsb_dummy_fall(&d, lines[i]);
		p = vsb_dummy_poke(&d);
		g_assert_cmphex(p.port, ==, port[i]);
		g_assert_true(p.in);
		g_assert_false(vsb_dummy_poked(&d));
		g_assert_cmpint(d.gsi, ==, -1);
		g_assert_cmphex(d.ready, ==, bit);
		g_assert_cmpint(vsb_dummy_falling(&d, 0), ==, -1);
		/* Of one whose state is not known nothing is known. */
		vsb_dummy_begin(&d, lines[i]);
		while (!vsb_dummy_poked(&d))
			;
		vsb_dummy_forget(&d, bit);
		g_assert_cmpint(vsb_dummy_falling(&d, 0), ==, -1);
	}
}

/* One is forgotten, alone; one that is being raised is not any more. */
static void test_forget(void)
{
	struct vsb_dummies d = { .gsi = -1 };
	guint32 all = 0;

	for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
		vsb_dummy_begin(&d, lines[i]);
		while (!vsb_dummy_poked(&d))
			;
		all |= 1u << lines[i];
		g_assert_cmphex(d.ready, ==, all);
	}
	g_assert_cmphex(vsb_dummy_lines, ==, all);
	vsb_dummy_begin(&d, 4);
	vsb_dummy_forget(&d, 1u << 3);
	g_assert_cmpint(d.gsi, ==, 4);
	g_assert_cmphex(d.ready, ==, all & ~(1u << 3));
	vsb_dummy_forget(&d, 1u << 4);
	g_assert_cmpint(d.gsi, ==, -1);
	g_assert_cmphex(d.ready, ==, 1u << 1 | 1u << 12);
	vsb_dummy_begin(&d, 1);
	g_assert_false(vsb_dummy_poked(&d));
	vsb_dummy_forget(&d, G_MAXUINT32);
	g_assert_cmpint(d.gsi, ==, -1);
	g_assert_cmphex(d.ready, ==, 0);
	/* And begins from the beginning. */
	vsb_dummy_begin(&d, 1);
	g_assert_cmphex(vsb_dummy_poke(&d).port, ==, 0x60);
	g_assert_true(vsb_dummy_poke(&d).in);
}

/* ---- the devices of a QEMU ---- */

#define MASTER	0x20
#define SLAVE	0xa0

static struct qemu *qemu;

/* 8259A data sheet, "initialization": edges; the others are masked, as the timer's is there, too. */
static void init_pic(guint16 port, guint8 cascade, guint8 mask)
{
	qemu_outb(qemu, port, 0x11);
	qemu_outb(qemu, port + 1, port == MASTER ? 0x20 : 0x28);
	qemu_outb(qemu, port + 1, cascade);
	qemu_outb(qemu, port + 1, 0x01);
	qemu_outb(qemu, port + 1, mask);
}

static void begin(void)
{
	qemu = qemu_start(-1, "-device", "i8042", "-chardev", "null,id=n1", "-chardev",
			  "null,id=n2", "-device", "isa-serial,chardev=n1,index=0",
			  "-device", "isa-serial,chardev=n2,index=1", NULL);
	init_pic(MASTER, 0x04, (guint8)~(1 << 1 | 1 << 2 | 1 << 3 | 1 << 4));
	init_pic(SLAVE, 0x02, (guint8)~(1 << (12 - 8)));
}

/* The poll command acknowledges the edge that there has been, then an end of interrupt. */
static gint acknowledge(guint16 port)
{
	guint8 got;

	qemu_outb(qemu, port, 0x0c);
	got = qemu_inb(qemu, port);
	qemu_outb(qemu, port, 0x20);
	return got & 0x80 ? got & 7 : -1;
}

/* Return: which line has risen since the last time, or -1. */
static gint risen(void)
{
	gint gsi = acknowledge(SLAVE);

	if (gsi >= 0) {
		g_assert_cmpint(acknowledge(MASTER), ==, 2);
		return 8 + gsi;
	}
	return acknowledge(MASTER);
}

static void make(const struct vsb_poke *p)
{
	if (p->in)
		qemu_inb(qemu, p->port);
	else
		qemu_outb(qemu, p->port, p->value);
}

static void raise_line(struct vsb_dummies *d, gint gsi)
{
	vsb_dummy_begin(d, gsi);
	for (;;) {
		struct vsb_poke p = vsb_dummy_poke(d);

		make(&p);
		if (vsb_dummy_poked(d))
			break;
		/* Not before its time: who answers early looks in vain. */
		g_assert_cmpint(risen(), ==, -1);
	}
	g_assert_cmpint(risen(), ==, gsi);
	g_assert_cmpint(risen(), ==, -1);
}

/* Each of them as often as it is wanted, and no other line with it. */
static void test_qemu(void)
{
	struct vsb_dummies d = { .gsi = -1 };

	begin();
	for (guint round = 0; round < 5; round++)
		for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
			for (guint n = 0; n <= round; n++)
				raise_line(&d, lines[i]);
	qemu_stop(qemu);
}

/* Whatever state a dummy is in: that of a reset, as we leave it, as a driver leaves it. */
static void test_qemu_states(void)
{
	begin();
	for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
		struct vsb_dummies d = { .gsi = -1 };

		for (guint round = 0; round < 3; round++) {
			raise_line(&d, lines[i]);
			raise_line(&d, lines[i]);
			vsb_dummy_forget(&d, G_MAXUINT32);
		}
	}
	for (guint i = 0; i < 2; i++) {
		guint16 base = i ? 0x2f8 : 0x3f8;
		struct vsb_dummies d = { .gsi = -1 };

		/* FIFOs, DLAB, all interrupts, a byte that was sent. */
		qemu_outb(qemu, base + 2, 0x07);
		qemu_outb(qemu, base + 1, 0x0f);
		qemu_outb(qemu, base + 4, 0x0b);
		qemu_outb(qemu, base, 'x');
		qemu_outb(qemu, base + 3, 0x83);
		while (risen() >= 0)
			;
		raise_line(&d, i ? 3 : 4);
		raise_line(&d, i ? 3 : 4);
	}
	qemu_stop(qemu);
}

/* Edge/level control (ELCR): these two. A PC has the others as edges. */
#define ELCR	0x4d0

/* COM ports whose lines are levels: there is an interrupt until it falls. */
static void test_qemu_levels(void)
{
	begin();
	qemu_outb(qemu, ELCR, 1 << 4 | 1 << 3);
	for (guint i = 0; i < 2; i++) {
		struct vsb_dummies d = { .gsi = -1, .levels = 1u << lines[i] };

		for (guint round = 0; round < 3; round++) {
			vsb_dummy_begin(&d, lines[i]);
			do {
				struct vsb_poke p = vsb_dummy_poke(&d);

				make(&p);
			} while (!vsb_dummy_poked(&d));
			for (guint n = 0; n < 3; n++)
				g_assert_cmpint(risen(), ==, lines[i]);
			g_assert_cmpint(vsb_dummy_falling(&d, 0), ==, lines[i]);
			vsb_dummy_fall(&d, lines[i]);
			make(&(struct vsb_poke){ .port = vsb_dummy_poke(&d).port, .in = true });
			g_assert_false(vsb_dummy_poked(&d));
			g_assert_cmpint(risen(), ==, -1);
		}
	}
	qemu_stop(qemu);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/dummy/uart", test_uart);
	g_test_add_func("/dummy/ps2", test_ps2);
	g_test_add_func("/dummy/levels", test_levels);
	g_test_add_func("/dummy/forget", test_forget);
	g_test_add_func("/dummy/qemu", test_qemu);
	g_test_add_func("/dummy/qemu/states", test_qemu_states);
	g_test_add_func("/dummy/qemu/levels", test_qemu_levels);
	return g_test_run();
}
