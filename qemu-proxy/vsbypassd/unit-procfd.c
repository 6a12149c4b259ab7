// SPDX-License-Identifier: GPL-2.0
/* Descriptors of running processes, with processes of our own in the place of QEMUs. */
#include "procfd.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"

static void *vcpu(void *data)
{
	sigset_t kick;
	int which;

	prctl(PR_SET_NAME, "CPU 0/KVM");
	g_assert_cmpint(write(*(int *)data, "r", 1), ==, 1);
	sigemptyset(&kick);
	sigaddset(&kick, SIGUSR1);
	sigwait(&kick, &which);
	g_assert_cmpint(write(*(int *)data, "k", 1), ==, 1);
	return NULL;
}

/* A process that is there until it is killed. @thread: that of a vCPU, which says "r" and later "k". */
static pid_t start(gboolean thread, int *told)
{
	int pipes[2];
	pid_t pid;

	g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);
	pid = fork();
	if (!pid) {
		pthread_t id;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Whatever it is called, the numbers behind it are found. */
		prctl(PR_SET_NAME, "a) 1 (b 2");
		if (thread) {
			sigset_t kick;

			/* For whoever waits for it, or nobody. */
			sigemptyset(&kick);
			sigaddset(&kick, SIGUSR1);
			pthread_sigmask(SIG_BLOCK, &kick, NULL);
			pthread_create(&id, NULL, vcpu, &pipes[1]);
		} else {
			g_assert_cmpint(write(pipes[1], "r", 1), ==, 1);
		}
		for (;;)
			pause();
	}
	close(pipes[1]);
	*told = pipes[0];
	return pid;
}

static char hear(int fd)
{
	char c;

	g_assert_cmpint(read(fd, &c, 1), ==, 1);
	return c;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void refused(GError **error, const char *words)
{
	g_assert_nonnull(*error);
	if (!strstr((*error)->message, words))
		g_error("wanted: ...%s..., seen: %s", words, (*error)->message);
	g_clear_error(error);
}

static void test_open(void)
{
	g_autoptr(GError) error = NULL;
	guint64 begun;
	int told, fd;
	pid_t pid = start(FALSE, &told);

	g_assert_cmpint(hear(told), ==, 'r');
	begun = procfd_start_time(pid);
	g_assert_cmpuint(begun, >=, procfd_start_time(getpid()));
	g_assert_cmpuint(procfd_start_time(getpid()), >, 0);
	fd = procfd_open_same(pid, begun, &error);
	g_assert_no_error(error);
	close(fd);
	g_assert_cmpint(procfd_open_same(pid, begun + 1, &error), ==, -1);
	refused(&error, "has ended");
	end(pid);
	close(told);
	g_assert_cmpint(procfd_open(pid, &error), ==, -1);
	refused(&error, "there is no process");
	g_assert_cmpuint(procfd_start_time(pid), ==, 0);
	g_assert_cmpint(procfd_open_same(pid, begun, &error), ==, -1);
	refused(&error, "there is no process");
	g_assert_cmpint(procfd_open(0, &error), ==, -1);
	g_clear_error(&error);
}

static void *in_thread(void *data)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(procfd_open((pid_t)syscall(SYS_gettid), &error), ==, -1);
	refused(&error, "is a thread");
	return NULL;
}

static void test_thread(void)
{
	pthread_t id;

	pthread_create(&id, NULL, in_thread, NULL);
	pthread_join(id, NULL);
}

/* A process that is no QEMU, and one that is not there any more. */
static void test_take(void)
{
	g_autoptr(GError) error = NULL;
	int told, fd;
	pid_t pid = start(FALSE, &told);

	g_assert_cmpint(hear(told), ==, 'r');
	fd = procfd_open(pid, &error);
	g_assert_cmpint(procfd_take_vm(fd, pid, &error), ==, -1);
	refused(&error, "no KVM VM");
	g_assert_cmpint(procfd_take_proxy(fd, pid, &error), ==, -1);
	refused(&error, "no proxy of ours");
	end(pid);
	g_assert_cmpint(procfd_take_vm(fd, pid, &error), ==, -1);
	g_assert_cmpint(error->code, ==, VSB_ERROR_NOT_FOUND);
	refused(&error, "has ended");
	close(fd);
	close(told);
}

/* The thread of a vCPU has the signal, and only that. */
static void test_kick(void)
{
	g_autoptr(GError) error = NULL;
	int told;
	pid_t pid = start(TRUE, &told);

	g_assert_cmpint(hear(told), ==, 'r');
	g_assert_true(procfd_kick_vcpus(pid, &error));
	g_assert_cmpint(hear(told), ==, 'k');
	end(pid);
	close(told);
	g_assert_false(procfd_kick_vcpus(pid, &error));
	refused(&error, "debug-threads=on");
	g_assert_false(procfd_kick_vcpus(getpid(), &error));
	refused(&error, "debug-threads=on");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/procfd/open", test_open);
	g_test_add_func("/procfd/thread", test_thread);
	g_test_add_func("/procfd/take", test_take);
	g_test_add_func("/procfd/kick", test_kick);
	return g_test_run();
}
