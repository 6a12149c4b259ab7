// SPDX-License-Identifier: GPL-2.0
/*
 * vsbctl watch: a report, for people. It is our own (vsbctl-watch-report.c), so its members are
 * there; what came from the user VM in it is printable ASCII.
 */
#include "vsbctl-watch-show.h"

#include <string.h>

static const char *text_of(JsonObject *object, const char *member)
{
	return json_object_get_string_member_with_default(object, member, "-");
}

static gint64 number_of(JsonObject *object, const char *member)
{
	return json_object_get_int_member(object, member);
}

static void show_notes(GString *text, JsonObject *report)
{
	JsonArray *notes = json_object_get_array_member(report, "notes");

	for (guint i = 0; i < json_array_get_length(notes); i++)
		g_string_append_printf(text, "! %s\n", json_array_get_string_element(notes, i));
}

/* What an object is missing in, joined by commas, or "-". Return: (transfer full). */
static char *missing(JsonObject *object)
{
	JsonArray *array = json_object_get_array_member(object, "missing_in");
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < json_array_get_length(array); i++)
		g_string_append_printf(text, "%s%s", i ? "," : "", json_array_get_string_element(array, i));
	if (!text->len)
		g_string_append_c(text, '-');
	return g_string_free(text, FALSE);
}

/* Return: (transfer full): local time, or time since boot. */
static char *start_of(JsonObject *process)
{
	const char *iso = text_of(process, "started");
	g_autoptr(GDateTime) utc = g_date_time_new_from_iso8601(iso, NULL);
	g_autoptr(GDateTime) local = utc ? g_date_time_to_local(utc) : NULL;

	return local ? g_date_time_format(local, "%F %T") :
	       g_strdup_printf("+%.1fs", json_object_get_double_member(process, "start_s"));
}

static void show_hidden(GString *text, JsonObject *report)
{
	gint64 hidden = number_of(report, "hidden");

	if (hidden)
		g_string_append_printf(text, ", HIDDEN: %" G_GINT64_FORMAT, hidden);
	g_string_append_c(text, '\n');
}

char *watch_show_ps(JsonObject *report)
{
	JsonArray *all = json_object_get_array_member(report, "processes");
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "Linux %s, %u processes", text_of(report, "linux"),
			       json_array_get_length(all));
	show_hidden(text, report);
	show_notes(text, report);
	g_string_append_printf(text, "%7s %7s %6s %4s %s %-19s %-17s %s\n", "PID", "PPID", "UID", "THR",
			       "S", "STARTED", "MISSING IN", "COMMAND");
	for (guint i = 0; i < json_array_get_length(all); i++) {
		JsonObject *p = json_array_get_object_element(all, i);
		gboolean kernel = json_object_get_boolean_member(p, "kernel");
		g_autofree char *start = start_of(p), *from = missing(p);

		g_string_append_printf(text, "%7" G_GINT64_FORMAT " %7" G_GINT64_FORMAT " %6" G_GINT64_FORMAT
				       " %4" G_GINT64_FORMAT " %s %-19s %-17s %s%s%s\n",
				       number_of(p, "pid"), number_of(p, "ppid"), number_of(p, "euid"),
				       number_of(p, "threads"), text_of(p, "state"), start, from,
				       kernel ? "[" : "", text_of(p, "comm"), kernel ? "]" : "");
	}
	return g_string_free(text, FALSE);
}

char *watch_show_modules(JsonObject *report)
{
	JsonArray *all = json_object_get_array_member(report, "modules");
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "Linux %s, %u modules", text_of(report, "linux"),
			       json_array_get_length(all));
	show_hidden(text, report);
	show_notes(text, report);
	g_string_append_printf(text, "%-24s %10s %-8s %-18s %s\n", "NAME", "SIZE", "STATE", "CODE AT",
			       "MISSING IN");
	for (guint i = 0; i < json_array_get_length(all); i++) {
		JsonObject *m = json_array_get_object_element(all, i);
		g_autofree char *from = missing(m);

		g_string_append_printf(text, "%-24s %10" G_GINT64_FORMAT " %-8s %s %s\n", text_of(m, "name"),
				       number_of(m, "size"), text_of(m, "state"), text_of(m, "text"), from);
	}
	return g_string_free(text, FALSE);
}

char *watch_show_files(JsonObject *report)
{
	JsonArray *all = json_object_get_array_member(report, "files");
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "Linux %s, %u open files\n", text_of(report, "linux"),
			       json_array_get_length(all));
	show_notes(text, report);
	g_string_append_printf(text, "%7s %-16s %5s %s\n", "PID", "COMMAND", "FD", "NAME");
	for (guint i = 0; i < json_array_get_length(all); i++) {
		JsonObject *f = json_array_get_object_element(all, i);

		g_string_append_printf(text, "%7" G_GINT64_FORMAT " %-16s %5" G_GINT64_FORMAT " %s\n",
				       number_of(f, "pid"), text_of(f, "comm"), number_of(f, "fd"),
				       text_of(f, "name"));
	}
	return g_string_free(text, FALSE);
}

static void show_odd(GString *text, JsonArray *odd)
{
	for (guint i = 0; i < json_array_get_length(odd); i++) {
		JsonObject *o = json_array_get_object_element(odd, i);

		g_string_append_printf(text, "! system call %s (%" G_GINT64_FORMAT "): its entry leads to %s, %s\n",
				       text_of(o, "name"), number_of(o, "number"), text_of(o, "entry"),
				       !strcmp(text_of(o, "flaw"), "outside") ? "outside of the kernel's code" :
				       "which is no system call");
	}
}

static void show_hooked(GString *text, JsonArray *hooked)
{
	for (guint i = 0; i < json_array_get_length(hooked); i++) {
		JsonObject *h = json_array_get_object_element(hooked, i);

		g_string_append_printf(text, "! %s is traced or hooked: it begins with a way to %s\n",
				       text_of(h, "function"), text_of(h, "leads_to"));
	}
}

static void show_changes(GString *text, JsonObject *report)
{
	JsonArray *all = json_object_get_array_member(report, "changes");
	JsonArray *calls = json_object_get_array_member(report, "changed_syscalls");

	g_string_append_printf(text, "changes of the code: %u, of the table of system calls: %u\n",
			       json_array_get_length(all), json_array_get_length(calls));
	for (guint i = 0; i < json_array_get_length(all); i++) {
		JsonObject *c = json_array_get_object_element(all, i);

		g_string_append_printf(text, "  %s %4" G_GINT64_FORMAT " %-14s %s\n", text_of(c, "at"),
				       number_of(c, "size"), text_of(c, "kind"), text_of(c, "symbol"));
	}
	for (guint i = 0; i < json_array_get_length(calls); i++) {
		JsonObject *c = json_array_get_object_element(calls, i);

		g_string_append_printf(text, "  system call %s (%" G_GINT64_FORMAT "): was %s, is %s\n",
				       text_of(c, "name"), number_of(c, "number"), text_of(c, "was"),
				       text_of(c, "is"));
	}
}

char *watch_show_text(JsonObject *report)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "Linux %s\n%s  code, %" G_GINT64_FORMAT " bytes at %s\n"
			       "%s  system calls, %" G_GINT64_FORMAT "\n", text_of(report, "linux"),
			       text_of(report, "sha256"), number_of(report, "size"), text_of(report, "start"),
			       text_of(report, "syscalls_sha256"), number_of(report, "syscalls"));
	if (number_of(report, "mapped") < number_of(report, "size"))
		g_string_append_printf(text, "! only %" G_GINT64_FORMAT " bytes of the code are there\n",
				       number_of(report, "mapped"));
	show_odd(text, json_object_get_array_member(report, "odd"));
	show_hooked(text, json_object_get_array_member(report, "hooked"));
	if (json_object_has_member(report, "changes"))
		show_changes(text, report);
	return g_string_free(text, FALSE);
}
