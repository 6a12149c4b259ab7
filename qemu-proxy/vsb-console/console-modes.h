/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the output of a user VM has made of the terminal that shows it: which modes it
 * has set, whether a full-screen program draws, and whether the next byte begins
 * something of its own or continues an escape sequence or a character.
 *
 * It reads along; the bytes themselves go to the terminal as they are. It takes constant
 * memory and time for each byte, whatever the user VM sends.
 */
#ifndef CONSOLE_MODES_H
#define CONSOLE_MODES_H

#include <glib.h>
#include <stdbool.h>

#define VSB_MODES_MAX	32	/* modes that differ from what they are at first */
#define VSB_PARAMS_MAX	16
#define VSB_PARAM_NONE	0xffff	/* one that was left out */
#define VSB_OSC_HEAD	16

enum vsb_ended { VSB_NOTHING, VSB_ESCAPE, VSB_CSI, VSB_STRING };

/**
 * struct vsb_modes - all zero: a terminal as a person has it
 * @state:	of the parser, see console-modes.c
 * @utf8_left:	bytes that the character still needs; @utf8_first: it has one, the first
 * @ended:	what the last byte was the end of, @final: that byte
 * @marker:	'<', '=', '>', '?' behind CSI, or 0
 * @between:	the last intermediate byte, or 0
 * @osc_head:	the first bytes of an OSC string
 * @mode:	numbers of CSI h, those of CSI ? h with VSB_MODE_PRIVATE
 * @full:	there have been more than fit
 * @flags:	enum of console-modes.c
 * @colours:	OSC 10 to 19 that were set
 * @keys_changed: resources of XTMODKEYS
 * @charset:	final bytes of what is designated G0 to G3, 0: ASCII
 * @top, @bottom: scroll region, if there is one, 0: to the last line
 * @cursor_style: of DECSCUSR
 * @titles:	pushed, not popped; @keyboards: likewise, of the kitty protocol
 * @addressed:	the cursor was set to a line; @newlines: since then
 */
struct vsb_modes {
	guint8 state;
	guint8 ended;
	guint8 final;
	guint8 utf8_left;
	guint8 utf8_first;
	guint8 marker;
	guint8 between;
	guint8 n_params;
	guint8 osc_len;
	bool colon;
	guint16 params[VSB_PARAMS_MAX];
	char osc_head[VSB_OSC_HEAD];

	guint16 mode[VSB_MODES_MAX];
	guint8 n_modes;
	bool full;
	guint32 flags;
	guint16 colours;
	guint16 keys_changed;
	guint8 charset[4];
	guint16 top, bottom;
	guint8 cursor_style;
	guint8 titles, keyboards;
	bool addressed;
	guint8 newlines;
};

void vsb_modes_feed(struct vsb_modes *modes, const guint8 *data, gsize len);
/* Return: how many bytes of @data belong to what has begun before them. */
gsize vsb_modes_finish(struct vsb_modes *modes, const guint8 *data, gsize len);

/* Whether something may be written between what was fed and what comes. */
bool vsb_modes_between(const struct vsb_modes *modes);
bool vsb_modes_alternate(const struct vsb_modes *modes);
/* Whether a program draws on the whole screen: a line between would spoil it. */
bool vsb_modes_full_screen(const struct vsb_modes *modes);

/* Appends an escape sequence, or what else is short: 63 bytes at most. */
void vsb_sequence(GByteArray *out, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Appends what makes a terminal of another vsb_modes the same. */
void vsb_modes_describe(const struct vsb_modes *modes, GByteArray *out);

/*
 * For a screen that is drawn again, for who attaches now. First: switches to the alternate
 * screen, if need be. Modes that are of no use to him, or that a terminal answers, are
 * forgotten. Last, with the cursor: those that are left.
 */
void vsb_modes_begin(struct vsb_modes *modes, GByteArray *out);
void vsb_modes_end(const struct vsb_modes *modes, guint row, guint column, GByteArray *out);
/* The same without what the screen has, for lines that were written again. */
void vsb_modes_quiet(const struct vsb_modes *modes, GByteArray *out);

/* Appends what sets all modes back that differ, and nothing else; they do not then. */
void vsb_modes_reset(struct vsb_modes *modes, GByteArray *out);

#endif
