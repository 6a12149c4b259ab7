// SPDX-License-Identifier: GPL-2.0
/* A person or a program at a channel. */
#include "console-tty.h"
#include "console-escape.h"
#include "console-replay.h"

#include <string.h>

#define CHUNK		(16 * 1024)
/*
 * Typed ahead: so far an escape sequence is found although the user VM reads nothing. A
 * client may have as much again in the channel's window.
 */
#define TYPED_MAX	(1024 * 1024)
#define NOTICES_MAX	(16 * 1024)	/* of our own, that wait */
#define HELD_MAX	8	/* of the server's, until a program has ended */
#define WIDTH		79	/* of a line of ours, at most: what fits everywhere */
#define BACKLOG_MAX	(VSB_BACKLOG_SIZE + 4096)	/* and what makes a terminal as it was */
#define CREDIT_MS	100	/* that a little credit waits for more */

/* What waits to be written to the client. */
struct piece {
	gsize credit;		/* that the server gets back for it */
	gsize len, pos;
	guint8 data[];
};

/**
 * struct vsb_tty - see console-tty.h
 * @sink:	to @client
 * @typed:	input that the server has not been given
 * @given:	what it has, less what it has taken
 * @pieces:	output
 * @credit:	for output that was written, which the server has not got back
 * @credit_timer: until it does
 * @own:	bytes of notices of ours among them
 * @terminal:	he has one, of @rows and @columns; 0: not known
 * @modes:	what the user VM has made of the terminal
 * @backlog:	as far as it has come
 * @held:	notices that wait for a better moment
 * @finishing:	then these words, and it ends
 */
struct vsb_tty {
	struct vsb_link *link;
	guint number;
	const struct vsb_sink *sink;
	gpointer client;
	char *name;
	bool attached;
	enum vsb_client_mode mode;
	struct vsb_escape escape;
	GByteArray *typed;
	gsize given;
	GQueue pieces;
	gsize credit;
	guint credit_timer;
	gsize own;
	bool terminal;
	guint rows, columns;
	struct vsb_modes modes;
	GByteArray *backlog;
	GQueue held;
	bool finishing;
	int status;
	char *words;
	bool stdout_words;
};

struct vsb_tty *vsb_tty_new(struct vsb_link *link, guint number, const struct vsb_sink *sink,
			    gpointer client, const char *name)
{
	struct vsb_tty *tty = g_new0(struct vsb_tty, 1);

	tty->link = link;
	tty->number = number;
	tty->sink = sink;
	tty->client = client;
	tty->name = g_strdup(name);
	tty->typed = g_byte_array_new();
	tty->backlog = g_byte_array_new();
	g_queue_init(&tty->held);
	g_queue_init(&tty->pieces);
	return tty;
}

void vsb_tty_free(struct vsb_tty *tty)
{
	g_clear_handle_id(&tty->credit_timer, g_source_remove);
	g_queue_clear_full(&tty->pieces, g_free);
	g_queue_clear_full(&tty->held, g_free);
	g_byte_array_unref(tty->typed);
	g_byte_array_unref(tty->backlog);
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

/* Appends @text, in lines that fit, with the breaks it has. */
static void wrap(GString *line, const char *text)
{
	gsize column = line->len;

	for (const char *word = text; *word; ) {
		gsize gap = strspn(word, " "), len = strcspn(word + gap, " \r\n");

		if (column + gap + len > WIDTH && len && column > 2) {
			g_string_append(line, "\r\n  ");
			column = 2;
			word += gap;
			gap = 0;
		}
		g_string_append_len(line, word, (gssize)(gap + len));
		column += gap + len;
		word += gap + len;
		if (*word == '\r' || *word == '\n') {
			g_string_append(line, "\r\n");
			word += strspn(word, "\r") + (word[strspn(word, "\r")] == '\n');
			column = 0;
		}
	}
}

/*
 * Where a program draws: the last row, between "save cursor" and "restore cursor" (DECSC,
 * DECRC), which keep colours, character set and origin mode as well.
 */
static char *last_row(const struct vsb_tty *tty, const char *text)
{
	gsize width = MIN(WIDTH, tty->columns - 1);
	g_autofree char *line = g_strdup_printf("[%s: %s]", tty->name, text);

	if (strlen(line) > width && width > 3)
		strcpy(line + width - 3, "...");
	return g_strdup_printf("\0337\033[?6l\033(B\017\033[%u;1H\033[0;7m%s\033[0m\033[K\0338",
			       tty->rows, line);
}

/* Return: whether it could be shown now. */
static bool try_notice(struct vsb_tty *tty, const char *text)
{
	bool drawn = tty->terminal && vsb_modes_full_screen(&tty->modes) && !strchr(text, '\n');
	g_autoptr(GString) line = NULL;
	g_autofree char *row = NULL;

	if (!vsb_modes_between(&tty->modes) || (drawn && (tty->rows < 2 || tty->columns < 20)))
		return false;
	if (drawn) {
		row = last_row(tty, text);
		show(tty, row, strlen(row), 0);
		return true;
	}
	line = g_string_new(NULL);
	g_string_append_printf(line, "[%s: ", tty->name);
	wrap(line, text);
	g_string_prepend(line, "\r\n");
	g_string_append(line, "]\r\n");
	show(tty, line->str, line->len, 0);
	return true;
}

static void show_held(struct vsb_tty *tty)
{
	while (!g_queue_is_empty(&tty->held) && try_notice(tty, g_queue_peek_head(&tty->held)))
		g_free(g_queue_pop_head(&tty->held));
}

void vsb_tty_notice(struct vsb_tty *tty, const char *text)
{
	if (tty->mode != VSB_MODE_CONSOLE || tty->own > NOTICES_MAX)
		return;
	show_held(tty);
	if (g_queue_is_empty(&tty->held) && try_notice(tty, text))
		return;
	/* The newest ones count. */
	if (g_queue_get_length(&tty->held) == HELD_MAX)
		g_free(g_queue_pop_head(&tty->held));
	g_queue_push_tail(&tty->held, g_strdup(text));
}

static void show_output(struct vsb_tty *tty, const guint8 *data, gsize len)
{
	show(tty, data, len, len);
	if (tty->mode != VSB_MODE_CONSOLE)
		return;
	vsb_modes_feed(&tty->modes, data, len);
	show_held(tty);
}

/* As a terminal is again that nobody has set to anything. */
static void reset_terminal(struct vsb_tty *tty)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	if (tty->mode == VSB_MODE_CONSOLE)
		vsb_modes_reset(&tty->modes, out);
	show(tty, out->data, out->len, 0);
}

/* Not the bytes but the screen that they have made, see console-replay.h. */
static void show_backlog(struct vsb_tty *tty)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	reset_terminal(tty);
	vsb_replay(&tty->modes, tty->backlog->data, tty->backlog->len, tty->rows, tty->columns, out);
	g_byte_array_set_size(tty->backlog, 0);
	show(tty, out->data, out->len, 0);
}

void vsb_tty_size(struct vsb_tty *tty, int columns, int rows)
{
	tty->terminal = true;
	tty->columns = columns > 0 && columns <= 1000 ? (guint)columns : 0;
	tty->rows = rows > 0 && rows <= 1000 ? (guint)rows : 0;
}

static gboolean on_credit(gpointer data)
{
	struct vsb_tty *tty = data;

	vsb_link_send(tty->link, VSB_WIRE_CREDIT, tty->number, (gint32)tty->credit, NULL, 0, -1);
	tty->credit = 0;
	tty->credit_timer = 0;
	return G_SOURCE_REMOVE;
}

/*
 * To give it back at once would wake the server for each character, before that is on its way to
 * the client. What is held back never keeps the server from sending.
 */
static void give_credit(struct vsb_tty *tty, gsize credit)
{
	tty->credit += credit;
	if (tty->credit >= VSB_OUTPUT_CREDIT / 2) {
		g_clear_handle_id(&tty->credit_timer, g_source_remove);
		on_credit(tty);
	} else if (tty->credit && !tty->credit_timer) {
		tty->credit_timer = g_timeout_add(CREDIT_MS, on_credit, tty);
	}
}

/* Return: whether all was written. */
static bool write_pieces(struct vsb_tty *tty)
{
	gsize credit = 0;
	struct piece *piece;

	while ((piece = g_queue_peek_head(&tty->pieces))) {
		gsize len = MIN(piece->len - piece->pos, CHUNK);
		int n = 0;

		if (len) {
			len = MIN(len, tty->sink->room(tty->client));
			if (!len || tty->sink->busy(tty->client))
				break;
			n = tty->sink->put(tty->client, piece->data + piece->pos, len, false);
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
	if (len && tty->sink->room(tty->client) >= len)
		tty->sink->put(tty->client, tty->words, len, !tty->stdout_words);
	tty->sink->end(tty->client, tty->status);
	return false;
}

void vsb_tty_finish(struct vsb_tty *tty, int status, const char *text, bool to_stdout)
{
	if (tty->finishing)
		return;
	reset_terminal(tty);
	show_held(tty);
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

bool vsb_tty_break(struct vsb_tty *tty)
{
	if (!tty->attached || tty->finishing || tty->mode == VSB_MODE_WATCH)
		return false;
	command(tty, VSB_CMD_BREAK);
	return true;
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
		show_output(tty, wire->data, len);
		return;
	case VSB_WIRE_BACKLOG:
		give_credit(tty, len);
		if (tty->backlog->len + len <= BACKLOG_MAX)
			g_byte_array_append(tty->backlog, wire->data, (guint)len);
		if (!wire->number)
			show_backlog(tty);
		return;
	case VSB_WIRE_NOTICE:
		give_credit(tty, len);
		vsb_tty_notice(tty, (const char *)wire->data);
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
