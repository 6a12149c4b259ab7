// SPDX-License-Identifier: GPL-2.0
/*
 * The veil of a user VM: its private pages, their number and their life. A page comes at the
 * user VM's first touch and goes, wiped, when the user VM is reset or forgotten, once no CPU
 * can have it any more.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "core/cloud.h"
#include "core/host.h"
#include "core/uservm.h"
#include "core/veil.h"

#define VSB_VEIL_WARNINGS	100	/* of one user VM */
#define VSB_VEIL_RUN	512	/* pages that are looked at with the user VM kept waiting */

static void vsb_veil_wipe(struct page *page)
{
	clear_highpage(page);
	__free_page(page);
}

/* All pages, which no CPU has any more. Under veil->lock, or nobody else has it. */
static void vsb_veil_free_pages(struct vsb_veil *veil)
{
	struct page *page;
	unsigned long gfn;

	xa_for_each(&veil->pages, gfn, page) {
		vsb_veil_wipe(page);
		cond_resched();
	}
	xa_destroy(&veil->pages);
	WRITE_ONCE(veil->nr, 0);
}

static void vsb_veil_wipe_kept(struct vsb_veil *veil)
{
	int i;

	spin_lock(&veil->regs_lock);
	for (i = 0; i < VSB_MAX_ANCHORS; i++) {
		struct vsb_veil_kept *kept = veil->kept[i];

		if (kept) {
			kept->valid = false;
			memzero_explicit(kept->data, kept->size);
		}
	}
	bitmap_zero(veil->starts, VSB_VEIL_PAGES);
	spin_unlock(&veil->regs_lock);
}

/* NULL is none. */
void vsb_veil_forget(struct vsb_veil_kept *kept)
{
	if (kept && kept->held)
		put_page(kept->held);
	kfree_sensitive(kept);
}

/* Nobody has it any more. */
static void vsb_veil_free(struct rcu_head *rcu)
{
	struct vsb_veil *veil = container_of(rcu, struct vsb_veil, rcu);
	int i;

	for (i = 0; i < VSB_MAX_ANCHORS; i++)
		vsb_veil_forget(veil->kept[i]);
	kfree(veil);
}

/* Under rcu_read_lock(), where it was found with its user VM. */
void vsb_veil_get(struct vsb_veil *veil)
{
	refcount_inc(&veil->ref);
}

void vsb_veil_put(struct vsb_veil *veil)
{
	if (refcount_dec_and_test(&veil->ref))
		call_rcu(&veil->rcu, vsb_veil_free);
}

/**
 * vsb_veil_begin - a user VM gets a veil, if it has none
 * @cloud: the cloud VM
 * @u: the user VM
 * @name: its name
 * @limit: pages, at most
 *
 * Return: 0, -ENOMEM, or as vsb_host->veil_table().
 */
int vsb_veil_begin(struct vsb_cloud *cloud, struct vsb_l2 *u, const char *name, u64 limit)
{
	struct vsb_veil *veil;

	if (rcu_access_pointer(u->veil))
		return 0;
	veil = kzalloc(sizeof(*veil), GFP_KERNEL_ACCOUNT);
	if (!veil)
		return -ENOMEM;
	veil->table = vsb_host->veil_table(cloud->vm.kvm);
	if (IS_ERR(veil->table)) {
		int ret = PTR_ERR(veil->table);

		kfree(veil);
		return ret;
	}
	refcount_set(&veil->ref, 1);
	spin_lock_init(&veil->regs_lock);
	mutex_init(&veil->lock);
	xa_init_flags(&veil->pages, XA_FLAGS_ACCOUNT);
	veil->kvm = cloud->vm.kvm;
	veil->limit = limit;
	strscpy(veil->name, name, sizeof(veil->name));
	rcu_assign_pointer(u->veil, veil);
	return 0;
}

/* The user VM is forgotten, or has ended. One that still runs behind its veil stops. */
void vsb_veil_end(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_veil *veil = vsb_locked(cloud, u->veil);

	if (!veil)
		return;
	RCU_INIT_POINTER(u->veil, NULL);
	/* Who has found it is through, or has a reference and looks at @dead. */
	synchronize_rcu_expedited();
	mutex_lock(&veil->lock);
	veil->dead = true;
	vsb_host->veil_unhook(veil->kvm, veil->table);
	vsb_veil_free_pages(veil);
	vsb_veil_wipe_kept(veil);
	mutex_unlock(&veil->lock);
	vsb_host->veil_table_free(veil->table);
	vsb_veil_put(veil);
}

/* The user VM starts anew: its memory is what the guest hypervisor has. vCPU context. */
void vsb_veil_reset(struct vsb_veil *veil)
{
	mutex_lock(&veil->lock);
	if (!veil->dead) {
		WRITE_ONCE(veil->told, false);
		vsb_host->veil_unmap(veil->kvm, veil->table);
		vsb_veil_free_pages(veil);
		vsb_veil_wipe_kept(veil);
		veil->resets++;
		veil->complained = false;
		WRITE_ONCE(veil->stopped, NULL);
	}
	mutex_unlock(&veil->lock);
}

/**
 * vsb_veil_next - private pages
 * @veil: it
 * @gfn: from here on
 * @first: the first one, U64_MAX: there is none; and
 * @end: to before here there is one behind the other
 */
void vsb_veil_next(struct vsb_veil *veil, u64 gfn, u64 *first, u64 *end)
{
	unsigned long at = gfn;
	bool found;

	mutex_lock(&veil->lock);
	found = xa_find(&veil->pages, &at, ULONG_MAX, XA_PRESENT);
	*first = found ? at : U64_MAX;
	while (found && xa_load(&veil->pages, at) && at - *first < VSB_VEIL_RUN)
		at++;
	*end = at;
	mutex_unlock(&veil->lock);
}

/* Return: there is a page, and @to is a copy of it. */
bool vsb_veil_read(struct vsb_veil *veil, u64 gfn, void *to)
{
	struct page *page;

	mutex_lock(&veil->lock);
	page = vsb_veil_find(veil, gfn);
	if (page)
		memcpy_from_page(to, page, 0, PAGE_SIZE);
	mutex_unlock(&veil->lock);
	return page;
}

struct page *vsb_veil_find(struct vsb_veil *veil, u64 gfn)
{
	return xa_load(&veil->pages, gfn);
}

/* A page to be added. Return: or an error, -ENOSPC: there are as many as there may be. */
struct page *vsb_veil_new(struct vsb_veil *veil)
{
	struct page *page;

	if (veil->nr >= veil->limit)
		return ERR_PTR(-ENOSPC);
	page = alloc_page(GFP_KERNEL_ACCOUNT);
	return page ?: ERR_PTR(-ENOMEM);
}

/* @gfn has none yet. Return: 0, or an error: @page is freed. */
int vsb_veil_add(struct vsb_veil *veil, u64 gfn, struct page *page)
{
	int ret = xa_err(xa_store(&veil->pages, gfn, page, GFP_KERNEL_ACCOUNT));

	if (ret) {
		vsb_veil_wipe(page);
		return ret;
	}
	WRITE_ONCE(veil->nr, veil->nr + 1);
	veil->most = max(veil->most, veil->nr);
	return 0;
}

/* The user VM stops, as a page cannot be had. */
void vsb_veil_complain(struct vsb_veil *veil, int err)
{
	if (veil->complained)
		return;
	veil->complained = true;
	if (err == -ENOSPC)
		pr_warn("user VM '%s' is stopped: its veil may have %llu MiB, and it has touched more; attach it with a larger veil=MIB\n",
			veil->name, veil->limit >> (20 - PAGE_SHIFT));
	else if (err == -ENOMEM)
		pr_warn("user VM '%s' is stopped: no page for its veil; give the host, or the memory cgroup of the cloud VM, more memory\n",
			veil->name);
	else
		pr_warn("user VM '%s' is stopped: its page table has no room for a veil (%d); attach it without veil=\n",
			veil->name, err);
}

/* The guest hypervisor has changed what it may not: no vCPU gets to execute anything. */
void vsb_veil_stop(struct vsb_veil *veil, const char *changed)
{
	if (cmpxchg(&veil->stopped, NULL, changed))
		return;
	/* He can have it so as often as he likes: to the log not more than that can bear. */
	if (atomic64_inc_return(&veil->stops) < VSB_VEIL_WARNINGS)
		pr_warn("user VM '%s' is stopped: its guest hypervisor has changed %s; a reset starts it anew, without what was in its memory\n",
			veil->name, changed);
}

/* For user space. Under cloud->lock. */
void vsb_veil_info(struct vsb_cloud *cloud, struct vsb_l2 *u, struct vsb_uservm *info)
{
	struct vsb_veil *veil = vsb_locked(cloud, u->veil);

	if (!veil)
		return;
	info->flags |= VSB_USERVM_VEIL;
	mutex_lock(&veil->lock);
	if (veil->nr)
		info->flags |= VSB_USERVM_VEILED;
	if (READ_ONCE(veil->stopped))
		info->flags |= VSB_USERVM_STOPPED;
	info->veil_limit = veil->limit;
	info->veil_pages = veil->nr;
	info->veil_most = veil->most;
	info->veil_shared = atomic64_read(&veil->shared);
	info->veil_pushes = veil->pushes;
	info->veil_resets = veil->resets;
	info->veil_stops = atomic64_read(&veil->stops);
	mutex_unlock(&veil->lock);
}
