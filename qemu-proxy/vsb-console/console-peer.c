// SPDX-License-Identifier: GPL-2.0
/* One SSH connection, on the server's side of the link. */
#include "console-peer.h"
#include "console-channel.h"
#include "console-keys.h"
#include "console-log.h"
#include "console-web.h"
#include "names.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_REFUSED	12	/* keys that a client may offer in vain */
#define MAX_IDLE	4	/* peers of a user VM that only wait, e.g. ssh -N -L */
#define MAX_TOLD	8	/* refusals of a peer that are logged */
#define HANG_UP_S	2
#define PING_S		5	/* how often the process is asked whether it lives */
#define SILENT_S	60	/* it does not; an emulated host is slow */

/**
 * struct vsb_peer - see console-peer.h
 * @owner:	what its channels know of it; owner.console is NULL before the login
 * @source:	whose it is, until the login
 * @kind:	what its process may say
 * @web_session: of the web page, that it has used, or NULL
 * @web_asked:	it has asked for something, which it does once
 * @from:	name of its source; lines of the log are counted by it
 * @pidfd:	of the process, or -1
 * @key:	the one that was proved, in base64
 * @refused:	keys
 * @told:	refusals that were logged
 * @answered:	server->seconds of the last sign of life
 * @idle_since:	server->seconds since it has no channel
 * @work:	vsb_channel_run() is due
 * @verdict:	a timer: the answer to a key is held back so long
 * @dead:	free at the next tick
 * @expelled_s:	server->seconds when it had to go, e.g. as its key is not listed any more; or 0
 */
struct vsb_peer {
	struct vsb_channel_owner owner;
	struct vsb_server *server;
	struct vsb_link link;
	struct vsb_source *source;
	guint64 id;
	enum vsb_session_kind kind;
	char *web_session;
	bool web_asked;
	char *name;
	char *from;
	int pidfd;
	char *console;
	char *uservm;
	char *key;
	char *who;
	guint refused;
	guint told;
	guint answered;
	guint idle_since;
	guint work;
	guint verdict;
	bool yes;
	char *answer;
	bool dead;
	guint expelled_s;
	struct vsb_channel *channels[VSB_CHANNELS];
	guint nr_channels;
};

static guint64 last_id;

bool vsb_peer_is_stranger(const struct vsb_peer *peer)
{
	return !peer->console;
}

const struct vsb_source *vsb_peer_source(const struct vsb_peer *peer)
{
	return peer->source;
}

static struct vsb_peer *peer_of(struct vsb_link *link)
{
	return (struct vsb_peer *)((char *)link - G_STRUCT_OFFSET(struct vsb_peer, link));
}

/* It breaks a rule: no more is heard of it. */
static void ends(struct vsb_peer *peer, const char *why)
{
	if (peer->dead)
		return;
	peer->dead = true;
	vsb_link_pause(&peer->link, true);
	if (why)
		vsb_log_of(peer->from, "connection from %s ended: %s", peer->name, why);
}

static gboolean on_work(gpointer data)
{
	struct vsb_peer *peer = data;

	peer->work = 0;
	for (guint i = 0; i < VSB_CHANNELS && !peer->dead; i++) {
		if (peer->channels[i])
			vsb_channel_run(peer->channels[i]);
	}
	return G_SOURCE_REMOVE;
}

static void on_wake(struct vsb_channel_owner *owner)
{
	struct vsb_peer *peer = (struct vsb_peer *)((char *)owner -
						    G_STRUCT_OFFSET(struct vsb_peer, owner));

	if (!peer->work)
		peer->work = g_idle_add_full(G_PRIORITY_DEFAULT, on_work, peer, NULL);
}

/* Who gets in */

static gboolean on_verdict(gpointer data)
{
	struct vsb_peer *peer = data;

	peer->verdict = 0;
	vsb_link_text(&peer->link, VSB_WIRE_VERDICT, 0, peer->yes, peer->answer);
	g_clear_pointer(&peer->answer, g_free);
	return G_SOURCE_REMOVE;
}

static void answer(struct vsb_peer *peer, bool yes, const char *text, gint64 taken_us)
{
	peer->yes = yes;
	peer->answer = g_strdup(text);
	/* The same time for all, see console-keys.h. */
	peer->verdict = g_timeout_add((guint)(vsb_keys_wait_us(taken_us) / 1000), on_verdict,
				      peer);
}

static void refuse(struct vsb_peer *peer, const char *name, const char *key, const char *reason,
		   gint64 taken_us)
{
	g_autofree char *fingerprint = vsb_key_fingerprint(key);

	if (peer->told++ < MAX_REFUSED)
		vsb_log_of(peer->from, "refused: %s as '%.64s' from %s: %s", fingerprint, name, peer->name, reason);
	answer(peer, false, NULL, taken_us);
}

/* What limits there are for who has proved his key. Return: why not, or NULL. */
static char *over_limit(struct vsb_peer *peer, const char *uservm, const char *key)
{
	guint of_uservm = 0, of_key = 0, all = 0;
	struct vsb_peer *other;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, peer->server->peers);
	while (g_hash_table_iter_next(&iter, (gpointer *)&other, NULL)) {
		if (!other->console)
			continue;
		all++;
		of_uservm += !strcmp(other->uservm, uservm);
		of_key += !strcmp(other->key, key);
	}
	return vsb_limit_login(of_uservm, of_key, all);
}

static void log_in(struct vsb_peer *peer, const char *console, char *uservm, const char *key)
{
	g_autofree char *fingerprint = vsb_key_fingerprint(key);

	peer->console = g_strdup(console);
	peer->uservm = uservm;
	peer->key = g_strdup(key);
	peer->who = g_strdup_printf("%s from %s", fingerprint, peer->name);
	peer->owner.console = peer->console;
	peer->owner.uservm = peer->uservm;
	peer->owner.who = peer->who;
	peer->owner.key = peer->key;
	peer->idle_since = peer->server->seconds;
	/* What a source may begin, it gets back. */
	vsb_server_known(peer->server, peer->source);
	peer->source = NULL;
	vsb_log_of(peer->uservm, "accepted: %s as '%s'", peer->who, peer->console);
}

/* VSB_WIRE_KEY: name NUL key. */
static void on_key(struct vsb_peer *peer, const struct vsb_wire *wire, gsize len)
{
	const char *name = (const char *)wire->data, *key;
	gint64 begin = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;
	g_autofree char *limit = NULL;
	char *uservm;

	key = memchr(name, '\0', len);
	if (!key || strlen(key + 1) != len - (gsize)(key + 1 - name)) {
		ends(peer, "its process offers what is no key");
		return;
	}
	key++;
	uservm = vsb_console_uservm(name);
	if (!vsb_keys_allow_either(peer->server->keys_dir, peer->server->attached_keys_dir,
				   uservm, key, &error)) {
		refuse(peer, name, key, error->message, g_get_monotonic_time() - begin);
		g_free(uservm);
		if (++peer->refused >= MAX_REFUSED)
			ends(peer, "too many keys refused");
		return;
	}
	if (wire->number != 1) {
		answer(peer, true, NULL, g_get_monotonic_time() - begin);
		g_free(uservm);
		return;
	}
	limit = over_limit(peer, uservm, key);
	if (limit) {
		vsb_log_of(peer->from, "refused: '%s' from %s: %s", name, peer->name, limit);
		answer(peer, false, limit, 0);
		g_free(uservm);
		return;
	}
	log_in(peer, name, uservm, key);
	answer(peer, true, NULL, 0);
}

/* The web page */

/* Return: (transfer full): an address as the gateway has said it: it goes into the log. */
static char *address_of(const char *text)
{
	bool good = *text && strlen(text) < INET6_ADDRSTRLEN &&
		    strspn(text, "0123456789abcdefABCDEF.:") == strlen(text);

	return g_strdup_printf("%s, the web page", good ? text : "?");
}

static void use_web(struct vsb_peer *peer, const char *name, const char *cookie)
{
	g_autoptr(GError) error = NULL;
	const struct vsb_web_session *session = vsb_web_use(peer->server->web, name, cookie,
							    &error);
	g_autofree char *limit = session ? over_limit(peer, session->uservm, session->key) : NULL;

	if (!session || limit) {
		vsb_log_of(peer->from, "refused: '%.64s' from %s: %s", name, peer->name,
			   limit ? limit : error->message);
		answer(peer, false, limit ? limit : error->message, 0);
		return;
	}
	peer->web_session = g_strdup(session->id);
	log_in(peer, session->console, g_strdup(session->uservm), session->key);
	answer(peer, true, NULL, 0);
}

static void log_in_web(struct vsb_peer *peer, const char *name, const char *token)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *cookie = vsb_web_login(peer->server->web, name, token, &error);

	vsb_log_of(peer->from, "%s: '%.64s' from %s%s%s",
		   cookie ? "a session of the web page begins" : "refused", name, peer->name,
		   cookie ? "" : ": ", cookie ? "" : error->message);
	answer(peer, cookie != NULL, cookie ? cookie : error->message, 0);
	if (cookie)
		explicit_bzero(cookie, strlen(cookie));
}

static void log_out_web(struct vsb_peer *peer, const char *name, const char *cookie)
{
	g_autoptr(GError) error = NULL;
	const struct vsb_web_session *session = vsb_web_use(peer->server->web, name, cookie,
							    &error);
	g_autofree char *id = session ? g_strdup(session->id) : NULL;

	answer(peer, id != NULL, id ? NULL : error->message, 0);
	if (id)
		vsb_server_web_logout(peer->server, id);
}

/* VSB_WIRE_WEB: name NUL secret NUL address. */
static void on_web(struct vsb_peer *peer, const struct vsb_wire *wire, gsize len)
{
	const char *name = (const char *)wire->data, *secret, *address;
	const char *end = name + len;

	secret = memchr(name, '\0', len);
	address = secret ? memchr(secret + 1, '\0', (gsize)(end - secret - 1)) : NULL;
	if (!address || strlen(address + 1) != (gsize)(end - address - 1)) {
		ends(peer, "its process asks what is no question");
		return;
	}
	peer->web_asked = true;
	g_free(peer->name);
	peer->name = address_of(address + 1);
	secret++;
	switch (wire->number) {
	case VSB_WEB_LOGIN:
		log_in_web(peer, name, secret);
		return;
	case VSB_WEB_USE:
		use_web(peer, name, secret);
		return;
	case VSB_WEB_LOGOUT:
		log_out_web(peer, name, secret);
		return;
	default:
		ends(peer, "it asks what nobody asks");
		return;
	}
}

/*
 * A page that is opened anew has the console, and not the one that the browser has not closed
 * yet: two would be a writer and one that watches.
 */
static void supersede(struct vsb_peer *peer)
{
	g_autoptr(GList) peers = g_hash_table_get_keys(peer->server->peers);

	for (GList *l = peers; l; l = l->next) {
		struct vsb_peer *other = l->data;

		if (other == peer || g_strcmp0(other->web_session, peer->web_session))
			continue;
		for (guint i = 0; i < VSB_CHANNELS; i++) {
			if (other->channels[i] && vsb_channel_attached(other->channels[i]))
				vsb_channel_expel(other->channels[i],
						  "the page was opened again in this browser");
		}
	}
}

bool vsb_peer_expel(struct vsb_peer *peer, const char *text)
{
	for (guint i = 0; i < VSB_CHANNELS; i++) {
		if (peer->channels[i])
			vsb_channel_expel(peer->channels[i], text);
	}
	if (!peer->expelled_s)
		peer->expelled_s = MAX(peer->server->seconds, 1);
	return peer->nr_channels;
}

void vsb_peer_recheck(struct vsb_peer *peer)
{
	g_autoptr(GError) error = NULL;

	if (!peer->console ||
	    vsb_keys_allow_either(peer->server->keys_dir, peer->server->attached_keys_dir,
				  peer->uservm, peer->key, &error))
		return;
	vsb_log("'%s': %s has to go: %s", peer->console, peer->who, error->message);
	vsb_peer_expel(peer, "your key is not listed for this console any more");
}

void vsb_peer_check_web(struct vsb_peer *peer)
{
	if (!peer->web_session || peer->expelled_s ||
	    vsb_web_alive(peer->server->web, peer->web_session))
		return;
	vsb_log("'%s': %s has to go: the session of the web page has ended", peer->console,
		peer->who);
	vsb_peer_expel(peer, "the session has ended");
}

void vsb_peer_check_hubs(struct vsb_peer *peer)
{
	for (guint i = 0; i < VSB_CHANNELS; i++) {
		if (peer->channels[i])
			vsb_channel_check_hub(peer->channels[i]);
	}
}

/* What the process says */

/* A text of a stranger, for the log: so often, and then no more. */
static void on_refused(struct vsb_peer *peer, const char *text)
{
	if (peer->told++ < MAX_TOLD)
		vsb_log_of(peer->from, "%s%s%s%s: refused: %.300s", peer->console ? "'" : "connection from ",
			peer->console ? peer->console : peer->name, peer->console ? "': " : "",
			peer->console ? peer->who : "", text);
	else if (peer->told == MAX_TOLD + 1)
		vsb_log_of(peer->from, "connection from %s: more was refused; that is not logged", peer->name);
}

static void close_channel(struct vsb_peer *peer, guint number)
{
	g_clear_pointer(&peer->channels[number], vsb_channel_free);
	if (!--peer->nr_channels)
		peer->idle_since = peer->server->seconds;
}

static void on_channel(struct vsb_peer *peer, const struct vsb_wire *wire, gsize len)
{
	struct vsb_channel *channel = peer->channels[wire->channel];
	const char *wrong;

	if (!peer->console || (wire->type == VSB_WIRE_CLOSE && !channel)) {
		ends(peer, "its process has no right to what it asks");
		return;
	}
	if (wire->type == VSB_WIRE_CLOSE) {
		close_channel(peer, wire->channel);
		vsb_link_send(&peer->link, VSB_WIRE_CLOSE, wire->channel, 0, NULL, 0, -1);
		return;
	}
	if (!channel && peer->expelled_s) {
		ends(peer, "it begins anew what it had to end");
		return;
	}
	if (!channel) {
		channel = vsb_channel_new(&peer->owner, wire->channel);
		peer->channels[wire->channel] = channel;
		peer->nr_channels++;
	}
	if (peer->web_session && wire->type == VSB_WIRE_ATTACH)
		supersede(peer);
	wrong = vsb_channel_message(channel, wire, len);
	if (wrong)
		ends(peer, wrong);
}

static void on_message(struct vsb_link *link, const struct vsb_wire *wire, gsize len, int fd)
{
	struct vsb_peer *peer = peer_of(link);

	peer->answered = peer->server->seconds;
	if (wire->type == VSB_WIRE_HELLO && peer->pidfd < 0 && fd >= 0) {
		peer->pidfd = fd;
		return;
	}
	if (fd >= 0)
		close(fd);
	switch (wire->type) {
	case VSB_WIRE_PONG:
		return;
	case VSB_WIRE_REFUSED:
		on_refused(peer, (const char *)wire->data);
		return;
	case VSB_WIRE_WEB:
		if (peer->kind != VSB_SESSION_WEB || peer->web_asked)
			ends(peer, "its process has no right to what it asks");
		else
			on_web(peer, wire, len);
		return;
	case VSB_WIRE_KEY:
		if (peer->console || peer->verdict || peer->kind != VSB_SESSION_SSH)
			ends(peer, "its process offers a key when none was asked for");
		else
			on_key(peer, wire, len);
		return;
	case VSB_WIRE_HELLO:
		ends(peer, "its process greets twice");
		return;
	default:
		on_channel(peer, wire, len);
		return;
	}
}

static void on_drained(struct vsb_link *link)
{
	on_wake(&peer_of(link)->owner);
}

static void on_lost(struct vsb_link *link, const char *why)
{
	struct vsb_peer *peer = peer_of(link);

	ends(peer, why);
	vsb_peer_free(peer);
}

static const struct vsb_link_ops link_ops = {
	.message = on_message,
	.drained = on_drained,
	.lost = on_lost,
};

/* Life */

struct vsb_peer *vsb_peer_new(struct vsb_server *server, int link_fd, enum vsb_session_kind kind,
			      const char *name, struct vsb_source *source)
{
	struct vsb_peer *peer = g_new0(struct vsb_peer, 1);

	peer->server = server;
	peer->kind = kind;
	peer->id = ++last_id;
	peer->name = g_strdup(name);
	peer->source = source;
	peer->from = g_strdup(source->name);
	peer->pidfd = -1;
	peer->answered = peer->idle_since = server->seconds;
	peer->owner = (struct vsb_channel_owner){
		.server = server, .link = &peer->link, .wake = on_wake,
	};
	vsb_link_init(&peer->link, link_fd, &link_ops);
	g_hash_table_add(server->peers, peer);
	return peer;
}

void vsb_peer_free(struct vsb_peer *peer)
{
	struct vsb_server *server = peer->server;

	for (guint i = 0; i < VSB_CHANNELS; i++)
		g_clear_pointer(&peer->channels[i], vsb_channel_free);
	g_hash_table_remove(server->peers, peer);
	if (peer->source)
		vsb_server_gone(server, peer->source);
	g_clear_handle_id(&peer->work, g_source_remove);
	g_clear_handle_id(&peer->verdict, g_source_remove);
	/* It ends when the link does; if it is stuck, so. */
	vsb_link_clear(&peer->link);
	if (peer->pidfd >= 0) {
		syscall(SYS_pidfd_send_signal, peer->pidfd, SIGKILL, NULL, 0);
		close(peer->pidfd);
	}
	g_free(peer->web_session);
	g_free(peer->name);
	g_free(peer->from);
	g_free(peer->console);
	g_free(peer->uservm);
	g_free(peer->key);
	g_free(peer->who);
	g_free(peer->answer);
	g_free(peer);
}

/* Return: may it wait, for connections to forward or another session, without a channel? */
static bool may_idle(const struct vsb_peer *peer)
{
	struct vsb_peer *other;
	GHashTableIter iter;
	guint older = 0;

	if (!peer->console)
		return false;
	if (peer->nr_channels)
		return true;
	g_hash_table_iter_init(&iter, peer->server->peers);
	while (g_hash_table_iter_next(&iter, (gpointer *)&other, NULL))
		older += other->id < peer->id && other->console && !other->nr_channels &&
			 !strcmp(other->uservm, peer->uservm);
	return older < MAX_IDLE;
}

void vsb_peer_tick(struct vsb_peer *peer)
{
	struct vsb_server *server = peer->server;

	if (!peer->dead && server->seconds - peer->answered > SILENT_S) {
		vsb_log_of(peer->from, "connection from %s ended: its process does not answer for %d s; it is killed",
			peer->name, SILENT_S);
		peer->dead = true;
	}
	if (!peer->dead && server->seconds - peer->idle_since > server->grace_s &&
	    !may_idle(peer)) {
		vsb_log_of(peer->from, "connection from %s ended: %s within %u s", peer->name,
			peer->console ? "asked for nothing" : "not logged in", server->grace_s);
		peer->dead = true;
	}
	vsb_peer_check_web(peer);
	/* Its client has had the time to take the last words and go. */
	if (peer->expelled_s &&
	    ((!peer->nr_channels && server->seconds - peer->idle_since > HANG_UP_S) ||
	     server->seconds - peer->expelled_s > SILENT_S))
		peer->dead = true;
	if (peer->dead) {
		vsb_peer_free(peer);
		return;
	}
	if (server->seconds % PING_S == 0)
		vsb_link_send(&peer->link, VSB_WIRE_PING, 0, 0, NULL, 0, -1);
	for (guint i = 0; i < VSB_CHANNELS; i++) {
		if (peer->channels[i])
			vsb_channel_tick(peer->channels[i]);
	}
}
