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
void vsb_log(const char *format, ...) G_GNUC_PRINTF(1, 2);

#endif
