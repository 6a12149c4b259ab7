/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A Linux' code and its table of system calls: what leads elsewhere, and what is not as it was.
 * Linux changes its code itself, at boot and when it traces: an earlier look says more than
 * what the package has.
 */
#ifndef VSB_INTROSPECT_TEXT_H
#define VSB_INTROSPECT_TEXT_H

#include "modules.h"

#define TEXT_MAX_SYSCALLS	1024

/**
 * struct text - a look at it
 * @start:	address of the first byte, _stext,
 * @bytes:	from there to _etext; what is not mapped is zeros
 * @there:	how many are mapped
 * @syscalls:	of guint64: the table
 */
struct text {
	guint64 start;
	GByteArray *bytes;
	gsize there;
	GArray *syscalls;
};

/* Return: NULL: @error. */
struct text *text_read(const struct kernel *kernel, GError **error);
void text_free(struct text *text);

/* Return: (transfer full): as for sha256sum(1). */
char *text_sha256(const struct text *text);
char *text_syscalls_sha256(const struct text *text);

/**
 * enum text_flaw - what is odd with an entry of the table of system calls
 * @TEXT_FINE:		nothing
 * @TEXT_OUTSIDE:	it is outside of the kernel's text
 * @TEXT_OTHER:		it is in there, but leads to no system call
 */
enum text_flaw { TEXT_FINE, TEXT_OUTSIDE, TEXT_OTHER };

enum text_flaw text_syscall(const struct kernel *kernel, const struct text *text, guint n);

/*
 * The next function of a system call, from symbol *@i on, that begins with a call, a jump or a
 * breakpoint: it is traced, patched or hooked. @target: where that leads, 0: a breakpoint. Return:
 * its name; NULL: no more. *@i is behind it.
 */
const char *text_next_hook(const struct kernel *kernel, const struct text *text, guint *i,
			   guint64 *target);

/**
 * struct text_change - a run of bytes that differ
 * @at:		address, as it is now,
 * @size:	bytes
 * @kind:	"jump label": a branch that Linux itself turns on and off, and has; "function entry":
 *		of a function that is traced, or hooked; "code": any other
 */
struct text_change {
	guint64 at;
	guint32 size;
	const char *kind;
};

/* More are not told apart. */
#define TEXT_MAX_CHANGES	4096

/*
 * @before: as many bytes as there are now. Return: (transfer full): of struct text_change, in
 * order, TEXT_MAX_CHANGES at most.
 */
GArray *text_compare(const struct kernel *kernel, const struct text *text, const guint8 *before);

#endif
