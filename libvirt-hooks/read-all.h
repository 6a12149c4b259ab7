/* SPDX-License-Identifier: GPL-2.0 */
/* A file or standard input as a whole, up to a limit. */
#ifndef VSB_READ_ALL_H
#define VSB_READ_ALL_H

#include <glib.h>

/* @path: "-" is standard input. Return: (transfer full), NULL with an error. */
GString *read_all(const char *path, gsize max, GError **error);

#endif
