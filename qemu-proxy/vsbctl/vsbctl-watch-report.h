/* SPDX-License-Identifier: GPL-2.0 */
/* vsbctl watch: what was seen, as JSON. */
#ifndef VSB_VSBCTL_WATCH_REPORT_H
#define VSB_VSBCTL_WATCH_REPORT_H

#include <json-glib/json-glib.h>

#include "kernel.h"
#include "vsbctl-watch.h"

struct watch_earlier;

/**
 * struct watch_context - what a report needs beside the kernel: opened before it is looked for, as
 *			  nothing is later
 * @against:	name of the earlier look, or NULL,
 * @earlier:	what is in it
 * @save:	name of the file to write, or NULL,
 * @save_fd:	to do so
 */
struct watch_context {
	const char *against;
	struct watch_earlier *earlier;
	const char *save;
	int save_fd;
};

/* What a person gave with --save and --against. Return: FALSE: @error. Clear it in any case. */
gboolean watch_context_open(struct watch_context *context, const struct watch_args *args, GError **error);
void watch_context_clear(struct watch_context *context);

/* Return: (transfer full), or NULL: @error. */
JsonObject *watch_report_ps(const struct kernel *kernel, const struct watch_context *context,
			    GError **error);
JsonObject *watch_report_modules(const struct kernel *kernel, const struct watch_context *context,
				 GError **error);
JsonObject *watch_report_files(const struct kernel *kernel, const struct watch_context *context,
			       GError **error);
JsonObject *watch_report_text(const struct kernel *kernel, const struct watch_context *context,
			      GError **error);

/* What each report begins with, and an address in it: for the files that make one. */
JsonObject *watch_report_begin(const struct kernel *kernel);
void watch_report_address(JsonObject *object, const char *member, guint64 address);

#endif
