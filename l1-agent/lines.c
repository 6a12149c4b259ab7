// SPDX-License-Identifier: GPL-2.0
/*
 * The table of lines, and the coalescing of edges that the monitor has not
 * taken yet. The number of edges kept is bounded; a rise is never lost.
 */
#include "lines.h"

/*
 * IRQ 4 is QEMU's first ISA UART: bit 1 of IER (0x3f9) enables the interrupt
 * "transmitter empty", and the transmitter of a dummy that nobody uses is
 * always empty.
 */
const struct line_cmds line_table[] = {
	{ .gsi = 4, .raise = { "o /b 0x3f9 2" }, .lower = { "o /b 0x3f9 0" },
	  .give = { "o /b 0x3f9 0", "o /b 0x3f9 " } },
};

const unsigned int line_table_len = G_N_ELEMENTS(line_table);

G_STATIC_ASSERT(G_N_ELEMENTS(line_table) <= LINES_MAX);

/* Return: the index in line_table, or -1 if nothing here can raise @gsi. */
int line_index(unsigned int gsi)
{
	for (unsigned int i = 0; i < line_table_len; i++)
		if (line_table[i].gsi == gsi)
			return i;
	return -1;
}

/*
 * The line is now @level. Levels alternate in todo; when there is no room the
 * last one and this one cancel out: of high, low, high, low the first two stay,
 * of low, high, low, high likewise, so a rise that was there still is, and the
 * end is right.
 */
void line_set(struct line *l, gboolean level)
{
	level = !!level;
	if (level == l->level)
		return;
	l->level = level;
	if (l->n_todo == LINE_TODO_MAX)
		l->n_todo--;
	else
		l->todo[l->n_todo++] = level;
}

/* A new monitor: nothing is known of the line, lower it, then play the level. */
void line_restart(struct line *l)
{
	l->n_todo = 0;
	l->in_flight = 0;
	l->todo[l->n_todo++] = FALSE;
	if (l->level)
		l->todo[l->n_todo++] = TRUE;
}
