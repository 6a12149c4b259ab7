/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupt lines as a stream of edges for one reader: counting alone, whoever uses it
 * has the lock (proxy->lock).
 */
#ifndef VSB_CORE_IRQ_H
#define VSB_CORE_IRQ_H

#include <linux/types.h>

struct vsb_event;

#define VSB_NR_GSI	24

/**
 * struct vsb_irqs - lines of a proxy: a bit for each GSI
 * @level:	high
 * @reported:	level of the last event read
 * @rose:	went high since
 * @settled:	low, and would have risen again by now
 * @held:	not reported now: their handler is at work
 */
struct vsb_irqs {
	u32 level;
	u32 reported;
	u32 rose;
	u32 settled;
	u32 held;
};

bool vsb_irq_set(struct vsb_irqs *irqs, u32 gsi, bool level);
bool vsb_irq_follow(struct vsb_irqs *irqs, u32 gsi, bool level, bool rose);
bool vsb_irq_unsettled(const struct vsb_irqs *irqs);
void vsb_irq_settle(struct vsb_irqs *irqs);
u32 vsb_irq_held(const struct vsb_irqs *irqs);
bool vsb_irq_pending(const struct vsb_irqs *irqs);
void vsb_irq_forget(struct vsb_irqs *irqs);
int vsb_irq_peek(const struct vsb_irqs *irqs);
int vsb_irq_take(struct vsb_irqs *irqs);
void vsb_irq_again(struct vsb_irqs *irqs, u32 lines);
bool vsb_irq_next(struct vsb_irqs *irqs, struct vsb_event *event);

#endif
