/* SPDX-License-Identifier: GPL-2.0 */
/* How the interrupts of its proxies come to the user VMs of a cloud VM. */
#ifndef VSB_IRQ_MODE_H
#define VSB_IRQ_MODE_H

#include <glib.h>

enum irq_mode {
	IRQ_MODE_AUTO,	/* by the module; an agent helps while one is connected */
	IRQ_MODE_EXIT,	/* by synthetic exits alone */
	IRQ_MODE_AGENT,	/* by the agent alone */
};

/* Of who does not say. The lab reads this line, too (selftests/lab/irq.py). */
#define IRQ_MODE_DEFAULT	"auto"

/* "auto", "exit" or "agent". */
gboolean irq_mode_parse(const char *text, enum irq_mode *mode, GError **error);
const char *irq_mode_text(enum irq_mode mode);

/* What the module is told (VSB_IRQ_*). @agent: whether one is connected. */
guint32 irq_mode_mask(enum irq_mode mode, gboolean agent);

#endif
