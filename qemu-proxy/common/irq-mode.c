// SPDX-License-Identifier: GPL-2.0
/* How the interrupts of its proxies come to the user VMs of a cloud VM. */
#include "irq-mode.h"

#include <string.h>
#include <linux/kvm_vsbypass.h>

#include "error.h"

static const char * const texts[] = {
	[IRQ_MODE_AUTO] = "auto",
	[IRQ_MODE_EXIT] = "exit",
	[IRQ_MODE_AGENT] = "agent",
};

gboolean irq_mode_parse(const char *text, enum irq_mode *mode, GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		if (strcmp(texts[i], text))
			continue;
		*mode = i;
		return TRUE;
	}
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "irq is 'auto', 'exit' or 'agent'");
	return FALSE;
}

const char *irq_mode_text(enum irq_mode mode)
{
	return texts[mode];
}

guint32 irq_mode_mask(enum irq_mode mode, gboolean agent)
{
	switch (mode) {
	case IRQ_MODE_EXIT:
		return VSB_IRQ_EXITS;
	case IRQ_MODE_AGENT:
		return VSB_IRQ_EVENTS;
	default:
		return VSB_IRQ_EXITS | VSB_IRQ_DIRECT | (agent ? VSB_IRQ_EVENTS : 0);
	}
}
