/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A ring of bytes. It serves as a queue, which refuses what does not fit, and
 * as a backlog, which keeps the newest bytes and forgets the oldest.
 */
#ifndef CONSOLE_RING_H
#define CONSOLE_RING_H

#include <glib.h>

struct vsb_ring {
	guint8 *data;
	gsize size;	/* of data */
	gsize start;	/* oldest byte */
	gsize len;	/* bytes held, <= size */
};

void vsb_ring_init(struct vsb_ring *ring, gsize size);
void vsb_ring_clear(struct vsb_ring *ring);

gsize vsb_ring_room(const struct vsb_ring *ring);
gsize vsb_ring_put(struct vsb_ring *ring, const void *data, gsize len);
void vsb_ring_overwrite(struct vsb_ring *ring, const void *data, gsize len);
const guint8 *vsb_ring_peek(const struct vsb_ring *ring, gsize *len);
void vsb_ring_copy(const struct vsb_ring *ring, void *data, gsize len);
void vsb_ring_skip(struct vsb_ring *ring, gsize len);

#endif
