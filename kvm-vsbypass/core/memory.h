/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of a user VM as a file.
 */
#ifndef VSB_CORE_MEMORY_H
#define VSB_CORE_MEMORY_H

struct vsb_proxy;

long vsb_memory_open(struct vsb_proxy *proxy, unsigned long flags);

#endif
