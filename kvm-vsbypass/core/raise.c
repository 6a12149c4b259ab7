// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of a user VM, raised by exits that the guest hypervisor is shown: which, when,
 * and what has to be put back.
 */
#include <linux/jiffies.h>
#include <linux/once.h>
#include <linux/random.h>

#include "core/cloud.h"
#include "core/direct.h"
#include "core/compat.h"
#include "core/halt.h"
#include "core/host.h"
#include "core/proxy.h"
#include "core/raise.h"
#include "core/uservm.h"

/* A line that nobody answers is raised again; the first time after this. */
#define VSB_ASK_MS	200
#define VSB_ASK_MOST_MS	8000

/*
 * The lines of ISA are edges, mostly: the guest hypervisor's machine may say otherwise (QEMU 11.1
 * does, of COM ports), and the user VM does as it is told. Then its handler is called again and
 * again as long as the dummy's line is high, and finds nothing: so often without a rise, and it
 * is known.
 */
#define VSB_LOOKS	8

/* An exit that could not be shown for so long waits for a vCPU of the user VM to run. */
#define VSB_LATE_MS	8

atomic_t vsb_raising = ATOMIC_INIT(0);
u32 vsb_raise_sign = U32_MAX;	/* of no address, and no small number */

/* Does the module raise the lines of this proxy, not only the reader of its events? */
bool vsb_raise_does(const struct vsb_proxy *proxy)
{
	return READ_ONCE(proxy->cloud->irq) & VSB_IRQ_EXITS;
}

/* ---- life ---- */

void vsb_raise_init(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_raise *r = &u->raise;

	/* Random, but not 0, and the same for all. */
	get_random_once(&vsb_raise_sign, sizeof(vsb_raise_sign));
	r->cloud = cloud;
	spin_lock_init(&r->lock);
	r->dummies.gsi = -1;
	r->open = -1;
	vsb_vectors_init(&r->vectors);
	vsb_halt_init(r);
}

/* Are the dummies on their way back to the guest hypervisor, or there? Not our business then. */
bool vsb_raise_gives(const struct vsb_raise *r)
{
	return READ_ONCE(r->give_nr) && vsb_cloud_is_frozen(r->cloud);
}

/* Under rcu_read_lock(). */
bool vsb_raise_due(struct vsb_l2 *u)
{
	struct vsb_proxy *proxy = rcu_dereference(u->proxy);
	struct vsb_raise *r = &u->raise;

	if (READ_ONCE(r->open) >= 0 || !proxy || !vsb_raise_does(proxy) ||
	    !READ_ONCE(proxy->cloud->started))
		return false;
	if (vsb_raise_gives(r))
		return READ_ONCE(r->give_at) < READ_ONCE(r->give_nr);
	return READ_ONCE(r->dummies.gsi) >= 0 || vsb_irq_pending(&proxy->irqs) ||
	       vsb_dummy_falling(&r->dummies, READ_ONCE(proxy->irqs.level)) >= 0;
}

static void vsb_raise_count(struct vsb_raise *r, bool busy)
{
	if (r->busy == busy)
		return;
	WRITE_ONCE(r->busy, busy);
	atomic_add(busy ? 1 : -1, &r->cloud->raising);
	atomic_add(busy ? 1 : -1, &vsb_raising);
}

/* Is there something to look at? Under rcu_read_lock() and raise->lock. */
void vsb_raise_update(struct vsb_l2 *u)
{
	struct vsb_raise *r = &u->raise;

	vsb_raise_count(r, !r->ended && (r->open >= 0 || r->halted || r->service.anchor ||
					 r->vectors.asked >= 0 || r->vectors.sent >= 0 ||
					 vsb_raise_due(u)));
}

/* @u is forgotten. */
void vsb_raise_end(struct vsb_l2 *u)
{
	struct vsb_raise *r = &u->raise;

	spin_lock(&r->lock);
	r->halted = 0;
	r->ended = true;
	vsb_raise_count(r, false);
	spin_unlock(&r->lock);
}

/* The user VM, and with it its dummies, has been reset. */
void vsb_raise_reset(struct vsb_l2 *u)
{
	struct vsb_raise *r = &u->raise;

	spin_lock(&r->lock);
	vsb_dummy_forget(&r->dummies, U32_MAX);
	WRITE_ONCE(r->dummies.levels, 0);
	vsb_vectors_init(&r->vectors);
	WRITE_ONCE(r->never, false);
	r->halted = 0;
	vsb_service_end(&r->service);
	spin_unlock(&r->lock);
}

void vsb_raise_info(struct vsb_l2 *u, struct vsb_uservm *info)
{
	info->irq_exits = atomic64_read(&u->raise.exits);
	info->irq_direct = atomic64_read(&u->raise.direct);
	info->halts = atomic64_read(&u->raise.halts);
}

/* ---- the proxy's side ---- */

/* All vCPUs that run @u come by and look. Under rcu_read_lock(). */
void vsb_raise_prod(struct vsb_cloud *cloud, struct vsb_l2 *u)
{
	struct vsb_vm *vm = vsb_vm_find(cloud->vm.kvm);

	/* Before they are looked at; pairs with the one in whoever enters or halts. */
	smp_mb();
	if (vm && vm->cloud == cloud)
		vsb_host->prod(cloud->vm.kvm, cloud->vcpus, u);
}

/*
 * The same of all user VMs, when no exit is shown and no HLT kept any more: those that are
 * end. Under cloud->lock.
 */
void vsb_raise_prod_all(struct vsb_cloud *cloud)
{
	struct vsb_l2 *u;

	rcu_read_lock();
	list_for_each_entry(u, &cloud->uservms, node)
		if (READ_ONCE(u->raise.halted) || atomic_read(&cloud->armed))
			vsb_raise_prod(cloud, u);
	rcu_read_unlock();
}

/*
 * The VMCB of a vCPU has a vector of ours, or not. Counted apart from user VMs: it has to be
 * taken out before the guest hypervisor sees the VMCB, also if the user VM is forgotten. In the
 * thread of the vCPU.
 */
void vsb_raise_arm(struct vsb_cloud *cloud, struct vsb_vcpu *v, bool armed)
{
	v->armed = armed;
	atomic_add(armed ? 1 : -1, &cloud->armed);
	atomic_add(armed ? 1 : -1, &cloud->raising);
	atomic_add(armed ? 1 : -1, &vsb_raising);
}

/*
 * The cloud VM is let go of, and no callback has found it any more. Who was killed with a vector of
 * ours in its VMCB has not taken it out.
 */
void vsb_raise_drop(struct vsb_cloud *cloud)
{
	atomic_sub(atomic_xchg(&cloud->armed, 0), &vsb_raising);
}

/*
 * Has the guest hypervisor registers that are not the user VM's, or a VMCB something that is
 * not its? Under cloud->lock.
 */
bool vsb_raise_open(struct vsb_cloud *cloud)
{
	struct vsb_l2 *u;

	if (atomic_read(&cloud->armed))
		return true;
	list_for_each_entry(u, &cloud->uservms, node)
		if (READ_ONCE(u->raise.open) >= 0)
			return true;
	return false;
}

/* Have vsb_raise_attend() called, in so many jiffies at the latest. Not under proxy->lock. */
void vsb_raise_attend_in(struct vsb_proxy *proxy, unsigned long delay)
{
	unsigned long at = jiffies + delay;

	spin_lock(&proxy->lock);
	if (!proxy->dead &&
	    (!delayed_work_pending(&proxy->attend) || time_before(at, proxy->attend_at))) {
		proxy->attend_at = at;
		mod_delayed_work(vsb_wq, &proxy->attend, delay);
	}
	spin_unlock(&proxy->lock);
}

/* If a line is to be raised, have it done. Under rcu_read_lock(), not under proxy->lock. */
void vsb_raise_wake(struct vsb_l2 *u)
{
	struct vsb_proxy *proxy = rcu_dereference(u->proxy);

	if (!proxy || !vsb_raise_due(u))
		return;
	vsb_raise_prod(proxy->cloud, u);
	vsb_raise_attend_in(proxy, msecs_to_jiffies(VSB_LATE_MS));
}

/* There is an edge to tell of. Any context that does not hold proxy->lock. */
void vsb_raise_edge(struct vsb_proxy *proxy)
{
	struct vsb_l2 *u;

	rcu_read_lock();
	u = rcu_dereference(proxy->uservm);
	if (u) {
		spin_lock(&u->raise.lock);
		u->raise.active = jiffies;
		u->raise.since = jiffies;
		vsb_raise_update(u);
		spin_unlock(&u->raise.lock);
		vsb_raise_wake(u);
	}
	rcu_read_unlock();
}

/* The user VM's handler is at work for this line. */
void vsb_raise_handled(struct vsb_proxy *proxy, u32 gsi)
{
	struct vsb_l2 *u;

	rcu_read_lock();
	u = rcu_dereference(proxy->uservm);
	if (u) {
		clear_bit(gsi, &u->raise.asked);
		spin_lock(&u->raise.lock);
		u->raise.looks = 0;
		vsb_vectors_handled(&u->raise.vectors, gsi, READ_ONCE(u->raise.by),
				    READ_ONCE(u->raise.irqs_off));
		vsb_raise_update(u);
		spin_unlock(&u->raise.lock);
	}
	rcu_read_unlock();
}

/* There may be a line to lower. Any context that does not hold proxy->lock. */
void vsb_raise_fell(struct vsb_proxy *proxy)
{
	struct vsb_l2 *u;

	rcu_read_lock();
	u = rcu_dereference(proxy->uservm);
	if (u && READ_ONCE(u->raise.dummies.levels)) {
		spin_lock(&u->raise.lock);
		vsb_raise_update(u);
		spin_unlock(&u->raise.lock);
		vsb_raise_wake(u);
	}
	rcu_read_unlock();
}

/* The user VM's handler for this line has found nothing to do, at last or at once. */
void vsb_raise_looked(struct vsb_proxy *proxy, u32 gsi)
{
	bool level = false;
	struct vsb_raise *r;
	struct vsb_l2 *u;

	rcu_read_lock();
	u = rcu_dereference(proxy->uservm);
	if (u && READ_ONCE(u->raise.dummies.up) & ~READ_ONCE(u->raise.dummies.levels) & BIT(gsi)) {
		r = &u->raise;
		spin_lock(&r->lock);
		r->looks = r->looks_for == gsi ? r->looks + 1 : 1;
		r->looks_for = gsi;
		level = r->looks >= VSB_LOOKS;
		if (level)
			WRITE_ONCE(r->dummies.levels, r->dummies.levels | BIT(gsi));
		spin_unlock(&r->lock);
	}
	rcu_read_unlock();
	if (level)
		vsb_raise_fell(proxy);
}

/* These lines, as far as they are high, count as risen anew. Under RCU and raise->lock. */
void vsb_raise_again(struct vsb_l2 *u, u32 lines)
{
	struct vsb_proxy *proxy = rcu_dereference(u->proxy);

	if (!proxy)
		return;
	spin_lock(&proxy->lock);
	vsb_irq_again(&proxy->irqs, lines);
	spin_unlock(&proxy->lock);
}

/* Raise lines again that nobody has answered. Return: jiffies until the next look, or 0. */
static unsigned long vsb_raise_ask_again(struct vsb_proxy *proxy, struct vsb_l2 *u)
{
	struct vsb_raise *r = &u->raise;
	u32 lines = READ_ONCE(r->asked) & READ_ONCE(proxy->irqs.level);

	if (!lines) {
		r->vectors.asked = -1;
		return 0;
	}
	if (time_before(jiffies, r->ask_again))
		return r->ask_again - jiffies;
	r->patience = min(2 * r->patience, msecs_to_jiffies(VSB_ASK_MOST_MS));
	r->ask_again = jiffies + r->patience;
	/* Somebody may have changed the state of the dummy. */
	vsb_dummy_forget(&r->dummies, lines);
	vsb_vectors_unanswered(&r->vectors);
	r->again |= lines;
	vsb_raise_again(u, lines);
	return r->patience;
}

/* The sooner of two times from now; 0 is never. */
static unsigned long vsb_raise_sooner(unsigned long a, unsigned long b)
{
	return a && b ? min(a, b) : a + b;
}

/* Return: jiffies until the dummies are ours again by themselves, or 0: they are. */
static unsigned long vsb_raise_given_for(const struct vsb_raise *r)
{
	long left = READ_ONCE(r->cloud->thaw) - jiffies + 1;

	return vsb_raise_gives(r) ? max(left, 1l) : 0;
}

/* Work: what has waited too long. */
void vsb_raise_attend(struct vsb_proxy *proxy)
{
	unsigned long delay = 0;
	bool due = false, prod = false, soon = false, late = false;
	struct vsb_raise *r;
	struct vsb_l2 *u;

	if (!vsb_raise_does(proxy))
		return;
	rcu_read_lock();
	u = rcu_dereference(proxy->uservm);
	if (u) {
		r = &u->raise;
		spin_lock(&r->lock);
		delay = vsb_raise_ask_again(proxy, u);
		delay = vsb_raise_sooner(delay, vsb_halt_attend(r, &prod));
		delay = vsb_raise_sooner(delay, vsb_raise_given_for(r));
		vsb_raise_update(u);
		spin_unlock(&r->lock);
		due = vsb_raise_due(u);
		soon = time_before(jiffies, READ_ONCE(r->since) + HZ / 10);
		late = due && !vsb_raise_gives(r);
		if (due || prod)
			vsb_raise_prod(proxy->cloud, u);
	}
	rcu_read_unlock();
	if (late && READ_ONCE(proxy->cloud->irq) & VSB_IRQ_EVENTS) {
		WRITE_ONCE(proxy->late, true);
		wake_up_interruptible(&proxy->events);
	}
	if (due)
		delay = vsb_raise_sooner(delay, soon ? msecs_to_jiffies(VSB_LATE_MS) : HZ / 10);
	if (delay)
		vsb_raise_attend_in(proxy, delay);
}

/* ---- the user VM's side ---- */

/* A handler for this line is asked for, and has so long to come. Under raise->lock. */
void vsb_raise_asked(struct vsb_raise *r, int gsi)
{
	set_bit(gsi, &r->asked);
	r->looks = 0;
	if (!(r->again & BIT(gsi))) {
		r->patience = msecs_to_jiffies(VSB_ASK_MS);
		vsb_halt_raised(r);
	}
	r->again &= ~BIT(gsi);
	r->ask_again = jiffies + r->patience;
}

/* The next access. Return: is there one? */
static bool vsb_raise_next(struct vsb_raise *r, struct vsb_proxy *proxy, struct vsb_poke *poke)
{
	const struct vsb_reg_write *w = &r->give[r->give_at];
	int gsi;

	if (vsb_raise_gives(r)) {
		if (r->give_at == r->give_nr)
			return false;
		*poke = (struct vsb_poke){ .port = w->port, .value = w->value };
		return true;
	}
	while (r->dummies.gsi < 0) {
		gsi = vsb_dummy_falling(&r->dummies, READ_ONCE(proxy->irqs.level));
		if (gsi >= 0) {
			vsb_dummy_fall(&r->dummies, gsi);
			break;
		}
		spin_lock(&proxy->lock);
		gsi = vsb_irq_take(&proxy->irqs);
		spin_unlock(&proxy->lock);
		if (gsi < 0)
			return false;
		if (!(vsb_dummy_lines & BIT(gsi)))
			continue;	/* nobody can raise it */
		vsb_dummy_begin(&r->dummies, gsi);
		vsb_raise_asked(r, gsi);
	}
	*poke = vsb_dummy_poke(&r->dummies);
	return true;
}

/*
 * Is what is next better injected into another vCPU, which may be about to look? Under
 * raise->lock.
 */
static bool vsb_raise_other(struct vsb_l2 *u, struct vsb_proxy *proxy, unsigned long anchor)
{
	unsigned long target;

	if (time_after_eq(jiffies, u->raise.since + msecs_to_jiffies(VSB_LATE_MS)))
		return false;
	target = vsb_direct_target(u, proxy);
	return target && target != anchor;
}

/*
 * A line that goes up and down faster than the guest hypervisor answers must not stop the user
 * VM: once each time it runs until its next exit, or for a moment. Under raise->lock.
 */
static bool vsb_raise_rests(struct vsb_raise *r, unsigned long rip)
{
	bool rests = r->rests && r->rests_at == rip && r->dummies.gsi < 0;

	WRITE_ONCE(r->rests, false);
	return rests;
}

/* It has executed something. Callback context. */
void vsb_raise_went_on(struct vsb_l2 *u, unsigned long rip)
{
	if (READ_ONCE(u->raise.rests) && READ_ONCE(u->raise.rests_at) != rip)
		WRITE_ONCE(u->raise.rests, false);
}

/**
 * vsb_raise_begin - what exit shall the guest hypervisor be shown now?
 * @u: the user VM; one of its vCPUs is between two instructions
 * @anchor: of that
 * @length: bytes that the instruction is said to have
 * @regs: of that; out: what the guest hypervisor is to be told
 * @poke: out: the access
 *
 * Return: false: none. Else vsb_raise_abort() has to follow if it is not shown after all,
 * and the guest hypervisor has @regs until vsb_raise_entered().
 */
bool vsb_raise_begin(struct vsb_l2 *u, unsigned long anchor, unsigned int length,
		     struct vsb_regs *regs, struct vsb_poke *poke)
{
	struct vsb_raise *r = &u->raise;
	struct vsb_proxy *proxy;
	struct vsb_shown *shown;
	unsigned long wait = 1;
	bool begun = false;
	bool due;

	rcu_read_lock();
	proxy = rcu_dereference(u->proxy);
	spin_lock(&r->lock);
	due = vsb_raise_due(u);
	if (due && !vsb_raise_rests(r, regs->rip) && !vsb_raise_other(u, proxy, anchor) &&
	    vsb_raise_next(r, proxy, poke)) {
		r->open = ++r->next % VSB_MAX_SHOWN;
		r->stray = false;
		shown = &r->shown[r->open];
		shown->anchor = anchor;
		shown->real = *regs;
		regs->rip -= length;
		regs->rax = poke->value;
		/* No two of those that are remembered are alike. */
		regs->rdx = (unsigned long)vsb_raise_sign << 32 |
			    (r->next & U16_MAX) << 16 | poke->port;
		shown->told = *regs;
		wait = r->patience;
		begun = true;
		atomic64_inc(&r->exits);
	}
	vsb_raise_update(u);
	spin_unlock(&r->lock);
	if (due)
		vsb_raise_attend_in(proxy, wait);
	rcu_read_unlock();
	return begun;
}

/* It was not shown. */
void vsb_raise_abort(struct vsb_l2 *u)
{
	struct vsb_raise *r = &u->raise;

	rcu_read_lock();
	spin_lock(&r->lock);
	if (r->open >= 0) {
		r->shown[r->open].told.rdx = 0;
		WRITE_ONCE(r->open, -1);
		atomic64_dec(&r->exits);
	}
	vsb_raise_update(u);
	spin_unlock(&r->lock);
	rcu_read_unlock();
}

/* It cannot be shown now, but behind the next instruction. */
void vsb_raise_soon(struct vsb_l2 *u)
{
	struct vsb_proxy *proxy;

	rcu_read_lock();
	proxy = rcu_dereference(u->proxy);
	if (proxy)
		vsb_raise_attend_in(proxy, 1);
	rcu_read_unlock();
}

/*
 * Outside of 64-bit mode a guest hypervisor may drop the upper halves of registers, which mean
 * nothing there (Xen does: hvm_sanitize_regs_fields()). Then the lower one has to do, for as
 * long as the exit is open.
 */
static struct vsb_shown *vsb_raise_find(struct vsb_raise *r, unsigned long anchor,
					const struct vsb_regs *regs)
{
	struct vsb_shown *open = r->open >= 0 ? &r->shown[r->open] : NULL;
	int i;

	if (open && open->anchor == anchor && regs->rdx == (u32)open->told.rdx &&
	    (regs->rip == open->told.rip || regs->rip == open->real.rip))
		return open;
	for (i = 0; vsb_raise_signed(regs->rdx) && i < VSB_MAX_SHOWN; i++)
		if (r->shown[i].told.rdx == regs->rdx)
			return &r->shown[i];
	return NULL;
}

/* The open exit is answered; @done: the access was made. The user VM is at @rip. */
static void vsb_raise_answered(struct vsb_raise *r, bool done, unsigned long rip)
{
	int gsi = r->dummies.gsi;

	WRITE_ONCE(r->open, -1);
	if (!done || r->stray)
		return;		/* the same one again, or what is next by now */
	if (vsb_raise_gives(r)) {
		WRITE_ONCE(r->give_at, min(r->give_at + 1, r->give_nr));
	} else if (gsi >= 0 && vsb_dummy_poked(&r->dummies)) {
		vsb_vectors_asked(&r->vectors, gsi);
		WRITE_ONCE(r->rests_at, rip);
		WRITE_ONCE(r->rests, true);
	}
}

/* No handler has come: the guest hypervisor is to raise the line. Under raise->lock. */
static void vsb_raise_missed(struct vsb_l2 *u)
{
	u32 line = BIT(u->raise.vectors.sent);

	vsb_vectors_unanswered(&u->raise.vectors);
	vsb_raise_again(u, line);
}

/**
 * vsb_raise_entered - the guest hypervisor lets a vCPU of a user VM go on
 * @u: the user VM
 * @anchor: the vCPU
 * @regs: what it lets it go on with; out: what is to be
 *
 * Return: is @regs changed?
 */
bool vsb_raise_entered(struct vsb_l2 *u, unsigned long anchor, struct vsb_regs *regs)
{
	struct vsb_raise *r = &u->raise;
	struct vsb_shown *shown;
	bool done;

	rcu_read_lock();
	spin_lock(&r->lock);
	shown = vsb_raise_find(r, anchor, regs);
	if (shown) {
		/* It may enter without having done what it was told. */
		done = regs->rip != shown->told.rip;
		if (!done)
			regs->rip = shown->real.rip;
		regs->rax = shown->real.rax;
		regs->rdx = shown->real.rdx;
		if (r->open == shown - r->shown)
			vsb_raise_answered(r, done, regs->rip);
	} else if (r->open >= 0 && anchor && r->shown[r->open].anchor == anchor) {
		/* Another state, for instance that of a reset. What the dummies are in, too. */
		r->open = -1;
		vsb_dummy_forget(&r->dummies, U32_MAX);
	}
	if (vsb_vectors_missed(&r->vectors))
		vsb_raise_missed(u);
	vsb_raise_update(u);
	spin_unlock(&r->lock);
	rcu_read_unlock();
	return shown;
}
