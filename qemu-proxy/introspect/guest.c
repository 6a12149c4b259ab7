// SPDX-License-Identifier: GPL-2.0
/* A VM's memory, read from outside; see guest.h. */
#include "guest.h"

#include <string.h>

/* Pages that are kept: 64 MiB. More than a look at a VM needs. */
#define MAX_PAGES	16384
/* Entries of lists, in all. A VM whose lists run into each other would keep us busy for days. */
#define MAX_STEPS	(8 << 20)

/* SDM vol. 3, 4.5. */
#define PRESENT		0x1
#define LARGE		0x80
#define ADDRESS		0x000ffffffffff000ull

#define LOWEST_OF_KERNEL	0xff00000000000000ull	/* five levels; four: higher */

struct guest {
	struct guest_source source;
	guint64 root;
	guint levels;
	GHashTable *pages;	/* frame: its bytes, or NULL: there is none */
	gboolean failed;
	guint steps;
};

struct guest *guest_new(const struct guest_source *source)
{
	struct guest *guest = g_new0(struct guest, 1);

	guest->source = *source;
	guest->levels = 4;
	guest->pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	return guest;
}

void guest_free(struct guest *guest)
{
	if (!guest)
		return;
	g_hash_table_unref(guest->pages);
	g_free(guest);
}

void guest_set_table(struct guest *guest, guint64 root, guint levels)
{
	guest->root = root & ADDRESS & ~guest->source.private_mask;
	guest->levels = levels;
}

void guest_forget(struct guest *guest)
{
	g_hash_table_remove_all(guest->pages);
}

gboolean guest_failed(const struct guest *guest)
{
	return guest->failed;
}

/* ---- physical ---- */

/* Return: how many bytes there are, from @at on. */
static gsize read_source(struct guest *guest, guint64 at, gpointer buf, gsize len)
{
	gsize got = 0;

	while (got < len && !guest->failed) {
		gssize n = guest->source.read(guest->source.data, at + got, (char *)buf + got, len - got);

		if (n < 0)
			guest->failed = TRUE;
		if (n <= 0)
			break;
		got += (gsize)n;
	}
	return got;
}

/* The page of @pa, or NULL. */
static const guint8 *page_of(struct guest *guest, guint64 pa)
{
	guint64 frame = pa / GUEST_PAGE;
	gpointer page;

	if (g_hash_table_lookup_extended(guest->pages, &frame, NULL, &page))
		return page;
	if (g_hash_table_size(guest->pages) >= MAX_PAGES)
		guest_forget(guest);
	page = g_malloc(GUEST_PAGE);
	if (read_source(guest, frame * GUEST_PAGE, page, GUEST_PAGE) < GUEST_PAGE)
		g_clear_pointer(&page, g_free);
	g_hash_table_insert(guest->pages, g_memdup2(&frame, sizeof(frame)), page);
	return page;
}

/* ---- virtual ---- */

gboolean guest_translate(struct guest *guest, guint64 va, guint64 *pa, guint64 *run)
{
	guint64 table = guest->root;

	for (guint level = guest->levels; level; level--) {
		guint shift = 12 + 9 * (level - 1);
		guint64 size = 1ull << shift, rest = size - (va & (size - 1)), entry;
		const guint8 *page = page_of(guest, table);

		*run = rest;
		if (!page)
			return FALSE;
		memcpy(&entry, page + (va >> shift & 511) * 8, sizeof(entry));
		if (!(entry & PRESENT))
			return FALSE;
		table = entry & ADDRESS & ~guest->source.private_mask;
		if (level == 1 || (level <= 3 && entry & LARGE)) {
			*pa = (table & ~(size - 1)) | (va & (size - 1));
			return TRUE;
		}
	}
	return FALSE;
}

gboolean guest_read(struct guest *guest, guint64 va, gpointer buf, gsize len)
{
	while (len) {
		gsize offset = va % GUEST_PAGE, n = MIN(len, GUEST_PAGE - offset);
		const guint8 *page;
		guint64 pa, run;

		if (!guest_translate(guest, va, &pa, &run))
			return FALSE;
		page = page_of(guest, pa);
		if (!page)
			return FALSE;
		memcpy(buf, page + offset, n);
		buf = (char *)buf + n;
		va += n;
		len -= n;
	}
	return TRUE;
}

gsize guest_read_image(struct guest *guest, guint64 va, gpointer buf, gsize len)
{
	gsize there = 0;

	memset(buf, 0, len);
	for (gsize at = 0, n; at < len && !guest->failed; at += n) {
		guint64 pa, run;
		gboolean mapped = guest_translate(guest, va + at, &pa, &run);
		gsize got;

		n = (gsize)MIN(len - at, run);
		if (!mapped)
			continue;
		got = read_source(guest, pa, (char *)buf + at, n);
		there += got;
		/* Behind what is there, a page is not. */
		if (got < n)
			n = MIN(n, got + GUEST_PAGE - (pa + got) % GUEST_PAGE);
	}
	return there;
}

gboolean guest_u8(struct guest *guest, guint64 va, guint8 *value)
{
	return guest_read(guest, va, value, sizeof(*value));
}

gboolean guest_u32(struct guest *guest, guint64 va, guint32 *value)
{
	return guest_read(guest, va, value, sizeof(*value));
}

gboolean guest_u64(struct guest *guest, guint64 va, guint64 *value)
{
	return guest_read(guest, va, value, sizeof(*value));
}

char *guest_string(struct guest *guest, guint64 va, gsize max)
{
	GString *text = g_string_new(NULL);

	for (gsize i = 0; i < max; i++) {
		guint8 c;

		if (!guest_u8(guest, va + i, &c)) {
			g_string_free(text, TRUE);
			return NULL;
		}
		if (!c)
			break;
		if (g_ascii_isprint((char)c) && c != '\\')
			g_string_append_c(text, (char)c);
		else
			g_string_append_printf(text, "\\x%02x", c);
	}
	return g_string_free(text, FALSE);
}

gboolean guest_is_pointer(guint64 va)
{
	return va >= LOWEST_OF_KERNEL && va % 8 == 0;
}

/* ---- lists ---- */

char *guest_list(struct guest *guest, guint64 head, guint max,
		 gboolean (*entry)(guint64 at, gpointer data), gpointer data)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	guint64 at = head;

	for (guint n = 0;; n++) {
		guint64 next;

		if (!guest_u64(guest, at, &next) || !guest_is_pointer(next))
			return g_strdup_printf("broken behind entry %u", n);
		if (next == head)
			return NULL;
		if (n == max || guest->steps++ >= MAX_STEPS)
			return g_strdup_printf("longer than %u entries", n);
		if (!g_hash_table_add(seen, g_memdup2(&next, sizeof(next))))
			return g_strdup_printf("a circle without its head behind entry %u", n);
		if (!entry(next, data))
			return NULL;
		at = next;
	}
}
