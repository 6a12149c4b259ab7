// SPDX-License-Identifier: GPL-2.0
/* Log lines of vsb-console. */
#include "console-log.h"
#include "log-sink.h"
#include "names.h"

#include <string.h>

/* As log.c does; our messages about a user VM begin with "'NAME': ". */
static gboolean write_journal(const char *text)
{
	const char *end = *text == '\'' ? strchr(text + 1, '\'') : NULL;
	g_autofree char *name = end ? g_strndup(text + 1, (gsize)(end - text) - 1) : NULL;
	g_autofree char *message = g_strconcat("MESSAGE=", text, NULL);
	g_autofree char *uservm = NULL;
	const char *fields[5] = { message, "PRIORITY=6", "SYSLOG_IDENTIFIER=vsb-console" };

	if (name && vsb_name_valid(name))
		fields[3] = uservm = g_strconcat("VSBYPASS_USERVM=", name, NULL);
	return log_sink_journal(fields);
}

/*
 * What a peer says may be in the text, so everything that is not printable
 * ASCII is escaped: nobody may write a second line, or move the cursor of the
 * administrator who reads it.
 */
void vsb_log(const char *format, ...)
{
	g_autoptr(GString) line = g_string_new(NULL);
	g_autofree char *text = NULL;
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
	if (!log_sink_is_journal() || !write_journal(line->str))
		log_sink_line("vsb-console: ", line->str);
}

/* What GLib has to say of us. */
static GLogWriterOutput writer(GLogLevelFlags level, const GLogField *fields, gsize n,
			       gpointer data)
{
	if (level & (G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO))
		return G_LOG_WRITER_HANDLED;
	for (gsize i = 0; i < n; i++) {
		if (!strcmp(fields[i].key, "MESSAGE") && fields[i].length < 0)
			vsb_log("%s%s", level & G_LOG_LEVEL_CRITICAL ? "CRITICAL: " : "",
				(const char *)fields[i].value);
	}
	return G_LOG_WRITER_HANDLED;
}

void vsb_log_init(void)
{
	log_sink_init();
	g_log_set_writer_func(writer, NULL, NULL);
}
