/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For how long a user VM has made no access. That it has ended is seen nowhere: this is what an
 * administrator can go by. Knows no clock.
 */
#ifndef VSB_ACTIVITY_H
#define VSB_ACTIVITY_H

#include <glib.h>

/**
 * struct activity
 * @count:	accesses, when they were last looked at
 * @since_us:	when that was news, 0: nobody has looked
 */
struct activity {
	guint64 count;
	gint64 since_us;
};

/* There have been @count. Return: seconds without another one, as far as anybody has looked. */
static inline gint64 activity_idle_s(struct activity *activity, guint64 count, gint64 now_us)
{
	if (!activity->since_us || activity->count != count)
		*activity = (struct activity){ .count = count, .since_us = now_us };
	return (now_us - activity->since_us) / G_USEC_PER_SEC;
}

#endif
