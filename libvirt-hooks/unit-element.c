// SPDX-License-Identifier: GPL-2.0
/* The element of a libvirt domain: the examples, and what is refused with which words. */
#include "element.h"

#include <string.h>

#include "authkey.h"
#include "domain-check.h"
#include "error.h"
#include "names.h"
#include "read-all.h"

#define NS	"xmlns:v='" ELEMENT_NS "'"
#define KEY	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8KaigEfVo+XequfWVYnACz/psaaEfmV4uQ8pNLoKQt"
#define CHANNEL	"<channel type='unix'><target type='virtio' name='org.vsbypass.agent.0'/></channel>"
#define CPU	"<cpu mode='host-passthrough'/>"
#define DEVICES	"<devices>" CHANNEL "</devices>"
/* The element begins in line 3. */
#define DOMAIN(metadata)	"<domain type='kvm'>\n<name>c1</name><metadata>\n" metadata \
				"\n</metadata>" CPU DEVICES "</domain>"
#define CLOUD(content)		DOMAIN("<v:cloud " NS ">" content "</v:cloud>")
#define VM(content)		CLOUD("\n<v:uservm name='a'>" content "</v:uservm>")

/* Return: the arguments as text, or the error's. (transfer full) */
static char *read_text(const char *xml, gsize len)
{
	/* A copy of its exact size: AddressSanitizer sees a byte too far. */
	g_autofree char *copy = g_memdup2(xml, len);
	g_autoptr(GError) error = NULL;
	g_autoptr(xmlDoc) domain = element_parse_domain(copy, len, &error);
	g_autoptr(JsonObject) arguments = NULL;
	g_autoptr(JsonNode) node = NULL;
	enum element_kind kind = ELEMENT_WRONG;

	if (domain)
		arguments = element_read(domain, &kind, &error);
	if (error) {
		g_assert_null(arguments);
		g_assert_cmpint(error->code, ==, VSB_ERROR_BAD_REQUEST);
		g_assert_true(g_str_has_prefix(error->message, "line "));
		return g_strdup(error->message);
	}
	if (kind == ELEMENT_NONE)
		return g_strdup("none");
	g_assert_cmpint(kind, !=, ELEMENT_WRONG);
	g_assert_nonnull(arguments);
	node = json_node_init_object(json_node_alloc(), arguments);
	return json_to_string(node, FALSE);
}

static void test_good(void)
{
	static const struct {
		const char *xml, *wanted;
	} cases[] = {
		{ "<domain/>", "none" },
		{ "<domain type='kvm'><metadata><x xmlns='urn:other'/></metadata></domain>", "none" },
		{ VM(""), "{\"cloud\":\"c1\",\"unclaimed\":\"absorb\",\"uservms\":[{\"name\":\"a\","
		  "\"ports\":\"0x3f8-0x3ff\",\"identity\":\"first-seen\"}]}" },
		{ DOMAIN("<!-- x --><v:cloud name='d' unclaimed='reflect' " NS "> <?pi?>\n<!-- y -->"
			 "<v:uservm name='a' front='off'/><v:uservm name='b' front='on'/></v:cloud>"),
		  "{\"cloud\":\"d\",\"unclaimed\":\"reflect\",\"uservms\":[{\"name\":\"a\","
		  "\"ports\":\"0x3f8-0x3ff,front=off\",\"identity\":\"first-seen\"},{\"name\":\"b\","
		  "\"ports\":\"0x3f8-0x3ff\",\"identity\":\"first-seen\"}]}" },
		{ DOMAIN("<v:cloud irq='exit' " NS "><v:uservm name='a'/></v:cloud>"),
		  "{\"cloud\":\"c1\",\"irq\":\"exit\",\"unclaimed\":\"absorb\",\"uservms\":[{"
		  "\"name\":\"a\",\"ports\":\"0x3f8-0x3ff\",\"identity\":\"first-seen\"}]}" },
		{ VM("<v:ps2/>"), "{\"cloud\":\"c1\",\"unclaimed\":\"absorb\",\"uservms\":[{"
		  "\"name\":\"a\",\"ports\":\"ps2\",\"identity\":\"first-seen\"}]}" },
		{ VM("<v:vga/><v:ps2/>"), "{\"cloud\":\"c1\",\"unclaimed\":\"absorb\",\"uservms\":[{"
		  "\"name\":\"a\",\"ports\":\"ps2,vga\",\"identity\":\"first-seen\"}]}" },
		{ VM("<v:ps2/><v:serial ports='0x2f8-0x2ff'/><v:key>\n " KEY " al\n</v:key>"
		     "<v:identity policy='required'/><v:serial ports='0x3f8-0x3ff'/>"),
		  "{\"cloud\":\"c1\",\"unclaimed\":\"absorb\",\"uservms\":[{\"name\":\"a\","
		  "\"ports\":\"0x2f8-0x2ff,0x3f8-0x3ff,ps2\",\"identity\":\"required\","
		  "\"keys\":[\"" KEY " al\"]}]}" },
		{ DOMAIN("<v:proxy " NS " cloud='c' uservm='a'> <!-- x --></v:proxy>"),
		  "{\"cloud\":\"c\",\"uservm\":\"a\"}" },
		/* another prefix, or none */
		{ DOMAIN("<cloud xmlns='" ELEMENT_NS "'><uservm name='a'/></cloud>"),
		  "{\"cloud\":\"c1\",\"unclaimed\":\"absorb\",\"uservms\":[{\"name\":\"a\","
		  "\"ports\":\"0x3f8-0x3ff\",\"identity\":\"first-seen\"}]}" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = read_text(cases[i].xml, strlen(cases[i].xml));

		g_assert_cmpstr(text, ==, cases[i].wanted);
	}
}

static void test_bad(void)
{
	static const struct {
		const char *xml, *wanted;
	} cases[] = {
		{ "", "line 1: no XML" },
		{ "<domain>", "line 1: no XML: " },
		{ "<domain>\n<name></nam></domain>", "line 2: no XML: " },
		{ "<a/>", "line 1: the root is no <domain>" },
		{ "<domain xmlns='urn:x'/>", "line 1: the root is no <domain>" },
		{ "<!DOCTYPE d [<!ENTITY a 'b'>]><domain/>", "line 1: it has a document type" },
		{ "<domain>\xff</domain>", "line 1: it is no UTF-8 text" },
		{ "<domain>&foo;</domain>", "line 1: no XML: " },
		{ DOMAIN("<v:cloud " NS "/>"), "line 3: <cloud> has 0 <uservm>" },
		{ DOMAIN("<v:proxy " NS " uservm='a'/>"),
		  "line 3: <proxy> needs the attribute 'cloud', the name of the cloud VM" },
		{ DOMAIN("<v:proxy " NS " cloud='c'/>"),
		  "line 3: <proxy> needs the attribute 'uservm', the name of the user VM" },
		{ DOMAIN("<v:proxy " NS " cloud='a/b' uservm='a'/>"),
		  "line 3: <proxy>: cloud VM name 'a/b' is malformed" },
		{ DOMAIN("<v:proxy " NS " cloud='c' uservm=''/>"),
		  "line 3: <proxy>: user VM name '' is malformed" },
		{ DOMAIN("<v:proxy " NS " cloud='c' uservm='a' name='x'/>"),
		  "line 3: <proxy> has no attribute 'name'" },
		{ DOMAIN("<v:proxy " NS " cloud='c' uservm='a'><v:ps2/></v:proxy>"),
		  "line 3: there is <ps2> in <proxy>, which has no content" },
		{ DOMAIN("<v:proxy " NS " cloud='c' uservm='a'>x</v:proxy>"),
		  "line 3: there is text in <proxy>" },
		{ DOMAIN("<v:cloud " NS "><v:uservm name='a'/></v:cloud>\n<v:proxy " NS " cloud='c' "
			 "uservm='a'/>"), "line 4: <proxy> beside <cloud>; a domain has one of them" },
		{ DOMAIN("<v:clod " NS "/>"), "line 3: there is no element <clod>" },
		{ DOMAIN("<v:cloud xmlns:v='urn:vsbypass:libvirt:domain:2.0'/>"),
		  "line 3: <cloud> is of namespace 'urn:vsbypass:libvirt:domain:2.0'" },
		{ DOMAIN("<x><v:cloud " NS "/></x>"),
		  "line 3: <cloud> of VSBypass is not directly in the domain's <metadata>" },
		{ "<domain><devices><metadata><v:cloud " NS "/></metadata></devices></domain>",
		  "line 1: <cloud> of VSBypass is not directly" },
		{ "<domain><v:cloud " NS "/></domain>", "line 1: <cloud> of VSBypass is not directly" },
		{ DOMAIN("<v:cloud " NS "><v:uservm name='a'/></v:cloud>\n<v:cloud " NS "/>"),
		  "line 4: <cloud> beside <cloud>" },
		{ DOMAIN("<v:cloud x='y' " NS "/>"), "line 3: <cloud> has no attribute 'x'" },
		{ DOMAIN("<v:cloud v:name='y' " NS "/>"), "line 3: <cloud> has no attribute 'name'" },
		{ DOMAIN("<v:cloud irq='' " NS "/>"),
		  "line 3: <cloud>: irq=''; it is 'auto' or 'exit' or 'agent'" },
		{ DOMAIN("<v:cloud unclaimed='x' " NS "/>"),
		  "line 3: <cloud>: unclaimed='x'; it is 'absorb' or 'reflect'" },
		{ DOMAIN("<v:cloud name='a/b' " NS "/>"), "line 3: <cloud>: cloud VM name 'a/b' is malformed" },
		{ "<domain type='kvm'>\n<name>a b</name><metadata>\n<v:cloud " NS "/></metadata></domain>",
		  "line 3: <cloud>: cloud VM name 'a b' is malformed; use 1 to 31 letters, digits, '.', "
		  "'_' and '-', a letter or digit first. That is the domain's name: give another one, "
		  "<cloud name='...'>" },
		{ CLOUD("text"), "line 3: there is text in <cloud>" },
		{ CLOUD("<uservm name='a'/>"), "line 3: <uservm> in <cloud> is not of namespace" },
		{ CLOUD("<v:vm name='a'/>"), "line 3: there is no <vm>; <cloud> has <uservm>" },
		{ CLOUD("\n<v:uservm/>"), "line 4: <uservm> needs a name" },
		{ CLOUD("\n<v:uservm name=''/>"), "line 4: <uservm>: user VM name '' is malformed" },
		{ CLOUD("\n<v:uservm name='../a'/>"), "line 4: <uservm>: user VM name '../a' is malformed" },
		{ CLOUD("\n<v:uservm name='a'/>\n<v:uservm name='a'/>"),
		  "line 5: user VM 'a' is named twice" },
		{ CLOUD("\n<v:uservm name='a' front='x'/>"),
		  "line 4: <uservm>: front='x'; it is 'on' or 'off'" },
		{ VM("x"), "line 4: there is text in <uservm>" },
		{ VM("<v:vnc/>"), "line 4: there is no <vnc>; <uservm> has" },
		{ VM("<v:ps2/><v:ps2/>"), "line 4: a second <ps2>" },
		{ VM("<v:vga/><v:vga/>"), "line 4: a second <vga>" },
		{ VM("<v:ps2 x='y'/>"), "line 4: <ps2> has no attribute 'x'" },
		{ VM("<v:ps2><v:ps2/></v:ps2>"), "line 4: there is <ps2> in <ps2>, which has no content" },
		{ VM("<v:serial/>"), "line 4: <serial> needs ports" },
		{ VM("<v:serial ports='x'/>"), "line 4: <serial>: ports is one range" },
		{ VM("<v:serial ports=''/>"), "line 4: <serial>: ports is one range" },
		{ VM("<v:serial ports='front=off'/>"), "line 4: <serial>: ports is one range" },
		{ VM("<v:serial ports='0x3f8,0x60'/>"), "line 4: <serial>: ports is one range" },
		{ VM("<v:serial ports='0x3ff-0x3f8'/>"), "line 4: <serial>: ports '0x3ff-0x3f8' are malformed" },
		{ VM("<v:serial ports='0x10000'/>"), "line 4: <serial>: ports '0x10000' are malformed" },
		{ VM("<v:serial ports='0x3f8-0x3ff'/>\n<v:serial ports='0x3ff'/>"),
		  "line 5: <serial>: ports '0x3f8-0x3ff,0x3ff': ranges overlap at 0x3ff" },
		{ VM("<v:identity/>"), "line 4: <identity> needs policy=" },
		{ VM("<v:identity policy='maybe'/>"), "line 4: <identity>: policy='maybe'; it is" },
		{ VM("<v:identity policy='required'/><v:identity policy='required'/>"),
		  "line 4: a second <identity>" },
		{ VM("<v:key/>"), "line 4: <key>: '' is no public key" },
		{ VM("<v:key>ssh-ed25519 AAAA</v:key>"), "line 4: <key>: 'ssh-ed25519 AAAA' is no public key" },
		{ VM("<v:key>command=\"x\" " KEY "</v:key>"), "line 4: <key>: 'command=" },
		{ VM("<v:key>" KEY "\n" KEY "</v:key>"), "line 4: <key>: 'ssh-ed25519 " },
		{ VM("<v:key><v:ps2/></v:key>"), "line 4: <key> has only text" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = read_text(cases[i].xml, strlen(cases[i].xml));

		g_test_message("%s", text);
		if (!g_str_has_prefix(text, cases[i].wanted))
			g_error("%s\nseen:   %s\nwanted: %s", cases[i].xml, text, cases[i].wanted);
		g_assert_cmpuint(strlen(text), <, 600);
	}
}

static void test_limits(void)
{
	g_autoptr(GString) xml = g_string_new("<domain type='kvm'><name>c</name><metadata><v:cloud " NS ">");
	g_autofree char *huge = g_malloc0(ELEMENT_XML_MAX + 1);
	g_autofree char *text = NULL, *many = NULL, *deep = NULL, *line = NULL;

	memset(huge, ' ', ELEMENT_XML_MAX + 1);
	text = read_text(huge, ELEMENT_XML_MAX + 1);
	g_assert_cmpstr(text, ==, "line 1: it is longer than 8 MiB; is that the XML of a domain?");

	for (guint i = 0; i <= VSB_MAX_PROXIES; i++)
		g_string_append_printf(xml, "<v:uservm name='v%u'/>", i);
	g_string_append(xml, "</v:cloud></metadata></domain>");
	many = read_text(xml->str, xml->len);
	g_assert_nonnull(strstr(many, "1 to "));

	g_string_assign(xml, "");
	for (guint i = 0; i < 100000; i++)
		g_string_append(xml, "<domain>");
	deep = read_text(xml->str, xml->len);
	g_assert_nonnull(strstr(deep, "no XML"));

	/* Line numbers beyond the 16 bits of a node. */
	g_string_assign(xml, "<domain type='kvm'>");
	for (guint i = 0; i < 70000; i++)
		g_string_append_c(xml, '\n');
	g_string_append(xml, "<metadata><v:clod " NS ">x</v:clod></metadata></domain>");
	line = read_text(xml->str, xml->len);
	g_test_message("%s", line);
	g_assert_true(g_str_has_prefix(line, "line 70001: "));
}

static void test_domain(void)
{
#define D(type, cpu, devices)	"<domain type='" type "'>\n" cpu "\n<devices>\n" devices "</devices></domain>"
	static const struct {
		const char *xml, *wanted, *agent;
		enum irq_mode irq;
	} cases[] = {
		{ D("kvm", CPU, CHANNEL), NULL, NULL, IRQ_MODE_AUTO },
		{ D("kvm", CPU, "<channel type='unix'><source mode='bind' path='/a/b'/><target "
		    "type='virtio' name='org.vsbypass.agent.0'/></channel>"), NULL, "/a/b", IRQ_MODE_AUTO },
		{ D("kvm", "<cpu mode='host-model'/>", CHANNEL), NULL, NULL, IRQ_MODE_AUTO },
		{ D("kvm", "<cpu mode='custom'><model>Haswell</model><feature name='vmx' "
		    "policy='require'/></cpu>", CHANNEL), NULL, NULL, IRQ_MODE_AUTO },
		{ D("kvm", "<cpu><model>EPYC-Rome</model></cpu>", CHANNEL), NULL, NULL, IRQ_MODE_AUTO },
		{ D("qemu", CPU, CHANNEL), "line 1: the domain is not of type='kvm'", NULL, IRQ_MODE_AUTO },
		{ D("kvm", "", CHANNEL), "line 1: the CPU has no nested virtualization", NULL, IRQ_MODE_AUTO },
		{ D("kvm", "<cpu><model>Haswell</model></cpu>", CHANNEL),
		  "line 2: the CPU has no nested virtualization", NULL, IRQ_MODE_AUTO },
		{ D("kvm", "<cpu><model>EPYC</model><feature policy='disable' name='svm'/></cpu>", CHANNEL),
		  "line 2: the CPU has vmx or svm switched off", NULL, IRQ_MODE_AUTO },
		{ D("kvm", "<cpu mode='host-passthrough'><feature policy='forbid' name='vmx'/></cpu>",
		    CHANNEL), "line 2: the CPU has vmx or svm switched off", NULL, IRQ_MODE_AUTO },
		{ D("kvm", CPU, ""), "line 3: irq='agent', but the agent's channel is missing; add "
		  "to <devices>: <channel type='unix'><target type='virtio' name='org.vsbypass.agent.0'/>"
		  "</channel>, or use irq='auto'", NULL, IRQ_MODE_AGENT },
		{ D("kvm", CPU, "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>"
		    "</channel>"), "line 3: irq='agent', but the agent's channel is missing", NULL, IRQ_MODE_AGENT },
		{ D("kvm", CPU, ""), NULL, NULL, IRQ_MODE_AUTO },
		{ D("kvm", CPU, ""), NULL, NULL, IRQ_MODE_EXIT },
		{ D("kvm", CPU, "<channel type='pty'><target type='virtio' name='org.vsbypass.agent.0'/>"
		    "</channel>"), NULL, NULL, IRQ_MODE_EXIT },
		{ D("kvm", CPU, "<channel type='unix'><source mode='bind' path='/a/b'/><target "
		    "type='virtio' name='org.vsbypass.agent.0'/></channel>"), NULL, "/a/b", IRQ_MODE_AGENT },
		{ D("kvm", CPU, "<channel type='pty'><target type='virtio' name='org.vsbypass.agent.0'/>"
		    "</channel>"), "line 4: channel org.vsbypass.agent.0 must be", NULL, IRQ_MODE_AUTO },
		{ D("kvm", CPU, "<channel type='unix'><source mode='connect' path='/a'/><target "
		    "type='virtio' name='org.vsbypass.agent.0'/></channel>"),
		  "line 4: channel org.vsbypass.agent.0 must be", NULL, IRQ_MODE_AUTO },
		{ D("kvm", CPU, "<channel type='unix'><source mode='bind' path='a/b'/><target "
		    "type='virtio' name='org.vsbypass.agent.0'/></channel>"),
		  "line 4: the path of channel org.vsbypass.agent.0 is not absolute", NULL, IRQ_MODE_AUTO },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(xmlDoc) domain = element_parse_domain(cases[i].xml, strlen(cases[i].xml),
								&error);
		g_autofree char *agent = NULL;

		g_assert_no_error(error);
		g_assert_cmpint(domain_check(domain, cases[i].irq, &agent, &error), ==, !cases[i].wanted);
		g_assert_cmpstr(agent, ==, cases[i].agent);
		if (!cases[i].wanted)
			continue;
		g_test_message("%s", error->message);
		g_assert_true(g_str_has_prefix(error->message, cases[i].wanted));
	}
}

static void test_proxy_domain(void)
{
#define ROM	"<loader type='rom'>/run/vsbypass/proxy/halt.rom</loader>"
#define OFF	"<vmport state='off'/>"
#define P(type, os, features, devices) "<domain type='" type "'>\n<os>" os "</os>\n<features>" \
	features "</features>\n<devices>" devices "</devices></domain>"
	static const struct {
		const char *xml, *ports, *wanted;
	} cases[] = {
		{ P("kvm", ROM, "", ""), NULL, NULL },
		{ P("kvm", ROM, "", "<serial type='pty'/>"), "0x3f8-0x3ff", NULL },
		{ P("kvm", ROM, "", "<serial type='pty'><target type='isa-serial' port='0'/></serial>"),
		  "0x3f8-0x3ff,front=off", NULL },
		{ P("kvm", ROM, "", "<serial type='pty'/><serial type='unix'/>"),
		  "0x2f8-0x2ff,0x3f8-0x3ff", NULL },
		{ P("kvm", ROM, OFF, "<serial type='pty'/>"), "ps2", NULL },
		{ P("kvm", ROM, "", ""), "0x80", NULL },
		{ P("qemu", ROM, "", ""), NULL, "line 1: the domain is not of type='kvm'" },
		{ "<domain type='kvm'/>", NULL, "line 1: no code may run in a proxy" },
		{ P("kvm", "", "", ""), NULL, "line 2: no code may run in a proxy; its <os> has "
		  "<loader type='rom'>/run/vsbypass/proxy/halt.rom</loader> and no <kernel>" },
		{ P("kvm", "<loader type='rom'>/usr/share/seabios/bios.bin</loader>", "", ""), NULL,
		  "line 2: no code may run" },
		{ P("kvm", "<loader type='pflash'>/run/vsbypass/proxy/halt.rom</loader>", "", ""), NULL,
		  "line 2: no code may run" },
		{ P("kvm", ROM "<kernel>/k</kernel>", "", ""), NULL, "line 2: no code may run" },
		{ P("kvm", ROM, "", ""), "0x3f8-0x3ff", "line 4: the user VM has COM1 (0x3f8), the proxy "
		  "does not; add to <devices>: <serial type='pty'><target port='0'/></serial>" },
		{ P("kvm", ROM, "", "<serial type='pty'/>"), "0x2f8-0x2ff",
		  "line 4: the user VM has COM2 (0x2f8)" },
		{ P("kvm", ROM, "", "<serial type='pty'><target port='x'/></serial>"), "0x3f8-0x3ff",
		  "line 4: the user VM has COM1" },
		{ P("kvm", ROM, "", "<serial type='pty'><target port='32'/></serial>"), "0x3f8-0x3ff",
		  "line 4: the user VM has COM1" },
		/* the one behind it is number 32, not 0 */
		{ P("kvm", ROM, "", "<serial type='pty'><target port='31'/></serial><serial type='pty'/>"),
		  "0x3f8-0x3ff", "line 4: the user VM has COM1" },
		{ P("kvm", ROM, "", "<serial type='pty'><target type='pci-serial'/></serial>"),
		  "0x3f8-0x3ff", "line 4: the user VM has COM1" },
		{ P("kvm", ROM, "", "<serial type='pty'/>"), "ps2",
		  "line 3: the user VM has a keyboard and no port of VMware's; add to <features>" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(xmlDoc) domain = element_parse_domain(cases[i].xml, strlen(cases[i].xml),
								&error);
		struct vsb_ports ports;

		g_assert_no_error(error);
		if (cases[i].ports)
			g_assert_true(vsb_ports_parse(cases[i].ports, &ports, NULL));
		if (domain_check_proxy(domain, cases[i].ports ? &ports : NULL, &error)) {
			g_assert_null(cases[i].wanted);
			continue;
		}
		g_test_message("%s", error->message);
		g_assert_nonnull(cases[i].wanted);
		g_assert_true(g_str_has_prefix(error->message, cases[i].wanted));
	}
}

static void test_examples(void)
{
	g_autoptr(GDir) dir = g_dir_open(EXAMPLES, 0, NULL);
	const char *name;
	guint n = 0;

	g_assert_nonnull(dir);
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(EXAMPLES, name, NULL), *agent = NULL;
		g_autoptr(GError) error = NULL;
		g_autoptr(GString) text = read_all(path, ELEMENT_XML_MAX, &error);
		g_autoptr(xmlDoc) domain = NULL;
		g_autoptr(JsonObject) arguments = NULL;
		enum element_kind kind;

		g_test_message("%s", name);
		g_assert_no_error(error);
		domain = element_parse_domain(text->str, text->len, &error);
		g_assert_no_error(error);
		arguments = element_read(domain, &kind, &error);
		g_assert_no_error(error);
		if (kind == ELEMENT_PROXY)
			g_assert_true(domain_check_proxy(domain, NULL, &error));
		else
			g_assert_true(domain_check(domain, element_irq(arguments), &agent, &error));
		g_assert_no_error(error);
		n++;
	}
	g_assert_cmpuint(n, >=, 7);
}

/* Any change of some bytes is read or refused; neither crashes. */
static void test_mutations(void)
{
	const char *xml = VM("<v:ps2/><v:serial ports='0x2f8-0x2ff'/><v:key>" KEY "</v:key>"
			     "<v:identity policy='required'/>");
	g_autoptr(GRand) rand = g_rand_new_with_seed(6);
	gsize len = strlen(xml);

	for (int i = 0; i < 4000; i++) {
		g_autofree char *copy = g_strdup(xml), *text = NULL;
		gsize used = i % 8 ? len : (gsize)g_rand_int_range(rand, 0, (gint32)len);
		int changes = g_rand_int_range(rand, 0, 4);

		while (changes--)
			copy[g_rand_int_range(rand, 0, (gint32)len)] = i % 2 ? (char)g_rand_int(rand) :
				"<>/'= v:\n0"[g_rand_int_range(rand, 0, 10)];
		text = read_text(copy, used);
	}
}

static void test_authkey(void)
{
	static const char * const bad[] = {
		"", " ", "ssh-ed25519", "ssh-ed25519 ", " " KEY, "x " KEY, "no-pty " KEY, "# " KEY,
		KEY "\n", KEY "\t", KEY "\r", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "ssh-ed25519 ////////////////////", KEY " \xff",
	};

	g_assert_true(vsb_authkey_check(KEY, NULL));
	g_assert_true(vsb_authkey_check(KEY " alice on her laptop", NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_false(vsb_authkey_check(bad[i], &error));
		g_assert_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/element/good", test_good);
	g_test_add_func("/element/bad", test_bad);
	g_test_add_func("/element/limits", test_limits);
	g_test_add_func("/element/domain", test_domain);
	g_test_add_func("/element/proxy-domain", test_proxy_domain);
	g_test_add_func("/element/examples", test_examples);
	g_test_add_func("/element/mutations", test_mutations);
	g_test_add_func("/element/authkey", test_authkey);
	return g_test_run();
}
