/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commands of the control socket: a line of text becomes a checked call of
 * one of @command_ops, its result a line of text. Knows neither sockets nor VMs.
 */
#ifndef VSB_COMMAND_H
#define VSB_COMMAND_H

#include <json-glib/json-glib.h>

#include "irq-mode.h"
#include "names.h"

/* Who asks. */
enum command_peer {
	COMMAND_PEER_NOBODY,	/* nothing is allowed */
	/* user of vsb-console: status, send-break, send-key, reveal, conceal, rest */
	COMMAND_PEER_CONSOLE,
	COMMAND_PEER_ROOT,
};

/**
 * struct attach_uservm - a user VM of "attach" or "add"
 * @keys:	authorized_keys lines for its console, NULL: none; attach_args_format()
 *		leaves them out
 */
struct attach_uservm {
	char *name;
	struct vsb_ports ports;
	gboolean identity_required;
	char **keys;
};

/**
 * struct attach_args - arguments of "attach", checked
 * @cloud:	name, the default filled in
 * @pid:	of the cloud VM's QEMU
 * @agent:	path of the agent channel's UNIX socket, NULL: there is none
 * @irq:	how interrupts come to its user VMs
 * @unclaimed:	VSB_UNCLAIMED_*
 * @uservms:	struct attach_uservm, in pool order, names different, at least one
 */
struct attach_args {
	char *cloud;
	pid_t pid;
	char *agent;
	enum irq_mode irq;
	guint unclaimed;
	GPtrArray *uservms;
};

void attach_args_free(struct attach_args *args);

/*
 * From the arguments of "attach" and to them, those of "check" having no pid: 0. Return: (transfer full), NULL: @error.
 */
struct attach_args *attach_args_parse(JsonObject *object, GError **error);
JsonObject *attach_args_format(const struct attach_args *args);

/* Whether @uservms (struct attach_uservm) go with this policy. */
gboolean attach_uservms_fit(const GPtrArray *uservms, guint unclaimed, GError **error);

/* "absorb" or "reflect". */
const char *unclaimed_text(guint unclaimed);

/*
 * Where the result goes: exactly one call per command, now or later; @result is
 * (transfer full) and NULL stands for {}. @error is not taken. A member COMMAND_FD of @result is
 * a descriptor, which is taken over and goes along with the reply, not into it.
 */
#define COMMAND_FD "fd"

typedef void (*command_done)(gpointer done_data, JsonObject *result, const GError *error);

/* Each calls done once. */
struct command_ops {
	/* takes args over */
	void (*attach)(struct attach_args *args, command_done done, gpointer done_data,
		       gpointer data);
	/* as attach, but only tells whether it would be done */
	void (*check)(struct attach_args *args, command_done done, gpointer done_data,
		      gpointer data);
	void (*detach)(const char *cloud, gboolean reflect, command_done done,
		       gpointer done_data, gpointer data);
	void (*status)(command_done done, gpointer done_data, gpointer data);
	void (*send_break)(const char *console, command_done done, gpointer done_data,
			   gpointer data);
	/* takes strokes over: struct stroke; unit: see keyboard_type() */
	void (*type)(const char *uservm, GArray *strokes, const char *unit, command_done done,
		     gpointer done_data, gpointer data);
	void (*unbind)(const char *uservm, command_done done, gpointer done_data,
		       gpointer data);
	void (*memory)(const char *uservm, command_done done, gpointer done_data,
		       gpointer data);
	/* @reveal: or conceal */
	void (*reveal)(const char *uservm, gboolean reveal, command_done done, gpointer done_data,
		       gpointer data);
	void (*rest)(const char *uservm, command_done done, gpointer done_data, gpointer data);
	/* takes uservms over: struct attach_uservm, names different, at least one */
	void (*add)(const char *cloud, GPtrArray *uservms, command_done done,
		    gpointer done_data, gpointer data);
	void (*remove)(const char *uservm, command_done done, gpointer done_data,
		       gpointer data);
	void (*serve)(const char *cloud, const char *uservm, const char *domain, pid_t pid,
		      command_done done, gpointer done_data, gpointer data);
	void (*log)(guint lines, command_done done, gpointer done_data, gpointer data);
};

/* Reads one request line and carries it out; what is wrong with it goes to @done. */
void command_run(const char *line, gsize len, enum command_peer peer,
		 const struct command_ops *ops, gpointer data,
		 command_done done, gpointer done_data);

/* Return: (transfer full): the reply line; see command_done for the arguments. */
char *command_reply(JsonObject *result, const GError *error, gsize *len);

#endif
