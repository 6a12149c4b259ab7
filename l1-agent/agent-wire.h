/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lines of the agent channel (Documentation/protocols.rst), for both ends:
 * bytes to messages, messages to bytes. Knows no sockets and no state of either
 * end; trusts nothing that it reads.
 */
#ifndef VSB_AGENT_WIRE_H
#define VSB_AGENT_WIRE_H

#include <glib.h>

#define AGENT_WIRE_VERSION	1
#define AGENT_LINE_MAX		128	/* bytes, the newline included */
#define AGENT_GSI_MAX		0x17
#define AGENT_BAD_LINES_MAX	1000	/* then vsbypassd reopens the channel */

enum agent_type {
	AGENT_HELLO,		/* both ways: nonce */
	/* vsbypassd to agent */
	AGENT_VM,		/* id, l2_gfn, l1_gfn */
	AGENT_FORGET,		/* id */
	AGENT_IRQ,		/* id, gsi, level */
	AGENT_GIVE,		/* id, ier */
	AGENT_PING,		/* n */
	/* agent to vsbypassd */
	AGENT_FOUND,		/* id */
	AGENT_MISSING,		/* id */
	AGENT_AMBIGUOUS,	/* id */
	AGENT_GIVEN,		/* id */
	AGENT_GONE,		/* id */
	AGENT_PONG,		/* n */
};

/* Who wrote the line: what one end may say is malformed from the other. */
enum agent_side {
	AGENT_FROM_DAEMON,
	AGENT_FROM_AGENT,
};

/*
 * The interrupt enable registers of "give" are one number: 4 bits each, those of COM1 the
 * lowest; with AGENT_IER_LIST from bit 16 on a bit for each COM port that is meant,
 * without it is COM1 alone.
 */
#define AGENT_IER_LIST		0x100000u
#define AGENT_IER_MAX		0x1fffffu
#define AGENT_IER_COMS		4

static inline guint agent_ier_coms(guint32 ier)
{
	return ier & AGENT_IER_LIST ? ier >> 16 & 0xf : 1;
}

static inline guint agent_ier_of(guint32 ier, guint com)
{
	return ier >> 4 * com & 0xf;
}

/* @coms: bit per port, @ier: of COM1 to COM4 */
static inline guint32 agent_ier_make(guint coms, const guint8 ier[AGENT_IER_COMS])
{
	guint32 all = coms == 1 ? 0 : AGENT_IER_LIST | coms << 16;

	for (guint com = 0; com < AGENT_IER_COMS; com++)
		if (coms & 1u << com)
			all |= (guint32)(ier[com] & 0xf) << 4 * com;
	return all;
}

/* One message; members that @type does not name are 0. */
struct agent_msg {
	enum agent_type type;
	guint64 nonce;
	guint32 id;
	guint32 gsi;		/* 0 to AGENT_GSI_MAX */
	guint32 level;		/* 0 or 1 */
	guint32 ier;		/* see below */
	guint64 l2_gfn;
	guint64 l1_gfn;
	guint64 n;
};

/**
 * agent_wire_parse() - one line to a message
 * @line:	not NUL-terminated, without its newline
 * @len:	its length
 * @from:	who wrote it
 * @msg:	filled in if the line is well-formed
 *
 * Return: whether it is.
 */
gboolean agent_wire_parse(const char *line, gsize len, enum agent_side from,
			  struct agent_msg *msg);

/**
 * agent_wire_format() - a message as a line
 *
 * Return: the line's length, its newline included; buf is NUL-terminated.
 */
gsize agent_wire_format(const struct agent_msg *msg, char buf[AGENT_LINE_MAX + 1]);

/**
 * struct agent_reader - a stream of bytes cut into messages
 * @from:	who writes the stream
 * @bad:	lines dropped: too long, unknown or malformed; reset at will
 * @len:	bytes in @buf
 * @skipping:	inside a line that is too long
 * @buf:	the line so far
 *
 * All zero but @from is a fresh one.
 */
struct agent_reader {
	enum agent_side from;
	guint bad;
	gsize len;
	gboolean skipping;
	char buf[AGENT_LINE_MAX];
};

/**
 * agent_reader_next() - the next message of a stream
 * @reader:	state between the calls
 * @data:	in, out: bytes received; moved past what was used
 * @len:	in, out: number of them
 * @msg:	the message
 *
 * Call it until it returns FALSE: then all bytes are used.
 *
 * Return: whether there is a message.
 */
gboolean agent_reader_next(struct agent_reader *reader, const char **data,
			   gsize *len, struct agent_msg *msg);

#endif
