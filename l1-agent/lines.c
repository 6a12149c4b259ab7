// SPDX-License-Identifier: GPL-2.0
/*
 * The table of lines, and the merging of rises that the monitor has not taken yet.
 *
 * Interrupts of ISA are edges: what counts is that the line rises, and the guest's
 * interrupt controllers keep that. So it is lowered behind, when nobody waits, and the
 * next rise need not wait for a fall.
 */
#include "lines.h"

/*
 * IRQ 1 and 12 are those of the keyboard controller: with 0xd2 (210) to port 0x64 (100)
 * the byte that follows at 0x60 (96) is one that the keyboard has sent, with 0xd3 the
 * mouse; to read it lowers the line.
 *
 * IRQ 4 is QEMU's first ISA UART: bit 1 of IER (0x3f9, or 1017, which is a byte less
 * for QEMU to read) enables the interrupt "transmitter empty", and the transmitter of
 * a dummy that nobody uses is always empty. IRQ 3 is the second one, and those that
 * share these lines, COM3 and COM4, need no dummies for them.
 */
const struct line_cmds line_table[] = {
	{ .gsi = 4, .pulse = { "o/b 1017 2" }, .after = "o/b 1017 0", .lower = "o/b 1017 0" },
	{ .gsi = 3, .pulse = { "o/b 761 2" }, .after = "o/b 761 0", .lower = "o/b 761 0" },
	{ .gsi = 1, .pulse = { "o/b 100 210", "o/b 96 0", "i/b 96" }, .lower = "i/b 96" },
	{ .gsi = 12, .pulse = { "o/b 100 211", "o/b 96 0", "i/b 96" }, .lower = "i/b 96" },
};

const unsigned int com_ier_port[] = { 0x3f9, 0x2f9, 0x3e9, 0x2e9 };

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

/* The line is now @level. Rises that the monitor has not taken yet are one. */
void line_set(struct line *l, gboolean level)
{
	if (level && !l->level)
		l->rise = TRUE;
	l->level = !!level;
}

/* A new monitor: a line that is high is to rise there. */
void line_restart(struct line *l)
{
	l->in_flight = 0;
	l->ours = FALSE;
	l->raised = FALSE;
	l->rise = l->level;
}
