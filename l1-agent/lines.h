/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupt lines of one user VM: which monitor commands have them rise, and which
 * rises are still to be played.
 */
#ifndef VSB_AGENT_LINES_H
#define VSB_AGENT_LINES_H

#include <glib.h>

#define LINE_PULSE_MAX	3

/**
 * struct line_cmds - how the dummy device has one line rise
 * @gsi:	the line
 * @pulse:	commands of QEMU's human monitor that raise it, and lower it if @after is
 *		NULL; the last may be NULL
 * @after:	lowers it when nobody waits. Not for the keyboard controller: what it has
 *		for another line comes when this has been read
 * @lower:	from whatever it is
 */
struct line_cmds {
	unsigned int gsi;
	const char *pulse[LINE_PULSE_MAX];
	const char *after;
	const char *lower;
};

#define LINES_MAX	4	/* room in a VM; the table has no more */
/* The answer says nothing of how long ago it rose: one more may be on its way. */
#define LINE_IN_FLIGHT_MAX	2

extern const struct line_cmds line_table[];
extern const unsigned int line_table_len;

/**
 * struct line - one line
 * @level:	what vsbypassd said last
 * @rise:	it rose, and the monitor was not told
 * @ours:	the monitor has lowered it; before, its device may not even be a dummy
 * @raised:	the dummy's is high, or will be when the monitor has done all it was told
 * @in_flight:	raises that the monitor has not answered yet
 */
struct line {
	gboolean level;
	gboolean rise;
	gboolean ours;
	gboolean raised;
	unsigned int in_flight;
};

/* Ports of the interrupt enable registers of COM1 to COM4, decimal as QEMU reads them. */
extern const unsigned int com_ier_port[4];

int line_index(unsigned int gsi);
void line_set(struct line *l, gboolean level);
void line_restart(struct line *l);

#endif
