// SPDX-License-Identifier: GPL-2.0
/* Messages of vsbypassd: to stderr, and the last ones kept in memory. */
#include "log.h"
#include "log-limit.h"
#include "log-names.h"
#include "log-sink.h"

#include <string.h>

#define KEPT		1000
#define MESSAGE_MAX	1024

static char *ring[KEPT];
static guint64 total;		/* messages so far; the next goes to total % KEPT */
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

/*
 * What others say (QEMU, the agent's peer) must not write lines of its own, nor anything else at a
 * terminal: whole characters, and none of those that control it (U+0080 to U+009F do, too).
 */
static char *printable(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *line = g_string_new(NULL);

	for (const char *c = valid; *c; c = g_utf8_next_char(c)) {
		gsize len = (gsize)(g_utf8_next_char(c) - c);
		gunichar u = g_utf8_get_char(c);

		if (line->len + len > MESSAGE_MAX)
			break;
		if (u < 0x20 || (u >= 0x7f && u < 0xa0))
			g_string_append_c(line, ' ');
		else
			g_string_append_len(line, c, (gssize)len);
	}
	return g_string_free(line, FALSE);
}

/*
 * To the journal itself, with fields to look for: journalctl VSBYPASS_USERVM=vm1. Its stream
 * on stderr has lines only.
 */
static gboolean write_fields(GLogLevelFlags level, const char *line)
{
	g_autofree char *message = g_strdup_printf("MESSAGE=%s", line);
	g_autofree char *level_text = g_strdup_printf("PRIORITY=%d", priority(level));
	g_autofree char *cloud = NULL, *uservm = NULL, *proxy = NULL;
	const char *fields[7] = { message, level_text, "SYSLOG_IDENTIFIER=vsbypassd" };
	struct log_names names;
	gsize n = 3;

	log_names_find(line, &names);
	if (names.cloud[0])
		fields[n++] = cloud = g_strconcat("VSBYPASS_CLOUD=", names.cloud, NULL);
	if (names.uservm[0])
		fields[n++] = uservm = g_strconcat("VSBYPASS_USERVM=", names.uservm, NULL);
	if (names.proxy[0])
		fields[n++] = proxy = g_strconcat("VSBYPASS_PROXY=", names.proxy, NULL);
	return log_sink_journal(fields);
}

/* A line to where they go, and into the ring. The lock is held. */
static void put(GLogLevelFlags level, const char *line)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *stamp = now ? g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ") : NULL;
	guint at = total++ % KEPT;
	char prefix[] = "<6>";

	prefix[1] = (char)('0' + priority(level));
	if (!log_sink_is_journal())
		log_sink_line("vsbypassd: ", line);
	else if (!write_fields(level, line))
		log_sink_line(prefix, line);
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
	log_sink_init();
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
