/* SPDX-License-Identifier: GPL-2.0 */
/* The cases of exit_test, declared. */
#ifndef VSB_EXIT_CASES_H
#define VSB_EXIT_CASES_H

#define CASE(fn, state) void fn(void);
#include "exit_cases.def"
#undef CASE

#endif
