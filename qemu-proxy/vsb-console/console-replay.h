/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The backlog, for somebody who attaches: not the bytes, which begin anywhere and may
 * ask the terminal for things that it would answer into the user VM, but what they have
 * made of a terminal, which libvterm knows: the lines that have left the screen, the screen,
 * the cursor, the modes.
 */
#ifndef CONSOLE_REPLAY_H
#define CONSOLE_REPLAY_H

#include "console-modes.h"

/* A terminal that says nothing of its size. */
#define VSB_ROWS	24
#define VSB_COLUMNS	80

/*
 * Appends what shows @data, for a terminal with the cursor at the begin of a line. @modes:
 * before @data; then, with those that were set in the terminal, behind it. 0 @rows or
 * @columns: they are not known. At most 64 KiB of @data are looked at, the last.
 */
void vsb_replay(struct vsb_modes *modes, const guint8 *data, gsize len, guint rows,
		guint columns, GByteArray *out);

#endif
