// SPDX-License-Identifier: GPL-2.0
/* layout.c, and libbpf behind it: type information that a user VM's kernel carries (BTF). */
#include "fuzz.h"

#include <string.h>

#include "layout.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static const char *const paths[] = { "pid", "cred.uid", "comm", "tasks.next", "mm|none", "a.b.c.d", "", "." };
	struct input in = { data, size };
	g_autofree char *copy = take_rest(&in);
	struct layout *layout = layout_new(copy, size, NULL);
	guint32 offset, bytes;

	if (!layout)
		return 0;
	for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
		if (layout_member(layout, "task_struct", paths[i], &offset, &bytes))
			g_assert_cmpuint(offset, <=, G_MAXINT32);
		layout_unnamed(layout, paths[i], "pid", &offset);
		layout_get(layout, &(struct layout_want){ "task_struct", paths[i], &offset }, 1, NULL);
	}
	layout_size(layout, "task_struct");
	layout_free(layout);
	return 0;
}
