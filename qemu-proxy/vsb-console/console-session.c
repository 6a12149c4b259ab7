// SPDX-License-Identifier: GPL-2.0
/*
 * One SSH connection.
 *
 * libssh does the protocol, without blocking, in an ssh_event of its own. All of it
 * happens in session_run(), called by a GSource when the socket is ready or somebody has
 * set the ready time. Callbacks of libssh only note what is to be done.
 *
 * What libssh buffers is bounded: input by the channel's window (1.3 MB, its constant),
 * output because we write only what fits in the peer's window, and only when the last
 * chunk has left for the socket; and while something has to leave nothing is read, so
 * that answers to who does not read them do not grow. What goes wrong all the same ends
 * at the limits of this process, which has nobody else's connection.
 */
#include "console-session.h"
#include "console-bind.h"
#include "console-forward.h"
#include "console-login.h"
#include "console-put.h"
#include "console-request.h"
#include "console-sandbox.h"
#include "console-silence.h"
#include "console-spawner.h"
#include "console-tty.h"

#include <libssh/callbacks.h>
#include <libssh/server.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define STUCK_S		3	/* CPU time of one run: then a library does not come back */
#define MAX_VNC		4	/* channels that forward */
#define VNC_PORT	5900

/* What a channel is. */
struct channel {
	ssh_channel ssh;		/* NULL: free */
	guint number;
	struct vsb_tty *tty;
	struct vsb_forward *forward;
	bool vnc;			/* the server has been asked for it */
	bool forwarded;			/* and the client has asked for direct-tcpip */
	bool requested;			/* shell, exec or subsystem came */
	bool leftover;			/* libssh has input that was not taken */
	bool told_unknown;
	bool closed;			/* our side */
	bool over;			/* and that of the peer */
	bool known;			/* to the server */
	bool closing;			/* free, but the server may still say something to it */
	struct ssh_channel_callbacks_struct cb;
};

/* There is one in this process. */
static struct {
	GMainLoop *loop;
	struct vsb_link link;
	ssh_bind bind;
	ssh_session ssh;
	ssh_event event;
	GSource *source;
	gpointer source_fd;
	GIOCondition wanted;
	struct ssh_server_callbacks_struct cb;
	struct vsb_login login;
	struct vsb_silence silence;
	struct channel channels[VSB_CHANNELS];
	bool dead;
} session;

static void wake(void)
{
	if (session.source)
		g_source_set_ready_time(session.source, 0);
}

static int on_pubkey(ssh_session ssh, const char *user, struct ssh_key_struct *key,
		     char signature_state, void *data)
{
	int answer = session.dead ? SSH_AUTH_DENIED :
		     vsb_login_pubkey(&session.login, user, key, signature_state);

	session.dead |= session.login.lost;
	/* Not for strangers: it is one more look at what they send. */
	if (session.login.user)
		vsb_request_watch();
	return answer;
}

/* What a client may ask for in its channel */

static const char exec_help[] =
	"Commands (ssh -p PORT NAME@HOST COMMAND); none attaches to the console.\r\n"
	"raw     every byte both ways, no notices, no escape sequence; alone or not at all\r\n"
	"watch   every byte from the user VM, nothing to it\r\n"
	"status  what is known of the user VM, who is attached\r\n"
	"break   send a break on the serial line, if nobody else writes\r\n"
	"reveal  for 10 minutes the host may read what is behind the user VM's veil\r\n"
	"conceal not any more\r\n"
	"web     a link to the web page, for one browser; good for a minute\r\n"
	"ssh -s NAME@HOST vnc, or ssh -L 5900:NAME:5900: keyboard and mouse, for VNC\r\n"
	"help    this list\r\n";

static void attach(struct channel *channel, enum vsb_client_mode mode)
{
	channel->known = true;
	vsb_tty_attach(channel->tty, mode);
}

static void ask(struct channel *channel, enum vsb_wire_question question)
{
	channel->known = true;
	vsb_link_send(&session.link, VSB_WIRE_ASK, channel->number, question, NULL, 0, -1);
}

/* Return: whether it may ask for something; it does so once. */
static bool first_request(struct channel *channel)
{
	bool first = !channel->requested && !channel->over;

	channel->requested = true;
	return first;
}

static int on_exec(ssh_session ssh, ssh_channel ssh_channel, const char *command, void *data)
{
	struct channel *channel = data;

	if (!first_request(channel))
		return 1;
	if (!strcmp(command, "raw")) {
		attach(channel, VSB_MODE_RAW);
	} else if (!strcmp(command, "watch")) {
		attach(channel, VSB_MODE_WATCH);
	} else if (!strcmp(command, "status")) {
		ask(channel, VSB_ASK_STATUS);
	} else if (!strcmp(command, "break")) {
		ask(channel, VSB_ASK_BREAK);
	} else if (!strcmp(command, "web")) {
		ask(channel, VSB_ASK_WEB);
	} else if (!strcmp(command, "reveal")) {
		ask(channel, VSB_ASK_REVEAL);
	} else if (!strcmp(command, "conceal")) {
		ask(channel, VSB_ASK_CONCEAL);
	} else if (!strcmp(command, "help")) {
		vsb_tty_finish(channel->tty, 0, exec_help, true);
	} else {
		vsb_link_refused(&session.link, "command '%.64s': there is no such command", command);
		vsb_tty_finish(channel->tty, 127, "no such command; 'help' lists them", false);
	}
	return 0;
}

static int on_shell(ssh_session ssh, ssh_channel ssh_channel, void *data)
{
	struct channel *channel = data;

	if (!first_request(channel))
		return 1;
	attach(channel, VSB_MODE_CONSOLE);
	return 0;
}

/* Return: whether the server has it. @text: else why. */
static bool ask_vnc(struct channel *channel, char **text)
{
	bool yes;

	channel->known = true;
	channel->vnc = true;
	vsb_link_send(&session.link, VSB_WIRE_VNC, channel->number, 0, NULL, 0, -1);
	*text = vsb_link_verdict(&session.link, &yes);
	if (!*text)
		session.dead = true;
	return yes;
}

/* Keyboard and mouse, in the channel of a session. */
static int on_subsystem(ssh_session ssh, ssh_channel ssh_channel, const char *subsystem,
			void *data)
{
	struct channel *channel = data;
	g_autofree char *text = NULL;

	if (!first_request(channel))
		return 1;
	if (strcmp(subsystem, "vnc")) {
		vsb_link_refused(&session.link, "subsystem '%.64s': only 'vnc' is served", subsystem);
		vsb_tty_finish(channel->tty, 1, "only the subsystem 'vnc' is served; there are no files here",
			       false);
		return 0;
	}
	if (!ask_vnc(channel, &text))
		vsb_tty_finish(channel->tty, 1, text, false);
	return 0;
}

/* The console is what the user VM makes of it; the size is for what we show ourselves. */
static int on_pty(ssh_session ssh, ssh_channel ssh_channel, const char *term, int width,
		  int height, int pxwidth, int pxheight, void *data)
{
	struct channel *channel = data;

	vsb_tty_size(channel->tty, width, height);
	return 0;
}

static int on_window(ssh_session ssh, ssh_channel ssh_channel, int width, int height,
		     int pxwidth, int pxheight, void *data)
{
	return on_pty(ssh, ssh_channel, NULL, width, height, pxwidth, pxheight, data);
}

/* Return: how many bytes were taken; libssh keeps the others. */
static int on_data(ssh_session ssh, ssh_channel ssh_channel, void *bytes, uint32_t len,
		   int is_stderr, void *data)
{
	struct channel *channel = data;
	gsize used;

	/* It stays in libssh until vsb_forward_pump() fetches it. */
	if (channel->vnc && !is_stderr && !channel->closed)
		return 0;
	if (is_stderr || channel->closed)
		return len;
	if (channel->leftover)
		return 0;
	used = vsb_tty_input(channel->tty, bytes, len);
	channel->leftover = used < len;
	return used;
}

static void on_close(ssh_session ssh, ssh_channel ssh_channel, void *data)
{
	struct channel *channel = data;

	channel->over = true;
	wake();
}

/* The server is to forget it. Until it has, this number is nobody else's. */
static void forget(struct channel *channel)
{
	channel->closing = true;
	vsb_link_send(&session.link, VSB_WIRE_CLOSE, channel->number, 0, NULL, 0, -1);
}

/* Return: one that is free, or NULL. */
static struct channel *new_channel(void)
{
	for (guint i = 0; i < VSB_CHANNELS; i++) {
		struct channel *channel = &session.channels[i];

		if (channel->ssh || channel->closing)
			continue;
		*channel = (struct channel){ .number = i };
		return channel;
	}
	return NULL;
}

static void open_channel(struct channel *channel, ssh_channel ssh)
{
	channel->ssh = ssh;
	channel->tty = vsb_tty_new(&session.link, channel->number, &vsb_put_sink, ssh,
				   session.login.user);
	channel->cb.userdata = channel;
	channel->cb.channel_data_function = on_data;
	channel->cb.channel_close_function = on_close;
	if (!channel->forwarded) {
		channel->cb.channel_pty_request_function = on_pty;
		channel->cb.channel_pty_window_change_function = on_window;
		channel->cb.channel_shell_request_function = on_shell;
		channel->cb.channel_exec_request_function = on_exec;
		channel->cb.channel_subsystem_request_function = on_subsystem;
	}
	ssh_callbacks_init(&channel->cb);
	ssh_set_channel_callbacks(ssh, &channel->cb);
}

static ssh_channel on_open(ssh_session ssh, void *data)
{
	struct channel *channel = session.login.user && !session.dead ? new_channel() : NULL;
	ssh_channel new = channel ? ssh_channel_new(ssh) : NULL;

	if (new)
		open_channel(channel, new);
	else if (session.login.user)
		vsb_link_refused(&session.link, "a session: the connection has %d channels, the most there may be",
			VSB_CHANNELS);
	return new;
}

/*
 * A client wants to have a connection forwarded (direct-tcpip). It gets none but to its
 * user VM's VNC server. Return: 1: libssh refuses it; 0: done.
 */
static int on_forward(ssh_message message)
{
	const char *host = ssh_message_channel_request_open_destination(message);
	int port = ssh_message_channel_request_open_destination_port(message);
	g_autofree char *text = NULL;
	struct channel *channel;
	ssh_channel new;
	guint nr = 0;

	if (port != VNC_PORT || (g_strcmp0(host, session.login.user) && g_strcmp0(host, "localhost"))) {
		vsb_link_refused(&session.link, "%.64s port %d: only %s port %d is forwarded", host ? host : "?", port,
			session.login.user, VNC_PORT);
		return 1;
	}
	for (guint i = 0; i < VSB_CHANNELS; i++)
		nr += session.channels[i].ssh && session.channels[i].forwarded;
	channel = nr < MAX_VNC ? new_channel() : NULL;
	if (!channel) {
		vsb_link_refused(&session.link, "VNC: it has %u VNC connections, the most there may be", nr);
		return 1;
	}
	channel->forwarded = true;
	new = ask_vnc(channel, &text) ?
	      ssh_message_channel_request_open_reply_accept(message) : NULL;
	if (new)
		open_channel(channel, new);
	else
		forget(channel);
	return text && *text ? 1 : 0;
}

/* Return: the channel that libssh calls @ssh, if a client is attached there, or NULL. */
static struct channel *attached_channel(ssh_channel ssh)
{
	for (guint i = 0; i < VSB_CHANNELS; i++) {
		struct channel *channel = &session.channels[i];

		if (channel->ssh && channel->ssh == ssh && channel->known && !channel->over)
			return channel;
	}
	return NULL;
}

/*
 * A request that libssh does not know. PuTTY measures the window with one, others say that
 * they are simple; a break is what there is for people here. Return: as on_message().
 */
static int on_unknown(ssh_message message)
{
	struct channel *channel = attached_channel(ssh_message_channel_request_channel(message));
	const char *name = vsb_request_name();

	if (!channel)
		return 1;
	if (!g_strcmp0(name, "break"))
		return vsb_tty_break(channel->tty) &&
		       ssh_message_channel_request_reply_success(message) == SSH_OK ? 0 : 1;
	if (!name && !channel->told_unknown) {
		channel->told_unknown = true;
		vsb_tty_notice(channel->tty,
			       "your client asks for what is not known here, perhaps a break; Ctrl-E c b sends one");
		wake();
	}
	return 1;
}

/*
 * libssh has a callback for such requests for all messages only; what the others above
 * have dealt with does not come here. Return: 1: libssh refuses it; 0: done.
 */
static int on_message(ssh_session ssh, ssh_message message, void *data)
{
	int subtype = ssh_message_subtype(message);

	if (session.dead)
		return 1;
	switch (ssh_message_type(message)) {
	case SSH_REQUEST_AUTH:
		if (subtype == SSH_AUTH_METHOD_PASSWORD || subtype == SSH_AUTH_METHOD_INTERACTIVE)
			vsb_login_password(&session.login, subtype == SSH_AUTH_METHOD_INTERACTIVE);
		return 1;
	case SSH_REQUEST_CHANNEL_OPEN:
		if (!session.login.user)
			return 1;
		if (subtype == SSH_CHANNEL_DIRECT_TCPIP)
			return on_forward(message);
		if (subtype != SSH_CHANNEL_SESSION)
			vsb_link_refused(&session.link, "a channel of a kind that is not served");
		return 1;
	case SSH_REQUEST_CHANNEL:
		if (subtype == SSH_CHANNEL_REQUEST_UNKNOWN)
			return on_unknown(message);
		return 1;
	case SSH_REQUEST_GLOBAL:
		if (subtype == SSH_GLOBAL_REQUEST_TCPIP_FORWARD)
			vsb_link_refused(&session.link, "to listen for it (ssh -R): nothing is forwarded from here to a client");
		return 1;
	default:
		return 1;
	}
}

/* The pumps */

/* What came for a channel and did not fit is fetched from libssh, as much as fits now. */
static void pump_input(struct channel *channel)
{
	guint8 buffer[4096];
	gsize room;
	int n;

	while (channel->leftover && !channel->closed && (room = vsb_tty_room(channel->tty))) {
		room = MIN(room, sizeof(buffer));
		n = ssh_channel_read_nonblocking(channel->ssh, buffer, (uint32_t)room, 0);
		channel->leftover = n == (int)room;
		if (n > 0)
			vsb_tty_input(channel->tty, buffer, (gsize)n);
	}
}

static void close_channel(struct channel *channel)
{
	if (channel->closed)
		return;
	channel->closed = true;
	ssh_channel_close(channel->ssh);
}

static void end_vnc(struct channel *channel, const char *why)
{
	g_clear_pointer(&channel->forward, vsb_forward_free);
	if (!channel->forwarded) {
		vsb_tty_finish(channel->tty, why && *why ? 1 : 0, why, false);
		return;
	}
	ssh_channel_send_eof(channel->ssh);
	close_channel(channel);
}

/* Who has ended his last session wants to go: what was forwarded beside it ends, too. */
static void end_forwards(void)
{
	for (guint i = 0; i < VSB_CHANNELS; i++) {
		if (session.channels[i].ssh && !session.channels[i].forwarded)
			return;
	}
	for (guint i = 0; i < VSB_CHANNELS; i++) {
		if (session.channels[i].ssh && !session.channels[i].closed)
			end_vnc(&session.channels[i], NULL);
	}
}

/* Both sides have closed it. */
static void free_channel(struct channel *channel)
{
	close_channel(channel);
	if (channel->known)
		forget(channel);
	g_clear_pointer(&channel->forward, vsb_forward_free);
	g_clear_pointer(&channel->tty, vsb_tty_free);
	ssh_remove_channel_callbacks(channel->ssh, &channel->cb);
	ssh_channel_free(channel->ssh);
	channel->ssh = NULL;
	if (!channel->forwarded)
		end_forwards();
}

static void run_channel(struct channel *channel)
{
	if (channel->over) {
		free_channel(channel);
		return;
	}
	if (channel->closed)
		return;
	if (channel->forward && !vsb_forward_pump(channel->forward))
		end_vnc(channel, NULL);
	pump_input(channel);
	if (!channel->closed && !vsb_tty_pump(channel->tty))
		close_channel(channel);
}

/* The connection ends, and both the log and the client know why. NULL: it does not. */
static void end_refused(const char *reason)
{
	if (session.dead || !reason)
		return;
	vsb_link_refused(&session.link, "%s", reason);
	ssh_session_set_disconnect_message(session.ssh, reason);
	session.dead = true;
}

/* Who has asked for packets without bytes has to go. */
static void check_size(void)
{
	if (vsb_put_useless())
		end_refused("a channel whose maximum packet size has no room for a byte");
}

static gboolean on_login_tick(gpointer data)
{
	const char *reason = vsb_silence_too_long(&session.silence);

	if (session.login.user || session.dead)
		return G_SOURCE_REMOVE;
	if (!reason)
		return G_SOURCE_CONTINUE;
	end_refused(reason);
	g_main_loop_quit(session.loop);
	return G_SOURCE_REMOVE;
}

static bool connection_lost(void)
{
	return !ssh_is_connected(session.ssh) ||
	       (ssh_get_status(session.ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR));
}

/*
 * Time of the CPU that one run may take: when libssh does not come back the process ends
 * (by SIGPROF), and nobody else notices.
 */
static void limit_run(int seconds)
{
	struct itimerval timer = { .it_value.tv_sec = seconds };

	setitimer(ITIMER_PROF, &timer, NULL);
}

static void session_run(void)
{
	limit_run(STUCK_S);
	if (ssh_event_dopoll(session.event, 0) == SSH_ERROR || connection_lost())
		session.dead = true;
	vsb_silence_note(&session.silence);
	end_refused(vsb_silence_dropped(session.ssh));
	for (guint i = 0; i < VSB_CHANNELS && !session.dead; i++) {
		if (session.channels[i].ssh)
			run_channel(&session.channels[i]);
	}
	check_size();
	if (session.dead)
		g_main_loop_quit(session.loop);
	limit_run(0);
}

static gboolean source_prepare(GSource *source, gint *timeout)
{
	int flags = ssh_get_poll_flags(session.ssh);
	GIOCondition wanted = G_IO_HUP | G_IO_ERR;

	/* One or the other: who does not take answers is not listened to. */
	if (flags & SSH_WRITE_PENDING)
		wanted |= G_IO_OUT;
	else
		wanted |= G_IO_IN;
	/* It wakes the main loop even if nothing changes, which would then spin. */
	if (wanted != session.wanted)
		g_source_modify_unix_fd(source, session.source_fd, wanted);
	session.wanted = wanted;
	*timeout = -1;
	return FALSE;
}

static gboolean source_check(GSource *source)
{
	return g_source_query_unix_fd(source, session.source_fd) != 0;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	g_source_set_ready_time(source, -1);
	session_run();
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {
	.prepare = source_prepare,
	.check = source_check,
	.dispatch = source_dispatch,
};

/* The server's side */

static void on_link_message(struct vsb_link *link, const struct vsb_wire *wire, gsize len, int fd)
{
	struct channel *channel = &session.channels[wire->channel];

	if (wire->type == VSB_WIRE_PING) {
		vsb_link_send(link, VSB_WIRE_PONG, 0, 0, NULL, 0, -1);
	} else if (wire->type == VSB_WIRE_CLOSE) {
		channel->closing = false;
	} else if (!channel->ssh || channel->closed) {
		/* It was closed meanwhile. */
	} else if (wire->type == VSB_WIRE_VNC_GO && fd >= 0 && channel->vnc && !channel->forward) {
		channel->forward = vsb_forward_new(fd, channel->ssh, session.source);
		fd = -1;
	} else if (wire->type == VSB_WIRE_VNC_END) {
		if (channel->vnc)
			end_vnc(channel, (const char *)wire->data);
	} else {
		/* What a user VM has sent is work, too: see console-replay.h. */
		limit_run(STUCK_S);
		vsb_tty_message(channel->tty, wire, len);
		limit_run(0);
	}
	if (fd >= 0)
		close(fd);
	wake();
}

static void on_link_lost(struct vsb_link *link, const char *why)
{
	session.dead = true;
	g_main_loop_quit(session.loop);
}

static const struct vsb_link_ops link_ops = {
	.message = on_link_message,
	.lost = on_link_lost,
};

/* Life */

static bool accept_connection(void)
{
	session.ssh = ssh_new();
	session.event = ssh_event_new();
	session.cb = (struct ssh_server_callbacks_struct){
		.auth_pubkey_function = on_pubkey,
		.channel_open_request_session_function = on_open,
	};
	ssh_callbacks_init(&session.cb);
	if (!session.ssh || !session.event ||
	    ssh_bind_accept_fd(session.bind, session.ssh, VSB_SESSION_SOCKET) != SSH_OK)
		return false;
	session.login = (struct vsb_login){ .link = &session.link, .ssh = session.ssh };
	ssh_set_blocking(session.ssh, 0);
	ssh_set_server_callbacks(session.ssh, &session.cb);
	ssh_set_message_callback(session.ssh, on_message, NULL);
	vsb_put_init(session.ssh);
	g_timeout_add_seconds(1, on_login_tick, NULL);
	ssh_set_auth_methods(session.ssh, SSH_AUTH_METHOD_PUBLICKEY);
	session.source = g_source_new(&source_funcs, sizeof(GSource));
	session.source_fd = g_source_add_unix_fd(session.source, VSB_SESSION_SOCKET, G_IO_IN);
	g_source_attach(session.source, NULL);
	/* SSH_AGAIN is no failure: the rest follows as packets come. */
	if (ssh_handle_key_exchange(session.ssh) == SSH_ERROR)
		return false;
	/* Only now libssh has registered its socket, so that it can be moved. */
	ssh_event_add_session(session.event, session.ssh);
	wake();
	return true;
}

int vsb_session_main(void)
{
	g_autoptr(GError) error = NULL;

	setlocale(LC_ALL, "C");
	signal(SIGPIPE, SIG_IGN);
	ssh_set_log_level(SSH_LOG_NOLOG);
	session.loop = g_main_loop_new(NULL, FALSE);
	vsb_link_init(&session.link, VSB_SESSION_LINK, &link_ops);
	vsb_link_hello(&session.link);
	session.bind = vsb_bind_new();
	if (!session.bind || !vsb_sandbox_session(&error)) {
		vsb_link_refused(&session.link, "%s", error ? error->message : "libssh does not accept its settings");
		return 1;
	}
	if (!accept_connection())
		return 1;
	g_main_loop_run(session.loop);
	for (guint i = 0; i < VSB_CHANNELS; i++) {
		if (session.channels[i].ssh)
			free_channel(&session.channels[i]);
	}
	ssh_disconnect(session.ssh);
	return 0;
}
