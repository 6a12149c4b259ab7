// SPDX-License-Identifier: GPL-2.0
/*
 * vsbypassd's log.c: what a QEMU writes to its stderr, which a user VM may have taken over. An
 * administrator reads it at a terminal, by 'vsbctl log'.
 */
#include "fuzz.h"

#include "log.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	g_autofree char *text = take_rest(&in);
	static gboolean begun;
	g_auto(GStrv) lines = NULL;

	if (!begun) {
		g_log_set_default_handler(g_log_default_handler, NULL);
		log_init();
		begun = TRUE;
	}
	g_message("proxy 'vm1': %s", text);
	lines = log_last(1);
	g_assert_cmpuint(g_strv_length(lines), <=, 1);
	if (!lines[0])
		return 0;
	g_assert_true(g_utf8_validate(lines[0], -1, NULL));
	for (const char *c = lines[0]; *c; c = g_utf8_next_char(c))
		g_assert_false(g_unichar_iscntrl(g_utf8_get_char(c)));
	return 0;
}
