/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pauses between starts of one thing that others can make end: the first is short, each
 * is twice as long as the one before, until one has lived long. Knows no clock.
 */
#ifndef VSB_BACKOFF_H
#define VSB_BACKOFF_H

#include <glib.h>

#define BACKOFF_LAST_S	30
#define LIVED_LONG_US	(60 * G_USEC_PER_SEC)

/**
 * struct backoff
 * @next_s:	pause before the next start, 0: at once
 * @began_us:	when the last one was
 */
struct backoff {
	guint next_s;
	gint64 began_us;
};

static inline void backoff_began(struct backoff *backoff, gint64 now_us)
{
	backoff->began_us = now_us;
}

/* It ended at @now_us. @least_s: of the pause. Return: seconds until the next start. */
static inline guint backoff_ended(struct backoff *backoff, gint64 now_us, guint least_s)
{
	guint pause_s;

	if (now_us - backoff->began_us >= LIVED_LONG_US)
		backoff->next_s = 0;
	pause_s = MAX(backoff->next_s, least_s);
	backoff->next_s = CLAMP(pause_s * 2, 1, BACKOFF_LAST_S);
	return pause_s;
}

/* Somebody ends it who may, as often as he likes. */
static inline void backoff_forgive(struct backoff *backoff)
{
	backoff->next_s = 0;
}

#endif
