/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Linux of a VM: found in its memory by the registers of a vCPU, with its symbols and the
 * layout of its structures, all of which it carries itself.
 */
#ifndef VSB_INTROSPECT_KERNEL_H
#define VSB_INTROSPECT_KERNEL_H

#include "guest.h"
#include "kallsyms.h"
#include "layout.h"

/**
 * struct kernel - one that was found
 * @guest:	memory, with the kernel's own page table; not ours
 * @symbols:	its own
 * @layout:	of its structures
 * @banner:	"Linux version ...", printable
 * @release:	as uname -r
 * @text:	address of its first byte, _text: where it was put
 */
struct kernel {
	struct guest *guest;
	struct kallsyms *symbols;
	struct layout *layout;
	char *banner;
	char *release;
	guint64 text;
};

/* @vcpus: of struct guest_vcpu. Return: NULL: @error. */
struct kernel *kernel_find(struct guest *guest, const GArray *vcpus, GError **error);
void kernel_free(struct kernel *kernel);

/* Return: FALSE with an error that names the symbol that it does not have. */
gboolean kernel_symbol(const struct kernel *kernel, const char *name, guint64 *address,
		       GError **error);

#endif
