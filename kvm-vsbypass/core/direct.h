/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors that are injected without the guest hypervisor (raise.h). Under rcu_read_lock(), or
 * with a reference to the user VM.
 */
#ifndef VSB_CORE_DIRECT_H
#define VSB_CORE_DIRECT_H

#include <linux/types.h>

struct vsb_l2;
struct vsb_proxy;

unsigned long vsb_direct_target(struct vsb_l2 *u, struct vsb_proxy *proxy);
u8 vsb_direct_vector(struct vsb_l2 *u, unsigned long anchor);
bool vsb_direct_send(struct vsb_l2 *u, unsigned long anchor, u8 vector, bool eoi_exits);
void vsb_direct_disarmed(struct vsb_l2 *u);
void vsb_direct_injected(struct vsb_l2 *u, unsigned long anchor, u8 vector);
bool vsb_direct_eoi(struct vsb_l2 *u, unsigned long anchor);
void vsb_direct_forget(struct vsb_l2 *u);
void vsb_direct_never(struct vsb_l2 *u);

#endif
