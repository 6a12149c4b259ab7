// SPDX-License-Identifier: GPL-2.0
/* The memory of a user VM's graphics card; see core/screen.h. */
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "core/access.h"
#include "core/cloud.h"
#include "core/host.h"
#include "core/identity.h"
#include "core/proxy.h"
#include "core/screen.h"
#include "core/slots.h"
#include "core/uservm.h"
#include "core/vram.h"
#include "devices/vga.h"

/* What is at @gpa of the user VM @u (NULL: not seen before)? Any context. */
static enum vsb_area vsb_screen_area(const struct vsb_l2 *u, u64 gpa)
{
	if (gpa - VSB_VGA_WINDOW < VSB_VGA_WINDOW_SIZE)
		return VSB_AREA_WINDOW;
	if (u && vsb_bar_has(&u->bars.bar[VSB_BAR_FRAME], gpa))
		return VSB_AREA_FRAME;
	if (u && vsb_bar_has(&u->bars.bar[VSB_BAR_REGS], gpa))
		return VSB_AREA_REGS;
	return VSB_AREA_NONE;
}

bool vsb_screen_pci(struct vsb_cloud *cloud, const struct vsb_ident *id,
		    const struct vsb_pio *pio, u32 value)
{
	struct vsb_l2 *u;

	if (!READ_ONCE(cloud->started) || vsb_inner_is(cloud, id))
		return true;
	u = vsb_uservm_find(cloud, id);
	if (!vsb_uservm_settled(cloud, u, id))
		return false;
	if (!u)
		return true;
	vsb_bars_access(&u->bars, id->anchor, pio, value);
	return !READ_ONCE(u->bars.moved);
}

bool vsb_screen_leaves(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_l2 *u = vsb_uservm_find(cloud, id);

	return u && vsb_bars_leave(&u->bars, id->anchor);
}

/* The slot of the graphics card, or NULL: there is none. */
static struct vsb_slot *vsb_screen_card(struct vsb_slots *slots)
{
	u32 i;

	for (i = 0; i < slots->nr; i++)
		if (slots->slot[i].dev->ops == &vsb_vga_card)
			return &slots->slot[i];
	return NULL;
}

/* As vsb_cloud_takes() does for a port. */
bool vsb_screen_takes(struct vsb_cloud *cloud, const struct vsb_ident *id, u64 gpa, u64 linear)
{
	struct vsb_slots *slots;
	enum vsb_area area;
	struct vsb_l2 *u;

	if (!READ_ONCE(cloud->started) || vsb_inner_is(cloud, id))
		return false;
	u = vsb_uservm_find(cloud, id);
	area = vsb_screen_area(u, gpa);
	if (area == VSB_AREA_NONE)
		return false;
	if (area == VSB_AREA_WINDOW && u && vsb_bars_smram(&u->bars, id->anchor, linear))
		return false;
	slots = u ? rcu_dereference(u->slots) : NULL;
	if (slots)
		return vsb_screen_card(slots);
	/* slots are taken away after that is set; pairs with vsb_uservm_absorb() */
	smp_rmb();
	if (u && READ_ONCE(u->absorb))
		return true;
	/* Left to the guest hypervisor only once it is sure that no proxy is free. */
	return vsb_cloud_absorbs(cloud) || !vsb_uservm_settled(cloud, u, id);
}

enum vsb_verdict vsb_screen_prepare(struct vsb_cloud *cloud, struct kvm_vcpu *vcpu,
				    const struct vsb_ident *id)
{
	bool settled;

	rcu_read_lock();
	settled = vsb_uservm_settled(cloud, vsb_uservm_find(cloud, id), id);
	rcu_read_unlock();
	if (!settled) {
		vsb_uservm_learn(vcpu, cloud, id);
		return VSB_AGAIN;
	}
	if (!READ_ONCE(cloud->started))
		return VSB_AGAIN;
	return vsb_cloud_is_frozen(cloud) ? VSB_AGAIN_LATER : VSB_GO;
}

/* Registers that are ports, too, and those of VBE (QEMU, docs/specs/standard-vga.txt). */
#define REGS_VGA	0x400
#define REGS_VGA_END	0x420
#define REGS_VGA_PORT	0x3c0
#define REGS_VBE	0x500
#define REGS_VBE_END	0x516

/* EDID and byte order: there are none. */
static void vsb_screen_regs(struct vsb_screen_access *a)
{
	u32 at = a->gpa & ~PAGE_MASK;

	if (at >= REGS_VGA && at + a->size <= REGS_VGA_END && a->size <= sizeof(u32)) {
		a->port = REGS_VGA_PORT + at - REGS_VGA;
	} else if (at >= REGS_VBE && at + a->size <= REGS_VBE_END && a->size == sizeof(u16)) {
		a->port = VSB_VGA_VBE_FIRST + 1;
		a->index = (at - REGS_VBE) / sizeof(u16);
	} else if (a->in) {
		memset(a->data, 0, a->size);
	}
}

static void vsb_screen_frame(struct vsb_screen_access *a, const struct vsb_l2 *u,
			     struct vsb_video *video)
{
	u32 at = a->gpa - READ_ONCE(u->bars.bar[VSB_BAR_FRAME].at), i;

	for (i = 0; i < a->size; i++)
		if (a->in)
			a->data[i] = vsb_video_read(video, at + i);
		else
			vsb_video_write(video, at + i, a->data[i]);
}

/* Byte by byte: a register that was written to says where each of them is. Under slot->lock. */
static void vsb_screen_window(struct vsb_screen_access *a, struct vsb_vga *vga,
			      struct vsb_video *video)
{
	u32 at = a->gpa - VSB_VGA_WINDOW, i;

	for (i = 0; i < a->size; i++)
		if (a->in)
			a->data[i] = vsb_vga_read(vga, video, at + i);
		else
			vsb_vga_write(vga, video, at + i, a->data[i]);
}

/* Return: was it done? */
static bool vsb_screen_do(struct vsb_screen_access *a, struct vsb_l2 *u, struct vsb_slots *slots,
			  struct vsb_proxy *proxy)
{
	enum vsb_area area = vsb_screen_area(u, a->gpa);
	struct vsb_slot *slot = vsb_screen_card(slots);
	bool done = false;

	if (!slot || !proxy->vram)
		return false;
	spin_lock(&slot->lock);
	/* A proxy that has come meanwhile has what @proxy had when it did. */
	if (!READ_ONCE(proxy->dead) && slots->vram == proxy->vram &&
	    !vsb_identity_shuts(u, proxy)) {
		done = true;
		if (area == VSB_AREA_WINDOW)
			vsb_screen_window(a, vsb_vga_of(slot->dev), &proxy->vram->video);
		else if (area == VSB_AREA_FRAME)
			vsb_screen_frame(a, u, &proxy->vram->video);
		else if (area == VSB_AREA_REGS)
			vsb_screen_regs(a);
		else
			done = false;	/* it was moved meanwhile */
	}
	spin_unlock(&slot->lock);
	return done;
}

void vsb_screen_access(struct vsb_screen_access *a)
{
	struct vsb_proxy *proxy = NULL;
	struct vsb_slots *slots = NULL;
	struct vsb_l2 *u;
	bool done = false;

	atomic_inc(&a->cloud->accesses);
	a->port = 0;
	if (a->in)
		memset(a->data, 0xff, a->size);	/* nobody there */
	u = vsb_cloud_get_uservm(a->cloud, &a->id);
	if (!u)
		return;
	slots = vsb_slots_get(u);
	proxy = vsb_cloud_get_proxy(u);
	if (slots && proxy)
		done = vsb_screen_do(a, u, slots, proxy);
	if (proxy)
		vsb_proxy_put(proxy);
	vsb_slots_put(slots);
	vsb_count(u, done ? (a->in ? VSB_C_READS : VSB_C_WRITES) : VSB_C_ABSORBED);
	vsb_uservm_put(u);
}

/* ---- the memory itself ---- */

static struct vsb_vram *vsb_screen_vram(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_slots *slots;
	struct vsb_vram *vram = NULL;

	rcu_read_lock();
	slots = rcu_dereference(u->slots);
	if (slots)
		vram = READ_ONCE(slots->vram);
	if (vram && !refcount_inc_not_zero(&vram->ref))
		vram = NULL;
	rcu_read_unlock();
	return vram;
}

bool vsb_screen_show(struct vsb_cloud *cloud, const struct vsb_ident *id, u64 gpa,
		     struct vsb_screen_show *show)
{
	struct vsb_l2 *u = vsb_cloud_get_uservm(cloud, id);
	const struct vsb_bar *bar;

	if (!u)
		return false;
	show->vram = vsb_screen_vram(cloud, u);
	if (!show->vram)
		goto put;
	bar = &u->bars.bar[VSB_BAR_FRAME];
	mutex_lock(&show->vram->lock);
	/* Who moves it, or takes it away, comes behind that. */
	show->at = READ_ONCE(bar->at);
	if (show->vram->shows && vsb_bar_has(bar, gpa) && gpa - show->at < show->vram->video.size &&
	    READ_ONCE(bar->size) >= show->vram->video.size && READ_ONCE(cloud->started)) {
		vsb_uservm_put(u);
		return true;
	}
	mutex_unlock(&show->vram->lock);
	vsb_vram_put(show->vram);
put:
	vsb_uservm_put(u);
	return false;
}

void vsb_screen_shown(struct vsb_screen_show *show, bool done)
{
	if (done)
		WRITE_ONCE(show->vram->was_shown, true);
	mutex_unlock(&show->vram->lock);
	vsb_vram_put(show->vram);
}

bool vsb_screen_moved(struct vsb_cloud *cloud, const struct vsb_ident *id)
{
	struct vsb_l2 *u = vsb_cloud_get_uservm(cloud, id);
	struct vsb_vram *vram;
	bool moved;

	if (!u)
		return false;
	moved = vsb_bars_move(&u->bars);
	vram = !moved ? NULL : vsb_screen_vram(cloud, u);
	if (vram) {
		mutex_lock(&vram->lock);
		vsb_host->show_end(cloud->vm.kvm, vram->shown);
		mutex_unlock(&vram->lock);
		vsb_vram_put(vram);
	}
	vsb_uservm_put(u);
	return moved;
}
