// SPDX-License-Identifier: GPL-2.0
/*
 * One SSH connection.
 *
 * libssh does the protocol, without blocking, in an ssh_event of this session's
 * own: so that libssh never runs another session from inside this one. All
 * of it happens in session_run(), called by a GSource when the socket is ready
 * or somebody has set the ready time. Callbacks of libssh and of the hub only
 * note what is to be done; the session is freed in session_run() or in a tick.
 *
 * What libssh buffers is bounded: input by the channel's window (1.3 MB, its
 * constant), output because we write only what fits in the peer's window, and
 * only when the last chunk has left for the socket.
 */
#include "console-session.h"
#include "console-control.h"
#include "console-keys.h"
#include "console-log.h"
#include "console-vnc.h"
#include "names.h"

#include <libssh/callbacks.h>
#include <string.h>
#include <unistd.h>

#define MAX_REFUSED	12	/* keys that a client may offer in vain */
#define CLOSE_S		30	/* for the peer to take the rest and close */
#define HANG_UP_S	2	/* for a peer that has closed to disconnect */
#define MAX_IDLE	4	/* sessions of a user VM that only wait, e.g. ssh -N -L */
#define CHUNK		(16 * 1024)

struct vsb_session {
	struct vsb_server *server;
	guint64 id;
	ssh_session ssh;
	ssh_event event;
	GIOCondition wanted;	/* what @source polls for */
	ssh_channel channel;
	GSource *source;
	gpointer source_fd;
	struct ssh_server_callbacks_struct server_cb;
	struct ssh_channel_callbacks_struct channel_cb;
	char *peer;		/* address and port */
	char *user;		/* the user VM's name, once authenticated */
	ssh_key key;		/* the one that was accepted */
	char *fingerprint;	/* of that */
	char *who;
	char *noted;		/* the key that was last reported refused */
	guint born;		/* server->seconds */
	guint refused;
	bool requested;		/* shell or exec came */
	bool dead;		/* free at the next occasion */

	struct vsb_client client;
	guint8 pending[4096];	/* input that the hub did not take */
	gsize pending_len;
	bool leftover;		/* libssh holds more */
	guint progress;		/* server->seconds when output last moved */
	GPtrArray *vncs;	/* struct vsb_vnc: forwarded, and */
	struct vsb_vnc *vnc;	/* this one in @channel, or NULL */

	bool finishing;
	bool closed;		/* our side of the channel */
	bool over;		/* and that of the peer */
	guint finish_since;
	guint over_since;
	int status;
	char *last_words;
	bool last_words_stdout;
};

struct session_source {
	GSource source;
	struct vsb_session *session;
};

static guint64 last_session_id;

/* Return: a number that grows from session to session. */
guint64 vsb_session_id(const struct vsb_session *session)
{
	return session->id;
}

/* Return: whether it has not logged in yet. */
bool vsb_session_is_stranger(const struct vsb_session *session)
{
	return !session->user;
}

static void wake(struct vsb_session *session)
{
	g_source_set_ready_time(session->source, 0);
}

/* The end of a session: last words, exit status, close */

static void finish(struct vsb_session *session, int status, const char *text, bool to_stdout)
{
	if (session->finishing)
		return;
	session->finishing = true;
	session->finish_since = session->server->seconds;
	session->status = status;
	session->last_words = text && !to_stdout ?
			      g_strdup_printf("vsb-console: %s\r\n", text) : g_strdup(text);
	session->last_words_stdout = to_stdout;
	wake(session);
}

static void leave_hub(struct vsb_session *session)
{
	if (!session->client.hub)
		return;
	vsb_log("'%s': detached: %s", session->user, session->who);
	vsb_hub_detach(&session->client);
}

static void close_channel(struct vsb_session *session)
{
	const char *text = session->last_words;

	if (session->closed)
		return;
	session->closed = true;
	leave_hub(session);
	if (text && ssh_channel_window_size(session->channel) >= strlen(text)) {
		if (session->last_words_stdout)
			ssh_channel_write(session->channel, text, strlen(text));
		else
			ssh_channel_write_stderr(session->channel, text, strlen(text));
	}
	ssh_channel_request_send_exit_status(session->channel, session->status);
	ssh_channel_send_eof(session->channel);
	ssh_channel_close(session->channel);
}

/* The hub's requests */

static struct vsb_session *session_of(struct vsb_client *client)
{
	return (struct vsb_session *)((char *)client - G_STRUCT_OFFSET(struct vsb_session, client));
}

static void on_wake(struct vsb_client *client)
{
	wake(session_of(client));
}

static void on_finish(struct vsb_client *client, int status, const char *text)
{
	finish(session_of(client), status, text, false);
}

static const struct vsb_client_ops client_ops = {
	.wake_output = on_wake,
	.wake_input = on_wake,
	.finish = on_finish,
};

/* Authentication */

/*
 * To a peer that has not proved a key, an unknown user VM and a wrong key look
 * the same, else anybody could find out the names. The log has the true reason.
 * The SSH protocol has a message for such a text (USERAUTH_BANNER); clients
 * show it. It comes once for a key, not for the second step of the same one.
 */
static void report_refused(struct vsb_session *session, const char *user,
			   const char *fingerprint, const GError *reason)
{
	g_autofree char *shown = g_strndup(user, 64);
	g_autofree char *text = NULL;
	ssh_string banner;

	if (!g_strcmp0(session->noted, fingerprint))
		return;
	g_free(session->noted);
	session->noted = g_strdup(fingerprint);
	vsb_log("refused: %s as '%s' from %s: %s", fingerprint, shown, session->peer,
		reason->message);
	for (char *p = shown; *p; p++) {
		if (!g_ascii_isprint(*p))
			*p = '?';
	}
	text = g_strdup_printf("vsb-console: '%s' refuses the key %s: %s\r\n", shown, fingerprint,
			       reason->code == VSB_KEYS_KIND ? reason->message :
			       "this host has no user VM of that name, or the key is not listed for it. Ask the host's administrator.");
	banner = ssh_string_from_char(text);
	if (banner)
		ssh_send_issue_banner(session->ssh, banner);
	ssh_string_free(banner);
}

static int on_pubkey(ssh_session ssh, const char *user, struct ssh_key_struct *key,
		     char signature_state, void *data)
{
	struct vsb_session *session = data;
	g_autofree char *fingerprint = NULL;
	g_autoptr(GError) error = NULL;

	if (session->user || session->dead)
		return SSH_AUTH_DENIED;
	if (signature_state != SSH_PUBLICKEY_STATE_NONE &&
	    signature_state != SSH_PUBLICKEY_STATE_VALID)
		return SSH_AUTH_DENIED;
	fingerprint = vsb_key_fingerprint(key);
	if (!vsb_keys_allow_either(session->server->keys_dir, session->server->attached_keys_dir,
				   user, key, &error)) {
		report_refused(session, user, fingerprint, error);
		if (++session->refused >= MAX_REFUSED) {
			vsb_log("connection from %s ended: %u keys refused", session->peer,
				session->refused);
			session->dead = true;
		}
		return SSH_AUTH_DENIED;
	}
	/* Listed, but the client has not proved yet that the key is its own. */
	if (signature_state == SSH_PUBLICKEY_STATE_NONE)
		return SSH_AUTH_SUCCESS;
	session->user = g_strdup(user);
	session->key = ssh_key_dup(key);
	session->fingerprint = g_steal_pointer(&fingerprint);
	session->who = g_strdup_printf("%s from %s", session->fingerprint, session->peer);
	session->born = session->server->seconds;
	session->server->unauthenticated--;
	vsb_log("accepted: %s as '%s'", session->who, session->user);
	return SSH_AUTH_SUCCESS;
}

/* What a client may ask for in its channel */

static void attach(struct vsb_session *session, enum vsb_client_mode mode)
{
	struct vsb_hub *hub = vsb_server_hub(session->server, session->user);
	g_autoptr(GError) error = NULL;

	session->client.ops = &client_ops;
	session->client.who = session->who;
	session->client.mode = mode;
	if (!hub) {
		finish(session, 1, "too many user VMs have a console here", false);
		return;
	}
	if (!vsb_hub_attach(hub, &session->client, &error)) {
		vsb_log("'%s': %s is not attached: %s", session->user, session->who,
			error->message);
		finish(session, 1, error->message, false);
		return;
	}
	session->progress = session->server->seconds;
	vsb_log("'%s': attached: %s%s", session->user, session->who,
		mode == VSB_MODE_RAW ? ", raw" : mode == VSB_MODE_WATCH ? ", only watching" : "");
	vsb_server_ask_state(session->server);
}

/* A request to vsbypassd for a session that may be gone when the reply comes. */
struct session_call {
	struct vsb_server *server;
	struct vsb_session *session;
	guint64 id;
};

static void call_daemon(struct vsb_session *session, const char *execute,
			const char *uservm, vsb_control_done done)
{
	struct session_call *call = g_new(struct session_call, 1);

	call->server = session->server;
	call->session = session;
	call->id = session->id;
	vsb_control_call(session->server->control_path, execute, uservm, NULL, done, call);
}

/* Return: the session of @call, or NULL. Frees @call. */
static struct vsb_session *session_of_call(struct session_call *call)
{
	struct vsb_session *session = NULL;

	/* Another session may have got the same address, hence the id. */
	if (g_hash_table_contains(call->server->sessions, call->session) &&
	    call->session->id == call->id)
		session = call->session;
	g_free(call);
	return session;
}

static void on_status(JsonObject *reply, const char *error, gpointer data)
{
	struct vsb_session *session = session_of_call(data);
	g_autofree char *state = NULL, *who = NULL, *text = NULL;
	const char *identity;
	struct vsb_hub *hub;

	if (!session)
		return;
	hub = vsb_server_hub(session->server, session->user);
	who = hub ? vsb_hub_who(hub) : g_strdup("");
	if (reply)
		state = vsb_control_uservm_state(reply, session->user);
	identity = vsb_identity_text(vsb_identity_of(reply, session->user));
	text = g_strdup_printf("%s: %s\r\n%s%sproxy: %s\r\nattached: %s%s", session->user,
			       reply ? vsb_hub_state_text(state) : error,
			       identity ? identity : "", identity ? "\r\n" : "",
			       hub && hub->up ? "connected" : "away",
			       *who ? "\r\n" : "nobody\r\n", who);
	finish(session, reply ? 0 : 1, text, true);
}

static void on_break(JsonObject *reply, const char *error, gpointer data)
{
	struct vsb_session *session = session_of_call(data);
	g_autofree char *text = NULL;

	if (!session)
		return;
	text = reply ? NULL : g_strdup_printf("no break sent: %s", error);
	vsb_log("'%s': %s: %s", session->user, session->who, text ? text : "break sent");
	finish(session, reply ? 0 : 1, text, false);
}

static const char exec_help[] =
	"Commands (ssh -p PORT NAME@HOST COMMAND); none attaches to the console.\r\n"
	"raw     every byte both ways, no notices, no escape sequence; alone or not at all\r\n"
	"watch   every byte from the user VM, nothing to it\r\n"
	"status  what is known of the user VM, who is attached\r\n"
	"break   send a break on the serial line, if nobody else writes\r\n"
	"ssh -s NAME@HOST vnc, or ssh -L 5900:NAME:5900: keyboard and mouse, for VNC\r\n"
	"help    this list\r\n";

static int on_exec(ssh_session ssh, ssh_channel channel, const char *command, void *data)
{
	struct vsb_session *session = data;
	struct vsb_hub *hub;

	if (session->requested)
		return 1;
	session->requested = true;
	if (!strcmp(command, "raw")) {
		attach(session, VSB_MODE_RAW);
	} else if (!strcmp(command, "watch")) {
		attach(session, VSB_MODE_WATCH);
	} else if (!strcmp(command, "status")) {
		call_daemon(session, "status", NULL, on_status);
	} else if (!strcmp(command, "break")) {
		hub = vsb_server_hub(session->server, session->user);
		if (hub && hub->writer)
			finish(session, 1, "console busy: another client writes; no break sent",
			       false);
		else
			call_daemon(session, "send-break", session->user, on_break);
	} else if (!strcmp(command, "help")) {
		finish(session, 0, exec_help, true);
	} else {
		finish(session, 127, "no such command; 'help' lists them", false);
	}
	return 0;
}

static int on_shell(ssh_session ssh, ssh_channel channel, void *data)
{
	struct vsb_session *session = data;

	if (session->requested)
		return 1;
	session->requested = true;
	attach(session, VSB_MODE_CONSOLE);
	return 0;
}

/* Keyboard and mouse, in the session's own channel. */
static int on_subsystem(ssh_session ssh, ssh_channel channel, const char *subsystem, void *data)
{
	struct vsb_session *session = data;
	g_autoptr(GError) error = NULL;
	int fd;

	if (session->requested || strcmp(subsystem, "vnc"))
		return 1;
	session->requested = true;
	fd = vsb_vnc_connect(session->server, session->user, &error);
	if (fd < 0) {
		vsb_log("'%s': VNC refused: %s: %s", session->user, session->who, error->message);
		finish(session, 1, error->message, false);
		return 0;
	}
	session->vnc = vsb_vnc_new(session->server, session->user, session->who, fd, channel,
				   false, session->source);
	return 0;
}

/*
 * A client wants to have a connection forwarded (direct-tcpip). It gets none but to its
 * user VM's VNC server. libssh has a callback for such requests for all messages only;
 * what the others above have dealt with does not come here.
 *
 * Return: 1: libssh refuses it; 0: done.
 */
static int on_message(ssh_session ssh, ssh_message message, void *data)
{
	struct vsb_session *session = data;
	g_autoptr(GError) error = NULL;
	ssh_channel channel;
	const char *host;
	int fd, port;

	if (ssh_message_type(message) != SSH_REQUEST_CHANNEL_OPEN ||
	    ssh_message_subtype(message) != SSH_CHANNEL_DIRECT_TCPIP ||
	    !session->user || session->dead || session->over)
		return 1;
	host = ssh_message_channel_request_open_destination(message);
	port = ssh_message_channel_request_open_destination_port(message);
	if (!vsb_vnc_is_target(session->user, host, port)) {
		vsb_log("'%s': %s asks for %.64s port %d: refused; only %s port %d is forwarded",
			session->user, session->who, host ? host : "?", port, session->user,
			VSB_VNC_PORT);
		return 1;
	}
	if (session->vncs->len >= VSB_MAX_VNC_SESSION) {
		vsb_log("'%s': VNC refused: %s: it has %d VNC connections, the most there may be",
			session->user, session->who, VSB_MAX_VNC_SESSION);
		return 1;
	}
	fd = vsb_vnc_connect(session->server, session->user, &error);
	if (fd < 0) {
		vsb_log("'%s': VNC refused: %s: %s", session->user, session->who, error->message);
		return 1;
	}
	channel = ssh_message_channel_request_open_reply_accept(message);
	if (!channel) {
		close(fd);
		return 0;
	}
	g_ptr_array_add(session->vncs, vsb_vnc_new(session->server, session->user, session->who,
						   fd, channel, true, session->source));
	return 0;
}

/* A terminal changes nothing: the console is what the user VM makes of it. */
static int on_pty(ssh_session ssh, ssh_channel channel, const char *term, int width,
		  int height, int pxwidth, int pxheight, void *data)
{
	return 0;
}

static int on_window(ssh_session ssh, ssh_channel channel, int width, int height,
		     int pxwidth, int pxheight, void *data)
{
	return 0;
}

/* Return: how many bytes were taken; libssh keeps the others. */
static int on_data(ssh_session ssh, ssh_channel channel, void *bytes, uint32_t len,
		   int is_stderr, void *data)
{
	struct vsb_session *session = data;
	gsize used;

	/* It stays in libssh until vsb_vnc_pump() fetches it. */
	if (session->vnc && !is_stderr)
		return 0;
	if (is_stderr || !session->client.hub || session->finishing)
		return len;
	if (session->pending_len || session->leftover) {
		session->leftover = true;
		return 0;
	}
	used = vsb_hub_input(&session->client, bytes, len);
	session->leftover = used < len;
	return used;
}

static void on_close(ssh_session ssh, ssh_channel channel, void *data)
{
	struct vsb_session *session = data;

	session->over = true;
	session->over_since = session->server->seconds;
	wake(session);
}

static ssh_channel on_open(ssh_session ssh, void *data)
{
	struct vsb_session *session = data;

	if (!session->user || session->channel)
		return NULL;
	session->channel = ssh_channel_new(ssh);
	if (!session->channel)
		return NULL;
	session->channel_cb = (struct ssh_channel_callbacks_struct){
		.userdata = session,
		.channel_data_function = on_data,
		.channel_close_function = on_close,
		.channel_pty_request_function = on_pty,
		.channel_pty_window_change_function = on_window,
		.channel_shell_request_function = on_shell,
		.channel_exec_request_function = on_exec,
		.channel_subsystem_request_function = on_subsystem,
	};
	ssh_callbacks_init(&session->channel_cb);
	ssh_set_channel_callbacks(session->channel, &session->channel_cb);
	return session->channel;
}

/* The pumps */

static void pump_input(struct vsb_session *session)
{
	gsize used;
	int n;

	while (session->client.hub && !session->finishing) {
		if (session->pending_len) {
			used = vsb_hub_input(&session->client, session->pending,
					     session->pending_len);
			session->pending_len -= used;
			memmove(session->pending, session->pending + used, session->pending_len);
			if (session->pending_len)
				return;
			continue;
		}
		if (!session->leftover)
			return;
		n = ssh_channel_read_nonblocking(session->channel, session->pending,
						 sizeof(session->pending), 0);
		session->leftover = n == sizeof(session->pending);
		session->pending_len = MAX(n, 0);
	}
}

static void pump_output(struct vsb_session *session)
{
	struct vsb_ring *out = &session->client.out;
	const guint8 *data;
	gsize len;
	int n;

	while (session->client.hub && (data = vsb_ring_peek(out, &len))) {
		if (ssh_get_status(session->ssh) & SSH_WRITE_PENDING)
			return;
		len = MIN(len, ssh_channel_window_size(session->channel));
		if (!len)
			return;
		n = ssh_channel_write(session->channel, data, MIN(len, CHUNK));
		if (n < 0)
			session->dead = true;
		if (n <= 0)
			return;
		session->progress = session->server->seconds;
		vsb_ring_skip(out, n);
		if (!out->len)
			vsb_hub_drained(&session->client);
		else if (session->client.hub->writer == &session->client)
			session->client.hub->ops->update(session->client.hub);
	}
}

static void end_vnc(struct vsb_session *session)
{
	g_autofree char *why = g_strdup(vsb_vnc_why(session->vnc));

	g_clear_pointer(&session->vnc, vsb_vnc_free);
	finish(session, why ? 1 : 0, why, false);
}

static void pump_vncs(struct vsb_session *session)
{
	for (guint i = session->vncs->len; i-- > 0; )
		if (!vsb_vnc_pump(session->vncs->pdata[i]))
			g_ptr_array_remove_index(session->vncs, i);
	if (session->vnc && !vsb_vnc_pump(session->vnc))
		end_vnc(session);
}

/*
 * The peer has closed the console. It disconnects next: a socket that is closed with
 * something unread in it resets the connection, and OpenSSH's ssh then forgets the exit
 * status that it was given.
 */
static void end_all(struct vsb_session *session)
{
	leave_hub(session);
	g_clear_pointer(&session->vnc, vsb_vnc_free);
	g_ptr_array_set_size(session->vncs, 0);
	if (!session->closed)
		ssh_channel_close(session->channel);
	session->closed = true;
}

/*
 * libssh answers a signature with SHA-1 with nothing at all, so that the client would wait
 * until its time to log in is over.
 */
static void refuse_sha1(struct vsb_session *session)
{
	static const char reason[] =
		"signatures with SHA-1 (ssh-rsa) are not accepted; use a newer client, or an ed25519 key";

	if (session->user || session->dead ||
	    !strstr(ssh_get_error(session->ssh), "(ssh-rsa) doesn't match"))
		return;
	vsb_log("connection from %s ended: %s", session->peer, reason);
	ssh_session_set_disconnect_message(session->ssh, reason);
	session->dead = true;
}

static bool connection_lost(struct vsb_session *session)
{
	return !ssh_is_connected(session->ssh) ||
	       (ssh_get_status(session->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR));
}

/* Return: FALSE if the session was freed. */
static bool session_run(struct vsb_session *session)
{
	if (ssh_event_dopoll(session->event, 0) == SSH_ERROR || connection_lost(session))
		session->dead = true;
	refuse_sha1(session);
	if (!session->dead && session->over)
		end_all(session);
	else if (!session->dead)
		pump_vncs(session);
	if (!session->dead && !session->over && session->channel) {
		pump_input(session);
		pump_output(session);
		if (session->finishing && !(session->client.hub && session->client.out.len))
			close_channel(session);
	}
	if (!session->dead)
		return true;
	vsb_session_free(session);
	return false;
}

/* Return: may it wait for connections to forward, without a channel? */
static bool may_idle(struct vsb_session *session)
{
	struct vsb_session *other;
	GHashTableIter iter;
	guint older = 0;

	if (!session->user || session->channel)
		return false;
	if (session->vncs->len)
		return true;
	g_hash_table_iter_init(&iter, session->server->sessions);
	while (g_hash_table_iter_next(&iter, (gpointer *)&other, NULL))
		older += other->id < session->id && !other->channel && !other->vncs->len &&
			 !g_strcmp0(other->user, session->user);
	return older < MAX_IDLE;
}

/* Once a second: what must not last for ever. */
void vsb_session_tick(struct vsb_session *session)
{
	struct vsb_server *server = session->server;

	if (!session->requested && server->seconds - session->born > server->grace_s &&
	    !may_idle(session)) {
		vsb_log("connection from %s ended: %s within %u s", session->peer,
			session->user ? "asked for nothing" : "not logged in", server->grace_s);
		session->dead = true;
	}
	if (session->finishing && server->seconds - session->finish_since > CLOSE_S)
		session->dead = true;
	if (session->over && server->seconds - session->over_since > HANG_UP_S)
		session->dead = true;
	if (session->dead) {
		vsb_session_free(session);
		return;
	}
	if (!session->client.hub || !session->client.out.len)
		session->progress = server->seconds;
	else if (server->seconds - session->progress > server->stall_s)
		vsb_hub_stalled(&session->client);
}

/* Keys may have changed: who would not be let in now has to go. */
void vsb_session_recheck(struct vsb_session *session)
{
	g_autoptr(GError) error = NULL;

	if (!session->user || session->dead ||
	    vsb_keys_allow_either(session->server->keys_dir, session->server->attached_keys_dir,
				  session->user, session->key, &error))
		return;
	vsb_log("'%s': %s has to go: %s", session->user, session->who, error->message);
	/* Not a byte more in either direction. */
	leave_hub(session);
	session->dead = !session->channel;
	finish(session, 1, "your key is not listed for this console any more", false);
}

static gboolean source_prepare(GSource *source, gint *timeout)
{
	struct vsb_session *session = ((struct session_source *)source)->session;
	int flags = ssh_get_poll_flags(session->ssh);
	GIOCondition wanted = G_IO_HUP | G_IO_ERR;

	if (flags & SSH_READ_PENDING)
		wanted |= G_IO_IN;
	if (flags & SSH_WRITE_PENDING)
		wanted |= G_IO_OUT;
	/* It wakes the main loop even if nothing changes, which would then spin. */
	if (wanted != session->wanted)
		g_source_modify_unix_fd(source, session->source_fd, wanted);
	session->wanted = wanted;
	*timeout = -1;
	return FALSE;
}

static gboolean source_check(GSource *source)
{
	struct vsb_session *session = ((struct session_source *)source)->session;

	return g_source_query_unix_fd(source, session->source_fd) != 0;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	struct vsb_session *session = ((struct session_source *)source)->session;

	g_source_set_ready_time(source, -1);
	return session_run(session) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static GSourceFuncs source_funcs = {
	.prepare = source_prepare,
	.check = source_check,
	.dispatch = source_dispatch,
};

/* Takes over @fd, a connection that was just accepted. */
void vsb_session_new(struct vsb_server *server, int fd, const char *peer)
{
	struct vsb_session *session = g_new0(struct vsb_session, 1);

	session->server = server;
	session->id = ++last_session_id;
	session->peer = g_strdup(peer);
	session->born = server->seconds;
	session->ssh = ssh_new();
	session->event = ssh_event_new();
	session->server_cb = (struct ssh_server_callbacks_struct){
		.userdata = session,
		.auth_pubkey_function = on_pubkey,
		.channel_open_request_session_function = on_open,
	};
	ssh_callbacks_init(&session->server_cb);
	session->vncs = g_ptr_array_new_with_free_func((GDestroyNotify)vsb_vnc_free);
	g_hash_table_add(server->sessions, session);
	server->unauthenticated++;
	if (!session->ssh || !session->event) {
		vsb_log("connection from %s refused: out of memory", peer);
		close(fd);
		vsb_session_free(session);
		return;
	}
	/* From here on the descriptor is libssh's. */
	if (ssh_bind_accept_fd(server->bind, session->ssh, fd) != SSH_OK) {
		vsb_log("connection from %s refused: %s", peer, ssh_get_error(server->bind));
		vsb_session_free(session);
		return;
	}
	ssh_set_blocking(session->ssh, 0);
	ssh_set_server_callbacks(session->ssh, &session->server_cb);
	ssh_set_message_callback(session->ssh, on_message, session);
	ssh_set_auth_methods(session->ssh, SSH_AUTH_METHOD_PUBLICKEY);
	session->source = g_source_new(&source_funcs, sizeof(struct session_source));
	((struct session_source *)session->source)->session = session;
	session->source_fd = g_source_add_unix_fd(session->source, fd, G_IO_IN);
	g_source_attach(session->source, NULL);
	/* SSH_AGAIN is no failure: the rest follows as packets come. */
	if (ssh_handle_key_exchange(session->ssh) == SSH_ERROR)
		session->dead = true;
	/* Only now libssh has registered its socket, so that it can be moved. */
	ssh_event_add_session(session->event, session->ssh);
	wake(session);
}

void vsb_session_free(struct vsb_session *session)
{
	struct vsb_server *server = session->server;

	leave_hub(session);
	g_clear_pointer(&session->vnc, vsb_vnc_free);
	g_ptr_array_unref(session->vncs);
	if (!session->user)
		server->unauthenticated--;
	g_hash_table_remove(server->sessions, session);
	if (session->source) {
		g_source_destroy(session->source);
		g_source_unref(session->source);
		ssh_event_remove_session(session->event, session->ssh);
	}
	if (session->channel)
		ssh_remove_channel_callbacks(session->channel, &session->channel_cb);
	if (session->ssh) {
		ssh_disconnect(session->ssh);
		ssh_free(session->ssh);
	}
	if (session->event)
		ssh_event_free(session->event);
	g_free(session->peer);
	g_free(session->user);
	ssh_key_free(session->key);
	g_free(session->fingerprint);
	g_free(session->who);
	g_free(session->noted);
	g_free(session->last_words);
	g_free(session);
}
