/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VSB_ATOMIC_H
#define VSB_ATOMIC_H

#include <linux/kernel.h>

typedef struct { int counter; } atomic_t;

#define ATOMIC_INIT(n)		{ (n) }
#define atomic_read(v)		((v)->counter)
#define atomic_add(n, v)	((void)((v)->counter += (n)))

#endif
