// SPDX-License-Identifier: GPL-2.0
/* A channel of an SSH connection, on the server's side of the link. */
#include "console-channel.h"
#include "console-control.h"
#include "console-log.h"
#include "console-vnc.h"
#include "console-web.h"
#include "console-keys.h"
#include "error.h"

#include <string.h>

/**
 * struct vsb_channel - see console-channel.h
 * @used:	it is something already
 * @client:	of a hub
 * @id:		never used again, for answers that come late
 * @pending:	input that the hub did not take
 * @taken:	input that the hub took, and the process has no credit for yet
 * @owed:	bytes that the process was sent and has not passed on
 * @progress:	server->seconds when it last did
 * @leaving:	what is still in the hub's queue goes, then @status and @words
 * @left:	they have gone
 * @stdout_words: @words are an answer, no error
 */
struct vsb_channel {
	struct vsb_channel_owner *owner;
	guint number;
	bool used;
	struct vsb_client client;
	guint64 id;
	guint8 pending[VSB_INPUT_CREDIT];
	gsize pending_len;
	gsize taken;
	gsize owed;
	guint progress;
	bool leaving;
	bool left;
	int status;
	char *words;
	bool stdout_words;
	struct vsb_vnc *vnc;
};

static guint64 last_id;

static void leave(struct vsb_channel *channel, int status, const char *words, bool to_stdout)
{
	if (channel->leaving)
		return;
	channel->leaving = true;
	channel->status = status;
	channel->words = g_strdup(words);
	channel->stdout_words = to_stdout;
	channel->owner->wake(channel->owner);
}

static void leave_hub(struct vsb_channel *channel)
{
	if (!channel->client.hub)
		return;
	vsb_log("'%s': detached: %s", channel->owner->console, channel->owner->who);
	vsb_hub_detach(&channel->client);
}

/* The hub's requests */

static struct vsb_channel *channel_of(struct vsb_client *client)
{
	return (struct vsb_channel *)((char *)client - G_STRUCT_OFFSET(struct vsb_channel, client));
}

static void on_wake(struct vsb_client *client)
{
	struct vsb_channel *channel = channel_of(client);

	channel->owner->wake(channel->owner);
}

static void on_finish(struct vsb_client *client, int status, const char *text)
{
	leave(channel_of(client), status, text, false);
}

static const struct vsb_client_ops client_ops = {
	.wake_output = on_wake,
	.wake_input = on_wake,
	.finish = on_finish,
};

static void attach(struct vsb_channel *channel, enum vsb_client_mode mode)
{
	struct vsb_channel_owner *owner = channel->owner;
	g_autoptr(GError) error = NULL;
	struct vsb_hub *hub = vsb_server_console(owner->server, owner->console, &error);

	channel->client.ops = &client_ops;
	channel->client.who = owner->who;
	channel->client.mode = mode;
	if (!hub) {
		leave(channel, 1, error->message, false);
		return;
	}
	/* Before what the hub has to say. */
	vsb_link_send(owner->link, VSB_WIRE_ATTACHED, channel->number, 0, NULL, 0, -1);
	vsb_server_connect(owner->server, hub);
	if (!vsb_hub_attach(hub, &channel->client, &error)) {
		vsb_log("'%s': %s is not attached: %s", owner->console, owner->who,
			error->message);
		leave(channel, 1, error->message, false);
		return;
	}
	channel->progress = owner->server->seconds;
	vsb_log("'%s': attached: %s%s", owner->console, owner->who,
		mode == VSB_MODE_RAW ? ", raw" : mode == VSB_MODE_WATCH ? ", only watching" : "");
	vsb_server_ask_state(owner->server);
}

/* A question to vsbypassd; the channel may be gone when the answer comes. */
struct call {
	struct vsb_server *server;
	guint64 id;
};

static void call_daemon(struct vsb_channel *channel, const char *execute, const char *console,
			vsb_control_done done)
{
	struct call *call = g_new(struct call, 1);

	*call = (struct call){ channel->owner->server, channel->id };
	vsb_control_call(call->server->control_path, execute, console, NULL, done, call);
}

/* Return: the channel of @data, which is freed, or NULL. */
static struct vsb_channel *channel_of_call(gpointer data)
{
	g_autofree struct call *call = data;

	return g_hash_table_lookup(call->server->channels, &call->id);
}

static void on_status(JsonObject *reply, const char *error, gpointer data)
{
	struct vsb_channel *channel = channel_of_call(data);
	g_autofree char *state = NULL, *who = NULL, *text = NULL;
	struct vsb_channel_owner *owner;
	const char *identity;
	struct vsb_hub *hub;

	if (!channel)
		return;
	owner = channel->owner;
	hub = vsb_server_console(owner->server, owner->console, NULL);
	who = hub ? vsb_hub_who(hub) : g_strdup("");
	if (reply)
		state = vsb_control_uservm_state(reply, owner->uservm);
	identity = vsb_identity_text(vsb_identity_of(reply, owner->uservm));
	text = g_strdup_printf("%s: %s\r\n%s%sproxy: %s\r\nattached: %s%s", owner->console,
			       reply ? vsb_hub_state_text(state) : error,
			       identity ? identity : "", identity ? "\r\n" : "",
			       hub && hub->up ? "connected" : "away",
			       *who ? "\r\n" : "nobody\r\n", who);
	leave(channel, reply ? 0 : 1, text, true);
}

static void on_break(JsonObject *reply, const char *error, gpointer data)
{
	struct vsb_channel *channel = channel_of_call(data);
	g_autofree char *text = NULL;

	if (!channel)
		return;
	text = reply ? NULL : g_strdup_printf("no break sent: %s", error);
	vsb_log("'%s': %s: %s", channel->owner->console, channel->owner->who,
		text ? text : "break sent");
	leave(channel, reply ? 0 : 1, text, false);
}

static void on_revealed(JsonObject *reply, const char *error, gpointer data)
{
	struct vsb_channel *channel = channel_of_call(data);
	gint64 seconds = reply ? json_object_get_int_member_with_default(reply, "seconds", 0) : 0;
	g_autofree char *text = NULL;

	if (!channel)
		return;
	text = !reply ? g_strdup(error) : seconds ?
	       g_strdup_printf("the host may read what is behind the veil for %" G_GINT64_FORMAT
			       " minutes from now; 'conceal' ends that\r\n", seconds / 60) :
	       g_strdup("nothing more behind the veil is to be read; who reads it already may go on "
			"until he is through\r\n");
	vsb_log("'%s': %s: %s", channel->owner->console, channel->owner->who,
		!reply ? error : seconds ? "revealed" : "concealed");
	leave(channel, reply ? 0 : 1, text, reply != NULL);
}

static void ask_web(struct vsb_channel *channel)
{
	struct vsb_channel_owner *owner = channel->owner;
	g_autoptr(GError) error = NULL;
	g_autofree char *link = NULL, *text = NULL;

	if (owner->server->web)
		link = vsb_web_link(owner->server->web, owner->console, owner->uservm, owner->key,
				    &error);
	else
		g_set_error(&error, VSB_ERROR, VSB_ERROR_FAILED,
			    "there is no web page on this host (package vsb-web)");
	vsb_log("'%s': %s: %s%s", owner->console, owner->who,
		link ? "link to the web page given" : "no link to the web page: ",
		link ? "" : error->message);
	text = link ? g_strdup_printf("%s\r\n", link) : NULL;
	leave(channel, link ? 0 : 1, link ? text : error->message, link != NULL);
}

static const char *ask(struct vsb_channel *channel, gint32 question)
{
	struct vsb_channel_owner *owner = channel->owner;
	g_autoptr(GError) error = NULL;
	struct vsb_hub *hub = vsb_server_console(owner->server, owner->console, &error);

	if (question < 0 || question >= VSB_ASK_QUESTIONS)
		return "it asks what nobody asks";
	if (question == VSB_ASK_WEB)
		ask_web(channel);
	else if (question == VSB_ASK_REVEAL || question == VSB_ASK_CONCEAL)
		call_daemon(channel, question == VSB_ASK_REVEAL ? "reveal" : "conceal", owner->uservm,
			    on_revealed);
	else if (!hub)
		leave(channel, 1, error->message, false);
	else if (question == VSB_ASK_STATUS)
		call_daemon(channel, "status", NULL, on_status);
	else if (hub->writer)
		leave(channel, 1, "console busy: another client writes; no break sent", false);
	else
		call_daemon(channel, "send-break", owner->console, on_break);
	return NULL;
}

/* VNC */

static void on_vnc_allowed(struct vsb_vnc *vnc, int fd, gpointer data)
{
	struct vsb_channel *channel = data;

	vsb_link_send(channel->owner->link, VSB_WIRE_VNC_GO, channel->number, 0, NULL, 0, fd);
}

static void on_vnc_ended(struct vsb_vnc *vnc, const char *why, gpointer data)
{
	struct vsb_channel *channel = data;

	vsb_link_text(channel->owner->link, VSB_WIRE_VNC_END, channel->number, 0, why);
	channel->left = true;
}

static const struct vsb_vnc_ops vnc_ops = { on_vnc_allowed, on_vnc_ended };

static void start_vnc(struct vsb_channel *channel)
{
	struct vsb_channel_owner *owner = channel->owner;
	g_autoptr(GError) error = NULL;

	channel->vnc = strcmp(owner->console, owner->uservm) ? NULL :
		       vsb_vnc_new(owner->server, owner->uservm, owner->who, &vnc_ops, channel,
				   &error);
	if (!channel->vnc && !error)
		g_set_error(&error, VSB_KEYS_ERROR, 0,
			    "keyboard and mouse are those of '%s': log in as that", owner->uservm);
	if (!channel->vnc) {
		vsb_log("'%s': VNC refused: %s: %s", owner->console, owner->who, error->message);
		channel->left = true;
	}
	vsb_link_text(owner->link, VSB_WIRE_VERDICT, channel->number, channel->vnc != NULL,
		      error ? error->message : NULL);
}

/* Life */

struct vsb_channel *vsb_channel_new(struct vsb_channel_owner *owner, guint number)
{
	struct vsb_channel *channel = g_new0(struct vsb_channel, 1);

	channel->owner = owner;
	channel->number = number;
	channel->id = ++last_id;
	g_hash_table_insert(owner->server->channels, &channel->id, channel);
	return channel;
}

void vsb_channel_free(struct vsb_channel *channel)
{
	if (!channel)
		return;
	leave_hub(channel);
	g_clear_pointer(&channel->vnc, vsb_vnc_free);
	g_hash_table_remove(channel->owner->server->channels, &channel->id);
	g_free(channel->words);
	g_free(channel);
}

bool vsb_channel_attached(const struct vsb_channel *channel)
{
	return channel->client.hub != NULL;
}

void vsb_channel_expel(struct vsb_channel *channel, const char *text)
{
	leave_hub(channel);
	if (channel->vnc) {
		/* First the reason, see end() of console-vnc.c. */
		vsb_link_text(channel->owner->link, VSB_WIRE_VNC_END, channel->number, 0, text);
		g_clear_pointer(&channel->vnc, vsb_vnc_free);
		channel->left = true;
	}
	leave(channel, 1, text, false);
}

void vsb_channel_check_hub(struct vsb_channel *channel)
{
	struct vsb_channel_owner *owner = channel->owner;
	g_autoptr(GError) error = NULL;
	struct vsb_hub *hub;

	if (!channel->client.hub || channel->leaving)
		return;
	hub = vsb_server_console(owner->server, owner->console, &error);
	if (hub != channel->client.hub)
		vsb_channel_expel(channel, hub ? "its COM ports are others now: connect again" :
				  error->message);
}

/* What passes */

static void run_input(struct vsb_channel *channel)
{
	gsize used;

	if (!channel->pending_len)
		return;
	used = channel->client.hub && !channel->leaving ?
	       vsb_hub_input(&channel->client, channel->pending, channel->pending_len) :
	       channel->pending_len;
	if (!used)
		return;
	channel->pending_len -= used;
	memmove(channel->pending, channel->pending + used, channel->pending_len);
	/* Not for each key: it can send as much again before it waits. */
	channel->taken += used;
	if (channel->taken < VSB_INPUT_CREDIT / 2)
		return;
	vsb_link_send(channel->owner->link, VSB_WIRE_CREDIT, channel->number, (gint32)channel->taken,
		      NULL, 0, -1);
	channel->taken = 0;
}

static void run_output(struct vsb_channel *channel)
{
	static const enum vsb_wire_type types[] = {
		[VSB_SHOW_OUTPUT] = VSB_WIRE_OUTPUT,
		[VSB_SHOW_BACKLOG] = VSB_WIRE_BACKLOG,
		[VSB_SHOW_NOTICE] = VSB_WIRE_NOTICE,
	};
	struct vsb_link *link = channel->owner->link;
	guint8 data[VSB_WIRE_DATA];
	enum vsb_show what;
	bool any = false;
	gsize len, left;

	while (channel->owed + sizeof(data) <= VSB_OUTPUT_CREDIT && vsb_link_idle(link) &&
	       (len = vsb_hub_take(&channel->client, &what, data, sizeof(data), &left))) {
		vsb_link_send(link, types[what], channel->number, (gint32)left, data, len, -1);
		channel->owed += len;
		any = true;
	}
	if (any && channel->client.hub)
		channel->client.hub->ops->update(channel->client.hub);
}

void vsb_channel_run(struct vsb_channel *channel)
{
	struct vsb_channel_owner *owner = channel->owner;

	run_input(channel);
	run_output(channel);
	if (!channel->leaving || channel->left || vsb_hub_has_output(&channel->client))
		return;
	channel->left = true;
	leave_hub(channel);
	/* In pieces: a list of clients may be long. */
	for (const char *text = channel->words; text && strlen(text) > VSB_WIRE_DATA;
	     text = channel->words) {
		char *rest = g_strdup(text + VSB_WIRE_DATA);

		vsb_link_send(owner->link, VSB_WIRE_OUTPUT, channel->number, 0, text,
			      VSB_WIRE_DATA, -1);
		channel->owed += VSB_WIRE_DATA;
		g_free(channel->words);
		channel->words = rest;
	}
	vsb_link_text(owner->link, channel->stdout_words ? VSB_WIRE_ANSWER : VSB_WIRE_FINISH,
		      channel->number, channel->status, channel->words);
}

const char *vsb_channel_message(struct vsb_channel *channel, const struct vsb_wire *wire,
				gsize len)
{
	bool begins = wire->type == VSB_WIRE_ATTACH || wire->type == VSB_WIRE_ASK ||
		      wire->type == VSB_WIRE_VNC;

	if (begins && channel->used)
		return "a channel of it begins twice";
	channel->used |= begins;
	switch (wire->type) {
	case VSB_WIRE_ATTACH:
		if (wire->number < VSB_MODE_CONSOLE || wire->number > VSB_MODE_WATCH)
			return "it attaches in a way that there is not";
		attach(channel, wire->number);
		return NULL;
	case VSB_WIRE_ASK:
		return ask(channel, wire->number);
	case VSB_WIRE_VNC:
		start_vnc(channel);
		return NULL;
	case VSB_WIRE_INPUT:
		if (len > sizeof(channel->pending) - channel->pending_len)
			return "it sends more than it may";
		memcpy(channel->pending + channel->pending_len, wire->data, len);
		channel->pending_len += len;
		vsb_channel_run(channel);
		return NULL;
	case VSB_WIRE_COMMAND:
		vsb_hub_command(&channel->client, wire->number, len ? (char)wire->data[0] : 0);
		return NULL;
	case VSB_WIRE_CREDIT:
		if (wire->number <= 0 || (gsize)wire->number > channel->owed)
			return "it has passed on more than it was sent";
		channel->owed -= (gsize)wire->number;
		channel->progress = channel->owner->server->seconds;
		if (!channel->owed && !vsb_hub_has_output(&channel->client))
			vsb_hub_drained(&channel->client);
		vsb_channel_run(channel);
		return NULL;
	default:
		return "it says what only the server says";
	}
}

void vsb_channel_tick(struct vsb_channel *channel)
{
	struct vsb_server *server = channel->owner->server;

	if (!channel->client.hub || (!channel->owed && !vsb_hub_has_output(&channel->client)))
		channel->progress = server->seconds;
	else if (server->seconds - channel->progress > server->stall_s)
		vsb_hub_stalled(&channel->client);
}
