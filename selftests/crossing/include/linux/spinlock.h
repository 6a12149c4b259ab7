/* SPDX-License-Identifier: GPL-2.0 */
#include_next <linux/spinlock.h>

#define DEFINE_SPINLOCK(name)	spinlock_t name
