/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What fuzz targets share. A target is one function, which libFuzzer calls with bytes of its own
 * (make fuzz), and replay.c with those of seeds/ (make check). It may not keep anything from one
 * call for the next.
 */
#ifndef VSB_FUZZ_H
#define VSB_FUZZ_H

#include <glib.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

/* Bytes that are left; what is taken behind the end is 0. */
struct input {
	const guint8 *data;
	gsize len;
};

guint8 take_byte(struct input *in);
guint32 take_u32(struct input *in);
/* A byte that says how many, and so many of what is left. Return: where they begin. */
const guint8 *take_bytes(struct input *in, gsize *len);
/* Up to a newline, which is none of it. Return: (transfer full), or NULL: there is no more. */
char *take_line(struct input *in, gsize *len);
/* Return: (transfer full): all that is left, and a NUL. */
char *take_rest(struct input *in);

/* Runs the main loop while there is something to do. Pauses of some ms are none here, see fuzz.c. */
void settle(void);

/* A folder of this process; it goes with it. */
const char *fuzz_dir(void);
/* Return: (transfer full): a path in there. */
char *fuzz_path(const char *name);
/* Writes a file there, for its owner alone. */
void fuzz_put(const char *name, gconstpointer data, gsize len);

/* Return: a path of a file in memory that has this in it. The same one at each call. */
const char *fuzz_file(gconstpointer data, gsize len);

/* Listens at a path of that folder. Return: descriptor */
int fuzz_listen(const char *name);
/* Return: who has connected to it, or -1: nobody. Does not block. */
int fuzz_accept(int fd);
/* As far as it goes without waiting; @fd -1: nothing. */
void fuzz_send(int fd, gconstpointer data, gsize len);
/* Reads what there is, and forgets it. */
void fuzz_drain(int fd);
void fuzz_close(int *fd);

#endif
