// SPDX-License-Identifier: GPL-2.0
/* Nested page tables of both vendors, of four and five levels, and what is no such table. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include <linux/bits.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "kvm/vendor.h"
#include "kvm/walk.h"

#define FRAMES	64	/* of memory of the cloud VM */

static u64 memory[FRAMES][VSB_PTES];
static guint reads;
int signals_pending;

static const struct vsb_vendor svm = { .name = "svm", .pte = vsb_svm_pte };
static const struct vsb_vendor vmx = { .name = "vmx", .pte = vsb_vmx_pte };
const struct vsb_vendor *vsb_vendor;

static u64 table_bits, page_bits;

static void begin(const struct vsb_vendor *vendor)
{
	vsb_vendor = vendor;
	table_bits = vendor == &svm ? 0x67 : 0x107;
	page_bits = vendor == &svm ? 0x67 : 0x37;
	memset(memory, 0, sizeof(memory));
	reads = 0;
	signals_pending = 0;
}

static int read_frame(struct vsb_walk *w, u64 gfn, void *page)
{
	reads++;
	if (gfn == 99)
		return -EIO;
	if (gfn >= FRAMES)
		return -EFAULT;
	memcpy(page, memory[gfn], sizeof(memory[gfn]));
	return 0;
}

static struct vsb_walk walk(int levels, guint max)
{
	struct vsb_walk w = {
		.read = read_frame, .root = 1 << 12 | 0x5e, .levels = levels, .max = max,
		.state = TASK_INTERRUPTIBLE,
	};

	g_assert_cmpint(vsb_walk_begin(&w), ==, 0);
	return w;
}

/* Tables at frames 1, 2, ... lead to that of @level for L2's frame @gfn. Return: its entry. */
static u64 *entry(int levels, int level, u64 gfn)
{
	guint at = 1;

	for (; levels > level; levels--, at++)
		memory[at][gfn >> (9 * (levels - 1)) & 511] = (at + 1) << 12 | table_bits;
	return &memory[at][gfn >> (9 * (level - 1)) & 511];
}

static void test_pages(gconstpointer data)
{
	for (int levels = 3; levels <= 5; levels++)
		for (int level = 1; level <= 3; level++) {
			u64 nr = 1ull << (9 * (level - 1));
			u64 gfn = (0x123456789abull & ((1ull << (9 * levels)) - 1)) & ~(nr - 1);
			struct vsb_mapping m;
			struct vsb_walk w;

			begin(data);
			w = walk(levels, 100);
			*entry(levels, level, gfn) = 0x40000000 | page_bits | (level > 1 ? 0x80 : 0);
			g_assert_cmpint(vsb_walk_at(&w, gfn + nr / 2, &m), ==, 0);
			g_assert_true(m.mapped);
			g_assert_cmphex(m.gfn, ==, gfn);
			g_assert_cmphex(m.nr, ==, nr);
			g_assert_cmphex(m.l1_gfn, ==, 0x40000);
			g_assert_cmpint(m.level, ==, level);
			g_assert_cmpuint(reads, ==, levels - level + 1);
			/* Once more, and its neighbours: from the tables that it has. */
			g_assert_cmpint(vsb_walk_at(&w, gfn ^ nr, &m), ==, 0);
			g_assert_false(m.mapped);
			g_assert_cmpuint(reads, ==, levels - level + 1);
			/* From anywhere before it is what comes first, and there is no other. */
			g_assert_cmpint(vsb_walk_next(&w, 0, U64_MAX, &m), ==, 0);
			g_assert_cmphex(m.gfn, ==, gfn);
			g_assert_cmpint(vsb_walk_next(&w, gfn + nr, U64_MAX, &m), ==, -ENOENT);
			g_assert_cmpint(vsb_walk_next(&w, 0, gfn, &m), ==, gfn ? -ENOENT : 0);
			/* Beyond what so many levels have. */
			g_assert_cmpint(vsb_walk_at(&w, vsb_walk_frames(levels), &m), ==, 0);
			g_assert_false(m.mapped);
			vsb_walk_end(&w);
		}
}

/* What has to be 0, level by level; and what is none for L2. */
static void test_reserved(void)
{
	static const struct {
		const struct vsb_vendor *vendor;
		int level;
		u64 pte;
		enum vsb_pte is;
	} cases[] = {
		{ &svm, 1, 0x67, VSB_PTE_PAGE }, { &svm, 1, 0xe7, VSB_PTE_PAGE },
		{ &svm, 1, 0x63, VSB_PTE_NONE }, { &svm, 1, 0x66, VSB_PTE_NONE },
		{ &svm, 1, 0x05, VSB_PTE_PAGE }, { &svm, 1, ~0ull, VSB_PTE_PAGE },
		{ &svm, 2, 0x67, VSB_PTE_TABLE }, { &svm, 2, 0xe7, VSB_PTE_PAGE },
		{ &svm, 2, 0x10e7, VSB_PTE_PAGE }, { &svm, 2, 0x20e7, VSB_PTE_NONE },
		{ &svm, 2, 0x1000e7, VSB_PTE_NONE }, { &svm, 2, 0x2000e7, VSB_PTE_PAGE },
		{ &svm, 3, 0xe7, VSB_PTE_PAGE }, { &svm, 3, 0x200000e7, VSB_PTE_NONE },
		{ &svm, 3, 0x400000e7, VSB_PTE_PAGE }, { &svm, 3, 0x67, VSB_PTE_TABLE },
		{ &svm, 4, 0x67, VSB_PTE_TABLE }, { &svm, 4, 0xe7, VSB_PTE_NONE },
		{ &svm, 5, 0x67, VSB_PTE_TABLE }, { &svm, 5, 0xe7, VSB_PTE_NONE },
		{ &vmx, 1, 0x37, VSB_PTE_PAGE }, { &vmx, 1, 0x31, VSB_PTE_PAGE },
		{ &vmx, 1, 0x34, VSB_PTE_PAGE }, { &vmx, 1, 0x36, VSB_PTE_NONE },
		{ &vmx, 1, 0x32, VSB_PTE_NONE }, { &vmx, 1, 0x30, VSB_PTE_NONE },
		{ &vmx, 1, 0x07, VSB_PTE_PAGE }, { &vmx, 1, 0x0f, VSB_PTE_PAGE },
		{ &vmx, 1, 0x17, VSB_PTE_NONE }, { &vmx, 1, 0x1f, VSB_PTE_NONE },
		{ &vmx, 1, 0x27, VSB_PTE_PAGE }, { &vmx, 1, 0x2f, VSB_PTE_PAGE },
		{ &vmx, 1, 0x3f, VSB_PTE_NONE }, { &vmx, 1, 0xb7, VSB_PTE_PAGE },
		{ &vmx, 2, 0x07, VSB_PTE_TABLE }, { &vmx, 2, 0x37, VSB_PTE_NONE },
		{ &vmx, 2, 0xb7, VSB_PTE_PAGE }, { &vmx, 2, 0x10b7, VSB_PTE_NONE },
		{ &vmx, 3, 0xb7, VSB_PTE_PAGE }, { &vmx, 3, 0x200000b7, VSB_PTE_NONE },
		{ &vmx, 3, 0x07, VSB_PTE_TABLE }, { &vmx, 4, 0x07, VSB_PTE_TABLE },
		{ &vmx, 4, 0x87, VSB_PTE_NONE }, { &vmx, 4, 0x0f, VSB_PTE_NONE },
		{ &vmx, 5, 0x107, VSB_PTE_TABLE }, { &vmx, 5, 0x87, VSB_PTE_NONE },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s, level %d: %#" G_GINT64_MODIFIER "x", cases[i].vendor->name,
			       cases[i].level, (guint64)cases[i].pte);
		g_assert_cmpint(cases[i].vendor->pte(cases[i].pte, cases[i].level), ==,
				cases[i].is);
	}
}

/* Tables that are no memory have no entries; what cannot be read for another reason is told. */
static void test_no_memory(gconstpointer data)
{
	struct vsb_mapping m;
	struct vsb_walk w;

	begin(data);
	memory[1][0] = 77ull << 12 | table_bits;
	memory[1][1] = BIT_ULL(51) | table_bits;
	memory[1][3] = 2ull << 12 | table_bits;
	memory[2][0] = 0x40000000 | page_bits | 0x80;
	w = walk(4, 100);
	g_assert_cmpint(vsb_walk_next(&w, 0, U64_MAX, &m), ==, 0);
	g_assert_cmphex(m.gfn, ==, 3ull << 27);
	memory[1][2] = 99ull << 12 | table_bits;
	vsb_walk_again(&w);
	g_assert_cmpint(vsb_walk_next(&w, 0, U64_MAX, &m), ==, -EIO);
	vsb_walk_end(&w);
	/* Not even the root is. */
	w = walk(4, 100);
	w.root = ~0ull;
	g_assert_cmpint(vsb_walk_next(&w, 0, U64_MAX, &m), ==, -ENOENT);
	vsb_walk_end(&w);
}

/* One that is in itself: read once for each level, and steps come to an end. */
static void test_loop(gconstpointer data)
{
	struct vsb_mapping m;
	u64 gfn = 0, found = 0;
	struct vsb_walk w;
	int ret;

	begin(data);
	for (guint i = 0; i < VSB_PTES; i++)
		memory[1][i] = 1 << 12 | table_bits;
	w = walk(5, 1000);
	while (!(ret = vsb_walk_next(&w, gfn, U64_MAX, &m))) {
		g_assert_cmphex(m.l1_gfn, ==, 1);
		gfn = m.gfn + m.nr;
		found++;
	}
	g_assert_cmpint(ret, ==, -ELOOP);
	/* All of each table of the lowest level, of which two belong to another above. */
	g_assert_cmpuint(found, ==, (1000 - 4 - 1) * 512);
	g_assert_cmpuint(reads, ==, 5);
	vsb_walk_again(&w);
	g_assert_cmpint(vsb_walk_at(&w, 12345, &m), ==, 0);
	g_assert_cmpuint(reads, ==, 10);
	vsb_walk_end(&w);
}

static void test_signal(void)
{
	struct vsb_mapping m;
	struct vsb_walk w;

	begin(&svm);
	w = walk(4, 100);
	signals_pending = TASK_KILLABLE;
	g_assert_cmpint(vsb_walk_at(&w, 0, &m), ==, 0);
	vsb_walk_again(&w);
	signals_pending = TASK_INTERRUPTIBLE;
	g_assert_cmpint(vsb_walk_at(&w, 0, &m), ==, -EINTR);
	vsb_walk_end(&w);
	w.levels = 2;
	g_assert_cmpint(vsb_walk_begin(&w), ==, -EINVAL);
	w.levels = 6;
	g_assert_cmpint(vsb_walk_begin(&w), ==, -EINVAL);
}

/* Tables at random: each page that is found is the one that is looked up, and in order. */
static void test_random(gconstpointer data)
{
	for (guint round = 0; round < 200; round++) {
		struct vsb_mapping m, n;
		struct vsb_walk w, one;
		u64 gfn = 0;

		begin(data);
		for (guint f = 1; f < FRAMES; f++)
			for (guint i = 0; i < 6; i++)
				memory[f][g_test_rand_int_range(0, VSB_PTES)] =
					(u64)g_test_rand_int_range(0, 2 * FRAMES) << 12 |
					(u64)g_test_rand_int_range(0, 256);
		w = walk(4, 300);
		one = walk(4, 10000);
		while (!vsb_walk_next(&w, gfn, U64_MAX, &m)) {
			g_assert_cmphex(m.gfn, >=, gfn);
			g_assert_true(m.mapped && m.nr);
			vsb_walk_again(&one);
			if (vsb_walk_at(&one, m.gfn + m.nr - 1, &n))
				break;		/* frame 99 */
			g_assert_true(n.mapped);
			g_assert_cmphex(m.gfn, ==, n.gfn);
			g_assert_cmphex(m.nr, ==, n.nr);
			g_assert_cmphex(m.l1_gfn, ==, n.l1_gfn);
			g_assert_cmphex(m.pte, ==, n.pte);
			gfn = m.gfn + m.nr;
		}
		vsb_walk_end(&w);
		vsb_walk_end(&one);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/walk/pages-svm", &svm, test_pages);
	g_test_add_data_func("/walk/pages-vmx", &vmx, test_pages);
	g_test_add_func("/walk/reserved", test_reserved);
	g_test_add_data_func("/walk/no-memory-svm", &svm, test_no_memory);
	g_test_add_data_func("/walk/no-memory-vmx", &vmx, test_no_memory);
	g_test_add_data_func("/walk/loop-svm", &svm, test_loop);
	g_test_add_data_func("/walk/loop-vmx", &vmx, test_loop);
	g_test_add_func("/walk/signal", test_signal);
	g_test_add_data_func("/walk/random-svm", &svm, test_random);
	g_test_add_data_func("/walk/random-vmx", &vmx, test_random);
	return g_test_run();
}
