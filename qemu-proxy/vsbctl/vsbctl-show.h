/* SPDX-License-Identifier: GPL-2.0 */
/* What vsbctl prints of vsbypassd's replies, for people. */
#ifndef VSB_VSBCTL_SHOW_H
#define VSB_VSBCTL_SHOW_H

#include <json-glib/json-glib.h>

/* @result: "return" of the reply to @command. Return: (transfer full): text. */
char *vsbctl_show(const char *command, JsonObject *result);

/* @result: that of "status". Return: (transfer full): text, NULL: there is no such user VM. */
char *vsbctl_show_veil(const char *uservm, JsonObject *result);

/* @result: that of "status". Return: (transfer full): how far typing is, NULL: none is. */
char *vsbctl_show_typing(const char *uservm, JsonObject *result);

#endif
