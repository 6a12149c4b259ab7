/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupts of a user VM, without anything of ours in the cloud VM: the guest hypervisor is
 * shown a nested exit that the user VM never made, an access to a dummy (dummy.h), whose line
 * rises. It injects the vector that the user VM has programmed for that.
 *
 * raise->lock, a spinlock, is inside of slot->lock; proxy->lock is inside of it.
 */
#ifndef VSB_CORE_RAISE_H
#define VSB_CORE_RAISE_H

#include <linux/atomic.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "core/dummy.h"
#include "core/vector.h"
#include "devices/device.h"

struct vsb_cloud;
struct vsb_l2;
struct vsb_proxy;
struct vsb_uservm;
struct vsb_vcpu;

/**
 * struct vsb_regs - registers of a user VM's vCPU
 * @rip:	next instruction
 * @rax:	the other two: those that an access to a port has something in
 * @rdx:	see @rax
 */
struct vsb_regs {
	unsigned long rip;
	unsigned long rax;
	unsigned long rdx;
};

/**
 * struct vsb_shown - an exit that the guest hypervisor has been shown
 * @anchor:	of the vCPU that it was shown for, or 0
 * @real:	registers that are the user VM's,
 * @told:	and that the guest hypervisor was told instead. Its @rdx is like no other: by
 *		that the state which it lets the user VM go on with is known. 0: none
 */
struct vsb_shown {
	unsigned long anchor;
	struct vsb_regs real;
	struct vsb_regs told;
};

/*
 * Remembered, as the guest hypervisor may save the state of a user VM and let it go on with
 * that more than once.
 */
#define VSB_MAX_SHOWN	64

#define VSB_MAX_GIVEN	(4 * VSB_MAX_RESTORE)	/* COM ports */

/**
 * struct vsb_raise - of a user VM
 * @lock:	guards what follows
 * @cloud:	of the user VM; constant, and there until @ended
 * @ended:	the user VM is forgotten
 * @busy:	there is something to look at; counted in vsb_raising
 * @dummies:	state of them
 * @give:	accesses by which the dummies become the user VM's own devices again,
 * @give_nr:	so many; 0, and when accesses are not frozen: they are ours
 * @give_at:	next one
 * @open:	number of the exit that has no answer yet, or -1
 * @stray:	that one is of before @give: no access of it
 * @next:	number of the next one
 * @shown:	the last ones, a ring
 * @rests:	no other line is raised before the user VM has gone on from where it was
 *		when one was
 * @rests_at:	(RIP)
 * @halted:	anchor of the vCPU whose HLT is kept from the guest hypervisor, or 0:
 * @hlt:	address of that instruction
 * @behind:	of the next one; 0: not known yet
 * @left:	CLOCK_MONOTONIC ns when the guest hypervisor got the CPU meanwhile
 * @asked:	lines that were raised and whose handler has not come. Written without
 *		@lock, bit by bit
 * @again:	those that are being raised for that
 * @ask_again:	jiffies when they are raised again,
 * @patience:	and how many the next time
 * @vectors:	that are known
 * @looks:	so often a handler of the line
 * @looks_for:	has looked and found nothing, since it was raised last or one found something
 * @never:	none is injected
 * @since:	jiffies when something became due
 * @by:		anchor of the vCPU that made the last access to a device; without @lock
 * @irqs_off:	it had interrupts off; without @lock
 * @service:	a vector of ours that a vCPU has in service; its @anchor is read without @lock
 * @active:	jiffies of the last thing that happened on the console
 * @keep_from:	jiffies before which no HLT is kept: others want the CPU,
 * @shy:	and how many the next time,
 * @keep_until:	jiffies before which that does not count
 * @exits:	that were shown
 * @direct:	interrupts injected
 * @halts:	kept
 */
struct vsb_raise {
	spinlock_t lock;	/* inside of slot->lock; proxy->lock is inside */
	struct vsb_cloud *cloud;
	bool ended;
	bool busy;
	struct vsb_dummies dummies;
	struct vsb_reg_write give[VSB_MAX_GIVEN];
	u32 give_nr;
	u32 give_at;
	int open;
	bool stray;
	unsigned int next;
	struct vsb_shown shown[VSB_MAX_SHOWN];
	bool rests;
	unsigned long rests_at;
	unsigned long halted;
	unsigned long hlt;
	unsigned long behind;
	u64 left;
	unsigned long asked;
	u32 again;
	unsigned long ask_again;
	unsigned long patience;
	struct vsb_vectors vectors;
	unsigned int looks;
	u32 looks_for;
	bool never;
	unsigned long since;
	unsigned long by;
	bool irqs_off;
	struct vsb_service service;
	unsigned long active;
	unsigned long keep_from;
	unsigned long shy;
	unsigned long keep_until;
	atomic64_t exits;
	atomic64_t direct;
	atomic64_t halts;
};

/* User VMs of which a look at each entry and exit may find something to do. */
extern atomic_t vsb_raising;
/* In the upper half of vsb_shown.told.rdx; random. */
extern u32 vsb_raise_sign;

static inline bool vsb_raise_any(void)
{
	return atomic_read(&vsb_raising);
}

/* May registers with this RDX be some that the guest hypervisor was told? */
static inline bool vsb_raise_signed(unsigned long rdx)
{
	return rdx >> 32 == vsb_raise_sign;
}

void vsb_raise_init(struct vsb_cloud *cloud, struct vsb_l2 *u);
void vsb_raise_end(struct vsb_l2 *u);
void vsb_raise_arm(struct vsb_cloud *cloud, struct vsb_vcpu *v, bool armed);
void vsb_raise_drop(struct vsb_cloud *cloud);
bool vsb_raise_open(struct vsb_cloud *cloud);
void vsb_raise_prod_all(struct vsb_cloud *cloud);
void vsb_raise_reset(struct vsb_l2 *u);
void vsb_raise_info(struct vsb_l2 *u, struct vsb_uservm *info);

/* The proxy's side: a line has something new. */
bool vsb_raise_does(const struct vsb_proxy *proxy);
void vsb_raise_edge(struct vsb_proxy *proxy);
void vsb_raise_handled(struct vsb_proxy *proxy, u32 gsi);
void vsb_raise_looked(struct vsb_proxy *proxy, u32 gsi);
void vsb_raise_fell(struct vsb_proxy *proxy);
void vsb_raise_attend(struct vsb_proxy *proxy);

/* The user VM's side; under rcu_read_lock(), or with a reference. */
bool vsb_raise_gives(const struct vsb_raise *r);
bool vsb_raise_due(struct vsb_l2 *u);
bool vsb_raise_begin(struct vsb_l2 *u, unsigned long anchor, unsigned int length,
		     struct vsb_regs *regs, struct vsb_poke *poke);
void vsb_raise_abort(struct vsb_l2 *u);
void vsb_raise_soon(struct vsb_l2 *u);
void vsb_raise_went_on(struct vsb_l2 *u, unsigned long rip);
bool vsb_raise_entered(struct vsb_l2 *u, unsigned long anchor, struct vsb_regs *regs);

/* For halt.c, direct.c and giveback.c; the first three under raise->lock. */
void vsb_raise_update(struct vsb_l2 *u);
void vsb_raise_again(struct vsb_l2 *u, u32 lines);
void vsb_raise_asked(struct vsb_raise *r, int gsi);
void vsb_raise_prod(struct vsb_cloud *cloud, struct vsb_l2 *u);
void vsb_raise_wake(struct vsb_l2 *u);
void vsb_raise_attend_in(struct vsb_proxy *proxy, unsigned long delay);

#endif
