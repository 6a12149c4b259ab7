// SPDX-License-Identifier: GPL-2.0
/*
 * vsbctl watch text: whether a kernel's code is as it was.
 *
 * An earlier look is a file: a line of JSON, the code, the table of system calls.
 */
#include "vsbctl-watch-report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <seccomp.h>
#include <gio/gio.h>

#include "error.h"
#include "json-line.h"
#include "text.h"

#define FORMAT		"vsbctl-watch-text"
#define VERSION		1
#define MAX_HEAD	4096
#define MAX_FILE	(256u << 20)

/**
 * struct watch_earlier - an earlier look
 * @data:	the file,
 * @head:	its first line,
 * @bytes:	in it, the code
 * @syscalls:	the table
 * @nr:		its entries
 */
struct watch_earlier {
	char *data;
	JsonObject *head;
	const guint8 *bytes;
	guint64 *syscalls;
	guint nr;
};

static gboolean refused(GError **error, const char *file, const char *why)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "%s: %s", file, why);
	return FALSE;
}

/* ---- the file ---- */

static char *head_of(const struct kernel *kernel, const struct text *text, gsize *len)
{
	g_autoptr(JsonObject) head = json_object_new();

	json_object_set_int_member(head, FORMAT, VERSION);
	json_object_set_string_member(head, "linux", kernel->release);
	watch_report_address(head, "start", text->start);
	json_object_set_int_member(head, "size", text->bytes->len);
	json_object_set_int_member(head, "syscalls", text->syscalls->len);
	return json_line_format(head, len);
}

static gboolean write_all(int fd, gconstpointer data, gsize len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FALSE;
		p += n;
		len -= (gsize)n;
	}
	return TRUE;
}

static gboolean save(const struct watch_context *context, const struct kernel *kernel,
		     const struct text *text, GError **error)
{
	gsize len;
	g_autofree char *head = head_of(kernel, text, &len);

	if (!ftruncate(context->save_fd, 0) && write_all(context->save_fd, head, len) &&
	    write_all(context->save_fd, text->bytes->data, text->bytes->len) &&
	    write_all(context->save_fd, text->syscalls->data, text->syscalls->len * 8))
		return TRUE;
	return refused(error, context->save, g_strerror(errno));
}

static gboolean load(const char *file, struct watch_earlier *e, GError **error)
{
	g_autoptr(GFile) path = g_file_new_for_path(file);
	g_autoptr(GFileInputStream) stream = NULL;
	g_autoptr(GError) inner = NULL;
	gint64 version = 0, size = 0, nr = 0;
	const char *end;
	gsize len;

	stream = g_file_read(path, NULL, &inner);
	if (!stream)
		return refused(error, file, inner->message);
	e->data = g_malloc(MAX_FILE);
	if (!g_input_stream_read_all(G_INPUT_STREAM(stream), e->data, MAX_FILE, &len, NULL, &inner))
		return refused(error, file, inner->message);
	end = memchr(e->data, '\n', MIN(len, MAX_HEAD));
	e->head = end ? json_line_parse(e->data, (gsize)(end - e->data), 1, NULL) : NULL;
	if (!e->head || !json_line_int(e->head, FORMAT, VERSION, VERSION, TRUE, &version, NULL) ||
	    !json_line_int(e->head, "size", 1, MAX_FILE, TRUE, &size, NULL) ||
	    !json_line_int(e->head, "syscalls", 0, TEXT_MAX_SYSCALLS, TRUE, &nr, NULL) ||
	    len - (gsize)(end + 1 - e->data) != (gsize)size + (gsize)nr * 8)
		return refused(error, file, "it was not made by 'vsbctl watch --save'");
	e->bytes = (const guint8 *)end + 1;
	e->syscalls = g_memdup2(end + 1 + size, (gsize)nr * 8);
	e->nr = (guint)nr;
	return TRUE;
}

gboolean watch_context_open(struct watch_context *context, const struct watch_args *args, GError **error)
{
	*context = (struct watch_context){ args->against, g_new0(struct watch_earlier, 1), args->save, -1 };
	if (args->against && !load(args->against, context->earlier, error))
		return FALSE;
	if (!args->save)
		return TRUE;
	context->save_fd = open(args->save, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return context->save_fd >= 0 || refused(error, args->save, g_strerror(errno));
}

void watch_context_clear(struct watch_context *context)
{
	if (context->save_fd >= 0)
		close(context->save_fd);
	g_free(context->earlier->data);
	g_free(context->earlier->syscalls);
	g_clear_pointer(&context->earlier->head, json_object_unref);
	g_free(context->earlier);
}

/* Is it of the same kernel, in the same place? Its code has addresses in it. */
static gboolean is_same(const char *file, const struct watch_earlier *e, const struct kernel *kernel,
			const struct text *text, GError **error)
{
	g_autofree char *start = g_strdup_printf("0x%016" G_GINT64_MODIFIER "x", text->start);
	const char *release = "", *was = "";

	json_line_string(e->head, "linux", TRUE, &release, NULL);
	json_line_string(e->head, "start", TRUE, &was, NULL);
	if (strcmp(release, kernel->release) ||
	    json_object_get_int_member(e->head, "size") != text->bytes->len ||
	    e->nr != text->syscalls->len)
		return refused(error, file, "it is of another kernel; save a new one");
	if (strcmp(was, start))
		return refused(error, file, "it is of an earlier boot, which had the kernel at another "
			       "address; save a new one");
	return TRUE;
}

/* ---- the report ---- */

/* Return: (transfer full): what is at @address, in words. */
static char *place_of(const struct kernel *kernel, const struct text *text, const struct modules *modules,
		      guint64 address)
{
	const struct module *m = modules ? modules_at(modules, address) : NULL;

	if (m)
		return g_strdup_printf("[%s]+0x%" G_GINT64_MODIFIER "x", m->name, address - m->text);
	if (address >= text->start && address - text->start < text->bytes->len)
		return kallsyms_describe(kernel->symbols, address);
	return g_strdup_printf("0x%016" G_GINT64_MODIFIER "x", address);
}

static void set_syscall(JsonObject *object, guint n)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, (int)n);

	json_object_set_int_member(object, "number", n);
	json_object_set_string_member(object, "name", name ? name : "unknown");
	free(name);
}

static JsonArray *odd_syscalls(const struct kernel *kernel, const struct text *text,
			       const struct modules *modules)
{
	JsonArray *array = json_array_new();

	for (guint i = 0; i < text->syscalls->len; i++) {
		enum text_flaw flaw = text_syscall(kernel, text, i);
		g_autofree char *entry = NULL;
		JsonObject *object;

		if (flaw == TEXT_FINE)
			continue;
		object = json_object_new();
		entry = place_of(kernel, text, modules, g_array_index(text->syscalls, guint64, i));
		set_syscall(object, i);
		json_object_set_string_member(object, "flaw", flaw == TEXT_OUTSIDE ? "outside" : "other");
		json_object_set_string_member(object, "entry", entry);
		json_array_add_object_element(array, object);
	}
	return array;
}

static JsonArray *hooked_syscalls(const struct kernel *kernel, const struct text *text,
				  const struct modules *modules)
{
	JsonArray *array = json_array_new();
	const char *name;
	guint64 target;
	guint i = 0;

	while ((name = text_next_hook(kernel, text, &i, &target))) {
		g_autofree char *to = target ? place_of(kernel, text, modules, target) :
					       g_strdup("a breakpoint");
		JsonObject *object = json_object_new();

		json_object_set_string_member(object, "function", name);
		json_object_set_string_member(object, "leads_to", to);
		json_array_add_object_element(array, object);
	}
	return array;
}

static JsonArray *changed_syscalls(const struct kernel *kernel, const struct text *text,
				   const struct modules *modules, const struct watch_earlier *e)
{
	JsonArray *array = json_array_new();

	for (guint i = 0; i < text->syscalls->len; i++) {
		guint64 now = g_array_index(text->syscalls, guint64, i);
		g_autofree char *is = NULL, *was = NULL;
		JsonObject *object;

		if (e->syscalls[i] == now)
			continue;
		object = json_object_new();
		is = place_of(kernel, text, modules, now);
		was = place_of(kernel, text, modules, e->syscalls[i]);
		set_syscall(object, i);
		json_object_set_string_member(object, "was", was);
		json_object_set_string_member(object, "is", is);
		json_array_add_object_element(array, object);
	}
	return array;
}

static JsonArray *changes(const struct kernel *kernel, const struct text *text, const struct watch_earlier *e)
{
	g_autoptr(GArray) all = text_compare(kernel, text, e->bytes);
	JsonArray *array = json_array_new();

	for (guint i = 0; i < all->len; i++) {
		const struct text_change *c = &g_array_index(all, struct text_change, i);
		g_autofree char *symbol = kallsyms_describe(kernel->symbols, c->at);
		JsonObject *object = json_object_new();

		watch_report_address(object, "at", c->at);
		json_object_set_int_member(object, "size", c->size);
		json_object_set_string_member(object, "kind", c->kind);
		json_object_set_string_member(object, "symbol", symbol);
		json_array_add_object_element(array, object);
	}
	return array;
}

static JsonObject *make_report(const struct kernel *kernel, const struct text *text, const struct watch_earlier *e)
{
	struct modules *modules = modules_find(kernel, NULL);
	JsonObject *report = watch_report_begin(kernel);
	g_autofree char *code = text_sha256(text), *table = text_syscalls_sha256(text);

	watch_report_address(report, "start", text->start);
	json_object_set_int_member(report, "size", text->bytes->len);
	json_object_set_int_member(report, "mapped", (gint64)text->there);
	json_object_set_string_member(report, "sha256", code);
	json_object_set_int_member(report, "syscalls", text->syscalls->len);
	json_object_set_string_member(report, "syscalls_sha256", table);
	json_object_set_array_member(report, "odd", odd_syscalls(kernel, text, modules));
	json_object_set_array_member(report, "hooked", hooked_syscalls(kernel, text, modules));
	if (e) {
		json_object_set_array_member(report, "changes", changes(kernel, text, e));
		json_object_set_array_member(report, "changed_syscalls",
					     changed_syscalls(kernel, text, modules, e));
	}
	modules_free(modules);
	return report;
}

JsonObject *watch_report_text(const struct kernel *kernel, const struct watch_context *context,
			      GError **error)
{
	const struct watch_earlier *earlier = context->against ? context->earlier : NULL;
	struct text *text = text_read(kernel, error);
	JsonObject *report = NULL;

	if (!text)
		return NULL;
	if ((!earlier || is_same(context->against, earlier, kernel, text, error)) &&
	    (!context->save || save(context, kernel, text, error)))
		report = make_report(kernel, text, earlier);
	text_free(text);
	return report;
}
