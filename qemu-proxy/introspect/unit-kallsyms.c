// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of symbols as scripts/kallsyms.c of three kernels writes them, made here; and what is cut
 * short or changed.
 */
#include "kallsyms.h"

#include <string.h>

#define BASE		0xffffffff81000000ull
#define SYMBOLS		5000
#define SIZE		(1 << 20)
#define AT		65536	/* of the tables in the image */

enum form { OF_6_1, OF_6_12, OF_7_3 };

struct image {
	guint8 bytes[SIZE];
	gsize at;
	gsize end;
};

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

static guint64 address_of(enum form form, guint i)
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
		guint64 address = address_of(form, i);

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

static struct image *make(enum form form)
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

static void test_form(gconstpointer data)
{
	enum form form = GPOINTER_TO_UINT(data);
	g_autofree struct image *image = make(form);
	g_autoptr(GError) error = NULL;
	struct kallsyms *k = kallsyms_find(image->bytes, SIZE, BASE, &error);
	g_autofree char *words = NULL;
	guint64 address;

	g_assert_no_error(error);
	g_assert_cmpuint(kallsyms_count(k), ==, form == OF_7_3 ? SYMBOLS : SYMBOLS - 10);
	for (guint i = 10; i < SYMBOLS; i++) {
		g_autofree char *name = g_strdup_printf("symbol_%u%s", i, i % 1000 ? "" :
							"a_rather_long_token_of_some_other_language");

		g_assert_cmphex(kallsyms_address(k, name), ==, address_of(form, i));
	}
	g_assert_cmphex(kallsyms_address(k, "symbol_7777"), ==, 0);
	words = kallsyms_describe(k, address_of(form, 77) + 5);
	g_assert_cmpstr(words, ==, "symbol_77+0x5");
	g_assert_cmpint(kallsyms_at(k, BASE - 1), ==, -1);
	g_assert_cmpstr(kallsyms_nth(k, kallsyms_count(k) - 1, &address), ==, "symbol_4999");
	kallsyms_free(k);
}

/* Nothing is read behind the end, wherever that is: in a piece of memory of its own. */
static void test_short(gconstpointer data)
{
	g_autofree struct image *image = make(GPOINTER_TO_UINT(data));
	gsize step = 997, found = 0;

	for (gsize len = image->end; len > AT; len -= MIN(len, step)) {
		g_autofree guint8 *copy = g_memdup2(image->bytes, len);
		struct kallsyms *k = kallsyms_find(copy, len, BASE, NULL);

		if (k)
			found++;
		kallsyms_free(k);
	}
	g_assert_cmpuint(found, ==, 1);
}

static void test_changed(gconstpointer data)
{
	g_autofree struct image *image = make(GPOINTER_TO_UINT(data));
	g_autofree struct image *copy = g_new(struct image, 1);

	for (guint i = 0; i < 400; i++) {
		struct kallsyms *k;

		*copy = *image;
		for (guint n = 0; n < 1 + i % 5; n++)
			copy->bytes[g_test_rand_int_range(AT, (gint)image->end)] =
				(guint8)g_test_rand_int_range(0, 256);
		k = kallsyms_find(copy->bytes, copy->end, BASE, NULL);
		if (k)
			g_free(kallsyms_describe(k, BASE + 100));
		kallsyms_free(k);
	}
}

static void test_none(void)
{
	g_autofree guint8 *image = g_malloc0(SIZE);
	g_autoptr(GError) error = NULL;

	g_assert_null(kallsyms_find(image, SIZE, BASE, &error));
	g_assert_nonnull(strstr(error->message, "no index of its tokens"));
	g_assert_null(kallsyms_find(image, 0, BASE, NULL));
	g_assert_null(kallsyms_find(image, 100, BASE, NULL));
}

int main(int argc, char **argv)
{
	static const char *const forms[] = { "6.1", "6.12", "7.3" };

	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
		g_autofree char *name = g_strconcat("/kallsyms/form/", forms[i], NULL);
		g_autofree char *cut = g_strconcat("/kallsyms/short/", forms[i], NULL);
		g_autofree char *changed = g_strconcat("/kallsyms/changed/", forms[i], NULL);

		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_form);
		g_test_add_data_func(cut, GUINT_TO_POINTER(i), test_short);
		g_test_add_data_func(changed, GUINT_TO_POINTER(i), test_changed);
	}
	g_test_add_func("/kallsyms/none", test_none);
	return g_test_run();
}
