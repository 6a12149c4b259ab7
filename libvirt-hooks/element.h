/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The element of VSBypass in the <metadata> of a libvirt domain, vsbypass-domain(5):
 * found, checked, and made into arguments for vsbypassd.
 *
 * All errors are a BadRequest and begin with the line: "line 12: <uservm> has no ...".
 */
#ifndef VSB_ELEMENT_H
#define VSB_ELEMENT_H

#include <json-glib/json-glib.h>
#include <libxml/tree.h>

#include "irq-mode.h"

#define ELEMENT_NS	"urn:vsbypass:libvirt:domain:1.0"
#define ELEMENT_XML_MAX	(8 * 1024 * 1024)	/* bytes of a domain's XML */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)

/*
 * @text: UTF-8, need not end in NUL. Nothing is loaded from elsewhere; a document type
 * is refused, and with it all entities of its own.
 * Return: NULL with an error if it is no XML or its root is no <domain>.
 */
xmlDoc *element_parse_domain(const char *text, gsize len, GError **error);

/* What a domain is. */
enum element_kind {
	ELEMENT_NONE,		/* none of our business */
	ELEMENT_CLOUD,		/* a cloud VM */
	ELEMENT_PROXY,		/* the proxy of a user VM */
	ELEMENT_WRONG,		/* there is something of ours that cannot be read */
};

/**
 * element_read() - what the element of a domain says
 * @domain:	element_parse_domain()
 * @kind:	set to what it is
 *
 * Return: (transfer full): of a cloud VM the arguments of "attach" but for "pid" and
 * "agent" (Documentation/protocols.rst), "cloud" being the domain's name by default; of a
 * proxy those of "serve" but for "domain" and "pid". NULL: there is no element (no error),
 * or @error says what is wrong.
 */
JsonObject *element_read(xmlDoc *domain, enum element_kind *kind, GError **error);

/* Of what element_read() has returned of a cloud VM: how interrupts come to its user VMs. */
enum irq_mode element_irq(JsonObject *cloud);

/* The root's first child element of that name without a namespace, or NULL. */
xmlNode *element_child(const xmlNode *parent, const char *name);

/* Return: (transfer full): the attribute, or NULL: it has none. */
char *element_attribute(const xmlNode *node, const char *name);

#endif
