/* SPDX-License-Identifier: GPL-2.0 */
/* vsbctl's command line, made into a request for the control socket. */
#ifndef VSB_VSBCTL_ARGS_H
#define VSB_VSBCTL_ARGS_H

#include <json-glib/json-glib.h>

/**
 * struct vsbctl_args - what the command line says
 * @help:	text to print, or NULL; then there is nothing else to do
 * @socket:	path
 * @json:	print the reply as it is
 * @command:	its name
 * @identity_dir: of "key", as the next
 * @replace:	a key that is there
 * @file:	of "dump", NULL for others
 * @live:	of "dump" and "watch": the user VM runs on,
 * @limit:	seconds that it may stand
 * @watch:	of "watch": what; as the next,
 * @core:	a file to look at; there is nothing to send then,
 * @save:	where to, and
 * @against:	what to compare with, or NULL
 * @uservm:	of "veil": whose
 * @request:	the object to send; for "key", which is not sent, its arguments; for "type"
 *		without "text"
 */
struct vsbctl_args {
	char *help;
	char *socket;
	gboolean json;
	const char *command;
	char *identity_dir;
	gboolean replace;
	char *file;
	gboolean live;
	guint limit;
	char *watch;
	char *core;
	char *save;
	char *against;
	char *uservm;
	JsonObject *request;
};

/* Return: NULL with an error that says what is wrong: a usage error. */
struct vsbctl_args *vsbctl_args_parse(const char *const *argv, GError **error);
void vsbctl_args_free(struct vsbctl_args *args);

#endif
