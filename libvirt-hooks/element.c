// SPDX-License-Identifier: GPL-2.0
/*
 * The element of VSBypass in a libvirt domain.
 *
 * Read strictly by hand, because the messages of a RELAX NG validator do not say what is
 * wanted; then it must fit the schema as well, which is what other tools go by.
 */
#include "element.h"

#include <stdarg.h>
#include <string.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>

#include "authkey.h"
#include "error.h"
#include "names.h"
#include "schema.h"

/* Of any version: what looks like ours and is not understood is refused. */
#define OUR_NS_PREFIX	"urn:vsbypass:"

static gboolean G_GNUC_PRINTF(3, 4) refuse(const xmlNode *node, GError **error,
					   const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST, "line %ld: %s",
		    xmlGetLineNo(node), text);
	return FALSE;
}

static const char *name_of(const xmlNode *node)
{
	return (const char *)node->name;
}

static gboolean is_element(const xmlNode *node, const char *ns, const char *name)
{
	return node->type == XML_ELEMENT_NODE && !strcmp(name_of(node), name) &&
	       !g_strcmp0(node->ns ? (const char *)node->ns->href : NULL, ns);
}

xmlNode *element_child(const xmlNode *parent, const char *name)
{
	for (xmlNode *node = parent ? parent->children : NULL; node; node = node->next)
		if (is_element(node, NULL, name))
			return node;
	return NULL;
}

char *element_attribute(const xmlNode *node, const char *name)
{
	xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
	char *copy = g_strdup((char *)value);

	xmlFree(value);
	return copy;
}

static void on_parser_error(void *data, xmlErrorPtr error)
{
	GError **cause = data;
	g_autofree char *text = g_strdup(error->message ? error->message : "not well-formed");

	/* The first says most. */
	if (*cause || error->level < XML_ERR_ERROR)
		return;
	g_set_error(cause, VSB_ERROR, VSB_ERROR_BAD_REQUEST, "line %d: no XML: %s", error->line,
		    g_strchomp(text));
}

xmlDoc *element_parse_domain(const char *text, gsize len, GError **error)
{
	g_autoptr(xmlDoc) doc = NULL;
	g_autoptr(GError) cause = NULL;
	xmlParserCtxt *ctxt;
	xmlNode *root;

	if (len > ELEMENT_XML_MAX || !g_utf8_validate(text, (gssize)len, NULL)) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "line 1: it is %s; is that the XML of a domain?",
			    len > ELEMENT_XML_MAX ? "longer than 8 MiB" : "no UTF-8 text");
		return NULL;
	}
	/* Before the parser: it would read what a document type declares. */
	if (len && memmem(text, len, "<!DOCTYPE", strlen("<!DOCTYPE"))) {
		g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
				    "line 1: it has a document type; libvirt writes none, remove it");
		return NULL;
	}
	ctxt = xmlNewParserCtxt();
	if (!ctxt)
		g_error("out of memory");
	xmlSetStructuredErrorFunc(&cause, on_parser_error);
	/* The encoding is what was checked, whatever the document says of itself. */
	doc = xmlCtxtReadMemory(ctxt, len ? text : "", (int)len, NULL, "UTF-8",
				XML_PARSE_NONET | XML_PARSE_NOBLANKS | XML_PARSE_BIG_LINES);
	xmlSetStructuredErrorFunc(NULL, NULL);
	xmlFreeParserCtxt(ctxt);
	if (cause || !doc) {
		if (cause)
			g_propagate_error(error, g_steal_pointer(&cause));
		else
			g_set_error_literal(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
					    "line 1: no XML");
		return NULL;
	}
	root = xmlDocGetRootElement(doc);
	if (!root || !is_element(root, NULL, "domain")) {
		g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST,
			    "line 1: the root is no <domain>; give the output of 'virsh dumpxml'");
		return NULL;
	}
	return g_steal_pointer(&doc);
}

/* Finds the one place where the element may be; @metadata: we are directly in that. */
static gboolean find(xmlNode *node, gboolean metadata, xmlNode **element, GError **error)
{
	for (; node; node = node->next) {
		const char *ns = node->type == XML_ELEMENT_NODE && node->ns ?
				 (const char *)node->ns->href : "";

		if (!g_str_has_prefix(ns, OUR_NS_PREFIX)) {
			gboolean inside = node->type == XML_ELEMENT_NODE &&
					  is_element(node, NULL, "metadata") && node->parent &&
					  node->parent == xmlDocGetRootElement(node->doc);

			if (node->type == XML_ELEMENT_NODE &&
			    !find(node->children, inside, element, error))
				return FALSE;
			continue;
		}
		if (strcmp(ns, ELEMENT_NS))
			return refuse(node, error, "<%s> is of namespace '%s'; this VSBypass knows "
				      ELEMENT_NS, name_of(node), ns);
		if (!metadata)
			return refuse(node, error, "<%s> of VSBypass is not directly in the domain's "
				      "<metadata>; move it there", name_of(node));
		if (strcmp(name_of(node), "cloud") && strcmp(name_of(node), "proxy"))
			return refuse(node, error, "there is no element <%s> of VSBypass; <cloud> and "
				      "<proxy> are", name_of(node));
		if (*element)
			return refuse(node, error, "<%s> beside <%s>; a domain has one of them",
				      name_of(node), name_of(*element));
		*element = node;
	}
	return TRUE;
}

/* It has only these attributes, NULL-terminated. */
static gboolean only_attributes(const xmlNode *node, const char *const *names, GError **error)
{
	for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
		if (!attr->ns && g_strv_contains(names, (const char *)attr->name))
			continue;
		return refuse(node, error, "<%s> has no attribute '%s'", name_of(node),
			      (const char *)attr->name);
	}
	return TRUE;
}

/* An attribute that is one of @words, NULL-terminated. *value is one of them. */
static gboolean word_of(const xmlNode *node, const char *name, const char *const *words,
			const char **value, GError **error)
{
	g_autofree char *text = element_attribute(node, name), *show = NULL, *list = NULL;

	if (!text)
		return TRUE;
	for (const char *const *word = words; *word; word++) {
		if (strcmp(*word, text))
			continue;
		*value = *word;
		return TRUE;
	}
	show = vsb_error_shown(text, 60);
	list = g_strjoinv("' or '", (char **)words);
	return refuse(node, error, "<%s>: %s='%s'; it is '%s'", name_of(node), name, show, list);
}

/*
 * The next child element, in our namespace, after @node (NULL: the first); *node is NULL
 * at the end. Text that is not white space is refused.
 */
static gboolean next_child(const xmlNode *parent, xmlNode **node, GError **error)
{
	for (*node = *node ? (*node)->next : parent->children; *node; *node = (*node)->next) {
		if ((*node)->type == XML_COMMENT_NODE || (*node)->type == XML_PI_NODE ||
		    xmlIsBlankNode(*node))
			continue;
		if ((*node)->type != XML_ELEMENT_NODE)
			return refuse(parent, error, "there is text in <%s>; it has only elements",
				      name_of(parent));
		if (is_element(*node, ELEMENT_NS, name_of(*node)))
			return TRUE;
		return refuse(*node, error, "<%s> in <%s> is not of namespace " ELEMENT_NS,
			      name_of(*node), name_of(parent));
	}
	return TRUE;
}

static gboolean no_children(const xmlNode *parent, GError **error)
{
	xmlNode *node = NULL;

	if (!next_child(parent, &node, error))
		return FALSE;
	return node ? refuse(node, error, "there is <%s> in <%s>, which has no content",
			     name_of(node), name_of(parent)) : TRUE;
}

/* Moves what @cause says of a value to its line. */
static gboolean pass_on(const xmlNode *node, GError **error, const GError *cause)
{
	return refuse(node, error, "<%s>: %s", name_of(node), cause->message);
}

static gboolean read_serial(const xmlNode *node, GString *ports, GError **error)
{
	static const char * const names[] = { "ports", NULL };
	g_autofree char *range = element_attribute(node, "ports");
	g_autoptr(GError) cause = NULL;
	struct vsb_ports parsed;

	if (!only_attributes(node, names, error) || !no_children(node, error))
		return FALSE;
	if (!range)
		return refuse(node, error, "<serial> needs ports, e.g. ports='" VSB_DEFAULT_PORTS "'");
	if (strchr(range, ',') || !g_ascii_isdigit(range[0]))
		return refuse(node, error, "<serial>: ports is one range such as "
			      VSB_DEFAULT_PORTS "; give each its own <serial>");
	g_string_append_printf(ports, "%s%s", ports->len ? "," : "", range);
	/* All so far: they must not overlap either. */
	if (!vsb_ports_parse(ports->str, &parsed, &cause))
		return pass_on(node, error, cause);
	return TRUE;
}

/* *required is what it says. */
static gboolean read_identity(const xmlNode *node, const char **policy, GError **error)
{
	static const char * const names[] = { "policy", NULL };
	static const char * const policies[] = { "first-seen", "required", NULL };

	if (*policy)
		return refuse(node, error, "a second <identity>; a user VM has one");
	if (!only_attributes(node, names, error) || !no_children(node, error) ||
	    !word_of(node, "policy", policies, policy, error))
		return FALSE;
	return *policy ? TRUE : refuse(node, error, "<identity> needs policy='first-seen' or "
				       "policy='required'");
}

static gboolean read_key(const xmlNode *node, JsonArray *keys, GError **error)
{
	static const char * const names[] = { NULL };
	g_autoptr(GError) cause = NULL;
	g_autofree char *line = NULL;
	xmlChar *content;

	for (const xmlNode *child = node->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE || child->type == XML_ENTITY_REF_NODE)
			return refuse(node, error, "<key> has only text");
	if (!only_attributes(node, names, error))
		return FALSE;
	content = xmlNodeGetContent(node);
	line = g_strstrip(g_strdup((char *)content));
	xmlFree(content);
	if (!vsb_authkey_check(line, &cause))
		return pass_on(node, error, cause);
	json_array_add_string_element(keys, line);
	return TRUE;
}

/* The devices of a user VM, its policy and keys, into @uservm. */
static gboolean read_contents(const xmlNode *parent, const char *front, JsonObject *uservm,
			      GError **error)
{
	g_autoptr(JsonArray) keys = json_array_new();
	g_autoptr(GString) ports = g_string_new(NULL);
	g_autoptr(GError) cause = NULL;
	struct vsb_ports parsed;
	const char *policy = NULL;
	static const char * const simple[] = { "ps2", "vga" };
	gboolean has[G_N_ELEMENTS(simple)] = { FALSE };
	xmlNode *node = NULL;

	while (next_child(parent, &node, error) && node) {
		static const char * const none[] = { NULL };
		gsize i = 0;
		gboolean fine;

		while (i < G_N_ELEMENTS(simple) && strcmp(name_of(node), simple[i]))
			i++;
		if (!strcmp(name_of(node), "serial")) {
			fine = read_serial(node, ports, error);
		} else if (!strcmp(name_of(node), "identity")) {
			fine = read_identity(node, &policy, error);
		} else if (!strcmp(name_of(node), "key")) {
			fine = read_key(node, keys, error);
		} else if (i == G_N_ELEMENTS(simple)) {
			fine = refuse(node, error, "there is no <%s>; <uservm> has <serial>, <ps2>, "
				      "<vga>, <identity> and <key>", name_of(node));
		} else if (has[i]) {
			fine = refuse(node, error, "a second <%s>; a user VM has one", simple[i]);
		} else {
			fine = only_attributes(node, none, error) && no_children(node, error);
			has[i] = TRUE;
		}
		if (!fine)
			return FALSE;
	}
	if (node)
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(simple); i++)
		if (has[i])
			g_string_append_printf(ports, "%s%s", ports->len ? "," : "", simple[i]);
	if (!ports->len)
		g_string_append(ports, VSB_DEFAULT_PORTS);
	if (!g_strcmp0(front, "off"))
		g_string_append(ports, ",front=off");
	/* A range of <serial> and those of the others must not overlap. */
	if (!vsb_ports_parse(ports->str, &parsed, &cause))
		return pass_on(parent, error, cause);
	json_object_set_string_member(uservm, "ports", ports->str);
	json_object_set_string_member(uservm, "identity", policy ? policy : "first-seen");
	if (json_array_get_length(keys))
		json_object_set_array_member(uservm, "keys", g_steal_pointer(&keys));
	return TRUE;
}

static gboolean read_uservm(const xmlNode *node, JsonArray *uservms, GHashTable *seen,
			    GError **error)
{
	static const char * const names[] = { "name", "front", NULL };
	static const char * const fronts[] = { "on", "off", NULL };
	g_autoptr(JsonObject) uservm = json_object_new();
	g_autofree char *name = element_attribute(node, "name");
	g_autoptr(GError) cause = NULL;
	const char *front = NULL;

	if (!only_attributes(node, names, error) ||
	    !word_of(node, "front", fronts, &front, error))
		return FALSE;
	if (!name)
		return refuse(node, error, "<uservm> needs a name");
	if (!vsb_name_check("user VM", name, &cause))
		return pass_on(node, error, cause);
	json_object_set_string_member(uservm, "name", name);
	if (!read_contents(node, front, uservm, error))
		return FALSE;
	if (!g_hash_table_add(seen, g_strdup(name)))
		return refuse(node, error, "user VM '%s' is named twice; each needs a name of its own",
			      name);
	json_array_add_object_element(uservms, g_steal_pointer(&uservm));
	return TRUE;
}

static gboolean read_uservms(const xmlNode *cloud, JsonArray *uservms, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	xmlNode *node = NULL;

	while (next_child(cloud, &node, error) && node) {
		if (strcmp(name_of(node), "uservm"))
			return refuse(node, error, "there is no <%s>; <cloud> has <uservm>",
				      name_of(node));
		if (!read_uservm(node, uservms, seen, error))
			return FALSE;
	}
	if (node)
		return FALSE;
	if (!g_hash_table_size(seen) || g_hash_table_size(seen) > VSB_MAX_PROXIES)
		return refuse(cloud, error, "<cloud> has %u <uservm>; 1 to %d are possible",
			      g_hash_table_size(seen), VSB_MAX_PROXIES);
	return TRUE;
}

/* The name in the element, or the domain's. Return: (transfer full), NULL: @error. */
static char *cloud_name_of(const xmlNode *cloud, GError **error)
{
	g_autofree char *name = element_attribute(cloud, "name");
	g_autoptr(GError) cause = NULL;
	gboolean own = name != NULL;

	if (!own) {
		const xmlNode *node = element_child(xmlDocGetRootElement(cloud->doc), "name");
		xmlChar *content = node ? xmlNodeGetContent(node) : NULL;

		name = g_strdup(content ? (char *)content : "");
		xmlFree(content);
	}
	if (vsb_name_check("cloud VM", name, &cause))
		return g_steal_pointer(&name);
	refuse(cloud, error, "<cloud>: %s%s", cause->message,
	       own ? "" : ". That is the domain's name: give another one, <cloud name='...'>");
	return NULL;
}

static void on_schema_error(void *data, xmlErrorPtr error)
{
	GError **cause = data;
	g_autofree char *text = g_strdup(error->message ? error->message : "it does not fit");

	if (!*cause)
		g_set_error(cause, VSB_ERROR, VSB_ERROR_BAD_REQUEST, "line %d: schema: %s",
			    error->line, g_strchomp(text));
}

static gboolean fits_schema(xmlNode *cloud, GError **error)
{
	g_autoptr(xmlDoc) doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewMemParserCtxt(vsbypass_schema,
								  (int)strlen(vsbypass_schema));
	xmlRelaxNG *schema = xmlRelaxNGParse(parser);
	xmlRelaxNGValidCtxt *valid = xmlRelaxNGNewValidCtxt(schema);
	g_autoptr(GError) cause = NULL;
	int status;

	/* Its own schema: a program that cannot read that is broken. */
	if (!schema || !valid)
		g_error("the schema of VSBypass cannot be read");
	xmlDocSetRootElement(doc, xmlDocCopyNode(cloud, doc, 1));
	xmlRelaxNGSetValidStructuredErrors(valid, on_schema_error, &cause);
	status = xmlRelaxNGValidateDoc(valid, doc);
	xmlRelaxNGFreeValidCtxt(valid);
	xmlRelaxNGFree(schema);
	xmlRelaxNGFreeParserCtxt(parser);
	if (!status)
		return TRUE;
	if (cause)
		g_propagate_error(error, g_steal_pointer(&cause));
	else
		refuse(cloud, error, "it does not fit the schema");
	return FALSE;
}

static JsonObject *read_cloud(xmlNode *cloud, GError **error)
{
	static const char * const names[] = { "name", "irq", "unclaimed", NULL };
	static const char * const policies[] = { "absorb", "reflect", NULL };
	static const char * const ways[] = { "auto", "exit", "agent", NULL };
	g_autoptr(JsonObject) arguments = json_object_new();
	g_autoptr(JsonArray) uservms = json_array_new();
	g_autofree char *name = cloud_name_of(cloud, error);
	const char *unclaimed = policies[0], *irq = NULL;

	if (!name || !only_attributes(cloud, names, error) ||
	    !word_of(cloud, "irq", ways, &irq, error) ||
	    !word_of(cloud, "unclaimed", policies, &unclaimed, error) ||
	    !read_uservms(cloud, uservms, error) || !fits_schema(cloud, error))
		return NULL;
	json_object_set_string_member(arguments, "cloud", name);
	if (irq)
		json_object_set_string_member(arguments, "irq", irq);
	json_object_set_string_member(arguments, "unclaimed", unclaimed);
	json_object_set_array_member(arguments, "uservms", g_steal_pointer(&uservms));
	return g_steal_pointer(&arguments);
}

enum irq_mode element_irq(JsonObject *cloud)
{
	enum irq_mode mode = IRQ_MODE_AUTO;

	irq_mode_parse(json_object_get_string_member_with_default(cloud, "irq", IRQ_MODE_DEFAULT),
		       &mode, NULL);
	return mode;
}

/* An attribute that is the name of a @what, into @arguments under its own. */
static gboolean read_name(const xmlNode *node, const char *name, const char *what,
			  JsonObject *arguments, GError **error)
{
	g_autofree char *value = element_attribute(node, name);
	g_autoptr(GError) cause = NULL;

	if (!value)
		return refuse(node, error, "<%s> needs the attribute '%s', the name of the %s",
			      name_of(node), name, what);
	if (!vsb_name_check(what, value, &cause))
		return pass_on(node, error, cause);
	json_object_set_string_member(arguments, name, value);
	return TRUE;
}

static JsonObject *read_proxy(xmlNode *proxy, GError **error)
{
	static const char * const names[] = { "cloud", "uservm", NULL };
	g_autoptr(JsonObject) arguments = json_object_new();

	if (!only_attributes(proxy, names, error) ||
	    !read_name(proxy, "cloud", "cloud VM", arguments, error) ||
	    !read_name(proxy, "uservm", "user VM", arguments, error) ||
	    !no_children(proxy, error) || !fits_schema(proxy, error))
		return NULL;
	return g_steal_pointer(&arguments);
}

JsonObject *element_read(xmlDoc *domain, enum element_kind *kind, GError **error)
{
	xmlNode *element = NULL;

	*kind = ELEMENT_WRONG;
	if (!find(xmlDocGetRootElement(domain), FALSE, &element, error))
		return NULL;
	if (!element) {
		*kind = ELEMENT_NONE;
		return NULL;
	}
	if (!strcmp(name_of(element), "proxy")) {
		*kind = ELEMENT_PROXY;
		return read_proxy(element, error);
	}
	*kind = ELEMENT_CLOUD;
	return read_cloud(element, error);
}
