/* SPDX-License-Identifier: GPL-2.0 */
/* The cases of ioctl_test, declared. */
#ifndef VSB_IOCTL_CASES_H
#define VSB_IOCTL_CASES_H

#define CASE(fn, state) void fn(void);
#include "ioctl_cases.def"
#undef CASE

#endif
