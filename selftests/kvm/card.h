/* SPDX-License-Identifier: GPL-2.0 */
/* A proxy with a graphics card. */
#ifndef VSB_CARD_H
#define VSB_CARD_H

#include <stdint.h>

#include "vsb.h"

#define VRAM_FRAME	0xe0000
#define VRAM_MIB	2

/* "vm2" with a graphics card, whose memory the VM @vm has. */
struct vsb_create_proxy card_args(int vm);

/* That memory; @flags are KVM's. */
void card_memory(int vm, uint32_t flags);

#endif
