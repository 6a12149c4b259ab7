/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is at a channel of an SSH connection, or at a console of the web page, in the process
 * of that connection: a person or a program, whose bytes go to the server and come from it. For a person there are
 * notices and the escape sequence.
 *
 * Nothing is lost: what comes from the client is taken into a queue, and when that is full
 * it stays where it is (in libssh and its window, in the socket); what comes from the server has credit.
 */
#ifndef CONSOLE_TTY_H
#define CONSOLE_TTY_H

#include "console-hub.h"
#include "console-wire.h"

struct vsb_tty;

/* How bytes reach the client. */
struct vsb_sink {
	gsize (*room)(gpointer client);		/* so many would be taken */
	bool (*busy)(gpointer client);		/* but not now */
	int (*put)(gpointer client, const void *data, gsize len, bool to_stderr);
	void (*end)(gpointer client, int status);
};

/* @name: of the console, for notices. */
struct vsb_tty *vsb_tty_new(struct vsb_link *link, guint number, const struct vsb_sink *sink,
			    gpointer client, const char *name);
void vsb_tty_free(struct vsb_tty *tty);

/* He has a terminal, of this size; 0: not known. Without one no screen is spared. */
void vsb_tty_size(struct vsb_tty *tty, int columns, int rows);
/* It is the client of a hub from now on. */
void vsb_tty_attach(struct vsb_tty *tty, enum vsb_client_mode mode);
/* Bytes of the client. Return: how many were taken. */
gsize vsb_tty_input(struct vsb_tty *tty, const guint8 *data, gsize len);
/* The client asks for a break (RFC 4335). Return: whether there is whom to send it to. */
bool vsb_tty_break(struct vsb_tty *tty);
/* Return: so many will be taken for certain. */
gsize vsb_tty_room(const struct vsb_tty *tty);
/*
 * Words of our own, to a person. Of one line while a program draws on the whole screen: on
 * its last row, with the cursor where it was; if the size is not known, when that has ended.
 */
void vsb_tty_notice(struct vsb_tty *tty, const char *text);
/* A message of the server for this channel. */
void vsb_tty_message(struct vsb_tty *tty, const struct vsb_wire *wire, gsize len);
/* Ends it: the queue, then @text, then @status. */
void vsb_tty_finish(struct vsb_tty *tty, int status, const char *text, bool to_stdout);
/* Writes what the client takes now. Return: false: all is said, the channel can be closed. */
bool vsb_tty_pump(struct vsb_tty *tty);

#endif
