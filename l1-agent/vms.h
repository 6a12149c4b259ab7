/* SPDX-License-Identifier: GPL-2.0 */
/* The user VMs that vsbypassd told us of, and which QEMU runs each. */
#ifndef VSB_AGENT_VMS_H
#define VSB_AGENT_VMS_H

#include <stdint.h>

#include <glib.h>

#include "monitors.h"

enum vm_state {
	VM_UNKNOWN,
	VM_FOUND,
	VM_MISSING,
	VM_AMBIGUOUS,
	VM_GIVEN,	/* handed back, and forgotten */
	VM_GONE,	/* its QEMU has ended; forgotten */
};

#define VMS_MAX		65536

struct vms;

/* The result of a search, when it is another than before or was asked for. */
typedef void (*vms_report_fn)(uint32_t id, enum vm_state state, void *user);

struct vms *vms_new(const char *const *globs, const char *proc, vms_report_fn report,
		    void *user);
void vms_free(struct vms *vms);
void vms_set(struct vms *vms, uint32_t id, uint64_t l2_gfn, uint64_t l1_gfn);
void vms_forget(struct vms *vms, uint32_t id);
void vms_forget_all(struct vms *vms);
/* Are there commands that QEMU has not answered? Ends by itself, if badly. */
gboolean vms_busy(struct vms *vms);
/*
 * The user VM comes back to its dummy UART and believes this in its IER; it
 * stands still until the report of VM_GIVEN, which comes once it is found. Its
 * lines are not played any more.
 */
void vms_give(struct vms *vms, uint32_t id, unsigned int ier);
void vms_irq(struct vms *vms, uint32_t id, unsigned int gsi, gboolean level);

/* Return: whether the answer to gpa2hva holds an address. */
gboolean vms_parse_hva(const char *text, uint64_t *hva);

#endif
