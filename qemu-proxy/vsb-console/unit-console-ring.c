// SPDX-License-Identifier: GPL-2.0
/* Tests of the ring: against a plain byte array as model. */
#include "console-ring.h"

#include <string.h>

static void drain(struct vsb_ring *ring, GByteArray *to, gsize most)
{
	const guint8 *data;
	gsize len;

	while (most && (data = vsb_ring_peek(ring, &len))) {
		len = MIN(len, most);
		g_byte_array_append(to, data, len);
		vsb_ring_skip(ring, len);
		most -= len;
	}
}

static void test_queue(void)
{
	g_autoptr(GByteArray) in = g_byte_array_new(), out = g_byte_array_new();
	struct vsb_ring ring;
	guint8 chunk[64];

	vsb_ring_init(&ring, 37);
	for (guint i = 0; i < 5000; i++) {
		gsize len = g_test_rand_int_range(0, sizeof(chunk)), taken;
		gsize room = vsb_ring_room(&ring);

		for (gsize j = 0; j < len; j++)
			chunk[j] = g_test_rand_int();
		taken = vsb_ring_put(&ring, chunk, len);
		g_assert_cmpuint(taken, ==, MIN(len, room));
		g_byte_array_append(in, chunk, taken);
		drain(&ring, out, g_test_rand_int_range(0, 50));
	}
	drain(&ring, out, G_MAXSIZE);
	g_assert_cmpmem(in->data, in->len, out->data, out->len);
	vsb_ring_clear(&ring);
}

static void test_backlog(void)
{
	g_autoptr(GByteArray) all = g_byte_array_new(), kept = g_byte_array_new();
	struct vsb_ring ring;
	guint8 chunk[100];

	vsb_ring_init(&ring, 41);
	for (guint i = 0; i < 2000; i++) {
		gsize len = g_test_rand_int_range(0, sizeof(chunk)), want;

		for (gsize j = 0; j < len; j++)
			chunk[j] = g_test_rand_int();
		vsb_ring_overwrite(&ring, chunk, len);
		g_byte_array_append(all, chunk, len);
		want = MIN(all->len, 41);
		g_byte_array_set_size(kept, 0);
		{
			/* Draining must not hurt the original. */
			struct vsb_ring copy = ring;

			drain(&copy, kept, G_MAXSIZE);
		}
		g_assert_cmpmem(kept->data, kept->len, all->data + all->len - want, want);
	}
	vsb_ring_clear(&ring);
}

static void test_empty(void)
{
	struct vsb_ring ring;
	gsize len = 1;

	vsb_ring_init(&ring, 4);
	g_assert_null(vsb_ring_peek(&ring, &len));
	g_assert_cmpuint(len, ==, 0);
	vsb_ring_skip(&ring, 100);
	g_assert_cmpuint(vsb_ring_put(&ring, "abcdef", 6), ==, 4);
	g_assert_cmpuint(vsb_ring_put(&ring, "x", 1), ==, 0);
	vsb_ring_skip(&ring, 100);
	g_assert_cmpuint(vsb_ring_room(&ring), ==, 4);
	vsb_ring_clear(&ring);
	vsb_ring_skip(&ring, 1);
	g_assert_cmpuint(vsb_ring_put(&ring, "x", 1), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/console/ring/queue", test_queue);
	g_test_add_func("/console/ring/backlog", test_backlog);
	g_test_add_func("/console/ring/empty", test_empty);
	return g_test_run();
}
