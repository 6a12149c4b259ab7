/* SPDX-License-Identifier: GPL-2.0 */
/* The cases of faults_test, declared. */
#ifndef VSB_FAULTS_CASES_H
#define VSB_FAULTS_CASES_H

#define CASE(fn, state) void fn(void);
#include "faults_cases.def"
#undef CASE

#endif
