// SPDX-License-Identifier: GPL-2.0
/* Log lines of vsb-console. */
#include "console-log.h"
#include "names.h"

#include <string.h>
#include <unistd.h>

/* As log.c does; our messages about a user VM begin with "'NAME': ". */
static gboolean write_journal(const char *text)
{
	const char *end = *text == '\'' ? strchr(text + 1, '\'') : NULL;
	g_autofree char *name = end ? g_strndup(text + 1, (gsize)(end - text) - 1) : NULL;
	GLogField fields[4] = {
		{ "MESSAGE", text, -1 },
		{ "PRIORITY", "6", -1 },
		{ "SYSLOG_IDENTIFIER", "vsb-console", -1 },
	};
	gsize n = 3;

	if (name && vsb_name_valid(name))
		fields[n++] = (GLogField){ "VSBYPASS_USERVM", name, -1 };
	return g_log_writer_journald(G_LOG_LEVEL_INFO, fields, n, NULL) == G_LOG_WRITER_HANDLED;
}

/*
 * What a peer says may be in the text, so everything that is not printable
 * ASCII is escaped: nobody may write a second line, or move the cursor of the
 * administrator who reads it. One write(2) keeps a line in one piece.
 */
void vsb_log(const char *format, ...)
{
	static const char prefix[] = "vsb-console: ";
	g_autoptr(GString) line = g_string_new(prefix);
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
	if (g_log_writer_is_journald(STDERR_FILENO) && write_journal(line->str + strlen(prefix)))
		return;
	g_string_append_c(line, '\n');
	ignored = write(STDERR_FILENO, line->str, line->len);
	(void)ignored;
}
