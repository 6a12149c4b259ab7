// SPDX-License-Identifier: GPL-2.0
/* Console logs: who has one, what is refused, rotation; and that QEMU writes it. */
#include "conlog.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>

struct fixture {
	char *dir;
	char *log;
	char *old;
};

static void setup(struct fixture *f, gconstpointer data)
{
	f->dir = g_dir_make_tmp("vsb-conlog-XXXXXX", NULL);
	f->log = g_build_filename(f->dir, "vm1.log", NULL);
	f->old = g_build_filename(f->dir, "vm1.log.1", NULL);
}

static void teardown(struct fixture *f, gconstpointer data)
{
	g_unlink(f->log);
	g_unlink(f->old);
	g_assert_cmpint(g_rmdir(f->dir), ==, 0);
	g_free(f->old);
	g_free(f->log);
	g_free(f->dir);
}

static void write_log(struct fixture *f, const char *text, mode_t mode)
{
	g_assert_true(g_file_set_contents(f->log, text, -1, NULL));
	g_assert_cmpint(g_chmod(f->log, mode), ==, 0);
}

/* Return: (transfer full): the arguments of QEMU. */
static char *added(struct fixture *f, const char *name)
{
	char *argv[] = { g_strdup("-chardev"), g_strdup("socket,id=console,fd=3"),
			 g_strdup("socket,id=qmp"), NULL };
	char *text;

	conlog_add(argv, "socket,id=console,", f->dir, name);
	text = g_strjoinv(" ", argv);
	for (char **arg = argv; *arg; arg++)
		g_free(*arg);
	return text;
}

static void test_add(struct fixture *f, gconstpointer data)
{
	static const mode_t bad[] = { 0644, 0640, 0620, 0604 };
	g_autofree char *wanted = g_strdup_printf("-chardev socket,id=console,fd=3,logfile=%s,"
						  "logappend=on socket,id=qmp", f->log);
	g_autofree char *off = added(f, "vm1"), *on = NULL, *other = NULL, *link = NULL;

	/* Off unless the file is there. */
	g_assert_cmpstr(off, ==, "-chardev socket,id=console,fd=3 socket,id=qmp");
	write_log(f, "", 0600);
	on = added(f, "vm1");
	g_assert_cmpstr(on, ==, wanted);
	other = added(f, "vm2");
	g_assert_cmpstr(other, ==, off);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *refused = NULL;

		g_chmod(f->log, bad[i]);
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*vm1.log is not kept: others can*chmod*");
		refused = added(f, "vm1");
		g_test_assert_expected_messages();
		g_assert_cmpstr(refused, ==, off);
	}
	g_unlink(f->log);
	g_assert_cmpint(symlink("/etc/passwd", f->log), ==, 0);
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*vm1.log is not kept: *");
	link = added(f, "vm1");
	g_test_assert_expected_messages();
	g_assert_cmpstr(link, ==, off);
}

static void test_rotate(struct fixture *f, gconstpointer data)
{
	g_autofree char *text = NULL, *second = NULL;
	struct stat st;
	int fd;

	write_log(f, "0123456789", 0600);
	conlog_rotate(f->dir, 10);
	g_assert_false(g_file_test(f->old, G_FILE_TEST_EXISTS));
	conlog_rotate(f->dir, 9);
	g_assert_true(g_file_get_contents(f->old, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "0123456789");
	g_assert_cmpint(stat(f->old, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
	g_assert_cmpint(stat(f->log, &st), ==, 0);
	g_assert_cmpint(st.st_size, ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
	/* Who has it open for appending goes on at its new begin; the older one is replaced. */
	fd = g_open(f->log, O_WRONLY | O_APPEND, 0);
	g_assert_cmpint(write(fd, "abcdefghijk", 11), ==, 11);
	conlog_rotate(f->dir, 9);
	g_assert_cmpint(write(fd, "xyz", 3), ==, 3);
	close(fd);
	g_assert_true(g_file_get_contents(f->old, &second, NULL, NULL));
	g_assert_cmpstr(second, ==, "abcdefghijk");
	g_assert_cmpint(stat(f->log, &st), ==, 0);
	g_assert_cmpint(st.st_size, ==, 3);
	/* A folder that is not there is one without logs. */
	conlog_rotate("/nonexistent/logs", 9);
}

/*
 * QEMU writes what the chardev's device sends, here a monitor, behind what was there.
 */
static void test_qemu(struct fixture *f, gconstpointer data)
{
	char *argv[] = { g_strdup("qemu-system-x86_64"), g_strdup("-S"), g_strdup("-nodefaults"),
			 g_strdup("-display"), g_strdup("none"), g_strdup("-machine"),
			 g_strdup("microvm,accel=tcg"), g_strdup("-chardev"),
			 g_strdup("stdio,id=console,signal=off"), g_strdup("-mon"),
			 g_strdup("chardev=console,mode=control"), NULL };
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	int in, out;
	GPid pid;

	write_log(f, "before\n", 0600);
	conlog_add(argv, "stdio,id=console,", f->dir, "vm1");
	g_assert_true(g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_SEARCH_PATH |
					       G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &in, &out,
					       NULL, &error));
	g_assert_no_error(error);
	/* The log is written behind the chardev. */
	while (!text || !strstr(text, "QMP")) {
		g_usleep(1000);
		g_clear_pointer(&text, g_free);
		g_assert_true(g_file_get_contents(f->log, &text, NULL, NULL));
	}
	g_assert_true(g_str_has_prefix(text, "before\n{\"QMP\""));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(in);
	close(out);
	for (char **arg = argv; *arg; arg++)
		g_free(*arg);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(path, func) g_test_add(path, struct fixture, NULL, setup, func, teardown)
	ADD("/conlog/add", test_add);
	ADD("/conlog/rotate", test_rotate);
	ADD("/conlog/qemu", test_qemu);
	return g_test_run();
}
