// SPDX-License-Identifier: GPL-2.0
/* What is learned of vectors, when it is not, and when it is forgotten; edges that are pulses. */
#include <glib.h>

#include <linux/bits.h>

#include "core/irq.h"
#include "core/vector.h"

#define LINE	4
#define VECTOR	0x24
#define TIMER	0xec
#define CPU0	0x1000
#define CPU1	0x2000

/* The guest hypervisor raises the line, injects the vector, the handler comes. */
static void once(struct vsb_vectors *v, guint8 vector, gulong cpu)
{
	vsb_vectors_asked(v, LINE);
	vsb_vectors_injected(v, cpu, vector);
	vsb_vectors_handled(v, LINE, cpu, true);
}

static struct vsb_vectors learned(void)
{
	struct vsb_vectors v;

	vsb_vectors_init(&v);
	once(&v, VECTOR, CPU0);
	once(&v, VECTOR, CPU0);
	return v;
}

static void known(const struct vsb_vectors *v, guint8 vector, gulong cpu)
{
	const struct vsb_vector *known = vsb_vectors_known(v, LINE);

	g_assert_nonnull(known);
	g_assert_cmphex(known->vector, ==, vector);
	g_assert_cmphex(known->anchor, ==, cpu);
}

static void test_twice(void)
{
	struct vsb_vectors v;

	vsb_vectors_init(&v);
	g_assert_null(vsb_vectors_known(&v, LINE));
	once(&v, VECTOR, CPU0);
	g_assert_null(vsb_vectors_known(&v, LINE));
	once(&v, VECTOR, CPU0);
	known(&v, VECTOR, CPU0);
	/* Of no other line. */
	for (int gsi = 0; gsi < VSB_NR_GSI; gsi++)
		if (gsi != LINE)
			g_assert_null(vsb_vectors_known(&v, gsi));
	for (int i = 0; i < 1000; i++)
		once(&v, VECTOR, CPU0);
	known(&v, VECTOR, CPU0);
}

/* Another vector, or another vCPU: from the beginning. */
static void test_moves(void)
{
	struct vsb_vectors v = learned();

	once(&v, VECTOR + 1, CPU0);
	g_assert_null(vsb_vectors_known(&v, LINE));
	once(&v, VECTOR + 1, CPU0);
	known(&v, VECTOR + 1, CPU0);
	once(&v, VECTOR + 1, CPU1);
	g_assert_null(vsb_vectors_known(&v, LINE));
	once(&v, VECTOR + 1, CPU0);
	g_assert_null(vsb_vectors_known(&v, LINE));
}

/* What looks alike, and is not it. */
static void test_doubt(void)
{
	struct vsb_vectors v;

	for (int i = 0; i < 3; i++) {
		vsb_vectors_init(&v);
		/* Two vectors: which one is it? */
		vsb_vectors_asked(&v, LINE);
		vsb_vectors_injected(&v, CPU0, TIMER);
		vsb_vectors_injected(&v, CPU0, VECTOR);
		vsb_vectors_handled(&v, LINE, CPU0, true);
		/* A thread of the handler: interrupts are on. */
		vsb_vectors_asked(&v, LINE);
		vsb_vectors_injected(&v, CPU0, VECTOR);
		vsb_vectors_handled(&v, LINE, CPU0, false);
		/* Another vCPU asks the device. */
		vsb_vectors_asked(&v, LINE);
		vsb_vectors_injected(&v, CPU1, VECTOR);
		vsb_vectors_handled(&v, LINE, CPU0, true);
		/* Nothing was injected: the handler was at work anyhow. */
		vsb_vectors_asked(&v, LINE);
		vsb_vectors_handled(&v, LINE, CPU0, true);
		/* Injected before the line was raised. */
		vsb_vectors_injected(&v, CPU0, VECTOR);
		vsb_vectors_asked(&v, LINE);
		vsb_vectors_handled(&v, LINE, CPU0, true);
		/* Another line. */
		vsb_vectors_asked(&v, LINE + 1);
		vsb_vectors_injected(&v, CPU0, VECTOR);
		vsb_vectors_handled(&v, LINE, CPU0, true);
		/* An exception; a vCPU without a name. */
		once(&v, 0x1f, CPU0);
		once(&v, VECTOR, 0);
		g_assert_null(vsb_vectors_known(&v, LINE));
	}
}

static void test_forget(void)
{
	struct vsb_vectors v = learned();

	vsb_vectors_forget(&v);
	g_assert_null(vsb_vectors_known(&v, LINE));
	/* Also what is being learned. */
	vsb_vectors_init(&v);
	once(&v, VECTOR, CPU0);
	vsb_vectors_asked(&v, LINE);
	vsb_vectors_injected(&v, CPU0, VECTOR);
	vsb_vectors_forget(&v);
	vsb_vectors_handled(&v, LINE, CPU0, true);
	g_assert_null(vsb_vectors_known(&v, LINE));
}

/* One that was injected has its handler, or is forgotten. */
static void test_missed(void)
{
	struct vsb_vectors v = learned();
	guint entries = 0;

	vsb_vectors_sent(&v, LINE);
	g_assert_cmpint(v.sent, ==, LINE);
	vsb_vectors_handled(&v, LINE, CPU0, true);
	g_assert_cmpint(v.sent, ==, -1);
	for (int i = 0; i < 100; i++)
		g_assert_false(vsb_vectors_missed(&v));
	known(&v, VECTOR, CPU0);

	vsb_vectors_sent(&v, LINE);
	while (!vsb_vectors_missed(&v))
		g_assert_cmpuint(++entries, <, 100);
	g_assert_cmpuint(entries, >, 1);
	g_assert_null(vsb_vectors_known(&v, LINE));
}

/* Whoever raises lines by pulses has each rise once, and no fall. */
static void test_pulses(void)
{
	struct vsb_irqs irqs = { 0 };

	g_assert_cmpint(vsb_irq_peek(&irqs), ==, -1);
	g_assert_cmpint(vsb_irq_take(&irqs), ==, -1);
	vsb_irq_set(&irqs, 12, true);
	vsb_irq_set(&irqs, 4, true);
	g_assert_cmpint(vsb_irq_peek(&irqs), ==, 4);
	g_assert_cmpint(vsb_irq_take(&irqs), ==, 4);
	g_assert_cmpint(vsb_irq_peek(&irqs), ==, 12);
	g_assert_cmpint(vsb_irq_take(&irqs), ==, 12);
	g_assert_cmpint(vsb_irq_take(&irqs), ==, -1);
	/* Down and up again. */
	vsb_irq_set(&irqs, 4, false);
	g_assert_cmpint(vsb_irq_peek(&irqs), ==, -1);
	vsb_irq_set(&irqs, 4, true);
	g_assert_cmpint(vsb_irq_peek(&irqs), ==, 4);
	g_assert_cmpint(vsb_irq_take(&irqs), ==, 4);
	/* Nobody has answered; one that is low has nothing to answer. */
	vsb_irq_set(&irqs, 12, false);
	vsb_irq_again(&irqs, BIT(4) | BIT(12));
	g_assert_cmpint(vsb_irq_take(&irqs), ==, 4);
	g_assert_cmpint(vsb_irq_take(&irqs), ==, -1);
	/* Held while a handler is at work. */
	irqs.held = BIT(4);
	vsb_irq_again(&irqs, BIT(4));
	g_assert_cmpint(vsb_irq_peek(&irqs), ==, -1);
	g_assert_cmpint(vsb_irq_take(&irqs), ==, -1);
	irqs.held = 0;
	g_assert_cmpint(vsb_irq_take(&irqs), ==, 4);
}

/* Ours, and what came on top of it: the EOI of which is ours? */
static void test_service(void)
{
	struct vsb_service s = { 0 };

	g_assert_false(vsb_service_eoi(&s, CPU0));
	g_assert_false(vsb_service_eoi(&s, 0));
	vsb_service_sent(&s, CPU0, VECTOR);
	g_assert_false(vsb_service_eoi(&s, CPU1));
	g_assert_true(vsb_service_eoi(&s, CPU0));
	g_assert_false(vsb_service_eoi(&s, CPU0));
	/* One on top. */
	vsb_service_sent(&s, CPU0, VECTOR);
	vsb_service_injected(&s, CPU0, TIMER);
	vsb_service_injected(&s, CPU1, TIMER + 1);
	g_assert_false(vsb_service_eoi(&s, CPU0));
	g_assert_true(vsb_service_eoi(&s, CPU0));
	/* One of ours on top, which waits; it comes, or it does not. */
	for (int comes = 0; comes < 2; comes++) {
		vsb_service_sent(&s, CPU0, VECTOR);
		vsb_service_sent(&s, CPU0, VECTOR + 1);
		if (comes)
			g_assert_true(vsb_service_eoi(&s, CPU0));
		else
			vsb_service_unsent(&s);
		g_assert_true(vsb_service_eoi(&s, CPU0));
		g_assert_false(vsb_service_eoi(&s, CPU0));
	}
	vsb_service_unsent(&s);
	g_assert_false(vsb_service_eoi(&s, CPU0));
	/* Another vCPU; one that is not known. */
	vsb_service_sent(&s, CPU0, VECTOR);
	vsb_service_sent(&s, CPU1, VECTOR);
	g_assert_false(vsb_service_eoi(&s, CPU0));
	g_assert_true(vsb_service_eoi(&s, CPU1));
	vsb_service_sent(&s, 0, VECTOR);
	g_assert_false(vsb_service_eoi(&s, 0));
}

/* An exit has interrupted the delivery: the guest hypervisor injects it again. */
static void test_service_again(void)
{
	struct vsb_service s = { 0 };

	vsb_service_sent(&s, CPU0, VECTOR);
	for (int i = 0; i < 5; i++)
		vsb_service_injected(&s, CPU0, TIMER);
	g_assert_false(vsb_service_eoi(&s, CPU0));
	g_assert_true(vsb_service_eoi(&s, CPU0));
	/* If it was ours it knows of it, and is to see the EOI, and those that follow. */
	vsb_service_sent(&s, CPU0, VECTOR);
	vsb_service_injected(&s, CPU0, VECTOR);
	g_assert_false(vsb_service_eoi(&s, CPU0));
	vsb_service_injected(&s, CPU0, TIMER);
	g_assert_false(vsb_service_eoi(&s, CPU0));
	/* More on top than anybody has: all are its. */
	vsb_service_sent(&s, CPU0, VECTOR);
	for (int i = 0; i < VSB_MAX_SERVICE; i++)
		vsb_service_injected(&s, CPU0, TIMER + i);
	for (int i = 0; i < 2 * VSB_MAX_SERVICE; i++)
		g_assert_false(vsb_service_eoi(&s, CPU0));
	for (int i = 0; i < VSB_MAX_SERVICE; i++)
		vsb_service_sent(&s, CPU0, VECTOR + i);
	vsb_service_sent(&s, CPU0, TIMER);
	g_assert_false(vsb_service_eoi(&s, CPU0));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vector/twice", test_twice);
	g_test_add_func("/vector/moves", test_moves);
	g_test_add_func("/vector/doubt", test_doubt);
	g_test_add_func("/vector/forget", test_forget);
	g_test_add_func("/vector/missed", test_missed);
	g_test_add_func("/vector/pulses", test_pulses);
	g_test_add_func("/vector/service", test_service);
	g_test_add_func("/vector/service-again", test_service_again);
	return g_test_run();
}
