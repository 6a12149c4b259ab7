/* SPDX-License-Identifier: GPL-2.0 */
/* For unit tests: tables of symbols as scripts/kallsyms.c of three kernels writes them, made here. */
#ifndef VSB_UNIT_KALLSYMS_IMAGE_H
#define VSB_UNIT_KALLSYMS_IMAGE_H

#include <glib.h>

#define BASE		0xffffffff81000000ull
#define SYMBOLS		5000
#define SIZE		(1 << 20)
#define AT		65536	/* of the tables in the image */

enum form { OF_6_1, OF_6_12, OF_7_3 };

/**
 * struct image - a kernel's
 * @bytes:	from virtual address BASE on
 * @at:		where the next thing is put,
 * @end:	of all of them
 */
struct image {
	guint8 bytes[SIZE];
	gsize at;
	gsize end;
};

/* Return: (transfer full): SYMBOLS of them: symbol_0 and so on. */
struct image *image_make(enum form form);

/* Where symbol @i is; the first ones are in the area of a CPU, up to 6.14. */
guint64 image_address(enum form form, guint i);

#endif
