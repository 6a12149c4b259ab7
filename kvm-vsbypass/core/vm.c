// SPDX-License-Identifier: GPL-2.0
/*
 * The registry of the VMs that we know, cloud VMs and proxies: from the
 * struct kvm that KVM hands to a redirected function to our object. A VM is
 * kept by a reference to its file, and leaves the registry when its process
 * ends, before the last vCPU could be confused with one of a later VM.
 */
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/sched/mm.h>

#include "core/host.h"
#include "core/vm.h"

const struct vsb_host_ops *vsb_host;

static DEFINE_SPINLOCK(vm_lock);
static DEFINE_HASHTABLE(vm_table, 6);

unsigned long vsb_vm_filter;

/* Under vm_lock. */
static void vsb_vm_set_filter(void)
{
	unsigned long filter = 0;
	struct vsb_vm *vm;
	int i;

	hash_for_each(vm_table, i, vm, node)
		filter |= BIT(hash_ptr(vm->kvm, 6));
	WRITE_ONCE(vsb_vm_filter, filter);
}

/* Callback or vCPU context, under rcu_read_lock(). */
struct vsb_vm *vsb_vm_find(struct kvm *kvm)
{
	struct vsb_vm *vm;

	hash_for_each_possible_rcu(vm_table, vm, node, (unsigned long)kvm)
		if (vm->kvm == kvm)
			return vm;
	return NULL;
}

/* Take it out of the registry; may be called more than once. Any context. */
void vsb_vm_hide(struct vsb_vm *vm)
{
	spin_lock(&vm_lock);
	if (hash_hashed(&vm->node)) {
		hash_del_rcu(&vm->node);
		vsb_vm_set_filter();
	}
	spin_unlock(&vm_lock);
}

static void vsb_vm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct vsb_vm *vm = container_of(mn, struct vsb_vm, notifier);

	vm->ops->gone(vm);
}

static const struct mmu_notifier_ops vsb_vm_notifier_ops = {
	.release = vsb_vm_release,
};

/**
 * vsb_vm_add - know a VM from now on
 * @vm: zeroed, with @cloud or @proxy set
 * @fd: kvm-vm descriptor of the caller
 * @ops: told when the VM's process ends
 *
 * Return: 0, or -EBADF, -EINVAL: no kvm-vm, -EBUSY: known already, -ESRCH: its
 * process is ending, -ENOMEM.
 */
int vsb_vm_add(struct vsb_vm *vm, int fd, const struct vsb_vm_ops *ops)
{
	int ret;

	vm->file = fget(fd);
	if (!vm->file)
		return -EBADF;
	ret = -EINVAL;
	vm->kvm = vsb_host->vm(vm->file);
	if (!vm->kvm)
		goto put_file;
	vm->mm = vsb_host->mm(vm->kvm);
	vm->ops = ops;
	vm->notifier.ops = &vsb_vm_notifier_ops;

	spin_lock(&vm_lock);
	rcu_read_lock();
	ret = vsb_vm_find(vm->kvm) ? -EBUSY : 0;
	rcu_read_unlock();
	if (!ret) {
		hash_add_rcu(vm_table, &vm->node, (unsigned long)vm->kvm);
		vsb_vm_set_filter();
	}
	spin_unlock(&vm_lock);
	if (ret)
		goto put_file;

	ret = -ESRCH;
	if (!mmget_not_zero(vm->mm))
		goto hide;
	ret = mmu_notifier_register(&vm->notifier, vm->mm);
	mmput(vm->mm);
	if (ret)
		goto hide;
	return 0;

hide:
	vsb_vm_hide(vm);
	/* A vCPU may have found it; its users look at their owner's state. */
	synchronize_rcu();
put_file:
	fput(vm->file);
	return ret;
}

/* Let go of the VM. Sleeps; not from ops->gone(). */
void vsb_vm_remove(struct vsb_vm *vm)
{
	vsb_vm_hide(vm);
	mmu_notifier_unregister(&vm->notifier, vm->mm);
	fput(vm->file);
}
