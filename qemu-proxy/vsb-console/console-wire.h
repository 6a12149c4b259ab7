/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What vsb-console and the process of one connection say to each other
 * (Documentation/protocols.rst): packets on a socket pair of SOCK_SEQPACKET, each a
 * struct vsb_wire and up to VSB_WIRE_DATA bytes. Both ends are the same program, so
 * numbers are as the machine has them.
 *
 * The session process faces the network: to the server all that it says is a claim.
 * A packet that does not fit ends the connection.
 */
#ifndef CONSOLE_WIRE_H
#define CONSOLE_WIRE_H

#include <glib.h>
#include <stdbool.h>

#define VSB_WIRE_DATA		8192
#define VSB_WIRE_QUEUE		(256 * 1024)	/* that waits to be sent; more ends the link */
#define VSB_REFUSED		16	/* of a connection that are told */
#define VSB_CHANNELS		16		/* numbers of channels: 0 to 15 */
/* Bytes on their way to the user VM, and to the client, for each channel. */
#define VSB_INPUT_CREDIT	4096
#define VSB_OUTPUT_CREDIT	(64 * 1024)

enum vsb_wire_type {
	/* from the session process */
	VSB_WIRE_HELLO = 1,	/* the first one; with a pidfd of itself */
	VSB_WIRE_KEY,		/* name NUL key in base64; number: 1: proved. -> VERDICT */
	VSB_WIRE_WEB,		/* name NUL secret NUL address; number: enum vsb_wire_web. -> VERDICT */
	VSB_WIRE_ATTACH,	/* channel; number: enum vsb_client_mode */
	VSB_WIRE_INPUT,		/* channel; bytes for the user VM */
	VSB_WIRE_COMMAND,	/* channel; number: enum vsb_command; the key of SysRq */
	VSB_WIRE_ASK,		/* channel; number: enum vsb_wire_question. -> FINISH */
	VSB_WIRE_VNC,		/* channel. -> VERDICT, later VNC_GO */
	VSB_WIRE_REFUSED,	/* text for the log: what was refused, and why */
	VSB_WIRE_PONG,
	/* from the server */
	VSB_WIRE_VERDICT,	/* number: 1: yes; text for the client */
	VSB_WIRE_ATTACHED,	/* channel */
	VSB_WIRE_OUTPUT,	/* channel; bytes of the user VM */
	VSB_WIRE_BACKLOG,	/* channel; number: bytes that follow; bytes that it sent earlier */
	VSB_WIRE_NOTICE,	/* channel; text of our own, for a person */
	VSB_WIRE_FINISH,	/* channel; number: exit status; text for stderr */
	VSB_WIRE_ANSWER,	/* channel; likewise, for stdout */
	VSB_WIRE_VNC_GO,	/* channel; with a connection to the VNC server */
	VSB_WIRE_VNC_END,	/* channel; why, or nothing: it ended by itself */
	VSB_WIRE_PING,
	/* from both */
	VSB_WIRE_CREDIT,	/* channel; number: bytes that were taken */
	VSB_WIRE_CLOSE,		/* channel: is gone. -> CLOSE: nothing more of it comes */
	VSB_WIRE_TYPES
};

enum vsb_wire_question {
	VSB_ASK_STATUS,
	VSB_ASK_BREAK,
	VSB_ASK_WEB,
	VSB_ASK_REVEAL,
	VSB_ASK_CONCEAL,
	VSB_ASK_QUESTIONS
};

/* What a connection of the web gateway wants (console-web.h). */
enum vsb_wire_web {
	VSB_WEB_LOGIN,		/* the secret is a link's; the verdict's text is a cookie's */
	VSB_WEB_USE,		/* it is a cookie's: it is logged in then */
	VSB_WEB_LOGOUT,		/* likewise; its session ends */
};

struct vsb_wire {
	guint16 type;		/* enum vsb_wire_type */
	guint16 channel;
	gint32 number;
	guint8 data[VSB_WIRE_DATA + 1];	/* a NUL follows what was received */
};

struct vsb_link;

struct vsb_link_ops {
	/* @len: of data. @fd: came with it, the receiver's now, or -1. */
	void (*message)(struct vsb_link *link, const struct vsb_wire *wire, gsize len, int fd);
	/* All that waited was sent. */
	void (*drained)(struct vsb_link *link);
	/* It is gone, or of no use any more: once, never from inside a call. */
	void (*lost)(struct vsb_link *link, const char *why);
};

struct vsb_link {
	const struct vsb_link_ops *ops;
	int fd;
	GQueue waiting;		/* struct packet, to be sent */
	gsize waiting_bytes;
	GQueue early;		/* came while vsb_link_verdict() waited for another */
	guint in, out, idle, late;	/* sources */
	guint refused;		/* told with vsb_link_refused() */
	bool broken;
	const char *why;
};

/* Takes @fd over. */
void vsb_link_init(struct vsb_link *link, int fd, const struct vsb_link_ops *ops);
void vsb_link_clear(struct vsb_link *link);

/* @fd: goes along, stays the caller's; -1: none. What does not go at once waits. */
void vsb_link_send(struct vsb_link *link, enum vsb_wire_type type, guint channel, gint32 number,
		   const void *data, gsize len, int fd);
void vsb_link_text(struct vsb_link *link, enum vsb_wire_type type, guint channel, gint32 number,
		   const char *text);
/* HELLO of this process. */
void vsb_link_hello(struct vsb_link *link);
/* A line of the log (REFUSED). Not more than the server would log, however often. */
void vsb_link_refused(struct vsb_link *link, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Whether more can be sent without waiting. */
bool vsb_link_idle(const struct vsb_link *link);

/* For a while nothing is received. */
void vsb_link_pause(struct vsb_link *link, bool pause);

/* Waits for VSB_WIRE_VERDICT. Return: its text, to be freed; NULL: the link is gone. */
char *vsb_link_verdict(struct vsb_link *link, bool *yes);

#endif
