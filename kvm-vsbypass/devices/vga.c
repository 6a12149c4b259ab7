// SPDX-License-Identifier: GPL-2.0
/*
 * The registers of a VGA: the proxy's QEMU answers each access, what is written is remembered,
 * as the memory behind the window (vga-memory.c) looks by it and a new proxy has to be brought
 * there. See devices/vga.h.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "devices/vga.h"
#include "include/uapi/linux/kvm_vsbypass.h"

#define ATTR		0x3c0	/* index and data in turns */
#define MISC_WRITE	0x3c2
#define   MISC_COLOR	BIT(0)	/* the CRTC is at 0x3d4, not at 0x3b4 */
#define SEQ_INDEX	0x3c4
#define SEQ_DATA	0x3c5
#define DAC_MASK	0x3c6
#define DAC_READ	0x3c7
#define DAC_WRITE	0x3c8
#define DAC_DATA	0x3c9
#define GFX_INDEX	0x3ce
#define GFX_DATA	0x3cf
#define CRTC_INDEX	0x3d4
#define CRTC_DATA	0x3d5
#define STATUS		0x3da	/* reading it: the next of ATTR is an index */
#define MONO		0x20	/* less than those of colour */
#define VBE_INDEX	0x1ce
#define VBE_DATA	0x1cf	/* a word; or at 0x1d0 */

#define ATTR_INDEX	GENMASK(4, 0)
#define ATTR_ON		BIT(5)	/* of the index: the picture is on */
#define CRTC_END	0x11
#define   CRTC_LOCK	BIT(7)	/* of the registers before 8 */
#define CRTC_OVERFLOW	7
#define   CRTC_COMPARE	BIT(4)	/* which is not locked */
#define GFX_MISC	6

#define VBE_XRES	1
#define VBE_BPP		3
#define VBE_ENABLE	4
#define   VBE_ENABLED	BIT(0)
#define   VBE_NO_CLEAR	BIT(7)
#define VBE_BANK	5
#define VBE_VIRT_WIDTH	6
#define VBE_X_OFFSET	8
#define VBE_Y_OFFSET	9

struct vsb_card {
	struct vsb_device dev;
	struct vsb_vga vga;
};

struct vsb_vga *vsb_vga_of(struct vsb_device *dev)
{
	return &container_of(dev, struct vsb_card, dev)->vga;
}

/* The machine is reset. */
void vsb_vga_reset(struct vsb_vga *vga)
{
	memset(vga, 0, sizeof(*vga));
	vga->known = true;
	vga->dac_wrote = true;
}

/* With VBE on these bits of the graphics controller are what that needs. */
static void vga_vbe_rules(struct vsb_vga *vga)
{
	if (vga->vbe[VBE_ENABLE] & VBE_ENABLED)
		vga->gfx[GFX_MISC] = (vga->gfx[GFX_MISC] & ~0xc) | 0x5;
}

static void attr_write(struct vsb_vga *vga, u8 value)
{
	u8 i = vga->attr_index & ATTR_INDEX;

	if (!vga->attr_data)
		vga->attr_index = value & (ATTR_INDEX | ATTR_ON);
	else if (i < VSB_VGA_ATTR)
		vga->attr[i] = value;
	vga->attr_data = !vga->attr_data;
}

static void crtc_write(struct vsb_vga *vga, u8 value)
{
	u8 i = vga->crtc_index;

	if (i >= VSB_VGA_CRTC)
		return;
	if (i > CRTC_OVERFLOW || !(vga->crtc[CRTC_END] & CRTC_LOCK))
		vga->crtc[i] = value;
	else if (i == CRTC_OVERFLOW)
		vga->crtc[i] = (vga->crtc[i] & ~CRTC_COMPARE) | (value & CRTC_COMPARE);
}

static void dac_write(struct vsb_vga *vga, u8 value)
{
	vga->dac_known = true;
	vga->dac[vga->dac_at] = value;
	vga->dac_at = (vga->dac_at + 1) % VSB_VGA_DAC;
}

static void vga_out(struct vsb_vga *vga, u16 port, u8 value)
{
	switch (port) {
	case ATTR:
		attr_write(vga, value);
		break;
	case MISC_WRITE:
		vga->misc = value;
		break;
	case SEQ_INDEX:
		vga->seq_index = value & 7;
		break;
	case SEQ_DATA:
		if (vga->seq_index < VSB_VGA_SEQ)
			vga->seq[vga->seq_index] = value;
		break;
	case DAC_MASK:
		vga->mask = value;
		break;
	case DAC_READ:
		vga->dac_read = value * 3;
		vga->dac_wrote = false;
		break;
	case DAC_WRITE:
		vga->dac_at = value * 3;
		vga->dac_wrote = true;
		break;
	case DAC_DATA:
		dac_write(vga, value);
		break;
	case GFX_INDEX:
		vga->gfx_index = value & 0xf;
		break;
	case GFX_DATA:
		if (vga->gfx_index < VSB_VGA_GFX)
			vga->gfx[vga->gfx_index] = value;
		vga_vbe_rules(vga);
		break;
	case CRTC_INDEX:
		vga->crtc_index = value;
		break;
	case CRTC_DATA:
		crtc_write(vga, value);
		break;
	}
}

static void vga_in(struct vsb_vga *vga, u16 port)
{
	if (port == STATUS)
		vga->attr_data = false;
	else if (port == DAC_DATA && !vga->dac_wrote)
		vga->dac_read = (vga->dac_read + 1) % VSB_VGA_DAC;
}

/* A whole word is written to one of the two registers. */
static void vbe_out(struct vsb_vga *vga, u16 port, u16 value)
{
	u16 i = vga->vbe_index, was;

	if (port == VBE_INDEX) {
		vga->vbe_index = value;
		return;
	}
	if (i >= VSB_VGA_VBE)
		return;
	was = vga->vbe[i];
	vga->vbe[i] = value;
	if (i == VBE_BANK)
		vga->bank = value << 16;
	else if (i == VBE_ENABLE && (was & VBE_ENABLED || !(value & VBE_ENABLED)))
		vga->bank = 0;
	else if (i == VBE_ENABLE)
		memset(&vga->vbe[VBE_VIRT_WIDTH], 0,
		       sizeof(vga->vbe[0]) * (VSB_VGA_VBE - VBE_VIRT_WIDTH));
	vga_vbe_rules(vga);
}

/* Is it that of a VGA with, or without colours, which it is not now? */
static bool vga_elsewhere(const struct vsb_vga *vga, u16 port)
{
	bool color = vga->misc & MISC_COLOR;

	return (port >= 0x3b0 && port <= 0x3bf && color) || (port >= 0x3d0 && !color);
}

void vsb_vga_port(struct vsb_vga *vga, u16 port, u8 at, u8 size, bool in, u8 value)
{
	vga->known = true;
	if (port <= VSB_VGA_VBE_LAST) {
		/* Words; one of four bytes is two of them. */
		if (in || size == 1)
			return;
		if (at & 1)
			vbe_out(vga, port - 1, value << 8 | vga->vbe_low);
		else
			vga->vbe_low = value;
		return;
	}
	if (vga_elsewhere(vga, port))
		return;
	if (port < 0x3c0)
		port += MONO;
	if (in)
		vga_in(vga, port);
	else
		vga_out(vga, port, value);
}

/* ---- replay ---- */

static struct vsb_reg_write *put(struct vsb_reg_write *w, u16 port, u16 value)
{
	*w++ = (struct vsb_reg_write){ .port = port, .value = value, .size = 1 };
	return w;
}

static struct vsb_reg_write *put_at(struct vsb_reg_write *w, u16 port, u8 index, u8 value)
{
	return put(put(w, port, index), port + 1, value);
}

static struct vsb_reg_write *put_vbe(struct vsb_reg_write *w, u16 index, u16 value)
{
	*w++ = (struct vsb_reg_write){ .port = VBE_INDEX, .value = index, .size = 2 };
	*w++ = (struct vsb_reg_write){ .port = VBE_DATA, .value = value, .size = 2 };
	return w;
}

static struct vsb_reg_write *replay_vbe(const struct vsb_vga *vga, struct vsb_reg_write *w)
{
	u16 on = vga->vbe[VBE_ENABLE];
	int i;

	for (i = VBE_XRES; i <= VBE_BPP; i++)
		w = put_vbe(w, i, vga->vbe[i]);
	/* Switching it off, and on again, has the window at the beginning. */
	w = put_vbe(w, VBE_BANK, vga->vbe[VBE_BANK]);
	/* What is in memory stays; and what was written last is what is read. */
	if (on & VBE_ENABLED)
		w = put_vbe(w, VBE_ENABLE, on | VBE_NO_CLEAR);
	w = put_vbe(w, VBE_ENABLE, on);
	for (i = VBE_VIRT_WIDTH; i <= VBE_Y_OFFSET; i++)
		if (i != VBE_VIRT_WIDTH + 1 && on & VBE_ENABLED)
			w = put_vbe(w, i, vga->vbe[i]);
	if (vga->bank)
		w = put_vbe(w, VBE_BANK, vga->bank >> 16);
	*w++ = (struct vsb_reg_write){ .port = VBE_INDEX, .value = vga->vbe_index, .size = 2 };
	return w;
}

static struct vsb_reg_write *replay_dac(const struct vsb_vga *vga, struct vsb_reg_write *w)
{
	int i;

	w = put(w, DAC_MASK, vga->mask);
	w = put(w, DAC_WRITE, 0);
	for (i = 0; vga->dac_known && i < VSB_VGA_DAC; i++)
		w = put(w, DAC_DATA, vga->dac[i]);
	if (vga->dac_wrote)
		w = put(w, DAC_WRITE, vga->dac_at / 3);
	else
		w = put(w, DAC_READ, vga->dac_read / 3);
	return w;
}

/**
 * vsb_vga_replay - the accesses that bring a card there, fresh or not
 * @vga: state
 * @out: put here, at most VSB_VGA_WRITES
 *
 * Return: how many.
 */
unsigned int vsb_vga_replay(const struct vsb_vga *vga, struct vsb_reg_write *out)
{
	struct vsb_reg_write *w = out;
	int i;

	if (!vga->known)
		return 0;
	/* The CRTC where those of colour have it. */
	w = put(w, MISC_WRITE, vga->misc | MISC_COLOR);
	for (i = 0; i < VSB_VGA_SEQ; i++)
		w = put_at(w, SEQ_INDEX, i, vga->seq[i]);
	w = put_at(w, CRTC_INDEX, CRTC_END, vga->crtc[CRTC_END] & ~CRTC_LOCK);
	for (i = 0; i < VSB_VGA_CRTC; i++)
		if (i != CRTC_END)
			w = put_at(w, CRTC_INDEX, i, vga->crtc[i]);
	w = put_at(w, CRTC_INDEX, CRTC_END, vga->crtc[CRTC_END]);
	for (i = 0; i < VSB_VGA_GFX; i++)
		w = put_at(w, GFX_INDEX, i, vga->gfx[i]);
	w = replay_dac(vga, w);
	*w++ = (struct vsb_reg_write){ .port = STATUS, .in = true, .size = 1 };
	/* The colours of the attribute controller take no writes while it is on. */
	for (i = 0; i < VSB_VGA_ATTR; i++)
		w = put(put(w, ATTR, i), ATTR, vga->attr[i]);
	w = put(w, ATTR, vga->attr_index);
	w = replay_vbe(vga, w);
	w = put(w, SEQ_INDEX, vga->seq_index);
	w = put(w, GFX_INDEX, vga->gfx_index);
	w = put(w, CRTC_INDEX, vga->crtc_index);
	if (!vga->attr_data)
		*w++ = (struct vsb_reg_write){ .port = STATUS, .in = true, .size = 1 };
	return put(w, MISC_WRITE, vga->misc) - out;
}

/* ---- the device ---- */

/* All ports, or none. */
static bool card_claim(const struct vsb_range *ranges, u32 nr)
{
	u32 i, of_vga = 0, right = 0;

	for (i = 0; i < nr; i++) {
		const struct vsb_range *r = &ranges[i];

		if (r->device != VSB_DEV_VGA)
			continue;
		of_vga++;
		right += r->first == VSB_VGA_FIRST && r->last == VSB_VGA_LAST;
		right += r->first == VSB_VGA_VBE_FIRST && r->last == VSB_VGA_VBE_LAST;
	}
	/* No two ranges overlap. */
	return !of_vga || (of_vga == 2 && right == 2);
}

static unsigned int card_access(struct vsb_device *dev, struct vsb_byte *b)
{
	vsb_vga_port(vsb_vga_of(dev), dev->base + b->reg, b->at, b->size, b->in, b->value);
	return VSB_DO_PASS;
}

static unsigned int card_reset(struct vsb_device *dev)
{
	vsb_vga_reset(vsb_vga_of(dev));
	return 0;
}

static void card_init(struct vsb_device *dev, bool ran)
{
	vsb_vga_reset(vsb_vga_of(dev));
	vsb_vga_of(dev)->known = false;
}

/* Its memory is that of its proxies (core/vram.h). */
static void card_inherit(struct vsb_device *dev, struct vsb_device *old)
{
	*vsb_vga_of(dev) = *vsb_vga_of(old);
}

static unsigned int card_replay(struct vsb_device *dev, struct vsb_reg_write *out, bool again)
{
	return vsb_vga_replay(vsb_vga_of(dev), out);
}

const struct vsb_device_ops vsb_vga_card = {
	.size = sizeof(struct vsb_card),
	.whole = true,
	.replays = VSB_VGA_WRITES,
	.claim = card_claim,
	.init = card_init,
	.inherit = card_inherit,
	.access = card_access,
	.reset = card_reset,
	.replay = card_replay,
};
