// SPDX-License-Identifier: GPL-2.0
/*
 * How a dummy is made to raise its line. The lines of ISA are edges, so each time it has to
 * be lowered first; and as each access costs the guest hypervisor a way through its VMM, with
 * as few as possible. So it stays high until then, unless levels are what interrupts.
 *
 * 16550: in loopback nothing leaves it. "Transmitter empty" is there at once when its
 * interrupt is switched on, and again behind each byte that is sent (PC16550D data sheet,
 * "UART interrupts"): one write of THR lowers the line and raises it. To read IIR lowers it.
 *
 * Keyboard controller: commands 0xd2 and 0xd3 put the next byte where one of the keyboard, of
 * the mouse, would be; to read it lowers the line (IBM PS/2 technical reference). It is
 * zero, and the user VM never sees it.
 */
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/kernel.h>

#include "core/dummy.h"

#define MAX_STEPS	5

/* LCR without DLAB, MCR: loopback, IER off, as otherwise there would be no edge, and THRE on. */
#define UART_FIRST(lcr, mcr, off, on)	{ { lcr, 3 }, { mcr, 0x10 }, { off, 0 }, { on, 2 } }
#define UART_AGAIN(thr)			{ { thr, 0 } }

/*
 * What an administrator has typed is read away. The command byte of a reset: both interrupts,
 * no key is locked out, translated.
 */
#define PS2_FIRST(command) \
	{ { 0x60, 0, true }, { 0x64, 0x60 }, { 0x60, 0x47 }, { 0x64, command }, { 0x60, 0 } }
#define PS2_AGAIN(command) { { 0x60, 0, true }, { 0x64, command }, { 0x60, 0 } }

static const struct vsb_dummy {
	int gsi;
	struct vsb_poke fall;
	u8 nr_first, nr_again;
	struct vsb_poke first[MAX_STEPS], again[MAX_STEPS];
} vsb_dummy_all[] = {
	{ 4, { 0x3fa, 0, true }, 4, 1,
	  UART_FIRST(0x3fb, 0x3fc, 0x3f9, 0x3f9), UART_AGAIN(0x3f8) },
	{ 3, { 0x2fa, 0, true }, 4, 1,
	  UART_FIRST(0x2fb, 0x2fc, 0x2f9, 0x2f9), UART_AGAIN(0x2f8) },
	{ 1, { 0x60, 0, true }, 5, 3, PS2_FIRST(0xd2), PS2_AGAIN(0xd2) },
	{ 12, { 0x60, 0, true }, 5, 3, PS2_FIRST(0xd3), PS2_AGAIN(0xd3) },
};

/* A bit for each line that has one. */
const u32 vsb_dummy_lines = BIT(4) | BIT(3) | BIT(1) | BIT(12);

static const struct vsb_dummy *vsb_dummy_of(int gsi)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vsb_dummy_all) - 1; i++)
		if (vsb_dummy_all[i].gsi == gsi)
			break;
	return &vsb_dummy_all[i];
}

/* Line @gsi, which is one of vsb_dummy_lines, is to be raised. */
void vsb_dummy_begin(struct vsb_dummies *d, int gsi)
{
	d->gsi = gsi;
	d->step = 0;
	d->falls = false;
}

/* A line that is to fall, as @high does not have it, or -1. */
int vsb_dummy_falling(const struct vsb_dummies *d, u32 high)
{
	u32 lines = READ_ONCE(d->levels) & READ_ONCE(d->up) & ~high;

	return lines ? (int)__ffs(lines) : -1;
}

/* It is to do so. */
void vsb_dummy_fall(struct vsb_dummies *d, int gsi)
{
	d->gsi = gsi;
	d->step = 0;
	d->falls = true;
}

/* The next access for that. */
struct vsb_poke vsb_dummy_poke(const struct vsb_dummies *d)
{
	const struct vsb_dummy *dummy = vsb_dummy_of(d->gsi);

	if (d->falls)
		return dummy->fall;
	return d->ready & BIT(d->gsi) ? dummy->again[d->step] : dummy->first[d->step];
}

/* It was made. Return: the line has risen. */
bool vsb_dummy_poked(struct vsb_dummies *d)
{
	const struct vsb_dummy *dummy = vsb_dummy_of(d->gsi);
	u32 bit = BIT(d->gsi);

	if (d->falls) {
		WRITE_ONCE(d->up, d->up & ~bit);
		d->gsi = -1;
		return false;
	}
	if (++d->step < (d->ready & bit ? dummy->nr_again : dummy->nr_first))
		return false;
	d->ready |= bit;
	WRITE_ONCE(d->up, d->up | bit);
	d->gsi = -1;
	return true;
}

/* Nothing is known of the state of these any more. One that is being raised is not. */
void vsb_dummy_forget(struct vsb_dummies *d, u32 lines)
{
	d->ready &= ~lines;
	WRITE_ONCE(d->up, d->up & ~lines);
	if (d->gsi >= 0 && lines & BIT(d->gsi))
		d->gsi = -1;
}
