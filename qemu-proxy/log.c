// SPDX-License-Identifier: GPL-2.0
/* Messages of vsbypassd: to stderr, and the last ones kept in memory. */
#include "log.h"
#include "log-limit.h"
#include "log-names.h"

#include <stdio.h>
#include <string.h>

#define KEPT		1000
#define MESSAGE_MAX	1024

static char *ring[KEPT];
static guint64 total;		/* messages so far; the next goes to total % KEPT */
static gboolean to_journal;
static GMutex lock;		/* for both: GLib has threads of its own */

/* syslog(3) priorities */
static int priority(GLogLevelFlags level)
{
	if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
		return 3;
	if (level & G_LOG_LEVEL_WARNING)
		return 4;
	if (level & G_LOG_LEVEL_MESSAGE)
		return 5;
	return level & G_LOG_LEVEL_INFO ? 6 : 7;
}

/* What others say (QEMU, the agent's peer) must not write lines of its own. */
static char *printable(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	char *line = g_strndup(valid, MIN(strlen(valid), MESSAGE_MAX));

	for (char *c = line; *c; c++)
		if (g_ascii_iscntrl(*c))
			*c = ' ';
	return line;
}

/*
 * To the journal itself, with fields to look for: journalctl VSBYPASS_USERVM=vm1. Its stream
 * on stderr has lines only.
 */
static gboolean write_fields(GLogLevelFlags level, const char *line)
{
	char level_text[2] = { (char)('0' + priority(level)), '\0' };
	GLogField fields[6] = {
		{ "MESSAGE", line, -1 },
		{ "PRIORITY", level_text, -1 },
		{ "SYSLOG_IDENTIFIER", "vsbypassd", -1 },
	};
	struct log_names names;
	gsize n = 3;

	log_names_find(line, &names);
	if (names.cloud[0])
		fields[n++] = (GLogField){ "VSBYPASS_CLOUD", names.cloud, -1 };
	if (names.uservm[0])
		fields[n++] = (GLogField){ "VSBYPASS_USERVM", names.uservm, -1 };
	if (names.proxy[0])
		fields[n++] = (GLogField){ "VSBYPASS_PROXY", names.proxy, -1 };
	return g_log_writer_journald(level, fields, n, NULL) == G_LOG_WRITER_HANDLED;
}

/* A line to where they go, and into the ring. The lock is held. */
static void put(GLogLevelFlags level, const char *line)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *stamp = now ? g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ") : NULL;
	guint at = total++ % KEPT;

	if (!to_journal)
		fprintf(stderr, "vsbypassd: %s\n", line);
	else if (!write_fields(level, line))
		fprintf(stderr, "<%d>%s\n", priority(level), line);
	fflush(stderr);
	g_free(ring[at]);
	ring[at] = g_strdup_printf("%s <%d> %s", stamp ? stamp : "-", priority(level), line);
}

/* As above, unless there are too many about whom it is about. */
static void put_limited(GLogLevelFlags level, const char *line)
{
	g_autofree char *more = NULL;
	struct log_names names;
	const char *what, *name;
	guint left_out;

	log_names_find(line, &names);
	what = names.uservm[0] ? "user VM" : "cloud VM";
	name = names.uservm[0] ? names.uservm : names.cloud;
	if (name[0]) {
		g_autofree char *key = g_strconcat(what, " ", name, NULL);

		if (!log_limit_take(key, g_get_monotonic_time(), &left_out))
			return;
		if (left_out) {
			more = g_strdup_printf("%s '%s': %u messages came too fast and are left out",
					       what, name, left_out);
			put(G_LOG_LEVEL_WARNING, more);
		}
	}
	put(level, line);
}

static GLogWriterOutput writer(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
			       gpointer data)
{
	g_autofree char *line = NULL;
	const char *message = "";

	if (level & G_LOG_LEVEL_DEBUG && !g_getenv("G_MESSAGES_DEBUG"))
		return G_LOG_WRITER_HANDLED;
	for (gsize i = 0; i < n_fields; i++)
		if (!strcmp(fields[i].key, "MESSAGE") && fields[i].length < 0)
			message = fields[i].value;
	line = printable(message);

	g_mutex_lock(&lock);
	put_limited(level, line);
	g_mutex_unlock(&lock);
	return G_LOG_WRITER_HANDLED;
}

void log_init(void)
{
	to_journal = g_log_writer_is_journald(fileno(stderr));
	g_log_set_writer_func(writer, NULL, NULL);
}

char **log_last(guint max)
{
	GPtrArray *lines = g_ptr_array_new();
	guint64 n;

	g_mutex_lock(&lock);
	n = MIN(MIN(total, KEPT), max);
	for (guint64 i = total - n; i < total; i++)
		g_ptr_array_add(lines, g_strdup(ring[i % KEPT]));
	g_mutex_unlock(&lock);
	g_ptr_array_add(lines, NULL);
	return (char **)g_ptr_array_free(lines, FALSE);
}
