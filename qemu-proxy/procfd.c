// SPDX-License-Identifier: GPL-2.0
/* The kvm-vm descriptor of a running QEMU: /proc/PID/fd and pidfd_getfd(2). */
#include "procfd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"

#define VM_LINK	"anon_inode:kvm-vm"

static gboolean is_vm_link(const char *path)
{
	char target[sizeof(VM_LINK) + 1];
	ssize_t n = readlink(path, target, sizeof(target));

	return n == (ssize_t)strlen(VM_LINK) && !memcmp(target, VM_LINK, (gsize)n);
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
	else if (errno == EINVAL)
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "%d is a thread, not a process; give the pid of the cloud VM's QEMU",
			    pid);
	else
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "process %d: %s", pid,
			    g_strerror(errno));
	return -1;
}

/* Return: the number of the only kvm-vm descriptor in @pid, or -1. */
static int find_vm(pid_t pid, GError **error)
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

		if (!is_vm_link(path) ||
		    !g_ascii_string_to_unsigned(name, 10, 0, G_MAXINT, &number, NULL))
			continue;
		if (found >= 0) {
			g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "process %d has more than one KVM VM; it is no QEMU", pid);
			return -1;
		}
		found = (int)number;
	}
	if (found < 0)
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "process %d has no KVM VM; give the pid of a QEMU that runs with "
			    "-accel kvm", pid);
	return found;
}

int procfd_take_vm(int pidfd, pid_t pid, GError **error)
{
	int number = find_vm(pid, error);
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
	if (!is_vm_link(path)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "process %d changed its KVM VM while it was looked at; try again", pid);
		close(fd);
		return -1;
	}
	return fd;
}
