/* SPDX-License-Identifier: GPL-2.0 */
/* What libssh drops without an answer or a word, so that a client would wait for ever. */
#ifndef VSB_CONSOLE_SILENCE_H
#define VSB_CONSOLE_SILENCE_H

#include <glib.h>
#include <libssh/libssh.h>
#include <stdbool.h>

/**
 * struct vsb_silence - whether the last packet of the client has had an answer
 *
 * All 0 at first.
 *
 * @packets_in:	as of the last one that came in, as vsb_put_packets() counts
 * @packets_out: and went out
 * @unanswered:	so far that one is
 * @came_us:	monotonic time when it came
 */
struct vsb_silence {
	guint64 packets_in, packets_out;
	bool unanswered;
	gint64 came_us;
};

/* To be called behind each time that libssh has run. */
void vsb_silence_note(struct vsb_silence *silence);

/* Return: why the connection has to end, NULL: an answer has come, or may come yet. */
const char *vsb_silence_too_long(const struct vsb_silence *silence);

/* Return: why the connection has to end, by the error that libssh remembers, or NULL. */
const char *vsb_silence_dropped(ssh_session ssh);

#endif
