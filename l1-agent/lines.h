/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupt lines of one user VM: which monitor commands raise and lower them,
 * and which edges are still to be played.
 */
#ifndef VSB_AGENT_LINES_H
#define VSB_AGENT_LINES_H

#include <glib.h>

/**
 * struct line_cmds - how the dummy device raises and lowers one line
 * @gsi:	the line
 * @raise:	commands of QEMU's human monitor, in order, NULL-terminated
 * @lower:	likewise
 * @give:	sets it to the interrupt enable register that follows, so that
 *		what this enables and the device has is signalled
 */
struct line_cmds {
	unsigned int gsi;
	const char *raise[3];
	const char *lower[3];
	const char *give[3];
};

#define LINES_MAX	4	/* room in a VM; the table has no more */

extern const struct line_cmds line_table[];
extern const unsigned int line_table_len;

#define LINE_TODO_MAX	3

/**
 * struct line - edges of one line
 * @level:	what vsbypassd said last
 * @played:	what the monitor was told last
 * @todo:	levels to play, alternating; the last one is @level
 * @n_todo:	number of @todo
 * @in_flight:	commands that the monitor has not answered yet
 */
struct line {
	gboolean level;
	gboolean played;
	gboolean todo[LINE_TODO_MAX];
	unsigned int n_todo;
	unsigned int in_flight;
};

int line_index(unsigned int gsi);
void line_set(struct line *l, gboolean level);
void line_restart(struct line *l);

#endif
