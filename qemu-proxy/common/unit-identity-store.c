// SPDX-License-Identifier: GPL-2.0
/* The folder of keys: made, read, and not trusted. */
#include "identity-store.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "error.h"

static char *top, *dir;

static void setup(void)
{
	top = g_dir_make_tmp("unit-identity-XXXXXX", NULL);
	dir = g_build_filename(top, "a", "identity", NULL);
}

static void teardown(void)
{
	g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
	g_autofree char *parent = g_path_get_dirname(dir);
	const char *name;

	while (files && (name = g_dir_read_name(files))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);

		g_unlink(path);
	}
	g_rmdir(dir);
	g_rmdir(parent);
	g_assert_cmpint(g_rmdir(top), ==, 0);
	g_free(dir);
	g_free(top);
}

static void bad_load(const char *name, gboolean required, const char *words)
{
	g_autoptr(GError) error = NULL;
	struct identity identity;

	g_assert_false(identity_load(dir, name, required, &identity, &error));
	g_test_message("%s", error->message);
	g_assert_nonnull(strstr(error->message, words));
	g_assert_false(identity.has_key);
}

static void bad_create(const char *name, const char *words)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(identity_create(dir, name, FALSE, &error));
	g_test_message("%s", error->message);
	g_assert_nonnull(strstr(error->message, words));
}

static void test_create(void)
{
	g_autofree char *path = NULL, *line = NULL, *other = NULL, *third = NULL;
	g_autofree char *stored = NULL, *parent = NULL;
	g_autoptr(GError) error = NULL;
	struct identity identity;
	struct stat st;
	mode_t mask;

	setup();
	path = g_build_filename(dir, "vm1", NULL);
	parent = g_path_get_dirname(dir);
	/* Nothing there: fine, unless it is required. */
	g_assert_true(identity_load(dir, "vm1", FALSE, &identity, &error));
	g_assert_false(identity.has_key);
	bad_load("vm1", TRUE, "vsbctl key");

	mask = umask(0);
	line = identity_create(dir, "vm1", FALSE, &error);
	umask(mask);
	g_assert_no_error(error);
	g_assert_cmpint(stat(dir, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0700);
	g_assert_cmpint(stat(parent, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0755);
	g_assert_true(g_str_has_prefix(line, "vsbypass-key-1 vm1 "));
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
	g_assert_true(g_file_get_contents(path, &stored, NULL, NULL));
	g_assert_cmpstr(line, ==, stored);
	g_assert_true(identity_load(dir, "vm1", TRUE, &identity, &error));
	g_assert_true(identity.has_key && identity.required);
	g_assert_true(identity_load(dir, "vm1", FALSE, &identity, &error));
	g_assert_true(identity.has_key && !identity.required);

	/* Never the same, and never by mistake. */
	bad_create("vm1", "--replace");
	g_clear_pointer(&stored, g_free);
	g_assert_true(g_file_get_contents(path, &stored, NULL, NULL));
	g_assert_cmpstr(line, ==, stored);
	other = identity_create(dir, "vm1", TRUE, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(line, !=, other);
	third = identity_create(dir, "vm2", TRUE, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(strrchr(third, ' '), !=, strrchr(other, ' '));
	bad_create("../vm1", "malformed");
	bad_create("", "malformed");
	teardown();
}

static void test_distrust(void)
{
	g_autofree char *path = NULL, *line = NULL, *link = NULL;
	struct identity identity;

	setup();
	path = g_build_filename(dir, "vm1", NULL);
	link = g_build_filename(dir, "link", NULL);
	line = identity_create(dir, "vm1", FALSE, NULL);
	g_assert_cmpint(chmod(path, 0640), ==, 0);
	bad_load("vm1", FALSE, "chmod 600");
	g_assert_cmpint(chmod(path, 0600), ==, 0);
	g_assert_cmpint(symlink("vm1", link), ==, 0);
	bad_load("link", FALSE, "symbolic link");
	g_unlink(link);
	g_assert_cmpint(chmod(dir, 0720), ==, 0);
	bad_load("vm1", FALSE, "chmod go-w");
	bad_create("vm2", "chmod go-w");
	g_assert_cmpint(chmod(dir, 0700), ==, 0);
	g_assert_true(g_file_set_contents(path, "x", 1, NULL));
	g_assert_cmpint(chmod(path, 0600), ==, 0);
	bad_load("vm1", FALSE, "vsbctl key");
	/* A key under another name than its own. */
	g_assert_true(g_file_set_contents(path, line, -1, NULL));
	g_assert_cmpint(g_rename(path, link), ==, 0);
	g_assert_cmpint(chmod(link, 0600), ==, 0);
	bad_load("link", FALSE, "another name");
	g_assert_true(identity_load(dir, "vm1", FALSE, &identity, NULL));
	g_assert_false(identity.has_key);
	if (geteuid() == 0) {
		g_assert_cmpint(chown(dir, 12345, 0), ==, 0);
		bad_load("vm1", FALSE, "chown");
	}
	teardown();
}

static void test_mode(void)
{
	static const char * const bad[] = { "", "Required", "required ", "none", "first_seen" };
	gboolean required;

	g_assert_true(identity_mode_parse("required", &required, NULL));
	g_assert_true(required);
	g_assert_true(identity_mode_parse("first-seen", &required, NULL));
	g_assert_false(required);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(identity_mode_parse(bad[i], &required, NULL));
	g_assert_cmpstr(identity_mode_text(TRUE), ==, "required");
	g_assert_cmpstr(identity_mode_text(FALSE), ==, "first-seen");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/identity-store/create", test_create);
	g_test_add_func("/identity-store/distrust", test_distrust);
	g_test_add_func("/identity-store/mode", test_mode);
	return g_test_run();
}
