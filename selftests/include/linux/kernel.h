/* SPDX-License-Identifier: GPL-2.0 */
#include <stdio.h>

#define fallthrough	__attribute__((__fallthrough__))
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif
