/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The console of one user VM between its character device and its clients: the
 * backlog, who may write, who only watches. It knows neither SSH nor sockets.
 *
 *    chardev --vsb_hub_output()--> backlog, queue of each client --> session
 *    chardev <--- hub->tx <--vsb_hub_input()------------------------ session
 *
 * Nothing is lost for the client that writes: while its queue is full the
 * character device is not read (vsb_hub_output_room() is 0), so that the UART
 * of the user VM waits. A client that only watches must not slow the user VM
 * down: what it is too slow for is skipped, and it is told.
 *
 * Of a user VM that has to prove who it is and did not, the module passes nothing but
 * NUL bytes. That is decided there; here a person is told, and nothing is sent.
 */
#ifndef CONSOLE_HUB_H
#define CONSOLE_HUB_H

#include <glib.h>
#include <stdbool.h>

#include "console-escape.h"
#include "console-identity.h"
#include "console-modes.h"
#include "console-ring.h"

#define VSB_BACKLOG_SIZE	(64 * 1024)
#define VSB_QUEUE_SIZE		(2 * VSB_BACKLOG_SIZE)	/* to one client */
#define VSB_NOTICE_RESERVE	4096	/* of VSB_QUEUE_SIZE, kept for notices */
#define VSB_NOTICE_MAX		2048	/* one of them */
#define VSB_TX_SIZE		4096	/* to the character device */
#define VSB_HUB_MAX_CLIENTS	8

struct vsb_client;
struct vsb_hub;

enum vsb_client_mode {
	VSB_MODE_CONSOLE,	/* a person: notices, backlog, escape sequence */
	VSB_MODE_RAW,		/* a program: every byte and nothing else, or fail */
	VSB_MODE_WATCH,		/* raw, output only */
};

/* What a client is to be shown. */
enum vsb_show {
	VSB_SHOW_OUTPUT,	/* of the user VM */
	VSB_SHOW_BACKLOG,	/* what it sent earlier */
	VSB_SHOW_NOTICE,	/* a text of our own; never half of it */
};

/* What a client asks of the session that owns it. None may call back. */
struct vsb_client_ops {
	/* The queue has something to send. */
	void (*wake_output)(struct vsb_client *client);
	/* Input that vsb_hub_input() left may be offered again. */
	void (*wake_input)(struct vsb_client *client);
	/* Send the queue, say @text (may be NULL), leave with this exit status. */
	void (*finish)(struct vsb_client *client, int status, const char *text);
};

struct vsb_client {
	const struct vsb_client_ops *ops;
	const char *who;	/* key and address, for the others and the log */
	enum vsb_client_mode mode;
	/* from here on the hub's own */
	struct vsb_hub *hub;	/* NULL: not attached */
	struct vsb_ring out;	/* to the client: heads of enum vsb_show and length, bytes */
	enum vsb_show now;	/* what is taken from it, and */
	gsize now_len;		/* how much of that is still there */
	guint64 id;		/* never used again */
	guint64 skipped;	/* bytes not shown since it fell behind */
	bool finishing;
	bool told_readonly;
	bool told_down;
	bool told_unproved;
};

/* What a hub asks of its surroundings. */
struct vsb_hub_ops {
	/* hub->tx has bytes, or vsb_hub_output_room() may have changed. */
	void (*update)(struct vsb_hub *hub);
	/* Send a break; vsb_hub_notice_to() tells client @id how it went. */
	void (*send_break)(struct vsb_hub *hub, guint64 id);
	/* Send Alt-SysRq-@key on the keyboard, likewise. */
	void (*send_sysrq)(struct vsb_hub *hub, guint64 id, char key);
	/* hub->waits, and there is something to read now. */
	void (*comes)(struct vsb_hub *hub);
	/* What was said of the identity must be old: ask again. */
	void (*ask_identity)(struct vsb_hub *hub);
};

struct vsb_hub {
	char *name;
	const struct vsb_hub_ops *ops;
	void *owner;
	struct vsb_ring backlog;
	struct vsb_modes before;	/* of a terminal that has seen what came before it */
	struct vsb_ring tx;
	GList *clients;			/* in order of attachment */
	struct vsb_client *writer;	/* one of them, or NULL */
	bool up;			/* the character device is connected */
	bool ever_up;
	const char *back;		/* that it is again, which nobody was told, or NULL */
	char *state;			/* what vsbypassd said last, or NULL: it says nothing */
	bool asked;			/* it was asked */
	enum vsb_identity identity;	/* likewise */
	bool checked;			/* whose it is has been asked since it is up */
	bool waits;			/* not yet: its proxy is being started for us */
	gint64 generation;		/* whose it is: vsbypassd's number, -1: unknown */
	gint64 stops;			/* times that it was stopped, */
	bool stops_known;		/* as far as clients were told */
	gint64 lost;			/* bytes of its that were not kept, of which it was told */
};

struct vsb_hub *vsb_hub_new(const char *name, const struct vsb_hub_ops *ops, void *owner);
void vsb_hub_free(struct vsb_hub *hub);

/* The clients' side */
gboolean vsb_hub_attach(struct vsb_hub *hub, struct vsb_client *client, GError **error);
void vsb_hub_detach(struct vsb_client *client);
gsize vsb_hub_input(struct vsb_client *client, const guint8 *data, gsize len);
void vsb_hub_command(struct vsb_client *client, enum vsb_command command, char key);
bool vsb_hub_has_output(const struct vsb_client *client);
/* @left: how much there is yet of what it is a piece of. */
gsize vsb_hub_take(struct vsb_client *client, enum vsb_show *what, void *data, gsize max,
		   gsize *left);
void vsb_hub_drained(struct vsb_client *client);
void vsb_hub_stalled(struct vsb_client *client);

/* The character device's side */
gsize vsb_hub_output_room(const struct vsb_hub *hub);
void vsb_hub_output(struct vsb_hub *hub, const guint8 *data, gsize len);
void vsb_hub_tx_done(struct vsb_hub *hub, gsize len);
void vsb_hub_link(struct vsb_hub *hub, bool up);

/*
 * The control socket's side. @generation: vsbypassd's number of the user VM, -1:
 * unknown. Until it is known after vsb_hub_link() nothing is read and nothing sent.
 */
void vsb_hub_set_state(struct vsb_hub *hub, const char *state, gint64 generation);
void vsb_hub_set_identity(struct vsb_hub *hub, enum vsb_identity identity);
/*
 * So many bytes of this user VM were not kept for this, ever: after vsb_hub_set_state(), and
 * before the next is read.
 */
void vsb_hub_set_lost(struct vsb_hub *hub, gint64 lost);
void vsb_hub_set_stops(struct vsb_hub *hub, gint64 stops);
void vsb_hub_notice_to(struct vsb_hub *hub, guint64 id, const char *text);

char *vsb_hub_who(const struct vsb_hub *hub);
const char *vsb_hub_state_text(const char *state);

#endif
