/* SPDX-License-Identifier: GPL-2.0 */
/* One call again and again, and another place on its way fails each time. */
#ifndef VSB_FAULTS_EACH_H
#define VSB_FAULTS_EACH_H

/*
 * @call:	value, or -1 and errno
 * @undo:	what it did, when it has succeeded; gets the value
 *
 * It ends when no place was left to fail. The case ends if an error came that no fault explains,
 * or if a descriptor is left.
 *
 * Return: how often it was called.
 */
unsigned int each_place(const char *what, long (*call)(void), void (*undo)(long ret));
/* The same; behind the first @all places some are left out. */
unsigned int some_places(const char *what, long (*call)(void), void (*undo)(long ret),
			 unsigned int all);

#endif
