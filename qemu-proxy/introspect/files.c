// SPDX-License-Identifier: GPL-2.0
/* The open files of the processes of a Linux; see files.h. */
#include "files.h"

#include <string.h>

/* Descriptors of one process that are looked at, of all together, and what a path may have. */
#define MAX_FDS		65536
#define MAX_ALL		(1 << 20)
#define MAX_OPEN	65536
#define MAX_PARTS	64
#define MAX_MOUNTS	32
#define MAX_NAME	255
#define MAX_TYPE	32

struct offsets {
	guint32 files, fdt, max_fds, fd, dentry, mnt, inode, ino, sb, type, type_name;
	guint32 d_name, d_parent, d_pprev, m_mnt, m_parent, m_point;
};

struct look {
	const struct kernel *kernel;
	struct offsets o;
	GArray *out;
	guint looked;	/* at descriptors */
};

static gboolean get_offsets(struct look *l, GError **error)
{
	struct offsets *o = &l->o;
	const struct layout_want want[] = {
		{ "task_struct", "files", &o->files },
		{ "files_struct", "fdt", &o->fdt },
		{ "fdtable", "max_fds", &o->max_fds },
		{ "fdtable", "fd", &o->fd },
		{ "file", "f_path.dentry", &o->dentry },
		{ "file", "f_path.mnt", &o->mnt },
		{ "file", "f_inode", &o->inode },
		{ "inode", "i_ino", &o->ino },
		{ "inode", "i_sb", &o->sb },
		{ "super_block", "s_type", &o->type },
		{ "file_system_type", "name", &o->type_name },
		{ "dentry", "d_name.name", &o->d_name },
		{ "dentry", "d_parent", &o->d_parent },
		{ "dentry", "d_hash.pprev", &o->d_pprev },
		{ "mount", "mnt", &o->m_mnt },
		{ "mount", "mnt_parent", &o->m_parent },
		{ "mount", "mnt_mountpoint", &o->m_point },
	};

	return layout_get(l->kernel->layout, want, G_N_ELEMENTS(want), error);
}

static guint64 u64_of(struct look *l, guint64 at)
{
	guint64 v = 0;

	guest_u64(l->kernel->guest, at, &v);
	return v;
}

static char *name_of(struct look *l, guint64 dentry)
{
	char *name = guest_string(l->kernel->guest, u64_of(l, dentry + l->o.d_name), MAX_NAME);

	return name ? name : g_strdup("?");
}

/* From the file upwards, through the mounts that it is on. */
static char *path_of(struct look *l, guint64 file)
{
	const struct offsets *o = &l->o;
	guint64 dentry = u64_of(l, file + o->dentry), mount = u64_of(l, file + o->mnt) - o->m_mnt;
	gboolean deleted = !u64_of(l, dentry + o->d_pprev) && u64_of(l, dentry + o->d_parent) != dentry;
	GString *path = g_string_new(NULL);

	for (guint parts = 0, mounts = 0; parts < MAX_PARTS && mounts < MAX_MOUNTS;) {
		guint64 parent = u64_of(l, dentry + o->d_parent);

		if (parent && parent != dentry) {
			g_autofree char *name = name_of(l, dentry);

			g_string_prepend(path, name);
			g_string_prepend_c(path, '/');
			dentry = parent;
			parts++;
			continue;
		}
		parent = u64_of(l, mount + o->m_parent);
		if (!parent || parent == mount)
			break;
		dentry = u64_of(l, mount + o->m_point);
		mount = parent;
		mounts++;
	}
	if (!path->len)
		g_string_append_c(path, '/');
	if (deleted)
		g_string_append(path, " (deleted)");
	return g_string_free(path, FALSE);
}

/* What has no path is of a file system that is nowhere mounted. */
static char *describe(struct look *l, guint64 file)
{
	const struct offsets *o = &l->o;
	guint64 inode = u64_of(l, file + o->inode), ino = u64_of(l, inode + o->ino);
	guint64 type = u64_of(l, u64_of(l, inode + o->sb) + o->type);
	g_autofree char *of = guest_string(l->kernel->guest, u64_of(l, type + o->type_name), MAX_TYPE);

	if (!g_strcmp0(of, "pipefs"))
		return g_strdup_printf("pipe:[%" G_GUINT64_FORMAT "]", ino);
	if (!g_strcmp0(of, "sockfs"))
		return g_strdup_printf("socket:[%" G_GUINT64_FORMAT "]", ino);
	if (!g_strcmp0(of, "anon_inodefs")) {
		g_autofree char *name = name_of(l, u64_of(l, file + o->dentry));

		return g_strconcat("anon_inode:", name, NULL);
	}
	return path_of(l, file);
}

static void find_of(struct look *l, const struct process *process)
{
	const struct offsets *o = &l->o;
	guint64 files = u64_of(l, process->task + o->files), table = u64_of(l, files + o->fdt);
	guint64 array = u64_of(l, table + o->fd);
	guint32 max = 0;

	/* A thread of the kernel has none, nor has who is dead. */
	if (!files || !guest_u32(l->kernel->guest, table + o->max_fds, &max))
		return;
	max = MIN(max, MAX_FDS);
	for (guint32 fd = 0; fd < max && l->looked < MAX_ALL && l->out->len < MAX_OPEN; fd++) {
		guint64 file;

		l->looked++;
		if (!guest_u64(l->kernel->guest, array + fd * 8ull, &file))
			return;
		if (!guest_is_pointer(file))
			continue;
		g_array_set_size(l->out, l->out->len + 1);
		g_array_index(l->out, struct open_file, l->out->len - 1) = (struct open_file){
			.process = process, .fd = fd, .name = describe(l, file),
		};
	}
}

static void clear(gpointer data)
{
	struct open_file *open = data;

	g_free(open->name);
}

GArray *files_find(const struct kernel *kernel, const struct processes *processes, GError **error)
{
	struct look l = { .kernel = kernel };

	if (!get_offsets(&l, error))
		return NULL;
	l.out = g_array_new(FALSE, FALSE, sizeof(struct open_file));
	g_array_set_clear_func(l.out, clear);
	for (guint i = 0; i < processes->all->len; i++)
		find_of(&l, &g_array_index(processes->all, struct process, i));
	return l.out;
}
