// SPDX-License-Identifier: GPL-2.0
/* Keys as text and in files. */
#include "key-file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>

#define HEX	"000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1f"
#define GOOD	"vsbypass-key-1 vm1 " HEX "\n"

static void test_good(void)
{
	static const char * const names[] = {
		"v", "0", "A.b-c_9", "vm..", "abcdefghijklmnopqrstuvwxyz01234",
	};
	char text[KEY_TEXT_SIZE];
	struct key key, again;

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *line = g_strdup_printf("vsbypass-key-1 %s " HEX "\n", names[i]);

		g_assert_null(key_parse(line, strlen(line), &key));
		g_assert_cmpstr(key.name, ==, names[i]);
		for (int b = 0; b < KEY_BYTES; b++)
			g_assert_cmpint(key.bytes[b], ==, b);
		/* Without newline, and round. */
		g_assert_null(key_parse(line, strlen(line) - 1, &again));
		g_assert_cmpmem(&key, sizeof(key), &again, sizeof(again));
		key_format(&key, text);
		g_assert_cmpint(g_ascii_strcasecmp(text, line), ==, 0);
	}
}

static void test_bad(void)
{
	static const char * const bad[] = {
		"", "\n", "vsbypass-key-1", "vsbypass-key-1 ", "vsbypass-key-1 vm1", "vsbypass-key-1 vm1 ",
		"vsbypass-key-2 vm1 " HEX, " vsbypass-key-1 vm1 " HEX, "vsbypass-key-1  vm1 " HEX,
		"vsbypass-key-1 vm1  " HEX, "vsbypass-key-1 vm1 " HEX " ", "vsbypass-key-1 vm1 " HEX "\n\n",
		"vsbypass-key-1 vm1 " HEX "0", "vsbypass-key-1 vm1 0" HEX, "vsbypass-key-1 " HEX,
		"vsbypass-key-1 vm1 " HEX "\r\n", "vsbypass-key-1 .vm1 " HEX, "vsbypass-key-1 v/m " HEX,
		"vsbypass-key-1 vm\xc3\xa4 " HEX, "vsbypass-key-1 abcdefghijklmnopqrstuvwxyz012345 " HEX,
		"vsbypass-key-1 vm1 0000000000000000000000000000000000000000000000000000000000000000",
	};
	struct key key;

	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		if (!key_parse(bad[i], strlen(bad[i]), &key))
			g_error("taken: '%s'", bad[i]);
		for (gsize b = 0; b < sizeof(key.bytes); b++)
			g_assert_cmpint(key.bytes[b], ==, 0);
	}
	g_assert_null(key_parse(GOOD, strlen(GOOD), &key));
}

/* Each place of the text with each byte: nothing but digits and the name may vary. */
static void test_every_byte(void)
{
	char text[] = GOOD;
	struct key key;

	for (gsize i = 0; i < strlen(GOOD); i++) {
		for (int byte = 0; byte < 256; byte++) {
			gboolean digit = i >= 19 && i < 19 + 64 && byte && g_ascii_isxdigit(byte);
			gboolean name = i >= 15 && i < 18 && byte &&
					(g_ascii_isalnum(byte) || (i > 15 && strchr("._-", byte)));

			text[i] = (char)byte;
			if (byte == GOOD[i] || digit || name)
				g_assert_null(key_parse(text, strlen(GOOD), &key));
			else
				g_assert_nonnull(key_parse(text, strlen(GOOD), &key));
		}
		text[i] = GOOD[i];
	}
}

static const char *read_mode(const char *path, const char *text, int mode)
{
	struct key key;

	g_unlink(path);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	g_assert_cmpint(chmod(path, mode), ==, 0);
	return key_file_read(AT_FDCWD, path, &key);
}

static void test_file(void)
{
	g_autofree char *dir = g_dir_make_tmp("unit-key-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "vm1", NULL);
	g_autofree char *link = g_build_filename(dir, "link", NULL);
	g_autofree char *fifo = g_build_filename(dir, "fifo", NULL);
	g_autofree char *longer = g_strnfill(5000, 'x');
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	struct key key;

	g_assert_null(read_mode(path, GOOD, 0600));
	g_assert_null(read_mode(path, GOOD, 0400));
	for (int bit = 1; bit < 0100; bit <<= 1)
		g_assert_nonnull(strstr(read_mode(path, GOOD, 0600 | bit), "chmod 600"));
	g_assert_nonnull(strstr(read_mode(path, longer, 0600), "too long"));
	g_assert_nonnull(strstr(read_mode(path, "", 0600), "vsbctl key"));
	g_assert_null(read_mode(path, GOOD, 0600));
	g_assert_cmpint(symlink("vm1", link), ==, 0);
	g_assert_null(key_file_read(AT_FDCWD, link, &key));
	g_assert_null(key_file_read(dirfd, "vm1", &key));
	g_assert_cmpstr(key.name, ==, "vm1");
	g_assert_nonnull(strstr(key_file_read(dirfd, "link", &key), "symbolic link"));
	g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
	g_assert_nonnull(strstr(key_file_read(AT_FDCWD, fifo, &key), "regular"));
	g_assert_nonnull(strstr(key_file_read(AT_FDCWD, dir, &key), "regular"));
	g_assert_nonnull(strstr(key_file_read(dirfd, "nosuch", &key), "No such file"));
	if (geteuid() == 0) {
		g_assert_cmpint(chown(path, 12345, 0), ==, 0);
		g_assert_nonnull(strstr(key_file_read(AT_FDCWD, path, &key), "chown"));
	}
	close(dirfd);
	g_unlink(fifo);
	g_unlink(link);
	g_unlink(path);
	g_rmdir(dir);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/key-text/good", test_good);
	g_test_add_func("/key-text/bad", test_bad);
	g_test_add_func("/key-text/every-byte", test_every_byte);
	g_test_add_func("/key-text/file", test_file);
	return g_test_run();
}
