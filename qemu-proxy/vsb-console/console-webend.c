// SPDX-License-Identifier: GPL-2.0
/*
 * One connection of the web gateway.
 *
 *   request line -> the server's verdict -> "ok" or "no WHY" -> a console or VNC, until one
 *   end closes it
 *
 * What waits is bounded: nothing is read for which there is no room.
 */
#include "console-webend.h"
#include "console-ring.h"
#include "console-sandbox.h"
#include "console-spawner.h"
#include "console-tty.h"
#include "console-wire.h"

#include <errno.h>
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_LEN	512
#define RING		(64 * 1024)
#define CHANNEL		0		/* there is one */

/* There is one in this process. */
static struct {
	GMainLoop *loop;
	struct vsb_link link;
	char line[LINE_MAX_LEN + 1];	/* as far as it has come */
	gsize line_len;
	bool asked;			/* it has come */
	struct vsb_tty *tty;		/* of a console, or */
	bool vnc;
	int vnc_fd;			/* once it may pass */
	struct vsb_ring out;		/* to the gateway */
	struct vsb_ring in;		/* to VNC */
	bool ending;			/* when @out has gone */
	bool over;
	guint watches[2];		/* sources: of the gateway, of VNC */
	GIOCondition wanted[2];
} end;

static void finish(void)
{
	end.ending = true;
}

/* One line for the gateway. */
static void say(const char *word, const char *text)
{
	g_autofree char *shown = g_strdup(text ? text : "");
	g_autofree char *line = NULL;

	for (char *p = shown; *p; p++)
		*p = g_ascii_iscntrl(*p) ? ' ' : *p;
	line = g_strdup_printf("%s%s%s\n", word, *shown ? " " : "", shown);
	vsb_ring_put(&end.out, line, strlen(line));
}

static void refuse(const char *text)
{
	say("no", text);
	finish();
}

/* Sockets and rings. Return: false: it is over. */

static bool drain(struct vsb_ring *ring, int fd)
{
	const guint8 *data;
	gsize len;

	while ((data = vsb_ring_peek(ring, &len)) && len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		vsb_ring_skip(ring, (gsize)n);
	}
	return true;
}

static bool fill(struct vsb_ring *ring, int fd)
{
	guint8 buffer[16 * 1024];
	gsize room;

	while ((room = MIN(vsb_ring_room(ring), sizeof(buffer)))) {
		ssize_t n = recv(fd, buffer, room, MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!n)
			return false;
		vsb_ring_put(ring, buffer, (gsize)n);
	}
	return true;
}

/* The console */

static gsize sink_room(gpointer client)
{
	return vsb_ring_room(&end.out);
}

static bool sink_busy(gpointer client)
{
	return false;
}

static int sink_put(gpointer client, const void *data, gsize len, bool to_stderr)
{
	return (int)vsb_ring_put(&end.out, data, len);
}

static void sink_end(gpointer client, int status)
{
	finish();
}

static const struct vsb_sink sink = { sink_room, sink_busy, sink_put, sink_end };

static bool console_input(void)
{
	guint8 buffer[4096];
	gsize room;

	while ((room = MIN(vsb_tty_room(end.tty), sizeof(buffer)))) {
		ssize_t n = recv(VSB_SESSION_SOCKET, buffer, room, MSG_DONTWAIT);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!n)
			return false;
		vsb_tty_input(end.tty, buffer, (gsize)n);
	}
	return true;
}

static void start_console(const char *name, const char *columns, const char *rows)
{
	say("ok", NULL);
	end.tty = vsb_tty_new(&end.link, CHANNEL, &sink, NULL, name);
	vsb_tty_size(end.tty, (int)g_ascii_strtoull(columns, NULL, 10),
		     (int)g_ascii_strtoull(rows, NULL, 10));
	vsb_tty_attach(end.tty, VSB_MODE_CONSOLE);
}

/* VNC: it begins with VSB_WIRE_VNC_GO. */
static void start_vnc(void)
{
	g_autofree char *text = NULL;
	bool yes;

	vsb_link_send(&end.link, VSB_WIRE_VNC, CHANNEL, 0, NULL, 0, -1);
	text = vsb_link_verdict(&end.link, &yes);
	end.vnc = text && yes;
	if (!end.vnc)
		refuse(text);
}

/* The request */

/* Return: whether the server says yes. @text: what it says besides. */
static bool ask(enum vsb_wire_web what, char **words, char **text)
{
	/* name, secret, address */
	gsize name_len = strlen(words[1]) + 1, secret_len = strlen(words[2]) + 1;
	gsize len = name_len + secret_len + strlen(words[3]);
	g_autofree char *data = g_malloc(len);
	bool yes;

	memcpy(data, words[1], name_len);
	memcpy(data + name_len, words[2], secret_len);
	memcpy(data + name_len + secret_len, words[3], len - name_len - secret_len);
	vsb_link_send(&end.link, VSB_WIRE_WEB, CHANNEL, (gint32)what, data, len, -1);
	*text = vsb_link_verdict(&end.link, &yes);
	return *text && yes;
}

static void serve(char **words, guint nr)
{
	static const struct {
		const char *verb;
		guint words;
		enum vsb_wire_web what;
	} verbs[] = {
		{ "login", 4, VSB_WEB_LOGIN },
		{ "check", 4, VSB_WEB_USE },
		{ "logout", 4, VSB_WEB_LOGOUT },
		{ "vnc", 4, VSB_WEB_USE },
		{ "console", 6, VSB_WEB_USE },
	};
	g_autofree char *text = NULL;
	guint i = 0;

	while (nr && i < G_N_ELEMENTS(verbs) && strcmp(verbs[i].verb, words[0]))
		i++;
	if (!nr || i == G_N_ELEMENTS(verbs) || nr != verbs[i].words) {
		refuse("the web page asks what is not known here");
		return;
	}
	if (!ask(verbs[i].what, words, &text)) {
		refuse(text);
		return;
	}
	if (!strcmp(words[0], "console")) {
		start_console(words[1], words[4], words[5]);
	} else if (!strcmp(words[0], "vnc")) {
		start_vnc();
	} else {
		say("ok", text);
		finish();
	}
}

static bool read_request(void)
{
	g_auto(GStrv) words = NULL;
	char *newline;
	ssize_t n = recv(VSB_SESSION_SOCKET, end.line + end.line_len, LINE_MAX_LEN - end.line_len,
			 MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		return false;
	end.line_len += (gsize)n;
	newline = memchr(end.line, '\n', end.line_len);
	if (!newline && end.line_len < LINE_MAX_LEN)
		return true;
	end.asked = true;
	if (!newline || newline != end.line + end.line_len - 1 ||
	    memchr(end.line, '\0', end.line_len)) {
		refuse("the web page asks too much, or what is not known here");
		return true;
	}
	*newline = '\0';
	words = g_strsplit(end.line, " ", 8);
	serve(words, g_strv_length(words));
	return true;
}

/* Moves what can be moved. Return: false: it is over. */
static bool move(void)
{
	if (!end.asked && !read_request())
		return false;
	if (end.tty && !end.ending && !console_input())
		return false;
	if (end.vnc_fd >= 0 && !end.ending &&
	    (!fill(&end.in, VSB_SESSION_SOCKET) || !drain(&end.in, end.vnc_fd)))
		return false;
	/* What it has sent until it closes is passed on. */
	if (end.vnc_fd >= 0 && !end.ending && !fill(&end.out, end.vnc_fd))
		finish();
	if (end.tty && !end.ending)
		vsb_tty_pump(end.tty);
	return drain(&end.out, VSB_SESSION_SOCKET) && !(end.ending && !end.out.len);
}

static void run(void);

/* One shot: while there is nothing that can be done, a hang-up must not wake us. */
static gboolean on_event(gint fd, GIOCondition condition, gpointer data)
{
	guint which = GPOINTER_TO_UINT(data);

	end.watches[which] = 0;
	end.wanted[which] = 0;
	run();
	return G_SOURCE_REMOVE;
}

static void watch(guint which, int fd, GIOCondition wanted)
{
	if (wanted == end.wanted[which])
		return;
	g_clear_handle_id(&end.watches[which], g_source_remove);
	end.wanted[which] = wanted;
	if (wanted)
		end.watches[which] = g_unix_fd_add(fd, wanted, on_event, GUINT_TO_POINTER(which));
}

static void run(void)
{
	GIOCondition gateway = 0, vnc = 0;

	end.over |= !move();
	if (end.over) {
		g_main_loop_quit(end.loop);
		return;
	}
	if (end.out.len)
		gateway |= G_IO_OUT;
	if (end.ending)
		;
	else if (!end.asked || (end.tty && vsb_tty_room(end.tty)) ||
		 (end.vnc_fd >= 0 && vsb_ring_room(&end.in)))
		gateway |= G_IO_IN;
	if (end.vnc_fd >= 0 && !end.ending)
		vnc = (end.in.len ? G_IO_OUT : 0) | (vsb_ring_room(&end.out) ? G_IO_IN : 0);
	watch(0, VSB_SESSION_SOCKET, gateway);
	watch(1, end.vnc_fd, vnc);
}

/* The server's side */

static void on_link_message(struct vsb_link *link, const struct vsb_wire *wire, gsize len, int fd)
{
	if (wire->type == VSB_WIRE_PING) {
		vsb_link_send(link, VSB_WIRE_PONG, 0, 0, NULL, 0, -1);
	} else if (wire->type == VSB_WIRE_VNC_GO && fd >= 0 && end.vnc && end.vnc_fd < 0) {
		say("ok", NULL);
		end.vnc_fd = fd;
		fd = -1;
	} else if (wire->type == VSB_WIRE_VNC_END) {
		if (end.vnc_fd < 0)
			refuse((const char *)wire->data);
		finish();
	} else if (end.tty) {
		vsb_tty_message(end.tty, wire, len);
	}
	if (fd >= 0)
		close(fd);
	run();
}

static void on_link_lost(struct vsb_link *link, const char *why)
{
	g_main_loop_quit(end.loop);
}

static const struct vsb_link_ops link_ops = {
	.message = on_link_message,
	.lost = on_link_lost,
};

int vsb_webend_main(void)
{
	g_autoptr(GError) error = NULL;

	setlocale(LC_ALL, "C");
	signal(SIGPIPE, SIG_IGN);
	close(VSB_SESSION_KEY);
	end.vnc_fd = -1;
	vsb_ring_init(&end.out, RING);
	vsb_ring_init(&end.in, RING);
	end.loop = g_main_loop_new(NULL, FALSE);
	vsb_link_init(&end.link, VSB_SESSION_LINK, &link_ops);
	vsb_link_hello(&end.link);
	if (!vsb_sandbox_session(&error)) {
		vsb_link_refused(&end.link, "%s", error->message);
		return 1;
	}
	run();
	if (!end.over)
		g_main_loop_run(end.loop);
	g_clear_pointer(&end.tty, vsb_tty_free);
	vsb_link_clear(&end.link);
	return 0;
}
