// SPDX-License-Identifier: GPL-2.0
/* A file or standard input as a whole, up to a limit. */
#include "read-all.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

GString *read_all(const char *path, gsize max, GError **error)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	g_autoptr(GString) text = g_string_new(NULL);
	char buf[16384];
	ssize_t n;

	if (fd < 0)
		n = -1;
	else
		while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)) {
			if (n > 0)
				g_string_append_len(text, buf, n);
			if (text->len > max)
				break;
		}
	if (n < 0)
		g_set_error(error, VSB_ERROR, VSB_ERROR_FAILED, "reading: %s", g_strerror(errno));
	else if (n > 0)
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST, "it is longer than %"
			    G_GSIZE_FORMAT " bytes", max);
	if (fd >= 0)
		close(fd);
	return n ? NULL : g_steal_pointer(&text);
}
