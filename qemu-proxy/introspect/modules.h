/* SPDX-License-Identifier: GPL-2.0 */
/* The modules of a Linux, by more than one of its structures. */
#ifndef VSB_INTROSPECT_MODULES_H
#define VSB_INTROSPECT_MODULES_H

#include "kernel.h"

/* Where a module was found. */
#define MODULE_IN_LIST	0x1	/* the list, which /proc/modules is made from */
#define MODULE_IN_SYSFS	0x2	/* the objects of /sys/module */
#define MODULE_IN_TREE	0x4	/* the tree by which addresses are looked up */
#define MODULE_IN_ALL	0x7

/* MODULE_NAME_LEN */
#define MODULE_NAME	56

/**
 * struct module - one of them
 * @at:		address of its struct module
 * @text:	of its code,
 * @text_size:	bytes of that; 0: not known
 * @size:	bytes of all of it
 * @state:	"live", "coming", "going" or "unformed"
 * @name:	(transfer full): printable ASCII
 * @found:	MODULE_IN_*
 */
struct module {
	guint64 at, text, text_size, size;
	const char *state;
	char *name;
	guint found;
};

/**
 * struct modules - a look at them
 * @all:	of struct module, the newest first as in /proc/modules, those that are hidden last
 * @notes:	of char *: what is wrong with the structures themselves
 */
struct modules {
	GArray *all;
	GPtrArray *notes;
};

/* Return: NULL: @error. */
struct modules *modules_find(const struct kernel *kernel, GError **error);
void modules_free(struct modules *modules);

/* The one whose code @address is in, or NULL. */
const struct module *modules_at(const struct modules *modules, guint64 address);

#endif
