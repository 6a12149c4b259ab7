// SPDX-License-Identifier: GPL-2.0
/* How interrupts come to user VMs: the words, and what the module is told. */
#include "irq-mode.h"

#include <linux/kvm_vsbypass.h>

#include "error.h"

static void test_words(void)
{
	static const char * const bad[] = { "", "Auto", "exits", "agent ", "exit,agent" };

	for (enum irq_mode mode = IRQ_MODE_AUTO; mode <= IRQ_MODE_AGENT; mode++) {
		enum irq_mode parsed;

		g_assert_true(irq_mode_parse(irq_mode_text(mode), &parsed, NULL));
		g_assert_cmpint(parsed, ==, mode);
	}
	{
		enum irq_mode parsed;

		g_assert_true(irq_mode_parse(IRQ_MODE_DEFAULT, &parsed, NULL));
	}
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		enum irq_mode parsed;

		g_assert_false(irq_mode_parse(bad[i], &parsed, &error));
		g_assert_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST);
	}
}

/* Without an agent nobody reads events; with irq=exit or irq=agent it is one way alone. */
static void test_mask(void)
{
	g_assert_cmphex(irq_mode_mask(IRQ_MODE_AUTO, FALSE), ==, VSB_IRQ_EXITS | VSB_IRQ_DIRECT);
	g_assert_cmphex(irq_mode_mask(IRQ_MODE_AUTO, TRUE), ==,
			VSB_IRQ_EXITS | VSB_IRQ_DIRECT | VSB_IRQ_EVENTS);
	for (gboolean agent = FALSE; agent <= TRUE; agent++) {
		g_assert_cmphex(irq_mode_mask(IRQ_MODE_EXIT, agent), ==, VSB_IRQ_EXITS);
		g_assert_cmphex(irq_mode_mask(IRQ_MODE_AGENT, agent), ==, VSB_IRQ_EVENTS);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/irq-mode/words", test_words);
	g_test_add_func("/irq-mode/mask", test_mask);
	return g_test_run();
}
