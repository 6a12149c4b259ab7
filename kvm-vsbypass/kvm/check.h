/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is KVM what we were written for? What no header promises is read in its BTF (type
 * information, Documentation/bpf/btf.rst) and in its code. No type of KVM's is in here:
 * a unit test builds it, too.
 */
#ifndef VSB_CHECK_H
#define VSB_CHECK_H

#include <linux/btf.h>
#include <linux/types.h>

struct btf;

/**
 * struct vsb_btf - the types of a module, and how to look at them
 * @btf:	for these:
 * @find:	by name and BTF_KIND_*: an id, or an error
 * @type:	by id, or NULL
 * @name:	by offset, or NULL
 */
struct vsb_btf {
	struct btf *btf;
	s32 (*find)(const struct btf *btf, const char *name, u8 kind);
	const struct btf_type *(*type)(const struct btf *btf, u32 id);
	const char *(*name)(const struct btf *btf, u32 offset);
};

/**
 * struct vsb_expect - something of KVM that we rely on
 * @kind:	BTF_KIND_FUNC: @name is of type @type; BTF_KIND_STRUCT: @name has @member,
 *		@at bytes from its beginning and of type @type; BTF_KIND_ENUM: @name has
 *		@member, and that is @at
 * @type:	as C writes it: "int (struct kvm_vcpu *, u32)"
 */
struct vsb_expect {
	u8 kind;
	const char *name;
	const char *member;
	u32 at;
	const char *type;
};

#define VSB_SEEN	160	/* bytes for what vsb_check_type() says */

/* Bytes from the beginning of struct @name to a member of that type, or -1. */
int vsb_check_offset(const struct vsb_btf *b, const char *name, const char *member,
		     const char *type);
bool vsb_check_type(const struct vsb_btf *b, const struct vsb_expect *e, char *want,
		    char *seen);

/**
 * struct vsb_call - a function that somebody has to call
 * @function:	its address; 0: none
 * @compared:	and compare what it returns with 1
 * @found:	it is so
 */
struct vsb_call {
	unsigned long function;
	bool compared;
	bool found;
};

void vsb_check_calls(const u8 *text, size_t size, unsigned long at, unsigned long padding,
		     struct vsb_call *calls, unsigned int nr);

#endif
