// SPDX-License-Identifier: GPL-2.0
/* How many messages there may be of one cloud VM or user VM: a bucket of tokens for each. */
#include "log-limit.h"

struct bucket {
	guint tokens;
	guint left_out;
	gint64 filled_us;	/* as many tokens as are due until then have been added */
};

static GHashTable *buckets;	/* by name */

static struct bucket *bucket_of(const char *name, gint64 now_us)
{
	struct bucket *bucket;

	if (!buckets)
		buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	bucket = g_hash_table_lookup(buckets, name);
	if (bucket)
		return bucket;
	if (g_hash_table_size(buckets) >= LOG_LIMIT_NAMES)
		g_hash_table_remove_all(buckets);
	bucket = g_new0(struct bucket, 1);
	bucket->tokens = LOG_LIMIT_BURST;
	bucket->filled_us = now_us;
	g_hash_table_insert(buckets, g_strdup(name), bucket);
	return bucket;
}

gboolean log_limit_take(const char *name, gint64 now_us, guint *left_out)
{
	struct bucket *bucket = bucket_of(name, now_us);
	gint64 due = (now_us - bucket->filled_us) / LOG_LIMIT_EVERY_US;

	bucket->tokens = (guint)MIN(bucket->tokens + due, LOG_LIMIT_BURST);
	bucket->filled_us += due * LOG_LIMIT_EVERY_US;
	*left_out = bucket->left_out;
	if (!bucket->tokens) {
		bucket->left_out++;
		return FALSE;
	}
	bucket->tokens--;
	bucket->left_out = 0;
	return TRUE;
}

void log_limit_reset(void)
{
	g_clear_pointer(&buckets, g_hash_table_unref);
}
