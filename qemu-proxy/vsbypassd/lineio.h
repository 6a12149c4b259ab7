/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stream socket that carries lines, in the main loop: bounded in both
 * directions, whoever is at the other end. Used for the control socket and QMP.
 */
#ifndef VSB_LINEIO_H
#define VSB_LINEIO_H

#include <glib.h>

/**
 * struct line_reader - bytes cut into lines
 * @buf:	what has not been taken yet
 * @max:	longest line, without its newline
 */
struct line_reader {
	GString *buf;
	gsize max;
};

void line_reader_init(struct line_reader *reader, gsize max);
void line_reader_clear(struct line_reader *reader);
void line_reader_push(struct line_reader *reader, const char *data, gsize len);

/* Return: (transfer full): the next line without newline, NUL-terminated, or NULL. */
char *line_reader_next(struct line_reader *reader, gsize *len);

/* Whether the line being received is longer than allowed: give the peer up. */
gboolean line_reader_overlong(const struct line_reader *reader);

struct lineio;

/**
 * struct lineio_ops - what a user of a struct lineio does
 * @line:	one line came; it may hold NUL bytes
 * @closed:	the peer is gone or broke a bound (@why); no more calls follow.
 *		The user frees @io in here or later.
 */
struct lineio_ops {
	void (*line)(struct lineio *io, const char *line, gsize len, gpointer data);
	void (*closed)(struct lineio *io, const char *why, gpointer data);
};

/* Takes @fd over. Bounds: @max_line for reading, @max_out for unsent output. */
struct lineio *lineio_new(int fd, gsize max_line, gsize max_out,
			  const struct lineio_ops *ops, gpointer data);

/* May be called from the callbacks. */
void lineio_free(struct lineio *io);

/* Queues output; on overflow the connection is closed (closed() is called later). */
void lineio_send(struct lineio *io, const char *data, gsize len);

/* The same, and a duplicate of @fd goes along. Nothing may be queued. */
void lineio_send_fd(struct lineio *io, const char *data, gsize len, int fd);

/* To a peer that is being given up, e.g. in closed(): at once or not at all. */
void lineio_last_words(struct lineio *io, const char *data, gsize len);

/* No line() until lineio_resume(). */
void lineio_pause(struct lineio *io);
void lineio_resume(struct lineio *io);

#endif
