/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a daemon's lines go: stderr, or the journal. Writing never waits: who reads them
 * may have stopped (a pipe that is full, a terminal that is held, a journal that hangs),
 * and who serves others must not stop with him. Lines that cannot be written are dropped;
 * the next one that can is preceded by their number.
 */
#ifndef VSB_LOG_SINK_H
#define VSB_LOG_SINK_H

#include <glib.h>
#include <stdbool.h>

/* Before privileges are dropped, and before the first line. */
void log_sink_init(void);

/* Whether stderr is the journal: then a line of log_sink_journal() says more. */
bool log_sink_is_journal(void);

/* @line: without a line feed; @prefix goes before it, also before the number of lost ones. */
void log_sink_line(const char *prefix, const char *line);

/* Fields, each "NAME=value" without a line feed, NULL ends them. Return: whether written. */
bool log_sink_journal(const char *const *fields);

#endif
