/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VGA with Bochs' VBE extensions, as the user VM has programmed it: what outlives a proxy,
 * and what its memory is like to a CPU. The picture is the proxy's business; its registers are
 * those of QEMU's, which gets each access to a port.
 *
 * The chip is that of the IBM VGA (PS/2 Video Subsystem Technical Reference, 1992). Where that
 * leaves room we follow QEMU, whose card it is (docs/specs/standard-vga.txt, hw/display/vga.c).
 * No type of KVM's is in here: a unit test builds it, too.
 */
#ifndef VSB_DEVICES_VGA_H
#define VSB_DEVICES_VGA_H

#include <linux/bits.h>
#include <linux/types.h>

#include "devices/device.h"

/* Ports. */
#define VSB_VGA_VBE_FIRST	0x1ce
#define VSB_VGA_VBE_LAST	0x1d1
#define VSB_VGA_FIRST		0x3b0
#define VSB_VGA_LAST		0x3df

/* Where a PC has the window to its memory. */
#define VSB_VGA_WINDOW		0xa0000
#define VSB_VGA_WINDOW_SIZE	0x20000

#define VSB_VGA_WRITES		940	/* most accesses that replay it */

#define VSB_VGA_SEQ		5
#define VSB_VGA_CRTC		25
#define VSB_VGA_GFX		9
#define VSB_VGA_ATTR		21
#define VSB_VGA_DAC		768
#define VSB_VGA_VBE		10

/**
 * struct vsb_vga - state as written
 * @known:	a new device may be in another
 * @misc:	miscellaneous output
 * @seq:	sequencer, @seq_index; the others likewise
 * @attr_data:	the next write of the attribute controller is data
 * @dac:	three of 6 or 8 bits for each colour; @dac_at: the next one to be written,
 *		@dac_read: reads are at (to replay, of no further interest)
 * @dac_known:	some have been written
 * @dac_wrote:	colours are written now, not read
 * @mask:	of colours
 * @vbe_low:	half of the word that is being written
 * @vbe:	of VBE
 * @bank:	first byte of the memory that the window shows
 * @latch:	what the CPU has read last, a byte of each plane
 */
struct vsb_vga {
	bool known;
	u8 misc;
	u8 seq_index, seq[VSB_VGA_SEQ];
	u8 crtc_index, crtc[VSB_VGA_CRTC];
	u8 gfx_index, gfx[VSB_VGA_GFX];
	u8 attr_index, attr[VSB_VGA_ATTR];
	bool attr_data;
	u8 dac[VSB_VGA_DAC];
	u16 dac_at, dac_read;
	bool dac_known, dac_wrote;
	u8 mask;
	u8 vbe_low;
	u16 vbe_index, vbe[VSB_VGA_VBE];
	u32 bank;
	u32 latch;
};

/* vga.c */
void vsb_vga_reset(struct vsb_vga *vga);
/* Byte @at of an access to @size ports; of a read only that it is made counts. */
void vsb_vga_port(struct vsb_vga *vga, u16 port, u8 at, u8 size, bool in, u8 value);
unsigned int vsb_vga_replay(const struct vsb_vga *vga, struct vsb_reg_write *out);

/**
 * struct vsb_video - the memory of a card, of a proxy
 * @bytes:	it
 * @size:	bytes, a multiple of 4 KiB
 * @dirty:	a bit for each 4 KiB of it that was written to
 */
struct vsb_video {
	u8 *bytes;
	u32 size;
	unsigned long *dirty;
};

/* vga-memory.c: a byte at @at of the window, less than VSB_VGA_WINDOW_SIZE. */
u8 vsb_vga_read(struct vsb_vga *vga, struct vsb_video *video, u32 at);
void vsb_vga_write(struct vsb_vga *vga, struct vsb_video *video, u32 at, u8 value);
/* At @at of the frame buffer. */
u8 vsb_video_read(const struct vsb_video *video, u32 at);
void vsb_video_write(struct vsb_video *video, u32 at, u8 value);

struct vsb_vga *vsb_vga_of(struct vsb_device *dev);

#endif
