// SPDX-License-Identifier: GPL-2.0
/* Reads and checks the key files of user VMs. */
#include "console-keys.h"
#include "console-log.h"
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <libssh/libssh.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_COMPLAINTS	3	/* lines of one file that are logged */

/*
 * Whoever can write the file, or replace it in its folder, decides who reads
 * the console: that may be root and our own user, nobody else.
 */
static gboolean trusted(int fd, mode_t type, const char *path, GError **error)
{
	struct stat st;
	const char *cause = NULL;

	if (fstat(fd, &st) < 0)
		cause = g_strerror(errno);
	else if ((st.st_mode & S_IFMT) != type)
		cause = type == S_IFDIR ? "it is no folder" : "it is no regular file";
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		cause = "its owner is neither root nor the user of vsb-console; chown it to root";
	else if (st.st_mode & 022)
		cause = "group or others can write it; use chmod go-w";
	else if (type == S_IFREG && st.st_size > VSB_KEYS_MAX_BYTES)
		cause = "it is larger than 64 KiB";
	if (cause)
		g_set_error(error, VSB_KEYS_ERROR, VSB_KEYS_REFUSED,
			    "key file refused: %s: %s", path, cause);
	return !cause;
}

/* Return: the text of KEYS/NAME, or NULL and an error. */
static char *read_file(const char *dir, const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *text = g_malloc(VSB_KEYS_MAX_BYTES + 1);
	char *result = NULL;
	gsize used = 0;
	ssize_t n = 0;
	int dirfd, fd = -1;

	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		g_set_error(error, VSB_KEYS_ERROR, VSB_KEYS_REFUSED,
			    "cannot open the folder of key files %s: %s", dir, g_strerror(errno));
		return NULL;
	}
	if (!trusted(dirfd, S_IFDIR, dir, error))
		goto out;
	/* O_NONBLOCK: a FIFO must not hold the whole server up. */
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ENOENT)
			g_set_error(error, VSB_KEYS_ERROR, VSB_KEYS_NO_VM,
				    "unknown user VM: there is no key file %s", path);
		else
			g_set_error(error, VSB_KEYS_ERROR, VSB_KEYS_REFUSED,
				    "key file refused: %s: %s", path,
				    errno == ELOOP ? "it is a symbolic link" : g_strerror(errno));
		goto out;
	}
	if (!trusted(fd, S_IFREG, path, error))
		goto out;
	while (used <= VSB_KEYS_MAX_BYTES &&
	       (n = read(fd, text + used, VSB_KEYS_MAX_BYTES + 1 - used)) > 0)
		used += n;
	if (n < 0 || used > VSB_KEYS_MAX_BYTES) {
		g_set_error(error, VSB_KEYS_ERROR, VSB_KEYS_REFUSED, "key file refused: %s: %s",
			    path, n < 0 ? g_strerror(errno) : "it is larger than 64 KiB");
		goto out;
	}
	text[used] = '\0';
	if (strlen(text) != used) {
		g_set_error(error, VSB_KEYS_ERROR, VSB_KEYS_REFUSED,
			    "key file refused: %s: it has NUL bytes, so it is no text", path);
		goto out;
	}
	result = g_steal_pointer(&text);
out:
	if (fd >= 0)
		close(fd);
	close(dirfd);
	return result;
}

/*
 * A line that cannot be used is logged, the first ones of a file: any peer can
 * have the file read, and must not fill the log with it.
 */
static void G_GNUC_PRINTF(4, 5) ignored(const char *name, guint number, guint *count,
					const char *format, ...)
{
	g_autofree char *cause = NULL;
	va_list args;

	if ((*count)++ >= MAX_COMPLAINTS)
		return;
	va_start(args, format);
	cause = g_strdup_vprintf(format, args);
	va_end(args);
	vsb_log_of(name, "keys of '%s', line %u is ignored: %s", name, number, cause);
}

/*
 * Does @blob begin as a key of this type? RFC 4253 6.6: with its name, as a string. Of
 * its base64 that decides all but the last characters.
 */
static bool blob_is_of(const char *blob, gsize len, const char *type)
{
	g_autofree char *begin = NULL;
	guint8 name[64] = { 0 };
	gsize n = strlen(type);

	if (n > sizeof(name) - 4)
		return false;
	name[3] = n;
	memcpy(name + 4, type, n);
	begin = g_base64_encode(name, (4 + n) / 3 * 3);
	return len > (4 + n) * 4 / 3 && len % 4 == 0 && !strncmp(blob, begin, strlen(begin)) &&
	       strspn(blob, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") >= len;
}

/*
 * Return: whether @line lists the key that @wanted is in base64. Texts are compared: a
 * stranger who measures how long the answer takes must not learn from it how many keys
 * are listed, and a library that reads each of them takes its time.
 */
static bool line_lists(char *line, const char *wanted, const char *name, guint number,
		       guint *count)
{
	char *type, *blob;

	type = line + strspn(line, " \t");
	if (!*type || *type == '#')
		return false;
	blob = type + strcspn(type, " \t");
	if (*blob)
		*blob++ = '\0';
	if (ssh_key_type_from_name(type) == SSH_KEYTYPE_UNKNOWN) {
		ignored(name, number, count,
			"it does not begin with a key type (options before the key are not supported)");
		return false;
	}
	blob += strspn(blob, " \t");
	blob[strcspn(blob, " \t\r")] = '\0';
	if (!blob_is_of(blob, strlen(blob), type)) {
		ignored(name, number, count, "no valid %s key follows the type", type);
		return false;
	}
	return !strcmp(blob, wanted);
}

/*
 * May the holder of @key attach to user VM @name? @name comes from the client
 * and may be anything.
 *
 * Return: TRUE, or FALSE with the reason in @error.
 */
gboolean vsb_keys_allow(const char *dir, const char *name, const char *key, GError **error)
{
	g_autofree char *text = NULL;
	char *rest;
	bool listed = false;
	guint count = 0;

	if (!vsb_name_valid(name)) {
		g_set_error(error, VSB_KEYS_ERROR, VSB_KEYS_NO_VM,
			    "unknown user VM: the name is malformed");
		return FALSE;
	}
	text = read_file(dir, name, error);
	if (!text)
		return FALSE;
	/* To the end in any case. */
	rest = text;
	for (guint number = 1; rest; number++) {
		char *line = strsep(&rest, "\n");

		listed |= line_lists(g_strchomp(line), key, name, number, &count);
	}
	if (!listed)
		g_set_error(error, VSB_KEYS_ERROR, VSB_KEYS_NOT_LISTED,
			    "wrong key: it is not listed in %s/%s", dir, name);
	return listed;
}

/* A file in @dir, or one that came with the attach: either lists the key. */
gboolean vsb_keys_allow_either(const char *dir, const char *attached_dir, const char *name,
			       const char *key, GError **error)
{
	g_autoptr(GError) cause = NULL, attached_cause = NULL;
	bool listed = vsb_keys_allow(dir, name, key, &cause);

	if (vsb_keys_allow(attached_dir, name, key, &attached_cause) || listed)
		return TRUE;
	/* The one that knows the user VM says more. */
	if (cause->code == VSB_KEYS_NO_VM && attached_cause->code == VSB_KEYS_NOT_LISTED)
		g_propagate_error(error, g_steal_pointer(&attached_cause));
	else
		g_propagate_error(error, g_steal_pointer(&cause));
	return FALSE;
}

/*
 * Return: microseconds that the answer has to wait yet. A file that is there is opened
 * and read, one that is not is not: what is left of that in the time that an answer takes
 * goes under in a time that is the same for all. (As OpenSSH's ensure_minimum_time_since():
 * what took longer waits until twice that, and so on.)
 */
gint64 vsb_keys_wait_us(gint64 taken_us)
{
	gint64 answer = VSB_KEYS_ANSWER_US;

	while (answer < taken_us)
		answer *= 2;
	return answer - taken_us;
}

/*
 * Return: "SHA256:..." as ssh-keygen -l shows it, of a key in base64. What is no base64
 * has one, too; it is listed nowhere.
 */
char *vsb_key_fingerprint(const char *key)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize len, digest_len = 32;
	g_autofree guchar *blob = g_base64_decode(key, &len);
	g_autofree char *text = NULL;
	guint8 digest[32];

	g_checksum_update(sum, blob, (gssize)len);
	g_checksum_get_digest(sum, digest, &digest_len);
	text = g_base64_encode(digest, digest_len);
	text[strcspn(text, "=")] = '\0';
	return g_strconcat("SHA256:", text, NULL);
}
