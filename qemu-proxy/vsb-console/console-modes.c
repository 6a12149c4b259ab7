// SPDX-License-Identifier: GPL-2.0
/*
 * A light parser of terminal output. Its states are those of ECMA-48 as xterm has them
 * (ctlseqs): strings end at ST, those of OSC at BEL as well; CAN and SUB end everything.
 */
#include "console-modes.h"

#include <string.h>

#define ESC	0x1b
#define PRIVATE	0x8000

enum { TEXT, ESCAPE, ESCAPE_BETWEEN, CSI, OSC, STRING, STRING_ESCAPE };

enum {
	KEYPAD		= 1 << 0,	/* DECKPAM */
	VT52		= 1 << 1,
	STYLE		= 1 << 2,	/* SGR */
	SHIFTED		= 1 << 3,	/* SO */
	NO_UTF8		= 1 << 4,
	ANSWERS_8BIT	= 1 << 5,	/* S8C1T */
	KITTY		= 1 << 6,
	PALETTE		= 1 << 7,	/* OSC 4 */
	PALETTE_SPECIAL	= 1 << 8,	/* OSC 5 */
	LINK		= 1 << 9,	/* OSC 8 */
	PROGRESS	= 1 << 10,	/* OSC 9;4 */
	PRINTER		= 1 << 11,
	AUTOPRINT	= 1 << 12,
	STATUS_LINE	= 1 << 13,
	LEDS		= 1 << 14,
	LOCATOR		= 1 << 15,
	PROTECTED	= 1 << 16,	/* DECSCA */
	TABS		= 1 << 17,
	LEVEL		= 1 << 18,	/* DECSCL */
	REGION		= 1 << 19,
	POINTER		= 1 << 20,	/* OSC 22 */
};

/* On at first: autowrap, autorepeat, cursor; not private: no local echo. */
static bool on_at_first(guint16 mode)
{
	return mode == (PRIVATE | 7) || mode == (PRIVATE | 8) || mode == (PRIVATE | 25) ||
	       mode == 12;
}

/* Not modes of the output, or what a person sets for his keyboard. */
static bool is_none_of_ours(guint16 mode)
{
	static const guint16 list[] = { 1034, 1035, 1036, 1039, 1048 };

	for (gsize i = 0; i < G_N_ELEMENTS(list); i++)
		if (mode == (PRIVATE | list[i]))
			return true;
	return false;
}

static int find(const struct vsb_modes *modes, guint16 mode)
{
	for (int i = 0; i < modes->n_modes; i++)
		if (modes->mode[i] == mode)
			return i;
	return -1;
}

static void set_mode(struct vsb_modes *modes, guint16 mode, bool on)
{
	int at = find(modes, mode);

	if (is_none_of_ours(mode))
		return;
	/* ANSI mode of VT100: ESC < leaves VT52. */
	if (mode == (PRIVATE | 2)) {
		modes->flags = on ? modes->flags & ~VT52 : modes->flags | VT52;
		return;
	}
	if (on == on_at_first(mode)) {
		if (at >= 0)
			modes->mode[at] = modes->mode[--modes->n_modes];
		return;
	}
	if (at >= 0)
		return;
	if (modes->n_modes < VSB_MODES_MAX)
		modes->mode[modes->n_modes++] = mode;
	else
		modes->full = true;
}

static void put_flag(struct vsb_modes *modes, guint32 flag, bool on)
{
	modes->flags = on ? modes->flags | flag : modes->flags & ~flag;
}

/* Return: parameter @i, or @missing. */
static guint param(const struct vsb_modes *modes, guint i, guint missing)
{
	return i < modes->n_params && modes->params[i] != VSB_PARAM_NONE ? modes->params[i] : missing;
}

static void select_style(struct vsb_modes *modes)
{
	for (guint i = 0; i < modes->n_params || !i; i++) {
		guint value = param(modes, i, 0);

		put_flag(modes, STYLE, value != 0);
		/* 38;5;N and 38;2;R;G;B */
		if (value == 38 || value == 48 || value == 58)
			i += param(modes, i + 1, 0) == 5 ? 2 : param(modes, i + 1, 0) == 2 ? 4 : 0;
	}
}

static void soft_reset(struct vsb_modes *modes)
{
	static const guint16 list[] = { 1, 6, 66, 69 };

	for (gsize i = 0; i < G_N_ELEMENTS(list); i++)
		set_mode(modes, PRIVATE | list[i], false);
	set_mode(modes, PRIVATE | 7, true);
	set_mode(modes, PRIVATE | 25, true);
	set_mode(modes, 2, false);
	set_mode(modes, 4, false);
	modes->flags &= ~(KEYPAD | STYLE | SHIFTED | PROTECTED | REGION);
	memset(modes->charset, 0, sizeof(modes->charset));
}

static void addressed(struct vsb_modes *modes)
{
	modes->addressed = true;
	modes->newlines = 0;
}

/* A control sequence with a '>', '<' or '=' behind CSI. */
static void end_marked(struct vsb_modes *modes, guint8 final)
{
	guint n = param(modes, 0, 0);

	if (modes->marker == '>' && final == 'm' && !modes->n_params)
		modes->keys_changed = 0;
	else if (modes->marker == '>' && (final == 'm' || final == 'n') && n < 16)
		modes->keys_changed = final == 'n' || param(modes, 1, 0) ?
				      modes->keys_changed | 1 << n : modes->keys_changed & ~(1 << n);
	else if (modes->marker == '>' && final == 'u')
		modes->keyboards += modes->keyboards < 100;
	else if (modes->marker == '<' && final == 'u')
		modes->keyboards -= MIN(modes->keyboards, param(modes, 0, 1));
	else if (modes->marker == '=' && final == 'u')
		put_flag(modes, KITTY, n != 0);
}

/* One with an intermediate byte. */
static void end_between(struct vsb_modes *modes, guint8 final)
{
	guint n = param(modes, 0, 0);

	if (modes->between == ' ' && final == 'q')
		modes->cursor_style = MIN(n, 255);
	else if (modes->between == '!' && final == 'p')
		soft_reset(modes);
	else if (modes->between == '"' && final == 'p')
		modes->flags |= LEVEL;
	else if (modes->between == '"' && final == 'q')
		put_flag(modes, PROTECTED, n == 1);
	else if (modes->between == '\'' && final == 'z')
		put_flag(modes, LOCATOR, n != 0);
	else if (modes->between == '$' && (final == '}' || final == '~'))
		modes->flags |= STATUS_LINE;
}

static void end_csi(struct vsb_modes *modes, guint8 final)
{
	guint n = param(modes, 0, 0);

	modes->ended = VSB_CSI;
	modes->final = final;
	if (modes->between) {
		end_between(modes, final);
		return;
	}
	if (modes->marker && modes->marker != '?') {
		end_marked(modes, final);
		return;
	}
	switch (final) {
	case 'h':
	case 'l':
		for (guint i = 0; i < modes->n_params; i++)
			set_mode(modes, (modes->marker ? PRIVATE : 0) |
				 (param(modes, i, 0) & ~PRIVATE), final == 'h');
		return;
	case 'i':
		if (n == 4 || n == 5)
			put_flag(modes, modes->marker ? AUTOPRINT : PRINTER, n == 5);
		return;
	case 'r':
		if (!modes->marker) {
			modes->top = param(modes, 0, 1);
			modes->bottom = param(modes, 1, 0);
			put_flag(modes, REGION, modes->top > 1 || modes->bottom);
			return;
		}
		/* XTRESTORE: whatever was saved. */
		for (guint i = 0; i < modes->n_params; i++)
			set_mode(modes, PRIVATE | (param(modes, i, 0) & ~PRIVATE),
				 !on_at_first(PRIVATE | param(modes, i, 0)));
		return;
	}
	if (modes->marker)
		return;
	switch (final) {
	case 'm':
		select_style(modes);
		return;
	case 'q':
		put_flag(modes, LEDS, n != 0);
		return;
	case 'g':
		modes->flags |= TABS;
		return;
	case 't':
		if (n == 22)
			modes->titles += modes->titles < 10;
		else if (n == 23)
			modes->titles -= modes->titles > 0;
		return;
	case 'H':
	case 'f':
	case 'd':
		addressed(modes);
		return;
	}
}

/* The next numbers of an OSC string are ';' and what is set; '?' asks for it. */
static void end_osc(struct vsb_modes *modes)
{
	char head[VSB_OSC_HEAD + 1] = { 0 }, *rest, *value;
	guint64 n;

	memcpy(head, modes->osc_head, MIN(modes->osc_len, VSB_OSC_HEAD));
	n = g_ascii_strtoull(head, &rest, 10);
	if (rest == head)
		return;
	value = *rest == ';' ? rest + 1 : rest;
	if ((n == 4 || n == 5) && strchr(value, ';'))
		modes->flags |= strchr(value, '?') ? 0 : n == 4 ? PALETTE : PALETTE_SPECIAL;
	else if (n >= 10 && n <= 19 && *value && *value != '?')
		modes->colours |= 1 << (n - 10);
	else if (n == 104)
		put_flag(modes, PALETTE, *value);
	else if (n >= 110 && n <= 119)
		modes->colours &= ~(1 << (n - 110));
	else if (n == 8)
		put_flag(modes, LINK, strchr(value, ';') && strchr(value, ';')[1]);
	else if (n == 9 && g_str_has_prefix(value, "4;"))
		put_flag(modes, PROGRESS, value[2] != '0');
	else if (n == 22)
		put_flag(modes, POINTER, *value != '\0');
}

static void end_escape(struct vsb_modes *modes, guint8 final)
{
	static const char designators[] = "()*+";
	const char *g = modes->between ? strchr(designators, modes->between) : NULL;

	modes->ended = modes->state == STRING_ESCAPE ? VSB_STRING : VSB_ESCAPE;
	modes->final = final;
	if (g) {
		modes->charset[g - designators] = final == 'B' ? 0 : final;
		return;
	}
	if (modes->between == ' ' && (final == 'F' || final == 'G'))
		put_flag(modes, ANSWERS_8BIT, final == 'G');
	else if (modes->between == '%' && (final == '@' || final == 'G'))
		put_flag(modes, NO_UTF8, final == '@');
	if (modes->between)
		return;
	switch (final) {
	case 'c':
		*modes = (struct vsb_modes){ .titles = modes->titles, .ended = VSB_ESCAPE,
					     .final = final };
		return;
	case '=':
	case '>':
		put_flag(modes, KEYPAD, final == '=');
		return;
	case '<':
		modes->flags &= ~VT52;
		return;
	case 'H':
		modes->flags |= TABS;
		return;
	}
}

static void begin(struct vsb_modes *modes, guint8 state)
{
	modes->state = state;
	modes->marker = modes->between = 0;
	modes->n_params = modes->osc_len = 0;
	modes->colon = false;
}

/* C1 controls, as ESC and the byte 0x40 below. */
static void begin_c1(struct vsb_modes *modes, guint8 byte)
{
	switch (byte) {
	case '[':
		begin(modes, CSI);
		return;
	case ']':
		begin(modes, OSC);
		return;
	case 'P':
	case 'X':
	case '^':
	case '_':
		begin(modes, STRING);
		return;
	}
	end_escape(modes, byte);
	modes->state = TEXT;
}

static void feed_control(struct vsb_modes *modes, guint8 byte)
{
	switch (byte) {
	case '\n':
	case '\v':
	case '\f':
		if (modes->newlines < 255)
			modes->newlines++;
		return;
	case 0x0e:
	case 0x0f:
		put_flag(modes, SHIFTED, byte == 0x0e);
		return;
	}
}

static void feed_text(struct vsb_modes *modes, guint8 byte)
{
	if (modes->utf8_left) {
		if ((byte & 0xc0) == 0x80) {
			modes->utf8_left--;
			/* U+0080 to U+009F are controls in this form as well. */
			if (modes->utf8_first == 0xc2 && byte < 0xa0)
				begin_c1(modes, byte - 0x40);
			return;
		}
		modes->utf8_left = 0;
	}
	modes->utf8_first = byte;
	if (byte >= 0xc2 && byte < 0xf5)
		modes->utf8_left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
	else if (byte == 0x9b)	/* of a terminal without UTF-8 */
		begin(modes, CSI);
}

static void feed_csi(struct vsb_modes *modes, guint8 byte)
{
	guint16 *last;

	if (byte >= 0x40 && byte < 0x7f) {
		modes->state = TEXT;
		end_csi(modes, byte);
	} else if (byte >= 0x80) {
		modes->state = TEXT;
		feed_text(modes, byte);
	} else if (byte >= 0x3c && byte < 0x40) {
		modes->marker = byte;
	} else if (byte >= 0x20 && byte < 0x30) {
		modes->between = byte;
	} else {
		if (!modes->n_params) {
			modes->n_params = 1;
			modes->params[0] = VSB_PARAM_NONE;
		}
		last = &modes->params[modes->n_params - 1];
		if (byte == ';' && modes->n_params < VSB_PARAMS_MAX)
			modes->params[modes->n_params++] = VSB_PARAM_NONE;
		else if (g_ascii_isdigit(byte) && !modes->colon)
			*last = MIN((*last == VSB_PARAM_NONE ? 0 : *last) * 10u + byte - '0', 0x7fffu);
		/* What follows a colon is part of the same parameter. */
		modes->colon = byte == ':' || (modes->colon && byte != ';');
	}
}

static void feed(struct vsb_modes *modes, guint8 byte)
{
	modes->ended = VSB_NOTHING;
	if (byte == 0x18 || byte == 0x1a) {
		modes->state = TEXT;
		modes->utf8_left = 0;
		return;
	}
	switch (modes->state) {
	case OSC:
	case STRING:
		if (byte == ESC) {
			if (modes->state == OSC)
				end_osc(modes);
			begin(modes, STRING_ESCAPE);
		} else if (byte == 0x07 && modes->state == OSC) {
			end_osc(modes);
			modes->ended = VSB_STRING;
			modes->state = TEXT;
		} else if (modes->state == OSC && modes->osc_len < VSB_OSC_HEAD) {
			modes->osc_head[modes->osc_len++] = byte;
		}
		return;
	}
	if (byte == ESC) {
		begin(modes, ESCAPE);
		modes->utf8_left = 0;
		return;
	}
	if (byte < 0x20) {
		feed_control(modes, byte);
		return;
	}
	switch (modes->state) {
	case TEXT:
		feed_text(modes, byte);
		return;
	case CSI:
		feed_csi(modes, byte);
		return;
	}
	/* Behind an ESC, that of ST as well. */
	if (byte < 0x30) {
		modes->state = ESCAPE_BETWEEN;
		modes->between = byte;
	} else if (modes->state == ESCAPE_BETWEEN || byte >= 0x7f) {
		if (byte < 0x7f)
			end_escape(modes, byte);
		modes->state = TEXT;
	} else {
		begin_c1(modes, byte);
	}
}

void vsb_modes_feed(struct vsb_modes *modes, const guint8 *data, gsize len)
{
	for (gsize i = 0; i < len; i++)
		feed(modes, data[i]);
}

gsize vsb_modes_finish(struct vsb_modes *modes, const guint8 *data, gsize len)
{
	gsize i = 0;

	while (i < len && !vsb_modes_between(modes)) {
		/* What continues no character is not of it. */
		if (modes->state == TEXT && (data[i] & 0xc0) != 0x80) {
			modes->utf8_left = 0;
			break;
		}
		feed(modes, data[i++]);
	}
	return i;
}

bool vsb_modes_between(const struct vsb_modes *modes)
{
	return modes->state == TEXT && !modes->utf8_left;
}

bool vsb_modes_alternate(const struct vsb_modes *modes)
{
	return find(modes, PRIVATE | 47) >= 0 || find(modes, PRIVATE | 1047) >= 0 ||
	       find(modes, PRIVATE | 1049) >= 0;
}

bool vsb_modes_full_screen(const struct vsb_modes *modes)
{
	/* A screen of lines behind the last setting of the cursor: nothing is left of it. */
	return vsb_modes_alternate(modes) || (modes->flags & REGION) ||
	       (modes->addressed && modes->newlines < 24);
}

void vsb_sequence(GByteArray *out, const char *format, ...)
{
	char text[64];
	va_list args;
	int n;

	va_start(args, format);
	n = g_vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	g_byte_array_append(out, (const guint8 *)text, MIN((gsize)n, sizeof(text) - 1));
}

static void add_mode(GByteArray *out, guint16 mode, bool on)
{
	vsb_sequence(out, "\x1b[%s%u%c", mode & PRIVATE ? "?" : "", mode & ~PRIVATE, on ? 'h' : 'l');
}

/* Modes that a terminal takes without a word, and that are no matter of the screen. */
static bool is_quiet(guint16 mode)
{
	static const guint16 list[] = { 1, 7, 8, 12, 25, 66, 67, 1000, 1001, 1002, 1003, 1005,
					1006, 1007, 1015, 1016, 2004, 9, 45 };

	for (gsize i = 0; i < G_N_ELEMENTS(list); i++)
		if (mode == (PRIVATE | list[i]))
			return true;
	return mode == 4 || mode == 20;
}

static bool is_screen(guint16 mode)
{
	return mode == (PRIVATE | 47) || mode == (PRIVATE | 1047) || mode == (PRIVATE | 1049) ||
	       mode == (PRIVATE | 6);
}

static void add_quiet(const struct vsb_modes *modes, GByteArray *out)
{
	static const char designators[] = "()*+";

	for (guint i = 0; i < modes->n_modes; i++)
		if (is_quiet(modes->mode[i]))
			add_mode(out, modes->mode[i], !on_at_first(modes->mode[i]));
	for (guint i = 0; i < G_N_ELEMENTS(modes->charset); i++)
		if (g_ascii_isalnum(modes->charset[i]))
			vsb_sequence(out, "\x1b%c%c", designators[i], modes->charset[i]);
	if (modes->flags & SHIFTED)
		vsb_sequence(out, "\x0e");
	if (modes->flags & KEYPAD)
		vsb_sequence(out, "\x1b=");
	if (modes->cursor_style)
		vsb_sequence(out, "\x1b[%u q", modes->cursor_style);
}

/* The cursor is anywhere behind it. */
static void add_screen(const struct vsb_modes *modes, GByteArray *out)
{
	if (modes->flags & REGION)
		vsb_sequence(out, "\x1b[%u;%ur", modes->top, modes->bottom ? modes->bottom : 999);
	if (find(modes, PRIVATE | 6) >= 0)
		add_mode(out, PRIVATE | 6, true);
}

void vsb_modes_describe(const struct vsb_modes *modes, GByteArray *out)
{
	for (guint i = 0; i < modes->n_modes; i++)
		if (!is_quiet(modes->mode[i]) && modes->mode[i] != (PRIVATE | 6))
			add_mode(out, modes->mode[i], !on_at_first(modes->mode[i]));
	add_screen(modes, out);
	add_quiet(modes, out);
}

void vsb_modes_begin(struct vsb_modes *modes, GByteArray *out)
{
	for (guint i = modes->n_modes; i-- > 0; ) {
		if (is_screen(modes->mode[i]) && modes->mode[i] != (PRIVATE | 6))
			add_mode(out, modes->mode[i], true);
		else if (!is_quiet(modes->mode[i]) && !is_screen(modes->mode[i]))
			modes->mode[i] = modes->mode[--modes->n_modes];
	}
	modes->flags &= KEYPAD | STYLE | SHIFTED | REGION;
	modes->colours = modes->keys_changed = 0;
	modes->titles = modes->keyboards = 0;
	modes->full = false;
}

void vsb_modes_end(const struct vsb_modes *modes, guint row, guint column, GByteArray *out)
{
	add_screen(modes, out);
	/* With origin mode lines count from the begin of the region. */
	if (find(modes, PRIVATE | 6) >= 0 && modes->flags & REGION)
		row -= MIN(row, modes->top - 1u);
	vsb_sequence(out, "\x1b[%u;%uH", row + 1, column + 1);
	add_quiet(modes, out);
}

void vsb_modes_quiet(const struct vsb_modes *modes, GByteArray *out)
{
	add_quiet(modes, out);
}

static void reset_flags(struct vsb_modes *modes, GByteArray *out)
{
	static const struct {
		guint32 flag;
		const char *text;
	} resets[] = {
		{ LINK, "\x1b]8;;\x1b\\" },
		{ PRINTER, "\x1b[4i" },
		{ AUTOPRINT, "\x1b[?4i" },
		{ VT52, "\x1b<" },
		{ LEVEL, "\x1b[65;1\"p" },
		{ STATUS_LINE, "\x1b[0$}\x1b[0$~" },
		{ NO_UTF8, "\x1b%G" },
		{ STYLE, "\x1b[m" },
		{ SHIFTED, "\x0f" },
		{ KEYPAD, "\x1b>" },
		{ ANSWERS_8BIT, "\x1b F" },
		{ KITTY, "\x1b[=0;1u" },
		{ PALETTE, "\x1b]104\x1b\\" },
		{ PALETTE_SPECIAL, "\x1b]105\x1b\\" },
		{ PROGRESS, "\x1b]9;4;0\x1b\\" },
		{ POINTER, "\x1b]22;\x1b\\" },
		{ LEDS, "\x1b[0q" },
		{ LOCATOR, "\x1b[0'z" },
		{ PROTECTED, "\x1b[0\"q" },
		{ TABS, "\x1b[?5W" },
		{ REGION, "\x1b[r" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(resets); i++)
		if (modes->flags & resets[i].flag)
			vsb_sequence(out, "%s", resets[i].text);
}

/* Of more than could be counted. */
static void set_full(struct vsb_modes *modes)
{
	static const guint16 list[] = { 1, 5, 6, 9, 45, 47, 69, 1000, 1001, 1002, 1003, 1004, 1005,
					1006, 1007, 1015, 1016, 1047, 2004, 2026, 2031, 2048, 1049 };
	guint16 had[VSB_MODES_MAX];
	guint n = modes->n_modes;

	memcpy(had, modes->mode, sizeof(had));
	modes->n_modes = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(list); i++)
		set_mode(modes, PRIVATE | list[i], true);
	set_mode(modes, PRIVATE | 7, false);
	set_mode(modes, PRIVATE | 25, false);
	set_mode(modes, 4, true);
	for (guint i = 0; i < n; i++)
		set_mode(modes, had[i], !on_at_first(had[i]));
}

void vsb_modes_reset(struct vsb_modes *modes, GByteArray *out)
{
	static const char designators[] = "()*+";
	bool homes, alternate;

	if (!vsb_modes_between(modes))
		vsb_sequence(out, "\x18");
	if (modes->full)
		set_full(modes);
	alternate = vsb_modes_alternate(modes);
	/* These two put the cursor to the begin of the screen. */
	homes = (modes->flags & REGION) || find(modes, PRIVATE | 6) >= 0;
	reset_flags(modes, out);
	for (guint i = 0; i < G_N_ELEMENTS(modes->charset); i++)
		if (modes->charset[i])
			vsb_sequence(out, "\x1b%cB", designators[i]);
	for (guint i = 0; i < 10; i++)
		if (modes->colours & 1 << i)
			vsb_sequence(out, "\x1b]%u\x1b\\", 110 + i);
	for (guint i = 0; i < 16; i++)
		if (modes->keys_changed & 1 << i)
			vsb_sequence(out, "\x1b[>%um", i);
	if (modes->keyboards)
		vsb_sequence(out, "\x1b[<%uu", modes->keyboards);
	if (modes->cursor_style)
		vsb_sequence(out, "\x1b[0 q");
	for (guint i = 0; i < modes->n_modes; i++)
		if (!is_screen(modes->mode[i]) || modes->mode[i] == (PRIVATE | 6))
			add_mode(out, modes->mode[i], on_at_first(modes->mode[i]));
	/* Last: with the screen the cursor comes back. */
	for (guint i = 0; i < modes->n_modes; i++)
		if (is_screen(modes->mode[i]) && modes->mode[i] != (PRIVATE | 6))
			add_mode(out, modes->mode[i], false);
	for (guint i = 0; i < modes->titles; i++)
		vsb_sequence(out, "\x1b[23;0t");
	if (!alternate && (homes || vsb_modes_full_screen(modes)))
		vsb_sequence(out, "\x1b[999;1H");
	*modes = (struct vsb_modes){ 0 };
}
