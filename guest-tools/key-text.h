/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The key with which a user VM proves who it is, as text; the same file for the
 * guest and for the host. One line:
 *
 *   vsbypass-key-1 NAME 64 hexadecimal digits
 */
#ifndef VSB_KEY_TEXT_H
#define VSB_KEY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_TEXT_SIZE	256	/* bytes that hold any */
#define KEY_BYTES	32
#define KEY_NAME	32	/* NUL-padded */

struct key {
	char name[KEY_NAME];
	uint8_t bytes[KEY_BYTES];
};

/* Return: NULL, or what is wrong with the text. */
const char *key_parse(const char *text, size_t len, struct key *key);

/* Into @text, of KEY_TEXT_SIZE bytes; with newline and NUL. */
void key_format(const struct key *key, char *text);

#endif
