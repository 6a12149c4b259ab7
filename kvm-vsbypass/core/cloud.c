// SPDX-License-Identifier: GPL-2.0
/*
 * An attached cloud VM: its life.
 *
 * The cloud fd owns it. With VSB_CLOUD_ABSORB_ON_CLOSE it lingers after the
 * last close, holding the module, until the process of the VM ends or a new
 * VSB_CREATE_CLOUD takes it over: so a killed daemon gives no console back to
 * the guest hypervisor.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core/cloud.h"
#include "core/giveback.h"
#include "core/host.h"
#include "core/inner.h"
#include "core/proxy.h"
#include "core/raise.h"
#include "core/slots.h"
#include "core/uservm.h"
#include "core/vm.h"

#define VSB_DRAIN_MS	2000ul	/* that VSB_FREEZE waits for the console */
#define VSB_OPEN_MS	2000ul	/* that the last close waits for the guest hypervisor */

/* Callbacks that have found it in the registry are through with it. */
static void vsb_cloud_free_rcu(struct rcu_head *rcu)
{
	struct vsb_cloud *cloud = container_of(rcu, struct vsb_cloud, rcu);

	kvfree(cloud->ports);
	kvfree(cloud->vcpus);
	kfree(cloud);
}

static void vsb_cloud_free(struct kref *ref)
{
	struct vsb_cloud *cloud = container_of(ref, struct vsb_cloud, ref);

	/* Its nodes are freed after a grace period; what is left finds nobody. */
	xa_destroy(&cloud->roots);
	xa_destroy(&cloud->anchors);
	/* Who is in there has a reference. */
	cleanup_srcu_struct(&cloud->serving);
	call_rcu(&cloud->rcu, vsb_cloud_free_rcu);
}

void vsb_cloud_put(struct vsb_cloud *cloud)
{
	kref_put(&cloud->ref, vsb_cloud_free);
}

/* Under rcu_read_lock(). */
struct vsb_cloud *vsb_cloud_find(struct kvm *kvm)
{
	struct vsb_vm *vm = vsb_vm_find(kvm);

	return vm ? vm->cloud : NULL;
}

struct vsb_cloud *vsb_cloud_get(struct kvm *kvm)
{
	struct vsb_cloud *cloud;

	rcu_read_lock();
	cloud = vsb_cloud_find(kvm);
	if (cloud && !kref_get_unless_zero(&cloud->ref))
		cloud = NULL;
	rcu_read_unlock();
	return cloud;
}

bool vsb_cloud_absorbs(struct vsb_cloud *cloud)
{
	return READ_ONCE(cloud->unclaimed) == VSB_UNCLAIMED_ABSORB || READ_ONCE(cloud->absorb);
}

/* Is no access to be begun now? */
bool vsb_cloud_is_frozen(const struct vsb_cloud *cloud)
{
	return READ_ONCE(cloud->frozen) && !time_after(jiffies, READ_ONCE(cloud->thaw));
}

/* ---- ioctl context: life ---- */

/*
 * Waits for accesses that have begun, after none begins any more: @started is false, or it
 * is frozen (then until it thaws, at most). One that was taken, and the next element of a
 * string, are under KVM's SRCU from where that is decided to where @serving is held, and
 * from there to the next one; vsb_host->sync() waits for that. So nobody is on the way if
 * none has begun in a whole round.
 */
static void vsb_cloud_quiesce(struct vsb_cloud *cloud)
{
	int seen;

	do {
		seen = atomic_read(&cloud->accesses);
		synchronize_srcu_expedited(&cloud->serving);
		vsb_host->sync(cloud->vm.kvm);
	} while (atomic_read(&cloud->accesses) != seen &&
		 (!READ_ONCE(cloud->started) || vsb_cloud_is_frozen(cloud)));
}

/* Let go of the cloud VM and of all that is known of its user VMs. */
static void vsb_cloud_drop(struct vsb_cloud *cloud)
{
	struct vsb_l2 *u, *next;

	mutex_lock(&cloud->lock);
	WRITE_ONCE(cloud->started, false);
	cloud->dead = true;
	list_for_each_entry_safe(u, next, &cloud->uservms, node)
		vsb_uservm_forget(cloud, u);
	mutex_unlock(&cloud->lock);
	/*
	 * A vCPU that has told KVM to emulate an access of ours is still on the
	 * way to the bus; without us there it would reach the VM's own VMM.
	 */
	vsb_cloud_quiesce(cloud);
	vsb_vm_hide(&cloud->vm);
	/* Who prods its vCPUs has found it in the registry. */
	synchronize_rcu();
	vsb_raise_drop(cloud);
	vsb_vm_remove(&cloud->vm);
	vsb_inner_end(cloud->vm.kvm);
	if (cloud->veils)
		vsb_host->veil_put();
	if (cloud->screens)
		vsb_host->screen_put();
	vsb_host->put();
	vsb_cloud_put(cloud);
}

/* Has the guest hypervisor, shown exits that were not made, no answer to give any more? */
static bool vsb_cloud_is_answered(struct vsb_cloud *cloud)
{
	bool answered;

	mutex_lock(&cloud->lock);
	answered = cloud->gone || !vsb_raise_open(cloud);
	mutex_unlock(&cloud->lock);
	return answered;
}

static void vsb_cloud_drain_work(struct work_struct *work)
{
	struct vsb_cloud *cloud = container_of(to_delayed_work(work), struct vsb_cloud, drain);

	if (!vsb_cloud_is_answered(cloud)) {
		schedule_delayed_work(&cloud->drain, HZ / 10);
		return;
	}
	vsb_cloud_drop(cloud);
	/* The rest of this function is waited for when the module goes. */
	module_put(THIS_MODULE);
}

/*
 * The same, once user VMs have their registers back: a guest hypervisor that is paused has
 * them for as long as it likes, and may have them even then.
 */
static void vsb_cloud_end(struct vsb_cloud *cloud)
{
	unsigned long end = jiffies + msecs_to_jiffies(VSB_OPEN_MS);

	mutex_lock(&cloud->lock);
	WRITE_ONCE(cloud->started, false);
	WRITE_ONCE(cloud->irq, VSB_IRQ_EVENTS);
	vsb_raise_prod_all(cloud);
	mutex_unlock(&cloud->lock);
	while (!vsb_cloud_is_answered(cloud)) {
		if (time_after(jiffies, end)) {
			__module_get(THIS_MODULE);
			schedule_delayed_work(&cloud->drain, HZ / 10);
			return;
		}
		schedule_timeout_uninterruptible(1);
	}
	vsb_cloud_drop(cloud);
}

/* The process ends. Also called by vsb_vm_remove(). */
static void vsb_cloud_gone(struct vsb_vm *vm)
{
	struct vsb_cloud *cloud = vm->cloud;

	mutex_lock(&cloud->lock);
	cloud->gone = true;
	if (cloud->lingers) {
		cloud->lingers = false;
		schedule_delayed_work(&cloud->drain, 0);
	}
	mutex_unlock(&cloud->lock);
}

static const struct vsb_vm_ops vsb_cloud_vm_ops = {
	.gone = vsb_cloud_gone,
};

/* Is there a port that is not to go back to the guest hypervisor? Under @cloud->lock. */
static bool vsb_cloud_keeps(struct vsb_cloud *cloud)
{
	struct vsb_l2 *u;

	/* Proxies whose descriptors somebody has serve on. */
	if (!list_empty(&cloud->pool))
		return true;
	if (cloud->started && vsb_cloud_absorbs(cloud) &&
	    !bitmap_empty(cloud->ports, VSB_NR_PORTS))
		return true;
	list_for_each_entry(u, &cloud->uservms, node)
		if (rcu_access_pointer(u->slots) || u->absorb)
			return true;
	return false;
}

/* Under cloud->lock. */
static void vsb_cloud_freeze_for(struct vsb_cloud *cloud, unsigned long ms)
{
	bool still = ms && vsb_cloud_is_frozen(cloud);

	/* Before it is frozen: what is left of the last time is not done now. */
	if (!still)
		vsb_give_ends(cloud);
	WRITE_ONCE(cloud->thaw, jiffies + msecs_to_jiffies(ms));
	WRITE_ONCE(cloud->frozen, ms != 0);
	if (still)
		vsb_give_lasts(cloud);
}

static int vsb_cloud_release(struct inode *inode, struct file *file)
{
	struct vsb_cloud *cloud = file->private_data;
	struct vsb_proxy *proxy;

	mutex_lock(&cloud->lock);
	WRITE_ONCE(cloud->closed, true);
	cloud->lingers = (cloud->flags & VSB_CLOUD_ABSORB_ON_CLOSE) && !cloud->gone &&
			 vsb_cloud_keeps(cloud);
	if (cloud->lingers) {
		vsb_cloud_freeze_for(cloud, 0);
		__module_get(THIS_MODULE);
		mutex_unlock(&cloud->lock);
		return 0;
	}
	list_for_each_entry(proxy, &cloud->pool, node)
		vsb_proxy_kill(proxy);
	mutex_unlock(&cloud->lock);
	vsb_cloud_end(cloud);
	return 0;
}

/* A proxy has left the pool. The caller has a reference to @cloud and the module. */
void vsb_cloud_left(struct vsb_cloud *cloud)
{
	bool drop;

	mutex_lock(&cloud->lock);
	drop = cloud->lingers && !vsb_cloud_keeps(cloud);
	if (drop)
		cloud->lingers = false;
	mutex_unlock(&cloud->lock);
	if (drop) {
		vsb_cloud_end(cloud);
		module_put(THIS_MODULE);
	}
}

/* A user VM of it is to have a veil. Return: 0, or as vsb_host->veil_get(). */
int vsb_cloud_veil(struct vsb_cloud *cloud)
{
	int ret = vsb_host->veil_get();
	bool more;

	if (ret)
		return ret;
	mutex_lock(&cloud->lock);
	more = cloud->veils || cloud->dead;
	if (!more)
		WRITE_ONCE(cloud->veils, true);
	mutex_unlock(&cloud->lock);
	if (more)
		vsb_host->veil_put();
	return 0;
}

/* A user VM of it is to have a screen. Return: 0, or as vsb_host->screen_get(). */
int vsb_cloud_screen(struct vsb_cloud *cloud)
{
	int ret = vsb_host->screen_get();
	bool more;

	if (ret)
		return ret;
	mutex_lock(&cloud->lock);
	more = cloud->screens || cloud->dead;
	if (!more)
		WRITE_ONCE(cloud->screens, true);
	mutex_unlock(&cloud->lock);
	if (more)
		vsb_host->screen_put();
	return 0;
}

/* Under cloud->lock. */
static struct vsb_l2 *vsb_cloud_nth_uservm(struct vsb_cloud *cloud, u32 index)
{
	struct vsb_l2 *u;

	list_for_each_entry(u, &cloud->uservms, node)
		if (!index--)
			return u;
	return NULL;
}

/**
 * vsb_get_uservm - VSB_GET_USERVM
 * @argp: struct vsb_uservm of user space
 * @cloud: the cloud VM
 * @proxy: of which proxy, or NULL: by index
 *
 * Return: 0 or an error as the UAPI header documents.
 */
long vsb_get_uservm(void __user *argp, struct vsb_cloud *cloud, struct vsb_proxy *proxy)
{
	struct vsb_uservm info;
	struct vsb_l2 *u;
	u32 index;

	if (copy_from_user(&info, argp, sizeof(info)))
		return -EFAULT;
	index = info.index;
	info.index = 0;
	if (memchr_inv(&info, 0, sizeof(info)))
		return -EINVAL;
	info.index = index;

	mutex_lock(&cloud->lock);
	u = proxy ? vsb_locked(cloud, proxy->uservm) : vsb_cloud_nth_uservm(cloud, index);
	if (u)
		vsb_uservm_info(cloud, u, &info);
	mutex_unlock(&cloud->lock);
	if (!u)
		return -ENOENT;
	return copy_to_user(argp, &info, sizeof(info)) ? -EFAULT : 0;
}

static long vsb_cloud_start(struct vsb_cloud *cloud)
{
	long ret = 0;

	mutex_lock(&cloud->lock);
	if (cloud->started && !cloud->closed)
		ret = -EALREADY;
	WRITE_ONCE(cloud->started, true);
	WRITE_ONCE(cloud->closed, false);	/* taken over */
	mutex_unlock(&cloud->lock);
	return ret;
}

static bool vsb_cloud_drained(struct vsb_cloud *cloud)
{
	bool drained = true;
	struct vsb_l2 *u;

	mutex_lock(&cloud->lock);
	list_for_each_entry(u, &cloud->uservms, node)
		if (rcu_access_pointer(u->proxy) && !vsb_slots_drained(vsb_locked(cloud, u->slots)))
			drained = false;
	mutex_unlock(&cloud->lock);
	return drained;
}

static long vsb_cloud_freeze(struct vsb_cloud *cloud, unsigned long ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(min(ms, VSB_DRAIN_MS));

	if (ms > VSB_MAX_FREEZE_MS)
		return -EINVAL;
	mutex_lock(&cloud->lock);
	vsb_cloud_freeze_for(cloud, ms);
	mutex_unlock(&cloud->lock);
	if (ms) {
		vsb_cloud_quiesce(cloud);
		/* Nobody writes any more: what devices have of it goes out. */
		while (!vsb_cloud_drained(cloud) && time_before(jiffies, end) &&
		       !signal_pending(current))
			schedule_timeout_interruptible(1);
	}
	return 0;
}

static long vsb_cloud_count_unbound(struct vsb_cloud *cloud)
{
	u32 nr;

	mutex_lock(&cloud->lock);
	nr = cloud->nr_unbound;
	mutex_unlock(&cloud->lock);
	return nr;
}

static long vsb_cloud_set_flags(struct vsb_cloud *cloud, void __user *argp)
{
	u32 flags;

	if (copy_from_user(&flags, argp, sizeof(flags)))
		return -EFAULT;
	if (flags & ~VSB_CLOUD_ABSORB_ON_CLOSE)
		return -EINVAL;
	mutex_lock(&cloud->lock);
	cloud->flags = flags;
	mutex_unlock(&cloud->lock);
	return 0;
}

static long vsb_cloud_set_irq(struct vsb_cloud *cloud, void __user *argp)
{
	struct vsb_proxy *proxy;
	u32 irq;

	if (copy_from_user(&irq, argp, sizeof(irq)))
		return -EFAULT;
	if (!irq || irq & ~(VSB_IRQ_EVENTS | VSB_IRQ_EXITS | VSB_IRQ_DIRECT) ||
	    (irq & VSB_IRQ_DIRECT && !(irq & VSB_IRQ_EXITS)))
		return -EINVAL;
	mutex_lock(&cloud->lock);
	WRITE_ONCE(cloud->irq, irq);
	/* What waits comes the new way. */
	list_for_each_entry(proxy, &cloud->pool, node)
		vsb_proxy_edges(proxy);
	vsb_raise_prod_all(cloud);
	mutex_unlock(&cloud->lock);
	return 0;
}

static long vsb_cloud_create_proxy(struct vsb_cloud *cloud, void __user *argp)
{
	struct vsb_create_proxy args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return vsb_proxy_open(cloud, &args);
}

static long vsb_cloud_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vsb_cloud *cloud = file->private_data;
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case VSB_CREATE_PROXY:
		return vsb_cloud_create_proxy(cloud, argp);
	case VSB_START:
		return arg ? -EINVAL : vsb_cloud_start(cloud);
	case VSB_SET_ON_CLOSE:
		return vsb_cloud_set_flags(cloud, argp);
	case VSB_FREEZE:
		return vsb_cloud_freeze(cloud, arg);
	case VSB_COUNT_UNBOUND:
		return arg ? -EINVAL : vsb_cloud_count_unbound(cloud);
	case VSB_SET_IRQ:
		return vsb_cloud_set_irq(cloud, argp);
	case VSB_GET_USERVM:
		return vsb_get_uservm(argp, cloud, NULL);
	}
	return -ENOTTY;
}

static const struct file_operations vsb_cloud_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vsb_cloud_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vsb_cloud_release,
	.llseek = noop_llseek,
};

static int vsb_cloud_install(struct vsb_cloud *cloud, int fd)
{
	struct file *file;

	file = anon_inode_getfile("[vsbypass-cloud]", &vsb_cloud_fops, cloud, O_RDWR);
	if (IS_ERR(file))
		return PTR_ERR(file);
	fd_install(fd, file);
	return fd;
}

/* KVM is held. Return: a descriptor, -ENOENT: no cloud lingers for this VM, or an error. */
static int vsb_cloud_take_over(const struct vsb_create_cloud *args, int fd)
{
	struct file *file = fget(args->vm_fd);
	struct vsb_cloud *cloud = NULL;
	int ret = -ENOENT;
	struct kvm *kvm;

	if (!file)
		return -EBADF;
	kvm = vsb_host->vm(file);
	if (kvm)
		cloud = vsb_cloud_get(kvm);
	fput(file);
	if (!cloud)
		return -ENOENT;
	mutex_lock(&cloud->lock);
	if (cloud->lingers) {
		ret = vsb_cloud_install(cloud, fd);
		if (ret >= 0) {
			cloud->lingers = false;
			cloud->flags = args->flags;
			WRITE_ONCE(cloud->unclaimed, args->unclaimed);
			/* Until VSB_START only proxies serve, no front alone. */
			module_put(THIS_MODULE);
		}
	}
	mutex_unlock(&cloud->lock);
	vsb_cloud_put(cloud);
	return ret;
}

static struct vsb_cloud *vsb_cloud_alloc(const struct vsb_create_cloud *args)
{
	struct vsb_cloud *cloud = kzalloc(sizeof(*cloud), GFP_KERNEL_ACCOUNT);

	if (!cloud)
		return NULL;
	if (init_srcu_struct(&cloud->serving)) {
		kfree(cloud);
		return NULL;
	}
	kref_init(&cloud->ref);
	mutex_init(&cloud->lock);
	INIT_LIST_HEAD(&cloud->pool);
	INIT_LIST_HEAD(&cloud->uservms);
	INIT_DELAYED_WORK(&cloud->drain, vsb_cloud_drain_work);
	xa_init(&cloud->roots);
	xa_init(&cloud->anchors);
	vsb_inner_init(&cloud->inners);
	cloud->vm.cloud = cloud;
	cloud->flags = args->flags;
	cloud->unclaimed = args->unclaimed;
	cloud->irq = VSB_IRQ_EVENTS;
	cloud->ports = kvzalloc(VSB_NR_PORTS / BITS_PER_BYTE, GFP_KERNEL_ACCOUNT);
	cloud->vcpus = kvcalloc(vsb_host->max_vcpus, sizeof(*cloud->vcpus), GFP_KERNEL_ACCOUNT);
	if (!cloud->ports || !cloud->vcpus) {
		vsb_cloud_put(cloud);
		return NULL;
	}
	return cloud;
}

/**
 * vsb_cloud_open - VSB_CREATE_CLOUD
 * @args: from user space, unchecked
 *
 * Return: a descriptor, or an error as the UAPI header documents.
 */
int vsb_cloud_open(const struct vsb_create_cloud *args)
{
	struct vsb_cloud *cloud;
	int fd, ret;

	if (args->flags & ~VSB_CLOUD_ABSORB_ON_CLOSE ||
	    args->unclaimed > VSB_UNCLAIMED_REFLECT ||
	    memchr_inv(args->pad, 0, sizeof(args->pad)))
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC | O_RDWR);
	if (fd < 0)
		return fd;
	/* Nothing is asked of KVM before: it may not be the one that was asked last. */
	ret = vsb_host->get();
	if (ret)
		goto put_fd;
	ret = vsb_cloud_take_over(args, fd);
	if (ret >= 0) {
		vsb_host->put();		/* it has one */
		return ret;
	}
	if (ret != -ENOENT)
		goto put_hook;
	ret = -ENOMEM;
	cloud = vsb_cloud_alloc(args);
	if (!cloud)
		goto put_hook;
	ret = vsb_vm_add(&cloud->vm, args->vm_fd, &vsb_cloud_vm_ops);
	if (ret)
		goto put_cloud;
	ret = vsb_cloud_install(cloud, fd);
	if (ret < 0)
		goto remove;
	return ret;

remove:
	vsb_vm_remove(&cloud->vm);
put_cloud:
	vsb_cloud_put(cloud);
put_hook:
	vsb_host->put();
put_fd:
	put_unused_fd(fd);
	return ret;
}
