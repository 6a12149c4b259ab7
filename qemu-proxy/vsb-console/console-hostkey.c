// SPDX-License-Identifier: GPL-2.0
/*
 * The host key of vsb-console, ed25519. It is read as root, before privileges
 * are dropped, and lives in memory from then on: the unprivileged server can
 * neither replace nor publish the file.
 */
#include "console-hostkey.h"
#include "console-log.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BYTES	(16 * 1024)

static gboolean write_all(int fd, const char *text)
{
	gsize len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FALSE;
		text += n;
		len -= n;
	}
	return TRUE;
}

/* A file that appears complete or not at all, and replaces none. */
static gboolean write_file(const char *path, const char *text, mode_t mode, GError **error)
{
	g_autofree char *temporary = g_strdup_printf("%s.new.%d", path, getpid());
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd >= 0 && write_all(fd, text) && fsync(fd) == 0 && link(temporary, path) == 0) {
		close(fd);
		unlink(temporary);
		return TRUE;
	}
	g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
		    "cannot write %s: %s; its folder must exist and be writable, or give another file with --host-key",
		    path, g_strerror(errno));
	if (fd >= 0) {
		close(fd);
		unlink(temporary);
	}
	return FALSE;
}

static gboolean make(const char *path, GError **error)
{
	g_autofree char *dir = g_path_get_dirname(path);
	g_autofree char *public_path = g_strconcat(path, ".pub", NULL);
	g_autofree char *public_line = NULL;
	char *text = NULL, *blob = NULL;
	ssh_key key = NULL;
	gboolean ok;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
		g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno),
			    "cannot make the folder %s of the host key: %s", dir,
			    g_strerror(errno));
		return FALSE;
	}
	if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) != SSH_OK ||
	    ssh_pki_export_privkey_base64(key, NULL, NULL, NULL, &text) != SSH_OK ||
	    ssh_pki_export_pubkey_base64(key, &blob) != SSH_OK) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
			    "cannot make a host key: libssh reports a failure of its ed25519");
		ok = FALSE;
	} else {
		ok = write_file(path, text, 0600, error);
	}
	/* For known_hosts; the server does not need it. */
	if (ok) {
		public_line = g_strdup_printf("ssh-ed25519 %s vsb-console\n", blob);
		unlink(public_path);
		write_file(public_path, public_line, 0644, NULL);
		vsb_log("made a new host key: %s", path);
	}
	if (text) {
		explicit_bzero(text, strlen(text));
		ssh_string_free_char(text);
	}
	ssh_string_free_char(blob);
	ssh_key_free(key);
	return ok;
}

/*
 * Return: the key of @path, which is made if there is none, or NULL and an
 * error. A key that others could have read or put there is refused.
 */
ssh_key vsb_hostkey_load(const char *path, GError **error)
{
	g_autofree char *text = g_malloc0(MAX_BYTES + 1);
	const char *cause = NULL;
	ssh_key key = NULL;
	struct stat st;
	int fd;

	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
	    !make(path, error))
		return NULL;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		cause = errno == ELOOP ? "it is a symbolic link" : g_strerror(errno);
	else if (fstat(fd, &st) < 0)
		cause = g_strerror(errno);
	else if (!S_ISREG(st.st_mode))
		cause = "it is no regular file";
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		cause = "its owner is neither root nor the user who starts vsb-console";
	else if (st.st_mode & 077)
		cause = "group or others have access to it; if nobody has read it use chmod 600, else delete it and a new one is made";
	else if (read(fd, text, MAX_BYTES) < 0)
		cause = g_strerror(errno);
	else if (ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, &key) != SSH_OK)
		cause = "it holds no private key without passphrase";
	else if (ssh_key_type(key) != SSH_KEYTYPE_ED25519)
		cause = "it is no ed25519 key";
	if (fd >= 0)
		close(fd);
	explicit_bzero(text, MAX_BYTES);
	if (cause) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "host key refused: %s: %s",
			    path, cause);
		ssh_key_free(key);
		return NULL;
	}
	return key;
}
