/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The name of a channel request that libssh does not know, such as RFC 4335's "break". libssh
 * has no callback for those, and its message of one says "unknown" and for which channel, not
 * what (messages.c, 0.10 to 0.12). But it logs the name first, and the log can be had.
 */
#ifndef CONSOLE_REQUEST_H
#define CONSOLE_REQUEST_H

/* From now on libssh's log is looked at. */
void vsb_request_watch(void);
/*
 * In a callback for a request: its name. NULL: this libssh says it otherwise, if at all.
 * Valid until the next request.
 */
const char *vsb_request_name(void);

#endif
