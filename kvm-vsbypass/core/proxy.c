// SPDX-License-Identifier: GPL-2.0
/*
 * A proxy VM: its unmodified VMM believes that a guest makes port accesses,
 * while KVM_RUN never enters one. Accesses of the user VM wait in a queue; a
 * vCPU thread of the proxy takes one out with KVM_EXIT_IO and completes it at
 * its next KVM_RUN. The descriptor of the proxy yields its interrupt edges.
 */
#include <linux/anon_inodes.h>
#include <linux/completion.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vsb.h"
#include "trace.h"

/*
 * Edges of a line are held for a handler that is at work: until it has taken a
 * last look, until nobody has touched the device for a moment, but not longer
 * than the most, for a driver that polls while it waits for an interrupt.
 */
#define VSB_HOLD_MS		20
#define VSB_HOLD_MOST_MS	400

/* A fall of a line is reported with the next rise; this is the end of waiting for one. */
#define VSB_SETTLE_MS		400

/* A UART that is blocked, and has perhaps no interrupt for the end of that. */
#define VSB_POLL_MS		20

/* A pause of the line behind a burst of input: what the burst takes at 115200 baud. */
#define VSB_MOMENT_MS		10

/**
 * struct vsb_access - an access in flight, on the stack of the vCPU that waits
 * @node:	in proxy->queue until it is taken; proxy->lock
 * @pio:	what
 * @data:	little endian; for reads valid when @served
 * @served:	answered, as opposed to given up; proxy->lock
 * @done:	completed under proxy->lock, so that the waiter, which takes the
 *		lock before it returns, cannot pull the stack away
 */
struct vsb_access {
	struct list_head node;
	struct vsb_pio pio;
	u32 data;
	bool served;
	struct completion done;
};

static void vsb_proxy_free(struct kref *ref)
{
	struct vsb_proxy *proxy = container_of(ref, struct vsb_proxy, ref);

	vsb_identity_free_key(proxy);
	vsb_cloud_put(proxy->cloud);
	kfree_rcu(proxy->claims, rcu);
	kfree_rcu(proxy, rcu);
}

void vsb_proxy_put(struct vsb_proxy *proxy)
{
	kref_put(&proxy->ref, vsb_proxy_free);
}

static struct vsb_proxy *vsb_proxy_get(struct kvm *kvm)
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

static void vsb_proxy_count(struct vsb_proxy *proxy, enum vsb_counter c)
{
	struct vsb_l2 *u;

	rcu_read_lock();
	u = rcu_dereference(proxy->uservm);
	if (u)
		vsb_count(u, c);
	rcu_read_unlock();
}

/* ---- the user VM's side; vCPU context of the cloud VM ---- */

bool vsb_proxy_idle(struct vsb_proxy *proxy)
{
	return READ_ONCE(proxy->idle);
}

static bool vsb_proxy_answers(struct vsb_proxy *proxy)
{
	return READ_ONCE(proxy->idle) || READ_ONCE(proxy->dead) ||
	       READ_ONCE(proxy->stalled);
}

/* It missed its time; until it comes back to KVM_RUN nobody waits for it. */
static void vsb_proxy_stall(struct vsb_proxy *proxy)
{
	spin_lock(&proxy->lock);
	if (!proxy->idle)
		proxy->stalled = true;
	spin_unlock(&proxy->lock);
	wake_up_all(&proxy->ready);
}

/**
 * vsb_proxy_wait_idle - wait until somebody would take an access at once
 * @proxy: the proxy
 *
 * Return: 0, also if nobody ever will, -ETIMEDOUT: since now, or -ERESTARTSYS: a
 * signal came first.
 */
int vsb_proxy_wait_idle(struct vsb_proxy *proxy)
{
	long left;

	if (vsb_proxy_answers(proxy))
		return 0;
	left = wait_event_interruptible_timeout(proxy->ready, vsb_proxy_answers(proxy),
						proxy->timeout);
	if (left)
		return left < 0 ? left : 0;
	vsb_proxy_stall(proxy);
	return -ETIMEDOUT;
}

/**
 * vsb_proxy_access - have an access done
 * @proxy: by this proxy
 * @pio: the access
 * @data: value to write, or where to put the value read
 *
 * Return: 0, -ENODEV: the proxy is gone or has stalled, -ETIMEDOUT: it does so
 * now, -EINTR: the waiting thread is being killed.
 */
int vsb_proxy_access(struct vsb_proxy *proxy, const struct vsb_pio *pio, u32 *data)
{
	struct vsb_access access = {
		.node = LIST_HEAD_INIT(access.node),
		.pio = *pio,
		.data = pio->in ? 0 : *data,
	};
	long left;
	int i;

	init_completion(&access.done);
	spin_lock(&proxy->lock);
	if (proxy->dead || proxy->stalled) {
		spin_unlock(&proxy->lock);
		return -ENODEV;
	}
	list_add_tail(&access.node, &proxy->queue);
	proxy->touched = true;
	spin_unlock(&proxy->lock);
	wake_up(&proxy->work);

	left = wait_for_completion_killable_timeout(&access.done, proxy->timeout);

	spin_lock(&proxy->lock);
	list_del(&access.node);
	for (i = 0; i < VSB_MAX_SERVERS; i++)
		if (proxy->server[i] == &access)
			proxy->server[i] = NULL;
	if (!access.served && !left)
		proxy->stalled = true;
	spin_unlock(&proxy->lock);

	if (access.served) {
		*data = access.data;
		return 0;
	}
	if (!left)
		return -ETIMEDOUT;
	return left < 0 ? -EINTR : -ENODEV;
}

/* ---- the VMM's side; vCPU context of the proxy ---- */

/* Under proxy->lock. */
static void vsb_proxy_complete(struct vsb_proxy *proxy, struct kvm_vcpu *vcpu)
{
	int n = vcpu->vcpu_idx;
	struct vsb_access *access = proxy->server[n];

	if (proxy->replay_by == n) {
		vsb_proxy_count(proxy, VSB_C_REPLAYS);
		proxy->replay_by = -1;
		proxy->replay_pos++;
		/* Accesses may have waited for the last one. */
		wake_up(&proxy->work);
	}
	if (!access)
		return;
	if (access->pio.in)
		memcpy(&access->data, vcpu->arch.pio_data, access->pio.size);
	proxy->server[n] = NULL;
	access->served = true;
	complete(&access->done);
}

/* Outside of proxy->lock: com->lock comes first. */
static void vsb_proxy_complete_job(struct vsb_proxy *proxy, struct kvm_vcpu *vcpu)
{
	struct vsb_com_job *job = &proxy->job[vcpu->vcpu_idx];

	if (!job->serial)
		return;
	vsb_com_complete(proxy, job, vcpu->arch.pio_data);
	job->serial = 0;
}

/* Hand the VMM a KVM_EXIT_IO: @count accesses to one port. */
static void vsb_proxy_exit_io(struct kvm_vcpu *vcpu, const struct vsb_pio *pio, u32 count,
			      const void *data)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = pio->in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = pio->size;
	run->io.port = pio->port;
	run->io.count = count;
	run->io.data_offset = KVM_PIO_PAGE_OFFSET * PAGE_SIZE;
	memcpy(vcpu->arch.pio_data, data, count * pio->size);
}

/* The user VM waits for an access; nobody waits for this. */
static bool vsb_proxy_take_job(struct vsb_proxy *proxy, struct kvm_vcpu *vcpu)
{
	struct vsb_pio pio = { .size = 1 };
	struct vsb_io io;

	if (!vsb_com_take(proxy, &proxy->job[vcpu->vcpu_idx], &io, &pio.port))
		return false;
	pio.port += io.reg;
	pio.in = io.in;
	vsb_proxy_exit_io(vcpu, &pio, io.count, io.data);
	return true;
}

/* Is there something for vCPU n to do? If so it is in @vcpu->run. */
static bool vsb_proxy_take(struct vsb_proxy *proxy, struct kvm_vcpu *vcpu)
{
	struct vsb_access *access;
	bool taken = false;
	int n = vcpu->vcpu_idx;

	spin_lock(&proxy->lock);
	if (proxy->replay_pos < proxy->replay_nr) {
		struct vsb_reg_write *w = &proxy->replay[proxy->replay_pos];

		if (proxy->replay_by < 0) {
			proxy->replay_by = n;
			vsb_proxy_exit_io(vcpu, &(struct vsb_pio){
				.port = w->port, .size = 1, .in = w->in }, 1, &w->value);
			taken = true;
		}
	} else {
		access = list_first_entry_or_null(&proxy->queue, struct vsb_access, node);
		if (access) {
			list_del_init(&access->node);
			proxy->server[n] = access;
			vsb_proxy_exit_io(vcpu, &access->pio, 1, &access->data);
			taken = true;
		}
	}
	spin_unlock(&proxy->lock);
	return taken || vsb_proxy_take_job(proxy, vcpu);
}

/*
 * Sleep until there is work for this vCPU, the proxy dies or a signal comes.
 * Return: is there work?
 */
static bool vsb_proxy_wait(struct vsb_proxy *proxy, struct kvm_vcpu *vcpu)
{
	bool taken = false;

	spin_lock(&proxy->lock);
	proxy->idle++;
	proxy->stalled = false;
	spin_unlock(&proxy->lock);
	wake_up_all(&proxy->ready);

	/* Exclusive: one access wakes one vCPU. */
	wait_event_interruptible_exclusive(proxy->work,
					   READ_ONCE(proxy->dead) ||
					   (taken = vsb_proxy_take(proxy, vcpu)));

	spin_lock(&proxy->lock);
	proxy->idle--;
	/* A wake-up that this vCPU got and did not use belongs to another. */
	if (!taken)
		wake_up(&proxy->work);
	spin_unlock(&proxy->lock);
	return taken;
}

/**
 * vsb_proxy_run - KVM_RUN of a proxy's vCPU
 * @vcpu: the vCPU, its mutex held
 *
 * Instead of kvm_arch_vcpu_ioctl_run(). Return: as that does.
 */
int vsb_proxy_run(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct vsb_proxy *proxy;
	int ret = -EINTR;

	atomic_inc(&vsb_users);
	proxy = vsb_proxy_get(vcpu->kvm);
	if (!proxy) {		/* closed since KVM_RUN began, or not taken after all */
		run->exit_reason = KVM_EXIT_INTR;
		if (READ_ONCE(vcpu->kvm->vm_dead))
			ret = -EIO;
		goto out;
	}
	run->exit_reason = KVM_EXIT_SHUTDOWN;
	/* QEMU copies it back at each exit. */
	run->apic_base = vcpu->arch.apic_base;
	if (vcpu->vcpu_idx >= VSB_MAX_SERVERS) {
		wait_event_interruptible(proxy->work, READ_ONCE(proxy->dead));
	} else {
		vsb_proxy_complete_job(proxy, vcpu);
		spin_lock(&proxy->lock);
		vsb_proxy_complete(proxy, vcpu);
		spin_unlock(&proxy->lock);
		if (!vsb_immediate_exit(run) && vsb_proxy_wait(proxy, vcpu)) {
			ret = 0;
			goto put;
		}
	}
	if (READ_ONCE(proxy->dead))
		ret = 0;
	else
		run->exit_reason = KVM_EXIT_INTR;
put:
	vsb_proxy_put(proxy);
out:
	atomic_dec(&vsb_users);
	return ret;
}

/*
 * A line may stay low; after an @edge the time begins anew, but not because somebody
 * looks for events. Under proxy->lock.
 */
static void vsb_proxy_settle_soon(struct vsb_proxy *proxy, bool edge)
{
	unsigned long delay = msecs_to_jiffies(VSB_SETTLE_MS);

	if (!vsb_irq_unsettled(&proxy->irqs) || proxy->dead)
		return;
	if (edge)
		mod_delayed_work(system_wq, &proxy->settle, delay);
	else
		schedule_delayed_work(&proxy->settle, delay);
}

/*
 * If edges of these lines are held now: those of a handler that ends without a
 * last look must not wait for ever. Under proxy->lock.
 */
static void vsb_proxy_limit_hold(struct vsb_proxy *proxy, u32 lines)
{
	if (vsb_irq_held(&proxy->irqs) & lines && !proxy->dead &&
	    schedule_delayed_work(&proxy->unhold, msecs_to_jiffies(VSB_HOLD_MS)))
		proxy->hold_until = jiffies + msecs_to_jiffies(VSB_HOLD_MOST_MS);
}

/* There is an edge of this line to tell of, now or when it is no longer held. */
static void vsb_proxy_edge(struct vsb_proxy *proxy, u32 gsi, bool level)
{
	bool wake;

	spin_lock(&proxy->lock);
	vsb_proxy_limit_hold(proxy, BIT(gsi));
	wake = vsb_irq_pending(&proxy->irqs);
	spin_unlock(&proxy->lock);
	vsb_proxy_count(proxy, VSB_C_IRQ_EDGES);
	trace_vsbypass_irq(proxy->name, gsi, level);
	if (wake)
		wake_up_interruptible(&proxy->events);
}

/**
 * vsb_proxy_irq_line - KVM_IRQ_LINE of a proxy
 * @kvm: the VM
 * @irq: line and level; status is returned if @line_status
 * @line_status: KVM_IRQ_LINE_STATUS
 *
 * Instead of kvm_vm_ioctl_irq_line(). Return: as that does.
 */
int vsb_proxy_irq_line(struct kvm *kvm, struct kvm_irq_level *irq, bool line_status)
{
	u32 gsi = irq->irq;	/* shares its place with status */
	struct vsb_proxy *proxy;
	int ret = 0;
	bool edge;

	atomic_inc(&vsb_users);
	proxy = vsb_proxy_get(kvm);
	if (!proxy)
		goto out;
	if (gsi >= VSB_NR_GSI) {
		ret = -EINVAL;
		goto put;
	}
	if (vsb_com_irq_line(proxy, gsi, irq->level)) {
		if (line_status)
			irq->status = 1;
		goto put;
	}
	spin_lock(&proxy->lock);
	edge = vsb_irq_set(&proxy->irqs, gsi, irq->level);
	vsb_proxy_settle_soon(proxy, edge);
	spin_unlock(&proxy->lock);
	if (edge)
		vsb_proxy_edge(proxy, gsi, irq->level);
	if (line_status)
		irq->status = edge;	/* 0: merged with the level before */
put:
	vsb_proxy_put(proxy);
out:
	atomic_dec(&vsb_users);
	return ret;
}

static void vsb_proxy_unhold(struct work_struct *work)
{
	struct vsb_proxy *proxy = container_of(to_delayed_work(work), struct vsb_proxy, unhold);
	bool again;

	spin_lock(&proxy->lock);
	again = proxy->irqs.held && proxy->touched && !proxy->dead &&
		time_before(jiffies, proxy->hold_until);
	proxy->touched = false;
	if (again)
		schedule_delayed_work(&proxy->unhold, msecs_to_jiffies(VSB_HOLD_MS));
	else
		proxy->irqs.held = 0;
	spin_unlock(&proxy->lock);
	if (!again)
		wake_up_interruptible(&proxy->events);
}

static void vsb_proxy_settle(struct work_struct *work)
{
	struct vsb_proxy *proxy = container_of(to_delayed_work(work), struct vsb_proxy, settle);

	spin_lock(&proxy->lock);
	vsb_irq_settle(&proxy->irqs);
	vsb_proxy_limit_hold(proxy, U32_MAX);
	spin_unlock(&proxy->lock);
	wake_up_interruptible(&proxy->events);
}

/*
 * A front of @coms has changed its line, which @rose perhaps in between. The level is looked
 * at under the lock: of two fronts that share a line the last one here sees both.
 */
void vsb_proxy_follow(struct vsb_proxy *proxy, struct vsb_coms *coms, u32 gsi, bool rose)
{
	bool edge, level;

	spin_lock(&proxy->lock);
	level = vsb_coms_level(coms, gsi);
	edge = vsb_irq_follow(&proxy->irqs, gsi, level, rose);
	vsb_proxy_settle_soon(proxy, edge);
	spin_unlock(&proxy->lock);
	if (edge)
		vsb_proxy_edge(proxy, gsi, level);
}

static void vsb_proxy_poll_work(struct work_struct *work)
{
	vsb_com_poll(container_of(to_delayed_work(work), struct vsb_proxy, poll));
}

/* Have vsb_com_poll() called in a moment. */
void vsb_proxy_poll_soon(struct vsb_proxy *proxy)
{
	spin_lock(&proxy->lock);
	if (!proxy->dead)
		schedule_delayed_work(&proxy->poll, msecs_to_jiffies(VSB_POLL_MS));
	spin_unlock(&proxy->lock);
}

static void vsb_proxy_moment_work(struct work_struct *work)
{
	vsb_com_moment(container_of(to_delayed_work(work), struct vsb_proxy, moment));
}

/* Have vsb_com_moment() called VSB_MOMENT_MS after the last call of this. */
void vsb_proxy_moment_from_now(struct vsb_proxy *proxy)
{
	spin_lock(&proxy->lock);
	if (!proxy->dead)
		mod_delayed_work(system_wq, &proxy->moment, msecs_to_jiffies(VSB_MOMENT_MS));
	spin_unlock(&proxy->lock);
}

/* The user VM's handler for this line begins or ends. vCPU context. */
void vsb_proxy_hold(struct vsb_proxy *proxy, u32 gsi, bool hold)
{
	bool wake;

	spin_lock(&proxy->lock);
	if (hold)
		proxy->irqs.held |= BIT(gsi);
	else
		proxy->irqs.held &= ~BIT(gsi);
	vsb_proxy_limit_hold(proxy, BIT(gsi));
	wake = vsb_irq_pending(&proxy->irqs);
	spin_unlock(&proxy->lock);
	if (wake)
		wake_up_interruptible(&proxy->events);
}

/* ---- life ---- */

/* What the user VM @u has programmed, but for fronts. Under cloud->lock. */
void vsb_proxy_set_replay(struct vsb_proxy *proxy, struct vsb_l2 *u)
{
	const struct vsb_coms *coms = vsb_locked(proxy->cloud, u->coms);
	u32 i;

	spin_lock(&u->kbd_lock);
	spin_lock(&proxy->lock);
	proxy->replay_nr = 0;
	proxy->replay_pos = 0;
	proxy->replay_by = -1;
	for (i = 0; i < coms->nr; i++)
		if (!coms->com[i].on)
			proxy->replay_nr += vsb_uart_replay(&coms->com[i].uart,
							    proxy->replay + proxy->replay_nr);
	if (vsb_claims_i8042(proxy->claims))
		proxy->replay_nr += vsb_i8042_replay(&u->kbd, proxy->replay + proxy->replay_nr);
	spin_unlock(&proxy->lock);
	spin_unlock(&u->kbd_lock);
	wake_up(&proxy->work);
	if (proxy->replay_nr)
		trace_vsbypass_reset(proxy->name, proxy->replay_nr);
}

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
		mod_delayed_work(system_wq, &proxy->expire, delay);
	spin_unlock(&proxy->lock);
}

/* It answers nothing any more; all that wait are released. Any context. */
void vsb_proxy_kill(struct vsb_proxy *proxy)
{
	struct vsb_access *access;
	int i;

	/* Its guest has never run and never shall: KVM answers EIO from now on. */
	if (proxy->opened)
		WRITE_ONCE(proxy->vm.kvm->vm_dead, true);
	spin_lock(&proxy->lock);
	WRITE_ONCE(proxy->dead, true);
	list_for_each_entry(access, &proxy->queue, node)
		complete(&access->done);
	for (i = 0; i < VSB_MAX_SERVERS; i++) {
		if (proxy->server[i])
			complete(&proxy->server[i]->done);
		proxy->server[i] = NULL;
	}
	spin_unlock(&proxy->lock);
	wake_up_all(&proxy->work);
	wake_up_all(&proxy->ready);
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
		} else {
			more = vsb_irq_next(&proxy->irqs, &event);
			vsb_proxy_settle_soon(proxy, false);
		}
		spin_unlock(&proxy->lock);
		if (more) {
			if (copy_to_user(buf + n, &event, sizeof(event)))
				return n ?: -EFAULT;
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
					       READ_ONCE(proxy->dead) ||
					       vsb_irq_pending(&proxy->irqs));
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
	if (proxy->changed || vsb_irq_pending(&proxy->irqs))
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
		vsb_proxy_retire(cloud, proxy);
	}
	mutex_unlock(&cloud->lock);
	return u ? 0 : -ENOENT;
}

static long vsb_proxy_report_all(struct vsb_proxy *proxy)
{
	spin_lock(&proxy->lock);
	vsb_irq_forget(&proxy->irqs);
	proxy->changed = true;
	spin_unlock(&proxy->lock);
	wake_up_interruptible(&proxy->events);
	return 0;
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
	cancel_delayed_work_sync(&proxy->unhold);
	cancel_delayed_work_sync(&proxy->settle);
	cancel_delayed_work_sync(&proxy->poll);
	cancel_delayed_work_sync(&proxy->expire);
	cancel_delayed_work_sync(&proxy->moment);
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

	if (args->flags & ~(VSB_PROXY_REQUIRED | VSB_PROXY_NO_FRONT) ||
	    memchr_inv(args->pad, 0, sizeof(args->pad)) ||
	    args->timeout_ms > 60000 || !vsb_name_ok(args->name))
		return -EINVAL;
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
	memcpy(proxy->name, args->name, sizeof(proxy->name));
	proxy->timeout = msecs_to_jiffies(args->timeout_ms ?: 5000);
	proxy->front = !(args->flags & VSB_PROXY_NO_FRONT);
	proxy->replay_by = -1;
	spin_lock_init(&proxy->lock);
	init_waitqueue_head(&proxy->work);
	init_waitqueue_head(&proxy->ready);
	init_waitqueue_head(&proxy->events);
	INIT_LIST_HEAD(&proxy->queue);
	INIT_DELAYED_WORK(&proxy->unhold, vsb_proxy_unhold);
	INIT_DELAYED_WORK(&proxy->settle, vsb_proxy_settle);
	INIT_DELAYED_WORK(&proxy->poll, vsb_proxy_poll_work);
	INIT_DELAYED_WORK(&proxy->expire, vsb_proxy_expire_work);
	INIT_DELAYED_WORK(&proxy->moment, vsb_proxy_moment_work);
	proxy->vm.proxy = proxy;

	fd = get_unused_fd_flags(O_CLOEXEC | O_RDWR);
	if (fd < 0) {
		ret = fd;
		goto put;
	}
	ret = vsb_vm_add(&proxy->vm, args->vm_fd, &vsb_proxy_vm_ops);
	if (ret)
		goto put_fd;
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
