// SPDX-License-Identifier: GPL-2.0
/* Tables of symbols, made. */
#include "unit-kallsyms-image.h"

#include <string.h>

static void align(struct image *image, gsize to)
{
	image->at = (image->at + to - 1) / to * to;
}

static void put(struct image *image, gconstpointer data, gsize len)
{
	memcpy(image->bytes + image->at, data, len);
	image->at += len;
}

static void put32(struct image *image, guint32 v)
{
	put(image, &v, sizeof(v));
}

/* Symbol @i: in an area of a CPU at first, up to 6.14. */
static gboolean is_percpu(enum form form, guint i)
{
	return form != OF_7_3 && i < 10;
}

guint64 image_address(enum form form, guint i)
{
	return is_percpu(form, i) ? i * 8 : BASE + (guint64)i * 32;
}

/* Token n is the letter n, but for these. */
static const char *token(guint n, char *buf)
{
	static const char *const others[] = { "sym", "bol_", "a_rather_long_token_of_some_other_language" };

	if (n < G_N_ELEMENTS(others))
		return others[n];
	buf[0] = n >= '!' && n <= '~' ? (char)n : '.';
	buf[1] = '\0';
	return buf;
}

static void put_offsets(struct image *image, enum form form)
{
	for (guint i = 0; i < SYMBOLS; i++) {
		guint64 address = image_address(form, i);

		if (form == OF_7_3)
			put32(image, (guint32)(address - (BASE + image->at)));
		else
			put32(image, is_percpu(form, i) ? (guint32)address :
						     (guint32)(BASE - 1 - address));
	}
	if (form == OF_7_3)
		return;
	align(image, 8);
	put(image, &(guint64){ BASE }, 8);
}

/* "Dsymbol_123", 0 and 1 being two of its tokens; the type is 'T' for some. */
static void put_names(struct image *image, guint32 *markers)
{
	gsize begin;

	put32(image, SYMBOLS);
	align(image, 8);
	begin = image->at;
	for (guint i = 0; i < SYMBOLS; i++) {
		g_autofree char *name = g_strdup_printf("%c\x01\x02%u%s", i % 3 ? 'T' : 't', i, i % 1000 ? "" : "\x03");
		guint8 len = (guint8)strlen(name);

		if (i % 256 == 0)
			markers[i / 256] = (guint32)(image->at - begin);
		for (gsize c = 1; name[c]; c++)
			if (name[c] < 4)
				name[c]--;
		put(image, &len, 1);
		put(image, name, len);
	}
}

static void put_tokens(struct image *image, gsize alignment)
{
	guint16 index[256];
	char buf[2];
	gsize begin;

	align(image, alignment);
	begin = image->at;
	for (guint n = 0; n < 256; n++) {
		const char *text = token(n, buf);

		index[n] = (guint16)(image->at - begin);
		put(image, text, strlen(text) + 1);
	}
	align(image, alignment);
	put(image, index, sizeof(index));
}

struct image *image_make(enum form form)
{
	struct image *image = g_new0(struct image, 1);
	guint32 markers[SYMBOLS / 256 + 1];
	gsize alignment = form == OF_7_3 ? 4 : 8;

	image->at = AT;
	if (form == OF_6_1) {
		put_offsets(image, form);
		align(image, 8);
	}
	put_names(image, markers);
	align(image, alignment);
	put(image, markers, sizeof(markers));
	if (form == OF_6_1) {
		align(image, 8);
		image->at += SYMBOLS * 3;	/* the order of names */
	}
	put_tokens(image, alignment);
	if (form != OF_6_1) {
		align(image, alignment);
		put_offsets(image, form);
	}
	image->end = image->at;
	return image;
}
