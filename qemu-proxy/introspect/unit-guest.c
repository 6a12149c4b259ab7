// SPDX-License-Identifier: GPL-2.0
/* Page tables, lists and strings of a VM that is made here, good ones and others. */
#include "guest.h"

#include <string.h>

#define PAGES	16
#define MIB	(1ull << 20)
#define BASE	0xffff800000000000ull	/* its page i is memory's page 8 + i */
#define LARGE	0xffff800000200000ull	/* memory from 0 on, as 2 MiB */
#define PRESENT	0x1
#define PS	0x80

struct vm {
	guint8 memory[PAGES * GUEST_PAGE];
	guint reads;
	gboolean fails;
};

static gssize read_vm(gpointer data, guint64 at, gpointer buf, gsize len)
{
	struct vm *vm = data;

	vm->reads++;
	if (vm->fails)
		return -1;
	if (at >= sizeof(vm->memory))
		return 0;
	len = MIN(len, sizeof(vm->memory) - at);
	memcpy(buf, vm->memory + at, len);
	return (gssize)len;
}

static void put64(struct vm *vm, guint64 at, guint64 value)
{
	memcpy(vm->memory + at, &value, sizeof(value));
}

static guint64 page(guint n)
{
	return (guint64)n * GUEST_PAGE;
}

/* Tables in pages 1 to 5, the root of five levels being page 1, of four page 2. */
static struct vm *make(void)
{
	struct vm *vm = g_new0(struct vm, 1);

	put64(vm, page(1) + 511 * 8, page(2) | PRESENT);
	put64(vm, page(2) + 256 * 8, page(3) | PRESENT);
	put64(vm, page(3), page(4) | PRESENT);
	put64(vm, page(4), page(5) | PRESENT);
	put64(vm, page(4) + 8, 0 | PRESENT | PS);
	for (guint i = 0; i < 4; i++)
		put64(vm, page(5) + i * 8, page(8 + i) | PRESENT | 1ull << 63);
	return vm;
}

static struct guest *open_vm(struct vm *vm, guint levels)
{
	const struct guest_source source = { read_vm, vm, 0 };
	struct guest *guest = guest_new(&source);

	guest_set_table(guest, page(levels == 5 ? 1 : 2) | 0xfff, levels);
	return guest;
}

static void test_translate(gconstpointer data)
{
	guint levels = GPOINTER_TO_UINT(data);
	g_autofree struct vm *vm = make();
	struct guest *guest = open_vm(vm, levels);
	guint64 pa, run;

	g_assert_true(guest_translate(guest, BASE + 0x1010, &pa, &run));
	g_assert_cmphex(pa, ==, page(9) + 0x10);
	g_assert_cmphex(run, ==, 0xff0);
	g_assert_true(guest_translate(guest, LARGE + 0x3008, &pa, &run));
	g_assert_cmphex(pa, ==, 0x3008);
	g_assert_cmphex(run, ==, 2 * MIB - 0x3008);
	g_assert_false(guest_translate(guest, BASE + 0x4000, &pa, &run));
	g_assert_cmphex(run, ==, 0x1000);
	g_assert_false(guest_translate(guest, BASE + 4 * MIB, &pa, &run));
	g_assert_cmphex(run, ==, 2 * MIB);
	g_assert_false(guest_translate(guest, BASE + 1024 * MIB, &pa, &run));
	g_assert_cmphex(run, ==, 1024 * MIB);
	/* A table that is no memory, and one that is itself. */
	put64(vm, page(4), 0x000ffffffffff000ull | PRESENT);
	guest_forget(guest);
	g_assert_false(guest_translate(guest, BASE, &pa, &run));
	put64(vm, page(3), page(3) | PRESENT);
	put64(vm, page(3) + 8, 0);
	guest_forget(guest);
	g_assert_true(guest_translate(guest, BASE, &pa, &run));
	g_assert_cmphex(pa, ==, page(3));
	guest_free(guest);
}

static void test_read(void)
{
	g_autofree struct vm *vm = make();
	struct guest *guest = open_vm(vm, 4);
	g_autofree guint8 *buf = g_malloc(8 * GUEST_PAGE);
	guint64 v;

	vm->memory[page(9) - 1] = 1;
	vm->memory[page(9)] = 2;
	g_assert_true(guest_read(guest, BASE + 0xfff, buf, 2));
	g_assert_cmpint(buf[0] | buf[1] << 4, ==, 0x21);
	g_assert_false(guest_read(guest, BASE + 0x3fff, buf, 2));
	g_assert_false(guest_u64(guest, BASE + 0x3ffc, &v));
	g_assert_false(guest_u64(guest, ~0ull, &v));
	g_assert_false(guest_u64(guest, 0, &v));
	/* Much of it: what is mapped and there, the rest is zeros. */
	g_assert_cmpuint(guest_read_image(guest, BASE + 0x2000, buf, 8 * GUEST_PAGE), ==, 2 * GUEST_PAGE);
	memset(vm->memory + page(8), 7, 4 * GUEST_PAGE);
	g_assert_cmpuint(guest_read_image(guest, BASE, buf, 8 * GUEST_PAGE), ==, 4 * GUEST_PAGE);
	g_assert_cmpint(buf[4 * GUEST_PAGE - 1], ==, 7);
	g_assert_cmpint(buf[4 * GUEST_PAGE], ==, 0);
	/* Longer than memory is behind a large page. */
	g_assert_cmpuint(guest_read_image(guest, LARGE + page(PAGES - 2), buf, 8 * GUEST_PAGE), ==, 2 * GUEST_PAGE);
	/* What was read is kept, until it is forgotten. */
	g_assert_true(guest_u64(guest, BASE, &v));
	vm->memory[page(8)] = 9;
	vm->reads = 0;
	g_assert_true(guest_u64(guest, BASE, &v));
	g_assert_cmpint(v & 0xff, !=, 9);
	g_assert_cmpuint(vm->reads, ==, 0);
	guest_forget(guest);
	g_assert_true(guest_u64(guest, BASE, &v));
	g_assert_cmpint(v & 0xff, ==, 9);
	/* An error is for ever. */
	g_assert_false(guest_failed(guest));
	vm->fails = TRUE;
	guest_forget(guest);
	g_assert_false(guest_u64(guest, BASE, &v));
	vm->fails = FALSE;
	guest_forget(guest);
	g_assert_false(guest_u64(guest, BASE, &v));
	g_assert_true(guest_failed(guest));
	guest_free(guest);
}

static void test_string(void)
{
	g_autofree struct vm *vm = make();
	struct guest *guest = open_vm(vm, 4);
	static const struct {
		const char *bytes, *shown;
		gsize max;
	} cases[] = {
		{ "init", "init", 16 }, { "", "", 16 }, { "abcdef", "abc", 3 }, { "abc", "", 0 },
		{ "\033]0;x\007", "\\x1b]0;x\\x07", 16 }, { "a\\b", "a\\x5cb", 16 },
		{ "\xc3\xa4\n", "\\xc3\\xa4\\x0a", 16 }, { "\x7f\x9b", "\\x7f\\x9b", 16 },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = NULL;

		strcpy((char *)vm->memory + page(8), cases[i].bytes);
		guest_forget(guest);
		text = guest_string(guest, BASE, cases[i].max);
		g_assert_cmpstr(text, ==, cases[i].shown);
	}
	memset(vm->memory + page(11), 'x', GUEST_PAGE);
	guest_forget(guest);
	g_assert_null(guest_string(guest, BASE + 0x3ff0, 100));
	guest_free(guest);
}

static gboolean count(guint64 at, gpointer data)
{
	guint *n = data;

	return ++*n < 100;
}

/* A list of nodes in page 8: 0, 64, 128 ... */
static char *walk(struct vm *vm, guint max, guint *n)
{
	struct guest *guest = open_vm(vm, 4);
	char *why;

	*n = 0;
	why = guest_list(guest, BASE, max, count, n);
	guest_free(guest);
	return why;
}

static void make_list(struct vm *vm, guint nodes, guint64 last)
{
	for (guint i = 0; i < nodes; i++)
		put64(vm, page(8) + i * 64, BASE + (i + 1) * 64);
	put64(vm, page(8) + nodes * 64, last);
}

static void test_list(void)
{
	static const struct {
		guint64 last;
		const char *why;
		guint n;
	} cases[] = {
		{ BASE, NULL, 10 },
		{ 0, "broken behind entry 10", 10 },
		{ BASE + 1, "broken behind entry 10", 10 },
		{ 0x7fff00000000ull, "broken behind entry 10", 10 },
		{ BASE + 0x10000, "broken behind entry 11", 11 },
		{ BASE + 64, "a circle without its head behind entry 10", 10 },
		{ BASE + 640, "a circle without its head behind entry 10", 10 },
	};
	g_autofree struct vm *vm = make();
	guint n;

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *why = NULL;

		make_list(vm, 10, cases[i].last);
		why = walk(vm, 50, &n);
		g_assert_cmpstr(why, ==, cases[i].why);
		g_assert_cmpuint(n, ==, cases[i].n);
	}
	make_list(vm, 10, BASE);
	{
		g_autofree char *why = walk(vm, 5, &n);

		g_assert_cmpstr(why, ==, "longer than 5 entries");
		g_assert_cmpuint(n, ==, 5);
	}
	put64(vm, page(8), BASE);
	g_assert_null(walk(vm, 5, &n));
	g_assert_cmpuint(n, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/guest/translate/4", GUINT_TO_POINTER(4), test_translate);
	g_test_add_data_func("/guest/translate/5", GUINT_TO_POINTER(5), test_translate);
	g_test_add_func("/guest/read", test_read);
	g_test_add_func("/guest/string", test_string);
	g_test_add_func("/guest/list", test_list);
	return g_test_run();
}
