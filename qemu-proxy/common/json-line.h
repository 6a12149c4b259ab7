/* SPDX-License-Identifier: GPL-2.0 */
/* One JSON object on a line: read with bounds, written without newlines. */
#ifndef VSB_JSON_LINE_H
#define VSB_JSON_LINE_H

#include <json-glib/json-glib.h>

/* Objects and arrays in each other: json-glib parses by recursion. */
#define JSON_LINE_MAX_DEPTH	64
/* Of a request, all that it may open. */
#define JSON_LINE_MAX_OPEN	2048

/* Whether it may be parsed: text, bounded in what it opens and how deep. */
gboolean json_line_fits(const char *line, gsize len, guint max_open, GError **error);

/* Return: (transfer full): the object, or NULL: BadRequest says why. */
JsonObject *json_line_parse(const char *line, gsize len, guint max_open, GError **error);

/* Return: (transfer full): the object on one line, newline at its end. */
char *json_line_format(JsonObject *object, gsize *len);

/*
 * Members of a request. The getters return FALSE with an error if the member is
 * of another type; a missing one leaves *value as it was, unless @required.
 */
gboolean json_line_string(JsonObject *object, const char *member, gboolean required,
			  const char **value, GError **error);
gboolean json_line_int(JsonObject *object, const char *member, gint64 min, gint64 max,
		       gboolean required, gint64 *value, GError **error);
gboolean json_line_boolean(JsonObject *object, const char *member, gboolean *value,
			   GError **error);

/* FALSE with an error if it has a member that is not in the NULL-terminated list. */
gboolean json_line_only(JsonObject *object, const char *const *members, GError **error);

#endif
