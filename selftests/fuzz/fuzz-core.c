// SPDX-License-Identifier: GPL-2.0
/*
 * core-file.c, guest.c and the search for a kernel: a core, as 'vsbctl watch --core' reads it. What
 * is found in memory of a real kernel that lies is watch-fuzz's.
 */
#include "fuzz.h"

#include "core-file.h"
#include "kernel.h"
#include "modules.h"
#include "processes.h"
#include "text.h"

static gboolean on_entry(guint64 at, gpointer data)
{
	return TRUE;
}

static void walk(struct guest *guest, guint64 at)
{
	g_autofree char *text = guest_string(guest, at, 64), *why = NULL;
	guint64 pa, run;

	for (const char *c = text; c && *c; c++)
		g_assert_true(*c >= ' ' && *c <= '~');
	if (guest_translate(guest, at, &pa, &run))
		g_assert_cmpuint(run, >, 0);
	why = guest_list(guest, at, 100, on_entry, NULL);
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct core_file *core = core_file_open(fuzz_file(data, size), NULL);
	struct guest_source source;
	const GArray *vcpus;
	struct kernel *kernel;
	struct guest *guest;

	if (!core)
		return 0;
	source = core_file_source(core);
	vcpus = core_file_vcpus(core);
	g_assert_cmpuint(vcpus->len, >, 0);
	guest = guest_new(&source);
	guest_set_table(guest, g_array_index(vcpus, struct guest_vcpu, 0).cr3, 4);
	walk(guest, 0);
	walk(guest, g_array_index(vcpus, struct guest_vcpu, 0).rip);
	walk(guest, G_MAXUINT64);
	kernel = kernel_find(guest, vcpus, NULL);
	if (kernel) {
		processes_free(processes_find(kernel, NULL));
		modules_free(modules_find(kernel, NULL));
		text_free(text_read(kernel, NULL));
	}
	kernel_free(kernel);
	guest_free(guest);
	core_file_close(core);
	return 0;
}
