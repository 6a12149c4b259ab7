// SPDX-License-Identifier: GPL-2.0
/*
 * What a proxy's QEMU sees of the host, and what it may call. The filter is the kernel's:
 * a child takes it on and calls. The whole cage is the job "cage".
 */
#include "cage-filter.h"
#include "cage-view.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>

static char *view_of(const char *qemu)
{
	char *const argv[] = { (char *)qemu, "-S", NULL };
	g_auto(GStrv) all = cage_view("/usr/bin/bwrap", qemu, "/run/x/halt.rom", 2052259841,
				      argv);

	return g_strjoinv(" ", all);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		g_test_message("'%s' in '%s'", part, text);
	g_assert_nonnull(strstr(text, part));
}

static void test_view(void)
{
	g_autofree char *text = view_of("/usr/bin/qemu-system-x86_64");
	static const char * const parts[] = {
		"--unshare-user ", "--unshare-pid ", "--unshare-net ", "--unshare-ipc ",
		"--unshare-uts ", "--unshare-cgroup-try ", "--uid 2052259841 --gid 2052259841 ",
		"--cap-drop ALL ", "--clearenv ", "--as-pid-1 ",
		"--ro-bind /usr/bin/qemu-system-x86_64 /usr/bin/qemu-system-x86_64 ",
		"--ro-bind /run/x/halt.rom /run/x/halt.rom ", "--dev-bind /dev/kvm /dev/kvm ",
		"--remount-ro / --seccomp 31 --info-fd 30 -- /usr/bin/qemu-system-x86_64 -S",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
		has(text, parts[i]);
	/* Nothing to write, no file system of the kernel, no end with vsbypassd. */
	g_assert_null(strstr(text, "--bind"));
	g_assert_null(strstr(text, "--proc"));
	g_assert_null(strstr(text, "--tmpfs"));
	g_assert_null(strstr(text, "--die-with-parent"));
	g_assert_null(strstr(text, " /usr /usr"));
	g_assert_null(strstr(text, " /bin /bin"));
}

static void test_elsewhere(void)
{
	g_autofree char *dir = g_dir_make_tmp("vsb-unit-XXXXXX", NULL);
	g_autofree char *script = g_build_filename(dir, "qemu", NULL);
	g_autofree char *opt = view_of("/opt/q/bin/qemu"), *text = NULL;

	has(opt, "--ro-bind-try /opt/q/lib /opt/q/lib ");
	has(opt, "--ro-bind-try /opt/q/share/qemu /opt/q/share/qemu ");
	g_assert_null(strstr(opt, " /opt/q /opt/q"));
	g_assert_true(g_file_set_contents(script, "#!/bin/sh\n", -1, NULL));
	text = view_of(script);
	has(text, "--ro-bind-try /bin /bin ");
	g_unlink(script);
	g_rmdir(dir);
}

/* Arguments with which a call does nothing, or fails otherwise than by the filter. */
struct call {
	const char *name;
	long nr;
	long args[5];
	int err;		/* wanted; 0: none, -1: any but EPERM */
};

static const struct call calls[] = {
	{ "getpid", SYS_getpid, { 0 }, 0 },
	{ "write", SYS_write, { -1 }, EBADF },
	{ "recvmsg", SYS_recvmsg, { -1 }, EBADF },
	{ "accept4", SYS_accept4, { -1 }, EBADF },
	{ "openat", SYS_openat, { -1, (long)"x" }, EBADF },
	{ "clone of a thread", SYS_clone, { CLONE_THREAD }, EINVAL },
	{ "ioctl of KVM", SYS_ioctl, { -1, 0xae80 }, EBADF },
	{ "FIONREAD", SYS_ioctl, { -1, FIONREAD }, EBADF },
	{ "socket", SYS_socket, { 1, 1 }, EPERM },
	{ "connect", SYS_connect, { -1 }, EPERM },
	{ "bind", SYS_bind, { -1 }, EPERM },
	{ "pidfd_open", SYS_pidfd_open, { 1 }, EPERM },
	{ "pidfd_getfd", SYS_pidfd_getfd, { -1 }, EPERM },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, { -1 }, EPERM },
	{ "ptrace", SYS_ptrace, { 0x4206, 1 }, EPERM },
	{ "process_vm_readv", SYS_process_vm_readv, { 1 }, EPERM },
	{ "process_vm_writev", SYS_process_vm_writev, { 1 }, EPERM },
	{ "process_madvise", 440, { -1 }, EPERM },
	{ "kcmp", SYS_kcmp, { 1, 1 }, EPERM },
	{ "bpf", SYS_bpf, { -1 }, EPERM },
	{ "perf_event_open", SYS_perf_event_open, { 0 }, EPERM },
	{ "userfaultfd", SYS_userfaultfd, { -1 }, EPERM },
	{ "io_uring_setup", SYS_io_uring_setup, { 0 }, EPERM },
	{ "keyctl", SYS_keyctl, { -1 }, EPERM },
	{ "add_key", SYS_add_key, { 0 }, EPERM },
	{ "request_key", SYS_request_key, { 0 }, EPERM },
	{ "mount", SYS_mount, { 0 }, EPERM },
	{ "umount2", SYS_umount2, { (long)"", 0 }, EPERM },
	{ "pivot_root", SYS_pivot_root, { 0 }, EPERM },
	{ "chroot", SYS_chroot, { (long)"" }, EPERM },
	{ "unshare", SYS_unshare, { 0 }, EPERM },
	{ "setns", SYS_setns, { -1 }, EPERM },
	{ "clone of a user namespace", SYS_clone, { CLONE_NEWUSER | CLONE_THREAD }, EPERM },
	{ "clone of a network namespace", SYS_clone, { CLONE_NEWNET | CLONE_THREAD }, EPERM },
	{ "clone3", SYS_clone3, { 0 }, ENOSYS },
	{ "open_by_handle_at", SYS_open_by_handle_at, { -1 }, EPERM },
	{ "mknod", SYS_mknod, { 0 }, EPERM },
	{ "memfd_create", SYS_memfd_create, { 0 }, EPERM },
	{ "shmget", SYS_shmget, { 0, 1, 01000 }, EPERM },
	{ "mq_open", SYS_mq_open, { 0 }, EPERM },
	{ "setresuid", SYS_setresuid, { -1, -1, -1 }, EPERM },
	{ "setgroups", SYS_setgroups, { 0 }, EPERM },
	{ "capset", SYS_capset, { 0 }, EPERM },
	{ "personality", SYS_personality, { 0xffffffff }, EPERM },
	{ "init_module", SYS_init_module, { 0 }, EPERM },
	{ "syslog", SYS_syslog, { 10 }, EPERM },
	{ "ioperm", SYS_ioperm, { 0 }, EPERM },
	{ "TIOCSTI", SYS_ioctl, { -1, TIOCSTI }, EPERM },
	{ "ioctl whose upper half hides it", SYS_ioctl, { -1, 0x100000000 | TIOCSTI }, EPERM },
};

/* The same of a QEMU with a screen. */
static const struct call calls_with_screen[] = {
	{ "memfd_create, without a name", SYS_memfd_create, { 0, MFD_CLOEXEC }, EFAULT },
	{ "memfd_create of huge pages", SYS_memfd_create, { (long)"", MFD_HUGETLB }, EPERM },
	{ "socket", SYS_socket, { 1, 1 }, EPERM },
};

static const char *take_on(int fd)
{
	static struct sock_filter code[4096];
	ssize_t n = read(fd, code, sizeof(code));
	struct sock_fprog program = { (unsigned short)(n / (ssize_t)sizeof(*code)), code };

	if (n <= 0 || n == sizeof(code))
		return "its length";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return g_strerror(errno);
	return NULL;
}

static void in_child(int filter, const struct call *call, gsize n, int out)
{
	const char *why = take_on(filter);

	if (why)
		dprintf(out, "the filter: %s\n", why);
	for (; !why && n--; call++) {
		const long *a = call->args;
		long rc = syscall(call->nr, a[0], a[1], a[2], a[3], a[4]);
		int err = rc < 0 ? errno : 0;

		if (err != call->err)
			dprintf(out, "%s: %s, wanted: %s\n", call->name, g_strerror(err),
				g_strerror(call->err));
	}
	_exit(0);
}

static void check_filter(gboolean memfd, const struct call *call, gsize n_calls)
{
	g_autoptr(GError) error = NULL;
	int filter = cage_filter(memfd, &error), fds[2], status;
	char text[8192];
	ssize_t n;
	gsize len = 0;
	pid_t pid;

	g_assert_no_error(error);
	g_assert_cmpint(lseek(filter, 0, SEEK_SET), ==, 0);
	g_assert_cmpint(pipe(fds), ==, 0);
	pid = fork();
	if (!pid)
		in_child(filter, call, n_calls, fds[1]);
	close(fds[1]);
	while (len < sizeof(text) - 1 && (n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (gsize)n;
	text[len] = '\0';
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpstr(text, ==, "");
	g_assert_true(WIFEXITED(status));
	close(fds[0]);
	close(filter);
}

static void test_filter(void)
{
	check_filter(FALSE, calls, G_N_ELEMENTS(calls));
	check_filter(TRUE, calls_with_screen, G_N_ELEMENTS(calls_with_screen));
}

/* abort() is an end, also for the first process of a PID namespace, which this is not. */
static void test_abort(void)
{
	g_autoptr(GError) error = NULL;
	int filter = cage_filter(FALSE, &error), status;
	pid_t pid;

	g_assert_no_error(error);
	lseek(filter, 0, SEEK_SET);
	pid = fork();
	if (!pid) {
		if (!take_on(filter))
			syscall(SYS_tgkill, getpid(), getpid(), SIGABRT);
		_exit(0);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFSIGNALED(status));
	g_assert_cmpint(WTERMSIG(status), ==, SIGSYS);
	close(filter);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cage/view", test_view);
	g_test_add_func("/cage/elsewhere", test_elsewhere);
	g_test_add_func("/cage/filter", test_filter);
	g_test_add_func("/cage/abort", test_abort);
	return g_test_run();
}
