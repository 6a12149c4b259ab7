// SPDX-License-Identifier: GPL-2.0
/* The cage of a proxy's QEMU: who it is, what it may use, and its start. */
#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cage-filter.h"
#include "cage-group.h"
#include "cage-view.h"
#include "error.h"
#include "procfd.h"

#define INFO_TIMEOUT_MS	(60 * 1000)	/* emulated hosts are slow */
#define LOOK_S		10
#define INFO_MAX	4096

/**
 * struct cage - what is the same for all
 * @filter:	descriptors of the programs, see cage_filter(): without and with memfd
 * @first:	user ID of @uid_base is the first of CAGE_UIDS; @next: of these, to try next
 */
struct cage {
	char *qemu;
	char *rom;
	char *bwrap;
	int filter[2];
	guint32 first;
	guint32 next;
	GHashTable *taken;	/* users of processes, and those that we have given since */
	gint64 looked_us;	/* for them */
};

/**
 * struct who - a QEMU is to be
 * @uid:	user and group
 * @group:	descriptor of cage_group_make(), -1: none
 * @groups:	may open /dev/kvm; @n_groups: 0 if anybody may
 */
struct who {
	uid_t uid;
	int group;
	gid_t groups[1];
	gsize n_groups;
};

/*
 * QEMU 7.2 as a proxy: 5 threads, 20 descriptors and those of viewers, 50 MiB of data and
 * 500 MiB of addresses.
 */
static const struct {
	int resource;
	rlim_t limit;
} limits[] = {
	{ RLIMIT_CORE, 0 },		/* what was typed is in its memory */
	{ RLIMIT_NPROC, 32 },		/* of its user, so its own */
	{ RLIMIT_NOFILE, 256 },
	{ RLIMIT_DATA, 256UL << 20 },
	{ RLIMIT_AS, 1UL << 30 },
	{ RLIMIT_FSIZE, 64UL << 20 },	/* a screen in a memfd: 4096 x 4096 */
	{ RLIMIT_MEMLOCK, 0 },
	{ RLIMIT_MSGQUEUE, 0 },
	{ RLIMIT_SIGPENDING, 64 },
};

/* Return: the user of process @pid, or -1. Its folder would be root's if it wanted that. */
static gint64 user_of(const char *pid)
{
	g_autofree char *path = g_build_filename("/proc", pid, "status", NULL);
	g_autofree char *text = NULL;
	unsigned int uid;
	const char *line;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return -1;
	line = strstr(text, "\nUid:\t");
	return line && sscanf(line, "\nUid:\t%u", &uid) == 1 ? (gint64)uid : -1;
}

/* Users of processes: what lives is what /proc says, whoever has started it. */
static GHashTable *users_alive(void)
{
	GHashTable *users = g_hash_table_new(NULL, NULL);
	g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (g_ascii_isdigit(*name)) {
			gint64 uid = user_of(name);

			if (uid >= 0)
				g_hash_table_add(users, GUINT_TO_POINTER((guint)uid));
		}
	return users;
}

/*
 * All processes for each proxy would be the square of their number at an attach. The user IDs are
 * for proxies, so what lives there and is not ours is as old as an earlier vsbypassd.
 */
static void look_for_users(struct cage *cage)
{
	gint64 now = g_get_monotonic_time();

	if (cage->taken && now - cage->looked_us < LOOK_S * G_USEC_PER_SEC)
		return;
	g_clear_pointer(&cage->taken, g_hash_table_unref);
	cage->taken = users_alive();
	cage->looked_us = now;
}

static gboolean pick_uid(struct cage *cage, uid_t *uid, GError **error)
{
	look_for_users(cage);
	for (guint i = 0; i < CAGE_UIDS; i++) {
		*uid = cage->first + cage->next++ % CAGE_UIDS;
		if (!g_hash_table_contains(cage->taken, GUINT_TO_POINTER(*uid)) && !getpwuid(*uid) &&
		    !getgrgid(*uid)) {
			g_hash_table_add(cage->taken, GUINT_TO_POINTER(*uid));
			return TRUE;
		}
	}
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
		    "no user ID from %u to %u is free for its QEMU; see --uid-base", cage->first,
		    cage->first + CAGE_UIDS - 1);
	return FALSE;
}

static gboolean may_open_kvm(struct who *who, GError **error)
{
	struct stat st;

	if (stat("/dev/kvm", &st) < 0) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "/dev/kvm: %s; load kvm_intel or kvm_amd", g_strerror(errno));
		return FALSE;
	}
	if ((st.st_mode & 06) == 06)
		return TRUE;
	if ((st.st_mode & 060) == 060 && st.st_gid) {
		who->groups[who->n_groups++] = st.st_gid;
		return TRUE;
	}
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
			    "/dev/kvm is root's alone, and a proxy's QEMU is not root; give it a "
			    "group, as udev does: chgrp kvm /dev/kvm && chmod 660 /dev/kvm");
	return FALSE;
}

static G_GNUC_NORETURN void give_up(const char *what)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
	_exit(127);
}

/*
 * Behind fork(). The system calls themselves: those of the C library would have all threads
 * follow, and there are none here.
 */
static void become(gpointer data)
{
	const struct who *who = data;

	/* The keys of a terminal are for vsbypassd alone. */
	setsid();
	if (who->group >= 0 && write(who->group, "0", 1) < 0)
		give_up("cgroup.procs");
	for (gsize i = 0; i < G_N_ELEMENTS(limits); i++) {
		struct rlimit limit = { limits[i].limit, limits[i].limit }, old;

		if (!getrlimit(limits[i].resource, &old) && old.rlim_max < limit.rlim_max)
			limit.rlim_cur = limit.rlim_max = old.rlim_max;
		if (setrlimit(limits[i].resource, &limit) < 0)
			give_up("setrlimit");
	}
	/* Of 2 MiB its heap would use one. */
	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) < 0)
		give_up("PR_SET_THP_DISABLE");
	if (syscall(SYS_setgroups, who->n_groups, who->groups) < 0)
		give_up("setgroups");
	if (syscall(SYS_setresgid, who->uid, who->uid, who->uid) < 0)
		give_up("setresgid");
	if (syscall(SYS_setresuid, who->uid, who->uid, who->uid) < 0)
		give_up("setresuid");
}

/* Return: what bubblewrap says at @fd, up to its end or until it takes too long. */
static char *read_info(int fd)
{
	GString *text = g_string_new(NULL);
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char buf[512];
	ssize_t n = 1;

	/* EINTR: others of our children end meanwhile. */
	while (n && text->len < INFO_MAX && !strchr(text->str, '}')) {
		n = poll(&pollfd, 1, INFO_TIMEOUT_MS);
		if (n > 0)
			n = read(fd, buf, sizeof(buf));
		if (n > 0)
			g_string_append_len(text, buf, n);
		else if (n < 0 && errno != EINTR)
			break;
	}
	return g_string_free(text, FALSE);
}

/* The process is made before anything else can fail, so this takes a moment only. */
static gboolean learn_pid(int info, uid_t uid, struct caged *caged, GError **error)
{
	g_autofree char *text = read_info(info);
	const char *at = strstr(text, "\"child-pid\":");
	g_autofree char *pid = NULL;
	int number;

	if (!at || sscanf(at, "\"child-pid\": %d", &number) != 1) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_FAILED,
				    "bubblewrap did not make its cage; what it said is in "
				    "'vsbctl log'");
		return FALSE;
	}
	caged->pid = number;
	caged->pidfd = procfd_open(number, NULL);
	pid = g_strdup_printf("%d", number);
	/* The number is another one's already: it has ended, as @process will tell. */
	if (caged->pidfd >= 0 && user_of(pid) != uid) {
		close(caged->pidfd);
		caged->pidfd = -1;
	}
	if (caged->pidfd < 0)
		caged->pid = 0;
	return TRUE;
}

/* From its begin, whoever has read it before. */
static int open_filter(const struct cage *cage, gboolean memfd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", cage->filter[memfd]);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static gboolean add_fds(const struct cage *cage, GSubprocessLauncher *launcher, gboolean memfd,
			int *info, GError **error)
{
	int filter = open_filter(cage, memfd), pipes[2];

	if (filter < 0 || pipe2(pipes, O_CLOEXEC) < 0) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "descriptors of its cage: %s",
			    g_strerror(errno));
		if (filter >= 0)
			close(filter);
		return FALSE;
	}
	g_subprocess_launcher_take_fd(launcher, filter, CAGE_FILTER_FD);
	g_subprocess_launcher_take_fd(launcher, pipes[1], CAGE_INFO_FD);
	*info = pipes[0];
	return TRUE;
}

/* Behind the numbers that descriptors of the launcher get in the child, before become(). */
static int out_of_the_way(int fd)
{
	int moved = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, CAGE_FDS);

	if (fd >= 0)
		close(fd);
	return moved;
}

gboolean cage_spawn(struct cage *cage, GSubprocessLauncher *launcher, const char *name,
		    gboolean screen, char **argv, struct caged *caged, GError **error)
{
	const gboolean by_systemd = sd_booted() > 0;
	struct who who = { .group = -1 };
	struct caged new = { .pidfd = -1 };
	g_auto(GStrv) all = NULL;
	gboolean done, memfd;
	int info;

	if (!pick_uid(cage, &who.uid, error) || !may_open_kvm(&who, error))
		return FALSE;
	if (!by_systemd)
		who.group = out_of_the_way(cage_group_make(who.uid));
	memfd = screen && (by_systemd || who.group >= 0);
	if (!add_fds(cage, launcher, memfd, &info, error)) {
		if (who.group >= 0)
			close(who.group);
		return FALSE;
	}
	all = cage_view(cage->bwrap, cage->qemu, cage->rom, who.uid, argv);
	g_subprocess_launcher_set_child_setup(launcher, become, &who, NULL);
	new.process = g_subprocess_launcher_spawnv(launcher, (const char *const *)all, error);
	if (who.group >= 0)
		close(who.group);
	/* Its end of the pipe is the launcher's until now. */
	g_subprocess_launcher_close(launcher);
	done = new.process && learn_pid(info, who.uid, &new, error);
	close(info);
	if (done) {
		const char *outer = g_subprocess_get_identifier(new.process);
		const pid_t pids[] = { outer ? (pid_t)atoi(outer) : 0, new.pid };

		if (by_systemd)
			cage_scope_start(who.uid, name, pids, G_N_ELEMENTS(pids));
		*caged = new;
		return TRUE;
	}
	/* It has said why before it is waited for. */
	if (new.process) {
		g_subprocess_force_exit(new.process);
		g_subprocess_wait(new.process, NULL, NULL);
	}
	g_clear_object(&new.process);
	return FALSE;
}

/* A value of 0 in @path is said to be why no cage can be made. */
static gboolean is_allowed(const char *path, const char *name, GError **error)
{
	g_autofree char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL) || g_ascii_strtoll(text, NULL, 10))
		return TRUE;
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED,
		    "this host allows no user namespaces (sysctl %s is 0), and proxies run in "
		    "such; set it", name);
	return FALSE;
}

struct cage *cage_new(const char *qemu, const char *rom, guint32 uid_base, GError **error)
{
	g_autofree char *bwrap = g_find_program_in_path("bwrap");
	struct cage *cage;

	if (!bwrap) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
				    "there is no program 'bwrap', which makes the cages of "
				    "proxies; install it (package bubblewrap)");
		return NULL;
	}
	if (!is_allowed("/proc/sys/kernel/unprivileged_userns_clone",
			"kernel.unprivileged_userns_clone", error) ||
	    !is_allowed("/proc/sys/user/max_user_namespaces", "user.max_user_namespaces", error))
		return NULL;
	cage = g_new0(struct cage, 1);
	cage->filter[FALSE] = cage_filter(FALSE, error);
	cage->filter[TRUE] = cage->filter[FALSE] < 0 ? -1 : cage_filter(TRUE, error);
	if (cage->filter[TRUE] < 0) {
		if (cage->filter[FALSE] >= 0)
			close(cage->filter[FALSE]);
		g_free(cage);
		return NULL;
	}
	cage->qemu = g_strdup(qemu);
	cage->rom = g_strdup(rom);
	cage->bwrap = g_steal_pointer(&bwrap);
	cage->first = uid_base;
	/* Another vsbypassd may pick at the same time. */
	cage->next = g_random_int();
	return cage;
}

void cage_free(struct cage *cage)
{
	if (!cage)
		return;
	close(cage->filter[FALSE]);
	close(cage->filter[TRUE]);
	g_clear_pointer(&cage->taken, g_hash_table_unref);
	g_free(cage->qemu);
	g_free(cage->rom);
	g_free(cage->bwrap);
	g_free(cage);
}
