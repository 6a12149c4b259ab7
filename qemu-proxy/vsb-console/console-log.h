/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One line to stderr (the journal) for each event that an administrator may
 * have to answer for later: who, which user VM, from where. Never console data.
 */
#ifndef CONSOLE_LOG_H
#define CONSOLE_LOG_H

#include <glib.h>

/* Once, before the first line and before the sandbox. */
void vsb_log_init(void);
/* A line that begins with "'NAME': " is about that user VM, and there may be so many of each. */
void vsb_log(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* A line that @of, a user VM or a source, can cause as often as it likes. See log-limit.h. */
void vsb_log_of(const char *of, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
