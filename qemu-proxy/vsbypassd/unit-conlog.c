// SPDX-License-Identifier: GPL-2.0
/*
 * Console logs: who has one, what is refused; that nothing is lost, however often it is
 * rotated and whoever ends meanwhile. This program is its own writer (see main()).
 */
#include "conlog.h"
#include "conlog-file.h"
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <glib/gstdio.h>

#define STARTER		"--start-qemu"
#define QEMU_LOG_FD	5
#define ROTATIONS	1000
#define PIECE		8192	/* bytes of a file of those */
#define KEEP		(ROTATIONS + 100)

struct fixture {
	char *dir;
	char *log;
};

static void setup(struct fixture *f, gconstpointer data)
{
	f->dir = g_dir_make_tmp("vsb-conlog-XXXXXX", NULL);
	f->log = g_build_filename(f->dir, "vm1.log", NULL);
}

static void teardown(struct fixture *f, gconstpointer data)
{
	g_autoptr(GDir) dir = g_dir_open(f->dir, 0, NULL);
	const char *file;

	while ((file = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(f->dir, file, NULL);

		g_unlink(path);
	}
	g_assert_cmpint(g_rmdir(f->dir), ==, 0);
	g_free(f->log);
	g_free(f->dir);
}

static void write_log(struct fixture *f, const char *text, mode_t mode)
{
	g_assert_true(g_file_set_contents(f->log, text, -1, NULL));
	g_assert_cmpint(g_chmod(f->log, mode), ==, 0);
}

/* Return: (transfer full): NAME.log, or NAME.log.@i; NULL: there is none. */
static char *read_log(struct fixture *f, guint i, gsize *len)
{
	g_autofree char *path = i ? g_strdup_printf("%s.%u", f->log, i) : g_strdup(f->log);
	char *text = NULL;

	g_file_get_contents(path, &text, len, NULL);
	return text;
}

static void assert_log(struct fixture *f, guint i, const char *wanted)
{
	g_autofree char *text = read_log(f, i, NULL);

	g_assert_cmpstr(text, ==, wanted);
}

/* Return: all that the log and those before it have, in order. */
static GString *read_all(struct fixture *f, guint keep)
{
	GString *all = g_string_new(NULL);

	for (guint i = keep + 1; i-- > 0; ) {
		gsize len = 0;
		g_autofree char *text = read_log(f, i, &len);

		g_string_append_len(all, text ? text : "", (gssize)len);
	}
	return all;
}

static void test_who(struct fixture *f, gconstpointer data)
{
	static const mode_t bad[] = { 0644, 0640, 0620, 0604 };
	int fd;

	/* Off unless the file is there; a folder that is not there is one without logs. */
	g_assert_cmpint(conlog_start(f->dir, "vm1", 10, 1), ==, -1);
	g_assert_cmpint(conlog_start("/nonexistent/logs", "vm1", 10, 1), ==, -1);
	write_log(f, "", 0600);
	fd = conlog_start(f->dir, "vm1", 10, 1);
	g_assert_cmpint(fd, >=, 0);
	close(fd);
	g_assert_cmpint(conlog_start(f->dir, "vm2", 10, 1), ==, -1);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_chmod(f->log, bad[i]);
		g_test_expect_message(NULL, G_LOG_LEVEL_WARNING,
				      "*/vm1.log is not kept: others can*chmod*");
		g_assert_cmpint(conlog_start(f->dir, "vm1", 10, 1), ==, -1);
		g_test_assert_expected_messages();
	}
	g_unlink(f->log);
	g_assert_cmpint(symlink("/etc/passwd", f->log), ==, 0);
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*vm1.log is not kept: *");
	g_assert_cmpint(conlog_start(f->dir, "vm1", 10, 1), ==, -1);
	g_test_assert_expected_messages();
}

static void test_add(struct fixture *f, gconstpointer data)
{
	char **argv = g_strsplit("-chardev socket,id=console,fd=3 socket,id=qmp", " ", -1);
	g_autofree char *text = NULL;

	argv = conlog_add(argv, "socket,id=console,", 5);
	text = g_strjoinv(" ", argv);
	g_strfreev(argv);
	g_assert_cmpstr(text, ==, "-chardev socket,id=console,fd=3,logfile=/dev/fdset/5,logappend=on "
			"socket,id=qmp -add-fd fd=5,set=5");
}

static void test_rotate(struct fixture *f, gconstpointer data)
{
	struct conlog_file log;
	struct stat st;

	write_log(f, "0123456", 0600);
	g_assert_true(conlog_file_open(&log, f->dir, "vm1", 10, 2));
	conlog_file_put(&log, "789", 3);
	assert_log(f, 0, "0123456789");
	assert_log(f, 1, NULL);
	/* The older ones are complete to the byte, the oldest goes. */
	conlog_file_put(&log, "abcdefghijklmno", 15);
	assert_log(f, 0, "klmno");
	assert_log(f, 1, "abcdefghij");
	assert_log(f, 2, "0123456789");
	conlog_file_put(&log, "pqrstu", 6);
	assert_log(f, 0, "u");
	assert_log(f, 1, "klmnopqrst");
	assert_log(f, 2, "abcdefghij");
	assert_log(f, 3, NULL);
	g_assert_cmpint(stat(f->log, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
	conlog_file_close(&log);
}

/* Other tools rotate by name, too: it goes on in the new file when that is there. */
static void test_moved(struct fixture *f, gconstpointer data)
{
	g_autofree char *moved = g_strconcat(f->log, ".1", NULL);
	struct conlog_file log;

	write_log(f, "", 0600);
	g_assert_true(conlog_file_open(&log, f->dir, "vm1", 1000, 1));
	conlog_file_put(&log, "abc", 3);
	g_assert_cmpint(g_rename(f->log, moved), ==, 0);
	conlog_file_put(&log, "def", 3);
	write_log(f, "", 0600);
	conlog_file_put(&log, "ghi", 3);
	assert_log(f, 1, "abcdef");
	assert_log(f, 0, "ghi");
	/* Deleted: off. */
	g_unlink(f->log);
	conlog_file_put(&log, "jkl", 3);
	assert_log(f, 0, NULL);
	conlog_file_close(&log);
}

/* Two QEMUs of a user VM, one that ends and one that begins. */
static void test_two_writers(struct fixture *f, gconstpointer data)
{
	struct conlog_file one, two;

	write_log(f, "", 0600);
	g_assert_true(conlog_file_open(&one, f->dir, "vm1", 4, 9));
	g_assert_true(conlog_file_open(&two, f->dir, "vm1", 4, 9));
	for (guint i = 0; i < 6; i++)
		conlog_file_put(i % 2 ? &two : &one, i % 2 ? "abc" : "ABC", 3);
	g_autoptr(GString) all = read_all(f, 9);

	g_assert_cmpstr(all->str, ==, "ABCabcABCabcABCabc");
	conlog_file_close(&one);
	conlog_file_close(&two);
}

/* A disk that is full costs what does not fit, and is told once. */
static void test_full(struct fixture *f, gconstpointer data)
{
	struct conlog_file log;
	int full = open("/dev/full", O_WRONLY);

	write_log(f, "", 0600);
	g_assert_true(conlog_file_open(&log, f->dir, "vm1", 1000, 1));
	int real = log.fd;

	log.fd = full;
	g_unlink(f->log);	/* so that /dev/full is not left for it */
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*vm1.log: *not kept until*");
	conlog_file_put(&log, "abc", 3);
	conlog_file_put(&log, "def", 3);
	g_test_assert_expected_messages();
	log.fd = real;
	g_test_expect_message(NULL, G_LOG_LEVEL_WARNING, "*vm1.log: *6 bytes are missing");
	conlog_file_put(&log, "ghi", 3);
	g_test_assert_expected_messages();
	close(full);
	conlog_file_close(&log);
}

/*
 * "vsbypassd": starts writer and QEMU and is killed. QEMU's chardev is a monitor: what it
 * sends there is as much as is asked for, and of known content.
 */
static int starter(const char *dir)
{
	g_autofree char *chardev = g_strdup_printf("socket,id=console,path=%s/qmp,server=on,wait=off",
						   dir);
	g_autofree char *path = NULL;
	char **argv = g_new0(char *, 16);
	const char *words[] = { "qemu-system-x86_64", "-S", "-nodefaults", "-display", "none",
				"-machine", "microvm,accel=tcg", "-chardev", chardev, "-mon",
				"chardev=console,mode=control" };
	int fd = conlog_start(dir, "vm1", PIECE, KEEP);

	if (fd < 0)
		return 1;
	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		argv[i] = g_strdup(words[i]);
	argv = conlog_add(argv, "socket,id=console,", QEMU_LOG_FD);
	if (fork() == 0) {
		if (fd != QEMU_LOG_FD)
			dup2(fd, QEMU_LOG_FD);
		else
			fcntl(fd, F_SETFD, 0);
		execvp(argv[0], argv);
		_exit(127);
	}
	/* The log is opened with the chardev, before its socket is made. */
	path = g_build_filename(dir, "qmp", NULL);
	while (!g_file_test(path, G_FILE_TEST_EXISTS))
		g_usleep(1000);
	conlog_opened(&fd);
	pause();
	return 0;
}

static int connect_waiting(const char *path)
{
	int fd;

	while ((fd = connect_unix(path)) < 0)
		g_usleep(1000);
	g_assert_cmpint(fcntl(fd, F_SETFL, 0), ==, 0);
	return fd;
}

/* Adds what comes until @lines more lines are complete, or the end. */
static void receive(int fd, GString *all, guint lines)
{
	char buf[65536];

	while (lines) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n <= 0) {
			g_assert_cmpuint(lines, >, G_MAXUINT / 2);
			return;
		}
		g_string_append_len(all, buf, n);
		for (ssize_t i = 0; i < n; i++)
			lines -= buf[i] == '\n';
	}
}

static void ask(int fd, const char *command)
{
	g_autofree char *line = g_strdup_printf("{\"execute\": \"%s\"}\n", command);

	g_assert_cmpint(write(fd, line, strlen(line)), ==, (gssize)strlen(line));
}

/* All bytes are there, in order, once, over 1000 rotations and the end of vsbypassd. */
static void test_lossless(struct fixture *f, gconstpointer data)
{
	const char *argv[] = { "/proc/self/exe", STARTER, f->dir, NULL };
	g_autofree char *qmp = g_build_filename(f->dir, "qmp", NULL);
	g_autoptr(GString) sent = g_string_new(NULL);
	g_autoptr(GString) kept = NULL;
	g_autoptr(GError) error = NULL;
	guint files = 0;
	GPid starter_pid;
	int fd, status;

	/* The QEMU comes to us when its parent has ended. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	write_log(f, "", 0600);
	g_assert_true(g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
				    &starter_pid, &error));
	g_assert_no_error(error);
	fd = connect_waiting(qmp);
	receive(fd, sent, 1);
	ask(fd, "qmp_capabilities");
	receive(fd, sent, 1);
	while (sent->len < (gsize)PIECE * (ROTATIONS + 2)) {
		ask(fd, "query-qmp-schema");
		receive(fd, sent, 1);
		if (starter_pid && sent->len > (gsize)PIECE * ROTATIONS / 2) {
			kill(starter_pid, SIGKILL);
			g_assert_cmpint(waitpid(starter_pid, &status, 0), ==, starter_pid);
			starter_pid = 0;
		}
	}
	g_assert_cmpint(starter_pid, ==, 0);
	ask(fd, "quit");
	receive(fd, sent, G_MAXUINT);
	/* QEMU, and the writer behind it with all written. */
	while (wait(&status) > 0 || errno == EINTR)
		;
	kept = read_all(f, KEEP);
	g_assert_cmpuint(kept->len, ==, sent->len);
	g_assert_cmpint(memcmp(kept->str, sent->str, sent->len), ==, 0);
	for (guint i = 1; i <= KEEP; i++) {
		g_autofree char *path = g_strdup_printf("%s.%u", f->log, i);

		files += g_file_test(path, G_FILE_TEST_EXISTS);
	}
	g_assert_cmpuint(files, >=, ROTATIONS);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], CONLOG_OPTION))
		return conlog_main(argc, argv);
	if (argc > 2 && !strcmp(argv[1], STARTER))
		return starter(argv[2]);
	g_test_init(&argc, &argv, NULL);
#define ADD(path, func) g_test_add(path, struct fixture, NULL, setup, func, teardown)
	ADD("/conlog/who", test_who);
	ADD("/conlog/add", test_add);
	ADD("/conlog/rotate", test_rotate);
	ADD("/conlog/moved", test_moved);
	ADD("/conlog/two-writers", test_two_writers);
	ADD("/conlog/full", test_full);
	ADD("/conlog/lossless", test_lossless);
	return g_test_run();
}
