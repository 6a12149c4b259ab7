// SPDX-License-Identifier: GPL-2.0
/* vsb-identify as a program: its options. What it does at ports is unit-identify's, and the lab's. */
#include <string.h>

#include <gio/gio.h>

static void test_options(void)
{
	static const struct {
		const char *arguments[2];
		int status;
		const char *words;
	} table[] = {
		{ { "--help" }, 0, "--renew=SECONDS" },
		{ { "-h" }, 0, "Exit status" },
		{ { "--x" }, 2, "see vsb-identify --help" },
		{ { "x" }, 2, "unexpected argument 'x'" },
		{ { "--port", "" }, 2, "a port is from" },
		{ { "--port", "-1" }, 2, "a port is from" },
		{ { "--port", "0xffff" }, 2, "a port is from" },
		{ { "--port", "99999999999999999999" }, 2, "a port is from" },
		{ { "--port", "1x" }, 2, "a port is from" },
		{ { "--port=0x600", "x" }, 2, "unexpected argument" },
		{ { "--renew", "0" }, 2, "seconds, from 1" },
		{ { "--renew", "x" }, 2, "seconds, from 1" },
		{ { "--renew", "16385" }, 2, "seconds, from 1" },
		{ { "--renew=16384", "x" }, 2, "unexpected argument" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *out = NULL, *err = NULL;
		g_autoptr(GSubprocess) process = NULL;
		g_autoptr(GError) error = NULL;

		process = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &error,
					   IDENTIFY, table[i].arguments[0], table[i].arguments[1], NULL);
		g_assert_no_error(error);
		g_assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, &out, &err, &error));
		g_test_message("row %zu", i);
		g_assert_nonnull(strstr(table[i].status ? err : out, table[i].words));
		g_assert_cmpint(g_subprocess_get_exit_status(process), ==, table[i].status);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/identify-program/options", test_options);
	return g_test_run();
}
