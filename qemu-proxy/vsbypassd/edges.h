/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One interrupt line between the proxy and the agent: edges that the channel
 * does not take yet are merged into at most three, and a rise is never lost.
 */
#ifndef VSB_EDGES_H
#define VSB_EDGES_H

#include <glib.h>

/**
 * struct edge_line - state of a line; all zero is a fresh one
 * @sent:	the level that the agent knows
 * @now:	the level at the proxy
 * @rose:	it rose since the last edge was sent
 */
struct edge_line {
	guint sent : 1;
	guint now : 1;
	guint rose : 1;
};

/* The proxy's line changed (or did not: harmless). */
static inline void edge_line_set(struct edge_line *line, gboolean level)
{
	if (level && !line->now)
		line->rose = 1;
	line->now = !!level;
}

static inline gboolean edge_line_pending(const struct edge_line *line)
{
	return line->rose || line->now != line->sent;
}

/* Takes the next edge to send. Return: whether there is one; *level is it. */
static inline gboolean edge_line_next(struct edge_line *line, guint *level)
{
	if (!edge_line_pending(line))
		return FALSE;
	/*
	 * Each edge flips the level. A rise ends the need for one; a fall while
	 * a rise is owed makes room for it.
	 */
	line->sent = !line->sent;
	if (line->sent)
		line->rose = 0;
	*level = line->sent;
	return TRUE;
}

/* The agent forgot everything: its line is low. */
static inline void edge_line_forgotten(struct edge_line *line)
{
	line->sent = 0;
	line->rose = line->now;
}

#endif
