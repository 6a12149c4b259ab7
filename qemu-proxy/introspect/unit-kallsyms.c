// SPDX-License-Identifier: GPL-2.0
/* Tables of symbols of three kernels; and what is cut short or changed. */
#include "kallsyms.h"
#include "unit-kallsyms-image.h"

#include <string.h>

static void test_form(gconstpointer data)
{
	enum form form = GPOINTER_TO_UINT(data);
	g_autofree struct image *image = image_make(form);
	g_autoptr(GError) error = NULL;
	struct kallsyms *k = kallsyms_find(image->bytes, SIZE, BASE, &error);
	g_autofree char *words = NULL;
	guint64 address;

	g_assert_no_error(error);
	g_assert_cmpuint(kallsyms_count(k), ==, form == OF_7_3 ? SYMBOLS : SYMBOLS - 10);
	for (guint i = 10; i < SYMBOLS; i++) {
		g_autofree char *name = g_strdup_printf("symbol_%u%s", i, i % 1000 ? "" :
							"a_rather_long_token_of_some_other_language");

		g_assert_cmphex(kallsyms_address(k, name), ==, image_address(form, i));
	}
	g_assert_cmphex(kallsyms_address(k, "symbol_7777"), ==, 0);
	words = kallsyms_describe(k, image_address(form, 77) + 5);
	g_assert_cmpstr(words, ==, "symbol_77+0x5");
	g_assert_cmpint(kallsyms_at(k, BASE - 1), ==, -1);
	g_assert_cmpstr(kallsyms_nth(k, kallsyms_count(k) - 1, &address), ==, "symbol_4999");
	kallsyms_free(k);
}

/* Nothing is read behind the end, wherever that is: in a piece of memory of its own. */
static void test_short(gconstpointer data)
{
	g_autofree struct image *image = image_make(GPOINTER_TO_UINT(data));
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
	g_autofree struct image *image = image_make(GPOINTER_TO_UINT(data));
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
