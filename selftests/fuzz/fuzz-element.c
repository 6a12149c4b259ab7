// SPDX-License-Identifier: GPL-2.0
/*
 * libvirt-hooks: the XML of a domain, which whoever may define domains writes. What is taken of it
 * vsbypassd takes, too.
 */
#include "fuzz.h"

#include <string.h>
#include <libxml/xmlerror.h>

#include "domain-check.h"
#include "element.h"

static void on_error(void *data, const char *format, ...)
{
}

static void look_at(xmlDoc *doc)
{
	enum element_kind kind = ELEMENT_NONE;
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonObject) element = element_read(doc, &kind, &error);
	g_autofree char *agent = NULL;
	struct vsb_ports ports;

	g_assert_true(element ? !error && (kind == ELEMENT_CLOUD || kind == ELEMENT_PROXY) :
		      !error == (kind == ELEMENT_NONE));
	g_assert_true(!error || g_str_has_prefix(error->message, "line "));
	if (kind == ELEMENT_CLOUD && element) {
		JsonArray *uservms = json_object_get_array_member(element, "uservms");

		for (guint i = 0; i < json_array_get_length(uservms); i++) {
			JsonObject *uservm = json_array_get_object_element(uservms, i);

			g_assert_true(vsb_ports_parse(json_object_get_string_member(uservm, "ports"), &ports, NULL));
			g_assert_true(vsb_name_valid(json_object_get_string_member(uservm, "name")));
		}
		element_irq(element);
	}
	if (domain_check(doc, IRQ_MODE_AGENT, &agent, NULL) && agent)
		g_assert_true(agent[0] == '/');
	vsb_ports_parse("0x3f8-0x3ff,0x2f8-0x2ff,ps2", &ports, NULL);
	domain_check_proxy(doc, &ports, NULL);
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	struct input in = { data, size };
	g_autofree char *text = take_rest(&in);
	g_autoptr(GError) error = NULL;
	xmlDoc *doc;

	xmlSetGenericErrorFunc(NULL, on_error);
	doc = element_parse_domain(text, size, &error);
	g_assert_true(!doc != !error);
	if (doc)
		look_at(doc);
	xmlFreeDoc(doc);
	return 0;
}
