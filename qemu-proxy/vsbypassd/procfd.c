// SPDX-License-Identifier: GPL-2.0
/* Descriptors of a running QEMU: /proc/PID/fd and pidfd_getfd(2). */
#include "procfd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"

#define LINK_MAX_LEN	64

/**
 * struct kind - of a descriptor
 * @link:	what /proc/PID/fd/N says of it
 * @what:	for messages
 * @if_none:	what to do about it
 */
struct kind {
	const char *link;
	const char *what;
	const char *if_none;
};

static const struct kind vm_kind = {
	"anon_inode:kvm-vm", "KVM VM", "give the pid of a QEMU that runs with -accel kvm",
};
static const struct kind proxy_kind = {
	"anon_inode:[vsbypass-proxy]", "proxy descriptor", "it is no proxy of ours",
};

static gboolean is_link(const char *path, const struct kind *kind)
{
	char target[LINK_MAX_LEN];
	ssize_t n = readlink(path, target, sizeof(target));

	return n == (ssize_t)strlen(kind->link) && !memcmp(target, kind->link, (gsize)n);
}

int procfd_open(pid_t pid, GError **error)
{
	/* No wrapper in this libc; the descriptor is close-on-exec by itself. */
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0)
		return fd;
	if (errno == ESRCH)
		g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
			    "there is no process %d; give the pid of the cloud VM's QEMU", pid);
	else if (errno == EINVAL || errno == ENOENT)	/* ENOENT: of Linux 6.16 on */
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "%d is a thread, not a process; give the pid of the cloud VM's QEMU",
			    pid);
	else
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "process %d: %s", pid,
			    g_strerror(errno));
	return -1;
}

guint64 procfd_start_time(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
	g_autofree char *text = NULL;
	guint64 start = 0;
	char *p;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	/* Field 22; the second one, the name in brackets, may have anything in it. */
	p = strrchr(text, ')');
	for (guint field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p)
		start = g_ascii_strtoull(p, NULL, 10);
	return start;
}

int procfd_open_same(pid_t pid, guint64 start_time, GError **error)
{
	int fd = procfd_open(pid, error);

	/* From here on the number stays that process's. */
	if (fd < 0 || procfd_start_time(pid) == start_time)
		return fd;
	g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND, "process %d has ended", pid);
	close(fd);
	return -1;
}

/* Return: the number of the only descriptor of this kind in @pid, or -1. */
static int find(pid_t pid, const struct kind *kind, GError **error)
{
	g_autofree char *dir_path = g_strdup_printf("/proc/%d/fd", pid);
	g_autoptr(GError) cause = NULL;
	g_autoptr(GDir) dir = g_dir_open(dir_path, 0, &cause);
	const char *name;
	int found = -1;

	if (!dir) {
		if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			g_set_error(error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
				    "process %d has ended", pid);
		else
			g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "process %d may not be looked into: %s; "
				    "vsbypassd needs CAP_SYS_PTRACE", pid, cause->message);
		return -1;
	}
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(dir_path, name, NULL);
		guint64 number;

		if (!is_link(path, kind) ||
		    !g_ascii_string_to_unsigned(name, 10, 0, G_MAXINT, &number, NULL))
			continue;
		if (found >= 0) {
			g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "process %d has more than one %s; it is no QEMU", pid,
				    kind->what);
			return -1;
		}
		found = (int)number;
	}
	if (found < 0)
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "process %d has no %s; %s", pid, kind->what, kind->if_none);
	return found;
}

static int take(int pidfd, pid_t pid, const struct kind *kind, GError **error)
{
	int number = find(pid, kind, error);
	g_autofree char *path = NULL;
	int fd;

	if (number < 0)
		return -1;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (fd < 0) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "descriptor %d of process %d cannot be taken: %s%s", number, pid,
			    g_strerror(errno),
			    errno == EPERM ? "; vsbypassd needs CAP_SYS_PTRACE" : "");
		return -1;
	}
	/* The process may have put another file there in the meantime. */
	path = g_strdup_printf("/proc/self/fd/%d", fd);
	if (!is_link(path, kind)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "process %d changed its %s while it was looked at; try again", pid,
			    kind->what);
		close(fd);
		return -1;
	}
	return fd;
}

int procfd_take_vm(int pidfd, pid_t pid, GError **error)
{
	return take(pidfd, pid, &vm_kind, error);
}

int procfd_take_proxy(int pidfd, pid_t pid, GError **error)
{
	return take(pidfd, pid, &proxy_kind, error);
}

/* QEMU's SIG_IPI, with which it does so itself (kvm_init_cpu_signals()). */
#define KICK	SIGUSR1

gboolean procfd_kick_vcpus(pid_t pid, GError **error)
{
	g_autofree char *dir_path = g_strdup_printf("/proc/%d/task", pid);
	g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
	const char *name;
	guint kicked = 0;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(dir_path, name, "comm", NULL);
		g_autofree char *comm = NULL;
		guint64 tid;

		/* qemu_thread_create() of a vCPU; no other thread minds the signal */
		if (g_file_get_contents(path, &comm, NULL, NULL) &&
		    g_str_has_prefix(comm, "CPU ") && g_str_has_suffix(g_strchomp(comm), "/KVM") &&
		    g_ascii_string_to_unsigned(name, 10, 1, G_MAXINT, &tid, NULL) &&
		    !syscall(SYS_tgkill, pid, (pid_t)tid, KICK))
			kicked++;
	}
	if (!kicked)
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "process %d has no thread 'CPU .../KVM'; start its QEMU with "
			    "-name debug-threads=on, as libvirt does", pid);
	return kicked != 0;
}
