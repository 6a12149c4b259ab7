/* SPDX-License-Identifier: GPL-2.0 */
/* What both ends of vsbypassd's control socket have to know. */
#ifndef VSB_CONTROL_SOCKET_H
#define VSB_CONTROL_SOCKET_H

#define CONTROL_SOCKET		"/run/vsbypass/control.sock"

#define CONTROL_LINE_MAX	(64 * 1024)	/* a request, in bytes */
#define CONTROL_REPLY_MAX	(4 * 1024 * 1024)
/* It lists up to some thousand user VMs, with some objects each. */
#define CONTROL_REPLY_MAX_OPEN	100000
#define CONTROL_LOG_MAX		1000		/* lines of "log" */

#endif
