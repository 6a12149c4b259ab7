/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may attach to a console, as said with "attach" and not by the files of the
 * administrator: a folder with a file of authorized_keys lines for each user VM that
 * has such keys. It lasts as long as the user VM is attached; vsb-console reads it.
 */
#ifndef VSB_ACCESS_H
#define VSB_ACCESS_H

#include <glib.h>

/* @keys: lines without newline; NULL: what there is, is removed. */
gboolean access_set(const char *dir, const char *name, char **keys, GError **error);

/* Removes the files of names that @used does not know. */
void access_sweep(const char *dir, gboolean (*used)(const char *name, gpointer data),
		  gpointer data);

#endif
