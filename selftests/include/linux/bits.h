/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VSB_BITS_H
#define VSB_BITS_H

#define BIT(nr)			(1ul << (nr))
#define BIT_ULL(nr)		(1ull << (nr))
#define GENMASK(high, low)	((unsigned long)GENMASK_ULL(high, low))
#define GENMASK_ULL(high, low)	((~0ull >> (63 - (high))) & (~0ull << (low)))

#endif
