// SPDX-License-Identifier: GPL-2.0
/* The parser of the escape sequence. */
#include "console-escape.h"

static enum vsb_command command_of(guint8 byte)
{
	switch (byte) {
	case '.': return VSB_CMD_DISCONNECT;
	case '?': return VSB_CMD_HELP;
	case 'a': return VSB_CMD_ATTACH;
	case 'f': return VSB_CMD_FORCE;
	case 's': return VSB_CMD_SPY;
	case 'w': return VSB_CMD_WHO;
	case 'r': return VSB_CMD_REPLAY;
	case 'b': return VSB_CMD_BREAK;
	default: return VSB_CMD_UNKNOWN;
	}
}

/*
 * Takes one byte that the person typed. @out receives the bytes that are meant
 * for the user VM now.
 *
 * Return: the command that this byte completes, or VSB_CMD_NONE.
 */
enum vsb_command vsb_escape_feed(struct vsb_escape *esc, guint8 byte,
				 guint8 out[VSB_ESCAPE_OUT_MAX], gsize *n_out)
{
	*n_out = 0;
	switch (esc->state) {
	case VSB_ESC_SEEN:
		if (byte == 'c') {
			esc->state = VSB_ESC_COMMAND;
			return VSB_CMD_NONE;
		}
		out[(*n_out)++] = VSB_ESCAPE_CHAR;
		/* Ctrl-E Ctrl-E c: the second one may begin the sequence. */
		if (byte == VSB_ESCAPE_CHAR)
			return VSB_CMD_NONE;
		esc->state = VSB_ESC_TEXT;
		out[(*n_out)++] = byte;
		return VSB_CMD_NONE;
	case VSB_ESC_COMMAND:
		esc->state = VSB_ESC_TEXT;
		if (byte == VSB_ESCAPE_CHAR) {
			out[(*n_out)++] = byte;
			return VSB_CMD_NONE;
		}
		if (byte == 'l') {
			esc->state = VSB_ESC_LINE;
			return VSB_CMD_NONE;
		}
		if (byte == 'k') {
			esc->state = VSB_ESC_KEY;
			return VSB_CMD_NONE;
		}
		return command_of(byte);
	case VSB_ESC_LINE:
		esc->state = VSB_ESC_TEXT;
		if (byte == '0' || byte == '1')
			return VSB_CMD_BREAK;
		return byte == '?' ? VSB_CMD_HELP : VSB_CMD_UNKNOWN;
	case VSB_ESC_KEY:
		esc->state = VSB_ESC_TEXT;
		if (!g_ascii_isalnum(byte))
			return byte == '?' ? VSB_CMD_HELP : VSB_CMD_UNKNOWN;
		esc->key = g_ascii_tolower(byte);
		return VSB_CMD_SYSRQ;
	default:
		if (byte == VSB_ESCAPE_CHAR) {
			esc->state = VSB_ESC_SEEN;
			return VSB_CMD_NONE;
		}
		out[(*n_out)++] = byte;
		return VSB_CMD_NONE;
	}
}

/* The manual has the same table; unit-console-escape compares it. */
const char *vsb_escape_help(void)
{
	return "Ctrl-E c .       disconnect\r\n"
	       "Ctrl-E c ?       this help; also l ? and k ?\r\n"
	       "Ctrl-E c a       write, if nobody else does\r\n"
	       "Ctrl-E c f       take over writing by force\r\n"
	       "Ctrl-E c s       give up writing, only watch\r\n"
	       "Ctrl-E c w       who is attached\r\n"
	       "Ctrl-E c r       show the last output again\r\n"
	       "Ctrl-E c b       send a break on the serial line\r\n"
	       "Ctrl-E c l 0     send a break on the serial line\r\n"
	       "Ctrl-E c l 1     send a break on the serial line\r\n"
	       "Ctrl-E c k X     press Alt-SysRq-X on the keyboard; X: letter or digit\r\n"
	       "Ctrl-E c Ctrl-E  send Ctrl-E itself\r\n";
}
