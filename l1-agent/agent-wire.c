// SPDX-License-Identifier: GPL-2.0
/*
 * The lines of the agent channel: parser, formatter and line cutter.
 *
 * There is exactly one spelling of each message: a table says which words and
 * numbers it has, and the parser and the formatter both walk that table.
 */
#include "agent-wire.h"

#include <stddef.h>
#include <string.h>

#define MAX_ARGS 3

/* An argument: which member, how wide, and the largest value allowed. */
struct arg {
	gsize offset;
	gsize size;
	guint64 max;
};

struct form {
	const char *word;
	const char *tail;	/* last word, or NULL */
	enum agent_type type;
	gboolean from[2];	/* indexed by enum agent_side */
	guint nr_args;
	struct arg args[MAX_ARGS];
};

#define MEMBER(m, limit) \
	{ offsetof(struct agent_msg, m), sizeof(((struct agent_msg *)0)->m), limit }
#define ID	MEMBER(id, G_MAXUINT32)

static const struct form forms[] = {
	/* "hello 1 NONCE": the version is part of the word */
	{ "hello 1", NULL, AGENT_HELLO, { TRUE, TRUE }, 1, { MEMBER(nonce, G_MAXUINT64) } },
	{ "vm", NULL, AGENT_VM, { TRUE, FALSE }, 3,
	  { ID, MEMBER(l2_gfn, G_MAXUINT64), MEMBER(l1_gfn, G_MAXUINT64) } },
	{ "forget", NULL, AGENT_FORGET, { TRUE, FALSE }, 1, { ID } },
	{ "irq", NULL, AGENT_IRQ, { TRUE, FALSE }, 3,
	  { ID, MEMBER(gsi, AGENT_GSI_MAX), MEMBER(level, 1) } },
	{ "give", NULL, AGENT_GIVE, { TRUE, FALSE }, 2, { ID, MEMBER(ier, AGENT_IER_MAX) } },
	{ "ping", NULL, AGENT_PING, { TRUE, FALSE }, 1, { MEMBER(n, G_MAXUINT64) } },
	{ "vm", "found", AGENT_FOUND, { FALSE, TRUE }, 1, { ID } },
	{ "vm", "missing", AGENT_MISSING, { FALSE, TRUE }, 1, { ID } },
	{ "vm", "ambiguous", AGENT_AMBIGUOUS, { FALSE, TRUE }, 1, { ID } },
	{ "vm", "given", AGENT_GIVEN, { FALSE, TRUE }, 1, { ID } },
	{ "vm", "gone", AGENT_GONE, { FALSE, TRUE }, 1, { ID } },
	{ "pong", NULL, AGENT_PONG, { FALSE, TRUE }, 1, { MEMBER(n, G_MAXUINT64) } },
};

static gboolean skip_char(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return FALSE;
	(*p)++;
	return TRUE;
}

static gboolean skip_word(const char **p, const char *end, const char *word)
{
	gsize len = strlen(word);

	if ((gsize)(end - *p) < len || memcmp(*p, word, len))
		return FALSE;
	*p += len;
	return TRUE;
}

/* 1 to 16 lower-case hexadecimal digits. */
static gboolean parse_hex(const char **p, const char *end, guint64 max, guint64 *value)
{
	const char *start = *p;
	guint64 v = 0;

	while (*p < end && *p - start < 16) {
		char c = **p;

		if (c >= '0' && c <= '9')
			v = v << 4 | (guint64)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (guint64)(c - 'a' + 10);
		else
			break;
		(*p)++;
	}
	*value = v;
	return *p > start && v <= max;
}

static void store(struct agent_msg *msg, const struct arg *arg, guint64 value)
{
	guint32 narrow = (guint32)value;

	memcpy((char *)msg + arg->offset,
	       arg->size == sizeof(narrow) ? (void *)&narrow : (void *)&value, arg->size);
}

static guint64 load(const struct agent_msg *msg, const struct arg *arg)
{
	guint64 value = 0;
	guint32 narrow = 0;

	if (arg->size == sizeof(value)) {
		memcpy(&value, (const char *)msg + arg->offset, sizeof(value));
		return value;
	}
	memcpy(&narrow, (const char *)msg + arg->offset, sizeof(narrow));
	return narrow;
}

static gboolean parse_form(const char *p, const char *end, const struct form *form,
			   struct agent_msg *msg)
{
	if (!skip_word(&p, end, form->word))
		return FALSE;

	memset(msg, 0, sizeof(*msg));
	msg->type = form->type;
	for (guint i = 0; i < form->nr_args; i++) {
		guint64 value;

		if (!skip_char(&p, end, ' ') ||
		    !parse_hex(&p, end, form->args[i].max, &value))
			return FALSE;
		store(msg, &form->args[i], value);
	}
	if (form->tail &&
	    (!skip_char(&p, end, ' ') || !skip_word(&p, end, form->tail)))
		return FALSE;
	return p == end;
}

gboolean agent_wire_parse(const char *line, gsize len, enum agent_side from,
			  struct agent_msg *msg)
{
	struct agent_msg parsed;

	if (len >= AGENT_LINE_MAX)
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
		if (!forms[i].from[from] ||
		    !parse_form(line, line + len, &forms[i], &parsed))
			continue;
		*msg = parsed;
		return TRUE;
	}
	return FALSE;
}

gsize agent_wire_format(const struct agent_msg *msg, char buf[AGENT_LINE_MAX + 1])
{
	const gsize size = AGENT_LINE_MAX + 1;

	for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
		const struct form *form = &forms[i];
		gsize len;

		if (form->type != msg->type)
			continue;
		len = g_strlcpy(buf, form->word, size);
		for (guint a = 0; a < form->nr_args; a++)
			len += (gsize)g_snprintf(buf + len, size - len, " %" G_GINT64_MODIFIER "x",
						 load(msg, &form->args[a]));
		if (form->tail)
			len += (gsize)g_snprintf(buf + len, size - len, " %s", form->tail);
		len += (gsize)g_snprintf(buf + len, size - len, "\n");
		return len;
	}
	g_assert_not_reached();
}

/* The longest line, "vm" and three full numbers, is far below AGENT_LINE_MAX. */
G_STATIC_ASSERT(sizeof("vm ffffffff ffffffffffffffff ffffffffffffffff\n") < AGENT_LINE_MAX);

gboolean agent_reader_next(struct agent_reader *reader, const char **data,
			   gsize *len, struct agent_msg *msg)
{
	while (*len) {
		char c = **data;
		gboolean good;

		(*data)++;
		(*len)--;
		if (c != '\n') {
			/* One byte is kept for the newline. */
			if (reader->len == AGENT_LINE_MAX - 1)
				reader->skipping = TRUE;
			else
				reader->buf[reader->len++] = c;
			continue;
		}
		good = !reader->skipping &&
		       agent_wire_parse(reader->buf, reader->len, reader->from, msg);
		reader->skipping = FALSE;
		reader->len = 0;
		if (good)
			return TRUE;
		if (reader->bad < G_MAXUINT)
			reader->bad++;
	}
	return FALSE;
}
