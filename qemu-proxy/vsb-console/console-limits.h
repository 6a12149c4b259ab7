/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many may wait to log in, and who has to make room. A source is an IPv4 address or
 * the /64 of an IPv6 address: what one host, or one link of hosts, has for nothing.
 *
 * A source that has too many loses one of its own, at random, so that what comes first
 * can neither stay for ever nor be driven out at will; when all together are too many,
 * the source with most of them does. Who comes from elsewhere does not notice.
 */
#ifndef CONSOLE_LIMITS_H
#define CONSOLE_LIMITS_H

#include <glib.h>
#include <stdbool.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define VSB_MAX_STRANGERS	64	/* connections that have not logged in */
#define VSB_MAX_STRANGERS_SOURCE 16	/* of one source */
/*
 * A process for each costs time: what a source may begin at once, and each second. Who
 * logs in gets it back.
 */
#define VSB_SOURCE_BURST	64
#define VSB_SOURCE_RATE		8

/*
 * Logged in. The first VSB_RESERVE of a user VM, and of a key, find room when others have
 * all; VSB_MAX_USERVM_EVER is the end of that.
 */
#define VSB_MAX_SESSIONS	64
#define VSB_RESERVE		2
#define VSB_MAX_USERVM		16
#define VSB_MAX_USERVM_EVER	32
#define VSB_MAX_KEY		48

#define VSB_SOURCE_LEN	(INET6_ADDRSTRLEN + 4)

struct vsb_source {
	char *name;		/* address, or the /64 */
	guint strangers;
	gint tokens;
	bool told_many;		/* of these the log knows, until it is over */
	bool told_fast;
};

/* Return: the source of an address, as text; @len: VSB_SOURCE_LEN. */
void vsb_source_name(const struct sockaddr_storage *address, char *name, gsize len);

/* @sources: name -> struct vsb_source */
GHashTable *vsb_sources_new(void);
struct vsb_source *vsb_sources_get(GHashTable *sources, const char *name);

/* Once a second. */
void vsb_sources_tick(GHashTable *sources);

/* Return: the source that has to make room when all are too many. */
struct vsb_source *vsb_sources_crowded(GHashTable *sources);

/*
 * May one more log in, of a user VM that has @uservm, with a key that has @key, of @all
 * that are logged in? Return: why not, or NULL.
 */
char *vsb_limit_login(guint uservm, guint key, guint all);

#endif
