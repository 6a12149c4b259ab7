/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupt lines of one user VM: which monitor commands have them rise, and which
 * rises are still to be played.
 */
#ifndef VSB_AGENT_LINES_H
#define VSB_AGENT_LINES_H

#include <glib.h>

/**
 * struct line_cmds - how the dummy device has one line rise
 * @gsi:	the line
 * @pulse:	commands of QEMU's human monitor: raise it, lower it; the last may be NULL
 * @lower:	from whatever it is
 * @give:	sets it to the interrupt enable register that follows, so that
 *		what this enables and the device has is signalled; of a UART only
 */
struct line_cmds {
	unsigned int gsi;
	const char *pulse[3];
	const char *lower;
	const char *give[2];
};

#define LINES_MAX	4	/* room in a VM; the table has no more */

extern const struct line_cmds line_table[];
extern const unsigned int line_table_len;

/**
 * struct line - one line
 * @level:	what vsbypassd said last
 * @rise:	it rose, and the monitor was not told
 * @ours:	the monitor has lowered it; before, its device may not even be a dummy
 * @in_flight:	commands that the monitor has not answered yet
 */
struct line {
	gboolean level;
	gboolean rise;
	gboolean ours;
	unsigned int in_flight;
};

int line_index(unsigned int gsi);
void line_set(struct line *l, gboolean level);
void line_restart(struct line *l);

#endif
