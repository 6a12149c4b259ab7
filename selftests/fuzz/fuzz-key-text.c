// SPDX-License-Identifier: GPL-2.0
/* key-text.c: the file of a user VM's key, on the host and in the user VM. */
#include "fuzz.h"

#include <string.h>

#include "key-text.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	g_autofree char *copy = take_rest(&in);
	struct key key, again;
	char text[KEY_TEXT_SIZE];

	if (key_parse(copy, size, &key))
		return 0;
	g_assert_cmpuint(strnlen(key.name, KEY_NAME), <, KEY_NAME);
	key_format(&key, text);
	g_assert_null(key_parse(text, strlen(text), &again));
	g_assert_cmpmem(&key, sizeof(key), &again, sizeof(again));
	return 0;
}
