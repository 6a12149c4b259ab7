// SPDX-License-Identifier: GPL-2.0
/*
 * Is KVM what we were written for? A type is compared as C would write it: what was seen
 * can then be said in one line.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "kvm/check.h"

#define DEPTH	8	/* of a type, without members */

/* ---- types ---- */

static void vsb_type_add(char *out, const char *text)
{
	size_t len = strlen(out);

	strncat(out, text, VSB_SEEN - 1 - len);
}

static const char *vsb_type_name(const struct vsb_btf *b, u32 offset)
{
	return b->name(b->btf, offset) ?: "?";
}

static void vsb_type_print(const struct vsb_btf *b, u32 id, unsigned int depth, char *out);

static void vsb_type_print_proto(const struct vsb_btf *b, const struct btf_type *t,
				 unsigned int depth, char *out)
{
	const struct btf_param *p = (const struct btf_param *)(t + 1);
	u32 i, nr = BTF_INFO_VLEN(t->info);

	vsb_type_print(b, t->type, depth, out);
	vsb_type_add(out, " (");
	for (i = 0; i < nr; i++) {
		if (i)
			vsb_type_add(out, ", ");
		vsb_type_print(b, p[i].type, depth, out);
	}
	vsb_type_add(out, nr ? ")" : "void)");
}

/* Append type @id to @out, which has VSB_SEEN bytes. */
static void vsb_type_print(const struct vsb_btf *b, u32 id, unsigned int depth, char *out)
{
	const struct btf_type *t = id ? b->type(b->btf, id) : NULL;

	if (!id) {
		vsb_type_add(out, "void");
		return;
	}
	if (!t || depth == DEPTH) {
		vsb_type_add(out, "?");
		return;
	}
	switch (BTF_INFO_KIND(t->info)) {
	case BTF_KIND_PTR:
		vsb_type_print(b, t->type, depth + 1, out);
		vsb_type_add(out, " *");
		return;
	case BTF_KIND_CONST:
		vsb_type_add(out, "const ");
		fallthrough;
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		vsb_type_print(b, t->type, depth + 1, out);
		return;
	case BTF_KIND_FUNC_PROTO:
		vsb_type_print_proto(b, t, depth + 1, out);
		return;
	case BTF_KIND_STRUCT:
		vsb_type_add(out, "struct ");
		break;
	case BTF_KIND_UNION:
		vsb_type_add(out, "union ");
		break;
	case BTF_KIND_FWD:
		vsb_type_add(out, BTF_INFO_KFLAG(t->info) ? "union " : "struct ");
		break;
	case BTF_KIND_ENUM:
		vsb_type_add(out, "enum ");
		break;
	case BTF_KIND_INT:
	case BTF_KIND_TYPEDEF:
		break;
	default:
		vsb_type_add(out, "?");
		return;
	}
	vsb_type_add(out, vsb_type_name(b, t->name_off));
}

static void vsb_type_see_member(const struct vsb_btf *b, const struct btf_type *t,
				const char *member, char *seen)
{
	const struct btf_member *m = (const struct btf_member *)(t + 1);
	u32 i, at, size = 0;

	for (i = 0; i < BTF_INFO_VLEN(t->info); i++) {
		if (strcmp(vsb_type_name(b, m[i].name_off), member))
			continue;
		at = m[i].offset;
		if (BTF_INFO_KFLAG(t->info)) {
			size = BTF_MEMBER_BITFIELD_SIZE(at);
			at = BTF_MEMBER_BIT_OFFSET(at);
		}
		snprintf(seen, VSB_SEEN, "bit %u%s: ", at, size ? ", a bit field" : "");
		vsb_type_print(b, m[i].type, 0, seen);
		return;
	}
}

static void vsb_type_see_value(const struct vsb_btf *b, const struct btf_type *t,
			       const char *member, char *seen)
{
	const struct btf_enum *v = (const struct btf_enum *)(t + 1);
	u32 i;

	for (i = 0; i < BTF_INFO_VLEN(t->info); i++)
		if (!strcmp(vsb_type_name(b, v[i].name_off), member))
			snprintf(seen, VSB_SEEN, "%d", v[i].val);
}

/* Return: or NULL. An enum that is declared only has no values; what has may come behind it. */
static const struct btf_type *vsb_type_find(const struct vsb_btf *b, const struct vsb_expect *e)
{
	s32 id = b->find(b->btf, e->name, e->kind);
	const struct btf_type *t = id > 0 ? b->type(b->btf, id) : NULL;

	if (e->kind != BTF_KIND_ENUM)
		return t;
	while (t && (BTF_INFO_KIND(t->info) != e->kind || !BTF_INFO_VLEN(t->info) ||
		     strcmp(vsb_type_name(b, t->name_off), e->name)))
		t = b->type(b->btf, ++id);
	return t;
}

/* What there is of @e, in words. */
static void vsb_type_see(const struct vsb_btf *b, const struct vsb_expect *e, char *seen)
{
	const struct btf_type *t = vsb_type_find(b, e);

	snprintf(seen, VSB_SEEN, "missing");
	if (!t)
		return;
	if (e->kind == BTF_KIND_STRUCT) {
		vsb_type_see_member(b, t, e->member, seen);
	} else if (e->kind == BTF_KIND_ENUM) {
		vsb_type_see_value(b, t, e->member, seen);
	} else {
		seen[0] = 0;
		vsb_type_print(b, t->type, 0, seen);
	}
}

/**
 * vsb_check_type - is something as we expect it?
 * @b: the types there are
 * @e: what we expect
 * @want: VSB_SEEN bytes: that, in words
 * @seen: VSB_SEEN bytes: how it is
 */
bool vsb_check_type(const struct vsb_btf *b, const struct vsb_expect *e, char *want,
		    char *seen)
{
	if (e->kind == BTF_KIND_STRUCT)
		snprintf(want, VSB_SEEN, "bit %u: %s", 8 * e->at, e->type);
	else if (e->kind == BTF_KIND_ENUM)
		snprintf(want, VSB_SEEN, "%u", e->at);
	else
		snprintf(want, VSB_SEEN, "%s", e->type);
	vsb_type_see(b, e, seen);
	return !strcmp(seen, want);
}

int vsb_check_offset(const struct vsb_btf *b, const char *name, const char *member,
		     const char *type)
{
	struct vsb_expect e = {
		.kind = BTF_KIND_STRUCT, .name = name, .member = member, .type = type,
	};
	char want[VSB_SEEN], seen[VSB_SEEN];
	unsigned int bit;

	vsb_check_type(b, &e, want, seen);
	if (sscanf(seen, "bit %u: ", &bit) != 1 || bit % 8)
		return -1;
	e.at = bit / 8;
	return vsb_check_type(b, &e, want, seen) ? (int)e.at : -1;
}

/* ---- code ---- */

#define OP_CALL		0xe8	/* rel32 */
#define OP_JMP		0xe9	/* rel32: the last thing that a function does */
#define OP_SIZE		5

/* "cmp $1, %eax" in the next few bytes: a mov or two may come before */
static bool vsb_code_compares(const u8 *text, const u8 *end)
{
	const u8 *to = end - text > 12 ? text + 12 : end;

	for (; to - text >= 3; text++)
		if (text[0] == 0x83 && text[1] == 0xf8 && text[2] == 0x01)
			return true;
	return false;
}

/**
 * vsb_check_calls - which functions are called?
 * @text: code of a module
 * @size: of it
 * @at: its address
 * @padding: bytes before a function that belong to it, and may be what is called
 * @calls: sets found
 * @nr: of them
 *
 * Every byte may begin an instruction. That four bytes of something else look like the
 * way to one of the functions need not be feared.
 */
void vsb_check_calls(const u8 *text, size_t size, unsigned long at, unsigned long padding,
		     struct vsb_call *calls, unsigned int nr)
{
	const u8 *p, *end = text + size;
	unsigned long to;
	unsigned int i;
	s32 rel;

	for (p = text; end - p >= OP_SIZE; p++) {
		if (*p != OP_CALL && *p != OP_JMP)
			continue;
		memcpy(&rel, p + 1, sizeof(rel));
		to = at + (p - text) + OP_SIZE + rel;
		for (i = 0; i < nr; i++)
			if (calls[i].function && calls[i].function - to <= padding)
				calls[i].found |= !calls[i].compared ||
						  vsb_code_compares(p + OP_SIZE, end);
	}
}
