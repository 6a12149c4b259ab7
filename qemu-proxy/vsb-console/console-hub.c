// SPDX-License-Identifier: GPL-2.0
/* The console of one user VM: backlog, writer and watchers. */
#include "console-hub.h"
#include "console-log.h"

#include <gio/gio.h>
#include <string.h>

static guint64 last_id;

struct vsb_hub *vsb_hub_new(const char *name, const struct vsb_hub_ops *ops, void *owner)
{
	struct vsb_hub *hub = g_new0(struct vsb_hub, 1);

	hub->name = g_strdup(name);
	hub->ops = ops;
	hub->owner = owner;
	vsb_ring_init(&hub->backlog, VSB_BACKLOG_SIZE);
	vsb_ring_init(&hub->tx, VSB_TX_SIZE);
	hub->generation = -1;
	return hub;
}

/* All clients must have been detached. */
void vsb_hub_free(struct vsb_hub *hub)
{
	g_assert(!hub->clients);
	vsb_ring_clear(&hub->backlog);
	vsb_ring_clear(&hub->tx);
	g_free(hub->state);
	g_free(hub->name);
	g_free(hub);
}

/* Notices: lines of our own in brackets, to persons only, never to programs. */

struct head {
	guint32 what;		/* enum vsb_show */
	guint32 len;
};

/* Return: whether there was room. */
static bool show(struct vsb_client *client, enum vsb_show what, const void *data, gsize len)
{
	struct head head = { what, (guint32)len };

	if (!len || vsb_ring_room(&client->out) < sizeof(head) + len)
		return false;
	vsb_ring_put(&client->out, &head, sizeof(head));
	vsb_ring_put(&client->out, data, len);
	client->ops->wake_output(client);
	return true;
}

bool vsb_hub_has_output(const struct vsb_client *client)
{
	return client->hub && (client->now_len || client->out.len);
}

/*
 * Takes what is to be shown next, up to @max bytes of it.
 *
 * Return: how many; 0: nothing is there, or a notice that is longer than @max.
 */
gsize vsb_hub_take(struct vsb_client *client, enum vsb_show *what, void *data, gsize max,
		   gsize *left)
{
	struct head head;
	gsize len;

	if (!vsb_hub_has_output(client))
		return 0;
	if (!client->now_len) {
		vsb_ring_copy(&client->out, &head, sizeof(head));
		vsb_ring_skip(&client->out, sizeof(head));
		client->now = head.what;
		client->now_len = head.len;
	}
	len = MIN(max, client->now_len);
	if (client->now == VSB_SHOW_NOTICE && len < client->now_len)
		return 0;
	vsb_ring_copy(&client->out, data, len);
	vsb_ring_skip(&client->out, len);
	client->now_len -= len;
	*what = client->now;
	*left = client->now_len;
	return len;
}

static void G_GNUC_PRINTF(2, 3) notice(struct vsb_client *client, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	if (client->mode != VSB_MODE_CONSOLE)
		return;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_strchomp(text);
	/* Half a notice would read worse than none. */
	show(client, VSB_SHOW_NOTICE, text, MIN(strlen(text), VSB_NOTICE_MAX));
}

static void notice_all(struct vsb_hub *hub, const struct vsb_client *except, const char *text)
{
	for (GList *l = hub->clients; l; l = l->next) {
		if (l->data != except)
			notice(l->data, "%s", text);
	}
}

void vsb_hub_notice_to(struct vsb_hub *hub, guint64 id, const char *text)
{
	for (GList *l = hub->clients; l; l = l->next) {
		struct vsb_client *client = l->data;

		if (client->id == id)
			notice(client, "%s", text);
	}
}

/* Return: the words for a state of Documentation/protocols.rst; NULL: unknown. */
const char *vsb_hub_state_text(const char *state)
{
	if (!state)
		return "state unknown: vsbypassd does not answer, is it running? Until it does nothing passes";
	if (!strcmp(state, "bound"))
		return "bound: its serial port is served by this host";
	if (!strcmp(state, "stopped"))
		return "stopped: the hypervisor that runs it has changed its registers behind its veil, so it executes nothing any more until it is reset";
	if (!strcmp(state, "waiting"))
		return "not bound yet: its proxy waits for the first access of the user VM; it will appear here";
	if (!strcmp(state, "starting"))
		return "not bound yet: its proxy is starting; it will appear here";
	if (!strcmp(state, "absent"))
		return "not bound: vsbypassd serves no user VM of this name now; it will appear here when a cloud VM with it is attached";
	if (!strcmp(state, "domain"))
		return "served by a domain of libvirt: its console is there, 'virsh console'; it will appear here when that ends";
	return "in a state that this vsb-console does not know";
}

static void forget_backlog(struct vsb_hub *hub)
{
	vsb_ring_skip(&hub->backlog, hub->backlog.len);
	hub->before = (struct vsb_modes){ 0 };
}

/* What has become of the user VM of before. */
static const char *another_text(const char *state)
{
	if (!g_strcmp0(state, "bound"))
		return "from here on it is another user VM";
	return "the user VM of before has ended; the next one of this name will appear here";
}

/* Tells the clients when what vsbypassd says of the user VM has changed, in one line. */
void vsb_hub_set_state(struct vsb_hub *hub, const char *state, gint64 generation)
{
	bool news = !hub->asked || g_strcmp0(hub->state, state), another = false;
	const char *text = vsb_hub_state_text(state);

	/* What the last user VM wrote is not for the clients of this one. */
	if (generation >= 0 && generation != hub->generation) {
		forget_backlog(hub);
		hub->lost = 0;
		another = hub->generation >= 0;
		hub->generation = generation;
	}
	if (generation >= 0 && hub->up && !hub->checked) {
		hub->checked = true;
		if (hub->writer)
			hub->writer->ops->wake_input(hub->writer);
		hub->ops->update(hub);
		if (hub->back && !g_strcmp0(state, "bound"))
			text = hub->back;
		news |= hub->back != NULL;
		hub->back = NULL;
	}
	if (another)
		text = another_text(state);
	hub->asked = true;
	if (news) {
		g_free(hub->state);
		hub->state = g_strdup(state);
	}
	/* That it starts is part of that it is away, which was told. */
	if ((news || another) && (hub->up || g_strcmp0(state, "starting")))
		notice_all(hub, NULL, text);
}

void vsb_hub_set_lost(struct vsb_hub *hub, gint64 lost)
{
	g_autofree char *text = NULL;

	if (lost <= hub->lost || !hub->checked)
		return;
	text = g_strdup_printf("while nobody was attached the last 64 KiB were kept: %"
			       G_GINT64_FORMAT " bytes from before that are missing here",
			       lost - hub->lost);
	hub->lost = lost;
	notice_all(hub, NULL, text);
}

/* It is reset at once, mostly: the state of before is seen then, and no other. */
void vsb_hub_set_stops(struct vsb_hub *hub, gint64 stops)
{
	if (stops > hub->stops && hub->stops_known)
		notice_all(hub, NULL, "the hypervisor that runs it has changed its registers behind its veil: it was stopped, and what it had in its memory has not been told");
	hub->stops = stops;
	hub->stops_known = true;
}

static void finish(struct vsb_client *client, int status, const char *text);

/* Tells the clients, and takes back what waits to be sent to one who is not proved. */
void vsb_hub_set_identity(struct vsb_hub *hub, enum vsb_identity identity)
{
	if (hub->identity == identity)
		return;
	hub->identity = identity;
	if (vsb_identity_text(identity))
		notice_all(hub, NULL, vsb_identity_text(identity));
	if (identity != VSB_IDENTITY_MISSING)
		return;
	vsb_ring_skip(&hub->tx, hub->tx.len);
	for (GList *l = hub->clients; l; l = l->next) {
		struct vsb_client *client = l->data;

		client->told_unproved = false;
		if (client->mode == VSB_MODE_RAW)
			finish(client, 1, vsb_identity_text(identity));
	}
	if (hub->writer)
		hub->writer->ops->wake_input(hub->writer);
	hub->ops->update(hub);
}

/*
 * Lets a client go. It stops to write at once, so that a user VM does not wait
 * for the rest of its queue.
 */
static void finish(struct vsb_client *client, int status, const char *text)
{
	struct vsb_hub *hub = client->hub;

	if (client->finishing)
		return;
	client->finishing = true;
	client->ops->finish(client, status, text);
	if (hub->writer == client) {
		hub->writer = NULL;
		notice_all(hub, client, "nobody writes now; Ctrl-E c a to write");
		hub->ops->update(hub);
	}
}

/*
 * It begins anywhere, also within a character or an escape sequence. So first what makes
 * a terminal as it was there; and what belongs to something from before is left out.
 */
static void send_backlog(struct vsb_client *client)
{
	struct vsb_hub *hub = client->hub;
	g_autoptr(GByteArray) all = g_byte_array_new();
	g_autofree guint8 *data = g_malloc(hub->backlog.len + 1);
	gsize len = hub->backlog.len, skip;

	if (!len)
		return;
	vsb_ring_copy(&hub->backlog, data, len);
	skip = vsb_modes_finish(&hub->before, data, len);
	vsb_modes_describe(&hub->before, all);
	g_byte_array_append(all, data + skip, (guint)(len - skip));
	/* A client that is behind gets what was skipped with its notice. */
	if (vsb_ring_room(&client->out) >= all->len + VSB_NOTICE_RESERVE)
		show(client, VSB_SHOW_BACKLOG, all->data, all->len);
}

static void set_writer(struct vsb_hub *hub, struct vsb_client *client)
{
	struct vsb_client *old = hub->writer;
	g_autofree char *text = NULL;

	if (old == client)
		return;
	hub->writer = client;
	if (client) {
		client->told_readonly = false;
		client->told_down = false;
		client->ops->wake_input(client);
		vsb_log("'%s': %s writes", hub->name, client->who);
	}
	if (old && client) {
		text = g_strdup_printf("%s has taken over writing; you watch", client->who);
		notice(old, "%s", text);
		/* A program's input must arrive whole or fail. */
		if (old->mode == VSB_MODE_RAW)
			finish(old, 1, text);
	}
	/* Whether the character device is read depends on who writes. */
	hub->ops->update(hub);
}

static void greet(struct vsb_client *client)
{
	struct vsb_hub *hub = client->hub;

	send_backlog(client);
	if (hub->writer != client)
		notice(client, "console busy: %s writes; you watch, Ctrl-E c f takes over",
		       hub->writer->who);
	if (hub->asked && g_strcmp0(hub->state, "bound"))
		notice(client, "%s", vsb_hub_state_text(hub->state));
	if (vsb_identity_text(hub->identity))
		notice(client, "%s", vsb_identity_text(hub->identity));
	if (!hub->up)
		notice(client, "%s", hub->ever_up ?
		       "the proxy is away; waiting for it" :
		       "no proxy has been here yet; waiting for it");
}

/*
 * The first client writes, further ones watch.
 *
 * Return: FALSE if there are too many, or if a program cannot have what it
 * needs (writing, a character device).
 */
gboolean vsb_hub_attach(struct vsb_hub *hub, struct vsb_client *client, GError **error)
{
	const char *cause = NULL;

	if (g_list_length(hub->clients) >= VSB_HUB_MAX_CLIENTS)
		cause = "console busy: it has 8 clients already; end one of them first";
	else if (client->mode == VSB_MODE_RAW && hub->writer)
		cause = "console busy: another client writes; end it, or use 'watch' to read only";
	else if (client->mode == VSB_MODE_RAW && !hub->up)
		cause = "no proxy is here to take the bytes; try again when the user VM is attached";
	else if (client->mode == VSB_MODE_RAW && hub->identity == VSB_IDENTITY_MISSING)
		cause = vsb_identity_text(hub->identity);
	if (cause) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_BUSY, cause);
		return FALSE;
	}
	vsb_ring_init(&client->out, VSB_QUEUE_SIZE);
	client->hub = hub;
	client->now_len = 0;
	client->id = ++last_id;
	client->skipped = 0;
	client->finishing = client->told_readonly = client->told_down = false;
	client->told_unproved = false;
	hub->clients = g_list_append(hub->clients, client);
	if (!hub->writer && client->mode != VSB_MODE_WATCH)
		set_writer(hub, client);
	if (client->mode == VSB_MODE_CONSOLE)
		greet(client);
	return TRUE;
}

/* The client is gone. Nobody else begins to write unasked: keys go astray. */
void vsb_hub_detach(struct vsb_client *client)
{
	struct vsb_hub *hub = client->hub;

	if (!hub)
		return;
	hub->clients = g_list_remove(hub->clients, client);
	client->hub = NULL;
	vsb_ring_clear(&client->out);
	if (hub->writer == client) {
		set_writer(hub, NULL);
		notice_all(hub, NULL, "nobody writes now; Ctrl-E c a to write");
	}
}

/* Return: a list of who is attached, for a person. */
char *vsb_hub_who(const struct vsb_hub *hub)
{
	GString *text = g_string_new(NULL);

	for (GList *l = hub->clients; l; l = l->next) {
		struct vsb_client *client = l->data;

		g_string_append_printf(text, "%s %s\r\n",
				       client == hub->writer ? "writes " : "watches", client->who);
	}
	return g_string_free(text, FALSE);
}

/* What a person asks for with the escape sequence; @key: of VSB_CMD_SYSRQ. */
void vsb_hub_command(struct vsb_client *client, enum vsb_command command, char key)
{
	struct vsb_hub *hub = client->hub;
	g_autofree char *text = NULL;

	/* SSH has a break for programs as well. */
	if (!hub || client->finishing ||
	    (client->mode != VSB_MODE_CONSOLE && command != VSB_CMD_BREAK))
		return;
	switch (command) {
	case VSB_CMD_DISCONNECT:
		notice(client, "disconnected");
		finish(client, 0, NULL);
		return;
	case VSB_CMD_WHO:
		text = vsb_hub_who(hub);
		notice(client, "attached\r\n%s%s", text, hub->up ? "" : "(no proxy)\r\n");
		return;
	case VSB_CMD_REPLAY:
		notice(client, "replay");
		send_backlog(client);
		return;
	case VSB_CMD_ATTACH:
		if (hub->writer && hub->writer != client) {
			notice(client, "console busy: %s writes; Ctrl-E c f takes over",
			       hub->writer->who);
			return;
		}
		/* fall through */
	case VSB_CMD_FORCE:
		set_writer(hub, client);
		notice(client, "you write");
		return;
	case VSB_CMD_SPY:
		if (hub->writer == client) {
			set_writer(hub, NULL);
			notice_all(hub, client, "nobody writes now; Ctrl-E c a to write");
		}
		notice(client, "you watch");
		return;
	case VSB_CMD_BREAK:
		if (hub->writer != client) {
			notice(client, "you watch: no break sent; Ctrl-E c f takes over");
			return;
		}
		hub->ops->send_break(hub, client->id);
		return;
	case VSB_CMD_SYSRQ:
		if (hub->writer != client) {
			notice(client, "you watch: no SysRq sent; Ctrl-E c f takes over");
			return;
		}
		hub->ops->send_sysrq(hub, client->id, key);
		return;
	default:		/* the others are the session's */
		return;
	}
}

/* Bytes for the user VM. hub->tx has room for them. */
static void type_bytes(struct vsb_client *client, const guint8 *data, gsize len)
{
	struct vsb_hub *hub = client->hub;

	if (!len)
		return;
	if (hub->writer != client) {
		if (!client->told_readonly)
			notice(client, "you watch: what you type goes nowhere; Ctrl-E c ? for help");
		client->told_readonly = true;
		return;
	}
	if (!hub->checked) {
		if (!client->told_down)
			notice(client, hub->up ?
			       "vsbypassd has not said yet whose console it is: what you type is dropped" :
			       "the proxy is away: what you type is dropped");
		client->told_down = true;
		return;
	}
	if (hub->identity == VSB_IDENTITY_MISSING) {
		if (!client->told_unproved)
			notice(client, "the user VM has not proved who it is: what you type is dropped");
		client->told_unproved = true;
		return;
	}
	vsb_ring_put(&hub->tx, data, len);
}

/*
 * Bytes that a client wants to have typed. A full hub->tx holds up the one that writes
 * alone.
 *
 * Return: how many were taken. ops->wake_input() follows when it was not all.
 */
gsize vsb_hub_input(struct vsb_client *client, const guint8 *data, gsize len)
{
	struct vsb_hub *hub = client->hub;
	gsize used = len;

	if (client->mode == VSB_MODE_WATCH || client->finishing)
		return len;
	if (client->mode == VSB_MODE_RAW) {
		used = hub->writer == client && hub->checked ? vsb_ring_put(&hub->tx, data, len) : 0;
	} else {
		if (hub->writer == client)
			used = MIN(len, vsb_ring_room(&hub->tx));
		type_bytes(client, data, used);
	}
	hub->ops->update(hub);
	return used;
}

/* The session has sent all that was queued. */
void vsb_hub_drained(struct vsb_client *client)
{
	guint64 skipped = client->skipped;

	if (!client->hub)
		return;
	if (skipped) {
		client->skipped = 0;
		/* An escape sequence may have been cut: CAN ends it (ECMA-48 8.3.6, VT500's parser). */
		if (client->mode == VSB_MODE_CONSOLE)
			show(client, VSB_SHOW_OUTPUT, "\x18", 1);
		notice(client, "you were too slow: %" G_GUINT64_FORMAT " bytes were skipped here; Ctrl-E c r replays the last output",
		       skipped);
	}
	client->hub->ops->update(client->hub);
}

/*
 * The client has taken nothing for long. A user VM must not wait for ever for
 * a person who closed the lid, so writing is taken away and output flows.
 */
void vsb_hub_stalled(struct vsb_client *client)
{
	struct vsb_hub *hub = client->hub;

	if (!hub || hub->writer != client)
		return;
	vsb_log("'%s': %s takes no output, writing is taken away", hub->name, client->who);
	notice(client, "you took no output for long: writing was taken away, you watch");
	if (client->mode == VSB_MODE_RAW) {
		finish(client, 1, "you took no output for long");
		return;
	}
	set_writer(hub, NULL);
	notice_all(hub, client, "nobody writes now; Ctrl-E c a to write");
}

/* Return: how many bytes may be given to vsb_hub_output() now. */
gsize vsb_hub_output_room(const struct vsb_hub *hub)
{
	gsize room;

	if (!hub->checked)
		return 0;
	if (!hub->writer)
		return VSB_BACKLOG_SIZE;
	if (hub->writer->skipped)
		return 0;
	room = vsb_ring_room(&hub->writer->out);
	return room > VSB_NOTICE_RESERVE ? room - VSB_NOTICE_RESERVE : 0;
}

/* The oldest bytes make room; what they have made of a terminal is not forgotten. */
static void remember(struct vsb_hub *hub, const guint8 *data, gsize len)
{
	gsize room = vsb_ring_room(&hub->backlog);
	gsize go = len > room ? MIN(len - room, hub->backlog.len) : 0;

	while (go) {
		gsize n;
		const guint8 *old = vsb_ring_peek(&hub->backlog, &n);

		n = MIN(n, go);
		vsb_modes_feed(&hub->before, old, n);
		vsb_ring_skip(&hub->backlog, n);
		go -= n;
	}
	if (len > hub->backlog.size)
		vsb_modes_feed(&hub->before, data, len - hub->backlog.size);
	vsb_ring_overwrite(&hub->backlog, data, len);
}

/*
 * Into the backlog. Of a user VM that is not proved NULs come in place of its bytes;
 * they are of no use later. Bytes that do not fit what is known of it are a sign that
 * this is old.
 */
static void keep(struct vsb_hub *hub, const guint8 *data, gsize len)
{
	const guint8 *end = data + len, *nul;
	bool missing = hub->identity == VSB_IDENTITY_MISSING, any = false;

	if (!missing)
		remember(hub, data, len);
	for (; data < end; data = nul + 1) {
		nul = memchr(data, 0, end - data);
		nul = nul ? nul : end;
		any |= nul > data;
		if (missing)
			remember(hub, data, (gsize)(nul - data));
	}
	if (any == missing && hub->identity != VSB_IDENTITY_FIRST_SEEN &&
	    hub->identity != VSB_IDENTITY_PROVED)
		hub->ops->ask_identity(hub);
}

/* Bytes from the user VM. */
void vsb_hub_output(struct vsb_hub *hub, const guint8 *data, gsize len)
{
	keep(hub, data, len);
	for (GList *l = hub->clients; l; l = l->next) {
		struct vsb_client *client = l->data;

		if (client->finishing)
			continue;
		/* The reserve has room for the head. */
		if (!client->skipped &&
		    vsb_ring_room(&client->out) >= len + VSB_NOTICE_RESERVE &&
		    show(client, VSB_SHOW_OUTPUT, data, len))
			continue;
		client->skipped += len;
		if (client->mode != VSB_MODE_CONSOLE)
			finish(client, 1, "you were too slow, output is missing from here on");
	}
}

/* The character device has taken @len bytes of hub->tx. */
void vsb_hub_tx_done(struct vsb_hub *hub, gsize len)
{
	vsb_ring_skip(&hub->tx, len);
	if (hub->writer)
		hub->writer->ops->wake_input(hub->writer);
}

/* The character device came or went: the proxy was started, or died. */
void vsb_hub_link(struct vsb_hub *hub, bool up)
{
	gsize lost = hub->tx.len;

	if (hub->up == up)
		return;
	hub->up = up;
	hub->checked = false;
	hub->waits = false;
	vsb_ring_skip(&hub->tx, lost);
	/* What is there is told when it is known, see vsb_hub_set_state(). */
	if (up) {
		hub->back = hub->ever_up ? "the proxy is back" : "the proxy is here";
		hub->ever_up = true;
		return;
	}
	notice_all(hub, NULL, "the proxy is away; waiting for it");
	for (GList *l = hub->clients; l; l = l->next) {
		struct vsb_client *client = l->data;

		client->told_down = false;
		if (client->mode == VSB_MODE_RAW)
			finish(client, 1, "the proxy went away, bytes may be missing");
	}
	if (hub->writer) {
		if (lost)
			notice(hub->writer, "%" G_GSIZE_FORMAT " typed bytes were not delivered", lost);
		hub->writer->ops->wake_input(hub->writer);
	}
}
