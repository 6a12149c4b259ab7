/* SPDX-License-Identifier: GPL-2.0 */
/* Keys by the names that QEMU has for them (QKeyCode), and what is pressed at once. */
#ifndef VSB_KEYS_H
#define VSB_KEYS_H

#include <glib.h>

/*
 * The queue of QEMU's PS/2 keyboard, in bytes. What does not fit is dropped, without a
 * word (ps2_queue_noirq()).
 */
#define KEYS_QUEUE	16

#define STROKE_KEYS	5	/* at once; each takes at least 3 bytes of the queue */
#define STROKES_MAX	64	/* in one list of keys */

/**
 * struct stroke - keys that are pressed, one after the other, and released again
 * @key:	names, of static memory
 * @nr:		of them
 * @bytes:	that the queue needs for it, 1 to KEYS_QUEUE
 * @ends:	what was asked for is typed with this stroke: 1; 0: another one follows
 */
struct stroke {
	const char *key[STROKE_KEYS];
	guint nr;
	guint bytes;
	guint ends;
};

/* Adds a key. FALSE: there is none of this name, or the queue does not hold so many. */
gboolean stroke_add(struct stroke *stroke, const char *name, GError **error);

/*
 * "ctrl-alt-delete", several separated by spaces; 1 to STROKES_MAX.
 * Return: (transfer full): of struct stroke, or NULL.
 */
GArray *keys_parse(const char *text, GError **error);

#endif
