// SPDX-License-Identifier: GPL-2.0
/* A person or a program at a channel. */
#include "console-tty.h"
#include "console-escape.h"

#include <string.h>

#define CHUNK		(16 * 1024)
/*
 * Typed ahead: so far an escape sequence is found although the user VM reads nothing. A
 * client may have as much again in the channel's window.
 */
#define TYPED_MAX	(1024 * 1024)
#define NOTICES_MAX	(16 * 1024)	/* of our own, that wait */

/* What waits to be written to the client. */
struct piece {
	gsize credit;		/* that the server gets back for it */
	gsize len, pos;
	guint8 data[];
};

/**
 * struct vsb_tty - see console-tty.h
 * @typed:	input that the server has not been given
 * @given:	what it has, less what it has taken
 * @pieces:	output
 * @own:	bytes of notices of ours among them
 * @finishing:	then these words, and it ends
 */
struct vsb_tty {
	struct vsb_link *link;
	guint number;
	ssh_channel channel;
	char *name;
	bool attached;
	enum vsb_client_mode mode;
	struct vsb_escape escape;
	GByteArray *typed;
	gsize given;
	GQueue pieces;
	gsize own;
	bool finishing;
	int status;
	char *words;
	bool stdout_words;
};

struct vsb_tty *vsb_tty_new(struct vsb_link *link, guint number, ssh_channel channel,
			    const char *name)
{
	struct vsb_tty *tty = g_new0(struct vsb_tty, 1);

	tty->link = link;
	tty->number = number;
	tty->channel = channel;
	tty->name = g_strdup(name);
	tty->typed = g_byte_array_new();
	g_queue_init(&tty->pieces);
	return tty;
}

void vsb_tty_free(struct vsb_tty *tty)
{
	g_queue_clear_full(&tty->pieces, g_free);
	g_byte_array_unref(tty->typed);
	g_free(tty->name);
	g_free(tty->words);
	g_free(tty);
}

/* To the client */

static void show(struct vsb_tty *tty, const void *data, gsize len, gsize credit)
{
	struct piece *piece;

	if (!len && !credit)
		return;
	piece = g_malloc(sizeof(*piece) + len);
	*piece = (struct piece){ .credit = credit, .len = len };
	memcpy(piece->data, data, len);
	tty->own += credit ? 0 : len;
	g_queue_push_tail(&tty->pieces, piece);
}

static void show_notice(struct vsb_tty *tty, const char *text, gsize credit)
{
	g_autofree char *line = g_strdup_printf("\r\n[%s: %s]\r\n", tty->name, text);

	show(tty, line, tty->mode == VSB_MODE_CONSOLE ? strlen(line) : 0, credit);
}

void vsb_tty_notice(struct vsb_tty *tty, const char *text)
{
	if (tty->own < NOTICES_MAX)
		show_notice(tty, text, 0);
}

static void give_credit(struct vsb_tty *tty, gsize credit)
{
	if (credit)
		vsb_link_send(tty->link, VSB_WIRE_CREDIT, tty->number, (gint32)credit, NULL, 0, -1);
}

/* Return: whether all was written. */
static bool write_pieces(struct vsb_tty *tty)
{
	ssh_session ssh = ssh_channel_get_session(tty->channel);
	gsize credit = 0;
	struct piece *piece;

	while ((piece = g_queue_peek_head(&tty->pieces))) {
		gsize len = MIN(piece->len - piece->pos, CHUNK);
		int n = 0;

		if (len) {
			len = MIN(len, ssh_channel_window_size(tty->channel));
			if (!len || ssh_get_status(ssh) & SSH_WRITE_PENDING)
				break;
			n = ssh_channel_write(tty->channel, piece->data + piece->pos, len);
			if (n <= 0)
				break;
		}
		piece->pos += (gsize)n;
		if (piece->pos < piece->len)
			continue;
		credit += piece->credit;
		tty->own -= piece->credit ? 0 : piece->len;
		g_free(g_queue_pop_head(&tty->pieces));
	}
	give_credit(tty, credit);
	return !piece;
}

bool vsb_tty_pump(struct vsb_tty *tty)
{
	gsize len = tty->words ? strlen(tty->words) : 0;

	if (!write_pieces(tty) || !tty->finishing)
		return true;
	/* What a client does not take now it does not get. */
	if (len && ssh_channel_window_size(tty->channel) >= len) {
		if (tty->stdout_words)
			ssh_channel_write(tty->channel, tty->words, len);
		else
			ssh_channel_write_stderr(tty->channel, tty->words, len);
	}
	ssh_channel_request_send_exit_status(tty->channel, tty->status);
	ssh_channel_send_eof(tty->channel);
	return false;
}

void vsb_tty_finish(struct vsb_tty *tty, int status, const char *text, bool to_stdout)
{
	if (tty->finishing)
		return;
	tty->finishing = true;
	tty->status = status;
	tty->words = text && *text && !to_stdout ?
		     g_strdup_printf("vsb-console: %s\r\n", text) : g_strdup(text);
	tty->stdout_words = to_stdout;
	g_byte_array_set_size(tty->typed, 0);
}

/* To the user VM */

static void send_typed(struct vsb_tty *tty)
{
	gsize len = MIN(tty->typed->len, VSB_INPUT_CREDIT - tty->given);

	if (!len)
		return;
	vsb_link_send(tty->link, VSB_WIRE_INPUT, tty->number, 0, tty->typed->data, len, -1);
	tty->given += len;
	g_byte_array_remove_range(tty->typed, 0, (guint)len);
}

static void command(struct vsb_tty *tty, enum vsb_command command)
{
	switch (command) {
	case VSB_CMD_NONE:
		return;
	case VSB_CMD_HELP: {
		g_autofree char *text = g_strdup_printf("help\r\n%s", vsb_escape_help());

		vsb_tty_notice(tty, g_strchomp(text));
		return;
	}
	case VSB_CMD_UNKNOWN:
		vsb_tty_notice(tty, "no such command; Ctrl-E c ? for help");
		return;
	default:
		/* What was typed before it does not keep anybody from leaving. */
		vsb_link_send(tty->link, VSB_WIRE_COMMAND, tty->number, command, &tty->escape.key,
			      1, -1);
		return;
	}
}

gsize vsb_tty_room(const struct vsb_tty *tty)
{
	gsize max = tty->mode == VSB_MODE_RAW ? CHUNK : TYPED_MAX;

	if (!tty->attached || tty->finishing || tty->mode == VSB_MODE_WATCH)
		return CHUNK;
	/* What an escape sequence holds back may be released on top. */
	return max - MIN(max, tty->typed->len);
}

gsize vsb_tty_input(struct vsb_tty *tty, const guint8 *data, gsize len)
{
	guint8 out[VSB_ESCAPE_OUT_MAX];
	gsize n;

	len = MIN(len, vsb_tty_room(tty));
	if (!tty->attached || tty->finishing || tty->mode == VSB_MODE_WATCH)
		return len;
	if (tty->mode == VSB_MODE_RAW) {
		g_byte_array_append(tty->typed, data, (guint)len);
	} else {
		for (gsize i = 0; i < len; i++) {
			command(tty, vsb_escape_feed(&tty->escape, data[i], out, &n));
			g_byte_array_append(tty->typed, out, (guint)n);
		}
	}
	send_typed(tty);
	return len;
}

void vsb_tty_attach(struct vsb_tty *tty, enum vsb_client_mode mode)
{
	tty->attached = true;
	tty->mode = mode;
	vsb_link_send(tty->link, VSB_WIRE_ATTACH, tty->number, mode, NULL, 0, -1);
}

void vsb_tty_message(struct vsb_tty *tty, const struct vsb_wire *wire, gsize len)
{
	g_autofree char *line = NULL;

	switch (wire->type) {
	case VSB_WIRE_ATTACHED:
		line = g_strdup_printf("[vsb-console: %s; Ctrl-E c ? for help]\r\n", tty->name);
		if (tty->mode == VSB_MODE_CONSOLE)
			show(tty, line, strlen(line), 0);
		return;
	case VSB_WIRE_OUTPUT:
	case VSB_WIRE_BACKLOG:
		show(tty, wire->data, len, len);
		return;
	case VSB_WIRE_NOTICE:
		show_notice(tty, (const char *)wire->data, len);
		return;
	case VSB_WIRE_CREDIT:
		tty->given -= MIN((gsize)MAX(wire->number, 0), tty->given);
		send_typed(tty);
		return;
	case VSB_WIRE_FINISH:
	case VSB_WIRE_ANSWER:
		vsb_tty_finish(tty, wire->number, (const char *)wire->data,
			       wire->type == VSB_WIRE_ANSWER);
		return;
	default:
		return;
	}
}
