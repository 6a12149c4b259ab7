// SPDX-License-Identifier: GPL-2.0
/* Links to the web page, and the sessions that they begin. */
#include "console-web.h"
#include "error.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define TOKEN_BYTES	16	/* typed by some */
#define COOKIE_BYTES	32

/**
 * struct pass - a link or a session
 * @session:	what it is
 * @begun:	when it was made
 * @seen:	when it was last used; of a link: 0 or when it was
 */
struct pass {
	struct vsb_web_session session;
	bool is_link;
	gint64 begun;
	gint64 seen;
};

/**
 * struct vsb_web - see console-web.h
 * @passes:	SHA-256 of a secret -> struct pass
 */
struct vsb_web {
	char *url;
	vsb_web_allows allows;
	gpointer data;
	gint64 (*now)(void);
	GHashTable *passes;
};

gint64 vsb_web_clock(void)
{
	return g_get_monotonic_time() / G_USEC_PER_SEC;
}

static void pass_free(gpointer data)
{
	struct pass *pass = data;

	g_free((char *)pass->session.id);
	g_free((char *)pass->session.console);
	g_free((char *)pass->session.uservm);
	g_free((char *)pass->session.key);
	g_free(pass);
}

struct vsb_web *vsb_web_new(const char *url, vsb_web_allows allows, gpointer data,
			    gint64 (*now)(void))
{
	struct vsb_web *web = g_new0(struct vsb_web, 1);

	web->url = g_strdup(url);
	web->allows = allows;
	web->data = data;
	web->now = now;
	web->passes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, pass_free);
	return web;
}

void vsb_web_free(struct vsb_web *web)
{
	if (!web)
		return;
	g_hash_table_unref(web->passes);
	g_free(web->url);
	g_free(web);
}

static char *digest(const char *secret)
{
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, secret, -1);
}

/* Return: in hexadecimal, or NULL. */
static char *new_secret(gsize bytes, GError **error)
{
	guint8 random[COOKIE_BYTES];
	GString *text = NULL;

	if (getrandom(random, bytes, 0) != (ssize_t)bytes) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "the kernel gives no random numbers: %s",
			    g_strerror(errno));
		return NULL;
	}
	text = g_string_new(NULL);
	for (gsize i = 0; i < bytes; i++)
		g_string_append_printf(text, "%02x", random[i]);
	return g_string_free(text, FALSE);
}

static bool too_old(const struct vsb_web *web, const struct pass *pass)
{
	gint64 now = web->now();

	if (pass->is_link)
		return now - pass->begun > VSB_WEB_LINK_S;
	return now - pass->seen > VSB_WEB_IDLE_S || now - pass->begun > VSB_WEB_SESSION_S;
}

void vsb_web_tidy(struct vsb_web *web, bool recheck)
{
	struct pass *pass;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, web->passes);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&pass)) {
		if (too_old(web, pass) ||
		    (recheck && !web->allows(web->data, pass->session.uservm, pass->session.key)))
			g_hash_table_iter_remove(&iter);
	}
}

static bool has_room(struct vsb_web *web, const char *uservm, GError **error)
{
	guint of_uservm = 0;
	struct pass *pass;
	GHashTableIter iter;

	vsb_web_tidy(web, false);
	g_hash_table_iter_init(&iter, web->passes);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&pass))
		of_uservm += !strcmp(pass->session.uservm, uservm);
	if (of_uservm < VSB_WEB_MAX_USERVM && g_hash_table_size(web->passes) < VSB_WEB_MAX_PASSES)
		return true;
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
		    "there are %u links and sessions of the web page, %u of them this user VM's, the most there may be; log out somewhere, or wait %d minutes",
		    g_hash_table_size(web->passes), of_uservm, VSB_WEB_IDLE_S / 60);
	return false;
}

/* Return: (transfer full): its secret, or NULL. */
static char *add(struct vsb_web *web, bool is_link, const char *console, const char *uservm,
		 const char *key, GError **error)
{
	char *secret = new_secret(is_link ? TOKEN_BYTES : COOKIE_BYTES, error);
	struct pass *pass;

	if (!secret)
		return NULL;
	pass = g_new0(struct pass, 1);
	pass->session = (struct vsb_web_session){
		digest(secret), g_strdup(console), g_strdup(uservm), g_strdup(key),
	};
	pass->is_link = is_link;
	pass->begun = web->now();
	pass->seen = is_link ? 0 : pass->begun;
	g_hash_table_insert(web->passes, (gpointer)pass->session.id, pass);
	return secret;
}

char *vsb_web_link(struct vsb_web *web, const char *console, const char *uservm, const char *key,
		   GError **error)
{
	g_autofree char *token = NULL;

	if (has_room(web, uservm, error))
		token = add(web, true, console, uservm, key, error);
	/* What follows # no browser sends anywhere, and no preview of a link opens. */
	return token ? g_strdup_printf("%s/%s/#%s", web->url, console, token) : NULL;
}

static struct pass *find(struct vsb_web *web, const char *secret, bool is_link)
{
	g_autofree char *id = digest(secret);
	struct pass *pass = g_hash_table_lookup(web->passes, id);

	return pass && pass->is_link == is_link && !too_old(web, pass) ? pass : NULL;
}

/* Return: whether @pass is for @console, and its key is listed. */
static bool is_good(struct vsb_web *web, const struct pass *pass, const char *console,
		    GError **error)
{
	const char *what = pass->is_link ? "link" : "session";

	if (strcmp(pass->session.console, console)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_DENIED, "this %s is for another console", what);
		return false;
	}
	if (!web->allows(web->data, pass->session.uservm, pass->session.key)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_DENIED,
			    "the key of this %s is not listed for this console any more", what);
		return false;
	}
	return true;
}

char *vsb_web_login(struct vsb_web *web, const char *console, const char *token, GError **error)
{
	struct pass *link = find(web, token, true);
	char *cookie;

	if (!link || link->seen) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_DENIED, link ?
			    "this link was used already, it is for one browser: get another with 'ssh ... web'" :
			    "this link is not known, or older than a minute: get another with 'ssh ... web'");
		return NULL;
	}
	if (!is_good(web, link, console, error))
		return NULL;
	cookie = add(web, false, console, link->session.uservm, link->session.key, error);
	/* Until it is too old: who comes second is told that he does. */
	if (cookie)
		link->seen = MAX(web->now(), 1);
	return cookie;
}

const struct vsb_web_session *vsb_web_use(struct vsb_web *web, const char *console,
					  const char *cookie, GError **error)
{
	struct pass *pass = find(web, cookie, false);

	if (!pass) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_DENIED,
			    "no session, or it has ended: get a link with 'ssh ... web'");
		return NULL;
	}
	if (!is_good(web, pass, console, error))
		return NULL;
	pass->seen = web->now();
	return &pass->session;
}

bool vsb_web_alive(struct vsb_web *web, const char *id)
{
	struct pass *pass = g_hash_table_lookup(web->passes, id);

	if (!pass || too_old(web, pass))
		return false;
	pass->seen = web->now();
	return true;
}

void vsb_web_logout(struct vsb_web *web, const char *id)
{
	g_hash_table_remove(web->passes, id);
}
