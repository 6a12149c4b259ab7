// SPDX-License-Identifier: GPL-2.0
/*
 * The sandboxes of vsb-console's processes: an unprivileged user, no new privileges,
 * limits, and a list of allowed system calls.
 *
 * server:  talks on sockets it has or gets from accept, connects to UNIX sockets, reads
 *          files. It cannot run a program, write a file or make an Internet socket.
 * spawner: starts this program again, and what that needs until it is a session.
 * session: talks on the descriptors that it has. It cannot open, connect to, or start
 *          anything, nor send a signal to others.
 */
#include "console-sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static gboolean fail(GError **error, const char *what, int code)
{
	g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s", what,
		    g_strerror(code));
	return FALSE;
}

static gboolean drop_user(const char *name, GError **error)
{
	struct passwd *user;

	/* Without root there is nothing to drop; a developer's own server. */
	if (geteuid() != 0)
		return TRUE;
	errno = 0;
	user = getpwnam(name);
	if (!user) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
			    "there is no user '%s' to run as: %s; make it ('useradd --system --no-create-home --shell /usr/sbin/nologin %s'), or name another with --user",
			    name, errno ? g_strerror(errno) : "not in the user database", name);
		return FALSE;
	}
	if (!user->pw_uid) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
			    "user '%s' is root; vsb-console faces the network, name another user with --user",
			    name);
		return FALSE;
	}
	if (setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
		return fail(error, "cannot become the user of --user", errno);
	if (setuid(0) == 0) {
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED,
				    "root was given up but can be had again: not safe to go on");
		return FALSE;
	}
	return TRUE;
}

struct limit {
	int resource;
	rlim_t limit;
};

static gboolean set_limits(const struct limit *limits, gsize n, GError **error)
{
	for (gsize i = 0; i < n; i++) {
		struct rlimit old, limit = { limits[i].limit, limits[i].limit };

		if (getrlimit(limits[i].resource, &old) == 0 && old.rlim_max < limit.rlim_max)
			limit.rlim_cur = limit.rlim_max = old.rlim_max;
		if (setrlimit(limits[i].resource, &limit) < 0)
			return fail(error, "cannot set a resource limit", errno);
	}
	return TRUE;
}

static const struct limit server_limits[] = {
	{ RLIMIT_CORE, 0 },		/* typed passwords are in our memory */
	{ RLIMIT_NOFILE, 8192 },	/* 1024 user VMs; a link and a pidfd for each session */
	{ RLIMIT_NPROC, 0 },
#ifndef __SANITIZE_ADDRESS__			/* which maps terabytes */
	{ RLIMIT_AS, 2UL << 30 },
#endif
};

static const struct limit spawner_limits[] = {
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_NOFILE, 64 },
};

static const struct limit session_limits[] = {
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_NOFILE, 32 },
	{ RLIMIT_NPROC, 0 },
	{ RLIMIT_FSIZE, 0 },
#ifndef __SANITIZE_ADDRESS__
	{ RLIMIT_AS, VSB_SESSION_AS },
	{ RLIMIT_DATA, VSB_SESSION_DATA },
#endif
};

/* What all of them may: talk on descriptors they have, have memory, look at the clock. */
static const int common_calls[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(fstat), SCMP_SYS(lseek),
	SCMP_SYS(dup), SCMP_SYS(eventfd2),
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(getrandom),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrlimit), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
	SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/*
 * Of the server alone. A session that might set SO_LINGER could have the server wait: to
 * close the last descriptor of such a socket takes as long as its peer likes, and one may be
 * sent along the link.
 */
static const int server_calls[] = {
	SCMP_SYS(setsockopt),
	SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(socketpair), SCMP_SYS(tgkill),
	SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(getdents64),
	SCMP_SYS(pidfd_send_signal),
};

/* Of a session alone: to end itself when it is stuck. */
static const int session_calls[] = {
	SCMP_SYS(setitimer),
};

/* Nothing here ever asks for these but an attacker: the process ends. */
static const int fatal_calls[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(bpf), SCMP_SYS(mount),
};

static int add_calls(scmp_filter_ctx filter, guint32 action, const int *calls, gsize n)
{
	int rc = 0;

	for (gsize i = 0; !rc && i < n; i++)
		rc = seccomp_rule_add(filter, action, calls[i], 0);
	return rc;
}

#define ADD(filter, action, calls)	add_calls(filter, action, calls, G_N_ELEMENTS(calls))

/* Not F_SETOWN and F_SETSIG: that is a signal, also SIGKILL, to all that have this user. */
static const int fcntls[] = { F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL };

static int add_common(scmp_filter_ctx filter)
{
	int rc = ADD(filter, SCMP_ACT_ALLOW, common_calls);

	for (gsize i = 0; !rc && i < G_N_ELEMENTS(fcntls); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				      SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntls[i]));
	if (!rc)
		rc = ADD(filter, SCMP_ACT_KILL_PROCESS, fatal_calls);
	/* No memory becomes code. */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return rc;
}

static int add_server(scmp_filter_ctx filter)
{
	int rc = add_common(filter);

	if (!rc)
		rc = ADD(filter, SCMP_ACT_ALLOW, server_calls);
	/* Only UNIX sockets. */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	/* Files are for reading. */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ,
					      O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY));
	return rc;
}

static int add_session(scmp_filter_ctx filter)
{
	int rc = add_common(filter);

	if (!rc)
		rc = ADD(filter, SCMP_ACT_ALLOW, session_calls);
	/* abort() */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return rc;
}

/* What is on no list fails with EPERM: a library that probes goes on. */
static gboolean filter_calls(int (*add)(scmp_filter_ctx filter), GError **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? add(filter) : -ENOMEM;

	if (!rc)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc ? fail(error, "cannot load the system call filter", -rc) : TRUE;
}

static gboolean no_privileges(GError **error)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(error, "cannot give up new privileges", errno);
	return TRUE;
}

/*
 * Everything that needs root or a new file must be done before. There must be
 * one thread only.
 */
gboolean vsb_sandbox_enter(const char *user, GError **error)
{
	return drop_user(user, error) &&
	       set_limits(server_limits, G_N_ELEMENTS(server_limits), error) &&
	       no_privileges(error) && filter_calls(add_server, error);
}

/*
 * The sessions inherit what is forbidden here, and set up theirs under it: so it is a
 * list of what is not for them. They must be able to begin, with this a program can.
 */
static const int spawner_fatal[] = {
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(bpf),
	SCMP_SYS(mount), SCMP_SYS(kill), SCMP_SYS(tkill), SCMP_SYS(bind), SCMP_SYS(listen),
	SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(keyctl), SCMP_SYS(io_uring_setup),
};

static gboolean filter_spawner(GError **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = filter ? ADD(filter, SCMP_ACT_KILL_PROCESS, spawner_fatal) : -ENOMEM;

	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 0);
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(connect), 0);
	if (!rc)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc ? fail(error, "cannot load the system call filter", -rc) : TRUE;
}

gboolean vsb_sandbox_spawner(const char *user, GError **error)
{
	return drop_user(user, error) &&
	       set_limits(spawner_limits, G_N_ELEMENTS(spawner_limits), error) &&
	       no_privileges(error) && filter_spawner(error);
}

gboolean vsb_sandbox_session(GError **error)
{
	return set_limits(session_limits, G_N_ELEMENTS(session_limits), error) &&
	       no_privileges(error) && filter_calls(add_session, error);
}
