// SPDX-License-Identifier: GPL-2.0
/* What a libvirt domain needs to be a cloud VM or a proxy, beside the element. */
#include "domain-check.h"

#include <string.h>
#include <sys/un.h>

#include "error.h"

static gboolean refuse(const xmlNode *node, const char *text, GError **error)
{
	g_set_error(error, VSB_ERROR, VSB_ERROR_BAD_REQUEST, "line %ld: %s", xmlGetLineNo(node),
		    text);
	return FALSE;
}

static gboolean attribute_is(const xmlNode *node, const char *name, const char *wanted)
{
	g_autofree char *value = node ? element_attribute(node, name) : NULL;

	return !g_strcmp0(value, wanted);
}

/* The <feature> of that name in <cpu>: its policy. Return: (transfer full) or NULL. */
static char *policy_of(const xmlNode *cpu, const char *feature)
{
	for (const xmlNode *node = cpu->children; node; node = node->next) {
		g_autofree char *policy = NULL;

		if (node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, "feature") ||
		    !attribute_is(node, "name", feature))
			continue;
		policy = element_attribute(node, "policy");
		return policy ? g_steal_pointer(&policy) : g_strdup("require");
	}
	return NULL;
}

/* Those models of libvirt's CPU map (9.0) that have svm; none has vmx. */
static gboolean model_has_svm(const xmlNode *cpu)
{
	static const char * const models[] = {
		"EPYC", "Dhyana", "Opteron_G2", "Opteron_G3", "Opteron_G4", "Opteron_G5", "phenom",
	};
	const xmlNode *model = element_child(cpu, "model");
	xmlChar *content = model ? xmlNodeGetContent(model) : NULL;
	gboolean has = FALSE;

	for (gsize i = 0; content && i < G_N_ELEMENTS(models); i++)
		has = has || g_str_has_prefix((const char *)content, models[i]);
	xmlFree(content);
	return has;
}

static gboolean is_off(const char *policy)
{
	return !g_strcmp0(policy, "disable") || !g_strcmp0(policy, "forbid");
}

static gboolean is_on(const char *policy)
{
	return !g_strcmp0(policy, "require") || !g_strcmp0(policy, "force");
}

static gboolean check_cpu(const xmlNode *root, GError **error)
{
	const xmlNode *cpu = element_child(root, "cpu");
	g_autofree char *vmx = cpu ? policy_of(cpu, "vmx") : NULL;
	g_autofree char *svm = cpu ? policy_of(cpu, "svm") : NULL;

	if (is_off(vmx) || is_off(svm))
		return refuse(cpu, "the CPU has vmx or svm switched off, so there are no user VMs in "
			      "this domain; remove that <feature>", error);
	if (cpu && (attribute_is(cpu, "mode", "host-passthrough") ||
		    attribute_is(cpu, "mode", "host-model") ||
		    attribute_is(cpu, "mode", "maximum") ||
		    is_on(vmx) || is_on(svm) || model_has_svm(cpu)))
		return TRUE;
	return refuse(cpu ? cpu : root, "the CPU has no nested virtualization; use "
		      "<cpu mode='host-passthrough'/>, or add <feature policy='require' name='vmx'/> "
		      "(Intel) or name='svm' (AMD) to <cpu>", error);
}

static const xmlNode *find_channel(const xmlNode *devices)
{
	for (const xmlNode *node = devices ? devices->children : NULL; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE &&
		    !strcmp((const char *)node->name, "channel") &&
		    attribute_is(element_child(node, "target"), "name", AGENT_CHANNEL))
			return node;
	return NULL;
}

#define CHANNEL_XML	"<channel type='unix'><target type='virtio' name='" AGENT_CHANNEL "'/></channel>"

/* One that is there has to be right, unless nobody uses it. */
static gboolean check_channel(const xmlNode *root, enum irq_mode irq, char **agent, GError **error)
{
	const xmlNode *devices = element_child(root, "devices");
	const xmlNode *channel = find_channel(devices);
	const xmlNode *source = element_child(channel, "source");
	const gsize path_max = sizeof(((struct sockaddr_un *)0)->sun_path);

	if (irq == IRQ_MODE_EXIT || (irq == IRQ_MODE_AUTO && !channel))
		return TRUE;
	if (!channel)
		return refuse(devices ? devices : root, "irq='agent', but the agent's channel is "
			      "missing; add to <devices>: " CHANNEL_XML ", or use irq='auto'", error);
	if (!attribute_is(channel, "type", "unix") ||
	    !attribute_is(element_child(channel, "target"), "type", "virtio") ||
	    attribute_is(source, "mode", "connect"))
		return refuse(channel, "channel " AGENT_CHANNEL " must be a virtio port at whose "
			      "socket QEMU listens: " CHANNEL_XML, error);
	*agent = source ? element_attribute(source, "path") : NULL;
	if (!*agent || ((*agent)[0] == '/' && strlen(*agent) < path_max))
		return TRUE;
	g_clear_pointer(agent, g_free);
	return refuse(source, "the path of channel " AGENT_CHANNEL " is not absolute, or longer "
		      "than 107 bytes; remove it: libvirt chooses one", error);
}

static gboolean check_kvm(const xmlNode *root, GError **error)
{
	if (attribute_is(root, "type", "kvm"))
		return TRUE;
	return refuse(root, "the domain is not of type='kvm'; only KVM has nested exits that "
		      "VSBypass can serve", error);
}

gboolean domain_check(xmlDoc *domain, enum irq_mode irq, char **agent, GError **error)
{
	const xmlNode *root = xmlDocGetRootElement(domain);

	*agent = NULL;
	return check_kvm(root, error) && check_cpu(root, error) &&
	       check_channel(root, irq, agent, error);
}

static gboolean check_firmware(const xmlNode *root, GError **error)
{
	const xmlNode *os = element_child(root, "os");
	const xmlNode *loader = element_child(os, "loader");
	xmlChar *content = loader ? xmlNodeGetContent(loader) : NULL;
	gboolean same = !g_strcmp0((char *)content, HALT_ROM);

	xmlFree(content);
	if (same && attribute_is(loader, "type", "rom") && !element_child(os, "kernel"))
		return TRUE;
	return refuse(loader ? loader : os ? os : root, "no code may run in a proxy; its <os> has "
		      "<loader type='rom'>" HALT_ROM "</loader> and no <kernel>", error);
}

/* Numbers of the COM ports that it has, a bit for each. */
static guint com_ports(const xmlNode *devices)
{
	guint found = 0, next = 0;

	for (const xmlNode *node = devices ? devices->children : NULL; node; node = node->next) {
		const xmlNode *target;
		g_autofree char *port = NULL, *type = NULL;
		guint64 number = next;

		if (node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, "serial"))
			continue;
		target = element_child(node, "target");
		port = target ? element_attribute(target, "port") : NULL;
		type = target ? element_attribute(target, "type") : NULL;
		/* Without a number libvirt counts. */
		if (port && !g_ascii_string_to_unsigned(port, 10, 0, 31, &number, NULL))
			continue;
		next = (guint)number + 1;
		if (number < 32 && (!type || !strcmp(type, "isa-serial")))
			found |= 1U << number;
	}
	return found;
}

static gboolean check_com_ports(const xmlNode *devices, const struct vsb_ports *ports,
				GError **error)
{
	guint found = com_ports(devices);

	for (guint i = 0; i < ports->nr; i++) {
		int com = vsb_range_com(&ports->range[i]);
		g_autofree char *text = NULL;

		if (com < 0 || found & (1U << com))
			continue;
		text = g_strdup_printf("the user VM has COM%d (0x%x), the proxy does not; add to "
				       "<devices>: <serial type='pty'><target port='%d'/></serial>",
				       com + 1, ports->range[i].first, com);
		return refuse(devices, text, error);
	}
	return TRUE;
}

/* See ps2_ranges in names.c: one there would not be the user VM's. */
static gboolean check_vmport(const xmlNode *root, GError **error)
{
	const xmlNode *features = element_child(root, "features");

	if (attribute_is(element_child(features, "vmport"), "state", "off"))
		return TRUE;
	return refuse(features ? features : root, "the user VM has a keyboard and no port of "
		      "VMware's; add to <features>: <vmport state='off'/>", error);
}

gboolean domain_check_proxy(xmlDoc *domain, const struct vsb_ports *ports, GError **error)
{
	const xmlNode *root = xmlDocGetRootElement(domain);
	const xmlNode *devices = element_child(root, "devices");

	if (!check_kvm(root, error) || !check_firmware(root, error))
		return FALSE;
	return !ports || (check_com_ports(devices ? devices : root, ports, error) &&
			  (!vsb_ports_ps2(ports) || check_vmport(root, error)));
}
