/* SPDX-License-Identifier: GPL-2.0 */
/* One command to vsbypassd, over its control socket, and the reply. */
#ifndef VSB_CONTROL_CLIENT_H
#define VSB_CONTROL_CLIENT_H

#include <json-glib/json-glib.h>

/**
 * struct control_wait - how to wait for a reply
 * @timeout_ms:		for all of it; -1: no limit
 * @each_second:	called while there is none, may be NULL; @data is for it
 */
struct control_wait {
	int timeout_ms;
	void (*each_second)(gpointer data);
	gpointer data;
};

/**
 * control_ask() - ask and wait
 * @path:	the socket
 * @request:	object of one request
 * @wait:	how, NULL: without a limit
 * @line:	set to the reply's line, without newline (transfer full), if one came;
 *		also if that is an error
 *
 * Return: (transfer full): "return" of the reply, or NULL with its "error", of the class
 * that it has, or with what went wrong on the way (VSB_ERROR_FAILED).
 */
JsonObject *control_ask(const char *path, JsonObject *request, const struct control_wait *wait, GString **line,
			GError **error);

/*
 * The same of a request that is answered with a descriptor; *line as above. Return: (transfer
 * full): it, or -1.
 */
int control_ask_fd(const char *path, JsonObject *request, GString **line, GError **error);

#endif
