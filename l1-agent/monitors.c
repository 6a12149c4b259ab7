// SPDX-License-Identifier: GPL-2.0
/*
 * Looks every second which sockets match the globs, and keeps a connection to
 * each that is a monitor of QEMU.
 */
#include <errno.h>
#include <glob.h>

#include "monitors.h"

#define RESCAN_SECONDS	1
#define RETRY_USEC	(10 * G_USEC_PER_SEC)	/* for what is no monitor */
#define MONITORS_MAX	4096

/**
 * struct place - one socket
 * @owner:	the set it is in
 * @m:		the connection, or NULL
 * @was_ready:	it has answered as a monitor since it was connected
 * @warned:	the log has its present trouble already
 * @retry_at:	monotonic time before which it is left alone
 */
struct place {
	struct monitors *owner;
	struct monitor *m;
	gboolean was_ready;
	gboolean warned;
	gint64 retry_at;
};

struct monitors {
	char **globs;
	GHashTable *places;	/* path -> struct place */
	guint scan_id;
	const struct monitors_ops *ops;
	void *user;
};

static void place_ready(struct monitor *m, void *user)
{
	struct place *p = user;

	p->was_ready = TRUE;
	p->warned = FALSE;
	g_message("monitor %s: connected, QEMU is process %ld", monitor_path(m),
		  (long)monitor_pid(m));
	p->owner->ops->ready(m, p->owner->user);
}

static void place_gone(struct monitor *m, const char *why, void *user)
{
	struct place *p = user;

	if (p->was_ready) {
		g_message("monitor %s: lost: %s", monitor_path(m), why);
		p->retry_at = 0;
	} else {
		if (!p->warned)
			g_warning("monitor %s: %s; --monitor must match sockets of -monitor or -qmp alone, tried again",
				  monitor_path(m), why);
		p->warned = TRUE;
		p->retry_at = g_get_monotonic_time() + RETRY_USEC;
	}
	p->was_ready = FALSE;
	p->owner->ops->gone(m, p->owner->user);
	monitor_free(m);
	p->m = NULL;
}

static const struct monitor_ops place_ops = {
	.ready = place_ready,
	.gone = place_gone,
};

static void place_free(gpointer v)
{
	struct place *p = v;

	if (p->m)
		monitor_free(p->m);
	g_free(p);
}

static void try_path(struct monitors *ms, const char *path)
{
	struct place *p = g_hash_table_lookup(ms->places, path);
	int err = 0;

	if (!p) {
		if (g_hash_table_size(ms->places) >= MONITORS_MAX)
			return;
		p = g_new0(struct place, 1);
		p->owner = ms;
		g_hash_table_insert(ms->places, g_strdup(path), p);
	}
	if (p->m || g_get_monotonic_time() < p->retry_at)
		return;
	p->m = monitor_connect(path, &place_ops, p, &err);
	if (!p->m && !p->warned) {
		p->warned = TRUE;
		g_warning("monitor %s: cannot connect: %s%s; tried again", path, g_strerror(-err),
			  err == -EAGAIN ? " (another client holds it, give the agent one of its own)" : "");
	}
}

/* Sockets that are neither there nor connected are forgotten. */
static gboolean is_stale(gpointer path, gpointer v, gpointer data)
{
	struct place *p = v;

	(void)data;
	return !p->m && !g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean rescan(gpointer v)
{
	struct monitors *ms = v;

	g_hash_table_foreach_remove(ms->places, is_stale, NULL);
	for (char **pattern = ms->globs; *pattern; pattern++) {
		glob_t g = { 0 };

		if (!glob(*pattern, 0, NULL, &g))
			for (size_t i = 0; i < g.gl_pathc; i++)
				try_path(ms, g.gl_pathv[i]);
		globfree(&g);
	}
	return G_SOURCE_CONTINUE;
}

/* Call it from a main loop that runs: callbacks come from there alone. */
struct monitors *monitors_new(const char *const *globs, const struct monitors_ops *ops,
			      void *user)
{
	struct monitors *ms = g_new0(struct monitors, 1);

	ms->globs = g_strdupv((char **)globs);
	ms->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, place_free);
	ms->ops = ops;
	ms->user = user;
	ms->scan_id = g_timeout_add_seconds(RESCAN_SECONDS, rescan, ms);
	rescan(ms);
	return ms;
}

void monitors_free(struct monitors *ms)
{
	g_source_remove(ms->scan_id);
	g_hash_table_destroy(ms->places);
	g_strfreev(ms->globs);
	g_free(ms);
}

void monitors_foreach_ready(struct monitors *ms, void (*fn)(struct monitor *m, void *data),
			    void *data)
{
	GHashTableIter it;
	gpointer v;

	g_hash_table_iter_init(&it, ms->places);
	while (g_hash_table_iter_next(&it, NULL, &v)) {
		struct place *p = v;

		if (p->m && monitor_ready(p->m))
			fn(p->m, data);
	}
}
