// SPDX-License-Identifier: GPL-2.0
/* Tests of key files and of the host key: what is listed, what is refused. */
#include "console-hostkey.h"
#include "console-keys.h"

#include <dlfcn.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static guint parsed;

/* In place of libssh's, to count how often it is called. */
int ssh_pki_import_pubkey_base64(const char *text, enum ssh_keytypes_e type, ssh_key *key)
{
	int (*real)(const char *text, enum ssh_keytypes_e type, ssh_key *key) =
		dlsym(RTLD_NEXT, "ssh_pki_import_pubkey_base64");

	parsed++;
	return real(text, type, key);
}

struct fixture {
	char *dir;
	char *path;	/* key file of vm1 */
	ssh_key key;
	char *text;	/* in base64 */
	char *line;	/* that lists it */
};

static char *line_of(ssh_key key)
{
	char *blob = NULL, *line;

	g_assert_cmpint(ssh_pki_export_pubkey_base64(key, &blob), ==, SSH_OK);
	line = g_strdup_printf("%s %s who@where\n", ssh_key_type_to_char(ssh_key_type(key)), blob);
	ssh_string_free_char(blob);
	return line;
}

static ssh_key new_key(void)
{
	ssh_key key = NULL;

	g_assert_cmpint(ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key), ==, SSH_OK);
	return key;
}

static void setup(struct fixture *f, gconstpointer data)
{
	f->dir = g_dir_make_tmp("unit-console-keys-XXXXXX", NULL);
	g_assert_nonnull(f->dir);
	f->path = g_build_filename(f->dir, "vm1", NULL);
	f->key = new_key();
	f->line = line_of(f->key);
	g_assert_cmpint(ssh_pki_export_pubkey_base64(f->key, &f->text), ==, SSH_OK);
}

static void teardown(struct fixture *f, gconstpointer data)
{
	g_autoptr(GDir) dir = NULL;
	const char *file;

	g_chmod(f->dir, 0700);
	dir = g_dir_open(f->dir, 0, NULL);
	while ((file = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(f->dir, file, NULL);

		g_remove(path);
	}
	g_remove(f->dir);
	ssh_key_free(f->key);
	g_free(f->line);
	ssh_string_free_char(f->text);
	g_free(f->path);
	g_free(f->dir);
}

static void write_keys(struct fixture *f, const char *text, gssize len)
{
	g_assert_true(g_file_set_contents(f->path, text, len, NULL));
	g_assert_cmpint(g_chmod(f->path, 0644), ==, 0);
}

static void allowed(struct fixture *f)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(vsb_keys_allow(f->dir, "vm1", f->text, &error));
	g_assert_no_error(error);
}

/* @words: must be in the message, so that a person can act on it. */
static void refused(struct fixture *f, const char *name, enum vsb_keys_error code,
		    const char *words)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(vsb_keys_allow(f->dir, name, f->text, &error));
	g_assert_error(error, VSB_KEYS_ERROR, (int)code);
	if (!strstr(error->message, words))
		g_error("message is '%s', expected '%s' in it", error->message, words);
}

static void test_listed(struct fixture *f, gconstpointer data)
{
	g_autofree char *crlf = g_strdup_printf("%.*s\r\n", (int)strlen(f->line) - 1, f->line);
	g_autofree char *many = NULL;
	ssh_key other = new_key();
	g_autofree char *other_line = line_of(other);

	write_keys(f, f->line, -1);
	allowed(f);
	write_keys(f, f->line, strlen(f->line) - 1);	/* no newline at the end */
	allowed(f);
	write_keys(f, crlf, -1);
	allowed(f);
	many = g_strconcat("# comment\n\n  \t\nssh-ed25519\nssh-ed25519 AAAA\n",
			   "nonsense\n", other_line, "   ", f->line, NULL);
	write_keys(f, many, -1);
	allowed(f);
	write_keys(f, other_line, -1);
	refused(f, "vm1", VSB_KEYS_NOT_LISTED, "wrong key");
	write_keys(f, "", 0);
	refused(f, "vm1", VSB_KEYS_NOT_LISTED, "wrong key");
	ssh_key_free(other);
}

/* A stranger learns nothing from the time that the answer takes. */
static void test_work(struct fixture *f, gconstpointer data)
{
	g_autoptr(GString) text = g_string_new(NULL);
	ssh_key other = new_key();
	g_autofree char *other_line = line_of(other);

	refused(f, "vm1", VSB_KEYS_NO_VM, "unknown user VM");
	for (guint i = 0; i < 100; i++)
		g_string_append(text, other_line);
	write_keys(f, text->str, -1);
	refused(f, "vm1", VSB_KEYS_NOT_LISTED, "wrong key");
	g_string_prepend(text, f->line);
	write_keys(f, text->str, -1);
	allowed(f);
	g_assert_cmpuint(parsed, ==, 0);
	ssh_key_free(other);

	for (gint64 us = 0; us <= VSB_KEYS_ANSWER_US; us += 100)
		g_assert_cmpint(us + vsb_keys_wait_us(us), ==, VSB_KEYS_ANSWER_US);
	g_assert_cmpint(vsb_keys_wait_us(VSB_KEYS_ANSWER_US + 1), ==, VSB_KEYS_ANSWER_US - 1);
}

/* A second folder, of keys that came with an attach, only adds. */
static void test_either(struct fixture *f, gconstpointer data)
{
	g_autofree char *dir = g_dir_make_tmp("vsb-keys-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "vm1", NULL);
	g_autoptr(GError) error = NULL;
	ssh_key other = new_key();
	g_autofree char *other_line = line_of(other);

	/* neither has a file; the second folder need not even exist */
	g_assert_false(vsb_keys_allow_either(f->dir, "/nonexistent", "vm1", f->text, &error));
	g_assert_error(error, VSB_KEYS_ERROR, VSB_KEYS_NO_VM);
	g_clear_error(&error);
	g_assert_true(g_file_set_contents(path, other_line, -1, NULL));
	g_assert_cmpint(g_chmod(path, 0644), ==, 0);
	g_assert_false(vsb_keys_allow_either(f->dir, dir, "vm1", f->text, &error));
	g_assert_error(error, VSB_KEYS_ERROR, VSB_KEYS_NOT_LISTED);
	g_clear_error(&error);
	write_keys(f, other_line, -1);
	g_assert_true(g_file_set_contents(path, f->line, -1, NULL));
	g_assert_cmpint(g_chmod(path, 0644), ==, 0);
	g_assert_true(vsb_keys_allow_either(f->dir, dir, "vm1", f->text, &error));
	/* One that others can write is none. */
	g_assert_cmpint(g_chmod(path, 0666), ==, 0);
	g_assert_false(vsb_keys_allow_either(f->dir, dir, "vm1", f->text, &error));
	g_remove(path);
	g_remove(dir);
	ssh_key_free(other);
}

/* Options would restrict the key; a server that ignored them would allow more. */
static void test_options(struct fixture *f, gconstpointer data)
{
	g_autofree char *text = g_strconcat("no-pty,command=\"x y\" ", f->line, NULL);

	write_keys(f, text, -1);
	refused(f, "vm1", VSB_KEYS_NOT_LISTED, "wrong key");
}

static void test_garbage(struct fixture *f, gconstpointer data)
{
	g_autofree char *blob = g_malloc(VSB_KEYS_MAX_BYTES + 1);
	g_autofree char *with_nul = g_strconcat(f->line, "x", NULL);

	for (guint round = 0; round < 50; round++) {
		gsize len = g_test_rand_int_range(0, 2000);

		for (gsize i = 0; i < len; i++)
			blob[i] = g_test_rand_int_range(1, 256);
		write_keys(f, blob, len);
		refused(f, "vm1", VSB_KEYS_NOT_LISTED, "wrong key");
	}
	memset(blob, '#', VSB_KEYS_MAX_BYTES + 1);
	write_keys(f, blob, VSB_KEYS_MAX_BYTES + 1);
	refused(f, "vm1", VSB_KEYS_REFUSED, "larger than 64 KiB");
	with_nul[strlen(f->line)] = '\0';
	write_keys(f, with_nul, strlen(f->line) + 1);
	refused(f, "vm1", VSB_KEYS_REFUSED, "NUL");
}

static void test_permissions(struct fixture *f, gconstpointer data)
{
	static const mode_t bad[] = { 0664, 0646, 0666, 0777 };

	write_keys(f, f->line, -1);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_chmod(f->path, bad[i]);
		refused(f, "vm1", VSB_KEYS_REFUSED, "chmod go-w");
	}
	g_chmod(f->path, 0600);
	allowed(f);
	g_chmod(f->dir, 0777);
	refused(f, "vm1", VSB_KEYS_REFUSED, "chmod go-w");
	g_chmod(f->dir, 0755);
	allowed(f);
	if (geteuid() != 0) {
		g_test_message("owner not tested: only root can give a file away");
		return;
	}
	g_assert_cmpint(chown(f->path, 12345, 0), ==, 0);
	refused(f, "vm1", VSB_KEYS_REFUSED, "owner");
	g_assert_cmpint(chown(f->path, 0, 0), ==, 0);
	g_assert_cmpint(chown(f->dir, 12345, 0), ==, 0);
	refused(f, "vm1", VSB_KEYS_REFUSED, "owner");
}

static void test_not_regular(struct fixture *f, gconstpointer data)
{
	g_autofree char *target = g_build_filename(f->dir, "target", NULL);

	g_assert_true(g_file_set_contents(target, f->line, -1, NULL));
	g_assert_cmpint(symlink(target, f->path), ==, 0);
	refused(f, "vm1", VSB_KEYS_REFUSED, "symbolic link");
	g_remove(f->path);
	g_assert_cmpint(mkfifo(f->path, 0600), ==, 0);
	refused(f, "vm1", VSB_KEYS_REFUSED, "no regular file");
	g_remove(f->path);
	g_assert_cmpint(g_mkdir(f->path, 0700), ==, 0);
	refused(f, "vm1", VSB_KEYS_REFUSED, "no regular file");
}

static void test_names(struct fixture *f, gconstpointer data)
{
	static const char * const bad[] = {
		"", ".", "..", "../vm1", "/etc/passwd", "vm1/", "a/b", "-vm1", ".vm1", "vm 1",
		"vm1\n", "v\xc3\xa4", "vm1%s", "0123456789012345678901234567890x",
	};

	write_keys(f, f->line, -1);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
		refused(f, bad[i], VSB_KEYS_NO_VM, "malformed");
	refused(f, "vm2", VSB_KEYS_NO_VM, "unknown user VM");
	g_free(f->dir);
	f->dir = g_strdup("/nonexistent/keys");
	refused(f, "vm1", VSB_KEYS_REFUSED, "/nonexistent/keys");
	g_free(f->dir);
	f->dir = g_path_get_dirname(f->path);
}

static void host_key_refused(const char *path, const char *words)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(vsb_hostkey_load(path, &error));
	g_assert_nonnull(error);
	if (!strstr(error->message, words))
		g_error("message is '%s', expected '%s' in it", error->message, words);
}

static void test_host_key(struct fixture *f, gconstpointer data)
{
	g_autofree char *path = g_build_filename(f->dir, "host", NULL);
	g_autofree char *away = g_build_filename(f->dir, "a", "b", "host", NULL);
	g_autofree char *link_path = g_build_filename(f->dir, "link", NULL);
	g_autoptr(GError) error = NULL;
	ssh_key made, again;
	struct stat st;

	made = vsb_hostkey_load(path, &error);
	g_assert_no_error(error);
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0600);
	again = vsb_hostkey_load(path, &error);
	g_assert_no_error(error);
	g_assert_cmpint(ssh_key_cmp(made, again, SSH_KEY_CMP_PRIVATE), ==, 0);
	ssh_key_free(made);
	ssh_key_free(again);

	g_chmod(path, 0640);
	host_key_refused(path, "chmod 600");
	g_chmod(path, 0604);
	host_key_refused(path, "chmod 600");
	g_chmod(path, 0600);
	g_assert_cmpint(symlink(path, link_path), ==, 0);
	host_key_refused(link_path, "symbolic link");
	host_key_refused(away, "cannot make the folder");
	g_assert_true(g_file_set_contents(path, "garbage", -1, NULL));
	g_chmod(path, 0600);
	host_key_refused(path, "no private key");
	g_assert_true(g_file_set_contents(path, "", -1, NULL));
	g_chmod(path, 0600);
	host_key_refused(path, "no private key");
}

static void test_fingerprint(struct fixture *f, gconstpointer data)
{
	g_autofree char *text = vsb_key_fingerprint(f->text);

	g_assert_true(g_str_has_prefix(text, "SHA256:"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(path, func) g_test_add(path, struct fixture, NULL, setup, func, teardown)
	ADD("/console/keys/listed", test_listed);
	ADD("/console/keys/either", test_either);
	ADD("/console/keys/work", test_work);
	ADD("/console/keys/options", test_options);
	ADD("/console/keys/garbage", test_garbage);
	ADD("/console/keys/permissions", test_permissions);
	ADD("/console/keys/not-regular", test_not_regular);
	ADD("/console/keys/names", test_names);
	ADD("/console/keys/host-key", test_host_key);
	ADD("/console/keys/fingerprint", test_fingerprint);
	return g_test_run();
}
