/* SPDX-License-Identifier: GPL-2.0 */
#ifndef min
#define min(a, b)	((a) < (b) ? (a) : (b))
#endif
#ifndef max
#define max(a, b)	((a) > (b) ? (a) : (b))
#endif
#define min_t(type, a, b)	((type)(a) < (type)(b) ? (type)(a) : (type)(b))
