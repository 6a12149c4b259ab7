/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Types on a proxy's PS/2 keyboard, without losing anything: a stroke goes in when the
 * user VM has taken the one before. Who wants to type meanwhile waits for his turn.
 */
#ifndef VSB_KEYBOARD_H
#define VSB_KEYBOARD_H

#include "keys.h"
#include "qmp.h"

#define KEYBOARD_WAIT_MS	30000	/* for the user VM to take a stroke */
#define KEYBOARD_MAX_JOBS	16	/* that wait for their turn */

struct keyboard;

/**
 * struct keyboard_ops
 * @may_type:	the QEMU to type at, if now a user VM is there that may have the keys;
 *		else NULL and why not. *reads: how often the user VM has read a port
 */
struct keyboard_ops {
	struct qmp *(*may_type)(gpointer data, guint64 *reads, GError **error);
};

/* @error is NULL if the user VM has taken all. */
typedef void (*keyboard_done)(gpointer data, const GError *error);

/* @wait_ms: see KEYBOARD_WAIT_MS */
struct keyboard *keyboard_new(guint wait_ms, const struct keyboard_ops *ops, gpointer data);

/* What is under way gets an error. */
void keyboard_free(struct keyboard *keyboard);

/*
 * Types @strokes (transfer full). @unit: what ends with a stroke, "keys" or
 * "characters". @done is always called, once.
 */
void keyboard_type(struct keyboard *keyboard, GArray *strokes, const char *unit,
		   keyboard_done done, gpointer data);

/* What is being typed: how much the user VM has taken, *of so many. FALSE: nothing is. */
gboolean keyboard_progress(const struct keyboard *keyboard, guint *typed, guint *of);

/*
 * The QEMU is no more; what is under way gets an error. All QMP commands must have been
 * answered (qmp_free()).
 */
void keyboard_stop(struct keyboard *keyboard);

#endif
