/* SPDX-License-Identifier: GPL-2.0 */
#include <stdint.h>
#include <stdio.h>

#define U8_MAX			UINT8_MAX
#define U32_MAX			UINT32_MAX
#define U64_MAX			UINT64_MAX
#define ALIGN_DOWN(x, a)	((x) / (a) * (a))
#define container_of(p, type, member)	((type *)((char *)(p) - offsetof(type, member)))
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile __typeof__(x) *)&(x) = (value))

#define fallthrough	__attribute__((__fallthrough__))
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif
