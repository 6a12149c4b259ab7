/* SPDX-License-Identifier: GPL-2.0 */
/* A program that a unit test runs; what it says is read with g_subprocess_communicate_utf8(). */
#ifndef UNIT_PROGRAM_H
#define UNIT_PROGRAM_H

#include <gio/gio.h>

/* @arguments: NULL ends them. Return: (transfer full) */
static inline GSubprocess *unit_program_start(const char *path, const char *const *arguments)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autoptr(GError) error = NULL;
	GSubprocess *process;

	g_ptr_array_add(argv, (char *)path);
	for (; *arguments; arguments++)
		g_ptr_array_add(argv, (char *)*arguments);
	g_ptr_array_add(argv, NULL);
	process = g_subprocess_newv((const char *const *)argv->pdata, G_SUBPROCESS_FLAGS_STDOUT_PIPE |
				    G_SUBPROCESS_FLAGS_STDERR_PIPE, &error);
	g_assert_no_error(error);
	return process;
}

#endif
