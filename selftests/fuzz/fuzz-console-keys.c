// SPDX-License-Identifier: GPL-2.0
/*
 * console-keys.c: a file of authorized_keys lines. The first line of the input is the key that a
 * client offers, the rest is the file.
 */
#include "fuzz.h"

#include <string.h>

#include "console-keys.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	g_autofree char *key = NULL, *text = NULL, *fingerprint = NULL;
	g_autoptr(GError) error = NULL;
	gsize len;

	key = take_line(&in, &len);
	if (!key)
		return 0;
	fuzz_put("vm1", in.data, in.len);
	text = take_rest(&in);
	/* Who is let in is one whose key stands there; and each refusal has a reason. */
	if (vsb_keys_allow(fuzz_dir(), "vm1", key, &error))
		g_assert_true(*key && strstr(text, key));
	else
		g_assert_nonnull(error);
	vsb_keys_allow(fuzz_dir(), key, key, NULL);
	fingerprint = vsb_key_fingerprint(key);
	g_assert_true(g_str_has_prefix(fingerprint, "SHA256:"));
	return 0;
}
