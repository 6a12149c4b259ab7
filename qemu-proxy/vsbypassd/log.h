/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vsbypassd's messages: g_message() and its kin go to stderr, or to the journal with the
 * names in them as fields if stderr is that, and the last ones are kept for "log".
 */
#ifndef VSB_LOG_H
#define VSB_LOG_H

#include <glib.h>

/* Call once, before any message. */
void log_init(void);

/* The last @max messages, oldest first. Return: (transfer full). */
char **log_last(guint max);

#endif
