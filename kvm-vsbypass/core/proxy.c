// SPDX-License-Identifier: GPL-2.0
/*
 * A proxy VM: its unmodified VMM believes that a guest makes port accesses, while no guest
 * code ever runs (queue.c). Its descriptor yields its interrupt edges (lines.c). This is
 * its life.
 */
#include <linux/anon_inodes.h>
#include <linux/ctype.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core/cloud.h"
#include "core/compat.h"
#include "core/host.h"
#include "core/identity.h"
#include "core/memory.h"
#include "core/proxy.h"
#include "core/giveback.h"
#include "core/uservm.h"
#include "core/veil.h"
#include "core/vram.h"
#include "devices/claims.h"

static void vsb_proxy_free(struct kref *ref)
{
	struct vsb_proxy *proxy = container_of(ref, struct vsb_proxy, ref);

	vsb_identity_free_key(proxy);
	vsb_vram_put(proxy->vram);
	vsb_cloud_put(proxy->cloud);
	kfree_rcu(proxy->claims, rcu);
	kfree_rcu(proxy, rcu);
}

void vsb_proxy_put(struct vsb_proxy *proxy)
{
	kref_put(&proxy->ref, vsb_proxy_free);
}

struct vsb_proxy *vsb_proxy_get(struct kvm *kvm)
{
	struct vsb_proxy *proxy = NULL;
	struct vsb_vm *vm;

	rcu_read_lock();
	vm = vsb_vm_find(kvm);
	if (vm && vm->proxy && kref_get_unless_zero(&vm->proxy->ref))
		proxy = vm->proxy;
	rcu_read_unlock();
	return proxy;
}

/* Callback context. */
bool vsb_proxy_is(struct kvm *kvm)
{
	struct vsb_vm *vm;
	bool proxy;

	if (!vsb_vm_maybe(kvm))
		return false;
	rcu_read_lock();
	vm = vsb_vm_find(kvm);
	proxy = vm && vm->proxy;
	rcu_read_unlock();
	return proxy;
}

void vsb_proxy_count(struct vsb_proxy *proxy, enum vsb_counter c)
{
	struct vsb_l2 *u;

	rcu_read_lock();
	u = rcu_dereference(proxy->uservm);
	if (u)
		vsb_count(u, c);
	rcu_read_unlock();
}

/* ---- life ---- */

/* Tell the reader that the binding or its frames changed. */
void vsb_proxy_notify(struct vsb_proxy *proxy)
{
	spin_lock(&proxy->lock);
	proxy->changed = true;
	spin_unlock(&proxy->lock);
	wake_up_interruptible(&proxy->events);
}

static void vsb_proxy_expire_work(struct work_struct *work)
{
	struct vsb_proxy *proxy = container_of(to_delayed_work(work), struct vsb_proxy, expire);
	struct vsb_l2 *u;
	u64 until = 0;

	rcu_read_lock();
	u = rcu_dereference(proxy->uservm);
	if (u) {
		vsb_uservm_expire(u);
		until = vsb_identity_until(u);
	}
	rcu_read_unlock();
	/* It has been proved anew. */
	vsb_proxy_expire_at(proxy, until);
}

/* Have the reader told when the proof of the user VM is over. 0: it has no end. */
void vsb_proxy_expire_at(struct vsb_proxy *proxy, u64 until)
{
	u64 now = ktime_get_boottime_ns();
	unsigned long delay = nsecs_to_jiffies(until > now ? until - now : 0) + 1;

	spin_lock(&proxy->lock);
	if (until && !proxy->dead)
		mod_delayed_work(vsb_wq, &proxy->expire, delay);
	spin_unlock(&proxy->lock);
}

/* It answers nothing any more; all that wait are released. Any context. */
void vsb_proxy_kill(struct vsb_proxy *proxy)
{
	vsb_proxy_release_all(proxy);
	/* Its guest has never run and never shall. One that it gets now: vsb_proxy_has_vm(). */
	if (proxy->opened && !vsb_proxy_rests(proxy))
		vsb_host->kill(proxy->vm.kvm);
	wake_up_interruptible_all(&proxy->events);
}

/* Its process ends: no need to let a user VM wait for a time-out. */
static void vsb_proxy_gone(struct vsb_vm *vm)
{
	vsb_proxy_kill(vm->proxy);
}

static const struct vsb_vm_ops vsb_proxy_vm_ops = {
	.gone = vsb_proxy_gone,
};

static long vsb_proxy_report_all(struct vsb_proxy *proxy)
{
	spin_lock(&proxy->lock);
	vsb_irq_forget(&proxy->irqs);
	proxy->changed = true;
	proxy->wants = proxy->wanted;
	spin_unlock(&proxy->lock);
	wake_up_interruptible(&proxy->events);
	return 0;
}

static ssize_t vsb_proxy_read(struct file *file, char __user *buf, size_t count,
			      loff_t *pos)
{
	struct vsb_proxy *proxy = file->private_data;
	struct vsb_event event;
	size_t n = 0;
	bool more;
	int ret;

	if (count < sizeof(event))
		return -EINVAL;
	for (;;) {
		spin_lock(&proxy->lock);
		if (proxy->changed) {
			proxy->changed = false;
			event = (struct vsb_event){ .type = VSB_EVENT_USERVM };
			more = true;
		} else if (proxy->wants) {
			proxy->wants = false;
			event = (struct vsb_event){ .type = VSB_EVENT_WANTED };
			more = true;
		} else {
			more = vsb_proxy_tells(proxy) && vsb_irq_next(&proxy->irqs, &event);
			vsb_proxy_settle_soon(proxy, false);
			if (!more)
				proxy->late = false;
		}
		spin_unlock(&proxy->lock);
		if (more) {
			if (copy_to_user(buf + n, &event, sizeof(event))) {
				/* Nobody has got it. */
				vsb_proxy_report_all(proxy);
				return n ?: -EFAULT;
			}
			n += sizeof(event);
			if (n + sizeof(event) > count)
				return n;
			continue;
		}
		if (n || READ_ONCE(proxy->dead))
			return n;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_interruptible(proxy->events,
					       READ_ONCE(proxy->changed) ||
					       READ_ONCE(proxy->wants) ||
					       READ_ONCE(proxy->dead) ||
					       vsb_proxy_tells(proxy));
		if (ret)
			return ret;
	}
}

static __poll_t vsb_proxy_poll(struct file *file, poll_table *wait)
{
	struct vsb_proxy *proxy = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &proxy->events, wait);
	spin_lock(&proxy->lock);
	if (proxy->changed || proxy->wants || vsb_proxy_tells(proxy))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (proxy->dead)
		mask |= EPOLLHUP;
	spin_unlock(&proxy->lock);
	return mask;
}

static long vsb_proxy_unbind(struct vsb_proxy *proxy)
{
	struct vsb_cloud *cloud = proxy->cloud;
	struct vsb_l2 *u;

	mutex_lock(&cloud->lock);
	u = vsb_locked(cloud, proxy->uservm);
	if (u) {
		vsb_uservm_disown(cloud, u);
		/* Who says so knows that it has ended. */
		vsb_veil_end(cloud, u);
		vsb_proxy_retire(cloud, proxy);
	}
	mutex_unlock(&cloud->lock);
	return u ? 0 : -ENOENT;
}

/* Its VM is in the registry, and ours from now on. Return: -ESRCH: it was dead before. */
static long vsb_proxy_has_vm(struct vsb_proxy *proxy)
{
	bool dead;

	spin_lock(&proxy->lock);
	WRITE_ONCE(proxy->has_vm, true);
	dead = proxy->dead;
	spin_unlock(&proxy->lock);
	if (dead && proxy->opened)
		vsb_host->kill(proxy->vm.kvm);
	return dead ? -ESRCH : 0;
}

/* The user VM that it has, if any, finds the new VM as that of a new proxy. Under cloud->lock. */
static long vsb_proxy_wakes(struct vsb_proxy *proxy)
{
	struct vsb_l2 *u = vsb_locked(proxy->cloud, proxy->uservm);
	struct vsb_slots *slots;
	long ret;

	if (u)
		vsb_proxy_set_replay(proxy, u);
	ret = vsb_proxy_has_vm(proxy);
	if (u && !ret) {
		slots = vsb_locked(proxy->cloud, u->slots);
		vsb_slots_attach(slots, proxy);
		vsb_slots_attached(u, slots);
	}
	wake_up_all(&proxy->work);
	return ret;
}

/* Nobody else gives it one meanwhile. */
static long vsb_proxy_take_turn(struct vsb_proxy *proxy)
{
	struct vsb_cloud *cloud = proxy->cloud;
	long ret = 0;

	mutex_lock(&cloud->lock);
	if (!vsb_proxy_rests(proxy) || proxy->taking)
		ret = -EEXIST;
	else if (READ_ONCE(proxy->dead))
		ret = -ESRCH;
	else
		proxy->taking = true;
	mutex_unlock(&cloud->lock);
	return ret;
}

static long vsb_proxy_set_vm(struct vsb_proxy *proxy, unsigned long fd)
{
	struct vsb_cloud *cloud = proxy->cloud;
	long ret;

	if (fd > INT_MAX)
		return -EBADF;
	ret = vsb_proxy_take_turn(proxy);
	if (ret)
		return ret;
	ret = vsb_vm_add(&proxy->vm, fd, &vsb_proxy_vm_ops);
	mutex_lock(&cloud->lock);
	if (!ret)
		ret = vsb_proxy_wakes(proxy);
	proxy->taking = false;
	mutex_unlock(&cloud->lock);
	return ret;
}

static long vsb_proxy_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vsb_proxy *proxy = file->private_data;

	switch (cmd) {
	case VSB_GET_USERVM:
		return vsb_get_uservm((void __user *)arg, proxy->cloud, proxy);
	case VSB_UNBIND:
		return arg ? -EINVAL : vsb_proxy_unbind(proxy);
	case VSB_SET_KEY:
		return vsb_identity_set_key(proxy, (void __user *)arg);
	case VSB_REPORT_ALL:
		return arg ? -EINVAL : vsb_proxy_report_all(proxy);
	case VSB_GIVE_BACK:
		return arg ? -EINVAL : vsb_give_back(proxy);
	case VSB_SET_VM:
		return vsb_proxy_set_vm(proxy, arg);
	case VSB_GET_MEMORY:
		return vsb_memory_open(proxy, arg);
	}
	return -ENOTTY;
}

/* Out of the pool, if it is there. Under cloud->lock. */
static void vsb_proxy_leave(struct vsb_cloud *cloud, struct vsb_proxy *proxy)
{
	if (list_empty(&proxy->node))
		return;
	list_del_init(&proxy->node);
	cloud->nr_proxies--;
	vsb_uservm_lose_proxy(cloud, proxy);
}

/* Its user VM is no more, or has another one. Under cloud->lock. */
void vsb_proxy_retire(struct vsb_cloud *cloud, struct vsb_proxy *proxy)
{
	vsb_proxy_leave(cloud, proxy);
	vsb_proxy_kill(proxy);
}

/* Nothing of it runs any more, but for who holds a reference. */
static void vsb_proxy_stop(struct vsb_proxy *proxy)
{
	vsb_proxy_kill(proxy);
	vsb_proxy_stop_lines(proxy);
	cancel_delayed_work_sync(&proxy->expire);
	if (!vsb_proxy_rests(proxy))
		vsb_vm_remove(&proxy->vm);
}

static int vsb_proxy_release(struct inode *inode, struct file *file)
{
	struct vsb_proxy *proxy = file->private_data;
	struct vsb_cloud *cloud = proxy->cloud;

	mutex_lock(&cloud->lock);
	vsb_proxy_leave(cloud, proxy);
	mutex_unlock(&cloud->lock);

	vsb_proxy_stop(proxy);
	vsb_cloud_left(cloud);
	vsb_proxy_put(proxy);	/* of the pool */
	vsb_proxy_put(proxy);
	return 0;
}

static const struct file_operations vsb_proxy_fops = {
	.owner = THIS_MODULE,
	.read = vsb_proxy_read,
	.poll = vsb_proxy_poll,
	.unlocked_ioctl = vsb_proxy_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = vsb_proxy_release,
	.llseek = noop_llseek,
};

static bool vsb_name_ok(const char *name)
{
	size_t i, len = strnlen(name, VSB_NAME_LEN);

	if (!len || len == VSB_NAME_LEN || !isalnum(name[0]))
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || !(isalnum(name[i]) || strchr("._-", name[i])))
			return false;
	return !memchr_inv(name + len, 0, VSB_NAME_LEN - len);
}

/* Put it at the end of the pool. */
static int vsb_proxy_join(struct vsb_cloud *cloud, struct vsb_proxy *proxy)
{
	struct vsb_proxy *other, *next;
	int ret = 0;
	u32 i, port;

	mutex_lock(&cloud->lock);
	if (cloud->dead)
		ret = -ESRCH;
	else if (cloud->nr_proxies >= VSB_MAX_PROXIES)
		ret = -ENOSPC;
	list_for_each_entry_safe(other, next, &cloud->pool, node) {
		if (strcmp(other->name, proxy->name))
			continue;
		/* One whose process has ended may still have a descriptor. */
		if (READ_ONCE(other->dead))
			vsb_proxy_leave(cloud, other);
		else
			ret = -EEXIST;
	}
	if (!ret) {
		kref_get(&proxy->ref);
		list_add_tail(&proxy->node, &cloud->pool);
		cloud->nr_proxies++;
		WRITE_ONCE(cloud->nr_free, cloud->nr_free + 1);
		for (i = 0; i < proxy->claims->nr; i++)
			for (port = proxy->claims->ranges[i].first;
			     port <= proxy->claims->ranges[i].last; port++)
				set_bit(port, cloud->ports);
		vsb_uservm_adopt(cloud, proxy);
	}
	mutex_unlock(&cloud->lock);
	return ret;
}

/* Has it a graphics card for its user VM? */
static bool vsb_proxy_has_card(const struct vsb_create_proxy *args)
{
	u32 i;

	for (i = 0; i < args->nr_ranges && i < VSB_MAX_RANGES; i++)
		if (args->ranges[i].device == VSB_DEV_VGA)
			return true;
	return false;
}

/* Has it a VM, or is to have one later? What a graphics card shows is in that. */
static bool vsb_proxy_vm_ok(const struct vsb_create_proxy *args)
{
	if (!(args->flags & VSB_PROXY_RESTS))
		return true;
	return args->vm_fd == -1 && !vsb_proxy_has_card(args);
}

/* Behind a veil the hypervisor does not find the instruction that it is to emulate. */
static bool vsb_proxy_card_ok(const struct vsb_create_proxy *args)
{
	if (!vsb_proxy_has_card(args))
		return !args->vram_mib && !args->vram_frame;
	return args->vram_mib && args->vram_mib <= VSB_MAX_VRAM_MIB && !args->veil_mib;
}

/* Take the memory of its graphics card. */
static int vsb_proxy_see(struct vsb_proxy *proxy, const struct vsb_create_proxy *args)
{
	struct vsb_vram *vram;

	if (!args->vram_mib)
		return 0;
	vram = vsb_vram_create(proxy->vm.kvm, args->vram_frame, args->vram_mib);
	if (IS_ERR(vram))
		return PTR_ERR(vram);
	/* It is whole before vsb_vram_sync() sees it. */
	smp_store_release(&proxy->vram, vram);
	return 0;
}

/**
 * vsb_proxy_open - VSB_CREATE_PROXY
 * @cloud: the cloud VM; the caller holds a reference
 * @args: from user space, unchecked
 *
 * Return: a descriptor, or an error as the UAPI header documents.
 */
int vsb_proxy_open(struct vsb_cloud *cloud, const struct vsb_create_proxy *args)
{
	struct vsb_claims *claims;
	struct vsb_proxy *proxy;
	struct file *file;
	int fd, ret;

	if (args->flags & ~(VSB_PROXY_REQUIRED | VSB_PROXY_NO_FRONT | VSB_PROXY_RESTS) ||
	    memchr_inv(args->pad, 0, sizeof(args->pad)) ||
	    args->timeout_ms > 60000 || args->veil_mib > VSB_MAX_VEIL_MIB ||
	    !vsb_name_ok(args->name) || !vsb_proxy_card_ok(args) || !vsb_proxy_vm_ok(args))
		return -EINVAL;
	if (args->veil_mib) {
		ret = vsb_cloud_veil(cloud);
		if (ret)
			return ret;
	}
	if (args->vram_mib) {
		ret = vsb_cloud_screen(cloud);
		if (ret)
			return ret;
	}
	claims = vsb_claims_create(args->ranges, args->nr_ranges);
	if (IS_ERR(claims))
		return PTR_ERR(claims);
	proxy = kzalloc(sizeof(*proxy), GFP_KERNEL_ACCOUNT);
	if (!proxy) {
		kfree(claims);
		return -ENOMEM;
	}
	kref_init(&proxy->ref);
	kref_get(&cloud->ref);
	proxy->cloud = cloud;
	proxy->claims = claims;
	proxy->required = args->flags & VSB_PROXY_REQUIRED;
	proxy->veil = (u64)args->veil_mib << (20 - PAGE_SHIFT);
	memcpy(proxy->name, args->name, sizeof(proxy->name));
	proxy->timeout = msecs_to_jiffies(args->timeout_ms ?: 5000);
	proxy->front = !(args->flags & VSB_PROXY_NO_FRONT);
	proxy->keeps = args->flags & VSB_PROXY_RESTS;
	proxy->replay_by = -1;
	spin_lock_init(&proxy->lock);
	init_waitqueue_head(&proxy->work);
	init_waitqueue_head(&proxy->ready);
	init_waitqueue_head(&proxy->events);
	INIT_LIST_HEAD(&proxy->queue);
	INIT_DELAYED_WORK(&proxy->expire, vsb_proxy_expire_work);
	vsb_proxy_init_lines(proxy);
	proxy->vm.proxy = proxy;

	fd = get_unused_fd_flags(O_CLOEXEC | O_RDWR);
	if (fd < 0) {
		ret = fd;
		goto put;
	}
	if (!proxy->keeps) {
		ret = vsb_vm_add(&proxy->vm, args->vm_fd, &vsb_proxy_vm_ops);
		if (ret)
			goto put_fd;
		vsb_proxy_has_vm(proxy);
	}
	ret = vsb_proxy_see(proxy, args);
	if (ret)
		goto remove;
	ret = vsb_proxy_join(cloud, proxy);
	if (ret)
		goto remove;
	file = anon_inode_getfile("[vsbypass-proxy]", &vsb_proxy_fops, proxy, O_RDWR);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto leave;
	}
	proxy->opened = true;
	fd_install(fd, file);
	return fd;

leave:
	mutex_lock(&cloud->lock);
	vsb_proxy_leave(cloud, proxy);
	mutex_unlock(&cloud->lock);
	vsb_proxy_put(proxy);
remove:
	vsb_proxy_stop(proxy);
put_fd:
	put_unused_fd(fd);
put:
	vsb_proxy_put(proxy);
	return ret;
}
