// SPDX-License-Identifier: GPL-2.0
/* The modules of a Linux; see modules.h. */
#include "modules.h"

#include "error.h"

#define MAX_MODULES	16384
/* A module has a node for each of its parts. */
#define MAX_NODES	(MAX_MODULES * 8)
#define MAX_NOTES	20
#define MAX_SIZE	(1u << 30)

/* enum mod_mem_type, since 6.4: the first is code. */
#define MAX_PARTS	16

struct offsets {
	guint32 list, state, name, kobject, mod, entry, kset_list;
	guint32 base, size, parts, part_size;	/* the last two since 6.4, else 1 and 0 */
	guint32 tree, node_mod, node, right, left;
};

struct look {
	const struct kernel *kernel;
	struct offsets o;
	GHashTable *by_address;
	struct modules *out;
	guint found;
};

/* A part was struct module_layout, is struct module_memory. */
static gboolean get_parts(const struct layout *layout, struct offsets *o)
{
	guint32 all;

	if (layout_member(layout, "module", "core_layout.base", &o->base, NULL)) {
		o->parts = 1;
		return layout_member(layout, "module", "core_layout.size", &o->size, NULL);
	}
	o->part_size = layout_size(layout, "module_memory");
	if (!o->part_size || !layout_member(layout, "module", "mem", &o->base, &all) ||
	    !layout_member(layout, "module_memory", "size", &o->size, NULL))
		return FALSE;
	o->parts = MIN(all / o->part_size, MAX_PARTS);
	o->size += o->base;
	return o->parts > 0;
}

static gboolean get_offsets(struct look *l, GError **error)
{
	struct offsets *o = &l->o;
	const struct layout_want want[] = {
		{ "module", "list", &o->list },
		{ "module", "state", &o->state },
		{ "module", "name", &o->name },
		{ "module_kobject", "kobj", &o->kobject },
		{ "module_kobject", "mod", &o->mod },
		{ "kobject", "entry", &o->entry },
		{ "kset", "list", &o->kset_list },
		{ "mod_tree_root", "root.tree", &o->tree },
		{ "mod_tree_node", "mod", &o->node_mod },
		{ "mod_tree_node", "node", &o->node },
		{ "rb_node", "rb_right", &o->right },
		{ "rb_node", "rb_left", &o->left },
	};

	if (!layout_get(l->kernel->layout, want, G_N_ELEMENTS(want), error))
		return FALSE;
	if (get_parts(l->kernel->layout, o))
		return TRUE;
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "the kernel's structures are not as known: struct module has no known parts");
	return FALSE;
}

static void note(struct look *l, char *text)
{
	if (l->out->notes->len < MAX_NOTES)
		g_ptr_array_add(l->out->notes, text);
	else
		g_free(text);
}

static guint64 u64_of(struct look *l, guint64 at)
{
	guint64 v = 0;

	guest_u64(l->kernel->guest, at, &v);
	return v;
}

/* ---- one module ---- */

static const char *state_of(guint32 state)
{
	static const char *const names[] = { "live", "coming", "going", "unformed" };

	return state < G_N_ELEMENTS(names) ? names[state] : "unknown";
}

static void read_parts(struct look *l, struct module *m)
{
	const struct offsets *o = &l->o;

	for (guint i = 0; i < o->parts; i++) {
		guint64 at = m->at + (guint64)i * o->part_size;
		guint32 size = 0;

		guest_u32(l->kernel->guest, at + o->size, &size);
		size = MIN(size, MAX_SIZE);
		if (!i) {
			m->text = u64_of(l, at + o->base);
			m->text_size = size;
		}
		m->size += size;
	}
}

/* The module at @at was found. Return: FALSE: enough of them. */
static gboolean add(struct look *l, guint64 at)
{
	guint i = GPOINTER_TO_UINT(g_hash_table_lookup(l->by_address, &at));
	struct module m = { .at = at, .found = l->found };
	guint32 state = 0;

	if (i) {
		g_array_index(l->out->all, struct module, i - 1).found |= l->found;
		return TRUE;
	}
	if (l->out->all->len == MAX_MODULES)
		return FALSE;
	m.name = guest_is_pointer(at) ? guest_string(l->kernel->guest, at + l->o.name, MODULE_NAME) : NULL;
	if (!m.name)
		return TRUE;
	guest_u32(l->kernel->guest, at + l->o.state, &state);
	m.state = state_of(state);
	read_parts(l, &m);
	g_array_append_val(l->out->all, m);
	g_hash_table_insert(l->by_address, g_memdup2(&at, sizeof(at)), GUINT_TO_POINTER(l->out->all->len));
	return TRUE;
}

/* ---- where they are ---- */

static gboolean add_listed(guint64 at, gpointer data)
{
	struct look *l = data;

	return add(l, at - l->o.list);
}

static gboolean find_listed(struct look *l, GError **error)
{
	g_autofree char *why = NULL;
	guint64 head;

	if (!kernel_symbol(l->kernel, "modules", &head, error))
		return FALSE;
	l->found = MODULE_IN_LIST;
	why = guest_list(l->kernel->guest, head, MAX_MODULES, add_listed, l);
	if (why)
		note(l, g_strdup_printf("the list of modules is %s", why));
	return TRUE;
}

/* What is built in has an object, too, but no module. */
static gboolean add_object(guint64 at, gpointer data)
{
	struct look *l = data;
	guint64 module = u64_of(l, at - l->o.entry - l->o.kobject + l->o.mod);

	return !module || add(l, module);
}

static gboolean find_objects(struct look *l, GError **error)
{
	g_autofree char *why = NULL;
	guint64 at;

	if (!kernel_symbol(l->kernel, "module_kset", &at, error))
		return FALSE;
	l->found = MODULE_IN_SYSFS;
	why = guest_list(l->kernel->guest, u64_of(l, at) + l->o.kset_list, MAX_MODULES, add_object, l);
	if (why)
		note(l, g_strdup_printf("the list of objects in /sys/module is %s", why));
	return TRUE;
}

/* The first of the two trees that are the same (a latch). */
static gboolean find_in_tree(struct look *l, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	g_autoptr(GArray) todo = g_array_new(FALSE, FALSE, sizeof(guint64));
	guint64 at;

	if (!kernel_symbol(l->kernel, "mod_tree", &at, error))
		return FALSE;
	l->found = MODULE_IN_TREE;
	at = u64_of(l, at + l->o.tree);
	g_array_append_val(todo, at);
	while (todo->len) {
		at = g_array_index(todo, guint64, todo->len - 1);
		g_array_set_size(todo, todo->len - 1);
		if (!guest_is_pointer(at))
			continue;
		if (g_hash_table_size(seen) == MAX_NODES ||
		    !g_hash_table_add(seen, g_memdup2(&at, sizeof(at)))) {
			note(l, g_strdup("the tree of modules' addresses is no tree"));
			break;
		}
		if (!add(l, u64_of(l, at - l->o.node + l->o.node_mod)))
			break;
		for (guint i = 0; i < 2; i++) {
			guint64 child = u64_of(l, at + (i ? l->o.left : l->o.right));

			g_array_append_val(todo, child);
		}
	}
	return TRUE;
}

/* ---- all ---- */

static void clear(gpointer data)
{
	struct module *m = data;

	g_free(m->name);
}

struct modules *modules_find(const struct kernel *kernel, GError **error)
{
	struct modules *out = g_new0(struct modules, 1);
	struct look l = { .kernel = kernel, .out = out };
	gboolean fine;

	out->all = g_array_new(FALSE, FALSE, sizeof(struct module));
	g_array_set_clear_func(out->all, clear);
	out->notes = g_ptr_array_new_with_free_func(g_free);
	l.by_address = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	fine = get_offsets(&l, error) && find_listed(&l, error) && find_objects(&l, error) &&
	       find_in_tree(&l, error);
	g_hash_table_unref(l.by_address);
	if (fine)
		return out;
	modules_free(out);
	return NULL;
}

void modules_free(struct modules *modules)
{
	if (!modules)
		return;
	g_array_unref(modules->all);
	g_ptr_array_unref(modules->notes);
	g_free(modules);
}

const struct module *modules_at(const struct modules *modules, guint64 address)
{
	for (guint i = 0; i < modules->all->len; i++) {
		const struct module *m = &g_array_index(modules->all, struct module, i);

		if (address >= m->text && address - m->text < m->text_size)
			return m;
	}
	return NULL;
}
