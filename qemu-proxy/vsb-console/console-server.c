// SPDX-License-Identifier: GPL-2.0
/* Accepts connections and hands them on, keeps the hubs, asks vsbypassd for states. */
#include "console-server.h"
#include "console-chardev.h"
#include "console-control.h"
#include "console-log.h"
#include "console-peer.h"
#include "console-spawner.h"
#include "console-vnc.h"
#include "console-web.h"
#include "console-keys.h"
#include "error.h"
#include "names.h"
#include "ready.h"

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
#define REST_AFTER_S	60	/* nobody is attached: a proxy that may rest does */

struct hub_entry {
	struct vsb_hub *hub;
	struct vsb_chardev *chardev;
	guint seen;		/* server->seconds when the socket was there */
	bool rests;		/* its proxy waits for a client */
	guint busy;		/* server->seconds when somebody was attached, or it came */
	struct vsb_ports ports;	/* of the user VM of this name; nr is 0: not known */
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

static void on_hub_comes(struct vsb_hub *hub)
{
	struct vsb_server *server = hub->owner;

	server->stale = server->asking;
	vsb_server_ask_state(server);
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
	.comes = on_hub_comes,
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

/* For a person. */
static char *list_consoles(const struct vsb_ports *ports, const char *uservm)
{
	g_auto(GStrv) names = vsb_ports_consoles(ports, uservm);
	struct vsb_com_port coms[VSB_MAX_COMS];
	guint nr = vsb_ports_coms(ports, coms);
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < nr; i++)
		g_string_append_printf(text, "%s%s (COM%u)", i ? ", " : "", names[i],
				       coms[i].number);
	return g_string_free(text, FALSE);
}

/*
 * The first COM port's console has the user VM's name, and is found by that of the port, too.
 * Before vsbypassd has said which ports there are, each may be; see check_hubs().
 */
struct vsb_hub *vsb_server_console(struct vsb_server *server, const char *console, GError **error)
{
	g_autofree char *uservm = vsb_console_uservm(console), *list = NULL;
	struct hub_entry *entry = g_hash_table_lookup(server->hubs, uservm);
	const char *name = console;
	struct vsb_hub *hub;
	int n;

	if (entry && entry->ports.nr && strcmp(console, uservm)) {
		n = vsb_ports_find_console(&entry->ports, uservm, console);
		if (n < 0) {
			list = list_consoles(&entry->ports, uservm);
			g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
				    "'%s' claims no such COM port; its consoles: %s", uservm,
				    *list ? list : uservm);
			return NULL;
		}
		name = n ? console : uservm;
	}
	hub = vsb_server_hub(server, name);
	if (!hub)
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "too many user VMs have a console here");
	return hub;
}

static void connect_entry(struct vsb_server *server, struct hub_entry *entry)
{
	bool up = entry->hub->up;

	vsb_chardev_connect(entry->chardev);
	if (up || !entry->hub->up)
		return;
	entry->busy = server->seconds;
	/* How much is lost by then is known when there is something to read. */
	entry->hub->waits = entry->rests;
	vsb_chardev_update(entry->chardev);
	server->stale = server->asking;
	vsb_server_ask_state(server);
}

void vsb_server_connect(struct vsb_server *server, struct vsb_hub *hub)
{
	struct hub_entry *entry = g_hash_table_lookup(server->hubs, hub->name);

	if (entry)
		connect_entry(server, entry);
}

/* What of @files ends in @suffix, without that. */
static GHashTable *names_of(GPtrArray *files, const char *suffix)
{
	GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < files->len; i++) {
		const char *file = files->pdata[i];

		if (g_str_has_suffix(file, suffix))
			g_hash_table_add(names, g_strndup(file, strlen(file) - strlen(suffix)));
	}
	return names;
}

static GPtrArray *files_in(const char *path)
{
	GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *file;

	while (dir && (file = g_dir_read_name(dir)))
		g_ptr_array_add(files, g_strdup(file));
	return files;
}

/*
 * Finds the sockets in RUN/console, connects to those that are new or back. Where a file says
 * that the proxy rests that would start it: only for a client.
 */
static void scan(struct vsb_server *server)
{
	g_autofree char *path = g_build_filename(server->run_dir, "console", NULL);
	g_autoptr(GPtrArray) files = files_in(path);
	g_autoptr(GHashTable) sockets = names_of(files, ".sock"), rests = names_of(files, ".rest");
	struct hub_entry *entry;
	GHashTableIter iter;
	const char *name;

	g_hash_table_iter_init(&iter, sockets);
	while (g_hash_table_iter_next(&iter, (gpointer *)&name, NULL)) {
		if (!vsb_console_name_check(name, NULL) || !vsb_server_hub(server, name))
			continue;
		entry = g_hash_table_lookup(server->hubs, name);
		entry->seen = server->seconds;
		entry->rests = g_hash_table_contains(rests, name);
		if (!entry->rests || entry->hub->clients)
			connect_entry(server, entry);
	}
	g_hash_table_iter_init(&iter, server->hubs);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&entry)) {
		if (!entry->hub->clients && !entry->hub->up &&
		    server->seconds - entry->seen > HUB_KEEP_S)
			g_hash_table_iter_remove(&iter);
	}
}

/* @reply: to "status". A name may be another console's now: who is attached has to go. */
static void learn_ports(struct hub_entry *entry, JsonObject *reply)
{
	const char *spec = vsb_control_uservm_ports(reply, entry->hub->name);
	struct vsb_ports ports = { 0 };

	if (spec && !vsb_ports_parse(spec, &ports, NULL))
		ports.nr = 0;
	entry->ports = ports;
}

static void on_rest_done(JsonObject *reply, const char *error, gpointer data)
{
	g_autofree char *name = data;

	if (!reply)
		vsb_log("'%s': its proxy does not rest: %s", name, error);
}

/* How long has no console of this user VM had a client? */
static guint idle_s(struct vsb_server *server, const struct hub_entry *uservm)
{
	g_auto(GStrv) names = vsb_ports_consoles(&uservm->ports, uservm->hub->name);
	guint least = G_MAXUINT;

	for (char **name = names; *name; name++) {
		struct hub_entry *entry = g_hash_table_lookup(server->hubs, *name);

		if (entry && entry->hub->clients)
			entry->busy = server->seconds;
		if (entry)
			least = MIN(least, server->seconds - entry->busy);
	}
	return least;
}

/* A keyboard's registers are in the proxy, and who looks at a screen is not here. */
static void let_rest(struct vsb_server *server, struct hub_entry *entry)
{
	if (!entry->hub->up || !entry->hub->checked || !entry->ports.rests ||
	    vsb_ports_ps2(&entry->ports) || idle_s(server, entry) < REST_AFTER_S)
		return;
	/* Once more after as long if it does not. */
	entry->busy = server->seconds;
	vsb_control_call(server->control_path, "rest", entry->hub->name, NULL, on_rest_done,
			 g_strdup(entry->hub->name));
}

static void let_all_rest(struct vsb_server *server)
{
	struct hub_entry *entry;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, server->hubs);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&entry))
		let_rest(server, entry);
}

static void check_hubs(struct vsb_server *server)
{
	g_autoptr(GList) peers = g_hash_table_get_keys(server->peers);

	for (GList *l = peers; l; l = l->next)
		vsb_peer_check_hubs(l->data);
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
		g_autofree char *state = NULL, *uservm = vsb_console_uservm(entry->hub->name);
		gint64 generation = -1;

		if (reply) {
			state = vsb_control_uservm_state(reply, uservm);
			/* What was said before it came does not count. */
			if (!stale && !vsb_control_uservm_rests(reply, uservm))
				entry->hub->waits = false;
			if (!stale && !entry->hub->waits)
				generation = vsb_control_uservm_generation(reply, uservm);
		}
		if (reply && !stale)
			learn_ports(entry, reply);
		vsb_hub_set_state(entry->hub, state, generation);
		if (reply && !stale)
			vsb_hub_set_stops(entry->hub, vsb_control_uservm_stops(reply, uservm));
		if (reply && !stale)
			vsb_hub_set_lost(entry->hub, vsb_control_console_lost(reply, uservm,
									      entry->hub->name));
		vsb_hub_set_identity(entry->hub, vsb_identity_of(reply, uservm));
	}
	check_hubs(server);
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
	g_autoptr(GList) peers = g_hash_table_get_keys(server->peers);

	server->seconds++;
	ready_alive();
	scan(server);
	let_all_rest(server);
	for (GList *l = peers; l; l = l->next)
		vsb_peer_tick(l->data);
	vsb_sources_tick(server->sources);
	if (server->web)
		vsb_web_tidy(server->web, false);
	server->told_crowded &= server->strangers >= VSB_MAX_STRANGERS / 2;
	if (server->ask_again || any_unchecked(server) ||
	    (server->seconds % STATE_EVERY_S == 0 && anybody_attached(server)))
		vsb_server_ask_state(server);
	return G_SOURCE_CONTINUE;
}

/* Return: address and port, for the log. */
static char *peer_name(const struct sockaddr_storage *address)
{
	char text[VSB_SOURCE_LEN];
	char *slash;
	int port;

	vsb_source_name(address, text, sizeof(text));
	slash = strchr(text, '/');
	if (slash)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text,
			  sizeof(text));
	/* clang loses it in the cast. NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage) */
	port = ntohs(address->ss_family == AF_INET6 ?
		     ((const struct sockaddr_in6 *)address)->sin6_port :
		     ((const struct sockaddr_in *)address)->sin_port);
	return g_strdup_printf("%s port %d", text, port);
}

/*
 * A peer that vanished is noticed after two minutes, attached or not: by keepalives while
 * nothing is to be sent, by the time-out if it does not acknowledge what was.
 */
static void set_socket_options(int fd)
{
	const int on = 1, idle = 60, interval = 15, count = 4, timeout_ms = 120 * 1000;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void vsb_server_gone(struct vsb_server *server, struct vsb_source *source)
{
	source->strangers--;
	server->strangers--;
}

void vsb_server_known(struct vsb_server *server, struct vsb_source *source)
{
	vsb_server_gone(server, source);
	source->tokens = MIN(source->tokens + 1, VSB_SOURCE_BURST);
}

/* One of the strangers of @source has to go; by chance, as none of them is known better. */
static void drop_stranger(struct vsb_server *server, const struct vsb_source *source)
{
	guint nth = (guint)g_random_int_range(0, (gint32)source->strangers);
	struct vsb_peer *peer;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, server->peers);
	while (g_hash_table_iter_next(&iter, (gpointer *)&peer, NULL)) {
		if (vsb_peer_source(peer) == source && !nth--) {
			vsb_peer_free(peer);
			return;
		}
	}
}

/* Return: whether one more of @source may come. Each thing is logged once, not each time. */
static bool make_room(struct vsb_server *server, struct vsb_source *source)
{
	const struct vsb_source *most;

	if (source->tokens <= 0) {
		if (!source->told_fast)
			vsb_log("connections from %s come faster than %d in a second: some are refused",
				source->name, VSB_SOURCE_RATE);
		source->told_fast = true;
		return false;
	}
	source->tokens--;
	if (source->strangers >= VSB_MAX_STRANGERS_SOURCE) {
		if (!source->told_many)
			vsb_log("connections from %s: %d have not logged in, for each new one another is dropped",
				source->name, VSB_MAX_STRANGERS_SOURCE);
		source->told_many = true;
		drop_stranger(server, source);
	} else if (server->strangers >= VSB_MAX_STRANGERS) {
		most = vsb_sources_crowded(server->sources);
		if (!server->told_crowded)
			vsb_log("%d connections have not logged in: for each new one another is dropped, now one of %s",
				VSB_MAX_STRANGERS, most->name);
		server->told_crowded = true;
		drop_stranger(server, most);
	}
	return true;
}

/* Return: our end of the link to the process of this @kind that has connection @fd, or -1. */
static int hand_on(struct vsb_server *server, int fd, enum vsb_session_kind kind)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	if (!vsb_spawner_spawn(server->spawner, kind, fd, pair[1])) {
		close(pair[0]);
		pair[0] = -1;
	}
	close(pair[1]);
	return pair[0];
}

/* @from: for the log. */
static void start_peer(struct vsb_server *server, int fd, enum vsb_session_kind kind,
		       const char *from, struct vsb_source *source)
{
	int link = hand_on(server, fd, kind);

	if (link < 0) {
		vsb_log_of(source->name, "connection from %s refused: no process for it: %s", from,
			   g_strerror(errno));
		return;
	}
	source->strangers++;
	server->strangers++;
	vsb_peer_new(server, link, kind, from, source);
}

static gboolean on_connection(gint listen_fd, GIOCondition condition, gpointer data)
{
	struct vsb_server *server = data;
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	char name[VSB_SOURCE_LEN];
	struct vsb_source *source;
	g_autofree char *peer = NULL;
	int fd;

	fd = accept4(listen_fd, (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return G_SOURCE_CONTINUE;
	vsb_source_name(&address, name, sizeof(name));
	peer = peer_name(&address);
	source = vsb_sources_get(server->sources, name);
	if (make_room(server, source)) {
		set_socket_options(fd);
		start_peer(server, fd, VSB_SESSION_SSH, peer, source);
	}
	close(fd);
	return G_SOURCE_CONTINUE;
}

/*
 * Of the web gateway: one for each thing that a browser wants. They are one source, so what
 * goes wrong there costs nobody who comes by SSH.
 */
static gboolean on_web_connection(gint listen_fd, GIOCondition condition, gpointer data)
{
	struct vsb_server *server = data;
	struct vsb_source *source;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return G_SOURCE_CONTINUE;
	source = vsb_sources_get(server->sources, "the web page");
	if (make_room(server, source))
		start_peer(server, fd, VSB_SESSION_WEB, "the web page", source);
	close(fd);
	return G_SOURCE_CONTINUE;
}

static bool key_allows(gpointer data, const char *uservm, const char *key)
{
	struct vsb_server *server = data;
	g_autoptr(GError) error = NULL;

	return vsb_keys_allow_either(server->keys_dir, server->attached_keys_dir, uservm, key,
				     &error);
}

void vsb_server_start(struct vsb_server *server)
{
	server->hubs = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, hub_entry_free);
	server->peers = g_hash_table_new(NULL, NULL);
	server->channels = g_hash_table_new(g_int64_hash, g_int64_equal);
	server->sources = vsb_sources_new();
	server->vncs = g_hash_table_new(NULL, NULL);
	server->control_path = g_build_filename(server->run_dir, "control.sock", NULL);
	g_unix_fd_add(server->listen_fd, G_IO_IN, on_connection, server);
	if (server->web_fd >= 0) {
		server->web = vsb_web_new(server->web_url, key_allows, server, vsb_web_clock);
		g_unix_fd_add(server->web_fd, G_IO_IN, on_web_connection, server);
	}
	g_timeout_add_seconds(1, on_tick, server);
	scan(server);
}

void vsb_server_recheck(struct vsb_server *server)
{
	g_autoptr(GList) peers = g_hash_table_get_keys(server->peers);

	if (server->web)
		vsb_web_tidy(server->web, true);
	for (GList *l = peers; l; l = l->next)
		vsb_peer_recheck(l->data);
}

void vsb_server_web_logout(struct vsb_server *server, const char *id)
{
	g_autoptr(GList) peers = g_hash_table_get_keys(server->peers);

	vsb_web_logout(server->web, id);
	for (GList *l = peers; l; l = l->next)
		vsb_peer_check_web(l->data);
}

static gboolean on_patience_end(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_REMOVE;
}

/* Terminals are set back, and persons told why; not longer than a second. */
static void say_goodbye(struct vsb_server *server)
{
	bool over = false, any = true;
	guint timer = g_timeout_add(1000, on_patience_end, &over);

	while (any && !over) {
		g_autoptr(GList) peers = g_hash_table_get_keys(server->peers);

		any = false;
		for (GList *l = peers; l; l = l->next)
			any |= vsb_peer_expel(l->data, "it is stopping");
		if (any)
			g_main_context_iteration(NULL, TRUE);
	}
	if (!over)
		g_source_remove(timer);
}

void vsb_server_stop(struct vsb_server *server)
{
	g_autoptr(GList) peers = NULL;

	say_goodbye(server);
	peers = g_hash_table_get_keys(server->peers);
	for (GList *l = peers; l; l = l->next)
		vsb_peer_free(l->data);
	g_clear_pointer(&server->peers, g_hash_table_unref);
	g_clear_pointer(&server->channels, g_hash_table_unref);
	g_clear_pointer(&server->sources, g_hash_table_unref);
	g_clear_pointer(&server->vncs, g_hash_table_unref);
	g_clear_pointer(&server->web, vsb_web_free);
	g_clear_pointer(&server->hubs, g_hash_table_unref);
	g_clear_pointer(&server->control_path, g_free);
}
