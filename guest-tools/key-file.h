/* SPDX-License-Identifier: GPL-2.0 */
/* Reads a file with a key, if nobody but its owner can have read it. */
#ifndef VSB_KEY_FILE_H
#define VSB_KEY_FILE_H

#include "key-text.h"

/*
 * @dirfd: AT_FDCWD, or the folder that @path is in. A symbolic link is followed,
 * but a folder given is meant as it is.
 *
 * Return: NULL, or what is wrong; valid until the next call.
 */
const char *key_file_read(int dirfd, const char *path, struct key *key);

#endif
