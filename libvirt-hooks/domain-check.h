/* SPDX-License-Identifier: GPL-2.0 */
/* What a libvirt domain needs to be a cloud VM, beside the element. */
#ifndef VSB_DOMAIN_CHECK_H
#define VSB_DOMAIN_CHECK_H

#include "element.h"

#define AGENT_CHANNEL	"org.vsbypass.agent.0"

/*
 * KVM, a CPU with nested virtualization, the agent's channel.
 * @agent: set to the path of the channel's socket (transfer full), or NULL: libvirt
 * chooses it at the start, so it is not in the XML of a domain that does not run.
 * Return: FALSE with an error that says what to add.
 */
gboolean domain_check(xmlDoc *domain, char **agent, GError **error);

#endif
