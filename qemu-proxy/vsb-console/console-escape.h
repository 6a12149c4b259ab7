/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The escape sequence of an interactive client, the one of conserver (which has no k):
 * Ctrl-E c and a letter. It is recognized byte by byte, however the packets cut it.
 */
#ifndef CONSOLE_ESCAPE_H
#define CONSOLE_ESCAPE_H

#include <glib.h>

#define VSB_ESCAPE_CHAR		0x05	/* Ctrl-E */
#define VSB_ESCAPE_OUT_MAX	2	/* bytes that one byte in may release */

enum vsb_command {
	VSB_CMD_NONE,
	VSB_CMD_DISCONNECT,	/* . */
	VSB_CMD_HELP,		/* ? */
	VSB_CMD_ATTACH,		/* a: write, if nobody does */
	VSB_CMD_FORCE,		/* f: take writing over */
	VSB_CMD_SPY,		/* s: give writing up */
	VSB_CMD_WHO,		/* w */
	VSB_CMD_REPLAY,		/* r */
	VSB_CMD_BREAK,		/* b, l0 or l1 */
	VSB_CMD_SYSRQ,		/* k and a letter or digit: vsb_escape.key */
	VSB_CMD_UNKNOWN,
};

struct vsb_escape {
	enum { VSB_ESC_TEXT, VSB_ESC_SEEN, VSB_ESC_COMMAND, VSB_ESC_LINE, VSB_ESC_KEY } state;
	char key;	/* of the last VSB_CMD_SYSRQ, in lower case */
};

enum vsb_command vsb_escape_feed(struct vsb_escape *esc, guint8 byte,
				 guint8 out[VSB_ESCAPE_OUT_MAX], gsize *n_out);
const char *vsb_escape_help(void);

#endif
