// SPDX-License-Identifier: GPL-2.0
/* The memory of a proxy's graphics card; see core/vram.h. */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "core/host.h"
#include "core/proxy.h"
#include "core/vm.h"
#include "core/vram.h"

static void vsb_vram_free(struct vsb_vram *vram)
{
	vsb_host->show_free(vram->shown);
	if (vram->video.bytes)
		vunmap(vram->video.bytes);
	unpin_user_pages_dirty_lock(vram->pages, vram->nr, true);
	kvfree(vram->pages);
	kvfree_rcu(vram, rcu);
}

void vsb_vram_put(struct vsb_vram *vram)
{
	might_sleep();
	if (vram && refcount_dec_and_test(&vram->ref))
		vsb_vram_free(vram);
}

struct vsb_vram *vsb_vram_create(struct kvm *kvm, u64 gfn, u32 mib)
{
	u32 nr = mib << (20 - PAGE_SHIFT);
	struct vsb_vram *vram = kvzalloc(sizeof(*vram), GFP_KERNEL_ACCOUNT);
	int ret = -ENOMEM;

	if (!vram)
		return ERR_PTR(-ENOMEM);
	refcount_set(&vram->ref, 1);
	mutex_init(&vram->lock);
	vram->gfn = gfn;
	vram->pages = kvcalloc(nr, sizeof(*vram->pages), GFP_KERNEL_ACCOUNT);
	if (vram->pages)
		ret = vsb_host->pin(kvm, gfn, nr, vram->pages);
	if (ret) {
		kvfree(vram->pages);
		kvfree(vram);
		return ERR_PTR(ret);
	}
	vram->nr = nr;
	vram->video.bytes = vmap(vram->pages, nr, VM_MAP, PAGE_KERNEL);
	vram->video.size = nr << PAGE_SHIFT;
	vram->video.dirty = vram->dirty;
	vram->shown = vsb_host->show(vram->pages, nr);
	if (!vram->video.bytes || !vram->shown) {
		vsb_vram_free(vram);
		return ERR_PTR(-ENOMEM);
	}
	return vram;
}

void vsb_vram_show(struct vsb_vram *vram, struct kvm *kvm, bool shows)
{
	mutex_lock(&vram->lock);
	vram->shows = shows;
	if (!shows)
		vsb_host->show_end(kvm, vram->shown);
	mutex_unlock(&vram->lock);
}

void vsb_vram_copy(struct vsb_vram *to, const struct vsb_vram *from)
{
	u32 nr = min(to->nr, from->nr);

	memcpy(to->video.bytes, from->video.bytes, (size_t)nr << PAGE_SHIFT);
	bitmap_set(to->dirty, 0, nr);
}

void vsb_vram_sync(struct kvm *kvm, u64 gfn, u64 nr, unsigned long *bitmap)
{
	struct vsb_vram *vram = NULL;
	struct vsb_vm *vm;
	unsigned long i;
	u64 at;

	rcu_read_lock();
	vm = vsb_vm_find(kvm);
	if (vm && vm->proxy)
		vram = READ_ONCE(vm->proxy->vram);
	/* Which of them the user VM writes to nobody sees. */
	if (vram && READ_ONCE(vram->was_shown))
		bitmap_set(vram->dirty, 0, vram->nr);
	for (i = 0; vram && i < vram->nr; i++) {
		i = find_next_bit(vram->dirty, vram->nr, i);
		at = vram->gfn + i - gfn;
		if (i < vram->nr && at < nr && test_and_clear_bit(i, vram->dirty))
			set_bit_le(at, bitmap);
	}
	rcu_read_unlock();
}
