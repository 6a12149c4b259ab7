// SPDX-License-Identifier: GPL-2.0
/* console-request.c: the name of a client's request, out of a line of libssh's log. */
#include "fuzz.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <string.h>

#include "console-request.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	g_autofree char *text = take_rest(&in);
	const char *name;

	vsb_request_watch();
	ssh_get_log_callback()(SSH_LOG_PACKET, "x", text, NULL);
	name = vsb_request_name();
	g_assert_true(!name || strlen(name) < 64);
	return 0;
}
