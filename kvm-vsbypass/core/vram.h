/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of a proxy's graphics card: pages of its VMM's, pinned. What a user VM writes to
 * the memory of its card is written there.
 */
#ifndef VSB_CORE_VRAM_H
#define VSB_CORE_VRAM_H

#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "devices/vga.h"
#include "include/uapi/linux/kvm_vsbypass.h"

struct kvm;
struct kvm_memory_slot;
struct page;
struct vsb_proxy;
struct vsb_shown;

#define VSB_VRAM_PAGES	(VSB_MAX_VRAM_MIB << (20 - PAGE_SHIFT))

/**
 * struct vsb_vram - see above
 * @ref:	its proxy, the devices of that one's user VM
 * @rcu:	readers of vsb_proxy.vram
 * @gfn:	where the proxy's VM has it; constant
 * @nr:		pages; constant
 * @pages:	they; constant
 * @video:	mapped; @dirty is below
 * @dirty:	written since the VMM asked last; no lock
 * @lock:	guards what follows; inside of cloud->lock, and KVM's locks are inside
 * @shows:	its user VM may have the pages themselves at the address of its frame buffer
 * @shown:	which is this; constant
 * @was_shown:	and has had. Read without @lock
 */
struct vsb_vram {
	refcount_t ref;
	struct rcu_head rcu;
	u64 gfn;
	u32 nr;
	struct page **pages;
	struct vsb_video video;
	DECLARE_BITMAP(dirty, VSB_VRAM_PAGES);
	struct mutex lock;	/* inside cloud->lock */
	bool shows;
	struct vsb_shown *shown;
	bool was_shown;
};

/* Ioctl context. Return: or an error pointer, as VSB_CREATE_PROXY documents. */
struct vsb_vram *vsb_vram_create(struct kvm *kvm, u64 gfn, u32 mib);
/* May sleep. */
void vsb_vram_put(struct vsb_vram *vram);
/* From now on, or not any more: then nobody has them when this returns. May sleep. */
void vsb_vram_show(struct vsb_vram *vram, struct kvm *kvm, bool shows);
/* Another card gets the picture. Under cloud->lock. */
void vsb_vram_copy(struct vsb_vram *to, const struct vsb_vram *from);

/*
 * The VMM of a VM asks KVM which pages of these frames of memory were written: those that we
 * have written count. Callback context, under a lock of KVM's that keeps @bitmap.
 */
void vsb_vram_sync(struct kvm *kvm, u64 gfn, u64 nr, unsigned long *bitmap);

#endif
