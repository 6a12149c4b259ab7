/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VSB_BITOPS_H
#define VSB_BITOPS_H

#define __ffs(word)	((unsigned int)__builtin_ctzl(word))

#endif
