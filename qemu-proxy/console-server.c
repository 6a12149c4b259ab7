// SPDX-License-Identifier: GPL-2.0
/* Accepts connections, keeps the hubs, asks vsbypassd for states. */
#include "console-server.h"
#include "console-chardev.h"
#include "console-control.h"
#include "console-log.h"
#include "names.h"
#include "console-session.h"
#include "console-vnc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A hub with no socket and no client is kept this long: long enough for a proxy
 * that restarts, too short for the name to have gone to somebody else who would
 * then read the backlog.
 */
#define HUB_KEEP_S	60
#define STATE_EVERY_S	3	/* while somebody is attached */

struct hub_entry {
	struct vsb_hub *hub;
	struct vsb_chardev *chardev;
	guint seen;		/* server->seconds when the socket was there */
};

static void on_hub_update(struct vsb_hub *hub)
{
	struct vsb_server *server = hub->owner;
	struct hub_entry *entry = g_hash_table_lookup(server->hubs, hub->name);

	if (entry)
		vsb_chardev_update(entry->chardev);
}

/* What client @id of user VM @name wants to have sent: @what. */
struct send_request {
	struct vsb_server *server;
	char *name;
	guint64 id;
	const char *what;
};

static void on_send_done(JsonObject *reply, const char *error, gpointer data)
{
	struct send_request *request = data;
	struct hub_entry *entry = g_hash_table_lookup(request->server->hubs, request->name);
	g_autofree char *text = reply ? g_strdup_printf("%s sent", request->what) :
				g_strdup_printf("no %s sent: %s", request->what, error);

	if (entry)
		vsb_hub_notice_to(entry->hub, request->id, text);
	vsb_log("'%s': %s", request->name, text);
	g_free(request->name);
	g_free(request);
}

static struct send_request *send_request_new(struct vsb_hub *hub, guint64 id, const char *what)
{
	struct send_request *request = g_new0(struct send_request, 1);

	request->server = hub->owner;
	request->name = g_strdup(hub->name);
	request->id = id;
	request->what = what;
	return request;
}

static void on_hub_break(struct vsb_hub *hub, guint64 id)
{
	struct vsb_server *server = hub->owner;

	vsb_control_call(server->control_path, "send-break", hub->name, NULL, on_send_done,
			 send_request_new(hub, id, "break"));
}

static void on_hub_sysrq(struct vsb_hub *hub, guint64 id, char key)
{
	g_autofree char *keys = g_strdup_printf("alt-sysrq-%c", key);
	struct vsb_server *server = hub->owner;

	vsb_control_call(server->control_path, "send-key", hub->name, keys, on_send_done,
			 send_request_new(hub, id, "SysRq"));
}

static void on_hub_identity(struct vsb_hub *hub)
{
	struct vsb_server *server = hub->owner;

	/* What the user VM sends must not make us ask more often. */
	if (!server->asking && server->asked != server->seconds)
		vsb_server_ask_state(server);
	else
		server->ask_again = true;
}

static const struct vsb_hub_ops hub_ops = {
	.update = on_hub_update,
	.send_break = on_hub_break,
	.send_sysrq = on_hub_sysrq,
	.ask_identity = on_hub_identity,
};

static void hub_entry_free(gpointer data)
{
	struct hub_entry *entry = data;

	vsb_chardev_free(entry->chardev);
	vsb_hub_free(entry->hub);
	g_free(entry);
}

/* Return: the hub of user VM @name (checked by the caller), or NULL: too many. */
struct vsb_hub *vsb_server_hub(struct vsb_server *server, const char *name)
{
	struct hub_entry *entry = g_hash_table_lookup(server->hubs, name);
	g_autofree char *path = NULL;

	if (entry)
		return entry->hub;
	if (g_hash_table_size(server->hubs) >= VSB_MAX_HUBS)
		return NULL;
	path = g_strdup_printf("%s/console/%s.sock", server->run_dir, name);
	entry = g_new0(struct hub_entry, 1);
	entry->hub = vsb_hub_new(name, &hub_ops, server);
	entry->chardev = vsb_chardev_new(path, entry->hub);
	entry->seen = server->seconds;
	g_hash_table_insert(server->hubs, entry->hub->name, entry);
	return entry->hub;
}

/* Finds the sockets in RUN/console, connects to those that are new or back. */
static void scan(struct vsb_server *server)
{
	g_autofree char *dir_path = g_build_filename(server->run_dir, "console", NULL);
	g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
	struct hub_entry *entry;
	GHashTableIter iter;
	const char *file;
	bool up;

	while (dir && (file = g_dir_read_name(dir))) {
		g_autofree char *name = NULL;

		if (!g_str_has_suffix(file, ".sock"))
			continue;
		name = g_strndup(file, strlen(file) - strlen(".sock"));
		if (!vsb_name_valid(name) || !vsb_server_hub(server, name))
			continue;
		entry = g_hash_table_lookup(server->hubs, name);
		entry->seen = server->seconds;
		up = entry->hub->up;
		vsb_chardev_connect(entry->chardev);
		if (!up && entry->hub->up) {
			server->stale = server->asking;
			vsb_server_ask_state(server);
		}
	}
	g_hash_table_iter_init(&iter, server->hubs);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&entry)) {
		if (!entry->hub->clients && !entry->hub->up &&
		    server->seconds - entry->seen > HUB_KEEP_S)
			g_hash_table_iter_remove(&iter);
	}
}

static void on_state(JsonObject *reply, const char *error, gpointer data)
{
	struct vsb_server *server = data;
	bool stale = server->stale;
	struct hub_entry *entry;
	GHashTableIter iter;

	server->asking = false;
	server->stale = false;
	g_hash_table_iter_init(&iter, server->hubs);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&entry)) {
		g_autofree char *state = NULL;
		gint64 generation = -1;

		if (reply) {
			state = vsb_control_uservm_state(reply, entry->hub->name);
			/* What was said before it came does not count. */
			if (!stale)
				generation = vsb_control_uservm_generation(reply,
									   entry->hub->name);
		}
		vsb_hub_set_state(entry->hub, state, generation);
		vsb_hub_set_identity(entry->hub, vsb_identity_of(reply, entry->hub->name));
	}
	if (reply)
		vsb_vnc_check_all(server, reply);
	if (stale)
		vsb_server_ask_state(server);
}

/* Asks what is bound; the hubs tell their clients when it changes. */
void vsb_server_ask_state(struct vsb_server *server)
{
	if (server->asking)
		return;
	server->asking = true;
	server->asked = server->seconds;
	server->ask_again = false;
	vsb_control_call(server->control_path, "status", NULL, NULL, on_state, server);
}

/* Is there a character device of which it is not known whose it is? */
static gboolean any_unchecked(struct vsb_server *server)
{
	struct hub_entry *entry;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, server->hubs);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&entry)) {
		if (entry->hub->up && !entry->hub->checked)
			return TRUE;
	}
	return FALSE;
}

static gboolean anybody_attached(struct vsb_server *server)
{
	struct hub_entry *entry;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, server->hubs);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&entry)) {
		if (entry->hub->clients)
			return TRUE;
	}
	return g_hash_table_size(server->vncs) != 0;
}

static gboolean on_tick(gpointer data)
{
	struct vsb_server *server = data;
	g_autoptr(GList) sessions = g_hash_table_get_keys(server->sessions);

	server->seconds++;
	scan(server);
	for (GList *l = sessions; l; l = l->next)
		vsb_session_tick(l->data);
	if (server->ask_again || any_unchecked(server) ||
	    (server->seconds % STATE_EVERY_S == 0 && anybody_attached(server)))
		vsb_server_ask_state(server);
	return G_SOURCE_CONTINUE;
}

static char *peer_name(int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	char text[INET6_ADDRSTRLEN] = "?";
	int port = 0;

	if (getpeername(fd, (struct sockaddr *)&address, &len) == 0) {
		if (address.ss_family == AF_INET) {
			struct sockaddr_in *in = (struct sockaddr_in *)&address;

			inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
			port = ntohs(in->sin_port);
		} else if (address.ss_family == AF_INET6) {
			struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;

			/* An IPv4 peer on a socket that serves both. */
			if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
				inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text, sizeof(text));
			else
				inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
			port = ntohs(in6->sin6_port);
		}
	}
	return g_strdup_printf("%s port %d", text, port);
}

/* A peer that vanished is noticed after two minutes, attached or not. */
static void set_socket_options(int fd)
{
	const int on = 1, idle = 60, interval = 15, count = 4;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/*
 * Makes room for one more peer that has not logged in: the oldest one goes.
 * Sixteen idle connections of a stranger must not lock the owners out, least
 * of all here, where they come when all else is down.
 */
static void drop_oldest_stranger(struct vsb_server *server)
{
	struct vsb_session *oldest = NULL, *session;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, server->sessions);
	while (g_hash_table_iter_next(&iter, (gpointer *)&session, NULL)) {
		if (vsb_session_is_stranger(session) &&
		    (!oldest || vsb_session_id(session) < vsb_session_id(oldest)))
			oldest = session;
	}
	if (oldest)
		vsb_session_free(oldest);
}

static gboolean on_connection(gint listen_fd, GIOCondition condition, gpointer data)
{
	struct vsb_server *server = data;
	g_autofree char *peer = NULL;
	bool crowded, full;
	int fd;

	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return G_SOURCE_CONTINUE;
	peer = peer_name(fd);
	crowded = server->unauthenticated >= VSB_MAX_UNAUTHENTICATED;
	if (crowded)
		drop_oldest_stranger(server);
	full = g_hash_table_size(server->sessions) >= VSB_MAX_SESSIONS;
	/* One line for a flood, not one for each. */
	if (full && !server->told_full)
		vsb_log("connection from %s refused: %d are open, the most there may be",
			peer, VSB_MAX_SESSIONS);
	else if (crowded && !server->told_crowded)
		vsb_log("connection from %s: %d others have not logged in, the oldest is dropped",
			peer, VSB_MAX_UNAUTHENTICATED);
	server->told_full = full;
	server->told_crowded = crowded;
	if (full) {
		close(fd);
		return G_SOURCE_CONTINUE;
	}
	set_socket_options(fd);
	vsb_session_new(server, fd, peer);
	return G_SOURCE_CONTINUE;
}

void vsb_server_start(struct vsb_server *server)
{
	server->hubs = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, hub_entry_free);
	server->sessions = g_hash_table_new(NULL, NULL);
	server->vncs = g_hash_table_new(NULL, NULL);
	server->control_path = g_build_filename(server->run_dir, "control.sock", NULL);
	g_unix_fd_add(server->listen_fd, G_IO_IN, on_connection, server);
	g_timeout_add_seconds(1, on_tick, server);
	scan(server);
}

void vsb_server_recheck(struct vsb_server *server)
{
	g_autoptr(GList) sessions = g_hash_table_get_keys(server->sessions);

	for (GList *l = sessions; l; l = l->next)
		vsb_session_recheck(l->data);
}

void vsb_server_stop(struct vsb_server *server)
{
	g_autoptr(GList) sessions = g_hash_table_get_keys(server->sessions);

	for (GList *l = sessions; l; l = l->next)
		vsb_session_free(l->data);
	g_clear_pointer(&server->sessions, g_hash_table_unref);
	g_clear_pointer(&server->vncs, g_hash_table_unref);
	g_clear_pointer(&server->hubs, g_hash_table_unref);
	g_clear_pointer(&server->control_path, g_free);
}
