/* SPDX-License-Identifier: GPL-2.0 */
/* "vsbctl validate": what the hook checks, for a file. */
#ifndef VSB_VALIDATE_H
#define VSB_VALIDATE_H

/*
 * Prints what is found in each of @files ("-": standard input), NULL-terminated.
 * Return: exit status.
 */
int validate_files(char **files);

#endif
