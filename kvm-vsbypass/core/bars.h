/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a user VM has its graphics card: its accesses to the configuration of PCI, by ports
 * (PCI Local Bus Specification 3.0, 3.2.2.3.2). They are the guest hypervisor's, and are looked
 * at as they go by: what the user VM writes, and what it is told. That is what it believes, and
 * where it will write to, whether it is true or not.
 */
#ifndef VSB_CORE_BARS_H
#define VSB_CORE_BARS_H

#include <linux/atomic.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define VSB_PCI_ADDRESS	0xcf8
#define VSB_PCI_DATA	0xcfc
#define VSB_PCI_LAST	0xcff

struct vsb_l2;
struct vsb_pio;

/* Base address registers of QEMU's "std" card: frame buffer, registers. */
enum { VSB_BAR_FRAME, VSB_BAR_REGS, VSB_NR_BARS };

/**
 * struct vsb_bar - a range of addresses
 * @at:		the first one, 0: nowhere
 * @size:	bytes, a power of two, not less than a page
 * @value:	what is in the register
 * @sizing:	the user VM asks for its size
 */
struct vsb_bar {
	u32 at;
	u32 size;
	u32 value;
	bool sizing;
};

/**
 * struct vsb_bars - of a user VM
 * @lock:	guards what follows; innermost
 * @address:	as written to VSB_PCI_ADDRESS last
 * @reads:	this vCPU reads what is there now, and has not been told; 0: none
 * @card:	address of the card's first register, 0: not found yet
 * @host:	ID of the host bridge, 0: not seen
 * @open:	the window of a VGA is the memory of system management mode (SMRAM) for
 *		everybody: the host bridge was told so. Read without @lock
 * @smm:	this vCPU is in system management mode, where the window is that, too; 0: none.
 *		No lock
 * @moved:	since vsb_bars_move(). Read without @lock
 * @bar:	VSB_BAR_*. Both numbers are read without @lock
 */
struct vsb_bars {
	spinlock_t lock;	/* innermost */
	u32 address;
	unsigned long reads;
	u32 card;
	u32 host;
	bool open;
	unsigned long smm;
	bool moved;
	struct vsb_bar bar[VSB_NR_BARS];
};

void vsb_bars_init(struct vsb_bars *bars);
/* It is reset, or forgotten. */
void vsb_bars_reset(struct vsb_bars *bars);

/* Callback context: a nested exit for one of these ports; @value: what is written. */
void vsb_bars_access(struct vsb_bars *bars, unsigned long anchor, const struct vsb_pio *pio,
		     u32 value);
/* The guest hypervisor enters that vCPU again: what it was told is in its RAX. Any context. */
void vsb_bars_told(struct vsb_bars *bars, unsigned long anchor, u32 value);

/*
 * The window of a VGA: what is there for this vCPU, which executes at @linear with paging off (or
 * @linear is U64_MAX)? Its memory, or that of system management mode. Callback context.
 */
bool vsb_bars_smram(struct vsb_bars *bars, unsigned long anchor, u64 linear);
/* It leaves that mode. Return: was it there? The same. */
bool vsb_bars_leave(struct vsb_bars *bars, unsigned long anchor);

/* Is it elsewhere since the last call? Any context. */
bool vsb_bars_move(struct vsb_bars *bars);

/* Is @gpa in it? Any context. */
static inline bool vsb_bar_has(const struct vsb_bar *bar, u64 gpa)
{
	u32 at = READ_ONCE(bar->at);

	return at && gpa - at < READ_ONCE(bar->size);
}

extern atomic_t vsb_bars_reading;	/* user VMs that read now, on the whole host */

static inline bool vsb_bars_any_reads(void)
{
	return atomic_read(&vsb_bars_reading);
}

#endif
