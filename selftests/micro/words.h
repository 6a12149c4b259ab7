/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a micro guest says, line by line, each with "\r\n" behind it:
 *
 *   hi NNNN		until the first line has been typed, each time that it wakes; NNNN: who it is
 *   e TEXT		behind each line that has been typed, the same text
 *   o XXXX BYTES	from then on, each time that it wakes; XXXX counts from 0, in hexadecimal
 *
 * BYTES: WORDS_BYTES of them, from WORDS_FIRST + XXXX % WORDS_RANGE on, each one more than the one
 * before, as long as they are below WORDS_FIRST + WORDS_RANGE: then from WORDS_FIRST on.
 */
#ifndef WORDS_H
#define WORDS_H

#define WORDS_BYTES	48
#define WORDS_FIRST	0x21
#define WORDS_RANGE	0xde
#define WORDS_LINE_MAX	0x2f0	/* typed, without its end */

#endif
