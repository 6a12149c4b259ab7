/* SPDX-License-Identifier: GPL-2.0 */
/* vsbctl watch: what was seen, as JSON. */
#ifndef VSB_VSBCTL_WATCH_REPORT_H
#define VSB_VSBCTL_WATCH_REPORT_H

#include <json-glib/json-glib.h>

#include "kernel.h"
#include "vsbctl-watch.h"

/* Return: (transfer full), or NULL: @error. */
JsonObject *watch_report_ps(const struct kernel *kernel, const struct watch_args *args,
			    GError **error);
JsonObject *watch_report_modules(const struct kernel *kernel, const struct watch_args *args,
				 GError **error);
JsonObject *watch_report_files(const struct kernel *kernel, const struct watch_args *args,
			       GError **error);
JsonObject *watch_report_text(const struct kernel *kernel, const struct watch_args *args,
			      GError **error);

/* What each report begins with, and an address in it: for the files that make one. */
JsonObject *watch_report_begin(const struct kernel *kernel);
void watch_report_address(JsonObject *object, const char *member, guint64 address);

#endif
