// SPDX-License-Identifier: GPL-2.0
/* All symbols of the kernel in a core, as /proc/kallsyms has them but for types: for tests. */
#include <stdio.h>

#include "core-file.h"
#include "kernel.h"

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	struct core_file *core = argc == 2 ? core_file_open(argv[1], &error) : NULL;
	struct guest_source source;
	struct kernel *kernel;
	struct guest *guest;

	if (!core) {
		fprintf(stderr, "%s\n", error ? error->message : "usage: watch-symbols CORE");
		return 1;
	}
	source = core_file_source(core);
	guest = guest_new(&source);
	kernel = kernel_find(guest, core_file_vcpus(core), &error);
	if (!kernel)
		fprintf(stderr, "%s\n", error->message);
	for (guint i = 0; kernel && i < kallsyms_count(kernel->symbols); i++) {
		guint64 address;
		const char *name = kallsyms_nth(kernel->symbols, i, &address);

		printf("%016" G_GINT64_MODIFIER "x %s\n", address, name);
	}
	kernel_free(kernel);
	guest_free(guest);
	core_file_close(core);
	return kernel == NULL;
}
