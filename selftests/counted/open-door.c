// SPDX-License-Identifier: GPL-2.0
/*
 * In the place of console-sandbox.c, for coverage alone: there is no sandbox, and a process writes down
 * what it has executed before it ends. The server ends a session with a signal when their link is gone,
 * which would come before that.
 */
#include "console-sandbox.h"

#include <stdarg.h>
#include <sys/syscall.h>

void __gcov_dump(void);
void __real__exit(int status) G_GNUC_NORETURN;
void __wrap__exit(int status) G_GNUC_NORETURN;
int __real_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags);
int __wrap_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags);
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, ...);

gboolean vsb_sandbox_enter(const char *user, GError **error)
{
	return TRUE;
}

gboolean vsb_sandbox_spawner(const char *user, GError **error)
{
	return TRUE;
}

gboolean vsb_sandbox_session(GError **error)
{
	return TRUE;
}

void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}

int __wrap_execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
	__gcov_dump();
	return __real_execveat(fd, path, argv, envp, flags);
}

long __wrap_syscall(long number, ...)
{
	long a[6];
	va_list list;

	if (number == SYS_pidfd_send_signal)
		return 0;
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
