/* SPDX-License-Identifier: GPL-2.0 */
/* The system calls that a proxy's QEMU may make. */
#ifndef VSB_CAGE_FILTER_H
#define VSB_CAGE_FILTER_H

#include <glib.h>

/*
 * @memfd: files in memory are allowed. Return: a descriptor with the program (BPF), at its
 * begin; -1: @error
 */
int cage_filter(gboolean memfd, GError **error);

#endif
