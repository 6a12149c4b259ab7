/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the structures of a kernel lie in memory, by the type information that it carries for BPF
 * (BTF; libbpf reads it).
 */
#ifndef VSB_INTROSPECT_LAYOUT_H
#define VSB_INTROSPECT_LAYOUT_H

#include <glib.h>

struct layout;

/* @data: BTF, not needed afterwards. Return: NULL: @error. */
struct layout *layout_new(gconstpointer data, gsize len, GError **error);
void layout_free(struct layout *layout);

/*
 * @path: a member, or one of a member, "cred.uid"; what is in unnamed ones counts as in the
 * structure itself. @size: of it in bytes, or NULL. Return: FALSE: there is none.
 */
gboolean layout_member(const struct layout *layout, const char *type, const char *path,
		       guint32 *offset, guint32 *size);

/* The same of a structure without a name, the first one that has @with as well. */
gboolean layout_unnamed(const struct layout *layout, const char *path, const char *with,
			guint32 *offset);

/* Return: bytes, or 0: there is no such structure. */
guint32 layout_size(const struct layout *layout, const char *type);

/**
 * struct layout_want - a member that somebody needs
 * @type:	name of the structure
 * @path:	as above; several with | between them are of different kernels: the first that
 *		there is
 * @offset:	where to write it
 */
struct layout_want {
	const char *type;
	const char *path;
	guint32 *offset;
};

/* All of them. Return: FALSE: @error names the first that this kernel does not have. */
gboolean layout_get(const struct layout *layout, const struct layout_want *want, guint nr,
		    GError **error);

#endif
