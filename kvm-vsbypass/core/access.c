// SPDX-License-Identifier: GPL-2.0
/*
 * Port accesses of user VMs: which are ours, and the way from one to the device that
 * does it, or to the proxy.
 */
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "core/access.h"
#include "core/cloud.h"
#include "core/com.h"
#include "core/identity.h"
#include "core/proxy.h"
#include "core/uservm.h"
#include "devices/claims.h"

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

/* Is a port access that left L2 ours? */
bool vsb_cloud_takes(struct vsb_cloud *cloud, struct vsb_vcpu *v, const struct vsb_ident *id,
		     const struct vsb_pio *pio)
{
	struct vsb_l2 *u;
	bool ours;

	v->taken = false;
	v->fetched = false;
	if (!READ_ONCE(cloud->started) || vsb_inner_is(cloud, id))
		return false;
	u = vsb_uservm_find(cloud, id);
	ours = vsb_cloud_owns(cloud, u, pio->port, pio->size);
	/* Left to the guest hypervisor only once it is sure that no proxy is free. */
	if (!ours && vsb_cloud_unclaimed(cloud, u, pio->port, pio->size))
		ours = vsb_cloud_absorbs(cloud) || !vsb_uservm_settled(cloud, u, id);
	v->port = pio->port;
	v->size = pio->size;
	return ours;
}

/* Is @port that of the exit that this vCPU's thread is handling for us? */
bool vsb_cloud_took(const struct vsb_vcpu *v, u64 port)
{
	return v->taken && v->port == port;
}

/*
 * The hypervisor emulates a port access of L2 itself: is it ours? Not for what was taken,
 * which stays ours to the end, whatever happens meanwhile.
 */
bool vsb_cloud_serves(struct vsb_cloud *cloud, const struct vsb_ident *id, u32 port,
		      u32 size)
{
	struct vsb_l2 *u;

	if (!READ_ONCE(cloud->started) || vsb_inner_is(cloud, id))
		return false;
	u = vsb_uservm_find(cloud, id);
	return vsb_cloud_owns(cloud, u, port, size) ||
	       (vsb_cloud_unclaimed(cloud, u, port, size) && vsb_cloud_absorbs(cloud));
}

/**
 * vsb_cloud_stops - shall the hypervisor not go on with the instruction that it emulates?
 * @cloud: the cloud VM
 * @v: its vCPU; it is about to begin with an element of a string
 *
 * vsb_attempt_end() has let the first one begin; KVM does up to 1024 without asking it
 * again. What was read for L2 is nowhere else: such an instruction comes to its end, which
 * is that of what KVM reads in one go, less than a page.
 *
 * Return: true if the vCPU has to execute the rest of the instruction again.
 */
bool vsb_cloud_stops(struct vsb_cloud *cloud, const struct vsb_vcpu *v)
{
	return !v->fetched && (!READ_ONCE(cloud->started) || vsb_cloud_is_frozen(cloud));
}

/* ---- vCPU context: before the access ---- */

static struct vsb_l2 *vsb_cloud_get_uservm(struct vsb_cloud *cloud,
					   const struct vsb_ident *id)
{
	struct vsb_l2 *u;

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

/*
 * Fronts do an access alone. Without a proxy that is until there is one again, so not
 * once the cloud fd is closed.
 */
static bool vsb_cloud_fronts(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	return !READ_ONCE(cloud->closed) || rcu_access_pointer(u->proxy);
}

/**
 * vsb_attempt_begin - get ready to serve a nested exit that is ours
 * @a: cloud, v and id are set
 * @vcpu: @a->v's; it runs the user VM, whose memory may have to be looked at
 *
 * Return: true if vsb_attempt_wait() has to follow, which sleeps; in any case
 * vsb_attempt_end().
 */
bool vsb_attempt_begin(struct vsb_attempt *a, struct kvm_vcpu *vcpu)
{
	bool settled;

	a->proxy = NULL;
	a->again = false;
	a->u = vsb_cloud_get_uservm(a->cloud, &a->id);
	rcu_read_lock();
	settled = vsb_uservm_settled(a->cloud, a->u, &a->id);
	rcu_read_unlock();
	if (!settled) {
		vsb_uservm_learn(vcpu, a->cloud, &a->id);
		a->again = true;
	} else if (!vsb_cloud_fronts(a->cloud, a->u) ||
		   !vsb_com_covers(a->u, a->v->port, a->v->size)) {
		a->proxy = vsb_cloud_get_proxy(a->u);
	}
	return a->proxy;
}

/* Until the proxy would take the access at once. May sleep. */
void vsb_attempt_wait(struct vsb_attempt *a)
{
	int ret = vsb_proxy_wait_idle(a->proxy);

	vsb_proxy_put(a->proxy);
	if (ret == -ETIMEDOUT) {
		vsb_count(a->u, VSB_C_TIMEOUTS);
	} else if (ret) {
		vsb_count(a->u, VSB_C_RETRIES);
		a->again = true;
	}
}

/**
 * vsb_attempt_end - shall the access be made?
 * @a: the attempt
 *
 * vsb_cloud_quiesce() waits, with vsb_host->sync(), for who comes from here.
 */
enum vsb_verdict vsb_attempt_end(struct vsb_attempt *a)
{
	enum vsb_verdict verdict = VSB_AGAIN;

	if (!a->again && READ_ONCE(a->cloud->started)) {
		if (vsb_cloud_is_frozen(a->cloud)) {
			verdict = VSB_AGAIN_LATER;
		} else {
			a->v->taken = true;
			verdict = VSB_GO;
		}
	}
	if (a->u)
		vsb_uservm_put(a->u);
	return verdict;
}

/* ---- vCPU context: the access ---- */

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
static u32 vsb_cloud_write_keyboard(struct vsb_access *a, struct vsb_l2 *u,
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
			a->resets = true;
		if (whom != VSB_KBD_PROXY)
			ours |= BIT(i);
	}
	return ours;
}

/* What fronts have not done. Return: 0, or an error: nobody was there. */
static int vsb_cloud_access_proxy(struct vsb_access *a)
{
	struct vsb_proxy *proxy = vsb_cloud_get_proxy(a->u);
	struct vsb_coms *coms = vsb_coms_get(a->u);
	int ret = -ENODEV;

	if (proxy && a->claimed)
		ret = vsb_cloud_pass(a->u, coms, proxy, &a->pio, a->claimed, &a->data);
	if (!a->pio.in)
		vsb_cloud_note_writes(coms, &a->pio, a->claimed, a->data);
	if (proxy)
		vsb_proxy_put(proxy);
	vsb_coms_put(coms);
	return ret;
}

/**
 * vsb_access_begin - do an access of a user VM as far as nobody has to wait
 * @a: cloud, v, id, pio, data are set
 *
 * From here to vsb_access_end() the caller is inside of cloud->serving. Return: true if
 * vsb_access_finish() has to follow, which sleeps; in any case vsb_access_end().
 */
bool vsb_access_begin(struct vsb_access *a)
{
	struct vsb_cloud *cloud = a->cloud;
	u32 done = 0;

	a->result = 0;
	a->resets = false;
	atomic_inc(&cloud->accesses);
	if (a->pio.in)
		a->v->fetched = true;
	a->u = vsb_cloud_get_uservm(cloud, &a->id);
	if (!a->u) {
		a->result = -ENODEV;
		return false;
	}
	if (a->id.boots)
		vsb_coms_boot(a->u);
	if (vsb_cloud_identifies(cloud, a->pio.port, a->pio.size))
		return true;
	a->claimed = vsb_cloud_claimed_bytes(a->u, &a->pio);
	if (vsb_cloud_fronts(cloud, a->u))
		done = vsb_com_access(a->u, &a->pio, a->claimed, &a->data);
	if (!a->pio.in)
		done |= vsb_cloud_write_keyboard(a, a->u, &a->pio, a->claimed, a->data);
	a->claimed &= ~done;
	return !done || a->claimed;
}

/* The proxy does the rest. May sleep. */
void vsb_access_finish(struct vsb_access *a)
{
	if (vsb_cloud_identifies(a->cloud, a->pio.port, a->pio.size))
		a->result = vsb_identity_access(a->cloud, a->u, &a->pio, &a->data);
	else
		a->result = vsb_cloud_access_proxy(a);
}

/* It is done; @a->data is what was read. */
void vsb_access_end(struct vsb_access *a)
{
	if (a->u) {
		vsb_count(a->u, a->result ? VSB_C_ABSORBED :
				a->pio.in ? VSB_C_READS : VSB_C_WRITES);
		if (a->result == -ETIMEDOUT)
			vsb_count(a->u, VSB_C_TIMEOUTS);
		vsb_uservm_put(a->u);
	}
	if (a->result && a->pio.in)
		a->data = U32_MAX;	/* nobody there */
}
