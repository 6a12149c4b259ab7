// SPDX-License-Identifier: GPL-2.0
/* vsbctl watch: what was seen, as JSON. */
#include "vsbctl-watch-report.h"

#include "files.h"
#include "modules.h"
#include "processes.h"

JsonObject *watch_report_begin(const struct kernel *kernel)
{
	JsonObject *report = json_object_new();

	json_object_set_string_member(report, "linux", kernel->release);
	return report;
}

/* Numbers of JSON are signed, and readers' often not exact: addresses are text. */
void watch_report_address(JsonObject *object, const char *member, guint64 address)
{
	g_autofree char *text = g_strdup_printf("0x%016" G_GINT64_MODIFIER "x", address);

	json_object_set_string_member(object, member, text);
}

static void set_notes(JsonObject *report, const GPtrArray *notes)
{
	JsonArray *array = json_array_new();

	for (guint i = 0; i < notes->len; i++)
		json_array_add_string_element(array, notes->pdata[i]);
	json_object_set_array_member(report, "notes", array);
}

/* Of @found bits, those that are missing. Return: is one? */
static gboolean set_missing(JsonObject *object, guint found, const char *const *names)
{
	JsonArray *array = json_array_new();
	gboolean any = FALSE;

	for (guint i = 0; names[i]; i++) {
		if (found & 1u << i)
			continue;
		json_array_add_string_element(array, names[i]);
		any = TRUE;
	}
	json_object_set_array_member(object, "missing_in", array);
	return any;
}

static void set_date(JsonObject *object, const char *member, guint64 ns)
{
	g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc((gint64)(ns / 1000000000));
	g_autofree char *text = ns && date ? g_date_time_format(date, "%FT%TZ") : NULL;

	if (text)
		json_object_set_string_member(object, member, text);
}

JsonObject *watch_report_ps(const struct kernel *kernel, const struct watch_context *context,
			    GError **error)
{
	static const char *const names[] = { "tasks", "pids", "family", NULL };
	struct processes *processes = processes_find(kernel, error);
	JsonArray *array;
	JsonObject *report;
	guint hidden = 0;

	if (!processes)
		return NULL;
	array = json_array_new();
	report = watch_report_begin(kernel);
	for (guint i = 0; i < processes->all->len; i++) {
		const struct process *p = &g_array_index(processes->all, struct process, i);
		JsonObject *object = json_object_new();
		const char state[] = { p->state, '\0' };

		json_object_set_int_member(object, "pid", p->pid);
		json_object_set_int_member(object, "ppid", p->parent);
		json_object_set_int_member(object, "uid", p->uid);
		json_object_set_int_member(object, "euid", p->euid);
		json_object_set_int_member(object, "threads", p->threads);
		json_object_set_string_member(object, "state", state);
		json_object_set_boolean_member(object, "kernel", p->kernel);
		json_object_set_string_member(object, "comm", p->comm);
		json_object_set_double_member(object, "start_s", (double)p->start / 1e9);
		set_date(object, "started", p->date);
		watch_report_address(object, "task", p->task);
		hidden += set_missing(object, p->found, names);
		json_array_add_object_element(array, object);
	}
	json_object_set_array_member(report, "processes", array);
	json_object_set_int_member(report, "hidden", hidden);
	set_notes(report, processes->notes);
	processes_free(processes);
	return report;
}

JsonObject *watch_report_modules(const struct kernel *kernel, const struct watch_context *context,
				 GError **error)
{
	static const char *const names[] = { "list", "sysfs", "tree", NULL };
	struct modules *modules = modules_find(kernel, error);
	JsonArray *array;
	JsonObject *report;
	guint hidden = 0;

	if (!modules)
		return NULL;
	array = json_array_new();
	report = watch_report_begin(kernel);
	for (guint i = 0; i < modules->all->len; i++) {
		const struct module *m = &g_array_index(modules->all, struct module, i);
		JsonObject *object = json_object_new();

		json_object_set_string_member(object, "name", m->name);
		json_object_set_int_member(object, "size", (gint64)m->size);
		json_object_set_string_member(object, "state", m->state);
		watch_report_address(object, "text", m->text);
		watch_report_address(object, "module", m->at);
		hidden += set_missing(object, m->found, names);
		json_array_add_object_element(array, object);
	}
	json_object_set_array_member(report, "modules", array);
	json_object_set_int_member(report, "hidden", hidden);
	set_notes(report, modules->notes);
	modules_free(modules);
	return report;
}

static JsonArray *files_of(const struct kernel *kernel, const struct processes *processes, GError **error)
{
	g_autoptr(GArray) files = files_find(kernel, processes, error);
	JsonArray *array;

	if (!files)
		return NULL;
	array = json_array_new();
	for (guint i = 0; i < files->len; i++) {
		const struct open_file *file = &g_array_index(files, struct open_file, i);
		JsonObject *object = json_object_new();

		json_object_set_int_member(object, "pid", file->process->pid);
		json_object_set_string_member(object, "comm", file->process->comm);
		json_object_set_int_member(object, "fd", file->fd);
		json_object_set_string_member(object, "name", file->name);
		json_array_add_object_element(array, object);
	}
	return array;
}

JsonObject *watch_report_files(const struct kernel *kernel, const struct watch_context *context,
			       GError **error)
{
	struct processes *processes = processes_find(kernel, error);
	JsonArray *array = processes ? files_of(kernel, processes, error) : NULL;
	JsonObject *report = NULL;

	if (array) {
		report = watch_report_begin(kernel);
		json_object_set_array_member(report, "files", array);
		set_notes(report, processes->notes);
	}
	processes_free(processes);
	return report;
}
