/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What core needs of the hypervisor of this host. Calls between the two rooms go down: kvm
 * calls core directly, at each nested exit. What goes up is seldom, and goes through here.
 *
 * struct kvm and struct kvm_vcpu are names for VMs and vCPUs here, nobody in core looks
 * into them.
 */
#ifndef VSB_CORE_HOST_H
#define VSB_CORE_HOST_H

#include <linux/types.h>

struct file;
struct kvm;
struct kvm_vcpu;
struct mm_struct;
struct page;
struct vsb_shown;
struct vsb_span;
struct vsb_table;
struct vsb_vcpu;
struct vsb_view;

#define VSB_LOW_FRAMES	256	/* a MiB, in which firmware begins */

/**
 * struct vsb_span - frames of what a user VM has for physical memory
 * @gfn:	from here on,
 * @end:	to before here
 * @memory:	there is memory behind them, or nothing at all
 * @l1_gfn:	the cloud VM's frame behind the first one, others follow
 */
struct vsb_span {
	u64 gfn;
	u64 end;
	bool memory;
	u64 l1_gfn;
};

/**
 * struct vsb_host_ops - the hypervisor
 * @max_vcpus:	indices of the vCPUs of a VM are less than this
 * @get:	have nested exits redirected, and the hypervisor held: all other functions
 *		are for who has that. Ioctl context. Return: 0, or an error as
 *		VSB_CREATE_CLOUD documents
 * @put:	the opposite
 * @vm:		the VM of this file, or NULL: it is none. Lives as long as the file
 * @mm:		the memory of its process
 * @kill:	this VM runs no more guest code. Any context
 * @prod:	its vCPUs that run a user VM look for events; so does one that executes a HLT
 *		which is kept, if that is the user VM @of (struct vsb_vcpu.kept). Under
 *		rcu_read_lock(), which keeps the VM. Any context
 * @sync:	wait until each vCPU of the VM that was on the way to an access is through
 *		with it or sleeps
 * @veil_get:	the same as @get, for a veil; the caller has that one. Return: as @get, and
 *		-EOPNOTSUPP: this kernel or CPU has none
 * @veil_put:	the opposite
 * @veil_table:	page tables for a veil, empty, or an error pointer: -ENOMEM. All vCPUs of the VM
 *		show whom they run before they run it again
 * @veil_mask:	the bit that says "private" in page tables of user VMs; with @veil_get
 * @veil_unmap:	they are empty again, and no CPU has what was there; under veil->lock
 * @screen_get:	the same as @get, for graphics cards; the caller has that one. Return: as @get,
 *		and -EOPNOTSUPP: not on this kernel
 * @screen_put:	the opposite
 * @pin:	pages of a VM's memory, to be written to, from frame @gfn on. Ioctl context.
 *		Return: 0: as by pin_user_pages(), -ENXIO: it has no memory of so many frames
 *		there, -ESRCH: its process has ended, or another error
 * @show:	a second view of these pages, or NULL: no memory
 * @show_end:	nobody has it any more: @show_free may follow, or it may be shown again. May sleep
 * @show_free:	the opposite of @show
 * @veil_unhook: the same, and nothing leads there any more
 * @veil_table_free: the opposite of @veil_table, after @veil_unhook
 *
 * Of the user VM that a vCPU runs now (vCPU context, the VM's memory slots stay):
 * @first_frame: the lowest frame that it has mapped, and the cloud VM's frame behind it.
 *		Return: is there one?
 * @has_frame:	has it this frame of the cloud VM there? 1, yes; 0, nothing is there; -1,
 *		something else
 * @low:	which frames of the cloud VM it has in its first MiB: each and 1 more, or 0
 * @frames:	the lowest frames of the cloud VM that it has, at most @max; @writable: that it
 *		may write to. Return: how many
 * @maps:	does the table at @root, of so many levels, map all these frames, less than
 *		32? @writable: to be written to. It may be garbage
 *
 * Of the memory that a nested page table shows, for any thread, one call at a time:
 * @open:	a view of it. The caller holds the VM and its @mm. Return: or NULL, no memory
 * @close:	the opposite
 *  With a user of @mm held, as long as spans are to be good:
 * @begin:	look at the table at this root, of so many levels, anew. Return: 0, -ENOMEM, or
 *		-EINVAL: no such levels
 * @span:	what is at frame @gfn. Sleeps, as what follows. Return: 0, -ELOOP: the table is
 *		garbage, -EINTR, or another error of memory
 * @read:	frames from @gfn on, which is in this span. Return: how many @data has, which
 *		stays until the next call; -EFAULT: they cannot be read, -EINTR, or as @span
 *  Whatever the table has in it, bytes are of the VM's memory.
 * @frames_of:	how many frames of memory the VM has
 * @summon:	each vCPU of the VM has left the guest since, and tells core/watch.h of the
 *		user VM that it runs before it goes on. Return: 0, or -EINTR
 */
struct vsb_host_ops {
	u32 max_vcpus;
	int (*get)(void);
	void (*put)(void);
	struct kvm *(*vm)(struct file *file);
	struct mm_struct *(*mm)(struct kvm *kvm);
	void (*kill)(struct kvm *kvm);
	void (*prod)(struct kvm *kvm, struct vsb_vcpu *vcpus, const void *of);
	void (*sync)(struct kvm *kvm);
	int (*veil_get)(void);
	void (*veil_put)(void);
	struct vsb_table *(*veil_table)(struct kvm *kvm);
	u64 (*veil_mask)(void);
	void (*veil_unmap)(struct kvm *kvm, struct vsb_table *table);
	void (*veil_unhook)(struct kvm *kvm, struct vsb_table *table);
	void (*veil_table_free)(struct vsb_table *table);
	int (*screen_get)(void);
	void (*screen_put)(void);
	int (*pin)(struct kvm *kvm, u64 gfn, u32 nr, struct page **pages);
	struct vsb_shown *(*show)(struct page *const *pages, u32 nr);
	void (*show_end)(struct kvm *kvm, struct vsb_shown *shown);
	void (*show_free)(struct vsb_shown *shown);
	bool (*first_frame)(struct kvm_vcpu *vcpu, u64 *l2_gfn, u64 *l1_gfn);
	int (*has_frame)(struct kvm_vcpu *vcpu, u64 l2_gfn, u64 l1_gfn);
	void (*low)(struct kvm_vcpu *vcpu, u32 low[VSB_LOW_FRAMES]);
	int (*frames)(struct kvm_vcpu *vcpu, u64 *gfns, int max, bool writable);
	bool (*maps)(struct kvm_vcpu *vcpu, u64 root, int levels, const u64 *gfns, int nr,
		     bool writable);
	struct vsb_view *(*open)(struct kvm *kvm, struct mm_struct *mm);
	void (*close)(struct vsb_view *view);
	int (*begin)(struct vsb_view *view, u64 root, int levels);
	int (*span)(struct vsb_view *view, u64 gfn, struct vsb_span *span);
	int (*read)(struct vsb_view *view, const struct vsb_span *span, u64 gfn,
		    const void **data);
	u64 (*frames_of)(struct kvm *kvm);
	int (*summon)(struct kvm *kvm);
};

/* Set before the device node is there, then constant. */
extern const struct vsb_host_ops *vsb_host;

#endif
