// SPDX-License-Identifier: GPL-2.0
/* How the structures of a kernel lie in memory; see layout.h. */
#include "layout.h"

#include <string.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "error.h"

/* Structures within structures, and members looked at for one answer. */
#define MAX_DEPTH	16
#define MAX_MEMBERS	(4 << 20)

struct layout {
	struct btf *btf;
};

/* A member that is looked for. */
struct walk {
	const struct btf *btf;
	guint members;	/* that may still be looked at */
};

struct layout *layout_new(gconstpointer data, gsize len, GError **error)
{
	struct layout *layout;
	struct btf *btf;

	libbpf_set_print(NULL);
	btf = len <= G_MAXUINT32 ? btf__new(data, (guint32)len) : NULL;
	if (!btf || libbpf_get_error(btf)) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "the kernel's type information (BTF) is damaged, or newer than libbpf here");
		return NULL;
	}
	layout = g_new0(struct layout, 1);
	layout->btf = btf;
	return layout;
}

void layout_free(struct layout *layout)
{
	if (!layout)
		return;
	btf__free(layout->btf);
	g_free(layout);
}

/* Behind const, typedef and the like. Return: 0: it is none. */
static __u32 struct_of(const struct btf *btf, __s32 id)
{
	int end = id > 0 ? btf__resolve_type(btf, (__u32)id) : -1;
	const struct btf_type *type = end > 0 ? btf__type_by_id(btf, (__u32)end) : NULL;

	return type && btf_is_composite(type) ? (__u32)end : 0;
}

static const char *name_of(const struct btf *btf, __u32 at)
{
	const char *name = btf__name_by_offset(btf, at);

	return name ? name : "";
}

/* Offset in bits of member @name of @id, with its type; FALSE: it has none. */
static gboolean find_member(struct walk *walk, __u32 id, const char *name, gsize len, guint depth,
			    guint64 *bits, __u32 *found)
{
	const struct btf_type *type = btf__type_by_id(walk->btf, id);
	const struct btf_member *members;

	if (!type || !btf_is_composite(type) || depth > MAX_DEPTH)
		return FALSE;
	members = btf_members(type);
	for (guint i = 0; i < btf_vlen(type); i++) {
		const char *its = name_of(walk->btf, members[i].name_off);
		guint64 inner;
		__u32 below;

		if (!walk->members)
			return FALSE;
		walk->members--;
		if (strlen(its) == len && len && !strncmp(its, name, len)) {
			if (btf_member_bitfield_size(type, i))
				return FALSE;
			*bits = btf_member_bit_offset(type, i);
			*found = members[i].type;
			return TRUE;
		}
		if (its[0])
			continue;
		below = struct_of(walk->btf, (__s32)members[i].type);
		if (below && find_member(walk, below, name, len, depth + 1, &inner, found)) {
			*bits = btf_member_bit_offset(type, i) + inner;
			return TRUE;
		}
	}
	return FALSE;
}

static gboolean find_path(struct walk *walk, __u32 id, const char *path, guint32 *offset, guint32 *size)
{
	guint64 sum = 0;

	for (;;) {
		gsize len = strcspn(path, ".");
		guint64 bits;
		__u32 found;

		if (!find_member(walk, id, path, len, 0, &bits, &found) || bits % 8)
			return FALSE;
		sum += bits / 8;
		if (!path[len]) {
			gint64 bytes = btf__resolve_size(walk->btf, found);

			if (sum > G_MAXINT32 || (size && (bytes < 0 || bytes > G_MAXINT32)))
				return FALSE;
			*offset = (guint32)sum;
			if (size)
				*size = (guint32)bytes;
			return TRUE;
		}
		path += len + 1;
		id = struct_of(walk->btf, (__s32)found);
		if (!id)
			return FALSE;
	}
}

static __u32 named(const struct layout *layout, const char *type)
{
	return struct_of(layout->btf, btf__find_by_name_kind(layout->btf, type, BTF_KIND_STRUCT));
}

gboolean layout_member(const struct layout *layout, const char *type, const char *path,
		       guint32 *offset, guint32 *size)
{
	struct walk walk = { layout->btf, MAX_MEMBERS };
	__u32 id = named(layout, type);

	return id && find_path(&walk, id, path, offset, size);
}

gboolean layout_unnamed(const struct layout *layout, const char *path, const char *with,
			guint32 *offset)
{
	struct walk walk = { layout->btf, MAX_MEMBERS };
	guint32 nr = btf__type_cnt(layout->btf), other;

	for (guint32 id = 1; id < nr; id++) {
		const struct btf_type *type = btf__type_by_id(layout->btf, id);

		if (type && btf_is_struct(type) && !name_of(layout->btf, type->name_off)[0] &&
		    find_path(&walk, id, path, offset, NULL) &&
		    find_path(&walk, id, with, &other, NULL))
			return TRUE;
	}
	return FALSE;
}

guint32 layout_size(const struct layout *layout, const char *type)
{
	const struct btf_type *t = btf__type_by_id(layout->btf, named(layout, type));

	return t && btf_is_composite(t) ? t->size : 0;
}

static gboolean get_one(const struct layout *layout, const struct layout_want *want)
{
	g_auto(GStrv) paths = g_strsplit(want->path, "|", -1);

	for (char **path = paths; *path; path++)
		if (layout_member(layout, want->type, *path, want->offset, NULL))
			return TRUE;
	return FALSE;
}

gboolean layout_get(const struct layout *layout, const struct layout_want *want, guint nr,
		    GError **error)
{
	for (guint i = 0; i < nr; i++) {
		if (get_one(layout, &want[i]))
			continue;
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "the kernel's structures are not as known: struct %s has no %s",
			    want[i].type, want[i].path);
		return FALSE;
	}
	return TRUE;
}
