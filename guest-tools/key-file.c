// SPDX-License-Identifier: GPL-2.0
/* Reads a file with a key. */
#include "key-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Return: NULL, or why others may know or choose the key. */
static const char *distrust(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is no regular file";
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return "its owner is neither root nor you; chown it to root";
	if (st.st_mode & 077)
		return "others than its owner can read or write it; use chmod 600, and make a "
		       "new key if others may have read this one";
	if (st.st_size >= KEY_TEXT_SIZE)
		return "it is too long for a key";
	return NULL;
}

const char *key_file_read(int dirfd, const char *path, struct key *key)
{
	int nofollow = dirfd == AT_FDCWD ? 0 : O_NOFOLLOW;
	char text[KEY_TEXT_SIZE];
	const char *why;
	size_t used = 0;
	ssize_t n = 0;
	int fd;

	memset(key, 0, sizeof(*key));
	/* O_NONBLOCK: a FIFO must not hold us up. */
	fd = openat(dirfd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | nofollow);
	if (fd < 0)
		return errno == ELOOP ? "it is a symbolic link" : strerror(errno);
	why = distrust(fd);
	while (!why && used < sizeof(text) &&
	       (n = read(fd, text + used, sizeof(text) - used)) > 0)
		used += (size_t)n;
	if (!why && n < 0)
		why = strerror(errno);
	close(fd);
	if (!why)
		why = key_parse(text, used, key);
	explicit_bzero(text, sizeof(text));
	return why;
}
