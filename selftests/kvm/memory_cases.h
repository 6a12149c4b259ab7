/* SPDX-License-Identifier: GPL-2.0 */
/* The cases of memory_test, declared. */
#ifndef VSB_MEMORY_CASES_H
#define VSB_MEMORY_CASES_H

#define CASE(fn, state) void fn(void);
#include "memory_cases.def"
#undef CASE

#endif
