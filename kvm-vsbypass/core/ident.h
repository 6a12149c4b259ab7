/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a vCPU of the cloud VM names the user VM that it runs, as L0 sees it.
 */
#ifndef VSB_CORE_IDENT_H
#define VSB_CORE_IDENT_H

#include <linux/types.h>

/**
 * struct vsb_ident - what a vCPU shows at a nested exit. 0: unknown
 * @ept_pointer: of the guest hypervisor
 * @levels:	of the table there, 0: none that we read
 * @root:	its frame
 * @anchor:	a frame that stays with the vCPU of the user VM when the pointer changes
 * @clock:	the user VM's TSC less that of the cloud VM
 * @boots:	has not got far since its reset
 */
struct vsb_ident {
	u64 ept_pointer;
	int levels;
	unsigned long root;
	unsigned long anchor;
	u64 clock;
	bool boots;
};

#endif
