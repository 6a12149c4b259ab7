// SPDX-License-Identifier: GPL-2.0
/*
 * kallsyms.c: the table of symbols in a user VM's memory. The first byte: 0 to 2: one as a kernel has
 * it, of which what follows changes bytes: where, in three bytes, and which; the last change with
 * nothing behind it is where the image ends. 3: the rest is the image.
 */
#include "fuzz.h"

#include <string.h>

#include "kallsyms.h"
#include "unit-kallsyms-image.h"

static guint8 *made(enum form form, struct input *in, gsize *len)
{
	static struct image *images[OF_7_3 + 1];
	guint8 *copy;

	if (!images[form])
		images[form] = image_make(form);
	*len = images[form]->end - AT;
	copy = g_memdup2(images[form]->bytes + AT, *len);
	while (in->len) {
		gsize at = take_byte(in);

		at = (at | (gsize)take_byte(in) << 8 | (gsize)take_byte(in) << 16) % *len;
		if (!in->len)
			*len = at;
		else
			copy[at] = take_byte(in);
	}
	/* Of its own length: what is read behind it is found. */
	return g_realloc(copy, MAX(*len, 1));
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	guint8 form = take_byte(&in) % 4;
	gsize len = in.len;
	g_autofree guint8 *image = form > OF_7_3 ? (guint8 *)take_rest(&in) : made(form, &in, &len);
	struct kallsyms *symbols = kallsyms_find(image, len, BASE + AT, NULL);
	guint64 address, last = 0;

	if (!symbols)
		return 0;
	for (guint i = 0; i < kallsyms_count(symbols); i++) {
		const char *name = kallsyms_nth(symbols, i, &address);
		g_autofree char *words = i % 100 ? NULL : kallsyms_describe(symbols, address + 1);

		g_assert_cmpuint(address, >=, last);
		last = address;
		for (const char *c = name; *c; c++)
			g_assert_true(g_ascii_isgraph(*c));
	}
	kallsyms_address(symbols, "symbol_7");
	g_assert_cmpint(kallsyms_at(symbols, G_MAXUINT64), ==, (gint)kallsyms_count(symbols) - 1);
	kallsyms_free(symbols);
	return 0;
}
