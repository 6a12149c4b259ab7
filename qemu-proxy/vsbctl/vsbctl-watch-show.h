/* SPDX-License-Identifier: GPL-2.0 */
/* vsbctl watch: a report, for people. */
#ifndef VSB_VSBCTL_WATCH_SHOW_H
#define VSB_VSBCTL_WATCH_SHOW_H

#include <json-glib/json-glib.h>

/* Return: (transfer full). */
char *watch_show_ps(JsonObject *report);
char *watch_show_modules(JsonObject *report);
char *watch_show_files(JsonObject *report);
char *watch_show_text(JsonObject *report);

#endif
