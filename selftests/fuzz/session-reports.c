// SPDX-License-Identifier: GPL-2.0
/*
 * Linked with a vsb-console that is fuzzed: the process of a connection cannot write to the log, so
 * what a sanitizer finds in it would be lost. It goes to the server, as what was refused does.
 */
#include "console-spawner.h"
#include "console-wire.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

const char *__asan_get_report_description(void);
void __asan_on_error(void);
void __ubsan_on_report(void);

static void tell(const char *what)
{
	struct vsb_wire wire = { .type = VSB_WIRE_REFUSED };
	int type = 0;
	socklen_t size = sizeof(type);

	/* Others have something else there, and a log. */
	if (getsockopt(VSB_SESSION_LINK, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET)
		return;
	g_strlcpy((char *)wire.data, what, sizeof(wire.data));
	send(VSB_SESSION_LINK, &wire, offsetof(struct vsb_wire, data) + strlen(what), MSG_NOSIGNAL);
}

void __asan_on_error(void)
{
	tell("AddressSanitizer");
	tell(__asan_get_report_description());
}

void __ubsan_on_report(void)
{
	tell("UndefinedBehaviorSanitizer");
}
