// SPDX-License-Identifier: GPL-2.0
/*
 * What a proxy's QEMU sees of the host: an empty, read-only file system with the program,
 * its libraries and firmware, three devices, and nothing else: no /proc, /sys, /run, /tmp,
 * /etc. All of it is without setuid bits.
 */
#include "cage-view.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Of Debian's QEMU. What is not there is not missed: others have theirs in @PREFIX. */
static const char * const folders[] = {
	"/lib64", "/usr/lib64",
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
	"/usr/share/qemu", "/usr/share/seabios",
};
/* Below the folder above the one of the program, unless that is /usr. */
static const char * const of_prefix[] = { "lib", "lib64", "share/qemu" };
/* For a script, which is of no use without programs. */
static const char * const of_script[] = { "/bin", "/usr/bin" };

static const char * const devices[] = { "/dev/kvm", "/dev/null", "/dev/urandom" };

static void add(GPtrArray *argv, const char *option, const char *a, const char *b)
{
	g_ptr_array_add(argv, g_strdup(option));
	if (a)
		g_ptr_array_add(argv, g_strdup(a));
	if (b)
		g_ptr_array_add(argv, g_strdup(b));
}

static void add_folders(GPtrArray *argv, const char *prefix, const char * const *names, gsize n)
{
	for (gsize i = 0; i < n; i++) {
		g_autofree char *path = g_build_filename(prefix, names[i], NULL);

		add(argv, "--ro-bind-try", path, path);
	}
}

static gboolean is_script(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char magic[2] = "";
	ssize_t n;

	if (fd < 0)
		return FALSE;
	n = read(fd, magic, sizeof(magic));
	close(fd);
	return n == sizeof(magic) && !memcmp(magic, "#!", sizeof(magic));
}

static void add_files(GPtrArray *argv, const char *qemu, const char *rom)
{
	g_autofree char *bin = g_path_get_dirname(qemu);
	g_autofree char *prefix = g_path_get_dirname(bin);

	add_folders(argv, "/", folders, G_N_ELEMENTS(folders));
	if (strcmp(prefix, "/usr") && strcmp(prefix, "/"))
		add_folders(argv, prefix, of_prefix, G_N_ELEMENTS(of_prefix));
	if (is_script(qemu))
		add_folders(argv, "/", of_script, G_N_ELEMENTS(of_script));
	add(argv, "--ro-bind", qemu, qemu);
	add(argv, "--ro-bind", rom, rom);
	for (gsize i = 0; i < G_N_ELEMENTS(devices); i++)
		add(argv, "--dev-bind", devices[i], devices[i]);
	add(argv, "--remount-ro", "/", NULL);
}

char **cage_view(const char *bwrap, const char *qemu, const char *rom, uid_t uid,
		 char *const *argv)
{
	GPtrArray *all = g_ptr_array_new();
	g_autofree char *id = g_strdup_printf("%u", uid);

	g_ptr_array_add(all, g_strdup(bwrap));
	/* The user namespace gives bubblewrap the right to make the others. */
	add(all, "--unshare-user", NULL, NULL);
	add(all, "--unshare-pid", NULL, NULL);
	add(all, "--unshare-net", NULL, NULL);
	add(all, "--unshare-ipc", NULL, NULL);
	add(all, "--unshare-uts", NULL, NULL);
	add(all, "--unshare-cgroup-try", NULL, NULL);
	add(all, "--uid", id, NULL);
	add(all, "--gid", id, NULL);
	add(all, "--hostname", "proxy", NULL);
	/* Without a second process of bubblewrap inside: nobody there has to be reaped. */
	add(all, "--as-pid-1", NULL, NULL);
	add(all, "--cap-drop", "ALL", NULL);
	add(all, "--clearenv", NULL, NULL);
	add(all, "--chdir", "/", NULL);
	add_files(all, qemu, rom);
	add(all, "--seccomp", G_STRINGIFY(CAGE_FILTER_FD), NULL);
	add(all, "--info-fd", G_STRINGIFY(CAGE_INFO_FD), NULL);
	add(all, "--", NULL, NULL);
	for (; *argv; argv++)
		g_ptr_array_add(all, g_strdup(*argv));
	g_ptr_array_add(all, NULL);
	return (char **)g_ptr_array_free(all, FALSE);
}
