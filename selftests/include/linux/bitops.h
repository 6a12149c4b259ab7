/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VSB_BITOPS_H
#define VSB_BITOPS_H

#include <stdbool.h>

#define __ffs(word)	((unsigned int)__builtin_ctzl(word))

#define BITS_PER_WORD	(8 * sizeof(unsigned long))

static inline bool test_bit(unsigned int nr, const unsigned long *bits)
{
	return bits[nr / BITS_PER_WORD] >> nr % BITS_PER_WORD & 1;
}

static inline void set_bit(unsigned int nr, unsigned long *bits)
{
	bits[nr / BITS_PER_WORD] |= 1ul << nr % BITS_PER_WORD;
}

#endif
