/* SPDX-License-Identifier: GPL-2.0 */
/* What a libvirt domain needs to be a cloud VM or a proxy, beside the element. */
#ifndef VSB_DOMAIN_CHECK_H
#define VSB_DOMAIN_CHECK_H

#include "element.h"
#include "names.h"

#define AGENT_CHANNEL	"org.vsbypass.agent.0"

/*
 * KVM, a CPU with nested virtualization, and where @irq needs it the agent's channel.
 * @agent: set to the path of the channel's socket (transfer full), or NULL: there is none, or
 * libvirt chooses it at the start, so it is not in the XML of a domain that does not run.
 * Return: FALSE with an error that says what to add.
 */
gboolean domain_check(xmlDoc *domain, enum irq_mode irq, char **agent, GError **error);

/* Firmware in which no guest code runs, see rundir.c. */
#define HALT_ROM	"/run/vsbypass/proxy/halt.rom"

/*
 * KVM, and no code of its own. @ports: of its user VM, NULL: not known; the devices behind
 * them. Return: FALSE with an error that says what to add.
 */
gboolean domain_check_proxy(xmlDoc *domain, const struct vsb_ports *ports, GError **error);

#endif
