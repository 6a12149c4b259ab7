// SPDX-License-Identifier: GPL-2.0
/* VNC connections: whose they are, and for how long. */
#include "console-vnc.h"
#include "console-control.h"
#include "console-log.h"
#include "listen.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/**
 * struct vsb_vnc - see console-vnc.h
 * @id:		never used again
 * @fd:		the connection
 * @allowed:	bytes may pass
 * @generation:	vsbypassd's number of the user VM, since it is allowed
 * @over:	nothing passes any more; @why: if we ended it
 */
struct vsb_vnc {
	struct vsb_server *server;
	const struct vsb_vnc_ops *ops;
	gpointer data;
	guint64 id;
	char *uservm;
	char *who;
	int fd;
	bool allowed;
	gint64 generation;
	bool over;
	char *why;
};

static guint64 last_vnc_id;

/* Return: a connection to the VNC server of @uservm, or -1 and why not. */
static int connect_to(struct vsb_server *server, const char *uservm, GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/console/%s.vnc", server->run_dir, uservm);
	int fd = -1;

	if (g_hash_table_size(server->vncs) >= VSB_MAX_VNC) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_BUSY,
			    "%d VNC connections are open, the most there may be", VSB_MAX_VNC);
		return -1;
	}
	fd = connect_unix(path);
	/* QEMU listens with a backlog of one. */
	if (fd < 0 && errno == EAGAIN)
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_BUSY,
			    "its VNC server has others to greet first; try again");
	else if (fd < 0)
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
			    "no VNC server of a proxy is there: %s; the user VM must be attached "
			    "with 'ps2' among its ports", g_strerror(errno));
	return fd;
}

static void end(struct vsb_vnc *vnc, const char *why)
{
	if (vnc->over)
		return;
	vnc->over = true;
	vnc->why = g_strdup(why);
	/* First the reason: the process would take the hang-up for the proxy's. */
	vnc->ops->ended(vnc, vnc->why, vnc->data);
	shutdown(vnc->fd, SHUT_RDWR);
}

/* Return: why no byte may pass to or from user VM @name now, or NULL. */
static const char *objection(JsonObject *status, const char *name)
{
	g_autofree char *state = vsb_control_uservm_state(status, name);
	enum vsb_identity identity = vsb_identity_of(status, name);

	if (g_strcmp0(state, "bound"))
		return vsb_hub_state_text(state);
	if (identity == VSB_IDENTITY_MISSING)
		return vsb_identity_text(identity);
	if (identity == VSB_IDENTITY_UNKNOWN ||
	    vsb_control_uservm_generation(status, name) < 0)
		return "vsbypassd does not say who it is";
	return NULL;
}

void vsb_vnc_check_all(struct vsb_server *server, JsonObject *status)
{
	GHashTableIter iter;
	struct vsb_vnc *vnc;

	g_hash_table_iter_init(&iter, server->vncs);
	while (g_hash_table_iter_next(&iter, (gpointer *)&vnc, NULL)) {
		if (!vnc->allowed || vnc->over)
			continue;
		if (objection(status, vnc->uservm))
			end(vnc, objection(status, vnc->uservm));
		else if (vsb_control_uservm_generation(status, vnc->uservm) != vnc->generation)
			end(vnc, "from here on it is another user VM");
	}
}

/* The question whose it is; the connection may be gone when the answer comes. */
struct question {
	struct vsb_server *server;
	struct vsb_vnc *vnc;
	guint64 id;
};

static void on_status(JsonObject *reply, const char *error, gpointer data)
{
	g_autofree struct question *question = data;
	struct vsb_vnc *vnc = question->vnc;
	const char *cause = error;

	if (!g_hash_table_contains(question->server->vncs, vnc) || vnc->id != question->id ||
	    vnc->over)
		return;
	if (reply)
		cause = objection(reply, vnc->uservm);
	if (cause) {
		end(vnc, cause);
		return;
	}
	vnc->generation = vsb_control_uservm_generation(reply, vnc->uservm);
	vnc->allowed = true;
	vsb_log("'%s': VNC: %s", vnc->uservm, vnc->who);
	vnc->ops->allowed(vnc, vnc->fd, vnc->data);
}

struct vsb_vnc *vsb_vnc_new(struct vsb_server *server, const char *uservm, const char *who,
			    const struct vsb_vnc_ops *ops, gpointer data, GError **error)
{
	int fd = connect_to(server, uservm, error);
	struct question *question;
	struct vsb_vnc *vnc;

	if (fd < 0)
		return NULL;
	vnc = g_new0(struct vsb_vnc, 1);
	vnc->server = server;
	vnc->ops = ops;
	vnc->data = data;
	vnc->id = ++last_vnc_id;
	vnc->uservm = g_strdup(uservm);
	vnc->who = g_strdup(who);
	vnc->fd = fd;
	g_hash_table_add(server->vncs, vnc);
	question = g_new0(struct question, 1);
	*question = (struct question){ server, vnc, vnc->id };
	vsb_control_call(server->control_path, "status", NULL, NULL, on_status, question);
	return vnc;
}

void vsb_vnc_free(struct vsb_vnc *vnc)
{
	vsb_log("'%s': VNC %s: %s%s%s", vnc->uservm, vnc->allowed ? "ended" : "refused",
		vnc->who, vnc->why ? ": " : "", vnc->why ? vnc->why : "");
	g_hash_table_remove(vnc->server->vncs, vnc);
	/* The process may still have its copy. */
	shutdown(vnc->fd, SHUT_RDWR);
	close(vnc->fd);
	g_free(vnc->uservm);
	g_free(vnc->who);
	g_free(vnc->why);
	g_free(vnc);
}
