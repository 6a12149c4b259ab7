// SPDX-License-Identifier: GPL-2.0
/* One JSON object on a line. */
#include "json-line.h"

#include <string.h>

#include "error.h"

/*
 * How deep it is, which is the recursion of json-glib. That takes comments and strings in single quotes
 * as well: with them it could find brackets where we see a string, so there is to be nothing outside of
 * strings but JSON.
 */
static gboolean depth_fits(const char *line, gsize len)
{
	gboolean in_string = FALSE;
	guint depth = 0;

	for (gsize i = 0; i < len; i++) {
		char c = line[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth -= depth > 0;
		else if (!g_ascii_isalnum(c) && !g_ascii_isspace(c) && !memchr(",:+-.", c, 5))
			return FALSE;
		if (depth > JSON_LINE_MAX_DEPTH)
			return FALSE;
	}
	return TRUE;
}

gboolean json_line_fits(const char *line, gsize len, guint max_open, GError **error)
{
	guint open = 0;

	/* Brackets in strings count too. */
	for (gsize i = 0; i < len; i++)
		open += line[i] == '{' || line[i] == '[';
	if (open > max_open) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "more than %u brackets in one line", max_open);
		return FALSE;
	}
	if (!g_utf8_validate(line, (gssize)len, NULL)) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "the line is not UTF-8 text");
		return FALSE;
	}
	if (!depth_fits(line, len)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "the line is no JSON, or nested more than %d times", JSON_LINE_MAX_DEPTH);
		return FALSE;
	}
	/* A string would end there for us, and what follows be done without. */
	if (memmem(line, len, "\\u0000", strlen("\\u0000"))) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "the line holds a NUL (\\u0000)");
		return FALSE;
	}
	return TRUE;
}

JsonObject *json_line_parse(const char *line, gsize len, guint max_open, GError **error)
{
	g_autoptr(JsonParser) parser = NULL;
	g_autoptr(GError) cause = NULL;
	JsonNode *root;

	if (!json_line_fits(line, len, max_open, error))
		return NULL;
	parser = json_parser_new_immutable();
	if (!json_parser_load_from_data(parser, line, (gssize)len, &cause)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST, "the line is no JSON: %s",
			    cause->message);
		return NULL;
	}
	root = json_parser_get_root(parser);
	if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "the line is no JSON object");
		return NULL;
	}
	return json_object_ref(json_node_get_object(root));
}

char *json_line_format(JsonObject *object, gsize *len)
{
	g_autoptr(JsonNode) node = json_node_alloc();
	g_autofree char *text = NULL;
	char *line;

	json_node_init_object(node, object);
	text = json_to_string(node, FALSE);
	line = g_strconcat(text, "\n", NULL);
	*len = strlen(line);
	return line;
}

static JsonNode *get_member(JsonObject *object, const char *member, GType type,
			    gboolean required, const char *type_name, gboolean *fine,
			    GError **error)
{
	JsonNode *node = json_object_get_member(object, member);

	*fine = FALSE;
	if (!node) {
		*fine = !required;
		if (required)
			g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "argument '%s' (%s) is missing", member, type_name);
		return NULL;
	}
	if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != type) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "argument '%s' must be a %s", member, type_name);
		return NULL;
	}
	*fine = TRUE;
	return node;
}

gboolean json_line_string(JsonObject *object, const char *member, gboolean required,
			  const char **value, GError **error)
{
	gboolean fine;
	JsonNode *node = get_member(object, member, G_TYPE_STRING, required, "string", &fine,
				    error);

	if (node)
		*value = json_node_get_string(node);
	return fine;
}

gboolean json_line_int(JsonObject *object, const char *member, gint64 min, gint64 max,
		       gboolean required, gint64 *value, GError **error)
{
	gboolean fine;
	JsonNode *node = get_member(object, member, G_TYPE_INT64, required, "number", &fine,
				    error);
	gint64 number;

	if (!node)
		return fine;
	number = json_node_get_int(node);
	if (number < min || number > max) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "argument '%s' must be from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
			    member, min, max);
		return FALSE;
	}
	*value = number;
	return TRUE;
}

gboolean json_line_boolean(JsonObject *object, const char *member, gboolean *value,
			   GError **error)
{
	gboolean fine;
	JsonNode *node = get_member(object, member, G_TYPE_BOOLEAN, FALSE, "boolean", &fine,
				    error);

	if (node)
		*value = json_node_get_boolean(node);
	return fine;
}

gboolean json_line_only(JsonObject *object, const char *const *members, GError **error)
{
	g_autoptr(GList) names = json_object_get_members(object);

	for (GList *name = names; name; name = name->next) {
		g_autofree char *shown = NULL;

		if (g_strv_contains(members, name->data))
			continue;
		shown = vsb_error_shown(name->data, 40);
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST, "unknown argument '%s'",
			    shown);
		return FALSE;
	}
	return TRUE;
}
