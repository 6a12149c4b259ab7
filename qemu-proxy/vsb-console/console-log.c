// SPDX-License-Identifier: GPL-2.0
/* Log lines of vsb-console. */
#include "console-log.h"
#include "log-limit.h"
#include "log-sink.h"
#include "names.h"

#include <string.h>

/* Return: (transfer full): NAME of a line that begins with "'NAME': ", or NULL. */
static char *name_of(const char *text)
{
	const char *end = *text == '\'' ? strstr(text + 1, "': ") : NULL;

	return end ? g_strndup(text + 1, (gsize)(end - text) - 1) : NULL;
}

/* As log.c does. */
static gboolean write_journal(const char *text)
{
	g_autofree char *name = name_of(text);
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
static void put(const char *text)
{
	g_autoptr(GString) line = g_string_new(NULL);

	for (const char *p = text; *p; p++) {
		if (g_ascii_isprint(*p))
			g_string_append_c(line, *p);
		else
			g_string_append_printf(line, "\\x%02x", (guchar)*p);
	}
	if (!log_sink_is_journal() || !write_journal(line->str))
		log_sink_line("vsb-console: ", line->str);
}

/* @of: NULL: nobody, it is always written. */
static void put_limited(const char *of, const char *text)
{
	g_autofree char *more = NULL;
	guint left_out = 0;

	if (of && !log_limit_take(of, g_get_monotonic_time(), &left_out))
		return;
	if (left_out) {
		more = g_strdup_printf("'%s': %u lines about it came too fast and are left out",
				       of, left_out);
		put(more);
	}
	put(text);
}

void vsb_log(const char *format, ...)
{
	g_autofree char *text = NULL, *of = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	of = name_of(text);
	put_limited(of, text);
}

void vsb_log_of(const char *of, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	put_limited(of, text);
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
