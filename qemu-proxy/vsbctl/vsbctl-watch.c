// SPDX-License-Identifier: GPL-2.0
/*
 * vsbctl watch: what goes on in a user VM, seen from outside. Where its kernel is does not
 * change, so that is found while it runs; it stands only while what changes is read.
 */
#include "vsbctl-watch.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core-file.h"
#include "error.h"
#include "json-line.h"
#include "kernel.h"
#include "vsbctl-memory.h"
#include "vsbctl-watch-report.h"
#include "vsbctl-watch-sandbox.h"
#include "vsbctl-watch-show.h"

static const struct {
	const char *name;
	JsonObject *(*report)(const struct kernel *kernel, const struct watch_context *context,
			      GError **error);
	char *(*show)(JsonObject *report);
} looks[] = {
	{ "ps", watch_report_ps, watch_show_ps },
	{ "modules", watch_report_modules, watch_show_modules },
	{ "files", watch_report_files, watch_show_files },
	{ "text", watch_report_text, watch_show_text },
};

gboolean watch_is_known(const char *what)
{
	for (gsize i = 0; i < G_N_ELEMENTS(looks); i++)
		if (!strcmp(looks[i].name, what))
			return TRUE;
	return FALSE;
}

static JsonObject *report(const struct kernel *kernel, const struct watch_args *args,
			  const struct watch_context *context, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(looks); i++)
		if (!strcmp(looks[i].name, args->what))
			return looks[i].report(kernel, context, error);
	return NULL;
}

static char *shown(JsonObject *report, const struct watch_args *args)
{
	g_autoptr(JsonObject) reply = NULL;
	gsize len;

	for (gsize i = 0; i < G_N_ELEMENTS(looks) && !args->json; i++)
		if (!strcmp(looks[i].name, args->what))
			return looks[i].show(report);
	reply = json_object_new();
	json_object_set_object_member(reply, "return", json_object_ref(report));
	return json_line_format(reply, &len);
}

/* ---- a core ---- */

static JsonObject *look_at_core(const struct watch_args *args, const struct watch_context *context,
				GError **error)
{
	struct core_file *core = core_file_open(args->core, error);
	struct kernel *kernel = NULL;
	struct guest *guest = NULL;
	JsonObject *seen = NULL;

	if (core && watch_sandbox(error)) {
		struct guest_source source = core_file_source(core);

		guest = guest_new(&source);
		kernel = kernel_find(guest, core_file_vcpus(core), error);
	}
	if (kernel)
		seen = report(kernel, args, context, error);
	if (guest && !seen)
		g_prefix_error(error, "%s: ", args->core);
	kernel_free(kernel);
	guest_free(guest);
	core_file_close(core);
	return seen;
}

/* ---- a user VM ---- */

/**
 * struct memory - of one
 * @fd:		to read it
 * @end:	g_get_monotonic_time() when the user VM goes on, or 0
 * @error:	errno of what failed, or 0; ETIME: that time is over
 */
struct memory {
	int fd;
	gint64 end;
	int error;
};

static gssize read_memory(gpointer data, guint64 at, gpointer buf, gsize len)
{
	struct memory *memory = data;
	ssize_t n;

	if (at > G_MAXINT64 - len)
		return 0;
	if (memory->end && g_get_monotonic_time() >= memory->end) {
		memory->error = ETIME;
		return -1;
	}
	do
		n = pread(memory->fd, buf, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n >= 0 || errno == EIO)
		return MAX(n, 0);
	memory->error = errno;
	return -1;
}

static struct kernel *find_kernel(struct guest *guest, int fd, GError **error)
{
	g_autoptr(GArray) states = g_array_new(FALSE, FALSE, sizeof(struct vsb_vcpu_state));
	g_autoptr(GArray) vcpus = g_array_new(FALSE, FALSE, sizeof(struct guest_vcpu));
	struct vsb_memory_info info;

	if (!memory_info(fd, &info, error) || !memory_wait_vcpus(fd, info.vcpus, states, NULL, error))
		return NULL;
	for (guint i = 0; i < states->len; i++) {
		const struct vsb_vcpu_state *v = &g_array_index(states, struct vsb_vcpu_state, i);
		const struct kvm_sregs *s = &v->sregs;
		struct guest_vcpu vcpu = {
			.cr3 = s->cr3, .cr4 = s->cr4, .idt = s->idt.base, .idt_limit = s->idt.limit,
			.rip = v->regs.rip,
		};

		g_array_append_val(vcpus, vcpu);
	}
	return kernel_find(guest, vcpus, error);
}

/* A page table by which it is found may go away meanwhile, unless the user VM stands. */
static JsonObject *look_and_stop(struct guest *guest, struct memory *memory,
				 const struct watch_args *args, const struct watch_context *context,
				 GError **error)
{
	struct kernel *kernel = find_kernel(guest, memory->fd, args->live ? error : NULL);
	JsonObject *seen = NULL;
	gint64 begin = 0;

	if (!args->live) {
		begin = g_get_monotonic_time();
		if (!memory_stop(memory->fd, args->limit_s, error)) {
			kernel_free(kernel);
			return NULL;
		}
		memory->end = g_get_monotonic_time() + args->limit_s * G_USEC_PER_SEC;
		guest_forget(guest);
		if (!kernel)
			kernel = find_kernel(guest, memory->fd, error);
	}
	if (kernel)
		seen = report(kernel, args, context, error);
	kernel_free(kernel);
	if (seen && memory->end) {
		gint64 now = g_get_monotonic_time();

		if (now >= memory->end)
			memory->error = ETIME;
		json_object_set_double_member(seen, "stood_s", (double)(now - begin) / G_USEC_PER_SEC);
	}
	return seen;
}

static JsonObject *look_at_vm(int fd, const struct watch_args *args, const struct watch_context *context,
			      GError **error)
{
	struct memory memory = { .fd = fd };
	struct guest_source source = { read_memory, &memory, 0 };
	struct vsb_memory_info info;
	struct guest *guest;
	JsonObject *seen;

	if (!watch_sandbox(error) || !memory_info(fd, &info, error))
		return NULL;
	source.private_mask = info.private_mask;
	guest = guest_new(&source);
	seen = look_and_stop(guest, &memory, args, context, error);
	guest_free(guest);
	if (!memory.error)
		return seen;
	/* Whatever was said is about memory that could not be read. */
	g_clear_pointer(&seen, json_object_unref);
	g_clear_error(error);
	errno = memory.error;
	if (errno == ETIME)
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "it took longer than the user VM may stand; give more with --limit, "
				    "or look at it with --live");
	else
		memory_error(error, "its memory");
	return NULL;
}

char *watch_look(int fd, const struct watch_args *args, GError **error)
{
	/* Later there is no file to read it from. */
	g_autoptr(GTimeZone) zone = g_time_zone_new_local();
	g_autoptr(JsonObject) seen = NULL;
	struct watch_context context;

	if (watch_context_open(&context, args, error))
		seen = args->core ? look_at_core(args, &context, error) :
				    look_at_vm(fd, args, &context, error);
	watch_context_clear(&context);
	return seen ? shown(seen, args) : NULL;
}
