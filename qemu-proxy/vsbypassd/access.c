// SPDX-License-Identifier: GPL-2.0
/* Who may attach to a console, as said with "attach". */
#include "access.h"

#include <sys/stat.h>
#include <glib/gstdio.h>

gboolean access_set(const char *dir, const char *name, char **keys, GError **error)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *lines = NULL, *text = NULL;

	if (!keys) {
		g_unlink(path);
		return TRUE;
	}
	lines = g_strjoinv("\n", keys);
	text = g_strconcat(lines, "\n", NULL);
	if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, error))
		return FALSE;
	/* Whatever the umask: they are public, and the user of vsb-console reads them. */
	return !g_chmod(path, 0644);
}

void access_sweep(const char *dir_path, gboolean (*used)(const char *name, gpointer data),
		  gpointer data)
{
	g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (!used(name, data))
			access_set(dir_path, name, NULL, NULL);
}
