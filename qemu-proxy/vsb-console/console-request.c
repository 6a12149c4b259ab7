// SPDX-License-Identifier: GPL-2.0
/* Names of channel requests, out of libssh's log. */
#include "console-request.h"

#include <glib.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <string.h>

/* What ssh_message_handle_channel_request() logs, just before its callback. */
#define BEFORE	"ssh_message_handle_channel_request: Received a "
#define BEHIND	" channel_request for channel ("

static char name[64];

static void on_log(int priority, const char *function, const char *text, void *data)
{
	const char *end;

	if (!g_str_has_prefix(text, BEFORE))
		return;
	text += strlen(BEFORE);
	/* The last one: the name is the client's, and may have the same words. */
	end = g_strrstr(text, BEHIND);
	name[0] = '\0';
	if (end && (gsize)(end - text) < sizeof(name))
		g_strlcpy(name, text, (gsize)(end - text) + 1);
}

void vsb_request_watch(void)
{
	ssh_set_log_callback(on_log);
	ssh_set_log_level(SSH_LOG_PACKET);
}

const char *vsb_request_name(void)
{
	return name[0] ? name : NULL;
}
