/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What vsb-console holds: the listening sockets, the hubs of the user VMs that
 * have a socket in RUN/console, the peers. One process, one main loop, and nothing in it
 * that knows SSH: each connection is handed to a process of its own (console-spawner.h).
 */
#ifndef CONSOLE_SERVER_H
#define CONSOLE_SERVER_H

#include "console-hub.h"
#include "console-limits.h"

#define VSB_MAX_HUBS		1024

struct vsb_server {
	/* settings */
	const char *run_dir;
	const char *keys_dir;
	const char *attached_keys_dir;	/* keys/ of run_dir */
	guint grace_s;		/* to log in */
	guint stall_s;		/* a writer may take no output */
	int listen_fd;
	int web_fd;		/* listens for the web gateway; -1: there is none */
	const char *web_url;	/* of its page */
	int spawner;		/* socket of vsb_spawner_start() */
	/* state */
	char *control_path;
	GHashTable *hubs;	/* name -> struct hub_entry */
	GHashTable *peers;	/* of struct vsb_peer; a set */
	GHashTable *channels;	/* id -> struct vsb_channel */
	GHashTable *sources;	/* see console-limits.h */
	GHashTable *vncs;	/* of struct vsb_vnc; a set */
	struct vsb_web *web;	/* or NULL */
	guint strangers;	/* peers that have not logged in */
	guint seconds;		/* ticks since the start */
	bool asking;		/* a "status" is on its way */
	guint asked;		/* seconds at the last "status" */
	bool ask_again;		/* one is due */
	bool stale;		/* a proxy came since it was asked */
	bool told_crowded;	/* of this the log knows */
};

void vsb_server_start(struct vsb_server *server);
void vsb_server_stop(struct vsb_server *server);
/* Ends the sessions of keys that are not listed any more. */
void vsb_server_recheck(struct vsb_server *server);
/* Ends session @id of the web page, and what it has open. */
void vsb_server_web_logout(struct vsb_server *server, const char *id);
/* A stranger of @source has logged in, or is gone. */
void vsb_server_known(struct vsb_server *server, struct vsb_source *source);
void vsb_server_gone(struct vsb_server *server, struct vsb_source *source);
struct vsb_hub *vsb_server_hub(struct vsb_server *server, const char *name);
/* Return: the hub that console @console of a user is, or NULL: it is none. */
struct vsb_hub *vsb_server_console(struct vsb_server *server, const char *console, GError **error);
/* Somebody comes to this console: its proxy may have waited for that. */
void vsb_server_connect(struct vsb_server *server, struct vsb_hub *hub);
void vsb_server_ask_state(struct vsb_server *server);

#endif
