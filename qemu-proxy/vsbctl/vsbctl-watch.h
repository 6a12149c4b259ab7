/* SPDX-License-Identifier: GPL-2.0 */
/* vsbctl watch: what goes on in a user VM, seen from outside. */
#ifndef VSB_VSBCTL_WATCH_H
#define VSB_VSBCTL_WATCH_H

#include <glib.h>

/**
 * struct watch_args - what is wanted
 * @what:	"ps", "files", "modules" or "text"
 * @core:	a file to look at in place of a user VM, or NULL
 * @live:	the user VM runs on meanwhile
 * @limit_s:	seconds that it may stand otherwise
 * @save:	of "text": where to write what was seen, or NULL
 * @against:	of "text": what was seen earlier, or NULL
 * @json:	one line of JSON, else for a person
 */
struct watch_args {
	const char *what;
	const char *core;
	gboolean live;
	guint limit_s;
	const char *save;
	const char *against;
	gboolean json;
};

#define WATCH_LOOKS	"there is 'ps', 'files', 'modules' and 'text' to look at"

/* Return: is there something to look at that has this name? */
gboolean watch_is_known(const char *what);

/*
 * @fd: of its memory, -1 with a core. Return: (transfer full): what was seen, with newlines;
 * NULL: @error.
 */
char *watch_look(int fd, const struct watch_args *args, GError **error);

#endif
