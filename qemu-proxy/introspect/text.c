// SPDX-License-Identifier: GPL-2.0
/* A Linux' code and its table of system calls; see text.h. */
#include "text.h"

#include <string.h>

#include "error.h"

#define MAX_TEXT	(128u << 20)
#define MAX_PADDING	3
/* Bytes that are the same between two that differ: still one change. */
#define MAX_GAP		8
/* A function begins with endbr64, if any, and a place for a call (Intel SDM vol. 1, 18.3.9). */
#define ENDBR_SIZE	4
#define CALL_SIZE	5
#define ENTRY_SIZE	(ENDBR_SIZE + CALL_SIZE)

/* struct jump_entry of x86-64: two relative addresses and a key. */
#define JUMP_ENTRY	16
#define MAX_JUMPS	(1 << 18)

static const guint8 endbr[ENDBR_SIZE] = { 0xf3, 0x0f, 0x1e, 0xfa };

static gboolean damaged(GError **error, const char *what)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "the kernel's %s is not of a possible size", what);
	return FALSE;
}

static gboolean read_text(struct text *text, const struct kernel *kernel, GError **error)
{
	guint64 end;

	if (!kernel_symbol(kernel, "_stext", &text->start, error) ||
	    !kernel_symbol(kernel, "_etext", &end, error))
		return FALSE;
	if (end <= text->start || end - text->start > MAX_TEXT)
		return damaged(error, "text");
	g_byte_array_set_size(text->bytes, (guint)(end - text->start));
	text->there = guest_read_image(kernel->guest, text->start, text->bytes->data, text->bytes->len);
	return TRUE;
}

/* The table ends where the next symbol is, which begins at a multiple of 32 bytes. */
static gboolean read_syscalls(struct text *text, const struct kernel *kernel, GError **error)
{
	guint64 at, next = 0;
	gint i;

	if (!kernel_symbol(kernel, "sys_call_table", &at, error))
		return FALSE;
	for (i = kallsyms_at(kernel->symbols, at) + 1; (guint)i < kallsyms_count(kernel->symbols); i++) {
		kallsyms_nth(kernel->symbols, (guint)i, &next);
		if (next > at)
			break;
	}
	if (next <= at || (next - at) / 8 > TEXT_MAX_SYSCALLS)
		return damaged(error, "table of system calls");
	g_array_set_size(text->syscalls, (guint)(next - at) / 8);
	if (!guest_read(kernel->guest, at, text->syscalls->data, text->syscalls->len * 8))
		return damaged(error, "table of system calls");
	for (i = 0; i < MAX_PADDING && text->syscalls->len; i++) {
		if (g_array_index(text->syscalls, guint64, text->syscalls->len - 1))
			break;
		g_array_set_size(text->syscalls, text->syscalls->len - 1);
	}
	return TRUE;
}

struct text *text_read(const struct kernel *kernel, GError **error)
{
	struct text *text = g_new0(struct text, 1);

	text->bytes = g_byte_array_new();
	text->syscalls = g_array_new(FALSE, TRUE, sizeof(guint64));
	if (read_text(text, kernel, error) && read_syscalls(text, kernel, error))
		return text;
	text_free(text);
	return NULL;
}

void text_free(struct text *text)
{
	if (!text)
		return;
	g_byte_array_unref(text->bytes);
	g_array_unref(text->syscalls);
	g_free(text);
}

char *text_sha256(const struct text *text)
{
	return g_compute_checksum_for_data(G_CHECKSUM_SHA256, text->bytes->data, text->bytes->len);
}

char *text_syscalls_sha256(const struct text *text)
{
	return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guint8 *)text->syscalls->data,
					   text->syscalls->len * 8);
}

/* ---- system calls ---- */

/* Up to @len bytes at @at, or NULL. */
static const guint8 *code_at(const struct text *text, guint64 at, gsize len)
{
	return at >= text->start && at - text->start <= text->bytes->len &&
	       text->bytes->len - (at - text->start) >= len ? text->bytes->data + (at - text->start) : NULL;
}

static guint64 relative(const guint8 *code, guint64 at, guint len)
{
	gint32 offset;

	memcpy(&offset, code + 1, sizeof(offset));
	return at + len + (guint64)(gint64)offset;
}

/* Does the function at @at begin with what leads elsewhere? */
static gboolean is_hooked(const struct text *text, guint64 at, guint64 *target)
{
	const guint8 *code = code_at(text, at, ENTRY_SIZE);

	if (!code)
		return FALSE;
	if (!memcmp(code, endbr, sizeof(endbr))) {
		code += sizeof(endbr);
		at += sizeof(endbr);
	}
	*target = 0;
	if (code[0] == 0xcc)
		return TRUE;
	if (code[0] != 0xe8 && code[0] != 0xe9)
		return FALSE;
	*target = relative(code, at, CALL_SIZE);
	return TRUE;
}

/* But not its part that is seldom run, "... .cold". */
static gboolean is_name_of_syscall(const char *name)
{
	return (g_str_has_prefix(name, "__x64_") && !strchr(name, '.')) || !strcmp(name, "sys_ni_syscall");
}

/* Several may have one address. */
static gboolean is_syscall(const struct kernel *kernel, guint64 at)
{
	for (gint i = kallsyms_at(kernel->symbols, at); i >= 0; i--) {
		guint64 address;
		const char *name = kallsyms_nth(kernel->symbols, (guint)i, &address);

		if (address != at)
			return FALSE;
		if (is_name_of_syscall(name))
			return TRUE;
	}
	return FALSE;
}

enum text_flaw text_syscall(const struct kernel *kernel, const struct text *text, guint n)
{
	guint64 at = g_array_index(text->syscalls, guint64, n);

	if (!code_at(text, at, 1))
		return TEXT_OUTSIDE;
	return is_syscall(kernel, at) ? TEXT_FINE : TEXT_OTHER;
}

const char *text_next_hook(const struct kernel *kernel, const struct text *text, guint *i,
			   guint64 *target)
{
	while (*i < kallsyms_count(kernel->symbols)) {
		guint64 at;
		const char *name = kallsyms_nth(kernel->symbols, (*i)++, &at);

		if (is_name_of_syscall(name) && is_hooked(text, at, target))
			return name;
	}
	return NULL;
}

/* ---- changes ---- */

/* Of a jump label: where it is, and where it leads when it is on. */
struct jump {
	guint64 at, target;
};

static gint compare_jumps(gconstpointer a, gconstpointer b)
{
	const struct jump *ja = a, *jb = b;

	return ja->at < jb->at ? -1 : ja->at > jb->at;
}

/* Return: (transfer full): of struct jump, by address. */
static GArray *read_jumps(const struct kernel *kernel)
{
	GArray *jumps = g_array_new(FALSE, FALSE, sizeof(struct jump));
	guint64 from = kallsyms_address(kernel->symbols, "__start___jump_table");
	guint64 to = kallsyms_address(kernel->symbols, "__stop___jump_table");
	g_autofree guint8 *table = NULL;
	gsize size;

	if (!from || to <= from || (to - from) / JUMP_ENTRY > MAX_JUMPS)
		return jumps;
	size = (gsize)(to - from);
	table = g_malloc(size);
	guest_read_image(kernel->guest, from, table, size);
	for (gsize i = 0; i + JUMP_ENTRY <= size; i += JUMP_ENTRY) {
		struct jump jump;
		gint32 code, target;

		memcpy(&code, table + i, 4);
		memcpy(&target, table + i + 4, 4);
		jump.at = from + i + (guint64)(gint64)code;
		jump.target = from + i + 4 + (guint64)(gint64)target;
		g_array_append_val(jumps, jump);
	}
	g_array_sort(jumps, compare_jumps);
	return jumps;
}

/* The last one at or below @at, or NULL. */
static const struct jump *jump_at(const GArray *jumps, guint64 at)
{
	guint from = 0, to = jumps->len;

	while (from < to) {
		guint middle = from + (to - from) / 2;

		if (g_array_index(jumps, struct jump, middle).at <= at)
			from = middle + 1;
		else
			to = middle;
	}
	return from ? &g_array_index(jumps, struct jump, from - 1) : NULL;
}

/*
 * Is it a jump label, and has what one may have: a no-operation of two bytes or five, or a jump to
 * its target (arch/x86/kernel/jump_label.c)?
 */
static gboolean is_jump(const struct text *text, const GArray *jumps, const struct text_change *change)
{
	static const guint8 nop5[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 }, nop2[] = { 0x66, 0x90 };
	const struct jump *jump = jump_at(jumps, change->at);
	const guint8 *code = jump ? code_at(text, jump->at, CALL_SIZE) : NULL;
	guint64 end = change->at + change->size;

	if (!code || end > jump->at + CALL_SIZE)
		return FALSE;
	if (!memcmp(code, nop5, sizeof(nop5)))
		return TRUE;
	if (code[0] == 0xe9)
		return relative(code, jump->at, CALL_SIZE) == jump->target;
	if (end > jump->at + sizeof(nop2))
		return FALSE;
	return !memcmp(code, nop2, sizeof(nop2)) ||
	       (code[0] == 0xeb && jump->at + 2 + (guint64)(gint64)(gint8)code[1] == jump->target);
}

static const char *kind_of(const struct kernel *kernel, const struct text *text, const GArray *jumps,
			   const struct text_change *change)
{
	gint i = kallsyms_at(kernel->symbols, change->at);
	guint64 function = 0;

	if (is_jump(text, jumps, change))
		return "jump label";
	if (i >= 0)
		kallsyms_nth(kernel->symbols, (guint)i, &function);
	return change->at + change->size - function <= ENTRY_SIZE ? "function entry" : "code";
}

GArray *text_compare(const struct kernel *kernel, const struct text *text, const guint8 *before)
{
	GArray *changes = g_array_new(FALSE, FALSE, sizeof(struct text_change));
	g_autoptr(GArray) jumps = read_jumps(kernel);
	const guint8 *now = text->bytes->data;
	guint len = text->bytes->len;

	for (guint at = 0; at < len && changes->len < TEXT_MAX_CHANGES;) {
		struct text_change change = { 0 };
		guint end, same = 0;

		/* Most of it is the same. */
		if (len - at >= GUEST_PAGE && !memcmp(now + at, before + at, GUEST_PAGE)) {
			at += GUEST_PAGE;
			continue;
		}
		if (now[at] == before[at]) {
			at++;
			continue;
		}
		for (end = at + 1; end + same < len && same < MAX_GAP;) {
			if (now[end + same] == before[end + same]) {
				same++;
			} else {
				end += same + 1;
				same = 0;
			}
		}
		change.at = text->start + at;
		change.size = end - at;
		change.kind = kind_of(kernel, text, jumps, &change);
		g_array_append_val(changes, change);
		at = end;
	}
	return changes;
}
