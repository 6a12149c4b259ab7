// SPDX-License-Identifier: GPL-2.0
/* vsbctl-watch-text.c: the file of an earlier look, 'vsbctl watch text --against'. */
#include "fuzz.h"

#include "vsbctl-watch-report.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct watch_args args = { .what = "text", .against = fuzz_file(data, size) };
	struct watch_context context;

	watch_context_open(&context, &args, NULL);
	watch_context_clear(&context);
	return 0;
}
