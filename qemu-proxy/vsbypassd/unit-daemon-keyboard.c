// SPDX-License-Identifier: GPL-2.0
/* The whole daemon, and the keyboard and screen of a user VM. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib-unix.h>
#include <glib/gstdio.h>

#include "error.h"
#include "identity-store.h"
#include "keyboard.h"
#include "listen.h"
#include "proxy-cmd.h"
#include "unit-daemon-rig.h"
#include "unit-fake-module.h"

/*
 * These QEMUs run code, unlike proxies: firmware that reads the keyboard and writes what
 * it reads to COM1, in real mode from the end of the address space.
 */
static void write_reader(struct rig *rig)
{
	static const guint8 code[] = {
		0xe4, 0x64,		/* in al, 0x64 */
		0xa8, 0x01,		/* test al, 1 */
		0x74, 0xfa,		/* jz back to the in */
		0xe4, 0x60,		/* in al, 0x60 */
		0x88, 0xc4,		/* mov ah, al */
		0xba, 0xfd, 0x03,	/* mov dx, 0x3fd */
		0xec,			/* in al, dx */
		0xa8, 0x20,		/* test al, 0x20 */
		0x74, 0xfb,		/* jz back to the in */
		0x88, 0xe0,		/* mov al, ah */
		0xba, 0xf8, 0x03,	/* mov dx, 0x3f8 */
		0xee,			/* out dx, al */
		0xeb, 0xe6,		/* jmp to the beginning */
	};
	static const guint8 reset[] = { 0xe9, 0x0d, 0xff };	/* jmp 0xff00 */
	g_autofree guint8 *rom = g_malloc(PROXY_ROM_SIZE);

	memset(rom, PROXY_ROM_BYTE, PROXY_ROM_SIZE);
	memcpy(rom + 0xff00, code, sizeof(code));
	memcpy(rom + 0xfff0, reset, sizeof(reset));
	g_assert_true(g_file_set_contents(rig->rundir->rom, (char *)rom, PROXY_ROM_SIZE, NULL));
}

/* vm1 with keyboard is bound. Return: its console. */
static int attach_keyboard(struct rig *rig, const char *more)
{
	g_autofree char *console = g_build_filename(rig->rundir->console_dir, "vm1.sock", NULL);
	g_autofree char *vms = g_strdup_printf("{\"name\":\"vm1\",\"ports\":\"ps2\"%s}", more);
	int fd;

	attach(rig, vms);
	g_assert_no_error(rig->error);
	fake.bound = TRUE;
	fake.reading = TRUE;
	fake.uservm = (struct vsb_uservm){ .flags = VSB_USERVM_BOUND | VSB_USERVM_PROXY };
	fd = connect_unix(console);
	g_assert_cmpint(fd, >=, 0);
	return fd;
}

/* The scan codes that the firmware has written. It waits when nobody takes them. */
static gboolean on_codes(int fd, GIOCondition condition, gpointer got)
{
	guint8 buf[256];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n <= 0)
		return G_SOURCE_REMOVE;
	g_byte_array_append(got, buf, (guint)n);
	return G_SOURCE_CONTINUE;
}

static void expect_codes(GByteArray *got, const guint8 *codes, gsize len)
{
	while (got->len < len)
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpmem(got->data, got->len, codes, len);
	g_byte_array_set_size(got, 0);
}

#define SEND(keys) "\"uservm\":\"vm1\",\"keys\":\"" keys "\""
#define TEXT(text) "\"uservm\":\"vm1\",\"text\":\"" text "\""

/* Every key arrives, in order, though the queue holds only a few. */
static void test_keyboard(void)
{
	static const guint8 keys[] = {
		0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14,
		0x5a, 0xf0, 0x5a,
		/* alt-sysrq-h: alt is released and pressed in between */
		0x11, 0xf0, 0x11, 0x11, 0x84, 0x33, 0xf0, 0x33, 0xf0, 0x84, 0xf0, 0x11, 0x11,
		0xf0, 0x11,
	};
	static const guint8 text[] = {
		0x1c, 0xf0, 0x1c,			/* a */
		0x12, 0x1c, 0xf0, 0x1c, 0xf0, 0x12,	/* A */
		0x12, 0x4c, 0xf0, 0x4c, 0xf0, 0x12,	/* : */
		0x29, 0xf0, 0x29, 0x5a, 0xf0, 0x5a,	/* space, newline */
	};
	g_autoptr(GByteArray) got = g_byte_array_new();
	g_autofree char *many = g_strnfill(300, 'a');
	g_autofree char *arguments = g_strdup_printf("\"uservm\":\"vm1\",\"text\":\"%s\"", many);
	guint8 codes[906];
	struct rig rig, other;
	guint watch;
	int fd;

	setup(&rig);
	write_reader(&rig);
	fd = attach_keyboard(&rig, "");
	watch = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP, on_codes, got);
	run(&rig, "send-key", SEND("ctrl-alt-del ret alt-sysrq-h"));
	g_assert_no_error(rig.error);
	expect_codes(got, keys, sizeof(keys));
	run(&rig, "type", TEXT("aA: \\n"));
	g_assert_no_error(rig.error);
	expect_codes(got, text, sizeof(text));

	/* The second one waits for the first, and others are served meanwhile. */
	begin(&rig, "type", arguments);
	other = (struct rig){ .daemon = rig.daemon };
	begin(&other, "type", TEXT("A"));
	{
		struct rig third = { .daemon = rig.daemon };

		for (;;) {
			JsonObject *status = uservm_status(&third, 0);
			JsonObject *typing = json_object_get_object_member(status, "typing");

			g_assert_cmpint(json_object_get_int_member(typing, "of"), ==, 300);
			if (json_object_get_int_member(typing, "typed") > 0)
				break;
			g_main_context_iteration(NULL, TRUE);
		}
		forget_result(&third);
	}
	g_assert_false(rig.done);
	while (!other.done)
		g_main_context_iteration(NULL, TRUE);
	g_assert_true(rig.done);
	g_assert_no_error(rig.error);
	g_assert_no_error(other.error);
	for (guint i = 0; i < 900; i++)
		codes[i] = i % 3 == 1 ? 0xf0 : 0x1c;
	g_assert_false(json_object_has_member(uservm_status(&other, 0), "typing"));
	memcpy(codes + 900, text + 3, 6);
	expect_codes(got, codes, sizeof(codes));

	/* Another vsbypassd types on. */
	restart_daemon(&rig);
	wait_state(&rig, 0, "bound");
	run(&rig, "type", TEXT("a"));
	g_assert_no_error(rig.error);
	expect_codes(got, text, 3);
	g_source_remove(watch);
	close(fd);
	forget_result(&other);
	teardown(&rig);
}

static void expect_failure(struct rig *rig, const char *words)
{
	while (!rig->done)
		g_main_context_iteration(NULL, TRUE);
	g_assert_nonnull(rig->error);
	g_test_message("%s", rig->error->message);
	g_assert_nonnull(strstr(rig->error->message, words));
}

/* Nobody reads; and all else that keeps a key from being typed, or from being read. */
static void test_keyboard_refused(void)
{
	g_autofree char *line = NULL, *path = NULL;
	struct rig rig, aside, others[KEYBOARD_MAX_JOBS + 1];

	setup(&rig);
	rig.env.key_wait_ms = 100;
	daemon_free(rig.daemon);
	rig.daemon = daemon_new("/dev/null", rig.rundir->state, &rig.env);
	path = g_build_filename(rig.identity, "vm1", NULL);
	line = identity_create(rig.identity, "vm1", FALSE, NULL);
	attach(&rig, "{\"name\":\"vm1\"}");
	run(&rig, "send-key", SEND("a"));
	expect_failure(&rig, "has no keyboard here; attach it with 'ps2'");
	run(&rig, "send-key", "\"uservm\":\"vm2\",\"keys\":\"a\"");
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_NOT_FOUND);
	run(&rig, "detach", "\"cloud\":\"c\"");

	close(attach_keyboard(&rig, ",\"identity\":\"required\""));
	fake.bound = FALSE;
	run(&rig, "type", TEXT("a"));
	expect_failure(&rig, "is not bound");
	fake.bound = TRUE;
	run(&rig, "type", TEXT("a"));
	g_assert_error(rig.error, VSB_ERROR, VSB_ERROR_DENIED);
	fake.uservm.flags |= VSB_USERVM_PROVED;
	run(&rig, "type", TEXT("abc"));
	expect_failure(&rig, "does not read its keyboard; 0 of 3 characters typed, the next may yet");
	/* Then it waits in the queue: not even the next one goes in. */
	run(&rig, "send-key", SEND("a b"));
	expect_failure(&rig, "does not read its keyboard; 0 of 2 keys typed");
	g_assert_null(strstr(rig.error->message, "may yet"));
	g_unlink(path);
	g_rmdir(rig.identity);
	teardown(&rig);

	/* What changes in the middle ends it. */
	for (guint i = 0; i < 4; i++) {
		setup(&rig);
		close(attach_keyboard(&rig, ""));
		begin(&rig, "type", TEXT("abc"));
		for (guint n = 0; n < G_N_ELEMENTS(others) && !i; n++) {
			others[n] = (struct rig){ .daemon = rig.daemon };
			begin(&others[n], "send-key", SEND("a"));
		}
		for (guint n = 0; n < 20; n++)
			g_main_context_iteration(NULL, TRUE);
		g_assert_false(rig.done);
		aside = (struct rig){ .daemon = rig.daemon };
		if (i < 2)
			kill(proxy_pid_of(&aside, 0), SIGKILL);
		else if (i == 2)
			fake.bound = FALSE;
		else
			run(&aside, "unbind", "\"uservm\":\"vm1\"");
		forget_result(&aside);
		expect_failure(&rig, "0 of 3 characters typed");
		g_assert_cmpint(strstr(rig.error->message, "may yet") != NULL, ==, i == 2);
		for (guint n = 0; n < G_N_ELEMENTS(others) && !i; n++) {
			expect_failure(&others[n], n < KEYBOARD_MAX_JOBS ? "0 of 1 keys typed" :
				       "16 others wait to type");
			forget_result(&others[n]);
		}
		teardown(&rig);
	}
}

static void expect_greeting(struct rig *rig, const char *path)
{
	char got[12];
	gsize len = 0;
	int fd = -1;

	while (fd < 0) {
		g_main_context_iteration(NULL, FALSE);
		fd = connect_unix(path);
	}
	while (len < sizeof(got)) {
		ssize_t n = recv(fd, got + len, sizeof(got) - len, 0);

		len += n > 0 ? (gsize)n : 0;
		g_assert_cmpint(n, !=, 0);
	}
	g_assert_cmpmem(got, sizeof(got), "RFB 003.008\n", 12);
	close(fd);
}

/* A VNC server for a user VM that has a keyboard, as its console: rights, and life. */
static void test_vnc(void)
{
	g_autofree char *path = NULL, *none = NULL;
	struct rig rig;
	struct stat st;
	pid_t pid;

	setup(&rig);
	path = g_build_filename(rig.rundir->console_dir, "vm1.vnc", NULL);
	none = g_build_filename(rig.rundir->console_dir, "vm2.vnc", NULL);
	attach(&rig, "{\"name\":\"vm1\",\"ports\":\"ps2\"},{\"name\":\"vm2\"}");
	g_assert_no_error(rig.error);
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 0777, ==, 0660);
	g_assert_cmpuint(st.st_gid, ==, getgid());
	g_assert_cmpint(stat(none, &st), ==, -1);
	expect_greeting(&rig, path);
	restart_daemon(&rig);
	wait_state(&rig, 0, "waiting");
	expect_greeting(&rig, path);
	pid = proxy_pid_of(&rig, 0);
	kill(pid, SIGKILL);
	while (!stat(path, &st))
		g_main_context_iteration(NULL, TRUE);
	wait_state(&rig, 0, "waiting");
	expect_greeting(&rig, path);
	/* One that ended while no vsbypassd was there leaves its socket; it is replaced. */
	pid = proxy_pid_of(&rig, 0);
	daemon_free(rig.daemon);
	kill(pid, SIGKILL);
	while (!kill(pid, 0))
		g_main_context_iteration(NULL, FALSE);
	rig.daemon = daemon_new("/dev/null", rig.rundir->state, &rig.env);
	fake.taken = 1;
	daemon_restore(rig.daemon);
	wait_state(&rig, 0, "waiting");
	expect_greeting(&rig, path);
	run(&rig, "remove", "\"uservm\":\"vm1\"");
	g_assert_no_error(rig.error);
	g_assert_cmpint(stat(path, &st), ==, -1);
	teardown(&rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/daemon/keyboard", test_keyboard);
	g_test_add_func("/daemon/keyboard-refused", test_keyboard_refused);
	g_test_add_func("/daemon/vnc", test_vnc);
	return run_tests();
}
