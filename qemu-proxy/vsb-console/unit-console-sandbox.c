// SPDX-License-Identifier: GPL-2.0
/*
 * What a session that a stranger has taken over must not be able to do, although it needs
 * calls of the same name: each is tried before the filter, where it works, and behind it.
 */
#include "console-sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int sock = -1;

/* A signal of its choice to another process of this user, by way of a socket's owner. */
static int own(void)
{
	return fcntl(sock, F_SETOWN, getppid());
}

static int own_ex(void)
{
	struct f_owner_ex owner = { F_OWNER_PID, getppid() };

	return fcntl(sock, F_SETOWN_EX, &owner);
}

static int choose_signal(void)
{
	return fcntl(sock, F_SETSIG, SIGKILL);
}

/* Who closes it last waits as long as its peer likes. */
static int linger(void)
{
	struct linger value = { 1, 30 };

	return setsockopt(sock, SOL_SOCKET, SO_LINGER, &value, sizeof(value));
}

static int get_flags(void)
{
	return fcntl(sock, F_GETFL) < 0 ? -1 : 0;
}

static const struct {
	const char *name;
	int (*call)(void);
	bool allowed;
} table[] = {
	{ "own", own, false },
	{ "own-ex", own_ex, false },
	{ "choose-signal", choose_signal, false },
	{ "linger", linger, false },
	{ "get-flags", get_flags, true },
};

/* In a child, as a filter stays. Return: 0: it works, else errno. */
static int tried(int (*call)(void), bool filtered)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		g_autoptr(GError) error = NULL;

		sock = socket(AF_INET, SOCK_STREAM, 0);
		if (sock < 0 || (filtered && !vsb_sandbox_session(&error)))
			_exit(200);
		_exit(call() < 0 ? errno : 0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_one(gconstpointer data)
{
	guint i = GPOINTER_TO_UINT(data);

	g_assert_cmpint(tried(table[i].call, false), ==, 0);
	g_assert_cmpint(tried(table[i].call, true), ==, table[i].allowed ? 0 : EPERM);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *path = g_strdup_printf("/console/sandbox/%s", table[i].name);

		g_test_add_data_func(path, GUINT_TO_POINTER(i), test_one);
	}
	return g_test_run();
}
