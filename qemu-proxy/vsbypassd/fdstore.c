// SPDX-License-Identifier: GPL-2.0
/* The service manager's store of descriptors. */
#include "fdstore.h"

#include <stdlib.h>
#include <unistd.h>
#include <systemd/sd-daemon.h>

gboolean fdstore_keep(const char *name, int fd)
{
	g_autofree char *state = g_strdup_printf("FDSTORE=1\nFDNAME=%s", name);

	return sd_pid_notify_with_fds(0, 0, state, &fd, 1) > 0;
}

void fdstore_forget(const char *name)
{
	g_autofree char *state = g_strdup_printf("FDSTOREREMOVE=1\nFDNAME=%s", name);

	sd_notify(0, state);
}

static void close_fd(gpointer fd)
{
	close(GPOINTER_TO_INT(fd));
}

/* Those that we got and nobody has taken, by name. */
static GHashTable *kept(void)
{
	static GHashTable *table;
	char **names = NULL;
	int n;

	if (table)
		return table;
	table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_fd);
	n = sd_listen_fds_with_names(1, &names);
	for (int i = 0; i < n; i++) {
		/* Of two with the same name the first one's owner is gone. */
		g_hash_table_insert(table, g_strdup(names[i]),
				    GINT_TO_POINTER(SD_LISTEN_FDS_START + i));
		free(names[i]);
	}
	free(names);
	return table;
}

int fdstore_take(const char *name)
{
	gpointer own_name, fd;

	if (!g_hash_table_steal_extended(kept(), name, &own_name, &fd))
		return -1;
	g_free(own_name);
	return GPOINTER_TO_INT(fd);
}

void fdstore_close_rest(void)
{
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, kept());
	while (g_hash_table_iter_next(&iter, &name, NULL)) {
		fdstore_forget(name);
		g_hash_table_iter_remove(&iter);
	}
}
