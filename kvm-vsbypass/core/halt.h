/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The HLT of a user VM, kept from the guest hypervisor (raise.h). vsb_halt_init(),
 * vsb_halt_raised() and vsb_halt_attend() are under raise->lock.
 */
#ifndef VSB_CORE_HALT_H
#define VSB_CORE_HALT_H

#include <linux/types.h>

struct vsb_l2;
struct vsb_raise;

void vsb_halt_init(struct vsb_raise *r);
void vsb_halt_raised(struct vsb_raise *r);
unsigned long vsb_halt_attend(struct vsb_raise *r, bool *prod);

/* The user VM's side; under rcu_read_lock(), or with a reference. */
bool vsb_halt_keep(struct vsb_l2 *u, unsigned long anchor, unsigned long rip, bool wakes);
bool vsb_halt_leave(struct vsb_l2 *u, unsigned long anchor, unsigned long *rip);
bool vsb_halt_again(struct vsb_l2 *u, unsigned long anchor, bool event, unsigned long *rip);
void vsb_halt_lost_cpu(struct vsb_l2 *u, unsigned long anchor);
void vsb_halt_has_cpu(struct vsb_l2 *u, unsigned long anchor);

#endif
