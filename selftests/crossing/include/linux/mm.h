/* SPDX-License-Identifier: GPL-2.0 */
#include_next <linux/mm.h>

#define offset_in_page(p)	((unsigned long)(p) & ~PAGE_MASK)
