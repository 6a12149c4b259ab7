/* SPDX-License-Identifier: GPL-2.0 */
/* Memory of a micro guest, which is a segment. */
#ifndef MICRO_H
#define MICRO_H

#define MICRO_NUMBER	0x500	/* text, with its end */
#define MICRO_LINES	0x508	/* so many "o" */
#define MICRO_COUNT	0x50a
#define MICRO_LENGTH	0x50c	/* of what is at MICRO_LINE */
#define MICRO_TYPED	0x50e
#define MICRO_LINE	0x600
#define MICRO_START	0x1000
#define MICRO_STACK	0x8000
#define MICRO_SIZE	0x10000

#endif
