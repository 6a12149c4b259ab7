/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may look at a console through the web page. It knows neither HTTP nor the gateway.
 *
 *   ssh NAME@HOST web -> a link with a token, for one minute
 *   the token, once   -> a session, and a secret of its own for a cookie
 *   the cookie        -> what the session is of: a console, and a key that is listed for it
 *
 * Tokens and cookies are kept as their SHA-256: who reads our memory has no use of it, and
 * how long it takes to look one up says nothing about others.
 */
#ifndef CONSOLE_WEB_H
#define CONSOLE_WEB_H

#include <glib.h>
#include <stdbool.h>

#define VSB_WEB_LINK_S		60
#define VSB_WEB_IDLE_S		(10 * 60)	/* a session nobody uses */
#define VSB_WEB_SESSION_S	(12 * 60 * 60)
#define VSB_WEB_MAX_PASSES	1024		/* links and sessions */
#define VSB_WEB_MAX_USERVM	32		/* of a user VM */

struct vsb_web;

/* A session. */
struct vsb_web_session {
	const char *id;		/* never another's */
	const char *console;
	const char *uservm;
	const char *key;	/* in base64: whose it is */
};

/* Whether @key may use @uservm, still. */
typedef bool (*vsb_web_allows)(gpointer data, const char *uservm, const char *key);

/* @url: of the page. @now: seconds, for instance vsb_web_clock(). */
struct vsb_web *vsb_web_new(const char *url, vsb_web_allows allows, gpointer data,
			    gint64 (*now)(void));
void vsb_web_free(struct vsb_web *web);
gint64 vsb_web_clock(void);

/* Return: (transfer full): the link, or NULL and why not. */
char *vsb_web_link(struct vsb_web *web, const char *console, const char *uservm, const char *key,
		   GError **error);
/* Return: (transfer full): the cookie's secret, or NULL and why not. Then the link is as it was. */
char *vsb_web_login(struct vsb_web *web, const char *console, const char *token, GError **error);
/* Return: valid until the next call; or NULL and why not. */
const struct vsb_web_session *vsb_web_use(struct vsb_web *web, const char *console,
					  const char *cookie, GError **error);
/* Whether session @id, which somebody uses, may go on. */
bool vsb_web_alive(struct vsb_web *web, const char *id);
void vsb_web_logout(struct vsb_web *web, const char *id);
/* Drops what is too old, and with @recheck what is of keys that are not listed any more. */
void vsb_web_tidy(struct vsb_web *web, bool recheck);

#endif
