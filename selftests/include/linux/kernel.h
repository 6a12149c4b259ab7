/* SPDX-License-Identifier: GPL-2.0 */
#include <stdio.h>

#define fallthrough	__attribute__((__fallthrough__))
