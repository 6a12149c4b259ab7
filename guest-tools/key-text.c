// SPDX-License-Identifier: GPL-2.0
/* Keys as text. */
#include "key-text.h"

#include <stdio.h>
#include <string.h>

#define MAGIC	"vsbypass-key-1 "

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Return: how many bytes of @text are a name; 0: it does not begin with one. */
static size_t name_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && (is_alnum(text[n]) || (n && text[n] && strchr("._-", text[n]))))
		n++;
	return n < KEY_NAME ? n : 0;
}

/* In constant time for each digit: no table that a secret would index. */
static int digit(char c)
{
	int d = c - '0', lower = c - 'a' + 10, upper = c - 'A' + 10;
	int is_d = -(d >= 0 && d <= 9);
	int is_lower = -(lower >= 10 && lower <= 15);
	int is_upper = -(upper >= 10 && upper <= 15);

	return (d & is_d) | (lower & is_lower) | (upper & is_upper) |
	       ~(is_d | is_lower | is_upper);
}

static bool parse_bytes(const char *text, uint8_t *bytes)
{
	int bad = 0, any = 0;

	for (size_t i = 0; i < KEY_BYTES; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		bad |= high | low;
		bytes[i] = (uint8_t)((unsigned int)high << 4 | (unsigned int)low);
		any |= bytes[i];
	}
	/* Digits are not negative; a key of 0 is an empty disk, not a key. */
	return bad >= 0 && any;
}

const char *key_parse(const char *text, size_t len, struct key *key)
{
	size_t n;

	memset(key, 0, sizeof(*key));
	if (len && text[len - 1] == '\n')
		len--;
	if (len < strlen(MAGIC) || memcmp(text, MAGIC, strlen(MAGIC)))
		return "it does not begin with 'vsbypass-key-1 '; is it the file that "
		       "'vsbctl key' has made?";
	text += strlen(MAGIC);
	len -= strlen(MAGIC);
	n = name_length(text, len);
	if (!n || n == len || text[n] != ' ')
		return "the name of the user VM is malformed";
	if (len - n - 1 != 2 * KEY_BYTES || !parse_bytes(text + n + 1, key->bytes)) {
		memset(key, 0, sizeof(*key));
		return "behind the name there must be a space and 64 hexadecimal digits";
	}
	memcpy(key->name, text, n);
	return NULL;
}

void key_format(const struct key *key, char *text)
{
	size_t n = (size_t)snprintf(text, KEY_TEXT_SIZE, MAGIC "%.*s ", KEY_NAME - 1, key->name);

	for (size_t i = 0; i < KEY_BYTES; i++)
		n += (size_t)snprintf(text + n, KEY_TEXT_SIZE - n, "%02x", key->bytes[i]);
	snprintf(text + n, KEY_TEXT_SIZE - n, "\n");
}
