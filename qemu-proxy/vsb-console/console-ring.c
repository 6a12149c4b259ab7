// SPDX-License-Identifier: GPL-2.0
/* A ring of bytes: queue and backlog. */
#include "console-ring.h"

#include <string.h>

void vsb_ring_init(struct vsb_ring *ring, gsize size)
{
	*ring = (struct vsb_ring){ .data = g_malloc(size), .size = size };
}

void vsb_ring_clear(struct vsb_ring *ring)
{
	g_free(ring->data);
	*ring = (struct vsb_ring){ 0 };
}

gsize vsb_ring_room(const struct vsb_ring *ring)
{
	return ring->size - ring->len;
}

/* Return: how many of the bytes were taken; the rest did not fit. */
gsize vsb_ring_put(struct vsb_ring *ring, const void *data, gsize len)
{
	gsize taken = MIN(len, vsb_ring_room(ring));
	gsize end, first;

	if (!taken)
		return 0;
	end = (ring->start + ring->len) % ring->size;
	first = MIN(taken, ring->size - end);
	memcpy(ring->data + end, data, first);
	memcpy(ring->data, (const guint8 *)data + first, taken - first);
	ring->len += taken;
	return taken;
}

/* Takes all; the oldest bytes make room. */
void vsb_ring_overwrite(struct vsb_ring *ring, const void *data, gsize len)
{
	const guint8 *bytes = data;

	if (len > ring->size) {
		bytes += len - ring->size;
		len = ring->size;
	}
	if (len > vsb_ring_room(ring))
		vsb_ring_skip(ring, len - vsb_ring_room(ring));
	vsb_ring_put(ring, bytes, len);
}

/* Return: the oldest bytes, as far as they lie in one piece, or NULL. */
const guint8 *vsb_ring_peek(const struct vsb_ring *ring, gsize *len)
{
	*len = MIN(ring->len, ring->size - ring->start);
	return *len ? ring->data + ring->start : NULL;
}

/* Copies @len bytes, which must be there, and leaves them there. */
void vsb_ring_copy(const struct vsb_ring *ring, void *data, gsize len)
{
	gsize first = MIN(len, ring->size - ring->start);

	memcpy(data, ring->data + ring->start, first);
	memcpy((guint8 *)data + first, ring->data, len - first);
}

/* Forgets the oldest @len bytes. */
void vsb_ring_skip(struct vsb_ring *ring, gsize len)
{
	len = MIN(len, ring->len);
	ring->start = ring->size ? (ring->start + len) % ring->size : 0;
	ring->len -= len;
}
