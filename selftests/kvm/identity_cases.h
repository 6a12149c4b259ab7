/* SPDX-License-Identifier: GPL-2.0 */
/* The cases of identity_test, declared. */
#ifndef VSB_IDENTITY_CASES_H
#define VSB_IDENTITY_CASES_H

#define CASE(fn, state) void fn(void);
#include "identity_cases.def"
#undef CASE

#endif
