// SPDX-License-Identifier: GPL-2.0
/*
 * Stands in for a proxy's QEMU that a user VM has broken: tries what such a one might, and
 * says of each, on standard error, "breakout: NAME: done" or why not. Whatever its arguments
 * are it is started as: those of a QEMU, or
 *
 *   cage_breakout --listen	has what others are to reach: an abstract socket, a TCP port
 *   cage_breakout --whoami	exit status 0: it is root
 *
 * It harms nothing: of what it reaches it reads a byte, or nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIDS	32768		/* of others: the kernel's pid_max */
#define FDS	64		/* of each */
#define PORT	4444
#define ABSTRACT "vsb-cage-test"
#define SUID	"/lib/x86_64-linux-gnu/cage-suid"
#define MANY	300		/* processes, descriptors of a bomb */
#define MEMORY	(300UL << 20)	/* more than either limit */

/* All return 0: done, or the error. */
static int last(long rc)
{
	return rc < 0 ? errno : 0;
}

/* Calls @try for each other process; 0 if it was done to one at least. */
static int on_others(int (*try)(pid_t pid))
{
	int worst = ESRCH;

	for (pid_t pid = 1; pid < PIDS; pid++) {
		int err = pid == getpid() ? ESRCH : try(pid);

		if (!err)
			return 0;
		if (err != ESRCH)
			worst = err;
	}
	return worst;
}

static int getfd(pid_t pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), err = EBADF;

	if (pidfd < 0)
		return errno;
	for (int fd = 0; fd < FDS && err == EBADF; fd++) {
		int got = syscall(SYS_pidfd_getfd, pidfd, fd, 0);

		err = last(got);
		if (got >= 0)
			close(got);
	}
	close(pidfd);
	return err;
}

static int seize(pid_t pid)
{
	if (pid == 1 || pid == getppid())
		return ESRCH;		/* the control shall not stop the lab */
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return errno;
	ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
	waitpid(pid, NULL, __WALL);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return 0;
}

static int vm_rw(pid_t pid, int call)
{
	char c = 0;
	struct iovec here = { &c, 1 }, there = { (void *)8, 1 };

	/* Nothing is there: who may, hears of that. */
	if (syscall(call, pid, &here, 1, &there, 1, 0) >= 0 || errno == EFAULT)
		return 0;
	return errno;
}

static int vm_read(pid_t pid)
{
	return vm_rw(pid, SYS_process_vm_readv);
}

static int vm_write(pid_t pid)
{
	return vm_rw(pid, SYS_process_vm_writev);
}

static int signal_to(pid_t pid)
{
	return last(kill(pid, 0));
}

static int limits_of(pid_t pid)
{
	struct rlimit limit;

	return last(prlimit(pid, RLIMIT_NOFILE, NULL, &limit));
}

static int open_it(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int proc_file(pid_t pid, const char *file, int flags)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	err = open_it(path, flags);
	return err == ENOENT ? ESRCH : err;
}

static int proc_mem(pid_t pid)
{
	return proc_file(pid, "mem", O_RDWR);
}

static int proc_fd(pid_t pid)
{
	return proc_file(pid, "fd/0", O_RDONLY);
}

static int proc_ns(pid_t pid)
{
	return proc_file(pid, "ns/net", O_RDONLY);
}

static int mknod_mem(void)
{
	const char *path = "/tmp/cage-mem";
	int err = last(mknod(path, S_IFCHR | 0600, makedev(1, 1)));

	if (!err)
		err = open_it(path, O_RDONLY);
	unlink(path);
	return err;
}

static int connect_to(int family, const void *addr, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM, 0), err;

	if (fd < 0)
		return errno;
	err = last(connect(fd, addr, len));
	close(fd);
	return err;
}

static int unix_path(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	return connect_to(AF_UNIX, &addr, sizeof(addr));
}

static struct sockaddr_un abstract_addr = { AF_UNIX, "\0" ABSTRACT };
#define ABSTRACT_LEN	(offsetof(struct sockaddr_un, sun_path) + sizeof(ABSTRACT))

static int abstract(void)
{
	return connect_to(AF_UNIX, &abstract_addr, ABSTRACT_LEN);
}

static struct sockaddr_in tcp_addr(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return addr;
}

static int tcp(void)
{
	struct sockaddr_in addr = tcp_addr();

	return connect_to(AF_INET, &addr, sizeof(addr));
}

static int some_socket(int family, int type)
{
	int fd = socket(family, type, 0);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int udp(void)
{
	return some_socket(AF_INET, SOCK_DGRAM);
}

static int packet(void)
{
	return some_socket(AF_PACKET, SOCK_RAW);
}

static int netlink(void)
{
	return some_socket(AF_NETLINK, SOCK_RAW);
}

/* In a child: what it may change is its own then. */
static int in_child(int (*try)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (!pid)
		_exit(try());
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int do_mount(void)
{
	int err = last(mount("none", "/dev", "tmpfs", 0, NULL));

	if (!err)
		umount2("/dev", MNT_DETACH);
	return err;
}

static int remount(void)
{
	return last(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int new_mounts(void)
{
	return last(unshare(CLONE_NEWNS));
}

static int new_user(void)
{
	return last(unshare(CLONE_NEWUSER));
}

static int clone_user(void)
{
	pid_t pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid < 0)
		return errno;
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return 0;
}

static int do_chroot(void)
{
	return last(chroot("/"));
}

static int become_root(void)
{
	return last(setresuid(0, 0, 0));
}

static int become_nobody(void)
{
	return last(setresuid(65534, 65534, 65534));
}

static int run_suid(void)
{
	execl(SUID, SUID, "--whoami", NULL);
	return errno;
}

static int raise_limit(void)
{
	struct rlimit limit = { 100000, 100000 };

	return last(setrlimit(RLIMIT_NPROC, &limit));
}

static int load_module(void)
{
	/* Who may is told what is wrong with it. */
	return syscall(SYS_init_module, "", 0, "") < 0 && errno == ENOEXEC ? 0 : errno;
}

static int do_bpf(void)
{
	char attr[128] = { 2 };		/* BPF_MAP_TYPE_ARRAY */

	attr[4] = attr[8] = 4;
	attr[12] = 1;
	return last(syscall(SYS_bpf, 0, attr, sizeof(attr)));
}

static int do_keyctl(void)
{
	return last(syscall(SYS_keyctl, 0, -4, 1));	/* KEYCTL_GET_KEYRING_ID */
}

static int do_add_key(void)
{
	return last(syscall(SYS_add_key, "user", "cage", "x", 1, -2));
}

static int do_userfaultfd(void)
{
	return last(syscall(SYS_userfaultfd, 0));
}

static int do_io_uring(void)
{
	char params[120] = "";

	return last(syscall(SYS_io_uring_setup, 4, params));
}

static int do_perf(void)
{
	char attr[128] = "";

	attr[0] = 1;			/* PERF_TYPE_SOFTWARE */
	attr[4] = sizeof(attr) & 0x7f;
	return last(syscall(SYS_perf_event_open, attr, 0, -1, -1, 0));
}

static int do_memfd(void)
{
	return last(syscall(SYS_memfd_create, "x", 0));
}

static int kernel_log(void)
{
	return last(syscall(SYS_syslog, 10, NULL, 0));	/* SYSLOG_ACTION_SIZE_BUFFER */
}

static int host_name(void)
{
	char name[64];

	gethostname(name, sizeof(name));
	return strncmp(name, "l0", 2) ? ENOENT : last(sethostname("l0", 2));
}

static int write_file(void)
{
	const char *const places[] = { "/cage-test", "/tmp/cage-test", "/run/cage-test",
				       "/dev/shm/cage-test", "/dev/cage-test" };
	int err = ENOENT;

	for (size_t i = 0; err && i < sizeof(places) / sizeof(*places); i++) {
		err = open_it(places[i], O_WRONLY | O_CREAT);
		unlink(places[i]);
	}
	return err;
}

static int core_dump(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	return limit.rlim_max ? 0 : EPERM;
}

static int fork_bomb(void)
{
	static pid_t pids[MANY];
	int n, err = 0;

	for (n = 0; n < MANY; n++) {
		pids[n] = fork();
		if (!pids[n])
			for (;;)
				pause();
		if (pids[n] < 0) {
			err = errno;
			break;
		}
	}
	while (n--) {
		kill(pids[n], SIGKILL);
		waitpid(pids[n], NULL, 0);
	}
	return err;
}

static int many_fds(void)
{
	static int fds[MANY];
	int n, err = 0;

	for (n = 0; n < MANY; n++) {
		fds[n] = dup(2);
		if (fds[n] < 0) {
			err = errno;
			break;
		}
	}
	while (n--)
		close(fds[n]);
	return err;
}

static int much_memory(int flags)
{
	char *p = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return errno;
	for (size_t at = 0; at < MEMORY; at += 4096)
		p[at] = 1;
	return 0;
}

static int memory(void)
{
	return much_memory(MAP_PRIVATE);
}

static int memory_shared(void)
{
	return much_memory(MAP_SHARED);
}

/* One that is not of the five that a QEMU is given. */
static int foreign_fd(void)
{
	for (int fd = 5; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return 0;
	return EBADF;
}

static const struct {
	const char *name;
	int (*try)(pid_t pid);
} at_others[] = {
	{ "pidfd_getfd", getfd },
	{ "ptrace", seize },
	{ "process_vm_readv", vm_read },
	{ "process_vm_writev", vm_write },
	{ "kill", signal_to },
	{ "prlimit", limits_of },
	{ "proc-mem", proc_mem },
	{ "proc-fd", proc_fd },
	{ "proc-ns", proc_ns },
};

static const struct {
	const char *name;
	int (*try)(void);
} alone[] = {
	{ "mknod", mknod_mem }, { "abstract-socket", abstract }, { "tcp", tcp }, { "udp", udp },
	{ "packet", packet }, { "netlink", netlink }, { "mount", do_mount },
	{ "remount", remount }, { "unshare-mount", new_mounts }, { "unshare-user", new_user },
	{ "clone-user", clone_user }, { "chroot", do_chroot }, { "setuid-root", become_root },
	{ "setuid-nobody", become_nobody }, { "setuid-program", run_suid },
	{ "raise-limit", raise_limit }, { "init_module", load_module }, { "bpf", do_bpf },
	{ "keyctl", do_keyctl }, { "add_key", do_add_key }, { "userfaultfd", do_userfaultfd },
	{ "io_uring", do_io_uring }, { "perf_event_open", do_perf }, { "memfd", do_memfd },
	{ "kernel-log", kernel_log }, { "hostname", host_name }, { "write-file", write_file },
	{ "fork-bomb", fork_bomb }, { "descriptors", many_fds }, { "memory", memory },
	{ "core-dump", core_dump },
};

/* Paths that the job has made sure of. */
static const struct {
	const char *name;
	const char *path;
	int flags;
} files[] = {
	{ "dev-mem", "/dev/mem", O_RDONLY },
	{ "module-device", "/dev/kvm-vsbypass", O_RDWR },
	{ "terminal", "/dev/ttyS0", O_RDWR | O_NOCTTY },
	{ "proc", "/proc/self/status", O_RDONLY },
	{ "proc-1-mem", "/proc/1/mem", O_RDWR },
	{ "sysctl", "/proc/sys/kernel/core_pattern", O_WRONLY },
	{ "cgroup", "/sys/fs/cgroup/cgroup.procs", O_RDONLY },
	{ "state", "/run/vsbypass/state", O_RDONLY },
	{ "log", "/var/log/vsbypass/vm1.log", O_RDONLY },
	{ "identity", "/etc/vsbypass/identity/vm1", O_RDONLY },
	{ "passwd", "/etc/passwd", O_RDONLY },
};

static const struct {
	const char *name;
	const char *path;
} sockets[] = {
	{ "control-socket", "/run/vsbypass/control.sock" },
	{ "own-control-socket", "/run/cage/control.sock" },
	{ "console-socket", "/run/vsbypass/console/vm1.sock" },
	{ "vnc-socket", "/run/vsbypass/console/vm1.vnc" },
	{ "agent-socket", "/run/c.agent" },
};

static void said(const char *name, int err)
{
	fprintf(stderr, "breakout: %s: %s\n", name, err ? strerror(err) : "done");
}

static int serve(void)
{
	struct sockaddr_in addr = tcp_addr();
	int a = socket(AF_UNIX, SOCK_STREAM, 0), t = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	setsockopt(t, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(a, (struct sockaddr *)&abstract_addr, ABSTRACT_LEN) < 0 || listen(a, 64) < 0 ||
	    bind(t, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(t, 64) < 0) {
		perror("breakout: listen");
		return 1;
	}
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--whoami"))
		return geteuid() ? EPERM : 0;
	if (argc > 1 && !strcmp(argv[1], "--listen"))
		return serve();
	fprintf(stderr, "breakout: user %u\n", getuid());
	said("foreign-descriptor", foreign_fd());
	for (size_t i = 0; i < sizeof(at_others) / sizeof(*at_others); i++)
		said(at_others[i].name, on_others(at_others[i].try));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		said(files[i].name, open_it(files[i].path, files[i].flags));
	for (size_t i = 0; i < sizeof(sockets) / sizeof(*sockets); i++)
		said(sockets[i].name, unix_path(sockets[i].path));
	for (size_t i = 0; i < sizeof(alone) / sizeof(*alone); i++)
		said(alone[i].name, in_child(alone[i].try));
	/* Last: it may be the end. */
	said("memory-shared", in_child(memory_shared));
	fprintf(stderr, "breakout: end\n");
	return 0;
}
