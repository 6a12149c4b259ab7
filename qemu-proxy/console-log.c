// SPDX-License-Identifier: GPL-2.0
/* Log lines of vsb-console. */
#include "console-log.h"

#include <unistd.h>

/*
 * What a peer says may be in the text, so everything that is not printable
 * ASCII is escaped: nobody may write a second line, or move the cursor of the
 * administrator who reads it. One write(2) keeps a line in one piece.
 */
void vsb_log(const char *format, ...)
{
	g_autoptr(GString) line = g_string_new("vsb-console: ");
	g_autofree char *text = NULL;
	ssize_t ignored;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	for (const char *p = text; *p; p++) {
		if (g_ascii_isprint(*p))
			g_string_append_c(line, *p);
		else
			g_string_append_printf(line, "\\x%02x", (guchar)*p);
	}
	g_string_append_c(line, '\n');
	ignored = write(STDERR_FILENO, line->str, line->len);
	(void)ignored;
}
