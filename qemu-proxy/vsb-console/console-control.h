/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests to vsbypassd over its control socket (Documentation/protocols.rst),
 * without waiting: the reply comes to a callback, once, also when there is none.
 */
#ifndef CONSOLE_CONTROL_H
#define CONSOLE_CONTROL_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

/* @reply: the member "return", or NULL and then @error says why. */
typedef void (*vsb_control_done)(JsonObject *reply, const char *error, gpointer data);

/* @uservm, @keys: arguments, NULL: none. */
void vsb_control_call(const char *path, const char *execute, const char *uservm,
		      const char *keys, vsb_control_done done, gpointer data);
gint64 vsb_control_uservm_generation(JsonObject *status, const char *name);
/* Return: its claimed ports, as for names.h, or NULL. */
const char *vsb_control_uservm_ports(JsonObject *status, const char *name);
/* Return: whether its proxy has no process, or is being started. */
bool vsb_control_uservm_rests(JsonObject *status, const char *name);
/* Return: bytes that were not kept while console @console had no proxy, of vsbypassd's count. */
gint64 vsb_control_uservm_stops(JsonObject *status, const char *name);
gint64 vsb_control_console_lost(JsonObject *status, const char *uservm, const char *console);
char *vsb_control_uservm_state(JsonObject *status, const char *name);
JsonObject *vsb_control_uservm(JsonObject *status, const char *name);

#endif
