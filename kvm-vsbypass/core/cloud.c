// SPDX-License-Identifier: GPL-2.0
/*
 * An attached cloud VM: which of its nested exits are ours, and the way from
 * one to the proxy that serves it.
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

#include "vsb.h"
#include "trace.h"

#define VSB_NR_PORTS	0x10000
#define VSB_DRAIN_MS	2000ul	/* that VSB_FREEZE waits for the console */

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
static struct vsb_cloud *vsb_cloud_find(struct kvm *kvm)
{
	struct vsb_vm *vm = vsb_vm_find(kvm);

	return vm ? vm->cloud : NULL;
}

static struct vsb_cloud *vsb_cloud_get(struct kvm *kvm)
{
	struct vsb_cloud *cloud;

	rcu_read_lock();
	cloud = vsb_cloud_find(kvm);
	if (cloud && !kref_get_unless_zero(&cloud->ref))
		cloud = NULL;
	rcu_read_unlock();
	return cloud;
}

/* ---- callback context: is it ours? ---- */

static bool vsb_cloud_any_port(struct vsb_cloud *cloud, u32 port, u32 size)
{
	for (; size && port < VSB_NR_PORTS; port++, size--)
		if (test_bit(port, cloud->ports))
			return true;
	return false;
}

/* Is any of the ports one at which user VMs prove who they are? */
static bool vsb_cloud_identifies(struct vsb_cloud *cloud, u32 port, u32 size)
{
	return READ_ONCE(cloud->identity) && vsb_identity_is_port(port, size);
}

/*
 * May an access of the user VM @u (NULL: not seen before) in no case be the guest
 * hypervisor's? Under rcu_read_lock().
 */
static bool vsb_cloud_owns(struct vsb_cloud *cloud, struct vsb_l2 *u, u32 port, u32 size)
{
	struct vsb_claims *claims = u ? rcu_dereference(u->claims) : NULL;

	if (vsb_cloud_identifies(cloud, port, size))
		return true;
	if (claims && vsb_claims_any(claims, port, size))
		return true;
	/* claims are taken away after that is set; pairs with vsb_uservm_absorb() */
	smp_rmb();
	return u && READ_ONCE(u->absorb) && vsb_cloud_any_port(cloud, port, size);
}

/* Is it one that @unclaimed is about? Under rcu_read_lock(). */
static bool vsb_cloud_unclaimed(struct vsb_cloud *cloud, struct vsb_l2 *u, u32 port, u32 size)
{
	return !(u && rcu_access_pointer(u->claims)) && vsb_cloud_any_port(cloud, port, size);
}

static bool vsb_cloud_absorbs(struct vsb_cloud *cloud)
{
	return READ_ONCE(cloud->unclaimed) == VSB_UNCLAIMED_ABSORB || READ_ONCE(cloud->absorb);
}

/* Is a port access that left L2 ours? */
bool vsb_cloud_takes(struct kvm_vcpu *vcpu, const struct vsb_pio *pio)
{
	struct vsb_cloud *cloud;
	struct vsb_ident id;
	struct vsb_vcpu *v;
	struct vsb_l2 *u;
	bool ours = false;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (!cloud)
		goto out;
	v = &cloud->vcpus[vcpu->vcpu_idx];
	v->taken = false;
	v->fetched = false;
	if (!READ_ONCE(cloud->started))
		goto out;
	vsb_ident_get(vcpu, v, &id);
	if (vsb_inner_is(cloud, &id))
		goto out;
	u = vsb_uservm_find(cloud, &id);
	ours = vsb_cloud_owns(cloud, u, pio->port, pio->size);
	/* Left to the guest hypervisor only once it is sure that no proxy is free. */
	if (!ours && vsb_cloud_unclaimed(cloud, u, pio->port, pio->size))
		ours = vsb_cloud_absorbs(cloud) || !vsb_uservm_settled(cloud, u, &id);
	v->port = pio->port;
	v->size = pio->size;
out:
	rcu_read_unlock();
	return ours;
}

/* Is @port that of the exit that this vCPU's thread is handling for us? */
bool vsb_cloud_took(struct kvm_vcpu *vcpu, u64 port)
{
	struct vsb_cloud *cloud;
	bool took;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	took = cloud && cloud->vcpus[vcpu->vcpu_idx].taken &&
	       cloud->vcpus[vcpu->vcpu_idx].port == port;
	rcu_read_unlock();
	return took;
}

/* KVM emulates a port access of L2 itself: is it ours? */
bool vsb_cloud_serves(struct kvm_vcpu *vcpu, u32 port, u32 size)
{
	struct vsb_cloud *cloud;
	struct vsb_ident id;
	struct vsb_vcpu *v;
	struct vsb_l2 *u;
	bool ours = false;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (!cloud)
		goto out;
	v = &cloud->vcpus[vcpu->vcpu_idx];
	/* What was taken stays ours to the end, whatever happens meanwhile. */
	ours = v->taken && v->port == port;
	if (ours || !READ_ONCE(cloud->started))
		goto out;
	vsb_ident_get(vcpu, v, &id);
	if (vsb_inner_is(cloud, &id))
		goto out;
	u = vsb_uservm_find(cloud, &id);
	ours = vsb_cloud_owns(cloud, u, port, size) ||
	       (vsb_cloud_unclaimed(cloud, u, port, size) && vsb_cloud_absorbs(cloud));
out:
	rcu_read_unlock();
	return ours;
}

/* L1 enters L2: RAX has the address of vmcb12 (APM vol. 3, VMRUN). */
void vsb_cloud_vmrun(struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud)
		cloud->vcpus[vcpu->vcpu_idx].anchor =
			vcpu->arch.regs[VCPU_REGS_RAX] >> PAGE_SHIFT;
	rcu_read_unlock();
}

/* A nested exit; @enters: L2 enters a VM of its own. */
void vsb_cloud_follow(struct kvm_vcpu *vcpu, bool enters)
{
	struct vsb_cloud *cloud;
	struct vsb_ident id;
	struct vsb_vcpu *v;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud) {
		v = &cloud->vcpus[vcpu->vcpu_idx];
		vsb_ident_get(vcpu, v, &id);
		vsb_inner_follow(cloud, v, &id, vsb_ept_levels(vcpu), enters);
	}
	rcu_read_unlock();
}

/* L2 runs with paging off: it boots. */
void vsb_cloud_unpaged(struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud;
	struct vsb_ident id;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud && READ_ONCE(cloud->started)) {
		vsb_ident_get(vcpu, &cloud->vcpus[vcpu->vcpu_idx], &id);
		vsb_uservm_unpaged(cloud, &id);
	}
	rcu_read_unlock();
}

/* ---- vCPU context: serve it ---- */

static struct vsb_l2 *vsb_cloud_get_uservm(struct vsb_cloud *cloud, struct kvm_vcpu *vcpu,
					   struct vsb_ident *id)
{
	struct vsb_l2 *u;

	vsb_ident_get(vcpu, &cloud->vcpus[vcpu->vcpu_idx], id);
	rcu_read_lock();
	u = vsb_uservm_find(cloud, id);
	if (u && !refcount_inc_not_zero(&u->ref))
		u = NULL;
	rcu_read_unlock();
	return u;
}

static struct vsb_proxy *vsb_cloud_get_proxy(struct vsb_l2 *u)
{
	struct vsb_proxy *proxy;

	rcu_read_lock();
	proxy = rcu_dereference(u->proxy);
	if (proxy && !kref_get_unless_zero(&proxy->ref))
		proxy = NULL;
	rcu_read_unlock();
	return proxy;
}

/* Is no access to be begun now? */
static bool vsb_cloud_is_frozen(struct vsb_cloud *cloud)
{
	return READ_ONCE(cloud->frozen) && !time_after(jiffies, READ_ONCE(cloud->thaw));
}

/*
 * The same. If so waits a little, but does not sleep until there may be: to end a
 * freeze the cloud VM may have to run, on this vCPU.
 */
static bool vsb_cloud_frozen(struct kvm_vcpu *vcpu, struct vsb_cloud *cloud)
{
	if (!vsb_cloud_is_frozen(cloud))
		return false;
	kvm_vcpu_srcu_read_unlock(vcpu);
	schedule_timeout_interruptible(1);
	kvm_vcpu_srcu_read_lock(vcpu);
	return true;
}

/*
 * Fronts do an access alone. Without a proxy that is until there is one again, so not
 * once the cloud fd is closed.
 */
static bool vsb_cloud_fronts(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	return !READ_ONCE(cloud->closed) || rcu_access_pointer(u->proxy);
}

/* Does the access that this vCPU makes need the proxy? */
static bool vsb_cloud_waits(struct vsb_cloud *cloud, struct kvm_vcpu *vcpu, struct vsb_l2 *u)
{
	const struct vsb_vcpu *v = &cloud->vcpus[vcpu->vcpu_idx];

	return !vsb_cloud_fronts(cloud, u) || !vsb_com_covers(u, v->port, v->size);
}

/**
 * vsb_cloud_prepare - get ready to serve a nested exit that is ours
 * @vcpu: of the cloud VM
 *
 * Return: true if the vCPU has to execute the instruction again: who it is had
 * to be learned first, a signal is pending, or accesses are frozen; false if KVM
 * shall emulate it, which ends in vsb_cloud_access().
 */
bool vsb_cloud_prepare(struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud = vsb_cloud_get(vcpu->kvm);
	struct vsb_proxy *proxy;
	struct vsb_ident id;
	struct vsb_l2 *u;
	bool settled, again = true;

	if (!cloud)
		return true;	/* detached meanwhile */
	u = vsb_cloud_get_uservm(cloud, vcpu, &id);
	rcu_read_lock();
	settled = vsb_uservm_settled(cloud, u, &id);
	rcu_read_unlock();
	if (!settled) {
		vsb_uservm_learn(vcpu, cloud, &id);
		goto put;
	}
	proxy = vsb_cloud_waits(cloud, vcpu, u) ? vsb_cloud_get_proxy(u) : NULL;
	if (proxy) {
		int ret;

		/* Memory slots must not wait for a proxy. */
		kvm_vcpu_srcu_read_unlock(vcpu);
		ret = vsb_proxy_wait_idle(proxy);
		kvm_vcpu_srcu_read_lock(vcpu);
		vsb_proxy_put(proxy);
		if (ret == -ETIMEDOUT) {
			vsb_count(u, VSB_C_TIMEOUTS);
		} else if (ret) {
			vsb_count(u, VSB_C_RETRIES);
			goto put;
		}
	}
	/*
	 * vsb_cloud_quiesce() waits for this SRCU section after they have been
	 * said to be so.
	 */
	if (!READ_ONCE(cloud->started) || vsb_cloud_frozen(vcpu, cloud))
		goto put;
	cloud->vcpus[vcpu->vcpu_idx].taken = true;
	again = false;
put:
	if (u)
		vsb_uservm_put(u);
	vsb_cloud_put(cloud);
	return again;
}

/**
 * vsb_cloud_stops - shall KVM not go on with the instruction that it emulates for us?
 * @vcpu: of the cloud VM; it is about to begin with an element of a string
 *
 * vsb_cloud_prepare() has let the first one begin; KVM does up to 1024 without asking it
 * again. What was read for L2 is nowhere else: such an instruction comes to its end, which
 * is that of what KVM reads in one go, less than a page.
 *
 * Return: true if the vCPU has to execute the rest of the instruction again.
 */
bool vsb_cloud_stops(struct kvm_vcpu *vcpu)
{
	struct vsb_cloud *cloud;
	bool stops = true;

	rcu_read_lock();
	cloud = vsb_cloud_find(vcpu->kvm);
	if (cloud)
		stops = !cloud->vcpus[vcpu->vcpu_idx].fetched &&
			(!READ_ONCE(cloud->started) || vsb_cloud_is_frozen(cloud));
	rcu_read_unlock();
	return stops;
}

/* Which of the @pio->size bytes are claimed, bit 0 for the first? */
static u32 vsb_cloud_claimed_bytes(struct vsb_l2 *u, const struct vsb_pio *pio)
{
	struct vsb_claims *claims;
	u32 i, mask = 0;

	rcu_read_lock();
	claims = rcu_dereference(u->claims);
	for (i = 0; claims && i < pio->size; i++)
		if (vsb_claims_any(claims, pio->port + i, 1))
			mask |= BIT(i);
	rcu_read_unlock();
	return mask;
}

/* IER of the proxy's UART becomes that of @uart. */
static void vsb_cloud_write_ier(struct vsb_proxy *proxy, const struct vsb_uart *uart)
{
	struct vsb_pio out = { .port = uart->base + UART_IER, .size = 1 };
	u32 value = uart->ier;

	vsb_proxy_access(proxy, &out, &value);
}

/*
 * IIR was read: bit 0 clear, the handler of an interrupt is at work; set, it
 * has seen that there is no more.
 */
static void vsb_cloud_note_iir(struct vsb_uart *uart, struct vsb_proxy *proxy, u8 iir)
{
	if (iir & UART_IIR_NO_INT && vsb_uart_settle(uart))
		vsb_cloud_write_ier(proxy, uart);
	if (vsb_uart_gsi(uart) >= 0)
		vsb_proxy_hold(proxy, vsb_uart_gsi(uart), !(iir & UART_IIR_NO_INT));
}

/*
 * An access wholly inside the claimed ports is one access of the proxy. From
 * one that straddles their edge the proxy gets the bytes that are claimed, one
 * by one; the others read as ones and are dropped when written: to show them
 * to the guest hypervisor would show it the register that also holds ours.
 */
static int vsb_cloud_forward(struct vsb_proxy *proxy, const struct vsb_pio *pio,
			     u32 claimed, u32 *data)
{
	u8 *bytes = (u8 *)data;
	int i, ret = 0;

	if (claimed == BIT(pio->size) - 1)
		return vsb_proxy_access(proxy, pio, data);
	for (i = 0; i < pio->size && !ret; i++) {
		struct vsb_pio one = { .port = pio->port + i, .size = 1, .in = pio->in };
		u32 value = bytes[i];

		if (!(claimed & BIT(i)))
			continue;
		ret = vsb_proxy_access(proxy, &one, &value);
		if (!ret && pio->in)
			bytes[i] = value;
	}
	return ret;
}

/* The proxy does it. */
static int vsb_cloud_serve(struct vsb_coms *coms, struct vsb_proxy *proxy,
			   const struct vsb_pio *pio, u32 claimed, u32 *data)
{
	struct vsb_com *com = vsb_coms_find(coms, pio->port);
	struct vsb_uart *uart = com && claimed & BIT(0) ? &com->uart : NULL;
	int ret;

	if (uart && vsb_uart_in_use(uart, pio->port - uart->base, pio->in))
		vsb_cloud_write_ier(proxy, uart);
	ret = vsb_cloud_forward(proxy, pio, claimed, data);
	if (!ret && uart && pio->in && pio->port == uart->base + UART_IIR)
		vsb_cloud_note_iir(uart, proxy, *data);
	return ret;
}

/* What may pass of it is done: all, unless the user VM has to prove who it is. */
static int vsb_cloud_pass(struct vsb_l2 *u, struct vsb_coms *coms, struct vsb_proxy *proxy,
			  const struct vsb_pio *pio, u32 claimed, u32 *data)
{
	u32 value = *data;
	int ret = -ENODEV;

	if (vsb_gate_closed(u, proxy)) {
		claimed = vsb_gate_claimed(coms, pio, claimed);
		vsb_gate_clear(coms, pio, &value);
	}
	if (claimed)
		ret = vsb_cloud_serve(coms, proxy, pio, claimed, &value);
	if (ret || !pio->in)
		return ret;
	/* The proof may be lost while it waits for the proxy. */
	if (vsb_gate_closed(u, proxy))
		vsb_gate_clear(coms, pio, &value);
	*data = value;
	return 0;
}

/* Registers that are programmed count also if no proxy was there. */
static void vsb_cloud_note_writes(struct vsb_coms *coms, const struct vsb_pio *pio,
				  u32 claimed, u32 data)
{
	struct vsb_com *com;
	u32 i;

	for (i = 0; i < pio->size; i++) {
		com = claimed & BIT(i) ? vsb_coms_find(coms, pio->port + i) : NULL;
		if (com)
			vsb_uart_write(&com->uart, pio->port + i - com->uart.base,
				       data >> (8 * i));
	}
}

/*
 * What is written to a keyboard controller. Its ways to reset the machine are ours: L2
 * shuts down, which guest hypervisors take for the reset that it is, as it is how
 * systems reboot when all else fails. So no access has to be shown to one.
 *
 * Return: which bytes are not for the proxy.
 */
static u32 vsb_cloud_write_keyboard(struct kvm_vcpu *vcpu, struct vsb_l2 *u,
				    const struct vsb_pio *pio, u32 claimed, u32 data)
{
	enum vsb_kbd_write whom;
	struct vsb_claims *claims;
	u32 i, ours = 0;
	bool kbd;

	rcu_read_lock();
	claims = rcu_dereference(u->claims);
	kbd = claims && vsb_claims_i8042(claims);
	rcu_read_unlock();
	for (i = 0; kbd && i < pio->size; i++) {
		u16 port = pio->port + i;

		if (!(claimed & BIT(i)) || (port != VSB_KBD_DATA && port != VSB_KBD_COMMAND))
			continue;
		spin_lock(&u->kbd_lock);
		whom = vsb_i8042_write(&u->kbd, port, data >> (8 * i));
		spin_unlock(&u->kbd_lock);
		if (whom == VSB_KBD_RESET)
			kvm_make_request(KVM_REQ_TRIPLE_FAULT, vcpu);
		if (whom != VSB_KBD_PROXY)
			ours |= BIT(i);
	}
	return ours;
}

/* What fronts have not done. Return: 0, or an error: nobody was there. */
static int vsb_cloud_access_proxy(struct kvm_vcpu *vcpu, struct vsb_l2 *u,
				  const struct vsb_pio *pio, u32 claimed, u32 *data)
{
	struct vsb_proxy *proxy = vsb_cloud_get_proxy(u);
	struct vsb_coms *coms = vsb_coms_get(u);
	int ret = -ENODEV;

	if (proxy && claimed) {
		kvm_vcpu_srcu_read_unlock(vcpu);
		ret = vsb_cloud_pass(u, coms, proxy, pio, claimed, data);
		kvm_vcpu_srcu_read_lock(vcpu);
	}
	if (!pio->in)
		vsb_cloud_note_writes(coms, pio, claimed, *data);
	if (proxy)
		vsb_proxy_put(proxy);
	vsb_coms_put(coms);
	return ret;
}

/* Return: 0, or an error: nobody was there. Inside cloud->serving. */
static int vsb_cloud_access_of(struct kvm_vcpu *vcpu, struct vsb_cloud *cloud,
			       const struct vsb_pio *pio, u32 *data)
{
	struct vsb_ident id;
	struct vsb_l2 *u = vsb_cloud_get_uservm(cloud, vcpu, &id);
	bool identifies = vsb_cloud_identifies(cloud, pio->port, pio->size);
	u32 claimed, done = 0;
	int ret = 0;

	if (!u)
		return -ENODEV;
	if (id.boots)
		vsb_coms_boot(u);
	if (identifies) {
		kvm_vcpu_srcu_read_unlock(vcpu);
		ret = vsb_identity_access(cloud, u, pio, data);
		kvm_vcpu_srcu_read_lock(vcpu);
		goto count;
	}
	claimed = vsb_cloud_claimed_bytes(u, pio);
	if (vsb_cloud_fronts(cloud, u))
		done = vsb_com_access(u, pio, claimed, data);
	if (!pio->in)
		done |= vsb_cloud_write_keyboard(vcpu, u, pio, claimed, *data);
	if (!done || claimed & ~done)
		ret = vsb_cloud_access_proxy(vcpu, u, pio, claimed & ~done, data);
count:
	vsb_count(u, ret ? VSB_C_ABSORBED : pio->in ? VSB_C_READS : VSB_C_WRITES);
	if (ret == -ETIMEDOUT)
		vsb_count(u, VSB_C_TIMEOUTS);
	vsb_uservm_put(u);
	return ret;
}

/**
 * vsb_cloud_access - do a port access of a user VM, or absorb it
 * @vcpu: of the cloud VM; its SRCU lock is held, and dropped while we wait
 * @pio: the access
 * @data: @pio->size bytes to write or read
 */
void vsb_cloud_access(struct kvm_vcpu *vcpu, const struct vsb_pio *pio, void *data)
{
	struct vsb_cloud *cloud = vsb_cloud_get(vcpu->kvm);
	int ret = -ENODEV, serving;
	u32 value = U32_MAX;

	if (!pio->in)
		memcpy(&value, data, pio->size);
	if (cloud) {
		serving = srcu_read_lock(&cloud->serving);
		atomic_inc(&cloud->accesses);
		if (pio->in)
			cloud->vcpus[vcpu->vcpu_idx].fetched = true;
		ret = vsb_cloud_access_of(vcpu, cloud, pio, &value);
		srcu_read_unlock(&cloud->serving, serving);
		vsb_cloud_put(cloud);
	}
	if (pio->in && ret)
		value = U32_MAX;	/* nobody there */
	if (pio->in)
		memcpy(data, &value, pio->size);
	trace_vsbypass_pio(vcpu, pio->port, pio->size, pio->in, ret);
}

/* ---- ioctl context: life ---- */

/*
 * Waits for accesses that have begun, after none begins any more: @started is false, or it
 * is frozen (then until it thaws, at most). One that was taken, and the next element of a
 * string, are under KVM's SRCU from where that is decided to where @serving is held, and
 * from there to the next one. So nobody is on the way if none has begun in a whole round.
 */
static void vsb_cloud_quiesce(struct vsb_cloud *cloud)
{
	int seen;

	do {
		seen = atomic_read(&cloud->accesses);
		synchronize_srcu_expedited(&cloud->serving);
		synchronize_srcu_expedited(&cloud->vm.kvm->srcu);
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
	vsb_vm_remove(&cloud->vm);
	vsb_inner_end(cloud->vm.kvm);
	vsb_hook_put();
	vsb_cloud_put(cloud);
}

static void vsb_cloud_drop_work(struct work_struct *work)
{
	vsb_cloud_drop(container_of(work, struct vsb_cloud, drop));
	/* The rest of this function is waited for by vsb_hook_drain(). */
	module_put(THIS_MODULE);
}

/* The process ends. Also called by vsb_vm_remove(). */
static void vsb_cloud_gone(struct vsb_vm *vm)
{
	struct vsb_cloud *cloud = vm->cloud;

	mutex_lock(&cloud->lock);
	cloud->gone = true;
	if (cloud->lingers) {
		cloud->lingers = false;
		schedule_work(&cloud->drop);
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
		if (rcu_access_pointer(u->claims) || u->absorb)
			return true;
	return false;
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
		WRITE_ONCE(cloud->frozen, false);
		__module_get(THIS_MODULE);
		mutex_unlock(&cloud->lock);
		return 0;
	}
	list_for_each_entry(proxy, &cloud->pool, node)
		vsb_proxy_kill(proxy);
	mutex_unlock(&cloud->lock);
	vsb_cloud_drop(cloud);
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
		vsb_cloud_drop(cloud);
		module_put(THIS_MODULE);
	}
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
		if (rcu_access_pointer(u->proxy) && !vsb_coms_drained(vsb_locked(cloud, u->coms)))
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
	WRITE_ONCE(cloud->thaw, jiffies + msecs_to_jiffies(ms));
	WRITE_ONCE(cloud->frozen, ms != 0);
	mutex_unlock(&cloud->lock);
	if (ms) {
		vsb_cloud_quiesce(cloud);
		/* Nobody writes any more: what fronts have of it goes out. */
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

	if (!file)
		return -EBADF;
	if (vsb_kvm_is_vm(file))
		cloud = vsb_cloud_get(file->private_data);
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
	INIT_WORK(&cloud->drop, vsb_cloud_drop_work);
	xa_init(&cloud->roots);
	xa_init(&cloud->anchors);
	vsb_inner_init(&cloud->inners);
	cloud->vm.cloud = cloud;
	cloud->flags = args->flags;
	cloud->unclaimed = args->unclaimed;
	cloud->ports = kvzalloc(VSB_NR_PORTS / BITS_PER_BYTE, GFP_KERNEL_ACCOUNT);
	cloud->vcpus = kvcalloc(KVM_MAX_VCPUS, sizeof(*cloud->vcpus), GFP_KERNEL_ACCOUNT);
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
	ret = vsb_hook_get();
	if (ret)
		goto put_fd;
	ret = vsb_cloud_take_over(args, fd);
	if (ret >= 0) {
		vsb_hook_put();		/* it has one */
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
	vsb_hook_put();
put_fd:
	put_unused_fd(fd);
	return ret;
}
