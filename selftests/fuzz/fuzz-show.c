// SPDX-License-Identifier: GPL-2.0
/* vsbctl-show.c, vsbctl-metrics.c: replies of a vsbypassd that may be another version. */
#include "fuzz.h"

#include <string.h>

#include "json-line.h"
#include "vsbctl-metrics.h"
#include "vsbctl-show.h"

/* Return: it is text for a terminal? Names in it are vsbypassd's. */
static void text(char *(*show)(const char *name, JsonObject *result), const char *name, JsonObject *reply)
{
	g_autofree char *shown = show(name, reply);

	g_assert_true(!shown || g_utf8_validate(shown, -1, NULL));
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	g_autofree char *line = take_rest(&in);
	g_autoptr(JsonObject) reply = json_line_parse(line, size, JSON_LINE_MAX_OPEN, NULL);
	g_autofree char *metrics = NULL, *again = NULL;
	gsize len;

	if (!reply)
		return 0;
	text(vsbctl_show, "status", reply);
	text(vsbctl_show, "list", reply);
	text(vsbctl_show, "log", reply);
	text(vsbctl_show_veil, "vm1", reply);
	text(vsbctl_show_typing, "vm1", reply);
	metrics = vsbctl_metrics(reply);
	again = json_line_format(reply, &len);
	g_assert_true(memchr(again, '\n', len) == again + len - 1);
	return 0;
}
