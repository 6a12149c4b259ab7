// SPDX-License-Identifier: GPL-2.0
/* How many connections there may be, and whose. */
#include "console-limits.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

void vsb_source_name(const struct sockaddr_storage *address, char *name, gsize len)
{
	g_strlcpy(name, "?", len);
	if (address->ss_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, name, len);
	} else if (address->ss_family == AF_INET6) {
		struct in6_addr in6 = ((const struct sockaddr_in6 *)address)->sin6_addr;

		/* An IPv4 peer on a socket that serves both. */
		if (IN6_IS_ADDR_V4MAPPED(&in6)) {
			inet_ntop(AF_INET, &in6.s6_addr[12], name, len);
			return;
		}
		memset(&in6.s6_addr[8], 0, 8);
		inet_ntop(AF_INET6, &in6, name, len);
		g_strlcat(name, "/64", len);
	}
}

static void source_free(gpointer data)
{
	struct vsb_source *source = data;

	g_free(source->name);
	g_free(source);
}

GHashTable *vsb_sources_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, source_free);
}

struct vsb_source *vsb_sources_get(GHashTable *sources, const char *name)
{
	struct vsb_source *source = g_hash_table_lookup(sources, name);

	if (source)
		return source;
	source = g_new0(struct vsb_source, 1);
	source->name = g_strdup(name);
	source->tokens = VSB_SOURCE_BURST;
	g_hash_table_insert(sources, source->name, source);
	return source;
}

void vsb_sources_tick(GHashTable *sources)
{
	struct vsb_source *source;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, sources);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&source)) {
		source->tokens = MIN(source->tokens + VSB_SOURCE_RATE, VSB_SOURCE_BURST);
		if (source->strangers < VSB_MAX_STRANGERS_SOURCE / 2)
			source->told_many = false;
		if (source->tokens == VSB_SOURCE_BURST)
			source->told_fast = false;
		if (!source->strangers && source->tokens == VSB_SOURCE_BURST)
			g_hash_table_iter_remove(&iter);
	}
}

struct vsb_source *vsb_sources_crowded(GHashTable *sources)
{
	struct vsb_source *most = NULL, *source;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, sources);
	while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&source)) {
		if (!most || source->strangers > most->strangers)
			most = source;
	}
	return most;
}

char *vsb_limit_login(guint uservm, guint key, guint all)
{
	if (uservm >= VSB_MAX_USERVM_EVER || (uservm >= VSB_MAX_USERVM && key >= VSB_RESERVE))
		return g_strdup_printf("the user VM has %u connections, the most there may be; end one of them first",
				       uservm);
	if (key >= VSB_MAX_KEY)
		return g_strdup_printf("the key has %u connections, the most there may be; end one of them first",
				       key);
	if (all >= VSB_MAX_SESSIONS && uservm >= VSB_RESERVE && key >= VSB_RESERVE)
		return g_strdup_printf("this host has %u connections, and %u of them are this user VM's; end one of those first",
				       all, uservm);
	return NULL;
}
