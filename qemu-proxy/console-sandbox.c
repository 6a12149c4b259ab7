// SPDX-License-Identifier: GPL-2.0
/*
 * The sandbox of vsb-console: an unprivileged user, no new privileges, limits,
 * and a list of allowed system calls. What it can still do is what it is for:
 * talk on sockets it has or gets from accept, connect to UNIX sockets, read
 * files. It cannot run a program, write a file or make an Internet socket.
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

static gboolean set_limits(GError **error)
{
	static const struct {
		int resource;
		rlim_t limit;
	} limits[] = {
		{ RLIMIT_CORE, 0 },		/* typed passwords are in our memory */
		{ RLIMIT_NOFILE, 2048 },	/* 1024 user VMs, 64 sessions, the rest */
		{ RLIMIT_NPROC, 0 },
#ifndef __SANITIZE_ADDRESS__			/* which maps terabytes */
		{ RLIMIT_AS, 2UL << 30 },
#endif
	};

	for (gsize i = 0; i < G_N_ELEMENTS(limits); i++) {
		struct rlimit old, limit = { limits[i].limit, limits[i].limit };

		if (getrlimit(limits[i].resource, &old) == 0 && old.rlim_max < limit.rlim_max)
			limit.rlim_cur = limit.rlim_max = old.rlim_max;
		if (setrlimit(limits[i].resource, &limit) < 0)
			return fail(error, "cannot set a resource limit", errno);
	}
	return TRUE;
}

/* Allowed as they are. */
static const int plain_calls[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(shutdown),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(lseek),
	SCMP_SYS(getdents64), SCMP_SYS(fcntl), SCMP_SYS(eventfd2),
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(getrandom),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getrlimit), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
	SCMP_SYS(tgkill), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* Nothing here ever asks for these but an attacker: the process ends. */
static const int fatal_calls[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(bpf), SCMP_SYS(mount),
};

static int add_rules(scmp_filter_ctx filter)
{
	int rc = 0;

	for (gsize i = 0; !rc && i < G_N_ELEMENTS(plain_calls); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain_calls[i], 0);
	for (gsize i = 0; !rc && i < G_N_ELEMENTS(fatal_calls); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, fatal_calls[i], 0);
	/* Only UNIX sockets. */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	/* Files are for reading. */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ,
					      O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY));
	/* No memory becomes code. */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return rc;
}

static gboolean filter_calls(GError **error)
{
	/* What is on no list fails with EPERM: a library that probes goes on. */
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? add_rules(filter) : -ENOMEM;

	if (!rc)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc ? fail(error, "cannot load the system call filter", -rc) : TRUE;
}

/*
 * Everything that needs root or a new file must be done before. There must be
 * one thread only.
 */
gboolean vsb_sandbox_enter(const char *user, GError **error)
{
	if (!drop_user(user, error) || !set_limits(error))
		return FALSE;
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(error, "cannot give up new privileges", errno);
	return filter_calls(error);
}
