/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many messages there may be of one cloud VM, user VM or source of connections: they can
 * make events happen as often as they like, and each event that is worth a line is one of
 * theirs. Nobody's lines push out those of others.
 */
#ifndef VSB_LOG_LIMIT_H
#define VSB_LOG_LIMIT_H

#include <glib.h>

#define LOG_LIMIT_BURST		200	/* messages at once */
#define LOG_LIMIT_EVERY_US	(2 * G_USEC_PER_SEC)	/* and then one in this time */
#define LOG_LIMIT_NAMES		4096	/* counted; then all begin anew */

/*
 * A message is about @name, at @now_us. Return: whether it may be written. If so @left_out
 * is the number of those before it that were not.
 */
gboolean log_limit_take(const char *name, gint64 now_us, guint *left_out);

/* For tests. */
void log_limit_reset(void);

#endif
