// SPDX-License-Identifier: GPL-2.0
/* What time it was in a kernel; see clock.h. */
#include "clock.h"

/* Where its struct timekeeper is, or 0: from 6.13 on there are several, the first is this one. */
static guint64 timekeeper(const struct kernel *kernel)
{
	guint64 at = kallsyms_address(kernel->symbols, "tk_core");
	guint32 offset;

	if (at && layout_unnamed(kernel->layout, "timekeeper", "seq", &offset))
		return at + offset;
	at = kallsyms_address(kernel->symbols, "timekeeper_data");
	if (at && layout_member(kernel->layout, "tk_data", "timekeeper", &offset, NULL))
		return at + offset;
	return 0;
}

void clock_read(struct clock *clock, const struct kernel *kernel)
{
	guint64 at = timekeeper(kernel), real, boot;
	guint32 offs_real, offs_boot;

	clock->known = at &&
		layout_member(kernel->layout, "timekeeper", "offs_real", &offs_real, NULL) &&
		layout_member(kernel->layout, "timekeeper", "offs_boot", &offs_boot, NULL) &&
		guest_u64(kernel->guest, at + offs_real, &real) &&
		guest_u64(kernel->guest, at + offs_boot, &boot);
	if (clock->known)
		clock->real = (gint64)(real - boot);
}

guint64 clock_date(const struct clock *clock, guint64 since_boot)
{
	return clock->known ? (guint64)clock->real + since_boot : 0;
}
