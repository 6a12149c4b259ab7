// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt lines of a proxy as a stream of edges. QEMU reports each level
 * twice (PIC and I/O APIC), so levels are compared. What the reader has not
 * fetched yet is merged, which bounds it; but a rise is never lost, as the
 * guest's interrupt controller may be waiting for an edge.
 *
 * While the user VM's handler works on a UART, its line goes up and down with
 * every byte. The handler will look for more before it ends, so none of these
 * edges is of use: they are held, and merged, until it has.
 *
 * A fall alone tells the user VM nothing, as interrupts of ISA are edges, and each
 * event costs the cloud VM several wake-ups. So it is told with the next rise, or
 * when the line has been low for a moment.
 */
#include <linux/bits.h>
#include <linux/bitops.h>

#include "core/irq.h"
#include "include/uapi/linux/kvm_vsbypass.h"

/* Return: is this an edge? */
bool vsb_irq_set(struct vsb_irqs *irqs, u32 gsi, bool level)
{
	u32 bit = BIT(gsi);

	if (!!(irqs->level & bit) == level)
		return false;
	irqs->level ^= bit;
	irqs->settled &= ~bit;
	if (level)
		irqs->rose |= bit;
	return true;
}

/*
 * The same for the line of a front, which may have risen again since. Its cause
 * is seen there as long as it lasts: a rise that is over needs no handler.
 * Return: is there anything new?
 */
bool vsb_irq_follow(struct vsb_irqs *irqs, u32 gsi, bool level, bool rose)
{
	bool edge = vsb_irq_set(irqs, gsi, level);

	if (!level)
		irqs->rose &= ~BIT(gsi);
	else if (rose)
		irqs->rose |= BIT(gsi);
	return edge || (level && rose);
}

/* Whoever has read events is gone: the next reader believes that all lines are low. */
void vsb_irq_forget(struct vsb_irqs *irqs)
{
	irqs->reported = 0;
	irqs->settled = 0;
}

/* Lines whose last edge is a fall that was not reported. */
static u32 vsb_irq_fallen(const struct vsb_irqs *irqs)
{
	return irqs->reported & ~irqs->level;
}

/* Are there falls that are not due yet? */
bool vsb_irq_unsettled(const struct vsb_irqs *irqs)
{
	return vsb_irq_fallen(irqs) & ~irqs->settled;
}

/* They are due now. */
void vsb_irq_settle(struct vsb_irqs *irqs)
{
	irqs->settled |= vsb_irq_fallen(irqs);
}

static u32 vsb_irq_due(const struct vsb_irqs *irqs)
{
	return irqs->rose | (irqs->level & ~irqs->reported) |
	       (vsb_irq_fallen(irqs) & irqs->settled);
}

/* Lines whose edges are not reported only because they are held. */
u32 vsb_irq_held(const struct vsb_irqs *irqs)
{
	return vsb_irq_due(irqs) & irqs->held;
}

bool vsb_irq_pending(const struct vsb_irqs *irqs)
{
	return vsb_irq_due(irqs) & ~irqs->held;
}

/* The next event for the reader. Return: was there one? */
bool vsb_irq_next(struct vsb_irqs *irqs, struct vsb_event *event)
{
	u32 due = vsb_irq_due(irqs) & ~irqs->held;
	u32 gsi, bit;

	if (!due)
		return false;
	gsi = __ffs(due);
	bit = BIT(gsi);
	/* High and rose since: it was low in between. */
	irqs->reported ^= bit;
	if (irqs->reported & bit)
		irqs->rose &= ~bit;
	*event = (struct vsb_event){
		.type = VSB_EVENT_IRQ,
		.gsi = gsi,
		.level = !!(irqs->reported & bit),
	};
	return true;
}

/* For who raises lines by pulses: what vsb_irq_take() will return. */
int vsb_irq_peek(const struct vsb_irqs *irqs)
{
	u32 rises = vsb_irq_due(irqs) & irqs->level & ~irqs->held;

	return rises ? (int)__ffs(rises) : -1;
}

/* The next line that rose, or -1. */
int vsb_irq_take(struct vsb_irqs *irqs)
{
	struct vsb_event event;

	while (vsb_irq_next(irqs, &event))
		if (event.level)
			return event.gsi;
	return -1;
}

/* These, as far as they are high, count as risen again. */
void vsb_irq_again(struct vsb_irqs *irqs, u32 lines)
{
	irqs->rose |= irqs->level & lines;
}
