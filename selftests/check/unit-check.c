// SPDX-License-Identifier: GPL-2.0
/*
 * BTF in which one thing is not as it should be, and code in which nobody calls. That the
 * real ones of a kernel are accepted, each load of the module in the lab shows.
 */
#include <bpf/btf.h>
#include <glib.h>
#include <string.h>

#include "kvm/check.h"

/* ---- types; libbpf's functions in place of the kernel's ---- */

static s32 find(const struct btf *btf, const char *name, u8 kind)
{
	return btf__find_by_name_kind(btf, name, kind);
}

static const struct btf_type *type(const struct btf *btf, u32 id)
{
	return btf__type_by_id(btf, id);
}

static const char *name(const struct btf *btf, u32 offset)
{
	return btf__name_by_offset(btf, offset);
}

/* How the BTF differs from what is expected. */
enum fault {
	RIGHT,
	VCPU_SECOND, VCPU_POINTER, VCPU_RENAMED, NO_STRUCT, FORWARD, BIT_FIELD,
	RETURNS_BOOL, RETURNS_VOID, ONE_MORE_ARG, ONE_LESS_ARG, OTHER_ARG, BY_VALUE, NO_FUNCTION,
	VALUE_SHIFTED, VALUE_RENAMED, NO_ENUM, DECLARED, LOOP,
	NR_FAULTS
};

static const struct vsb_expect expect[] = {
	{ BTF_KIND_STRUCT, "vcpu_svm", "vcpu", 0, "struct kvm_vcpu" },
	{ BTF_KIND_STRUCT, "vcpu_svm", "flags", 64, "u32" },
	{ BTF_KIND_FUNC, "handled", NULL, 0, "int (struct vcpu_svm *, const char *)" },
	{ BTF_KIND_FUNC, "nothing", NULL, 0, "void (void)" },
	{ BTF_KIND_ENUM, "x86_intercept", "x86_intercept_in", 44, NULL },
};

static struct btf *make(enum fault f)
{
	struct btf *btf = btf__new_empty();
	int u32_id, int_id, bool_id, vcpu, svm = 0, pointer, text, other, proto, of;

	int_id = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	u32_id = btf__add_typedef(btf, "u32", btf__add_int(btf, "unsigned int", 4, 0));
	bool_id = btf__add_typedef(btf, "bool", btf__add_int(btf, "_Bool", 1, BTF_INT_BOOL));
	vcpu = btf__add_struct(btf, "kvm_vcpu", 64);
	g_assert_cmpint(btf__add_field(btf, "id", int_id, 0, 0), ==, 0);
	other = btf__add_ptr(btf, vcpu);
	if (f == FORWARD) {
		svm = btf__add_fwd(btf, "vcpu_svm", BTF_FWD_STRUCT);
	} else {
		svm = btf__add_struct(btf, f == NO_STRUCT ? "svm_vcpu" : "vcpu_svm", 80);
		if (f == VCPU_SECOND)
			btf__add_field(btf, "lock", u32_id, 0, 0);
		btf__add_field(btf, f == VCPU_RENAMED ? "cpu" : "vcpu",
			       f == VCPU_POINTER ? other : vcpu, f == VCPU_SECOND ? 64 : 0, 0);
		btf__add_field(btf, "flags", u32_id, 512, f == BIT_FIELD ? 31 : 0);
	}
	pointer = btf__add_ptr(btf, svm);
	text = btf__add_ptr(btf, btf__add_const(btf, btf__add_int(btf, "char", 1, BTF_INT_SIGNED)));
	if (f == LOOP)	/* a pointer to itself */
		pointer = btf__add_ptr(btf, text + 1);
	of = f == RETURNS_BOOL ? bool_id : f == RETURNS_VOID ? 0 : int_id;
	proto = btf__add_func_proto(btf, of);
	btf__add_func_param(btf, "svm", f == OTHER_ARG ? other : f == BY_VALUE ? svm : pointer);
	if (f != ONE_LESS_ARG)
		btf__add_func_param(btf, "name", text);
	if (f == ONE_MORE_ARG)
		btf__add_func_param(btf, "more", int_id);
	btf__add_func(btf, f == NO_FUNCTION ? "handled.isra.0" : "handled", BTF_FUNC_STATIC, proto);
	btf__add_func(btf, "nothing", BTF_FUNC_GLOBAL, btf__add_func_proto(btf, 0));
	if (f != NO_ENUM)	/* declared only, as by a header */
		btf__add_enum(btf, "x86_intercept", 4);
	btf__add_enum(btf, "x86_other", 4);
	btf__add_enum_value(btf, "x86_intercept_in", 44);
	if (f != NO_ENUM && f != DECLARED) {
		btf__add_enum(btf, "x86_intercept", 4);
		btf__add_enum_value(btf, "x86_intercept_rsm", 43);
		btf__add_enum_value(btf, f == VALUE_RENAMED ? "x86_intercept_io" : "x86_intercept_in",
				    f == VALUE_SHIFTED ? 45 : 44);
	}
	return btf;
}

/* Each fault is found, by one expectation at least, and with words; else all are met. */
static void test_types(void)
{
	for (guint f = RIGHT; f < NR_FAULTS; f++) {
		struct btf *btf = make(f);
		struct vsb_btf b = { btf, find, type, name };
		guint unmet = 0;

		for (guint i = 0; i < G_N_ELEMENTS(expect); i++) {
			char want[VSB_SEEN], seen[VSB_SEEN];

			if (!vsb_check_type(&b, &expect[i], want, seen))
				unmet++;
			g_assert_cmpuint(strlen(seen), >, 0);
			g_assert_cmpuint(strlen(seen), <, VSB_SEEN);
		}
		g_test_message("fault %u: %u unmet", f, unmet);
		if (f == RIGHT)
			g_assert_cmpuint(unmet, ==, 0);
		else
			g_assert_cmpuint(unmet, >, 0);
		btf__free(btf);
	}
}

/* A type that is too long to be said is not what was expected, and stays in its place. */
static void test_long(void)
{
	struct vsb_expect e = { BTF_KIND_FUNC, "f", NULL, 0, "void (void)" };
	g_autofree char *longest = g_strnfill(100, 'x');
	struct btf *btf = btf__new_empty();
	struct vsb_btf b = { btf, find, type, name };
	int s = btf__add_struct(btf, longest, 8), proto = btf__add_func_proto(btf, s);
	char want[VSB_SEEN], seen[VSB_SEEN + 1];

	for (int i = 0; i < 8; i++)
		btf__add_func_param(btf, "x", s);
	btf__add_func(btf, "f", BTF_FUNC_STATIC, proto);
	seen[VSB_SEEN] = '!';
	g_assert_false(vsb_check_type(&b, &e, want, seen));
	g_assert_cmpint(seen[VSB_SEEN], ==, '!');
	g_assert_cmpuint(strlen(seen), ==, VSB_SEEN - 1);
	btf__free(btf);
}

/* ---- code ---- */

#define AT	0xffffffffc0000000ul

static void put(guint8 *text, guint at, guint8 op, unsigned long to)
{
	gint32 rel = to - (AT + at + 5);

	text[at] = op;
	memcpy(text + at + 1, &rel, sizeof(rel));
}

static bool finds(const guint8 *text, gsize size, unsigned long function, gulong padding,
		  bool compared)
{
	/* Exactly as long as it says, for AddressSanitizer. */
	g_autofree guint8 *copy = g_memdup2(text, size);
	struct vsb_call calls[] = { { 0 }, { function, compared, false } };

	vsb_check_calls(copy, size, AT, padding, calls, 2);
	g_assert_false(calls[0].found);
	return calls[1].found;
}

static void test_calls(void)
{
	static const guint8 cmp1[] = { 0x83, 0xf8, 0x01 }, cmp2[] = { 0x83, 0xf8, 0x02 };
	guint8 text[64];
	gulong f = AT + 0x100000, before = AT - 0x100000;

	memset(text, 0x90, sizeof(text));
	g_assert_false(finds(text, sizeof(text), f, 0, false));
	put(text, 20, 0xe8, f);
	g_assert_true(finds(text, sizeof(text), f, 0, false));
	g_assert_false(finds(text, sizeof(text), f + 1, 0, false));
	g_assert_false(finds(text, sizeof(text), f - 1, 0, false));
	g_assert_false(finds(text, sizeof(text), f, 0, true));
	/* to the bytes before it */
	g_assert_true(finds(text, sizeof(text), f + 16, 16, false));
	g_assert_false(finds(text, sizeof(text), f + 17, 16, false));
	g_assert_false(finds(text, sizeof(text), f - 1, 16, false));
	/* compared, and with what */
	memcpy(text + 26, cmp2, 3);
	g_assert_false(finds(text, sizeof(text), f, 0, true));
	memcpy(text + 26, cmp1, 3);
	g_assert_true(finds(text, sizeof(text), f, 0, true));
	g_assert_false(finds(text, 28, f, 0, true));
	g_assert_true(finds(text, 29, f, 0, true));
	g_assert_false(finds(text, 24, f, 0, false));
	/* the last thing of a caller, backwards, at the very ends */
	memset(text, 0x90, sizeof(text));
	put(text, 0, 0xe9, before);
	g_assert_true(finds(text, sizeof(text), before, 0, false));
	put(text, sizeof(text) - 5, 0xe8, f);
	g_assert_true(finds(text, sizeof(text), f, 0, false));
	g_assert_false(finds(text, sizeof(text) - 1, f, 0, false));
	g_assert_false(finds(text, 0, f, 0, false));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/check/types", test_types);
	g_test_add_func("/check/long", test_long);
	g_test_add_func("/check/calls", test_calls);
	return g_test_run();
}
