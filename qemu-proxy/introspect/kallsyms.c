// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's table of symbols; see kallsyms.h.
 *
 * Names are numbers of tokens. The index of these 256 tokens is what can be recognized alone:
 * it says where each string of the table before it ends. The rest follows from it:
 *
 *   up to 6.4   offsets, relative base, number, names, markers, [order of names,] tokens, index
 *   up to 6.19  number, names, markers, tokens, index, offsets, relative base, order of names
 *   later       the same without a base: an offset is relative to where it is itself
 *
 * Each begins at a multiple of 8 bytes, or of 4 in the last kind. Markers say where each 256th
 * name begins: only a number and names that agree with all of them are taken.
 */
#include "kallsyms.h"

#include <string.h>

#include "error.h"

#define TOKENS		256
#define INDEX_SIZE	(TOKENS * 2)
#define MAX_TOKEN	512	/* Rust has long ones */
#define PER_MARKER	256
#define MIN_SYMBOLS	4096
#define MAX_SYMBOLS	(1 << 20)
#define MAX_NAME	512	/* KSYM_NAME_LEN */
#define MAX_TEXT	(64 << 20)

/* What an image that is made to be slow may cost: indexes that lead nowhere, names looked at. */
#define MAX_TRIES	8
#define MAX_LOOKS	(64 << 20)

/* The shortest and the longest 256 names: a length and a token each, or all that there may be. */
#define MIN_STEP	(PER_MARKER * 2)
#define MAX_STEP	(PER_MARKER * 128)

struct symbol {
	guint64 address;
	guint32 name;	/* in text */
	char type;	/* as nm(1) has it */
};

struct kallsyms {
	GArray *symbols;	/* of struct symbol, by address */
	GString *text;		/* names, each with its NUL */
	GHashTable *by_name;	/* offset in text of the name that is preferred: index + 1 */
};

/**
 * struct search - where things are, in bytes from the beginning of the image
 * @image:	what is searched,
 * @len:	its size,
 * @base:	virtual address of it
 * @index:	of tokens
 * @tokens:	the strings
 * @markers:	begin,
 * @nr_markers:	and how many there are
 * @names:	begin
 * @nr:		number of symbols
 * @offsets:	of their addresses
 * @relative:	to what, 0: to themselves
 * @looks:	at names, so far
 */
struct search {
	const guint8 *image;
	gsize len;
	guint64 base;
	gsize index, tokens, markers, names, offsets;
	guint nr_markers, nr;
	guint64 relative;
	guint looks;
};

static guint16 u16_at(const struct search *s, gsize at)
{
	guint16 v;

	memcpy(&v, s->image + at, sizeof(v));
	return v;
}

static guint32 u32_at(const struct search *s, gsize at)
{
	guint32 v;

	memcpy(&v, s->image + at, sizeof(v));
	return v;
}

static guint64 u64_at(const struct search *s, gsize at)
{
	guint64 v;

	memcpy(&v, s->image + at, sizeof(v));
	return v;
}

static gsize align8(gsize at)
{
	return (at + 7) & ~(gsize)7;
}

/* ---- tokens ---- */

/* Do the strings that the index at @at speaks of begin at @begin, and the last one end at @end? */
static gboolean tokens_fit(const struct search *s, gsize at, gsize begin, gsize end)
{
	for (guint i = 0; i < TOKENS; i++) {
		gsize from = begin + u16_at(s, at + i * 2);
		gsize to = i + 1 < TOKENS ? begin + u16_at(s, at + (i + 1) * 2) - 1 : end;

		if (from >= to || s->image[to] || memchr(s->image + from, 0, to - from))
			return FALSE;
	}
	return TRUE;
}

/* Is the index at @at, and are the strings that it speaks of before it? */
static gboolean is_index(struct search *s, gsize at)
{
	gsize last = 0, end = at;

	if (u16_at(s, at) || u16_at(s, at + 2) < 2)
		return FALSE;
	for (guint i = 1; i < TOKENS; i++) {
		gsize next = u16_at(s, at + i * 2);

		if (next < last + 2 || next > last + MAX_TOKEN)
			return FALSE;
		last = next;
	}
	/* The last string, of a length that is not known, ends before the index. */
	while (end && !s->image[end - 1])
		end--;
	if (at - end < 1 || at - end > 8)
		return FALSE;
	for (gsize len = 1; len <= MAX_TOKEN && last + len <= end; len++) {
		gsize begin = end - len - last;

		if (begin % 4 == 0 && tokens_fit(s, at, begin, end)) {
			s->index = at;
			s->tokens = begin;
			return TRUE;
		}
	}
	return FALSE;
}

static gboolean find_index(struct search *s, gsize *from)
{
	for (gsize at = *from; at + INDEX_SIZE <= s->len; at += 4)
		if (is_index(s, at)) {
			*from = at + 4;
			return TRUE;
		}
	return FALSE;
}

/* ---- markers ---- */

/* How many markers begin at @at, where the first one is, and before @end. */
static guint count_markers(const struct search *s, gsize at, gsize end)
{
	guint32 last = 0;
	guint n = 1;

	if (u32_at(s, at))
		return 0;
	for (at += 4; at + 4 <= end && n <= MAX_SYMBOLS / PER_MARKER; at += 4, n++) {
		guint32 next = u32_at(s, at);

		if (next < last + MIN_STEP || next > last + MAX_STEP)
			break;
		last = next;
	}
	return n;
}

/* Does something fit between markers, of so many symbols, and tokens: nothing, or an order? */
static gboolean gap_fits(gsize gap, guint nr_markers)
{
	gsize least = (gsize)(nr_markers - 1) * PER_MARKER, most = (gsize)nr_markers * PER_MARKER;

	return gap < 8 || (gap > least * 3 && gap < most * 4 + 8);
}

static gboolean find_markers(struct search *s)
{
	gsize lowest = s->tokens > (gsize)MAX_SYMBOLS * 5 ? s->tokens - (gsize)MAX_SYMBOLS * 5 : 0;

	for (gsize at = s->tokens & ~(gsize)3; at >= lowest + 4;) {
		guint n;

		at -= 4;
		if (u32_at(s, at))
			continue;
		n = count_markers(s, at, s->tokens);
		if (n < MIN_SYMBOLS / PER_MARKER || !gap_fits(s->tokens - (at + n * 4), n))
			continue;
		s->markers = at;
		s->nr_markers = n;
		return TRUE;
	}
	return FALSE;
}

/* ---- names ---- */

/* The length of the name at *@at, which is moved behind it (ULEB128 in one byte or two). */
static gboolean take_length(const struct search *s, gsize *at, gsize *len)
{
	if (*at >= s->markers)
		return FALSE;
	*len = s->image[(*at)++];
	if (*len & 0x80) {
		if (*at >= s->markers)
			return FALSE;
		*len = (*len & 0x7f) | (gsize)s->image[(*at)++] << 7;
	}
	return *len && *len <= s->markers - *at;
}

/* Are there @nr names at @at, as the markers say? */
static gboolean names_fit(struct search *s, gsize at, guint nr)
{
	gsize begin = at, len;

	for (guint i = 0; i < nr && s->looks < MAX_LOOKS; i++, at += len) {
		s->looks++;
		if (i % PER_MARKER == 0 &&
		    at - begin != u32_at(s, s->markers + i / PER_MARKER * 4))
			return FALSE;
		if (!take_length(s, &at, &len))
			return FALSE;
	}
	return s->looks < MAX_LOOKS && s->markers - at < 8;
}

static gboolean find_names(struct search *s)
{
	gsize last = u32_at(s, s->markers + (s->nr_markers - 1) * 4);
	guint most = s->nr_markers * PER_MARKER;

	/* The number is right before the names, and these right before the markers. */
	for (gsize size = last + 2; size <= last + MAX_STEP + 8 && size + 8 <= s->markers; size++) {
		gsize names = s->markers - size;
		guint nr;

		if (names % 4)
			continue;
		for (gsize number = names - 4; number + 8 >= names; number -= 4) {
			nr = u32_at(s, number);
			if (nr > most - PER_MARKER && nr <= most && names_fit(s, names, nr)) {
				s->names = names;
				s->nr = nr;
				return TRUE;
			}
			if (number < 4)
				break;
		}
	}
	return FALSE;
}

/* ---- addresses ---- */

/* The kernel's image is in here (Documentation/arch/x86/x86_64/mm.rst). */
static gboolean in_kernel(guint64 address)
{
	return address >= 0xffffffff80000000ull && address < 0xffffffffc0000000ull;
}

/* Symbols are in the order of their addresses; of a CPU's area first, as positive numbers. */
static gboolean offsets_fit(const struct search *s, gsize at)
{
	gint32 last = G_MININT32;

	for (guint i = 0; i < s->nr; i++) {
		gint32 offset = (gint32)u32_at(s, at + i * 4);

		if (offset >= 0 && offset < last)
			return FALSE;
		if (offset < 0 && last < 0 && i && offset > last)
			return FALSE;
		last = offset;
	}
	return TRUE;
}

/* Offsets at @offsets and what they are relative to at @relative? */
static gboolean take_offsets(struct search *s, gsize offsets, gsize relative)
{
	if (offsets % 4 || relative % 4 || relative > s->len - 8 ||
	    offsets > relative || relative - offsets < (gsize)s->nr * 4 ||
	    !in_kernel(u64_at(s, relative)) || !offsets_fit(s, offsets))
		return FALSE;
	s->offsets = offsets;
	s->relative = u64_at(s, relative);
	return TRUE;
}

/* Where an offset at @at leads that is relative to itself. */
static guint64 from_itself(const struct search *s, gsize at)
{
	return s->base + at + (guint64)(gint64)(gint32)u32_at(s, at);
}

static gboolean take_offsets_alone(struct search *s, gsize offsets)
{
	guint64 last = 0;

	for (guint i = 0; i < s->nr; i++) {
		guint64 address = from_itself(s, offsets + i * 4);

		if (!in_kernel(address) || address < last)
			return FALSE;
		last = address;
	}
	s->offsets = offsets;
	s->relative = 0;
	return TRUE;
}

static gboolean find_offsets(struct search *s)
{
	gsize size = align8((gsize)s->nr * 4), behind = s->index + INDEX_SIZE;

	if (size + 8 <= s->len && behind <= s->len - size - 8 &&
	    take_offsets(s, behind, behind + size))
		return TRUE;
	for (gsize pad = 4; pad <= 8; pad += 4) {
		gsize number = s->names - pad;

		if (number >= size + 8 && take_offsets(s, number - 8 - size, number - 8))
			return TRUE;
	}
	return (gsize)s->nr * 4 <= s->len - behind && take_offsets_alone(s, behind);
}

/* ---- all of it ---- */

/* A name into text, without its type, which is what the first character is. */
static gboolean expand(const struct search *s, gsize at, gsize len, GString *text, char *type)
{
	gsize begin = text->len;
	gboolean first = TRUE;

	for (gsize i = 0; i < len; i++) {
		const guint8 *token = s->image + s->tokens + u16_at(s, s->index + s->image[at + i] * 2);

		for (; *token; token++) {
			if (first)
				*type = (char)*token;
			else
				g_string_append_c(text, g_ascii_isgraph((char)*token) ? (char)*token : '?');
			first = FALSE;
			if (text->len - begin > MAX_NAME)
				return FALSE;
		}
	}
	g_string_append_c(text, '\0');
	return text->len <= MAX_TEXT;
}

static gint compare_symbols(gconstpointer a, gconstpointer b)
{
	const struct symbol *sa = a, *sb = b;

	if (sa->address != sb->address)
		return sa->address < sb->address ? -1 : 1;
	return sa->name < sb->name ? -1 : sa->name > sb->name;
}

/*
 * Symbols per CPU are absolute up to 6.14: then all others are below zero
 * (CONFIG_KALLSYMS_ABSOLUTE_PERCPU).
 */
static gboolean is_percpu_absolute(const struct search *s)
{
	for (guint i = 0; i < s->nr; i++)
		if ((gint32)u32_at(s, s->offsets + i * 4) < 0)
			return TRUE;
	return FALSE;
}

static gboolean take_all(struct kallsyms *k, const struct search *s)
{
	gboolean absolute = s->relative && is_percpu_absolute(s);
	gsize at = s->names, len;

	for (guint i = 0; i < s->nr; i++, at += len) {
		gint32 offset = (gint32)u32_at(s, s->offsets + i * 4);
		struct symbol symbol = { .name = (guint32)k->text->len };

		if (!take_length(s, &at, &len) || !expand(s, at, len, k->text, &symbol.type))
			return FALSE;
		if (!s->relative)
			symbol.address = from_itself(s, s->offsets + i * 4);
		else if (!absolute)
			symbol.address = s->relative + (guint32)offset;
		else if (offset < 0)
			symbol.address = s->relative - 1 - (guint64)(gint64)offset;
		else
			continue;	/* in the area of a CPU, and nowhere */
		g_array_append_val(k->symbols, symbol);
	}
	g_array_sort(k->symbols, compare_symbols);
	return TRUE;
}

static void index_names(struct kallsyms *k)
{
	for (guint i = 0; i < k->symbols->len; i++) {
		const struct symbol *symbol = &g_array_index(k->symbols, struct symbol, i);
		const char *name = k->text->str + symbol->name;
		guint other = GPOINTER_TO_UINT(g_hash_table_lookup(k->by_name, name));

		if (!other || (g_ascii_isupper(symbol->type) &&
			       !g_ascii_isupper(g_array_index(k->symbols, struct symbol, other - 1).type)))
			g_hash_table_insert(k->by_name, (gpointer)name, GUINT_TO_POINTER(i + 1));
	}
}

struct kallsyms *kallsyms_find(const guint8 *image, gsize len, guint64 base, GError **error)
{
	struct search s = { .image = image, .len = len, .base = base };
	const char *seen = "no index of its tokens";
	gsize from = 0;

	for (guint try = 0; try < MAX_TRIES && find_index(&s, &from); try++) {
		struct kallsyms *k;

		seen = "no markers";
		if (!find_markers(&s))
			continue;
		seen = "no names";
		if (!find_names(&s))
			continue;
		seen = "no addresses";
		if (!find_offsets(&s))
			continue;
		k = g_new0(struct kallsyms, 1);
		k->symbols = g_array_sized_new(FALSE, TRUE, sizeof(struct symbol), s.nr);
		k->text = g_string_sized_new(1 << 20);
		k->by_name = g_hash_table_new(g_str_hash, g_str_equal);
		if (take_all(k, &s)) {
			index_names(k);
			return k;
		}
		seen = "names without end";
		kallsyms_free(k);
	}
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
		    "the kernel's table of symbols is not found, or of a kind that is not known: %s", seen);
	return NULL;
}

void kallsyms_free(struct kallsyms *k)
{
	if (!k)
		return;
	g_hash_table_unref(k->by_name);
	g_array_unref(k->symbols);
	g_string_free(k->text, TRUE);
	g_free(k);
}

/* ---- questions ---- */

guint kallsyms_count(const struct kallsyms *k)
{
	return k->symbols->len;
}

guint64 kallsyms_address(const struct kallsyms *k, const char *name)
{
	guint i = GPOINTER_TO_UINT(g_hash_table_lookup(k->by_name, name));

	return i ? g_array_index(k->symbols, struct symbol, i - 1).address : 0;
}

const char *kallsyms_nth(const struct kallsyms *k, guint i, guint64 *address)
{
	const struct symbol *symbol = &g_array_index(k->symbols, struct symbol, i);

	*address = symbol->address;
	return k->text->str + symbol->name;
}

gint kallsyms_at(const struct kallsyms *k, guint64 address)
{
	guint from = 0, to = k->symbols->len;

	while (from < to) {
		guint middle = from + (to - from) / 2;

		if (g_array_index(k->symbols, struct symbol, middle).address <= address)
			from = middle + 1;
		else
			to = middle;
	}
	return (gint)from - 1;
}

char *kallsyms_describe(const struct kallsyms *k, guint64 address)
{
	gint i = kallsyms_at(k, address);
	const char *name;
	guint64 at;

	if (i < 0)
		return g_strdup_printf("0x%" G_GINT64_MODIFIER "x", address);
	name = kallsyms_nth(k, (guint)i, &at);
	return g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x", name, address - at);
}
