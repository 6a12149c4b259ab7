/* SPDX-License-Identifier: GPL-2.0 */
/* An array of the kernel (struct xarray), of pointers by number. */
#ifndef VSB_INTROSPECT_XARRAY_H
#define VSB_INTROSPECT_XARRAY_H

#include "kernel.h"

/*
 * @at: address of the struct xarray. @entry is called with each pointer in it, @max at most; FALSE:
 * enough. Return: NULL, or (transfer full) what is wrong with it.
 */
char *xarray_each(const struct kernel *kernel, guint64 at, guint max,
		  gboolean (*entry)(guint64 index, guint64 pointer, gpointer data), gpointer data);

#endif
