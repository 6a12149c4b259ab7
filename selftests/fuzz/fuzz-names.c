// SPDX-License-Identifier: GPL-2.0
/*
 * What names.c, keys.c, keymap.c, authkey.c and the small ones read: arguments of requests, which
 * come of libvirt's XML and of keys files, too.
 */
#include "fuzz.h"

#include <string.h>

#include "authkey.h"
#include "error.h"
#include "identity-store.h"
#include "irq-mode.h"
#include "keymap.h"
#include "keys.h"
#include "names.h"

static void ports(const char *text)
{
	g_autofree char *written = NULL, *again = NULL;
	struct vsb_com_port coms[VSB_MAX_COMS];
	guint debugs[VSB_MAX_DEBUGS];
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) consoles = NULL;
	struct vsb_ports first, second;

	if (!vsb_ports_parse(text, &first, NULL))
		return;
	g_assert_true(first.nr >= 1 && first.nr <= VSB_MAX_RANGES);
	for (guint i = 0; i < first.nr; i++)
		for (guint j = 0; j < i; j++)
			g_assert_true(first.range[i].first > first.range[j].last ||
				      first.range[i].last < first.range[j].first);
	written = vsb_ports_format(&first);
	vsb_ports_parse(written, &second, &error);
	g_assert_no_error(error);
	again = vsb_ports_format(&second);
	g_assert_cmpstr(written, ==, again);
	consoles = vsb_ports_consoles(&first, "vm");
	for (guint i = 0; consoles[i]; i++) {
		g_autofree char *uservm = vsb_console_uservm(consoles[i]);

		g_assert_cmpint(vsb_ports_find_console(&first, "vm", consoles[i]), ==, (int)i);
		g_assert_cmpstr(uservm, ==, "vm");
	}
	vsb_ports_coms(&first, coms);
	vsb_ports_debugs(&first, debugs);
	for (guint gsi = 0; gsi < 24; gsi++)
		vsb_ports_has_line(&first, gsi);
}

static void strokes(GArray *all)
{
	for (guint i = 0; all && i < all->len; i++) {
		const struct stroke *stroke = &g_array_index(all, struct stroke, i);

		g_assert_true(stroke->nr >= 1 && stroke->nr <= STROKE_KEYS);
		g_assert_true(stroke->bytes >= 1 && stroke->bytes <= KEYS_QUEUE);
	}
	if (all)
		g_array_unref(all);
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	g_autofree char *text = take_rest(&in);
	g_autofree char *shown = vsb_error_shown(text, 40), *uservm = vsb_console_uservm(text);
	enum irq_mode irq;
	gboolean required;

	g_assert_cmpuint(strlen(shown), <=, 43);
	ports(text);
	if (vsb_name_check("user VM", text, NULL))
		g_assert_true(!strchr(text, '/') && text[0] != '.' && strlen(text) < VSB_NAME_LEN);
	vsb_console_name_check(text, NULL);
	identity_mode_parse(text, &required, NULL);
	irq_mode_parse(text, &irq, NULL);
	vsb_authkey_check(text, NULL);
	vsb_error_of_class(text);
	strokes(keys_parse(text, NULL));
	/* It has been UTF-8 before, see json-line.c. */
	if (g_utf8_validate(text, -1, NULL)) {
		strokes(keymap_strokes("en-us", text, NULL));
		strokes(keymap_strokes("de", text, NULL));
	}
	return 0;
}
