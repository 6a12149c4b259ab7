// SPDX-License-Identifier: GPL-2.0
/*
 * Serial ports of a user VM: the lock, the life and the surroundings of the
 * fronts (front.c, pump.c). They belong to the user VM: a proxy comes and goes,
 * and what the user VM has written to its UART, registers and bytes, is here.
 *
 * A vCPU of the user VM finishes its access under com->lock and never sleeps.
 * The vCPU thread of the proxy does what is behind that when it comes to
 * KVM_RUN.
 */
#include <linux/slab.h>

#include "core/com.h"
#include "core/identity.h"
#include "core/proxy.h"
#include "core/uservm.h"
#include "devices/claims.h"

/* ---- life ---- */

/* The 16550s among @claims, as after a reset. */
struct vsb_coms *vsb_coms_create(const struct vsb_claims *claims)
{
	struct vsb_coms *coms;
	u32 i, nr = 0;

	for (i = 0; i < claims->nr; i++)
		nr += claims->ranges[i].device == VSB_DEV_16550;
	coms = kvzalloc(struct_size(coms, com, nr), GFP_KERNEL_ACCOUNT);
	if (!coms)
		return NULL;
	refcount_set(&coms->ref, 1);
	for (i = 0; i < claims->nr; i++) {
		struct vsb_com *com = &coms->com[coms->nr];

		if (claims->ranges[i].device != VSB_DEV_16550)
			continue;
		spin_lock_init(&com->lock);
		com->uart.base = claims->ranges[i].first;
		coms->nr++;
	}
	return coms;
}

/* For who sleeps; others are under rcu_read_lock(). Return: or NULL. */
struct vsb_coms *vsb_coms_get(struct vsb_l2 *u)
{
	struct vsb_coms *coms;

	rcu_read_lock();
	coms = rcu_dereference(u->coms);
	if (coms && !refcount_inc_not_zero(&coms->ref))
		coms = NULL;
	rcu_read_unlock();
	return coms;
}

void vsb_coms_put(struct vsb_coms *coms)
{
	if (coms && refcount_dec_and_test(&coms->ref))
		kvfree_rcu(coms, rcu);
}

/* The port that has I/O port @port, or NULL. */
struct vsb_com *vsb_coms_find(struct vsb_coms *coms, u32 port)
{
	u32 i;

	for (i = 0; coms && i < coms->nr; i++)
		if (port - coms->com[i].uart.base < 8)
			return &coms->com[i];
	return NULL;
}

/* ---- interrupt lines ---- */

/* Of all that share it: for vsb_proxy_follow(), under proxy->lock. */
bool vsb_coms_level(struct vsb_coms *coms, u32 gsi)
{
	u32 i;

	for (i = 0; i < coms->nr; i++)
		if (coms->com[i].on && vsb_uart_gsi(&coms->com[i].uart) == gsi &&
		    READ_ONCE(coms->com[i].front.level))
			return true;
	return false;
}

/*
 * Under com->lock: who finds no proxy here comes before vsb_coms_attached(),
 * which does it then.
 */
static void vsb_com_tell_line(struct vsb_com *com, struct vsb_coms *coms,
			      struct vsb_proxy *proxy)
{
	if (!proxy)
		return;
	vsb_proxy_follow(proxy, coms, vsb_uart_gsi(&com->uart), com->front.rose);
	com->front.rose = false;
}

/* ---- proxies come and go; under cloud->lock ---- */

/* @proxy is going to serve the user VM that has @coms. */
void vsb_coms_attach(struct vsb_coms *coms, struct vsb_proxy *proxy)
{
	static atomic64_t serial = ATOMIC64_INIT(0);
	u32 i;

	for (i = 0; i < coms->nr; i++) {
		struct vsb_com *com = &coms->com[i];
		bool on = proxy->front && vsb_uart_gsi(&com->uart) >= 0;

		spin_lock(&com->lock);
		if (on && !com->on)
			vsb_front_init(&com->front, &com->uart);
		if (on)
			vsb_pump_attach(&com->front);
		com->serial = atomic64_inc_return(&serial);
		com->line = false;
		com->required = proxy->required;
		WRITE_ONCE(com->on, on);
		spin_unlock(&com->lock);
	}
}

/* It serves: it has the line as it is, and work. */
void vsb_coms_attached(struct vsb_l2 *u, struct vsb_coms *coms)
{
	struct vsb_proxy *proxy;
	u32 i;

	rcu_read_lock();
	proxy = rcu_dereference(u->proxy);
	for (i = 0; i < coms->nr; i++) {
		struct vsb_com *com = &coms->com[i];

		spin_lock(&com->lock);
		if (com->on)
			vsb_com_tell_line(com, coms, proxy);
		if (com->on && vsb_front_waits(&com->front))
			vsb_proxy_moment_from_now(proxy);
		spin_unlock(&com->lock);
	}
	wake_up(&proxy->work);
	rcu_read_unlock();
}

void vsb_coms_detach(struct vsb_coms *coms)
{
	u32 i;

	for (i = 0; i < coms->nr; i++) {
		struct vsb_com *com = &coms->com[i];

		spin_lock(&com->lock);
		if (com->on)
			vsb_pump_detach(&com->front);
		com->serial = 0;
		spin_unlock(&com->lock);
	}
}

/* The user VM has another console now; it has no proxy. */
void vsb_coms_empty(struct vsb_coms *coms)
{
	u32 i;

	for (i = 0; i < coms->nr; i++) {
		struct vsb_com *com = &coms->com[i];

		spin_lock(&com->lock);
		if (com->on)
			vsb_front_init(&com->front, &com->uart);
		spin_unlock(&com->lock);
	}
}

/* The user VM, if it was bound ever, was reset. */
void vsb_coms_reset(struct vsb_l2 *u, struct vsb_coms *coms)
{
	u32 i;

	rcu_read_lock();
	for (i = 0; coms && i < coms->nr; i++) {
		struct vsb_com *com = &coms->com[i];

		spin_lock(&com->lock);
		if (com->on) {
			vsb_front_reset(&com->front);
			vsb_com_tell_line(com, coms, rcu_dereference(u->proxy));
		} else {
			vsb_uart_reset(&com->uart);
		}
		spin_unlock(&com->lock);
	}
	rcu_read_unlock();
}

/* The user VM boots: it finds UARTs as after a reset, and no driver waits for one. */
void vsb_coms_boot(struct vsb_l2 *u)
{
	struct vsb_coms *coms;
	u32 i;

	rcu_read_lock();
	coms = rcu_dereference(u->coms);
	for (i = 0; coms && i < coms->nr; i++) {
		struct vsb_com *com = &coms->com[i];

		if (READ_ONCE(com->uart.known))
			continue;
		spin_lock(&com->lock);
		com->uart.known = true;
		spin_unlock(&com->lock);
	}
	rcu_read_unlock();
}

/* Has all that was written reached the proxy? */
bool vsb_coms_drained(struct vsb_coms *coms)
{
	bool drained = true;
	u32 i;

	for (i = 0; coms && i < coms->nr; i++) {
		struct vsb_com *com = &coms->com[i];

		spin_lock(&com->lock);
		if (com->on && !vsb_pump_drained(&com->front))
			drained = false;
		spin_unlock(&com->lock);
	}
	return drained;
}

/* Under cloud->lock. */
void vsb_coms_info(struct vsb_coms *coms, struct vsb_uservm *info)
{
	static const u16 bases[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	u8 *iers[] = { &info->ier, &info->com_ier[0], &info->com_ier[1], &info->com_ier[2] };
	struct vsb_com *com;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		com = vsb_coms_find(coms, bases[i]);
		if (!com)
			continue;
		*iers[i] = READ_ONCE(com->uart.ier);
		if (com->on)
			info->flags |= VSB_USERVM_FRONT;
	}
}

/* ---- the user VM's side; vCPU context of the cloud VM ---- */

/* Is every byte of the access one of fronts? */
bool vsb_com_covers(struct vsb_l2 *u, u32 port, u32 size)
{
	struct vsb_coms *coms;
	struct vsb_com *com;
	bool covers = size;

	rcu_read_lock();
	coms = rcu_dereference(u->coms);
	while (covers && size--) {
		com = vsb_coms_find(coms, port++);
		covers = com && READ_ONCE(com->on);
	}
	rcu_read_unlock();
	return covers;
}

/*
 * See gate.c. Under com->lock, so that LCR is for certain. For a read afterwards:
 * the proof may be lost at any time.
 */
static void vsb_com_gate(struct vsb_com *com, struct vsb_l2 *u, struct vsb_proxy *proxy,
			 u8 reg, u8 *value)
{
	if (reg != UART_TX || com->uart.lcr & UART_LCR_DLAB || !com->required)
		return;
	if (proxy ? vsb_gate_closed(u, proxy) : !vsb_identity_holds(u))
		*value = 0;
}

/* Under com->lock. */
static void vsb_com_read(struct vsb_com *com, u8 reg, u8 *value)
{
	u8 ier = com->uart.ier;

	*value = vsb_front_read(&com->front, reg);
	if (reg == UART_IIR && *value & UART_IIR_NO_INT && vsb_uart_settle(&com->uart))
		vsb_front_ier(&com->front, ier);
}

/*
 * Is the proxy to be woken now? While a handler fills the queue, not for each byte
 * of it: where CPUs are few the proxy would push the user VM aside for each. A handler
 * that never ends is what poll is for.
 */
static bool vsb_com_work(struct vsb_com *com, struct vsb_proxy *proxy)
{
	if (!proxy || !vsb_pump_ready(&com->front))
		return false;
	if (!com->front.handler || vsb_pump_urgent(&com->front)) {
		com->late = false;
		return true;
	}
	if (!com->late)
		vsb_proxy_poll_soon(proxy);
	com->late = true;
	return false;
}

static void vsb_com_byte(struct vsb_com *com, struct vsb_coms *coms, struct vsb_l2 *u,
			 u8 reg, bool in, u8 *value)
{
	struct vsb_front *f = &com->front;
	struct vsb_proxy *proxy;
	u8 ier = com->uart.ier;
	bool looks = in && reg == UART_IIR;
	bool level, waits, handler, work;

	spin_lock(&com->lock);
	com->touched = true;
	level = f->level;
	handler = f->handler;
	waits = vsb_front_waits(f);
	proxy = rcu_dereference(u->proxy);
	if (vsb_uart_in_use(&com->uart, reg, in))
		vsb_front_ier(f, ier);
	if (in)
		vsb_com_read(com, reg, value);
	vsb_com_gate(com, u, proxy, reg, value);
	if (!in)
		vsb_front_write(f, reg, *value);
	if (proxy && looks && f->handler)
		vsb_proxy_hold(proxy, vsb_uart_gsi(&com->uart), true);
	if (f->level != level || f->rose)
		vsb_com_tell_line(com, coms, proxy);
	if (proxy && (looks || handler) && !f->handler)
		vsb_proxy_hold(proxy, vsb_uart_gsi(&com->uart), false);
	if (proxy && vsb_front_waits(f) && !waits)
		vsb_proxy_moment_from_now(proxy);
	work = vsb_com_work(com, proxy);
	spin_unlock(&com->lock);

	if (!proxy)
		return;
	WRITE_ONCE(proxy->touched, true);
	if (work)
		wake_up(&proxy->work);
}

/**
 * vsb_com_access - have fronts do their part of an access
 * @u: the user VM
 * @pio: the access
 * @claimed: which of its bytes are claimed, bit 0 for the first
 * @data: to write, or read
 *
 * Return: which bytes they did.
 */
u32 vsb_com_access(struct vsb_l2 *u, const struct vsb_pio *pio, u32 claimed, u32 *data)
{
	struct vsb_coms *coms;
	struct vsb_com *com;
	u32 i, done = 0;

	rcu_read_lock();
	coms = rcu_dereference(u->coms);
	for (i = 0; i < pio->size; i++) {
		com = claimed & BIT(i) ? vsb_coms_find(coms, pio->port + i) : NULL;
		if (!com || !READ_ONCE(com->on))
			continue;
		vsb_com_byte(com, coms, u, pio->port + i - com->uart.base, pio->in,
			     (u8 *)data + i);
		done |= BIT(i);
	}
	rcu_read_unlock();
	return done;
}

/* ---- the VMM's side; vCPU context of the proxy ---- */

/* Under rcu_read_lock(). */
static struct vsb_coms *vsb_com_of_proxy(struct vsb_proxy *proxy, struct vsb_l2 **u)
{
	*u = rcu_dereference(proxy->uservm);
	return *u ? rcu_dereference((*u)->coms) : NULL;
}

/**
 * vsb_com_take - what is there to do for the fronts of a proxy's user VM?
 * @proxy: the proxy
 * @job: for vsb_com_complete(); has the last one
 * @io: put here
 * @base: of the UART that it is for
 *
 * Return: is there something? Does not sleep.
 */
bool vsb_com_take(struct vsb_proxy *proxy, struct vsb_com_job *job, struct vsb_io *io,
		  u16 *base)
{
	struct vsb_coms *coms;
	bool taken = false;
	struct vsb_l2 *u;
	u32 i, n;

	rcu_read_lock();
	coms = vsb_com_of_proxy(proxy, &u);
	/* After the one that had the last turn: one that always has work has every other. */
	for (i = 0; coms && i < coms->nr && !taken; i++) {
		struct vsb_com *com;

		n = (job->com + 1 + i) % coms->nr;
		com = &coms->com[n];
		if (!READ_ONCE(com->on))
			continue;
		spin_lock(&com->lock);
		taken = com->on && vsb_pump_next(&com->front, io);
		if (taken) {
			*job = (struct vsb_com_job){ n, com->serial };
			*base = com->uart.base;
		} else if (vsb_pump_blocked(&com->front)) {
			vsb_proxy_poll_soon(proxy);
		}
		spin_unlock(&com->lock);
	}
	rcu_read_unlock();
	return taken;
}

/* It is done; @data was answered. */
void vsb_com_complete(struct vsb_proxy *proxy, const struct vsb_com_job *job, const u8 *data)
{
	struct vsb_coms *coms;
	struct vsb_com *com;
	struct vsb_l2 *u;
	bool level, waits;

	rcu_read_lock();
	coms = vsb_com_of_proxy(proxy, &u);
	if (!coms || job->com >= coms->nr)
		goto out;
	com = &coms->com[job->com];
	spin_lock(&com->lock);
	/* Else it is another's by now. */
	if (com->on && com->serial == job->serial) {
		level = com->front.level;
		waits = vsb_front_waits(&com->front);
		vsb_pump_done(&com->front, data);
		if (com->front.level != level || com->front.rose)
			vsb_com_tell_line(com, coms, proxy);
		if (vsb_front_waits(&com->front) && !waits)
			vsb_proxy_moment_from_now(proxy);
	}
	spin_unlock(&com->lock);
out:
	rcu_read_unlock();
}

/*
 * Does more than one have this line? QEMU's UARTs do not know of each other: each says
 * what its own level is, so a line that is high may have risen again, or fallen for one only.
 */
static bool vsb_coms_share(struct vsb_coms *coms, u32 gsi)
{
	u32 i, nr = 0;

	for (i = 0; i < coms->nr; i++)
		nr += vsb_uart_gsi(&coms->com[i].uart) == gsi;
	return nr > 1;
}

/*
 * A line of the proxy's VM changes. Return: is it that of a front's UART? Then
 * it is for us, not for the user VM.
 */
bool vsb_com_irq_line(struct vsb_proxy *proxy, u32 gsi, bool level)
{
	bool ours = false, work = false, shared;
	struct vsb_coms *coms;
	struct vsb_l2 *u;
	u32 i;

	rcu_read_lock();
	coms = vsb_com_of_proxy(proxy, &u);
	shared = coms && vsb_coms_share(coms, gsi);
	for (i = 0; coms && i < coms->nr; i++) {
		struct vsb_com *com = &coms->com[i];

		if (!READ_ONCE(com->on) || vsb_uart_gsi(&com->uart) != gsi)
			continue;
		ours = true;
		spin_lock(&com->lock);
		if (level && (shared || !com->line)) {
			vsb_pump_kick(&com->front);
			work |= vsb_pump_ready(&com->front);
		}
		com->line = level;
		spin_unlock(&com->lock);
	}
	rcu_read_unlock();
	if (work)
		wake_up(&proxy->work);
	return ours;
}

/* Work: those that are blocked look again, those that are late are no more. */
void vsb_com_poll(struct vsb_proxy *proxy)
{
	struct vsb_coms *coms;
	bool work = false;
	struct vsb_l2 *u;
	u32 i;

	rcu_read_lock();
	coms = vsb_com_of_proxy(proxy, &u);
	for (i = 0; coms && i < coms->nr; i++) {
		struct vsb_com *com = &coms->com[i];

		spin_lock(&com->lock);
		if (com->on && vsb_pump_blocked(&com->front)) {
			vsb_pump_kick(&com->front);
			work = true;
		}
		work |= com->late;
		com->late = false;
		/* It ended without a last look. */
		if (!com->touched)
			com->front.handler = false;
		com->touched = false;
		spin_unlock(&com->lock);
	}
	rcu_read_unlock();
	if (work)
		wake_up(&proxy->work);
}

/* Work: lines that paused go on. */
void vsb_com_moment(struct vsb_proxy *proxy)
{
	struct vsb_coms *coms;
	struct vsb_l2 *u;
	u32 i;

	rcu_read_lock();
	coms = vsb_com_of_proxy(proxy, &u);
	for (i = 0; coms && i < coms->nr; i++) {
		struct vsb_com *com = &coms->com[i];

		spin_lock(&com->lock);
		if (com->on && vsb_front_waits(&com->front)) {
			vsb_front_moment(&com->front);
			vsb_com_tell_line(com, coms, proxy);
		}
		spin_unlock(&com->lock);
	}
	rcu_read_unlock();
}
