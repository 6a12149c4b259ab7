// SPDX-License-Identifier: GPL-2.0
/* "vsbctl validate": what the hook checks in the XML of a domain. */
#include "validate.h"

#include <stdio.h>
#include <string.h>

#include "domain-check.h"
#include "error.h"
#include "read-all.h"

/* An error of element.c as compilers say it, "FILE:LINE: ...": editors jump there. */
static void complain(const char *name, const GError *error)
{
	const char *text = error->message;
	char *end;

	if (g_str_has_prefix(text, "line ")) {
		gint64 line = g_ascii_strtoll(text + strlen("line "), &end, 10);

		fprintf(stderr, "%s:%" G_GINT64_FORMAT "%s\n", name, line, end);
	} else {
		fprintf(stderr, "%s: %s\n", name, text);
	}
}

static gboolean validate(const char *name, const char *file, GError **error)
{
	g_autoptr(GString) text = read_all(file, ELEMENT_XML_MAX, error);
	g_autoptr(xmlDoc) domain = text ? element_parse_domain(text->str, text->len, error) : NULL;
	g_autoptr(JsonObject) arguments = NULL;
	g_autofree char *agent = NULL;
	enum element_kind kind;

	if (!domain)
		return FALSE;
	arguments = element_read(domain, &kind, error);
	if (kind == ELEMENT_NONE)
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_NOT_FOUND,
				    "the domain has no element of namespace " ELEMENT_NS);
	if (!arguments)
		return FALSE;
	if (kind == ELEMENT_PROXY) {
		if (!domain_check_proxy(domain, NULL, error))
			return FALSE;
		printf("%s: proxy of user VM '%s' of cloud VM '%s'\n", name,
		       json_object_get_string_member(arguments, "uservm"),
		       json_object_get_string_member(arguments, "cloud"));
		return TRUE;
	}
	if (!domain_check(domain, element_irq(arguments), &agent, error))
		return FALSE;
	printf("%s: cloud VM '%s' with %u user VMs\n", name,
	       json_object_get_string_member(arguments, "cloud"),
	       json_array_get_length(json_object_get_array_member(arguments, "uservms")));
	return TRUE;
}

int validate_files(char **files)
{
	int status = 0;

	for (; *files; files++) {
		const char *name = strcmp(*files, "-") ? *files : "standard input";
		g_autoptr(GError) error = NULL;

		if (validate(name, *files, &error))
			continue;
		complain(name, error);
		status = 1;
	}
	return status;
}
