/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What vsb-console holds: the listening socket, the hubs of the user VMs that
 * have a socket in RUN/console, the sessions. One process, one main loop.
 */
#ifndef CONSOLE_SERVER_H
#define CONSOLE_SERVER_H

#include "console-hub.h"

#include <libssh/server.h>

#define VSB_MAX_SESSIONS	64
#define VSB_MAX_UNAUTHENTICATED	16
#define VSB_MAX_HUBS		1024

struct vsb_server {
	/* settings */
	const char *run_dir;
	const char *keys_dir;
	const char *attached_keys_dir;	/* keys/ of run_dir */
	guint grace_s;		/* to log in */
	guint stall_s;		/* a writer may take no output */
	ssh_bind bind;		/* holds the host key and the algorithms */
	int listen_fd;
	/* state */
	char *control_path;
	GHashTable *hubs;	/* name -> struct hub_entry */
	GHashTable *sessions;	/* of struct vsb_session; a set */
	GHashTable *vncs;	/* of struct vsb_vnc; a set */
	guint unauthenticated;
	guint seconds;		/* ticks since the start */
	bool asking;		/* a "status" is on its way */
	guint asked;		/* seconds at the last "status" */
	bool ask_again;		/* one is due */
	bool stale;		/* a proxy came since it was asked */
	bool told_full;		/* of these the log knows */
	bool told_crowded;
};

void vsb_server_start(struct vsb_server *server);
void vsb_server_stop(struct vsb_server *server);
/* Ends the sessions of keys that are not listed any more. */
void vsb_server_recheck(struct vsb_server *server);
struct vsb_hub *vsb_server_hub(struct vsb_server *server, const char *name);
void vsb_server_ask_state(struct vsb_server *server);

#endif
