// SPDX-License-Identifier: GPL-2.0
/* The store of descriptors, with a service manager of pretence at the other end of $NOTIFY_SOCKET. */
#include "fdstore.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static int manager = -1;

/* What it hears. @fd: what came with it, or -1. */
static void heard(char *text, gsize size, int *fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(8 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { text, size - 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(manager, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	g_assert_cmpint(n, >, 0);
	text[n] = '\0';
	*fd = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_type == SCM_RIGHTS)
			memcpy(fd, CMSG_DATA(c), sizeof(*fd));
}

static gboolean same_file(int a, int b)
{
	struct stat one, two;

	return !fstat(a, &one) && !fstat(b, &two) && one.st_ino == two.st_ino && one.st_dev == two.st_dev;
}

static void test_keep(void)
{
	char text[256];
	int pipes[2], fd;

	g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);
	g_assert_true(fdstore_keep("vm1", pipes[0]));
	heard(text, sizeof(text), &fd);
	g_assert_nonnull(strstr(text, "FDSTORE=1"));
	g_assert_nonnull(strstr(text, "FDNAME=vm1"));
	g_assert_true(same_file(fd, pipes[0]));
	close(fd);
	fdstore_forget("vm1");
	heard(text, sizeof(text), &fd);
	g_assert_nonnull(strstr(text, "FDSTOREREMOVE=1"));
	g_assert_cmpint(fd, ==, -1);
	close(pipes[0]);
	close(pipes[1]);
}

/* Of an earlier process: three, of which one is taken. */
static void test_take(void)
{
	char text[256];
	int fd, other;

	g_assert_cmpint(fdstore_take("nobody"), ==, -1);
	fd = fdstore_take("vm2");
	g_assert_cmpint(fd, ==, SD_LISTEN_FDS_START + 1);
	g_assert_cmpint(fdstore_take("vm2"), ==, -1);
	/* The others are closed, and the manager is told. */
	fdstore_close_rest();
	g_assert_cmpint(fcntl(SD_LISTEN_FDS_START, F_GETFD), ==, -1);
	g_assert_cmpint(fcntl(fd, F_GETFD), >=, 0);
	heard(text, sizeof(text), &other);
	g_assert_nonnull(strstr(text, "FDSTOREREMOVE=1\nFDNAME=vm1"));
	g_assert_cmpint(recv(manager, text, sizeof(text), MSG_DONTWAIT), ==, -1);
	g_assert_cmpint(fdstore_take("vm1"), ==, -1);
	close(fd);
}

static void test_nobody(void)
{
	unsetenv("NOTIFY_SOCKET");
	g_assert_false(fdstore_keep("vm1", 0));
	fdstore_forget("vm1");
}

/* The descriptors that a service manager gives begin at 3: there they have to be at an exec. */
static void begin(char **argv, const char *path)
{
	g_autofree char *pid = g_strdup_printf("%d", getpid());
	int null = open("/dev/null", O_RDONLY);

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + 2; fd++)
		if (null != fd)
			dup2(null, fd);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "vm1:vm2", 1);
	setenv("NOTIFY_SOCKET", path, 1);
	execv("/proc/self/exe", argv);
	g_assert_not_reached();
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int status;

	if (!getenv("LISTEN_FDS")) {
		g_autofree char *path = g_strdup_printf("@vsb-unit-fdstore-%d", getpid());

		begin(argv, path);
	}
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	g_strlcpy(address.sun_path, getenv("NOTIFY_SOCKET"), sizeof(address.sun_path));
	address.sun_path[0] = '\0';
	g_assert_cmpint(bind(manager, (struct sockaddr *)&address,
			     (socklen_t)(G_STRUCT_OFFSET(struct sockaddr_un, sun_path) +
					 strlen(getenv("NOTIFY_SOCKET")))), ==, 0);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fdstore/keep", test_keep);
	g_test_add_func("/fdstore/take", test_take);
	g_test_add_func("/fdstore/nobody", test_nobody);
	status = g_test_run();
	close(manager);
	return status;
}
