// SPDX-License-Identifier: GPL-2.0
/* Where a user VM has its graphics card; see core/bars.h. */
#include <linux/bits.h>
#include <linux/mm.h>

#include "core/bars.h"
#include "core/pio.h"
#include "devices/vga.h"

#define ADDRESS_ON	BIT(31)
#define ADDRESS_FN	GENMASK(30, 8)	/* bus, device, function */
#define ADDRESS_REG	GENMASK(7, 2)

#define REG_ID		0x00
#define ID_CARD		0x11111234	/* QEMU's "std" (docs/specs/standard-vga.txt) */
#define ID_440FX	0x12378086
#define ID_Q35		0x29c08086
#define SMRAM_OPEN	BIT(6)
#define SMRAM_LOCK	BIT(4)
#define BAR_FLAGS	GENMASK(3, 0)
/* What it is as QEMU has it, if nobody has asked. */
#define CARD_SIZE	(16u << 20)
#define CARD_MOST	(256u << 20)

static const u8 bar_regs[VSB_NR_BARS] = { 0x10, 0x18 };

atomic_t vsb_bars_reading = ATOMIC_INIT(0);

static void bars_clear(struct vsb_bars *bars)
{
	int i;

	bars->address = 0;
	bars->card = 0;
	bars->host = 0;
	WRITE_ONCE(bars->open, false);
	WRITE_ONCE(bars->smm, 0);
	bars->moved = true;
	for (i = 0; i < VSB_NR_BARS; i++) {
		WRITE_ONCE(bars->bar[i].at, 0);
		WRITE_ONCE(bars->bar[i].size, i == VSB_BAR_FRAME ? CARD_SIZE : PAGE_SIZE);
		bars->bar[i].value = 0;
		bars->bar[i].sizing = false;
	}
}

/* Under @bars->lock. */
static void bars_reads(struct vsb_bars *bars, unsigned long anchor)
{
	if (!bars->reads != !anchor)
		atomic_add(anchor ? 1 : -1, &vsb_bars_reading);
	bars->reads = anchor;
}

void vsb_bars_init(struct vsb_bars *bars)
{
	spin_lock_init(&bars->lock);
	bars->reads = 0;
	bars_clear(bars);
}

void vsb_bars_reset(struct vsb_bars *bars)
{
	spin_lock(&bars->lock);
	bars_reads(bars, 0);
	bars_clear(bars);
	spin_unlock(&bars->lock);
}

/*
 * Code runs in the window in that mode alone: it begins at 0x8000 behind SMBASE, which is the
 * window's begin (SDM vol. 3, 32.4.1). What follows may be elsewhere.
 */
bool vsb_bars_smram(struct vsb_bars *bars, unsigned long anchor, u64 linear)
{
	if (READ_ONCE(bars->open))
		return true;
	if (linear - VSB_VGA_WINDOW < VSB_VGA_WINDOW_SIZE)
		WRITE_ONCE(bars->smm, anchor);
	return READ_ONCE(bars->smm) == anchor && linear != U64_MAX;
}

bool vsb_bars_leave(struct vsb_bars *bars, unsigned long anchor)
{
	if (!anchor || READ_ONCE(bars->smm) != anchor)
		return false;
	WRITE_ONCE(bars->smm, 0);
	WRITE_ONCE(bars->moved, true);
	return true;
}

bool vsb_bars_move(struct vsb_bars *bars)
{
	bool moved;

	spin_lock(&bars->lock);
	moved = bars->moved;
	WRITE_ONCE(bars->moved, false);
	spin_unlock(&bars->lock);
	return moved;
}

/* Which of the card's the user VM has chosen, or NULL. Under @bars->lock. */
static struct vsb_bar *bars_chosen(struct vsb_bars *bars)
{
	int i;

	if (!(bars->address & ADDRESS_ON) || (bars->address & ADDRESS_FN) != bars->card)
		return NULL;
	for (i = 0; i < VSB_NR_BARS; i++)
		if ((bars->address & ADDRESS_REG) == bar_regs[i])
			return &bars->bar[i];
	return NULL;
}

/* Under @bars->lock. */
static void bar_is_at(struct vsb_bars *bars, struct vsb_bar *bar, u32 value)
{
	u32 at = value & PAGE_MASK;

	bar->value = value;
	/* No card is at 0: that one has no address. */
	if (at == bar->at)
		return;
	WRITE_ONCE(bar->at, at);
	WRITE_ONCE(bars->moved, true);
}

static void bar_has_size(struct vsb_bar *bar, u32 mask)
{
	u32 size = -(mask & ~BAR_FLAGS);

	if (size >= PAGE_SIZE && size <= CARD_MOST && !(size & (size - 1)))
		WRITE_ONCE(bar->size, size);
}

/* What the access writes to byte @n of the data port, or -1: nothing. It may begin below that. */
static int bars_byte(const struct vsb_pio *pio, u32 value, u32 n)
{
	u32 i = VSB_PCI_DATA + n - pio->port;

	return i < pio->size ? (int)(value >> 8 * i & U8_MAX) : -1;
}

/* Where a host bridge has its register SMRAM: Intel 440FX (PMC), 3.2.20; Q35, 5.1.24. */
static u32 bars_smram_at(const struct vsb_bars *bars)
{
	return bars->host == ID_440FX ? 0x72 : bars->host == ID_Q35 ? 0x9d : 0;
}

/* Under @bars->lock. */
static void bars_smram(struct vsb_bars *bars, u8 value)
{
	bool open = value & SMRAM_OPEN && !(value & SMRAM_LOCK);

	if (open == bars->open)
		return;
	/* What was mapped there while it was open is not the card's. */
	WRITE_ONCE(bars->open, open);
	WRITE_ONCE(bars->moved, true);
}

/* A register may be written by halves, or bytes. Under @bars->lock. */
static void bar_write(struct vsb_bars *bars, struct vsb_bar *bar, const struct vsb_pio *pio,
		      u32 value)
{
	u32 is = bar->value, n;
	bool any = false;

	for (n = 0; n < sizeof(is); n++) {
		int byte = bars_byte(pio, value, n);

		if (byte < 0)
			continue;
		is = (is & ~((u32)U8_MAX << 8 * n)) | (u32)byte << 8 * n;
		any = true;
	}
	if (!any)
		return;
	bar->sizing = (is | BAR_FLAGS) == U32_MAX;
	if (bar->sizing)
		bar->value = is & -bar->size;
	else
		bar_is_at(bars, bar, is);
}

/* Under @bars->lock. */
static void bars_write(struct vsb_bars *bars, const struct vsb_pio *pio, u32 value)
{
	struct vsb_bar *bar = bars_chosen(bars);
	u32 smram = bars_smram_at(bars);
	int byte;

	if (bar) {
		bar_write(bars, bar, pio, value);
		return;
	}
	if (!smram || !(bars->address & ADDRESS_ON) || bars->address & ADDRESS_FN ||
	    (bars->address & ADDRESS_REG) != ALIGN_DOWN(smram, sizeof(value)))
		return;
	byte = bars_byte(pio, value, smram % sizeof(value));
	if (byte >= 0)
		bars_smram(bars, byte);
}

void vsb_bars_access(struct vsb_bars *bars, unsigned long anchor, const struct vsb_pio *pio,
		     u32 value)
{
	spin_lock(&bars->lock);
	bars_reads(bars, 0);
	if (pio->port == VSB_PCI_ADDRESS && pio->size == sizeof(value)) {
		if (!pio->in)
			bars->address = value;
	} else if (!pio->in) {
		bars_write(bars, pio, value);
	} else if (pio->port == VSB_PCI_DATA && pio->size == sizeof(value) &&
		   bars->address & ADDRESS_ON &&
		   (!(bars->address & ADDRESS_REG) || bars_chosen(bars))) {
		bars_reads(bars, anchor);
	}
	spin_unlock(&bars->lock);
}

void vsb_bars_told(struct vsb_bars *bars, unsigned long anchor, u32 value)
{
	struct vsb_bar *bar;

	spin_lock(&bars->lock);
	if (!bars->reads || bars->reads != anchor)
		goto unlock;
	bars_reads(bars, 0);
	bar = bars_chosen(bars);
	if ((bars->address & ADDRESS_REG) == REG_ID) {
		if (value == ID_CARD)
			bars->card = bars->address & ADDRESS_FN;
		else if (!(bars->address & ADDRESS_FN))
			bars->host = value;
	} else if (bar && bar->sizing) {
		bar_has_size(bar, value);
	} else if (bar) {
		bar_is_at(bars, bar, value);
	}
unlock:
	spin_unlock(&bars->lock);
}
