/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which VMs are ours: from the name of a VM to the cloud VM or the proxy that it is.
 *
 * vm_lock (vm.c), a spinlock inside of all others, guards the registry for writing.
 * Readers are under RCU, and look up without a reference: what they find is freed a grace
 * period after it was taken out.
 */
#ifndef VSB_CORE_VM_H
#define VSB_CORE_VM_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>

struct file;
struct kvm;
struct vsb_cloud;
struct vsb_proxy;
struct vsb_vm;

/**
 * struct vsb_vm_ops - what a VM of the registry is
 * @gone: its process ends; no vCPU of it runs any more. mm exit context
 */
struct vsb_vm_ops {
	void (*gone)(struct vsb_vm *vm);
};

/**
 * struct vsb_vm - a VM that we know, as cloud VM or as proxy
 * @node:	in the registry; vm_lock, readers RCU
 * @kvm:	kept alive by @file. Not to be looked into under RCU alone
 * @file:	its kvm-vm file
 * @mm:		the process it belongs to; mm_count held by @notifier
 * @notifier:	tells when @mm ends
 * @ops:	set by the owner
 * @cloud:	the cloud VM that this is, or NULL
 * @proxy:	the proxy that this is, or NULL
 */
struct vsb_vm {
	struct hlist_node node;
	struct kvm *kvm;
	struct file *file;
	struct mm_struct *mm;
	struct mmu_notifier notifier;
	const struct vsb_vm_ops *ops;
	struct vsb_cloud *cloud;
	struct vsb_proxy *proxy;
};

int vsb_vm_add(struct vsb_vm *vm, int fd, const struct vsb_vm_ops *ops);
void vsb_vm_hide(struct vsb_vm *vm);
void vsb_vm_remove(struct vsb_vm *vm);
struct vsb_vm *vsb_vm_find(struct kvm *kvm);

/* One bit for each VM of the registry: answers "not ours" in a few instructions. */
extern unsigned long vsb_vm_filter;

static inline bool vsb_vm_maybe(struct kvm *kvm)
{
	return READ_ONCE(vsb_vm_filter) & BIT(hash_ptr(kvm, 6));
}

#endif
