// SPDX-License-Identifier: GPL-2.0
/* The process that starts others, one for each connection. */
#include "console-spawner.h"
#include "console-log.h"
#include "console-sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(2 * sizeof(int))];
};

bool vsb_spawner_spawn(int spawner, enum vsb_session_kind kind, int connection, int link)
{
	char byte = (char)kind;
	int fds[2] = { connection, link };
	union control control = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.head), fds, sizeof(fds));
	return sendmsg(spawner, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

/*
 * Of the environment a session has what says how OpenSSL works: which of the CPU's
 * instructions it may use, where its settings are. Without, an administrator's OPENSSL_CONF
 * would count for no login, and on a CPU that computes something wrong none would succeed.
 */
static char **session_environment(void)
{
	g_autoptr(GStrvBuilder) env = g_strv_builder_new();
	g_auto(GStrv) all = g_get_environ();

	for (char **v = all; *v; v++)
		if (g_str_has_prefix(*v, "OPENSSL_"))
			g_strv_builder_add(env, *v);
#ifdef __SANITIZE_ADDRESS__
	g_strv_builder_add(env, "ASAN_OPTIONS=detect_leaks=0");
#endif
	return g_strv_builder_end(env);
}

/*
 * The log is the server's: a session that a stranger has taken over must not write there
 * what he likes. What a sanitizer has to say is for the test.
 */
static bool no_stdio(int null)
{
#ifdef __SANITIZE_ADDRESS__
	return dup2(null, STDIN_FILENO) >= 0;
#else
	return dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
	       dup2(null, STDERR_FILENO) >= 0;
#endif
}

/* In the child: becomes the session. What fails here fails for this connection only. */
static void become_session(int program, int null, enum vsb_session_kind kind, int fds[2],
			   const char *host_key)
{
	char *argv[] = { "vsb-console", kind == VSB_SESSION_WEB ? "--web-session" : "--session",
			 NULL };
	g_auto(GStrv) envp = session_environment();
	gsize len = kind == VSB_SESSION_SSH ? strlen(host_key) : 0;
	sigset_t none;
	int pipe_fds[2];
	pid_t spawner = getppid();

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != spawner)
		_exit(1);
	/* A pipe holds 64 KiB, no key is that long: nothing waits. */
	if (pipe2(pipe_fds, O_CLOEXEC) < 0 ||
	    write(pipe_fds[1], host_key, len) != (ssize_t)len)
		_exit(1);
	/* Out of the way first. */
	program = fcntl(program, F_DUPFD_CLOEXEC, 10);
	fds[0] = fcntl(fds[0], F_DUPFD_CLOEXEC, 10);
	fds[1] = fcntl(fds[1], F_DUPFD_CLOEXEC, 10);
	pipe_fds[0] = fcntl(pipe_fds[0], F_DUPFD_CLOEXEC, 10);
	if (!no_stdio(null) || program < 0 || fds[0] < 0 || fds[1] < 0 || pipe_fds[0] < 0 ||
	    dup2(fds[1], VSB_SESSION_LINK) < 0 || dup2(fds[0], VSB_SESSION_SOCKET) < 0 ||
	    dup2(pipe_fds[0], VSB_SESSION_KEY) < 0)
		_exit(1);
	close_range(VSB_SESSION_KEY + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	execveat(program, "", argv, envp, AT_EMPTY_PATH);
	_exit(1);
}

static void serve(int socket_fd, int program, int null, const char *host_key)
{
	for (;;) {
		union control control;
		char byte;
		struct iovec iov = { &byte, 1 };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				      .msg_controllen = sizeof(control) };
		struct cmsghdr *head;
		int fds[2];
		pid_t pid;
		ssize_t n = recvmsg(socket_fd, &msg, MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue;
		/* vsb-console has ended. */
		if (n <= 0)
			_exit(0);
		head = CMSG_FIRSTHDR(&msg);
		if (!head || head->cmsg_type != SCM_RIGHTS ||
		    head->cmsg_len != CMSG_LEN(sizeof(fds)))
			continue;
		memcpy(fds, CMSG_DATA(head), sizeof(fds));
		pid = fork();
		if (!pid)
			become_session(program, null, (enum vsb_session_kind)byte, fds, host_key);
		/* The server sees that the other end of the link is closed. */
		if (pid < 0)
			vsb_log("cannot start a process for a connection: %s",
				g_strerror(errno));
		close(fds[0]);
		close(fds[1]);
	}
}

int vsb_spawner_start(const char *user, const char *host_key, const int listen_fds[2],
		      GError **error)
{
	int program = open("/proc/self/exe", O_PATH | O_CLOEXEC), pair[2] = { -1, -1 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	GError *cause = NULL;
	pid_t pid = -1;

	if (program >= 0 && null >= 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
		pid = fork();
	if (pid < 0) {
		g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
			    "cannot start the process that starts others: %s", g_strerror(errno));
		return -1;
	}
	if (pid) {
		close(program);
		close(null);
		close(pair[1]);
		return pair[0];
	}
	close(pair[0]);
	close(listen_fds[0]);
	if (listen_fds[1] >= 0)
		close(listen_fds[1]);
	/* Nobody waits for what it starts. */
	signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_NAME, "vsb-con-spawner");
	if (!vsb_sandbox_spawner(user, &cause)) {
		vsb_log("%s", cause->message);
		_exit(1);
	}
	serve(pair[1], program, null, host_key);
	_exit(0);
}
