/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define U64_MAX			UINT64_MAX
#define GFP_KERNEL_ACCOUNT	0
#define kvmalloc_array(n, size, flags)	calloc(n, size)
#define kvfree(p)		free(p)
