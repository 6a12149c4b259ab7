// SPDX-License-Identifier: GPL-2.0
/* The host's copies of the keys with which user VMs prove who they are. */
#include "identity-store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "key-file.h"
#include "names.h"

gboolean identity_mode_parse(const char *text, gboolean *required, GError **error)
{
	*required = !strcmp(text, "required");
	if (*required || !strcmp(text, "first-seen"))
		return TRUE;
	g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "identity is 'first-seen' or 'required'");
	return FALSE;
}

const char *identity_mode_text(gboolean required)
{
	return required ? "required" : "first-seen";
}

static void failed(GError **error, const char *dir, const char *name, const char *why)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "key %s%s%s: %s", dir, name ? "/" : "",
		    name ? name : "", why);
}

/*
 * Who can put another file there decides who proves to be the user VM.
 * Return: descriptor, or -1; -1 without an error: there is no folder.
 */
static int open_dir(const char *dir, GError **error)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *why = NULL;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return -1;
	if (fd < 0 || fstat(fd, &st) < 0)
		why = g_strerror(errno);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		why = "its owner is neither root nor the caller; chown it to root";
	else if (st.st_mode & 022)
		why = "group or others can write it; use chmod go-w";
	if (!why)
		return fd;
	failed(error, dir, NULL, why);
	if (fd >= 0)
		close(fd);
	return -1;
}

static gboolean is_there(int dirfd, const char *name)
{
	struct stat st;

	return dirfd >= 0 && (!fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) || errno != ENOENT);
}

gboolean identity_load(const char *dir, const char *name, gboolean required,
		       struct identity *identity, GError **error)
{
	g_autoptr(GError) trouble = NULL;
	const char *why = NULL;
	int dirfd;

	memset(identity, 0, sizeof(*identity));
	identity->required = required;
	dirfd = open_dir(dir, &trouble);
	if (trouble) {
		g_propagate_error(error, g_steal_pointer(&trouble));
		return FALSE;
	}
	if (is_there(dirfd, name)) {
		why = key_file_read(dirfd, name, &identity->key);
		if (!why && strcmp(identity->key.name, name))
			why = "it is the key of another name";
		identity->has_key = !why;
	} else if (required) {
		why = "identity=required needs it; make it with 'vsbctl key'";
	}
	if (dirfd >= 0)
		close(dirfd);
	if (!why)
		return TRUE;
	explicit_bzero(&identity->key, sizeof(identity->key));
	failed(error, dir, name, why);
	return FALSE;
}

/* Return: NULL, or what went wrong. */
static const char *write_file(int dirfd, const char *name, const char *text)
{
	/* With a mode that the umask cannot open. */
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t len = strlen(text);
	const char *why = NULL;

	if (fd < 0)
		return g_strerror(errno);
	if (write(fd, text, len) != (ssize_t)len || fsync(fd))
		why = errno ? g_strerror(errno) : "it was not written whole";
	if (close(fd) && !why)
		why = g_strerror(errno);
	return why;
}

/* All or nothing: a key that was shown is stored. */
static const char *store(int dirfd, const char *name, const char *text, gboolean replace)
{
	/* No name begins with a dot. */
	g_autofree char *tmp = g_strconcat(".", name, ".new", NULL);
	const char *why;

	unlinkat(dirfd, tmp, 0);
	why = write_file(dirfd, tmp, text);
	if (!why && replace && renameat(dirfd, tmp, dirfd, name))
		why = g_strerror(errno);
	if (!why && !replace && linkat(dirfd, tmp, dirfd, name, 0))
		why = errno == EEXIST ? "it is there already; --replace makes a new one, and the "
					"user VM has to be given it" : g_strerror(errno);
	unlinkat(dirfd, tmp, 0);
	if (!why)
		fsync(dirfd);
	return why;
}

/* Its parents are for others too: vsb-console looks for its keys beside it. */
static gboolean make_dir(const char *dir, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(dir);

	if (g_mkdir_with_parents(parent, 0755) == 0 && (mkdir(dir, 0700) == 0 || errno == EEXIST))
		return TRUE;
	failed(error, dir, NULL, g_strerror(errno));
	return FALSE;
}

char *identity_create(const char *dir, const char *name, gboolean replace, GError **error)
{
	g_autoptr(GError) trouble = NULL;
	char text[KEY_TEXT_SIZE];
	const char *why = NULL;
	struct key key = { 0 };
	char *line = NULL;
	int dirfd;

	if (!vsb_name_check("user VM", name, error))
		return NULL;
	if (!make_dir(dir, error))
		return NULL;
	dirfd = open_dir(dir, &trouble);
	if (dirfd < 0) {
		if (!trouble)
			failed(&trouble, dir, NULL, "it is gone");
		g_propagate_error(error, g_steal_pointer(&trouble));
		return NULL;
	}
	g_strlcpy(key.name, name, sizeof(key.name));
	if (getrandom(key.bytes, sizeof(key.bytes), 0) != sizeof(key.bytes))
		why = "no random numbers";
	key_format(&key, text);
	if (!why)
		why = store(dirfd, name, text, replace);
	if (why)
		failed(error, dir, name, why);
	else
		line = g_strdup(text);
	close(dirfd);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(&key, sizeof(key));
	return line;
}
