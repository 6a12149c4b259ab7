// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a VGA as a CPU sees it: four planes behind a window, of which QEMU keeps the
 * bytes side by side. See devices/vga.h.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>

#include "devices/vga.h"

/* Sequencer and graphics controller. */
#define MAP_MASK		2
#define MEMORY_MODE		4
#define   CHAIN_4		BIT(3)
#define SET_RESET		0
#define ENABLE_SET_RESET	1
#define COLOR_COMPARE		2
#define ROTATE			3
#define READ_MAP		4
#define MODE			5
#define   ODD_EVEN		BIT(4)
#define   READ_MODE_1		BIT(3)
#define MISC			6
#define COLOR_DONT_CARE		7
#define GFX_BITS		8

#define VBE_ENABLE		4
#define   VBE_ENABLED		BIT(0)

#define VIDEO_PAGE_SHIFT	12

/* With VBE memory is linear. (QEMU's has planes there, too, but no register of theirs works.) */
static bool vga_linear(const struct vsb_vga *vga)
{
	return vga->vbe[VBE_ENABLE] & VBE_ENABLED;
}

static bool vga_chained(const struct vsb_vga *vga)
{
	return vga_linear(vga) || vga->seq[MEMORY_MODE] & CHAIN_4;
}

static u8 vga_map_mask(const struct vsb_vga *vga)
{
	return vga_linear(vga) ? 0xf : vga->seq[MAP_MASK] & 0xf;
}

/* @at of the window -> of the memory behind it. Return: is there any? */
static bool vga_at(const struct vsb_vga *vga, const struct vsb_video *video, u32 *at)
{
	switch (vga->gfx[MISC] >> 2 & 3) {
	case 0:
		return true;
	case 1:
		if (*at >= 0x10000)
			return false;
		*at += vga->bank & (video->size - 1);
		return true;
	case 2:
		*at -= 0x10000;
		return *at < 0x8000;
	default:
		*at -= 0x18000;
		return *at < 0x8000;
	}
}

u8 vsb_video_read(const struct vsb_video *video, u32 at)
{
	return at < video->size ? READ_ONCE(video->bytes[at]) : U8_MAX;
}

void vsb_video_write(struct vsb_video *video, u32 at, u8 value)
{
	if (at >= video->size)
		return;
	WRITE_ONCE(video->bytes[at], value);
	if (!test_bit(at >> VIDEO_PAGE_SHIFT, video->dirty))
		set_bit(at >> VIDEO_PAGE_SHIFT, video->dirty);
}

/* All planes at @at of one. */
static u32 planes_read(const struct vsb_video *video, u32 at)
{
	u32 i, all = 0;

	for (i = 0; i < 4; i++)
		all |= (u32)vsb_video_read(video, at * 4 + i) << (8 * i);
	return all;
}

/* A bit for each plane -> a byte. */
static u32 planes_spread(u8 planes)
{
	u32 i, all = 0;

	for (i = 0; i < 4; i++)
		if (planes & BIT(i))
			all |= 0xffu << (8 * i);
	return all;
}

static u32 planes_same(u8 value)
{
	return value * 0x01010101u;
}

u8 vsb_vga_read(struct vsb_vga *vga, struct vsb_video *video, u32 at)
{
	u32 differs;
	u8 plane;

	if (!vga_at(vga, video, &at))
		return U8_MAX;
	if (vga_chained(vga))
		return vsb_video_read(video, at);
	if (vga->gfx[MODE] & ODD_EVEN) {
		plane = (vga->gfx[READ_MAP] & 2) | (at & 1);
		return vsb_video_read(video, (at & ~1u) << 1 | plane);
	}
	if (at >= video->size / 4)
		return U8_MAX;
	vga->latch = planes_read(video, at);
	if (!(vga->gfx[MODE] & READ_MODE_1))
		return vga->latch >> (8 * (vga->gfx[READ_MAP] & 3));
	differs = (vga->latch ^ planes_spread(vga->gfx[COLOR_COMPARE])) &
		  planes_spread(vga->gfx[COLOR_DONT_CARE]);
	return ~(differs | differs >> 8 | differs >> 16 | differs >> 24);
}

static u8 vga_rotate(const struct vsb_vga *vga, u8 value)
{
	u8 by = vga->gfx[ROTATE] & 7;

	return value >> by | value << (8 - by);
}

/* What is written, of all planes, but for the map mask. */
static u32 vga_blend(const struct vsb_vga *vga, u8 value)
{
	u32 set = planes_spread(vga->gfx[SET_RESET]), mask = planes_same(vga->gfx[GFX_BITS]), v;

	switch (vga->gfx[MODE] & 3) {
	case 0:
		v = planes_same(vga_rotate(vga, value));
		v = (v & ~planes_spread(vga->gfx[ENABLE_SET_RESET])) |
		    (set & planes_spread(vga->gfx[ENABLE_SET_RESET]));
		break;
	case 1:
		return vga->latch;
	case 2:
		v = planes_spread(value);
		break;
	default:
		mask &= planes_same(vga_rotate(vga, value));
		v = set;
		break;
	}
	switch (vga->gfx[ROTATE] >> 3 & 3) {
	case 1:
		v &= vga->latch;
		break;
	case 2:
		v |= vga->latch;
		break;
	case 3:
		v ^= vga->latch;
		break;
	}
	return (v & mask) | (vga->latch & ~mask);
}

void vsb_vga_write(struct vsb_vga *vga, struct vsb_video *video, u32 at, u8 value)
{
	u8 planes = vga_map_mask(vga), plane;
	u32 all;

	if (!vga_at(vga, video, &at))
		return;
	if (vga_chained(vga)) {
		if (planes & BIT(at & 3))
			vsb_video_write(video, at, value);
		return;
	}
	if (vga->gfx[MODE] & ODD_EVEN) {
		plane = (vga->gfx[READ_MAP] & 2) | (at & 1);
		if (planes & BIT(plane))
			vsb_video_write(video, (at & ~1u) << 1 | plane, value);
		return;
	}
	all = vga_blend(vga, value);
	for (plane = 0; plane < 4; plane++)
		if (planes & BIT(plane))
			vsb_video_write(video, at * 4 + plane, all >> (8 * plane));
}
