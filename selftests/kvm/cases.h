/* SPDX-License-Identifier: GPL-2.0 */
/* The cases of nested_test, declared. */
#ifndef VSB_CASES_H
#define VSB_CASES_H

#define CASE(fn, state) void fn(void);
#include "cases.def"
#undef CASE

#endif
