/* SPDX-License-Identifier: GPL-2.0 */
/* What time it was in a kernel, as it kept it itself. */
#ifndef VSB_INTROSPECT_CLOCK_H
#define VSB_INTROSPECT_CLOCK_H

#include "kernel.h"

/**
 * struct clock - how its clocks differ
 * @known:	they are known
 * @real:	add this to nanoseconds since boot for those since 1970
 */
struct clock {
	gboolean known;
	gint64 real;
};

void clock_read(struct clock *clock, const struct kernel *kernel);

/* Return: ns since 1970, or 0: not known. */
guint64 clock_date(const struct clock *clock, guint64 since_boot);

#endif
