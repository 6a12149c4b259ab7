// SPDX-License-Identifier: GPL-2.0
/*
 * A target's main() without libFuzzer: each file that is named, or is in a folder that is named,
 * once. Prints how many there were.
 */
#include "fuzz.h"

#include <stdio.h>

static guint number;

static void one(const char *path)
{
	GDir *folder = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) below = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *text = NULL;
	const char *name;
	gsize len;

	while (folder && (name = g_dir_read_name(folder)))
		g_ptr_array_add(below, g_build_filename(path, name, NULL));
	if (folder) {
		/* Targets have numbers of descriptors that are theirs. */
		g_dir_close(folder);
		for (guint i = 0; i < below->len; i++)
			one(below->pdata[i]);
		return;
	}
	if (!g_file_get_contents(path, &text, &len, NULL)) {
		fprintf(stderr, "%s cannot be read\n", path);
		exit(1);
	}
	/* If it ends here, that is its last line. */
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput((const guint8 *)text, len);
	number++;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		one(argv[i]);
	printf("%u inputs\n", number);
	return 0;
}
