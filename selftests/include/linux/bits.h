/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VSB_BITS_H
#define VSB_BITS_H

#define BIT(nr)	(1ul << (nr))

#endif
