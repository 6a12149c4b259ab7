/* SPDX-License-Identifier: GPL-2.0 */
/* Which physical frame backs a virtual address of a process. */
#ifndef VSB_AGENT_PAGEMAP_H
#define VSB_AGENT_PAGEMAP_H

#include <stdint.h>
#include <sys/types.h>

int pagemap_lookup(const char *proc, pid_t pid, uint64_t hva, uint64_t *pfn);

#endif
