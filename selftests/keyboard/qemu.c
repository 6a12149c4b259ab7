// SPDX-License-Identifier: GPL-2.0
/* See qemu.h. */
#include "qemu.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROM_SIZE	(64 * 1024)

/* Firmware that halts. Return: the file. */
static char *make_rom(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *code = g_malloc(ROM_SIZE);
	char *rom;
	int fd = g_file_open_tmp("unit-qemu-XXXXXX", &rom, &error);

	g_assert_no_error(error);
	memset(code, 0xf4, ROM_SIZE);	/* HLT */
	g_assert_cmpint(write(fd, code, ROM_SIZE), ==, ROM_SIZE);
	close(fd);
	return rom;
}

char *qemu_monitor(struct qemu *q, const char *format, ...)
{
	static char line[1024];
	va_list args;

	fseek(q->monitor, 0, SEEK_CUR);
	va_start(args, format);
	vfprintf(q->monitor, format, args);
	va_end(args);
	fflush(q->monitor);
	do {
		if (!fgets(line, sizeof(line), q->monitor))
			g_error("QEMU ended");
		if (strstr(line, "\"error\""))
			g_error("QEMU says %s", line);
	} while (!g_str_has_prefix(line, "{\"return\""));
	return line;
}

/* It must not outlive a test that fails. */
static void die_with_us(gpointer data)
{
	(void)data;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

struct qemu *qemu_start(int fd, const char *arg, ...)
{
	struct qemu *q = g_new0(struct qemu, 1);
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_PIPE);
	g_autoptr(GStrvBuilder) b = g_strv_builder_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *rom = make_rom();
	g_auto(GStrv) argv = NULL;
	va_list args;
	int pair[2];

	g_strv_builder_add_many(b, "qemu-system-x86_64",
		"-machine", "microvm,accel=tcg,acpi=off,rtc=off,isa-serial=off", "-bios", rom,
		"-nodefaults", "-display", "none", "-m", "1",
		"-chardev", "socket,id=mon,fd=3", "-mon", "chardev=mon,mode=control", NULL);
	va_start(args, arg);
	for (; arg; arg = va_arg(args, const char *))
		g_strv_builder_add(b, arg);
	va_end(args);
	argv = g_strv_builder_end(b);

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
	g_subprocess_launcher_take_fd(launcher, pair[1], 3);
	if (fd >= 0)
		g_subprocess_launcher_take_fd(launcher, fd, 4);
	g_subprocess_launcher_set_child_setup(launcher, die_with_us, NULL, NULL);
	q->monitor = fdopen(pair[0], "r+");
	q->process = g_subprocess_launcher_spawnv(launcher, (const char * const *)argv, &error);
	g_assert_no_error(error);
	qemu_monitor(q, "{\"execute\":\"qmp_capabilities\"}\n");
	unlink(rom);
	return q;
}

void qemu_stop(struct qemu *q)
{
	g_subprocess_force_exit(q->process);
	g_subprocess_wait(q->process, NULL, NULL);
	g_object_unref(q->process);
	fclose(q->monitor);
	g_free(q);
}

#define HMP(command)	"{\"execute\":\"human-monitor-command\",\"arguments\":{" \
			"\"command-line\":\"" command "\"}}\n"

void qemu_outb(struct qemu *q, guint16 port, guint8 value)
{
	qemu_monitor(q, HMP("o/b %u %u"), port, value);
}

guint8 qemu_inb(struct qemu *q, guint16 port)
{
	/* portb[0x0064] = 0x1c */
	const char *value = strstr(qemu_monitor(q, HMP("i/b %u"), port), "= 0x");

	g_assert_nonnull(value);
	return strtoul(value + 4, NULL, 16);
}
