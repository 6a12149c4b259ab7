// SPDX-License-Identifier: GPL-2.0
/*
 * A proxy that has no process before somebody needs one ("start=client").
 *
 *   IDLE -> WAITING -> RESTING -> STARTING -> REGISTERED -> READY
 *
 * In the module it has its name, its ports and its user VM from WAITING on, and devices that
 * the module answers answer. Its consoles' sockets listen here; who connects waits in the
 * backlog for the QEMU, which then gets them. That has accepted him before it is told to run
 * ("cont"): both sockets were readable when its main loop began. So no byte that was kept goes
 * out before somebody takes it.
 *
 * Beside each socket is a file which says that only who has a client is to connect
 * (vsb-console). If the user VM needs the process it goes, vsb-console connects, and then, or
 * after WANTED_MS, the process is started.
 */
#include "proxy-object.h"

#include <glib-unix.h>

#include "consoles.h"
#include "error.h"

#define WANTED_MS	1500	/* vsb-console looks each second */

gboolean proxy_may_rest(const struct proxy *proxy)
{
	return proxy->ports.rests && !consoles_logged(proxy->consoles);
}

void proxy_rest_end(struct proxy *proxy)
{
	for (guint i = 0; i < VSB_MAX_COMS; i++)
		g_clear_handle_id(&proxy->wake_ids[i], g_source_remove);
	g_clear_handle_id(&proxy->wanted_id, g_source_remove);
	g_clear_handle_id(&proxy->begin_id, g_source_remove);
	proxy->wakes = FALSE;
}

static void wake(struct proxy *proxy)
{
	proxy_rest_end(proxy);
	consoles_rest(proxy->consoles, FALSE, NULL);
	proxy->wakes = TRUE;
	proxy_spawn(proxy);
}

static gboolean on_client(int fd, GIOCondition condition, gpointer data)
{
	struct proxy *proxy = data;

	g_message("proxy '%s': a client is there; starting its QEMU", proxy->name);
	wake(proxy);
	return G_SOURCE_REMOVE;
}

static gboolean on_wanted(gpointer data)
{
	struct proxy *proxy = data;

	wake(proxy);
	return G_SOURCE_REMOVE;
}

void proxy_wanted(struct proxy *proxy)
{
	if (proxy->state != RESTING || proxy->wanted_id)
		return;
	g_message("proxy '%s': its user VM needs it; starting its QEMU", proxy->name);
	consoles_rest(proxy->consoles, FALSE, NULL);
	proxy->wanted_id = g_timeout_add(WANTED_MS, on_wanted, proxy);
}

gboolean proxy_open(struct proxy *proxy, GError **error)
{
	return (!proxy_may_rest(proxy) || consoles_rest(proxy->consoles, TRUE, error)) &&
	       proxy_listen(proxy, error);
}

static gboolean on_begin(gpointer data)
{
	struct proxy *proxy = data;
	g_autoptr(GError) error = NULL;

	proxy->begin_id = 0;
	backoff_began(&proxy->backoff, g_get_monotonic_time());
	if (!proxy_open(proxy, &error)) {
		proxy_died(proxy, error->message);
		return G_SOURCE_REMOVE;
	}
	proxy->state = WAITING;
	proxy->ops->waiting(proxy, proxy->data);
	return G_SOURCE_REMOVE;
}

void proxy_rest_begin(struct proxy *proxy)
{
	proxy_rest_end(proxy);
	proxy->begin_id = g_idle_add(on_begin, proxy);
}

void proxy_rests(struct proxy *proxy)
{
	proxy->state = RESTING;
	consoles_watch(proxy->consoles, proxy->wake_ids, on_client, proxy);
	proxy->ops->ready(proxy, proxy->data);
	proxy->ops->changed(proxy, proxy->data);
}

gboolean proxy_is_resting(const struct proxy *proxy)
{
	return proxy->state == RESTING || proxy->wakes;
}

gboolean proxy_rest(struct proxy *proxy, GError **error)
{
	gint64 reveal_end = proxy->reveal_end;

	if (proxy->state == RESTING)
		return TRUE;
	if (!proxy_may_rest(proxy) || proxy_is_domain(proxy) || vsb_ports_ps2(&proxy->ports)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "the proxy of user VM '%s' runs all the time: it is attached without "
			    "'start=client', has a keyboard or a console log, or is a domain", proxy->name);
		return FALSE;
	}
	if (proxy->state != READY) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "the proxy of user VM '%s' is being started; try again", proxy->name);
		return FALSE;
	}
	/* Before the connection breaks: who has no client is not to come again. */
	if (!consoles_rest(proxy->consoles, TRUE, error))
		return FALSE;
	g_message("proxy '%s': nobody is attached; it rests", proxy->name);
	proxy_kill(proxy);
	proxy_wait_process(proxy);
	proxy_forget_process(proxy);
	/* It keeps its user VM, and what that one's owner has said. */
	proxy->reveal_end = reveal_end;
	proxy->ops->died(proxy, "it rests", proxy->data);
	proxy_rest_begin(proxy);
	return TRUE;
}

void proxy_recall(struct proxy *proxy, const struct proxy_life *life)
{
	proxy->life = *life;
}
