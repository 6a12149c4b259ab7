/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's own table of its symbols (kallsyms), found in its image in memory. The tables
 * have no head; how they lie is scripts/kallsyms.c of the kernel. Known are those of Linux 6.1
 * to 7.3 on x86-64. An image that lies gets wrong symbols of itself, nothing else.
 */
#ifndef VSB_INTROSPECT_KALLSYMS_H
#define VSB_INTROSPECT_KALLSYMS_H

#include <glib.h>

struct kallsyms;

/*
 * @image: @len bytes of the kernel's image, from virtual address @base on; not needed
 * afterwards. Return: NULL: @error.
 */
struct kallsyms *kallsyms_find(const guint8 *image, gsize len, guint64 base, GError **error);
void kallsyms_free(struct kallsyms *symbols);

guint kallsyms_count(const struct kallsyms *symbols);

/* Of several that have the name, a global one is preferred. Return: its address, 0: none. */
guint64 kallsyms_address(const struct kallsyms *symbols, const char *name);

/* Symbol @i in the order of addresses. Return: its name: printable ASCII. */
const char *kallsyms_nth(const struct kallsyms *symbols, guint i, guint64 *address);

/* The index of the last symbol at or below @address, or -1. */
gint kallsyms_at(const struct kallsyms *symbols, guint64 address);

/* Return: (transfer full): "symbol+0x12", or the address if it is below all of them. */
char *kallsyms_describe(const struct kallsyms *symbols, guint64 address);

#endif
