// SPDX-License-Identifier: GPL-2.0
/* The backlog as the screen that it stands for. */
#include "console-replay.h"

#include <string.h>
#include <vterm.h>

#define DATA_MAX	(64 * 1024)
#define LINES_MAX	1000		/* that have left the screen */
#define LINES_BYTES	(96 * 1024)
/* What a client says of its size costs memory and time. */
#define ROWS_MAX	80
#define COLUMNS_MAX	240
/* Sequences that may each be work for the whole screen; more of them are not followed. */
#define LARGE_MAX	2000

struct replay {
	VTerm *vt;
	VTermScreen *screen;
	int rows, columns;
	GQueue lines;		/* of GByteArray */
	gsize lines_bytes;
	guint large;		/* sequences so far */
	guint8 last[4];		/* character that was written, for REP */
	gsize last_len;
};

struct pen {
	VTermScreenCellAttrs attrs;
	VTermColor fg, bg;
};

static bool is_plain(const VTermColor *color)
{
	return VTERM_COLOR_IS_DEFAULT_FG(color) || VTERM_COLOR_IS_DEFAULT_BG(color);
}

/* @base: 30 of foreground, 40 of background */
static void add_color(GByteArray *out, const VTermColor *color, guint base)
{
	if (is_plain(color))
		return;
	if (!VTERM_COLOR_IS_INDEXED(color))
		vsb_sequence(out, ";%u;2;%u;%u;%u", base + 8, color->rgb.red, color->rgb.green,
			     color->rgb.blue);
	else if (color->indexed.idx < 8)
		vsb_sequence(out, ";%u", base + color->indexed.idx);
	else if (color->indexed.idx < 16)
		vsb_sequence(out, ";%u", base + 60 + color->indexed.idx - 8);
	else
		vsb_sequence(out, ";%u;5;%u", base + 8, color->indexed.idx);
}

static bool same_color(const VTermColor *a, const VTermColor *b)
{
	return (is_plain(a) && is_plain(b)) ||
	       (is_plain(a) == is_plain(b) && vterm_color_is_equal(a, b));
}

static bool same_pen(const struct pen *a, const struct pen *b)
{
	return a->attrs.bold == b->attrs.bold && a->attrs.underline == b->attrs.underline &&
	       a->attrs.italic == b->attrs.italic && a->attrs.blink == b->attrs.blink &&
	       a->attrs.reverse == b->attrs.reverse && a->attrs.strike == b->attrs.strike &&
	       same_color(&a->fg, &b->fg) && same_color(&a->bg, &b->bg);
}

static void add_pen(GByteArray *out, const struct pen *pen)
{
	vsb_sequence(out, "\x1b[0");
	vsb_sequence(out, "%s", pen->attrs.bold ? ";1" : "");
	vsb_sequence(out, "%s", pen->attrs.italic ? ";3" : "");
	vsb_sequence(out, "%s", pen->attrs.underline ? ";4" : "");
	vsb_sequence(out, "%s", pen->attrs.blink ? ";5" : "");
	vsb_sequence(out, "%s", pen->attrs.reverse ? ";7" : "");
	vsb_sequence(out, "%s", pen->attrs.strike ? ";9" : "");
	add_color(out, &pen->fg, 30);
	add_color(out, &pen->bg, 40);
	vsb_sequence(out, "m");
}

static struct pen no_pen(void)
{
	struct pen pen = { 0 };

	pen.fg.type = VTERM_COLOR_DEFAULT_FG;
	pen.bg.type = VTERM_COLOR_DEFAULT_BG;
	return pen;
}

static struct pen pen_of(const VTermScreenCell *cell)
{
	return (struct pen){ .attrs = cell->attrs, .fg = cell->fg, .bg = cell->bg };
}

static bool is_blank(const VTermScreenCell *cell)
{
	return (!cell->chars[0] || cell->chars[0] == ' ') && !cell->attrs.reverse &&
	       !cell->attrs.underline && !cell->attrs.strike && is_plain(&cell->bg);
}

/* Never a control character, whatever the library took for a letter. */
static void add_char(GByteArray *out, uint32_t c)
{
	char text[6];

	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		c = ' ';
	if (!g_unichar_validate(c))
		c = 0xfffd;
	g_byte_array_append(out, (guint8 *)text, g_unichar_to_utf8(c, text));
}

/* Appends a line to its last cell that is not blank, at least @least of them. */
static void add_line(GByteArray *out, const VTermScreenCell *cells, int columns, int least)
{
	struct pen plain = no_pen(), pen = plain;
	int end = columns;

	while (end > least && is_blank(&cells[end - 1]))
		end--;
	for (int i = 0; i < end; i++) {
		struct pen now = pen_of(&cells[i]);

		/* The right half of a wide character. */
		if (cells[i].chars[0] == (uint32_t)-1)
			continue;
		if (!same_pen(&pen, &now))
			add_pen(out, &now);
		pen = now;
		add_char(out, cells[i].chars[0] ? cells[i].chars[0] : ' ');
		/* Behind the last one they are not set. */
		for (int k = 1; cells[i].chars[k - 1] && k < VTERM_MAX_CHARS_PER_CELL &&
				cells[i].chars[k]; k++)
			add_char(out, cells[i].chars[k]);
	}
	if (!same_pen(&pen, &plain))
		vsb_sequence(out, "\x1b[m");
}

static void forget_line(struct replay *replay)
{
	GByteArray *line = g_queue_pop_head(&replay->lines);

	replay->lines_bytes -= line->len;
	g_byte_array_unref(line);
}

static int on_line(int columns, const VTermScreenCell *cells, void *data)
{
	struct replay *replay = data;
	GByteArray *line = g_byte_array_new();

	add_line(line, cells, columns, 0);
	g_queue_push_tail(&replay->lines, line);
	replay->lines_bytes += line->len;
	while (replay->lines.length > LINES_MAX || replay->lines_bytes > LINES_BYTES)
		forget_line(replay);
	return 1;
}

static void on_answer(const char *text, size_t len, void *data)
{
}

static void replay_init(struct replay *replay, guint rows, guint columns)
{
	static const VTermScreenCallbacks callbacks = { .sb_pushline = on_line };

	*replay = (struct replay){
		.rows = rows ? CLAMP((int)MIN(rows, ROWS_MAX), 2, ROWS_MAX) : VSB_ROWS,
		.columns = columns ? CLAMP((int)MIN(columns, COLUMNS_MAX), 10, COLUMNS_MAX) :
			   COLUMNS_MAX,
	};
	replay->vt = vterm_new(replay->rows, replay->columns);
	vterm_set_utf8(replay->vt, 1);
	vterm_output_set_callback(replay->vt, on_answer, NULL);
	replay->screen = vterm_obtain_screen(replay->vt);
	vterm_screen_enable_altscreen(replay->screen, 1);
	vterm_screen_set_callbacks(replay->screen, &callbacks, replay);
	vterm_screen_reset(replay->screen, 1);
}

static void replay_clear(struct replay *replay)
{
	vterm_free(replay->vt);
	while (replay->lines.length)
		forget_line(replay);
}

/* Appends row @row, at least @least cells of it. */
static void add_row(struct replay *replay, GByteArray *out, int row, int least)
{
	VTermScreenCell cells[COLUMNS_MAX] = { 0 };

	for (int i = 0; i < replay->columns; i++)
		vterm_screen_get_cell(replay->screen, (VTermPos){ row, i }, &cells[i]);
	add_line(out, cells, replay->columns, least);
}

static bool row_is_blank(struct replay *replay, int row)
{
	VTermScreenCell cell = { 0 };

	for (int i = 0; i < replay->columns; i++) {
		vterm_screen_get_cell(replay->screen, (VTermPos){ row, i }, &cell);
		if (!is_blank(&cell))
			return false;
	}
	return true;
}

/* What the next character would look like. */
static void add_current_pen(struct replay *replay, GByteArray *out)
{
	VTermState *state = vterm_obtain_state(replay->vt);
	struct pen plain = no_pen(), pen = plain;
	VTermValue value;

#define GET(attr, member) \
	do { \
		if (vterm_state_get_penattr(state, attr, &value)) \
			pen.attrs.member = value.boolean; \
	} while (0)
	GET(VTERM_ATTR_BOLD, bold);
	GET(VTERM_ATTR_ITALIC, italic);
	GET(VTERM_ATTR_BLINK, blink);
	GET(VTERM_ATTR_REVERSE, reverse);
	GET(VTERM_ATTR_STRIKE, strike);
#undef GET
	if (vterm_state_get_penattr(state, VTERM_ATTR_UNDERLINE, &value))
		pen.attrs.underline = value.number & 3;
	if (vterm_state_get_penattr(state, VTERM_ATTR_FOREGROUND, &value))
		pen.fg = value.color;
	if (vterm_state_get_penattr(state, VTERM_ATTR_BACKGROUND, &value))
		pen.bg = value.color;
	if (!same_pen(&pen, &plain))
		add_pen(out, &pen);
}

/* As lines, one below the other, with the cursor in the last ones. */
static void add_lines(struct replay *replay, struct vsb_modes *modes, VTermPos cursor,
		      GByteArray *out)
{
	int last = replay->rows - 1;

	vsb_modes_begin(modes, out);
	while (last > cursor.row && row_is_blank(replay, last))
		last--;
	for (int row = 0; row <= last; row++) {
		add_row(replay, out, row, row == cursor.row ? cursor.col : 0);
		if (row < last)
			vsb_sequence(out, "\r\n");
	}
	if (cursor.row < last)
		vsb_sequence(out, "\x1b[%dA", last - cursor.row);
	/* Behind its end it is there already, without a word. */
	if (cursor.row < last || !vterm_screen_is_eol(replay->screen, cursor)) {
		vsb_sequence(out, "\r");
		if (cursor.col)
			vsb_sequence(out, "\x1b[%dC", cursor.col);
	}
	vsb_modes_quiet(modes, out);
}

/* Each row in its place. What is on the terminal scrolls out, it is not erased. */
static void add_screen(struct replay *replay, struct vsb_modes *modes, VTermPos cursor,
		       GByteArray *out)
{
	if (!vsb_modes_alternate(modes)) {
		vsb_sequence(out, "\x1b[999;1H");
		for (int row = 0; row < replay->rows; row++)
			vsb_sequence(out, "\n");
	}
	vsb_modes_begin(modes, out);
	vsb_sequence(out, "\x1b[H\x1b[2J");
	for (int row = 0; row < replay->rows; row++) {
		if (row_is_blank(replay, row))
			continue;
		vsb_sequence(out, "\x1b[%d;1H", row + 1);
		add_row(replay, out, row, 0);
	}
	vsb_modes_end(modes, cursor.row, cursor.col, out);
}

/* Sequences that draw. libvterm knows more, and what asks for something is none of it. */
static bool draws(const struct vsb_modes *modes)
{
	/* Of character sets those that it knows: behind others, as ESC ( [, 0.1.4 begins something else. */
	if (modes->ended == VSB_ESCAPE && modes->between == '#')
		return strchr("34568", modes->final);
	if (modes->ended == VSB_ESCAPE && modes->between)
		return strchr("()*+", modes->between) && strchr("0AB", modes->final);
	if (modes->ended == VSB_ESCAPE)
		return strchr("78=>DEHMNOc", modes->final);
	if (modes->ended != VSB_CSI || modes->final == 0)
		return false;
	if (modes->between)
		return modes->between == '!' && modes->final == 'p';
	if (modes->marker)
		return modes->marker == '?' && strchr("hlJK", modes->final);
	return strchr("@ABCDEFGHIJKLMPSTXZ`adefghlmrsu", modes->final);
}

/* It is written anew: what libvterm has to understand are plain numbers. */
static void write_sequence(struct replay *replay, const struct vsb_modes *modes)
{
	g_autoptr(GByteArray) text = NULL;

	/* DECALN fills the screen, behind a '#'. */
	if ((modes->between == '#' ||
	     !strchr(modes->ended == VSB_CSI ? "ABCDEFGHIXZ`adefgmsu@P" : "78=>NO0B",
		     modes->final)) && ++replay->large > LARGE_MAX)
		return;
	text = g_byte_array_new();
	vsb_sequence(text, "\x1b%s", modes->ended == VSB_CSI ? "[" : "");
	if (modes->marker)
		vsb_sequence(text, "%c", modes->marker);
	for (guint i = 0; modes->ended == VSB_CSI && i < modes->n_params; i++) {
		vsb_sequence(text, "%s", i ? ";" : "");
		if (modes->params[i] != VSB_PARAM_NONE)
			vsb_sequence(text, "%u", modes->params[i]);
	}
	if (modes->between)
		vsb_sequence(text, "%c", modes->between);
	vsb_sequence(text, "%c", modes->final);
	vterm_input_write(replay->vt, (const char *)text->data, text->len);
}

static void repeat(struct replay *replay, guint n)
{
	for (n = MIN(n, (guint)replay->columns); n; n--)
		vterm_input_write(replay->vt, (const char *)replay->last, replay->last_len);
}

static void write_char(struct replay *replay, const guint8 *data, gsize len)
{
	vterm_input_write(replay->vt, (const char *)data, len);
	replay->last_len = *data >= 0x20 ? len : 0;
	memcpy(replay->last, data, replay->last_len);
}

/*
 * A character. Of a broken one libvterm makes two, where it has room for as many as there are bytes;
 * and what has broken it may be an escape sequence, with more parameters than it has room for.
 */
static void write_text(struct replay *replay, const guint8 *data, gsize len)
{
	static const guint8 broken[] = { 0xef, 0xbf, 0xbd };

	if (len == 1 ? *data < 0x80 : g_utf8_validate((const char *)data, (gssize)len, NULL) &&
				      g_utf8_strlen((const char *)data, (gssize)len) == 1) {
		write_char(replay, data, len);
		return;
	}
	write_char(replay, broken, sizeof(broken));
	/* It stands behind it, if it is one itself. */
	if (g_ascii_isprint(data[len - 1]))
		write_char(replay, data + len - 1, 1);
}

/* @data: what has come since the last time that something could come between. */
static void write_piece(struct replay *replay, const struct vsb_modes *modes,
			const guint8 *data, gsize len)
{
	if (modes->ended) {
		/* libvterm 0.1.4 repeats for ever what has no width. */
		if (modes->ended == VSB_CSI && modes->final == 'b' && !modes->marker &&
		    !modes->between)
			repeat(replay, modes->n_params ? modes->params[0] : 1);
		else if (draws(modes))
			write_sequence(replay, modes);
		return;
	}
	/* What was given up in the middle. */
	if (*data == 0x1b || *data == 0x9b || (len > 1 && *data == 0xc2 && data[1] < 0xa0))
		return;
	if (*data >= 0x20 || memchr("\b\t\n\v\f\r\x0e\x0f", *data, 8))
		write_text(replay, data, len);
}

void vsb_replay(struct vsb_modes *modes, const guint8 *data, gsize len, guint rows,
		guint columns, GByteArray *out)
{
	struct replay replay;
	gsize whole = 0;
	VTermPos cursor;

	if (len > DATA_MAX) {
		vsb_modes_feed(modes, data, len - DATA_MAX);
		data += len - DATA_MAX;
		len = DATA_MAX;
	}
	replay_init(&replay, rows, columns);
	for (gsize i = 0; i < len; i++) {
		vsb_modes_feed(modes, data + i, 1);
		if (!vsb_modes_between(modes))
			continue;
		write_piece(&replay, modes, data + whole, i + 1 - whole);
		whole = i + 1;
	}
	vterm_screen_flush_damage(replay.screen);
	vterm_state_get_cursorpos(vterm_obtain_state(replay.vt), &cursor);
	for (GList *l = replay.lines.head; l; l = l->next) {
		GByteArray *line = l->data;

		g_byte_array_append(out, line->data, line->len);
		vsb_sequence(out, "\r\n");
	}
	if (vsb_modes_full_screen(modes))
		add_screen(&replay, modes, cursor, out);
	else
		add_lines(&replay, modes, cursor, out);
	add_current_pen(&replay, out);
	/* What is not complete goes on in what comes next. */
	if (whole < len)
		g_byte_array_append(out, data + whole, (guint)(len - whole));
	replay_clear(&replay);
}
