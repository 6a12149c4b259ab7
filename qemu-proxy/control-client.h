/* SPDX-License-Identifier: GPL-2.0 */
/* One command to vsbypassd, over its control socket, and the reply. */
#ifndef VSB_CONTROL_CLIENT_H
#define VSB_CONTROL_CLIENT_H

#include <json-glib/json-glib.h>

#define CONTROL_SOCKET	"/run/vsbypass/control.sock"

/**
 * control_ask() - ask and wait
 * @path:	the socket
 * @request:	object of one request
 * @timeout_ms:	for all of it; -1: none
 * @line:	set to the reply's line, without newline (transfer full), if one came;
 *		also if that is an error
 *
 * Return: (transfer full): "return" of the reply, or NULL with its "error", of the class
 * that it has, or with what went wrong on the way (VSB_ERROR_FAILED).
 */
JsonObject *control_ask(const char *path, JsonObject *request, int timeout_ms, GString **line,
			GError **error);

#endif
